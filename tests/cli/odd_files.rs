//! Files that are not what they should be: links that lead nowhere, pipes, files that others can read, damaged and
//! oversized ones, and files of a user for whom root acts.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::remotes::{files, link, offer, with_work};
use crate::sandbox::{Ran, Sandbox, binary};
use crate::tool::skip;

const FILE: &str = "home/.config/paseo/remotes.toml";
const VAULT: &str = "home/.local/share/paseo/vault.json";
const SECRETS: &str = "home/.local/share/paseo/secrets";
/// The user and group `nobody`.
const NOBODY: u32 = 65534;

fn chmod(sandbox: &Sandbox, name: &str, mode: u32) {
    fs::set_permissions(sandbox.path(name), Permissions::from_mode(mode)).unwrap();
}

fn pipe(path: &Path) {
    let made = Command::new("mkfifo")
        .args(["-m", "600"])
        .arg(path)
        .status();
    assert!(made.unwrap().success());
}

fn bash(sandbox: &Sandbox, script: &str) -> Ran {
    let mut bash = sandbox.command("bash".as_ref());
    bash.env("PATH", "/usr/bin:/bin")
        .arg("-c")
        .arg(script)
        .arg(binary());
    bash.output().unwrap().into()
}

/// Commands never go to the local daemon because the user's settings are on a disk that is not mounted.
#[test]
fn a_link_that_leads_nowhere_is_an_error_and_no_empty_file() {
    for link in [FILE, "home/.config/paseo"] {
        let sandbox = with_work();
        let moved = sandbox.path("moved");
        fs::rename(sandbox.path(link), &moved).unwrap();
        symlink(&moved, sandbox.path(link)).unwrap();
        assert_eq!(sandbox.run(&["remote", "ls", "-q"]).stdout, "work\n");
        fs::rename(&moved, sandbox.path("unmounted")).unwrap();
        let add = ["remote", "add", "more", "tcp://127.0.0.1:9", "--no-check"];
        let commands: [&[&str]; 6] = [
            &["ls"],
            &["run", "hi"],
            &["remote", "ls"],
            &["config", "check"],
            &["remote", "use", "local"],
            &add,
        ];
        for command in commands {
            let ran = sandbox.run(command);
            assert_eq!(ran.status, 10, "{link}: {command:?}: {ran:?}");
        }
        sandbox.run(&["ls"]).failed(10, "leads nowhere");
        assert!(!moved.exists(), "{link}: nothing was made there");
    }
}

#[test]
fn a_pipe_or_socket_in_place_of_a_file_holds_nobody_up() {
    let mut start = with_work();
    start.set("PASEO_VAULT_PASSPHRASE", "planted-horse");
    let migrated = start.run(&["keystore", "migrate", "--to", "vault"]);
    assert_eq!(migrated.status, 0, "{migrated:?}");
    start.write("home/.config/paseo/more.toml", "version = 1\n");
    let own = start.read(FILE);
    let included = format!("include = [\"more.toml\"]\n{own}");
    let pass = "home/pass";
    for (file, command, status) in [
        (FILE, &["ls"][..], 10),
        (FILE, &["remote", "set", "work", "description=x"], 10),
        ("home/.config/paseo/more.toml", &["remote", "ls"], 10),
        (VAULT, &["-r", "work", "ls"], 10),
        (VAULT, &["keystore", "rekey"], 10),
        ("home/.paseo/config.json", &["daemon", "pair"], 10),
        (pass, &["-r", "work", "ls"], 10),
    ] {
        for socket in [false, true] {
            let mut sandbox = start.copy();
            if file.ends_with("more.toml") {
                sandbox.write(FILE, &included);
            }
            if file == pass {
                sandbox.set("PASEO_VAULT_PASSPHRASE", "");
                sandbox.set(
                    "PASEO_VAULT_PASSPHRASE_FILE",
                    sandbox.path(pass).to_str().unwrap(),
                );
            }
            let path = sandbox.path(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let _ = fs::remove_file(&path);
            let listener = match socket {
                true => Some(std::os::unix::net::UnixListener::bind(&path).unwrap()),
                false => {
                    pipe(&path);
                    None
                }
            };
            let begun = Instant::now();
            let ran = sandbox.run(command);
            ran.failed(status, "is not a regular file");
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "{file}: {command:?}"
            );
            assert!(!fs::symlink_metadata(&path).unwrap().is_file(), "{file}");
            drop(listener);
        }
    }
}

