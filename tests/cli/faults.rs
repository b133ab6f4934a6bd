//! A disk that is full or broken: each write, sync and rename of a command fails once, and what is left is the
//! old state or the new one, with every secret that the file names.

use std::process::Stdio;

use crate::crash::{orphans, strace};
use crate::remotes::{link, offer, with_work};
use crate::sandbox::{Sandbox, binary};
use crate::tool::is_missing;

const FILE: &str = "home/.config/paseo/remotes.toml";
const VAULT: &str = "home/.local/share/paseo/vault.json";
/// A secret that nothing in the file has.
const UNUSED: &str = "home/.local/share/paseo/secrets/r_aaaaaaaaaaaaaaaa";
/// Each call that changes a file, and what it fails with.
const FAULTS: [(&str, &str); 6] = [
    ("openat", "ENOSPC"),
    ("write", "ENOSPC"),
    ("fsync", "EIO"),
    ("rename", "EIO"),
    ("renameat2", "EIO"),
    ("linkat", "ENOSPC"),
];

/// A call that fails: the how manieth of its kind, and its line in the trace.
struct Fault {
    call: &'static str,
    errno: &'static str,
    nth: usize,
    line: String,
}

/// What one fault has led to.
struct After {
    sandbox: Sandbox,
    status: i32,
    stderr: String,
    fault: Fault,
}

/// Returns the calls of a command that can fail, as they are in a run where none does.
fn faults(start: &Sandbox, args: &[&str]) -> Vec<Fault> {
    let sandbox = start.copy();
    let log = sandbox.path("trace");
    let calls: Vec<&str> = FAULTS.iter().map(|(call, _)| *call).collect();
    let mut traced = strace(&sandbox, &calls.join(","));
    traced.arg("-o").arg(&log).arg(binary()).args(args);
    assert!(traced.status().unwrap().success(), "{args:?}");
    let trace = std::fs::read_to_string(&log).unwrap();
    let mut found = Vec::new();
    for (call, errno) in FAULTS {
        let made = trace
            .lines()
            .filter(|line| line.starts_with(&format!("{call}(")));
        for (n, line) in made.enumerate() {
            let changes = match call {
                "openat" => line.contains("O_CREAT"),
                "write" => !line.starts_with("write(1,") && !line.starts_with("write(2,"),
                _ => true,
            };
            if changes && !line.contains("EEXIST") {
                found.push(Fault {
                    call,
                    errno,
                    nth: n + 1,
                    line: line.to_owned(),
                });
            }
        }
    }
    assert!(!found.is_empty(), "{args:?}: {trace}");
    found
}

/// Runs a command once for each of its calls, which fails then. `text` names the file that decides whether the
/// old state is there or the new one.
fn each_fails(start: &Sandbox, args: &[&str], decides: &str, judge: impl Fn(&After, bool)) {
    if is_missing("strace") {
        return;
    }
    let old = std::fs::read(start.path(decides)).ok();
    let mut states = Vec::new();
    for fault in faults(start, args) {
        let sandbox = start.copy();
        let Fault {
            call,
            errno,
            nth,
            line,
        } = &fault;
        let mut traced = strace(&sandbox, call);
        traced.args([
            "-e",
            &format!("inject={call}:error={errno}:when={nth}"),
            "-o",
        ]);
        traced.arg("/dev/null").arg(binary()).args(args);
        let ran = traced.stderr(Stdio::piped()).output().unwrap();
        let stderr = String::from_utf8(ran.stderr).unwrap();
        let status = ran.status.code();
        let status = status.unwrap_or_else(|| panic!("{args:?}: {line}: {stderr}"));
        // Fails when the file names a secret that is gone.
        let left = orphans(&sandbox);
        let written: Vec<_> = left.iter().filter(|name| name.ends_with(".tmp")).collect();
        assert!(written.is_empty(), "{args:?}: {line}: {left:?}");
        let new = std::fs::read(sandbox.path(decides)).ok() != old;
        if status == 0 {
            assert!(new, "{args:?}: {line}: it said that all is well");
        }
        if let Ok(text) = std::fs::read_to_string(sandbox.path(FILE)) {
            assert!(
                text.parse::<toml::Table>().is_ok(),
                "{args:?}: {line}: {text}"
            );
        }
        states.push(new);
        judge(
            &After {
                sandbox,
                status,
                stderr,
                fault,
            },
            new,
        );
    }
    assert!(states.contains(&true), "{args:?}");
}

