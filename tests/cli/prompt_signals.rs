//! Signals that come while a hidden question is asked: the terminal is as it was before, and nothing was shown.

use std::fs;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::fake_daemon::FakeDaemon;
use crate::remotes::with_work;
use crate::sandbox::{Sandbox, binary};
use crate::terminal::Terminal;

const PASSPHRASE: &str = "planted-correct-horse";

/// What ends a program, and can be caught.
const SIGNALS: [Signal; 8] = [
    Signal::HUP,
    Signal::INT,
    Signal::QUIT,
    Signal::TERM,
    Signal::ALARM,
    Signal::USR1,
    Signal::USR2,
    Signal::XCPU,
];

/// `work` in a vault whose passphrase has to be typed.
fn sealed() -> Sandbox {
    let mut sandbox = with_work();
    sandbox.set("PASEO_VAULT_PASSPHRASE", PASSPHRASE);
    let moved = sandbox.run(&["keystore", "migrate", "--to", "vault"]);
    assert_eq!(moved.status, 0, "{moved:?}");
    sandbox.set("PASEO_VAULT_PASSPHRASE", "");
    sandbox.set("PATH", "/usr/bin:/bin");
    sandbox
}

/// Runs a command as a shell does, which then shows how the terminal is.
fn in_a_shell(sandbox: &Sandbox, args: &[&str]) -> Terminal {
    let program = binary().display();
    let script = format!("{program} \"$@\"; echo status=$?; stty -a; echo done");
    Terminal::start(
        sandbox,
        "sh",
        &[&["-c", &script, "sh"], args].concat(),
        "PASEO_BATCH",
    )
}

/// The program that a shell runs.
fn child(shell: &Terminal) -> Pid {
    let pid = shell.pid();
    let path = format!("/proc/{pid}/task/{pid}/children");
    let start = Instant::now();
    loop {
        let children = fs::read_to_string(&path).unwrap();
        if let Some(child) = children.split_whitespace().next() {
            return Pid::from_raw(child.parse().unwrap()).unwrap();
        }
        assert!(start.elapsed() < Duration::from_secs(60), "no child");
        thread::sleep(Duration::from_millis(10));
    }
}

fn is_usual(shown: &str, what: &str) {
    let stty = &shown[shown.find("status=").unwrap()..];
    let words: Vec<&str> = stty.split([' ', ';', '\r', '\n']).collect();
    for word in ["echo", "icanon", "isig", "iexten", "ixon"] {
        assert!(words.contains(&word), "{what}: {word}: {shown}");
    }
}

#[test]
fn a_signal_in_a_hidden_question_leaves_the_terminal_as_it_was() {
    let sandbox = sealed();
    let questions: [(&[&str], &str); 3] = [
        (&["remote", "add", "x", "--no-check"], "(not shown): "),
        (&["-r", "work", "ls"], "Passphrase of the vault: "),
        (
            &["remote", "export", "work", "--passphrase"],
            "Passphrase for the bundle: ",
        ),
    ];
    for (args, question) in questions {
        for signal in SIGNALS {
            let what = format!("{args:?} {signal:?}");
            let mut shell = in_a_shell(&sandbox, args);
            let asked = shell.wait_for(question);
            shell.type_in("planted-begun");
            kill_process(child(&shell), signal).unwrap();
            let shown = shell.wait_for("done");
            let status = format!("status={}", 128 + signal.as_raw());
            assert!(shown.contains(&status), "{what}: {shown}");
            assert!(!shown.contains("planted"), "{what}: {shown}");
            if asked.contains("[?2004h") {
                assert!(shown.contains("[?2004l"), "{what}: {shown}");
            }
            is_usual(&shown, &what);
        }
    }
}

/// One that stops it gives the terminal back too, and the question goes on afterwards.
#[test]
fn a_question_goes_on_after_a_stop() {
    let sandbox = sealed();
    let args = ["-r", "work", "ls"];
    let program = binary().to_str().unwrap();
    let mut asking = Terminal::start(&sandbox, program, &args, "PASEO_BATCH");
    asking.wait_for("Passphrase of the vault: ");
    let pid = Pid::from_raw(asking.pid().try_into().unwrap()).unwrap();
    let state = || {
        let status = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap();
        let (_, rest) = status.rsplit_once(") ").unwrap();
        rest.chars().next().unwrap()
    };
    kill_process(pid, Signal::TSTP).unwrap();
    let start = Instant::now();
    while state() != 'T' {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "it does not stop"
        );
        thread::sleep(Duration::from_millis(10));
    }
    kill_process(pid, Signal::CONT).unwrap();
    while state() == 'T' {
        thread::sleep(Duration::from_millis(10));
    }
    thread::sleep(Duration::from_millis(500));
    asking.type_in(&format!("{PASSPHRASE}\r"));
    let (status, shown) = asking.end();
    assert_eq!(status, 6, "{shown}");
    assert!(!shown.contains("planted"), "{shown}");
}

/// After the question signals do what they do without one: they end a command, or what it does of its own for them.
#[test]
fn after_a_question_signals_do_what_they_always_did() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut sandbox = sealed();
    let daemon = FakeDaemon::start(
        "srv_of_the_lab",
        &[],
        |_| json!({ "entries": [], "pageInfo": { "hasMore": false } }),
    );
    sandbox.set("PASEO_VAULT_PASSPHRASE", PASSPHRASE);
    for (name, address) in [
        ("mute", silent.local_addr().unwrap().to_string()),
        ("lab", daemon.address.clone()),
    ] {
        let url = format!("tcp://{address}?password=planted-password");
        let add = [
            "remote",
            "add",
            name,
            &url,
            "--no-check",
            "--store",
            "vault",
        ];
        let added = sandbox.run(&add);
        assert_eq!(added.status, 0, "{added:?}");
    }
    sandbox.set("PASEO_VAULT_PASSPHRASE", "");
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let mut shell = in_a_shell(&sandbox, &["-r", "mute", "ls", "--connect-timeout", "90s"]);
        shell.wait_for("Passphrase of the vault: ");
        shell.type_in(&format!("{PASSPHRASE}\r"));
        let (_stream, _) = silent.accept().unwrap();
        kill_process(child(&shell), signal).unwrap();
        let shown = shell.wait_for("done");
        let status = format!("status={}", 128 + signal.as_raw());
        assert!(shown.contains(&status), "{signal:?}: {shown}");
        assert_eq!(sandbox.run(&["keystore", "lock"]).status, 0);
    }
    let args = ["-r", "lab", "forward", "--listen", "127.0.0.1:0"];
    let mut shell = in_a_shell(&sandbox, &args);
    shell.wait_for("Passphrase of the vault: ");
    shell.type_in(&format!("{PASSPHRASE}\r"));
    shell.wait_for("127.0.0.1:");
    kill_process(child(&shell), Signal::TERM).unwrap();
    let shown = shell.wait_for("done");
    assert!(shown.contains("status=0"), "{shown}");
    assert_eq!(sandbox.run(&["keystore", "lock"]).status, 0);
}
