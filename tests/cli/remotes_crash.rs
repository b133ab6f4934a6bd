//! What is left of `remotes.toml` and the secrets when a command is killed, or when two run at once.

use std::process::Stdio;

use crate::completion::is_missing;
use crate::remotes::{files, link, offer, with_work};
use crate::sandbox::{Ran, Sandbox, binary};

/// Kills the binary at the `n`th system call that changes a file; returns whether it got that far.
pub(crate) fn killed_at(sandbox: &Sandbox, n: usize, args: &[&str]) -> bool {
    const CALLS: &str =
        "openat,write,fsync,fdatasync,rename,renameat2,unlink,unlinkat,mkdir,flock,linkat";
    let mut strace = sandbox.command("strace".as_ref());
    let status = strace
        .env("PATH", "/usr/bin:/bin")
        .args(["-f", "-qq", "-o", "/dev/null", "-e"])
        .arg(format!("trace={CALLS}"))
        .arg("-e")
        .arg(format!("inject={CALLS}:signal=KILL:when={n}"))
        .arg(binary())
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    !status.success()
}

pub(crate) fn names(sandbox: &Sandbox) -> String {
    let listed = sandbox.run(&["remote", "ls", "-q"]);
    assert_eq!(listed.status, 0, "the file is always valid: {listed:?}");
    listed.stdout
}

/// How many secrets there are, and how many of them are noted as left behind.
fn secrets(sandbox: &Sandbox) -> (usize, usize) {
    let noted = files(sandbox, "home/.local/state/paseo/unfinished");
    let noted: Vec<String> = noted
        .iter()
        .map(|(path, _)| path.rsplit('/').next().unwrap().to_owned())
        .collect();
    let stored = files(sandbox, "home/.local/share/paseo/secrets");
    let stored = stored.iter().filter(|(path, _)| !path.ends_with(".tmp"));
    let stored: Vec<&str> = stored
        .map(|(path, _)| path.rsplit('/').next().unwrap())
        .collect();
    let orphans = stored
        .iter()
        .filter(|id| noted.iter().any(|note| note == *id));
    (stored.len(), orphans.count())
}

/// Fails when a secret is stored that no remote has and `doctor` does not name. `used` is how many secrets
/// the remotes have.
pub(crate) fn only_named_orphans(sandbox: &Sandbox, used: usize, step: usize) {
    let (stored, _) = secrets(sandbox);
    assert!(stored >= used, "step {step}: a secret is lost");
    let report = sandbox.run(&["doctor", "--json"]).stdout;
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let checks = report.as_array().unwrap();
    let check = checks.iter().find(|check| check["check"] == "leftovers");
    let named = check.unwrap()["detail"].to_string().matches("r_").count();
    assert!(named >= stored - used, "step {step}: {check:?}");
}

/// Fails when there is any other secret than so many, a note, or a file that was being written.
pub(crate) fn nothing_left(sandbox: &Sandbox, used: usize, step: usize) {
    for (dir, expected) in [("share/paseo/secrets", used), ("state/paseo/unfinished", 0)] {
        let left = files(sandbox, &format!("home/.local/{dir}"));
        let left: Vec<&String> = left.iter().map(|(path, _)| path).collect();
        assert_eq!(left.len(), expected, "step {step}: {left:?}");
    }
    let config = files(sandbox, "home/.config/paseo");
    let staged: Vec<_> = config
        .iter()
        .filter(|(path, _)| path.ends_with(".tmp"))
        .collect();
    assert!(staged.is_empty(), "step {step}: {staged:?}");
}

/// Runs a command once for each place where it can be killed, and looks at what is left.
fn at_every_step(before: &str, after: &str, args: &[&str]) {
    if is_missing("strace") {
        return;
    }
    let (mut old, mut new) = (0, 0);
    for n in 1.. {
        let sandbox = with_work();
        sandbox.write("offer", &link());
        let killed = killed_at(&sandbox, n, args);
        let found = names(&sandbox);
        match found.as_str() {
            found if found == before => old += 1,
            found if found == after => new += 1,
            other => panic!("killed at step {n}: {other}"),
        }
        let (stored, noted) = secrets(&sandbox);
        let used = found.lines().count();
        assert!(stored >= used, "step {n}: the secret of a remote is lost");
        assert!(
            stored - used <= noted,
            "step {n}: a secret is left and not noted: {:?}",
            files(&sandbox, "home/.local"),
        );
        // The next change takes away what is left.
        let add = ["remote", "add", "next", "-", "--no-check", "--again"];
        assert_eq!(sandbox.run_with(&add, &offer()).status, 0);
        assert_eq!(secrets(&sandbox), (used + 1, 0), "step {n}");
        if !killed {
            break;
        }
    }
    assert!(old > 5 && new > 1, "{old} {new}");
}

