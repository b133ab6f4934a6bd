//! `paseo remote …` with a person at the terminal, and with a real keyring.

use rustix::process::{Pid, Signal, kill_process};

use crate::remotes::{KEY, SERVER_ID, link, with_work};
use crate::sandbox::{Sandbox, binary};
use crate::terminal::Terminal;
use crate::tool::is_missing;

fn paseo(sandbox: &Sandbox, args: &[&str]) -> Terminal {
    Terminal::start(sandbox, binary().to_str().unwrap(), args, "PASEO_BATCH")
}

fn without_keyring() -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.set("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent");
    sandbox
}

#[test]
fn a_link_that_is_pasted_is_not_shown() {
    let mut sandbox = without_keyring();
    sandbox.set("PASEO_KEYSTORE", "file");
    let mut adding = paseo(&sandbox, &["remote", "add", "work", "--no-check"]);
    adding.wait_for("Pairing link (not shown): ");
    adding.type_in(&format!("{}\r", link()));
    let (status, shown) = adding.end();
    assert_eq!(status, 0, "{shown}");
    assert!(
        !shown.contains("eyJ2") && !shown.contains("history"),
        "{shown}"
    );
    assert!(shown.contains("full control of the account"), "{shown}");
    assert!(shown.contains("paseo remote use work"), "{shown}");
}

/// The link is asked for first: whoever pastes it at once must not answer a question with it.
#[test]
fn a_file_is_used_only_after_somebody_chose_it() {
    for (answer, expected) in [("3", 9), ("", 9), ("y", 9), ("0", 9), ("2", 0)] {
        let sandbox = without_keyring();
        let mut adding = paseo(&sandbox, &["remote", "add", "work", "--no-check"]);
        adding.wait_for("(not shown): ");
        adding.type_in(&format!("{}\r", link()));
        let asked = adding.wait_for("Your choice [3]: ");
        assert!(
            asked.contains("1  a vault") && asked.contains("2  a file"),
            "{asked}"
        );
        adding.type_in(&format!("{answer}\r"));
        let (status, shown) = adding.end();
        assert_eq!(status, expected, "{shown}");
        assert_eq!(
            sandbox.path("home/.local/share/paseo/secrets").exists(),
            expected == 0
        );
    }
}

#[test]
fn a_secret_is_revealed_to_a_terminal_only() {
    let sandbox = with_work();
    let piped = sandbox.run(&["remote", "show", "work", "--reveal"]);
    piped.failed(2, "only to a terminal");
    piped.says_none_of(&[SERVER_ID, KEY, "eyJ2"]);
    let (status, shown) = paseo(&sandbox, &["remote", "show", "work", "--reveal"]).end();
    assert_eq!(status, 0, "{shown}");
    assert!(
        shown.contains("https://app.paseo.sh/#offer=eyJ2"),
        "{shown}"
    );
}

/// Runs a shell script in a desktop session with its own keyring; `start` starts the keyring.
fn in_session(sandbox: &Sandbox, start: &str, script: &str) -> crate::sandbox::Ran {
    std::fs::create_dir_all(sandbox.path("run")).unwrap();
    let mut session = sandbox.command("dbus-run-session".as_ref());
    session
        .args(["--", "sh", "-c"])
        .arg(format!("{start}; {script}"))
        .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
        .env("XDG_RUNTIME_DIR", sandbox.path("run"))
        .env("PASEO", binary());
    session.output().unwrap().into()
}

