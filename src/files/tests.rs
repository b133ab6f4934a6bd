use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
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
    write_private(&file, b"one").unwrap();
    write_private(&file, b"two").unwrap();
    assert_eq!(mode(&file), 0o600);
    assert_eq!(read_private(&file, 3).unwrap().unwrap(), b"two");
    assert_eq!(names(&dir), ["f"]);
    assert!(remove(&file).unwrap() && !remove(&file).unwrap());
    assert!(read(&file, 3).unwrap().is_none());
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
        write_private(&link, content).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&target).unwrap(), content);
    }
    let circle = dir.path().join("c");
    symlink("c", &circle).unwrap();
    assert!(matches!(
        write_private(&circle, b""),
        Err(FileError::Io { .. })
    ));
}

#[test]
fn a_new_file_never_replaces_anything() {
    let dir = tempfile::tempdir().unwrap();
    let (file, link) = (dir.path().join("f"), dir.path().join("l"));
    create_private(&file, b"one").unwrap();
    symlink("nowhere", &link).unwrap();
    for path in [&file, &link] {
        let result = create_private(path, b"two");
        assert!(matches!(result, Err(FileError::Exists { .. })));
    }
    assert_eq!(fs::read(&file).unwrap(), b"one");
    assert_eq!(names(dir.path()), ["f", "l"]);
}

#[test]
fn refuses_what_others_can_read_what_is_no_file_and_what_is_too_large() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("f");
    write_private(&file, b"1234").unwrap();
    let result = read(&file, 3);
    assert!(matches!(result, Err(FileError::TooLarge { limit: 3, .. })));
    for exposed in [0o640, 0o604, 0o620] {
        fs::set_permissions(&file, fs::Permissions::from_mode(exposed)).unwrap();
        let result = read_private(&file, 9);
        assert!(matches!(result, Err(FileError::Exposed { mode, .. }) if mode == exposed));
    }
    let result = read_private(dir.path(), 9);
    assert!(matches!(result, Err(FileError::NotAFile { .. })));
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
}