#[test]
fn add_killed_at_every_step_loses_nothing() {
    let args = ["remote", "add", "more", "offer", "--no-check", "--again"];
    at_every_step("work\n", "more\nwork\n", &args);
}

#[test]
fn rm_killed_at_every_step_loses_nothing() {
    at_every_step("work\n", "", &["remote", "rm", "work"]);
}

/// An offer of the same relay with another key.
fn other_link() -> String {
    let other = paseo::e2ee::SecretKey::generate().public_key().to_base64();
    let json = offer().replace(crate::remotes::KEY, &other);
    format!(
        "#offer={}",
        base64_simd::URL_SAFE_NO_PAD.encode_to_string(json)
    )
}

#[test]
fn repair_shows_a_new_key_and_takes_it_only_when_told() {
    let sandbox = with_work();
    sandbox.write("offer", &other_link());
    let repair = ["remote", "repair", "work", "offer", "--no-check"];
    let refused = sandbox.run(&repair);
    refused.failed(5, "the offer is of another key: SHA256:");
    refused.failed(5, "not SHA256:kVcB");
    assert_eq!(sandbox.run(&[&repair[..], &["--yes"]].concat()).status, 0);
    sandbox.run(&["-r", "work", "ls"]).failed(6, "127.0.0.1:9");
    // The same key again needs no question.
    let same = sandbox.run(&repair);
    assert!(
        same.status == 0 && same.stdout.contains("the key is the same"),
        "{same:?}"
    );
    assert_eq!(secrets(&sandbox), (1, 0));
}

#[test]
fn repair_killed_at_every_step_leaves_a_remote_that_works() {
    if is_missing("strace") {
        return;
    }
    for n in 1.. {
        let sandbox = with_work();
        sandbox.write("offer", &other_link());
        let killed = killed_at(
            &sandbox,
            n,
            &["remote", "repair", "work", "offer", "--no-check", "--yes"],
        );
        // So far it comes only when file and store agree about the key.
        sandbox.run(&["-r", "work", "ls"]).failed(6, "127.0.0.1:9");
        let (stored, noted) = secrets(&sandbox);
        assert!(
            stored - 1 <= noted,
            "step {n}: a secret is left and not noted"
        );
        if !killed {
            assert!(n > 10, "only {n} steps");
            break;
        }
    }
}

#[test]
fn writers_at_once_lose_nothing() {
    let sandbox = with_work();
    let names_there: Vec<String> = (0..8).map(|n| format!("r{n}")).collect();
    std::thread::scope(|scope| {
        let add = |name: &String| {
            let args = ["remote", "add", name, "-", "--no-check", "--again"];
            sandbox.run_with(&args, &offer())
        };
        let running: Vec<_> = names_there
            .iter()
            .map(|name| scope.spawn(move || add(name)))
            .collect();
        let all: Vec<Ran> = running.into_iter().map(|run| run.join().unwrap()).collect();
        assert!(all.iter().all(|ran| ran.status == 0), "{all:?}");
    });
    assert_eq!(names(&sandbox), names_there.join("\n") + "\nwork\n");
    assert_eq!(secrets(&sandbox), (9, 0));
}

#[test]
fn a_directory_that_cannot_be_written_is_an_error_and_leaves_no_secret() {
    let mut sandbox = Sandbox::new();
    sandbox.set("PASEO_KEYSTORE", "file");
    // Not even root makes files there.
    sandbox.set("PASEO_CONFIG_DIR", "/proc");
    assert_eq!(names(&sandbox), "");
    let refused = sandbox.run_with(&["remote", "add", "work", "-", "--no-check"], &offer());
    refused.failed(10, "cannot lock /proc/.remotes.lock");
    assert_eq!(secrets(&sandbox), (0, 0));
}

#[test]
fn the_file_is_written_through_a_link() {
    let sandbox = with_work();
    let (link, target) = (
        sandbox.path("home/.config/paseo/remotes.toml"),
        sandbox.path("dotfiles.toml"),
    );
    std::fs::rename(&link, &target).unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    assert_eq!(sandbox.run(&["remote", "use", "work"]).status, 0);
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(sandbox.read("dotfiles.toml").contains("default = \"work\""));
}