#[test]
fn a_real_keyring_keeps_the_secret_and_locked_it_is_exit_9() {
    const UNLOCKED: &str = "printf password | gnome-keyring-daemon --daemonize --login >/dev/null";
    const LOCKED: &str = "gnome-keyring-daemon --daemonize --components=secrets >/dev/null";
    if is_missing("dbus-run-session") || is_missing("gnome-keyring-daemon") {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.write("offer", &link());
    let added = in_session(
        &sandbox,
        UNLOCKED,
        "\"$PASEO\" remote add work offer --no-check --json",
    );
    assert_eq!(added.status, 0, "{added:?}");
    assert!(added.stdout.contains("\"store\": \"keyring\""), "{added:?}");
    assert!(!sandbox.path("home/.local/share/paseo").exists());

    // The relay of the offer does not listen: so far it comes only with the secret.
    let used = in_session(&sandbox, UNLOCKED, "\"$PASEO\" -r work ls");
    used.failed(6, "127.0.0.1:9");
    let locked = in_session(&sandbox, LOCKED, "\"$PASEO\" -r work ls --json");
    locked.failed(9, "KEYSTORE_");
    locked.says_none_of(&[SERVER_ID, KEY]);
    sandbox.run(&["-r", "work", "ls"]).failed(9, "keyring");

    let removed = in_session(
        &sandbox,
        UNLOCKED,
        "\"$PASEO\" remote rm work && \"$PASEO\" remote ls",
    );
    assert_eq!(
        (removed.status, removed.stdout.as_str()),
        (0, "removed `work`\n")
    );
}

#[test]
fn a_phone_is_paired_from_a_saved_remote() {
    let sandbox = with_work();
    let piped = sandbox.run(&["remote", "qr", "work"]);
    piped.failed(2, "on a terminal only");
    piped.says_none_of(&[SERVER_ID, KEY, "eyJ2"]);
    let written = sandbox.run(&["remote", "qr", "work", "--qr", "code.png"]);
    assert_eq!(written.status, 0, "{written:?}");
    let picture = std::fs::metadata(sandbox.path("code.png")).unwrap();
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(picture.permissions().mode() & 0o777, 0o600);
    sandbox
        .run(&["remote", "qr", "work", "--qr", "code.png"])
        .failed(1, "--force");
    let (status, shown) = paseo(&sandbox, &["remote", "qr", "work"]).end();
    assert_eq!(status, 0, "{shown}");
    assert!(shown.contains('▀') || shown.contains("columns"), "{shown}");
    assert!(
        shown.contains("full control") && !shown.contains("eyJ2"),
        "{shown}"
    );
}

/// Makes the keyring hang as one does that waits for a person: it is there, and does not answer.
const HANGING: &str = "printf password | gnome-keyring-daemon --daemonize --login >/dev/null
    \"$PASEO\" --batch remote add work offer --no-check >/dev/null || exit 99
    pid=$(dbus-send --session --print-reply --dest=org.freedesktop.DBus /org/freedesktop/DBus \
        org.freedesktop.DBus.GetConnectionUnixProcessID string:org.freedesktop.secrets | awk 'END { print $2 }')
    echo $pid >pid; kill -STOP $pid
    \"$PASEO\" -r work ls; echo status=$?";

#[test]
fn a_keyring_that_is_waited_for_is_told_and_can_be_given_up() {
    let tools = [
        "awk",
        "dbus-run-session",
        "dbus-send",
        "gnome-keyring-daemon",
    ];
    if tools.into_iter().any(is_missing) {
        return;
    }
    for killed in [true, false] {
        let mut sandbox = Sandbox::new();
        sandbox.write("offer", &link());
        std::fs::create_dir_all(sandbox.path("run")).unwrap();
        sandbox.set("XDG_RUNTIME_DIR", sandbox.path("run").to_str().unwrap());
        sandbox.set("PATH", "/usr/bin:/bin");
        sandbox.set("PASEO", binary().to_str().unwrap());
        sandbox.set("PASEO_KEYSTORE", "keyring");
        let session = ["--", "sh", "-c", HANGING];
        let mut waiting = Terminal::start(
            &sandbox,
            "/usr/bin/dbus-run-session",
            &session,
            "PASEO_BATCH",
        );
        waiting.wait_for("waiting for the keyring to be unlocked");
        let keyring = Pid::from_raw(sandbox.read("pid").trim().parse().unwrap()).unwrap();
        let kill = || kill_process(keyring, Signal::KILL).unwrap();
        if killed {
            // It crashes in the middle of the call.
            kill();
            let shown = waiting.wait_for("status=");
            assert!(shown.contains("the secret store `keyring`"), "{shown}");
            let (_, rest) = waiting.end();
            assert!(rest.starts_with("9"), "{rest}");
        } else {
            waiting.type_in("\x03");
            let (status, shown) = waiting.end();
            assert!(
                status != 0 && !shown.contains("status="),
                "{status} {shown}"
            );
            kill();
        }
    }
}

/// A person is told that a command line is kept; a script is not, and what names no secret is not spoken of.
#[test]
fn a_secret_in_a_command_line_is_spoken_of() {
    let sandbox = with_work();
    let password = "tcp://127.0.0.1:9?password=planted-hunter2";
    for (args, told) in [
        (["--relay", &link(), "ls"], true),
        (["--host", password, "ls"], true),
        (["--host", "tcp://127.0.0.1:9", "ls"], false),
        (["-r", "work", "ls"], false),
    ] {
        let program = binary().to_str().unwrap();
        let (status, shown) = Terminal::start(&sandbox, program, &args, "PASEO_BATCH").end();
        assert_eq!(status, 6, "{shown}");
        assert_eq!(shown.contains("in your shell's history"), told, "{shown}");
        let ran = sandbox.run(&args);
        assert!(!ran.stderr.contains("history"), "{ran:?}");
    }
}
