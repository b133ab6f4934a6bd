//! What is left when a command is killed that changes only the file, or the key of a recipient, or the vault.

use crate::crash::{State, kill_at_each_step};
use crate::remotes::{files, with_work};
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

/// Kills a command at every step: the file says what it said before, or what it says after a run that was not
/// killed; and `works` each time.
fn old_or_new(start: &Sandbox, args: &[&str], works: impl Fn(&Sandbox, State)) {
    let whole = start.copy();
    ran(&whole, args);
    let (old, new) = (said(start), said(&whole));
    kill_at_each_step(start, args, |sandbox, step| {
        let found = said(sandbox);
        assert!(found == old || found == new, "{step:?}: {found}");
        let state = match sandbox.read(FILE) == start.read(FILE) {
            true => State::Old,
            false => State::New,
        };
        works(sandbox, state);
        state
    });
}

/// The relay of the offer does not listen: so far it comes only with the secret.
fn reaches(sandbox: &Sandbox, name: &str) {
    sandbox.run(&["-r", name, "ls"]).failed(6, "127.0.0.1:9");
}

#[test]
fn changes_of_the_file_killed_at_every_step_are_whole_or_not_at_all() {
    let start = with_work();
    ran(&start, &["remote", "use", "work"]);
    ran(&start, &["remote", "set", "work", "tags=a,b", "cwd=/src"]);
    // The default follows in the same step.
    old_or_new(
        &start,
        &["remote", "rename", "work", "office"],
        |sandbox, state| {
            let name = if state == State::New {
                "office"
            } else {
                "work"
            };
            reaches(sandbox, name);
            let short = ran(sandbox, &["which", "--short"]);
            assert_eq!(short, format!("{name}\n"));
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
    old_or_new(&start, &set, |sandbox, _| reaches(sandbox, "work"));
    let unset = ["remote", "unset", "work", "tags", "cwd"];
    old_or_new(&start, &unset, |sandbox, _| reaches(sandbox, "work"));
}

#[test]
fn a_token_and_settings_are_set_together_or_not_at_all() {
    let start = with_work();
    start.write("home/token", "planted-token\n");
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(start.path("home/token"), private).unwrap();
    let set = [
        "remote",
        "set",
        "work",
        "description=x",
        "--relay-token",
        "home/token",
    ];
    old_or_new(&start, &set, |sandbox, state| {
        let kept = files(sandbox, "home/.local/share/paseo/secrets");
        let has_token =
            |(_, item): &(String, Vec<u8>)| String::from_utf8_lossy(item).contains("planted-token");
        assert!(state == State::Old || kept.iter().any(has_token));
        reaches(sandbox, "work");
    });
}

#[test]
fn a_recipient_gets_another_key_or_keeps_its_own() {
    let start = with_work();
    ran(&start, &["remote", "recipient"]);
    old_or_new(&start, &["remote", "recipient", "--new"], |sandbox, _| {
        let printed = ran(sandbox, &["remote", "recipient", "--json"]);
        assert!(printed.contains("paseo-recipient:"), "{printed}");
    });
}

#[test]
fn the_vault_has_the_old_passphrase_or_the_new_one_and_opens_with_it() {
    let mut start = with_work();
    let asking = "#!/bin/sh\ncase $1 in New*|The*) cat home/new;; *) cat home/old;; esac\n";
    start.write("home/ask", asking);
    start.write("home/old", "long horse stall\n");
    start.write("home/new", "long horse stall\n");
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(start.path("home/ask"), mode).unwrap();
    start.set("PASEO_ASKPASS", "./home/ask");
    start.set("PATH", "/usr/bin:/bin");
    ran(&start, &["keystore", "migrate", "--to", "vault"]);
    start.write("home/new", "long staple stall\n");
    kill_at_each_step(&start, &["keystore", "passwd"], |sandbox, step| {
        let opens = |passphrase: &str| {
            sandbox.write("home/old", passphrase);
            sandbox.run(&["-r", "work", "ls"]).status == 6
        };
        match (opens("long horse stall\n"), opens("long staple stall\n")) {
            (true, false) => State::Old,
            (false, true) => State::New,
            both => panic!("{step:?}: {both:?}"),
        }
    });
}