#[test]
fn a_secret_file_of_the_command_line_is_private_or_a_pipe() {
    let sandbox = with_work();
    let lines: [(&str, &[&str]); 2] = [
        (
            "--relay-token",
            &[
                "remote",
                "add",
                "x",
                "offer",
                "--no-check",
                "--again",
                "--relay-token",
            ],
        ),
        (
            "--password-file",
            &["--host", "127.0.0.1:9", "forward", "--password-file"],
        ),
    ];
    sandbox.write("offer", &offer());
    chmod(&sandbox, "offer", 0o600);
    for (flag, line) in lines {
        sandbox.write("secret", "planted-token\n");
        for mode in [0o644, 0o640, 0o604] {
            chmod(&sandbox, "secret", mode);
            let refused = sandbox.run(&[line, &["secret"]].concat());
            refused.failed(10, "secret can be read by others");
            refused.failed(10, "chmod 600");
            refused.says_none_of(&["planted-token"]);
        }
        chmod(&sandbox, "secret", 0o600);
        // The second one comes as far as to a daemon that is not there.
        let done = if flag == "--relay-token" { 0 } else { 6 };
        let ran = sandbox.run(&[line, &["secret"]].concat());
        assert_eq!(ran.status, done, "{flag}: {ran:?}");
        let words = line.join(" ").replace(" x ", " y ");
        let ran = bash(&sandbox, &format!("\"$0\" {words} <(echo planted-token)"));
        assert_eq!(ran.status, done, "{flag}: {ran:?}");
    }
}

#[test]
fn an_offer_that_others_can_read_is_imported_with_a_warning() {
    let sandbox = with_work();
    let warned = |ran: Ran| {
        assert_eq!(ran.status, 0, "{ran:?}");
        ran.stderr.contains("can be read by others")
    };
    sandbox.write("offer", &offer());
    sandbox.write("links", &format!("linked {}\n", link()));
    let add = |name| sandbox.run(&["remote", "add", name, "offer", "--no-check", "--again"]);
    let import = || sandbox.run(&["remote", "import", "links", "--again", "--force"]);
    for (mode, expected) in [(0o644, true), (0o600, false)] {
        chmod(&sandbox, "offer", mode);
        chmod(&sandbox, "links", mode);
        assert_eq!(warned(add(if expected { "a" } else { "b" })), expected);
        assert_eq!(warned(import()), expected);
        let used = sandbox.run(&["--relay", "offer", "ls"]);
        assert_eq!(used.stderr.contains("can be read by others"), expected);
    }
    let script = format!(
        "\"$0\" remote add c <(echo '{}') --no-check --again",
        offer()
    );
    assert!(!warned(bash(&sandbox, &script)));
}

#[test]
fn a_file_never_becomes_larger_than_what_is_read() {
    let sandbox = with_work();
    let own = sandbox.read(FILE);
    let comment = "# ".to_owned() + &"x".repeat(1024 * 1024 - own.len() - 100) + "\n";
    sandbox.write(FILE, &(comment + &own));
    sandbox.write("offer", &offer());
    let before = (sandbox.read(FILE), files(&sandbox, SECRETS));
    let long = format!("description={}", "y".repeat(150));
    let changes: [&[&str]; 3] = [
        &["remote", "set", "work", &long],
        &["remote", "add", "more", "offer", "--no-check", "--again"],
        &[
            "remote",
            "add",
            "far",
            "tcp://127.0.0.1:9?password=planted-pw",
            "--no-check",
        ],
    ];
    for change in changes {
        let refused = sandbox.run(change);
        refused.failed(10, "would become larger than 1048576 bytes");
        assert!(
            before == (sandbox.read(FILE), files(&sandbox, SECRETS)),
            "{change:?}"
        );
    }
    assert_eq!(sandbox.run(&["remote", "ls", "-q"]).stdout, "work\n");
}

