use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
#[cfg(target_os = "linux")]
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;
#[cfg(target_os = "linux")]
use std::time::Instant;

use super::*;

/// More than any file of these tests has.
const MANY: u64 = 100;
/// The user and group `nobody`.
const NOBODY: u32 = 65534;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn owner(path: &Path) -> (u32, u32) {
    let found = fs::symlink_metadata(path).unwrap();
    (found.uid(), found.gid())
}

/// Only root can give files to others.
fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        println!("skipped: only root can make files of another user's");
    }
    root
}

/// Makes a pipe with a name; rustix does so on Linux only.
#[cfg(target_os = "linux")]
fn pipe(path: &Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

fn names(dir: &Path) -> Vec<OsString> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name()).collect();
    names.sort();
    names
}

#[test]
fn private_from_birth_and_nothing_left_beside() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("a/b");
    create_private_dir(&dir).unwrap();
    create_private_dir(&dir).unwrap();
    assert_eq!((mode(&dir), mode(dir.parent().unwrap())), (0o700, 0o700));
    let file = dir.join("f");
    write_private(&file, b"one", 3).unwrap();
    write_private(&file, b"two", 3).unwrap();
    assert_eq!(mode(&file), 0o600);
    assert_eq!(read_private(&file, 3).unwrap().unwrap(), b"two");
    assert_eq!(names(&dir), ["f"]);
    assert!(remove(&file).unwrap() && !remove(&file).unwrap());
    assert!(read(&file, 3).unwrap().is_none());
    assert!(create_private_dir(&dir.join("g")).is_ok());
    write_private(&file, b"", 0).unwrap();
    assert!(create_private_dir(&file).is_err());
}

#[test]
fn what_could_not_be_read_is_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("f");
    for write in [write_private, rewrite, create_private] {
        let refused = write(&file, b"1234", 3);
        assert!(matches!(
            refused,
            Err(FileError::WouldBeTooLarge { limit: 3, .. })
        ));
        assert!(names(dir.path()).is_empty());
    }
    write_private(&file, b"123", 3).unwrap();
    assert_eq!(read(&file, 3).unwrap().unwrap(), b"123");
}

#[test]
fn removing_takes_what_killed_writers_left() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["f", ".f.1aB.tmp", ".f.tmp", ".ff.1.tmp", ".f.1", "f.1.tmp"] {
        fs::write(dir.path().join(name), "").unwrap();
    }
    assert!(remove(&dir.path().join("f")).unwrap());
    assert_eq!(names(dir.path()), [".f.1", ".ff.1.tmp", "f.1.tmp"]);
    assert_eq!(
        staged_in(dir.path()).unwrap(),
        [dir.path().join(".ff.1.tmp")]
    );
    sweep_dir(dir.path()).unwrap();
    assert_eq!(names(dir.path()), [".f.1", "f.1.tmp"]);
    assert!(staged_in(&dir.path().join("none")).unwrap().is_empty());
}

#[test]
fn writes_through_links_also_dangling_ones() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("dotfiles")).unwrap();
    let (link, target) = (dir.path().join("l"), dir.path().join("dotfiles/f"));
    symlink("l2", &link).unwrap();
    symlink("dotfiles/f", dir.path().join("l2")).unwrap();
    for content in [b"new", b"old"] {
        write_private(&link, content, MANY).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&target).unwrap(), content);
    }
    let circle = dir.path().join("c");
    symlink("c", &circle).unwrap();
    assert!(matches!(
        write_private(&circle, b"", MANY),
        Err(FileError::Io { .. })
    ));
}

#[test]
fn a_new_file_never_replaces_anything() {
    let dir = tempfile::tempdir().unwrap();
    let (file, link) = (dir.path().join("f"), dir.path().join("l"));
    create_private(&file, b"one", MANY).unwrap();
    symlink("nowhere", &link).unwrap();
    for path in [&file, &link] {
        let result = create_private(path, b"two", MANY);
        assert!(matches!(result, Err(FileError::Exists { .. })));
        let result = export(path, b"two", false);
        assert!(matches!(result, Err(FileError::Exists { .. })));
    }
    assert_eq!(fs::read(&file).unwrap(), b"one");
    assert_eq!(names(dir.path()), ["f", "l"]);
}