/// The sync of the directory after the rename of `remotes.toml` fails: the new file is in place.
fn is_unconfirmed(after: &After) -> bool {
    after.stderr.contains("the disk did not confirm it")
}

#[test]
fn every_change_of_remotes_survives_every_fault() {
    if is_missing("strace") {
        return;
    }
    let start = with_work();
    start.write("home/offer", &offer());
    start.write(
        "home/list",
        &format!(
            "work {}\ntwo tcp://127.0.0.1:9?password=planted-pw\n",
            link()
        ),
    );
    let changes: [&[&str]; 7] = [
        &[
            "remote",
            "add",
            "more",
            "home/offer",
            "--no-check",
            "--again",
        ],
        &["remote", "rm", "work"],
        &["remote", "rename", "work", "office"],
        &["remote", "set", "work", "description=new"],
        &["remote", "use", "work"],
        &["remote", "import", "home/list", "--force"],
        &["remote", "repair", "work", "home/offer", "--no-check"],
    ];
    for args in changes {
        let mut unconfirmed = 0;
        let seen = std::cell::RefCell::new(&mut unconfirmed);
        each_fails(&start, args, FILE, |after, new| {
            let what = format!("{args:?}: {}", after.fault.line);
            if is_unconfirmed(after) && after.stderr.contains("remotes.toml") {
                assert!(new, "{what}");
                assert_eq!(after.status, 10, "{what}: {}", after.stderr);
                **seen.borrow_mut() += 1;
                // The secrets of both files are there until the next change.
                let left = orphans(&after.sandbox);
                let next = ["remote", "add", "next", "tcp://127.0.0.1:9", "--no-check"];
                let next = after.sandbox.run(&next);
                assert_eq!(next.status, 0, "{what}: {next:?}");
                let now = orphans(&after.sandbox);
                assert!(now.is_empty(), "{what}: {left:?} and then {now:?}");
            }
        });
        assert_eq!(unconfirmed, 1, "{args:?}");
    }
}

#[test]
fn every_change_of_the_stores_survives_every_fault() {
    let mut start = with_work();
    start.set("PASEO_VAULT_PASSPHRASE", "planted-horse");
    each_fails(
        &start,
        &["keystore", "migrate", "--to", "vault"],
        FILE,
        |_, _| {},
    );
    let migrated = start.run(&["keystore", "migrate", "--to", "vault"]);
    assert_eq!(migrated.status, 0, "{migrated:?}");
    each_fails(&start, &["keystore", "rekey"], VAULT, |after, new| {
        if new {
            let ran = after.sandbox.run(&["-r", "work", "ls"]);
            ran.failed(6, "127.0.0.1:9");
        }
    });
    // Nothing in the file has this one.
    start.write(UNUSED, "x");
    each_fails(&start, &["keystore", "prune", "--yes"], UNUSED, |_, _| {});
}

/// Whatever fails, the vault opens: with the new passphrase where it is another file.
#[test]
fn a_new_passphrase_survives_every_fault() {
    let mut start = with_work();
    let asking = "#!/bin/sh\ncase $1 in New*|The*) cat home/new;; *) cat home/old;; esac\n";
    start.write("home/ask", asking);
    start.write("home/old", "long horse stall\n");
    start.write("home/new", "long horse stall\n");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(start.path("home/ask"), mode).unwrap();
    start.set("PASEO_ASKPASS", "./home/ask");
    start.set("PATH", "/usr/bin:/bin");
    let migrated = start.run(&["keystore", "migrate", "--to", "vault"]);
    assert_eq!(migrated.status, 0, "{migrated:?}");
    start.write("home/new", "long staple stall\n");
    each_fails(&start, &["keystore", "passwd"], VAULT, |after, new| {
        if new {
            after.sandbox.write("home/old", "long staple stall\n");
            let ran = after.sandbox.run(&["-r", "work", "ls"]);
            ran.failed(6, "127.0.0.1:9");
        }
    });
}
