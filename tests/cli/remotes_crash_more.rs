//! What is left when a command is killed that changes only the file, or the key of a recipient, or the vault.

use crate::completion::is_missing;
use crate::remotes::{files, with_work};
use crate::remotes_crash::{killed_at, nothing_left, only_named_orphans};
use crate::sandbox::Sandbox;

const FILE: &str = "home/.config/paseo/remotes.toml";

fn ran(sandbox: &Sandbox, args: &[&str]) -> String {
    let ran = sandbox.run(args);
    assert_eq!(ran.status, 0, "{args:?}: {ran:?}");
    ran.stdout
}

/// Everything that the file says but the random ids of secrets.
fn said(sandbox: &Sandbox) -> String {
    let text = sandbox.read(FILE);
    let lines = text.lines().filter(|line| !line.contains("r_"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Runs a command on a copy of a sandbox once for each place where it can be killed: the file says what it
/// said before, or what it says after a run that was not killed, and `secrets` secrets are not lost.
fn at_every_step(
    start: &Sandbox,
    args: &[&str],
    secrets: (usize, usize),
    works: impl Fn(&Sandbox, bool),
) {
    let whole = start.copy();
    ran(&whole, args);
    let (old, new) = (said(start), said(&whole));
    let (mut before, mut after) = (0, 0);
    for n in 1.. {
        let sandbox = start.copy();
        let killed = killed_at(&sandbox, n, args);
        let found = said(&sandbox);
        let is_new = found != old || (old == new && sandbox.read(FILE) != start.read(FILE));
        assert!(found == old || found == new, "{args:?}, step {n}: {found}");
        match is_new {
            true => after += 1,
            false => before += 1,
        }
        works(&sandbox, is_new);
        let used = if is_new { secrets.1 } else { secrets.0 };
        only_named_orphans(&sandbox, used, n);
        // The next change takes away what is left.
        ran(
            &sandbox,
            &[
                "remote",
                "block",
                "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            ],
        );
        ran(
            &sandbox,
            &["remote", "add", "next", "tcp://127.0.0.1:9", "--no-check"],
        );
        nothing_left(&sandbox, used, n);
        if !killed {
            break;
        }
    }
    assert!(before > 3 && after > 0, "{args:?}: {before} {after}");
}

/// The relay of the offer does not listen: so far it comes only with the secret.
fn reaches(sandbox: &Sandbox, name: &str) {
    sandbox.run(&["-r", name, "ls"]).failed(6, "127.0.0.1:9");
}

#[test]
fn changes_of_the_file_killed_at_every_step_are_whole_or_not_at_all() {
    if is_missing("strace") {
        return;
    }
    let start = with_work();
    ran(&start, &["remote", "use", "work"]);
    ran(&start, &["remote", "set", "work", "tags=a,b", "cwd=/src"]);
    // The default follows in the same step.
    at_every_step(
        &start,
        &["remote", "rename", "work", "office"],
        (1, 1),
        |sandbox, renamed| {
            reaches(sandbox, if renamed { "office" } else { "work" });
            let short = ran(sandbox, &["which", "--short"]);
            assert_eq!(short, if renamed { "office\n" } else { "work\n" });
        },
    );
    let set = [
        "remote",
        "set",
        "work",
        "description=x",
        "tags=c",
        "connect_timeout=3s",
    ];
    at_every_step(&start, &set, (1, 1), |sandbox, _| reaches(sandbox, "work"));
    let unset = ["remote", "unset", "work", "tags", "cwd"];
    at_every_step(&start, &unset, (1, 1), |sandbox, _| {
        reaches(sandbox, "work")
    });
}

#[test]
fn a_token_and_settings_are_set_together_or_not_at_all() {
    if is_missing("strace") {
        return;
    }
    let start = with_work();
    start.write("home/token", "planted-token\n");
    let set = [
        "remote",
        "set",
        "work",
        "description=x",
        "--relay-token",
        "home/token",
    ];
    at_every_step(&start, &set, (1, 1), |sandbox, set| {
        let kept = files(sandbox, "home/.local/share/paseo/secrets");
        let has_token =
            |(_, item): &(String, Vec<u8>)| String::from_utf8_lossy(item).contains("planted-token");
        assert!(!set || kept.iter().any(has_token));
        reaches(sandbox, "work");
    });
}

#[test]
fn a_recipient_gets_another_key_or_keeps_its_own() {
    if is_missing("strace") {
        return;
    }
    let start = with_work();
    ran(&start, &["remote", "recipient"]);
    at_every_step(
        &start,
        &["remote", "recipient", "--new"],
        (2, 2),
        |sandbox, _| {
            let printed = ran(sandbox, &["remote", "recipient", "--json"]);
            assert!(printed.contains("paseo-recipient:"), "{printed}");
        },
    );
}

#[test]
fn the_vault_has_the_old_passphrase_or_the_new_one_and_opens_with_it() {
    if is_missing("strace") {
        return;
    }
    let mut start = with_work();
    let asking = "#!/bin/sh\ncase $1 in New*|The*) cat new;; *) cat old;; esac\n";
    start.write("ask", asking);
    start.write("old", "horse\n");
    start.write("new", "horse\n");
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(start.path("ask"), mode).unwrap();
    start.set("PASEO_ASKPASS", "./ask");
    start.set("PATH", "/usr/bin:/bin");
    ran(&start, &["keystore", "migrate", "--to", "vault"]);
    start.write("new", "staple\n");
    let (mut old, mut new) = (0, 0);
    for n in 1.. {
        let sandbox = start.copy();
        for name in ["ask", "old", "new"] {
            std::fs::copy(start.path(name), sandbox.path(name)).unwrap();
        }
        let killed = killed_at(&sandbox, n, &["keystore", "passwd"]);
        let opens = |passphrase: &str| {
            sandbox.write("old", passphrase);
            sandbox.run(&["-r", "work", "ls"]).status == 6
        };
        match (opens("horse\n"), opens("staple\n")) {
            (true, false) => old += 1,
            (false, true) => new += 1,
            both => panic!("step {n}: {both:?}"),
        }
        if !killed {
            break;
        }
    }
    assert!(old > 3 && new > 0, "{old} {new}");
}