#[test]
fn refuses_what_others_can_read_what_is_no_file_and_what_is_too_large() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("f");
    write_private(&file, b"1234", MANY).unwrap();
    let result = read(&file, 3);
    assert!(matches!(result, Err(FileError::TooLarge { limit: 3, .. })));
    for exposed in [0o640, 0o604, 0o620] {
        chmod(&file, exposed);
        for read in [read_private, read_given_private] {
            let result = read(&file, 9);
            assert!(matches!(result, Err(FileError::Exposed { mode, .. }) if mode == exposed));
        }
        assert_eq!(super::exposed(&file), Some(exposed));
    }
    chmod(&file, 0o400);
    assert_eq!(super::exposed(&file), None);
    let result = read_private(dir.path(), 9);
    assert!(matches!(result, Err(FileError::NotAFile { .. })));
}

#[test]
#[cfg(target_os = "linux")]
fn a_pipe_socket_or_device_in_place_of_a_file_is_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let (fifo, socket) = (dir.path().join("fifo"), dir.path().join("socket"));
    pipe(&fifo);
    let _listener = UnixListener::bind(&socket).unwrap();
    let start = Instant::now();
    for path in [&fifo, &socket, Path::new("/dev/zero"), dir.path()] {
        for read in [read, read_private] {
            let result = read(path, MANY);
            assert!(
                matches!(result, Err(FileError::NotAFile { .. })),
                "{path:?}"
            );
        }
        let over = |path: &Path, content: &[u8], _| export(path, content, true);
        for write in [write_private, rewrite, over] {
            let result = write(path, b"", MANY);
            assert!(
                matches!(result, Err(FileError::NotAFile { .. })),
                "{path:?}"
            );
        }
    }
    for path in [&socket, dir.path()] {
        let result = read_given(path, MANY);
        assert!(
            matches!(result, Err(FileError::NotAFile { .. })),
            "{path:?}"
        );
    }
    assert!(start.elapsed() < Duration::from_secs(10));
    assert_eq!(names(dir.path()), ["fifo", "socket"]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_pipe_that_the_command_line_names_is_read_to_its_end_its_limit_or_a_deadline() {
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("fifo");
    pipe(&fifo);
    let written = |text: &'static str, limit: u64| {
        std::thread::scope(|scope| {
            // Opened for reading only by the reader, so this waits until somebody reads.
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(50));
                // The reader may have had enough.
                let _ = fs::write(&fifo, text);
            });
            read_given_private(&fifo, limit)
        })
    };
    assert_eq!(written("secret", MANY).unwrap().unwrap(), b"secret");
    let result = written("secret", 3);
    assert!(matches!(result, Err(FileError::TooLarge { .. })));
    let result = read_given(Path::new("/dev/zero"), MANY);
    assert!(matches!(result, Err(FileError::TooLarge { .. })));
    assert!(
        read_given(Path::new("/dev/null"), MANY)
            .unwrap()
            .unwrap()
            .is_empty()
    );
    let silent = open_given(&fifo).unwrap().unwrap();
    let result = read::pipe::within(silent, &fifo, MANY, Duration::from_millis(30));
    assert!(matches!(result, Err(FileError::Silent { .. })));
    chmod(&fifo, 0o644);
    let result = read_given_private(&fifo, MANY);
    assert!(matches!(result, Err(FileError::Exposed { .. })));
}

#[test]
fn a_link_that_leads_nowhere_is_no_absent_file() {
    let dir = tempfile::tempdir().unwrap();
    let (link, above) = (dir.path().join("l"), dir.path().join("d"));
    symlink("nowhere", &link).unwrap();
    symlink("not-mounted", &above).unwrap();
    let absent = dir.path().join("deep/er/f");
    assert!(read(&absent, MANY).unwrap().is_none());
    for (path, culprit) in [(&link, &link), (&above.join("f"), &above)] {
        for read in [read, read_private] {
            let result = read(path, MANY);
            assert!(matches!(result, Err(FileError::Dangling { path }) if path == *culprit));
        }
    }
    fs::create_dir(dir.path().join("not-mounted")).unwrap();
    assert!(read(&above.join("f"), MANY).unwrap().is_none());
}

#[test]
fn the_mode_of_a_public_file_stays_and_that_of_a_private_one_is_private() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("f");
    rewrite(&file, b"new", MANY).unwrap();
    assert_eq!(mode(&file), 0o600);
    for kept in [0o644, 0o660, 0o400] {
        chmod(&file, kept);
        rewrite(&file, b"again", MANY).unwrap();
        assert_eq!(mode(&file), kept);
    }
    chmod(&file, 0o644);
    write_private(&file, b"secret", MANY).unwrap();
    assert_eq!(mode(&file), 0o600);
    chmod(&file, 0o644);
    export(&file, b"secret", true).unwrap();
    assert_eq!(mode(&file), 0o600);
}