#[test]
fn a_damaged_vault_or_file_of_remotes_is_never_written_over() {
    let mut start = with_work();
    start.set("PASEO_VAULT_PASSPHRASE", "planted-horse");
    let migrated = start.run(&["keystore", "migrate", "--to", "vault"]);
    assert_eq!(migrated.status, 0, "{migrated:?}");
    let add = [
        "remote",
        "add",
        "more",
        "home/offer",
        "--no-check",
        "--again",
        "--store",
        "vault",
    ];
    start.write("home/offer", &offer());
    let changes: [&[&str]; 6] = [
        &add,
        &["keystore", "rekey"],
        &["keystore", "passwd"],
        &["keystore", "migrate", "--to", "file"],
        &["keystore", "prune", "--yes"],
        &["remote", "rm", "work"],
    ];
    let whole = start.read(VAULT);
    for (file, damage) in [
        (VAULT, String::new()),
        (VAULT, "\0".repeat(100)),
        (VAULT, whole[..whole.len() / 2].to_owned()),
        (FILE, "\0".repeat(100)),
        (FILE, "version = \n".to_owned()),
    ] {
        let sandbox = start.copy();
        sandbox.write(file, &damage);
        for change in changes {
            let ran = sandbox.run(change);
            assert_eq!(sandbox.read(file), damage, "{change:?}");
            match (file, change) {
                // There is nothing to prune, so the vault is not opened.
                (VAULT, ["keystore", "prune", ..]) => assert_eq!(ran.status, 0, "{ran:?}"),
                (VAULT, _) => ran.failed(9, "is damaged"),
                // These are about the vault alone.
                (_, ["keystore", "rekey" | "passwd"]) => assert_eq!(ran.status, 0, "{ran:?}"),
                _ => ran.failed(10, "remotes.toml:1:"),
            }
        }
    }
}

/// Fails unless everything below a directory belongs to a user.
fn belongs_to(dir: &Path, user: u32) {
    let mut pending: Vec<PathBuf> = vec![dir.to_owned()];
    let mut seen = 0;
    while let Some(path) = pending.pop() {
        let found = fs::symlink_metadata(&path).unwrap();
        assert_eq!(
            (found.uid(), found.gid()),
            (user, user),
            "{}",
            path.display()
        );
        seen += 1;
        if found.is_dir() {
            pending.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        }
    }
    assert!(seen > 8, "{seen}");
}

#[test]
fn root_leaves_everything_to_the_user_whose_home_it_is() {
    if !rustix::process::geteuid().is_root() {
        skip("only root can act for another user");
        return;
    }
    let mut sandbox = Sandbox::new();
    let home = sandbox.path("home");
    std::os::unix::fs::chown(&home, Some(NOBODY), Some(NOBODY)).unwrap();
    sandbox.set("PASEO_VAULT_PASSPHRASE", "planted-horse");
    sandbox.write("offer", &offer());
    let runs: [&[&str]; 7] = [
        &[
            "remote",
            "add",
            "work",
            "offer",
            "--no-check",
            "--store",
            "file",
        ],
        &[
            "remote",
            "add",
            "safe",
            "offer",
            "--no-check",
            "--again",
            "--store",
            "vault",
        ],
        &["remote", "use", "work"],
        &["remote", "set", "work", "description=new"],
        &["keystore", "migrate", "--to", "vault"],
        &["keystore", "rekey"],
        &["remote", "rm", "safe"],
    ];
    for run in runs {
        let ran = sandbox.run(run);
        assert_eq!(ran.status, 0, "{run:?}: {ran:?}");
        belongs_to(&home, NOBODY);
    }
    // A published file stays published, and its owner's.
    chmod(&sandbox, FILE, 0o644);
    assert_eq!(sandbox.run(&["remote", "use", "local"]).status, 0);
    assert_eq!(
        fs::metadata(sandbox.path(FILE)).unwrap().mode() & 0o777,
        0o644
    );
    belongs_to(&home, NOBODY);
    // Commands that only look, or fail to connect, too.
    sandbox.run(&["-r", "work", "ls"]).failed(6, "127.0.0.1:9");
    let _ = sandbox.run(&["doctor"]);
    belongs_to(&home, NOBODY);
}
