//! What looks only at files opens no secret store and no connection: driven where there is no network at all,
//! and where every store says that it was opened.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use crate::remotes::with_work;
use crate::sandbox::{Sandbox, binary};
use crate::tool::{is_missing, skip};

/// Commands that people and shells run all the time.
const LOOKING: &[&[&str]] = &[
    &["remote", "ls"],
    &["remote", "ls", "--json"],
    &["remote", "show", "work"],
    &["remote", "show", "-G", "work"],
    &["config", "check"],
    &["which"],
    &["which", "--short"],
    &["--help"],
    &["--version"],
];

/// `work`, whose secret is behind a program, and a program that notes that it was run. A keyring would be asked
/// for over a bus that does the same.
fn wired() -> Sandbox {
    let mut sandbox = with_work();
    let file = "home/.config/paseo/remotes.toml";
    let text = sandbox
        .read(file)
        .replace("store = \"file\"", "store = \"command\"");
    let alarm = sandbox.path("alarm").display().to_string();
    sandbox.write(
        file,
        &format!(
            "{text}\n[remotes.ring]\nurl = 'tcp://127.0.0.1:9'\n\
             secret = {{ store = 'keyring', id = 'r_1' }}\n\
             [remotes.sealed]\nurl = 'tcp://127.0.0.1:9'\nsecret = {{ store = 'vault', id = 'r_2' }}\n\
             headers = {{ X = {{ command = ['{alarm}'] }} }}\n\
             [stores.command]\nget = ['{alarm}']\nput = ['{alarm}']\ndelete = ['{alarm}']\n"
        ),
    );
    sandbox.write(
        "alarm",
        "#!/bin/sh\necho opened >>\"${0%/*}/opened\"\nexit 1\n",
    );
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(sandbox.path("alarm"), mode).unwrap();
    // The vault asks for its passphrase, and the bus of the keyring is started, by the same program.
    sandbox.set("PASEO_ASKPASS", &alarm);
    sandbox.set(
        "DBUS_SESSION_BUS_ADDRESS",
        &format!("unixexec:path={alarm}"),
    );
    sandbox
}

/// Asks for completions as fish does.
fn completions(sandbox: &Sandbox, program: &[&str]) -> Output {
    let mut command = sandbox.command(program[0].as_ref());
    command.args(&program[1..]);
    command.args(["--", "paseo", "-r", ""]);
    command
        .env("PASEO_COMPLETE", "fish")
        .env("PATH", "/usr/bin:/bin");
    command.output().unwrap()
}

#[test]
fn looking_opens_no_store() {
    let sandbox = wired();
    for args in LOOKING {
        let ran = sandbox.run(args);
        assert_eq!(ran.status, 0, "{args:?}: {ran:?}");
    }
    let completed = completions(&sandbox, &[binary().to_str().unwrap()]);
    let shown = String::from_utf8_lossy(&completed.stdout).into_owned();
    assert!(
        shown.contains("work") && shown.contains("ring"),
        "{completed:?}"
    );
    assert!(!sandbox.path("opened").exists());
    // The alarm works.
    assert_eq!(sandbox.run(&["-r", "work", "ls"]).status, 9);
    assert!(sandbox.path("opened").exists());
}

/// Runs something where there is no interface but a loopback that is down; `None` where that is not allowed.
fn in_nowhere() -> Option<[&'static str; 3]> {
    if is_missing("unshare") {
        return None;
    }
    let nowhere = ["unshare", "-rn", "--"];
    let made = Command::new(nowhere[0])
        .args(&nowhere[1..])
        .arg("true")
        .status();
    match made {
        Ok(status) if status.success() => Some(nowhere),
        _ => {
            skip("no network namespace can be made here");
            None
        }
    }
}

#[test]
fn looking_needs_no_network() {
    let Some(nowhere) = in_nowhere() else {
        return;
    };
    let sandbox = wired();
    for args in LOOKING {
        let mut command = sandbox.command(nowhere[0].as_ref());
        command.args(&nowhere[1..]).arg(binary()).args(*args);
        let ran = command.env("PATH", "/usr/bin:/bin").output().unwrap();
        assert!(ran.status.success(), "{args:?}: {ran:?}");
    }
    let completed = completions(
        &sandbox,
        &[&nowhere[..], &[binary().to_str().unwrap()]].concat(),
    );
    assert!(
        String::from_utf8_lossy(&completed.stdout).contains("work"),
        "{completed:?}"
    );
    // Not so for what connects.
    let mut connecting = sandbox.command(nowhere[0].as_ref());
    connecting.args(&nowhere[1..]).arg(binary());
    connecting
        .args(["--host", "127.0.0.1:9", "ls"])
        .env("PATH", "/usr/bin:/bin");
    assert_eq!(connecting.output().unwrap().status.code(), Some(6));
}