#[test]
fn what_root_writes_for_another_user_belongs_to_that_user() {
    if !is_root() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let theirs = (NOBODY, NOBODY);
    let give = |path: &Path| std::os::unix::fs::lchown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    // A file that is replaced, in a directory of root's.
    let file = dir.path().join("f");
    for write in [write_private, rewrite] {
        fs::write(&file, "").unwrap();
        give(&file);
        write(&file, b"new", MANY).unwrap();
        assert_eq!(owner(&file), theirs);
    }
    // The user's own choice of a file, and not what root saves there.
    export(&file, b"new", true).unwrap();
    assert_eq!(owner(&file), (0, 0));
    // New ones, in a directory of theirs.
    let home = dir.path().join("home");
    fs::create_dir(&home).unwrap();
    give(&home);
    create_private_dir(&home.join("a/b")).unwrap();
    write_private(&home.join("a/b/private"), b"", MANY).unwrap();
    rewrite(&home.join("a/b/public"), b"", MANY).unwrap();
    create_private(&home.join("a/b/created"), b"", MANY).unwrap();
    drop(Lock::acquire(&home.join("a/b/lock"), Duration::ZERO).unwrap());
    for made in [
        "a",
        "a/b",
        "a/b/private",
        "a/b/public",
        "a/b/created",
        "a/b/lock",
    ] {
        assert_eq!(owner(&home.join(made)), theirs, "{made}");
    }
    export(&home.join("saved"), b"", false).unwrap();
    assert_eq!(owner(&home.join("saved")), (0, 0));
    // A lock that is there stays whose it is.
    let lock = home.join("old.lock");
    fs::write(&lock, "").unwrap();
    drop(Lock::acquire(&lock, Duration::ZERO).unwrap());
    assert_eq!(owner(&lock), (0, 0));
}

#[test]
fn a_link_of_another_user_leads_root_to_that_users_files_only() {
    if !is_root() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("home");
    fs::create_dir(&home).unwrap();
    let give = |path: &Path| std::os::unix::fs::lchown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    give(&home);
    let (link, roots, theirs) = (home.join("l"), dir.path().join("shadow"), home.join("f"));
    fs::write(&roots, "precious").unwrap();
    symlink(&roots, &link).unwrap();
    give(&link);
    let result = write_private(&link, b"new", MANY);
    assert!(matches!(result, Err(FileError::Foreign { .. })));
    fs::remove_file(&roots).unwrap();
    let result = write_private(&link, b"new", MANY);
    assert!(matches!(result, Err(FileError::Foreign { .. })));
    fs::remove_file(&link).unwrap();
    symlink("f", &link).unwrap();
    give(&link);
    for _ in 0..2 {
        write_private(&link, b"new", MANY).unwrap();
        assert_eq!(owner(&theirs), (NOBODY, NOBODY));
    }
}

#[test]
fn a_damaged_file_is_set_aside_and_never_over_another() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("f");
    let mut aside: Vec<PathBuf> = Vec::new();
    for n in 0..9 {
        fs::write(&file, n.to_string()).unwrap();
        aside.push(set_aside(&file).unwrap());
        assert!(!file.exists());
    }
    assert_eq!(aside[0], dir.path().join("f.damaged"));
    assert_eq!(aside[8], dir.path().join("f.damaged-9"));
    for (n, path) in aside.iter().enumerate() {
        assert_eq!(fs::read_to_string(path).unwrap(), n.to_string());
    }
    fs::write(&file, "one too many").unwrap();
    assert!(set_aside(&file).is_err() && file.exists());
    assert_eq!(damaged_in(dir.path()).len(), 9);
}

#[test]
fn a_lock_excludes_until_dropped_and_waits_no_longer_than_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(".lock");
    let held = Lock::acquire(&path, Duration::ZERO).unwrap();
    let result = Lock::acquire(&path, Duration::from_millis(30));
    assert!(matches!(result, Err(FileError::Locked { .. })));
    let waiting = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| Lock::acquire(&path, Duration::from_secs(30)));
        drop(held);
        waiting.join().unwrap()
    });
    assert!(waiting.is_ok());
    assert_eq!(mode(&path), 0o600);
}
