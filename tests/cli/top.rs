//! `paseo top`: the agents of all remotes on the whole screen, and the terminal afterwards.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::built_in::BuiltIn;
use crate::sandbox::{Sandbox, binary};
use crate::several::Relay;
use crate::terminal::Terminal;
use crate::tool::is_missing;

const CONFIG: &str = "home/.config/paseo/remotes.toml";

/// A daemon behind a relay of ours, with an agent that asks; and a remote that is not there.
fn world() -> (Sandbox, Relay, BuiltIn) {
    let mut sandbox = Sandbox::new();
    sandbox.set("TERM", "xterm");
    sandbox.set("PASEO_KEYSTORE", "file");
    let relay = Relay::start(&sandbox);
    let args = ["--agent", "asks=mock:", "--relay", &relay.address];
    let daemon = BuiltIn::start(&sandbox, &args);
    let offer = sandbox.path("offer.json").display().to_string();
    let paired = sandbox.run(&["daemon", "pair", "--save", &offer]);
    assert_eq!(paired.status, 0, "{paired:?}");
    let added = sandbox.run(&["remote", "add", "work", &offer]);
    assert_eq!(added.status, 0, "{added:?}");
    let offline = "\n[remotes.gone]\nurl = 'tcp://127.0.0.1:1'\n";
    sandbox.write(CONFIG, &(sandbox.read(CONFIG) + offline));
    agent(&sandbox, "ask");
    (sandbox, relay, daemon)
}

/// Starts an agent, and returns its id.
fn agent(sandbox: &Sandbox, prompt: &str) -> String {
    let run = [
        "-r",
        "work",
        "run",
        "-d",
        "-q",
        "--cwd",
        "/tmp",
        "--provider",
    ];
    let ran = sandbox.run(&[&run[..], &["asks", prompt]].concat());
    assert_eq!(ran.status, 0, "{ran:?}");
    ran.stdout.trim().to_owned()
}

/// Starts it from a shell that tells the modes of the terminal before and after, and how it ended.
struct Session {
    top: Terminal,
    before: String,
}

impl Session {
    fn start(sandbox: &Sandbox, command: &str) -> Self {
        // A shell that Ctrl-C ends would take the rest with it.
        let script = format!("trap : INT; stty -g; {command}; echo \"ended $?\"; stty -g");
        let mut top = Terminal::start(sandbox, "/bin/sh", &["-c", &script], "PASEO_BATCH");
        let before = top.wait_for("\n").trim().to_owned();
        top.wait_for("\u{1b}[?1049h");
        Self { top, before }
    }

    fn of(sandbox: &Sandbox) -> Self {
        Self::start(sandbox, &format!("{} top", binary().display()))
    }

    /// Presses a key: one at a time, for several at once are a paste.
    fn press(&mut self, key: &str) {
        self.top.type_in(key);
    }

    /// Waits until another program has the terminal and says something, and the list is there again.
    fn says_and_comes_back(&mut self, said: &str) {
        self.top.wait_for("\u{1b}[?1049l");
        self.top.wait_for(said);
        self.top.wait_for("\u{1b}[?1049h");
        self.top.wait_for("q quit");
    }

    /// Waits for the end; the terminal is as it was.
    fn ends(mut self) {
        self.top.wait_for("\u{1b}[?25h\u{1b}[?1049l");
        self.top.wait_for("ended 0\r\n");
        let (status, after) = self.top.end();
        assert_eq!((status, after.trim()), (0, self.before.as_str()));
    }
}

/// Returns the process of `top`: the only child of the shell.
fn pid(session: &Session) -> Pid {
    let shell = session.top.pid();
    let children = format!("/proc/{shell}/task/{shell}/children");
    let children = std::fs::read_to_string(children).unwrap();
    Pid::from_raw(children.trim().parse().unwrap()).unwrap()
}

#[test]
fn agents_are_shown_answered_and_the_terminal_comes_back() {
    let (sandbox, _relay, _daemon) = world();
    let mut session = Session::of(&sandbox);
    session.top.wait_for("waits      work");
    session.top.wait_for("\u{1b}[90m  offline    gone");
    // One key shows what is asked, another answers.
    session.press("a");
    session.top.wait_for("command: echo hi > out.txt");
    session.top.wait_for("y/n/number answers");
    session.press("y");
    session.says_and_comes_back("allowed");
    session.top.wait_for("idle       work");
    session.press("q");
    session.ends();
}

#[test]
fn keys_deny_attach_send_and_stop() {
    let (sandbox, _relay, _daemon) = world();
    let mut session = Session::of(&sandbox);
    session.top.wait_for("waits      work");
    session.press("d");
    session.says_and_comes_back("denied");
    session.top.wait_for("idle       work");
    // A paste is written into a message as it is, its line feeds included as blanks.
    session.press("m");
    session.top.wait_for("Enter sends");
    session.press("every 200\remit 1000");
    session.top.wait_for("every 200 emit 1000_");
    session.press("\r");
    session.says_and_comes_back("sent");
    session.top.wait_for("running    work");
    session.press("\r");
    session.top.wait_for("Attaching to agent");
    session.top.wait_for("piece 3");
    session.press("\u{3}");
    session.top.wait_for("Detaching");
    session.top.wait_for("q quit");
    session.press("s");
    session.top.wait_for("? y/n");
    session.press("y");
    session.says_and_comes_back("INTERRUPTED");
    session.top.wait_for("idle       work");
    let inspected = sandbox.run(&["-r", "work", "ls", "--json"]);
    let agents: Value = serde_json::from_str(&inspected.stdout).unwrap();
    assert_eq!(agents[0]["status"], "idle", "{agents}");
    session.press("\u{3}");
    session.ends();
}

#[test]
fn it_follows_the_size_of_the_window_and_ends_on_signals() {
    let (sandbox, _relay, _daemon) = world();
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let mut session = Session::of(&sandbox);
        session.top.wait_for("waits      work");
        session.top.resize(10, 50);
        session.top.wait_for("m mess…");
        session.top.resize(40, 400);
        session.top.wait_for("q quit");
        kill_process(pid(&session), signal).unwrap();
        session.ends();
    }
}

#[test]
fn what_is_remembered_is_shown_at_once() {
    let (sandbox, _relay, daemon) = world();
    let id = agent(&sandbox, "emit 1");
    assert_eq!(sandbox.run(&["-r", "work", "ls"]).status, 0);
    // The relay is asked, and waits for the daemon a while.
    drop(daemon);
    let start = Instant::now();
    let mut session = Session::of(&sandbox);
    session.top.wait_for(&id[..7]);
    let took = start.elapsed();
    println!("from the start of the shell to the list: {took:?}");
    // On an idle machine it is a hundredth of that.
    assert!(took < Duration::from_secs(5), "{took:?}");
    session.press("q");
    session.ends();
}

#[test]
fn a_message_and_secrets_go_by_no_argument_and_no_variable() {
    if is_missing("strace") {
        return;
    }
    let (mut sandbox, _relay, _daemon) = world();
    sandbox.set("PASEO_RELAY_OFFER", "planted-offer");
    sandbox.set("PASEO_HOST", "planted-host");
    let trace = sandbox.path("trace").display().to_string();
    let strace = format!("strace -f -qq -v -s 4096 -e trace=execve -o {trace}");
    let command = format!("{strace} {} -r work top", binary().display());
    let mut session = Session::start(&sandbox, &command);
    session.top.wait_for("waits      work");
    session.press("m");
    session.top.wait_for("Enter sends");
    session.press("planted-message");
    session.top.wait_for("planted-message_");
    session.press("\r");
    session.says_and_comes_back("sent");
    session.press("q");
    session.ends();
    let trace = sandbox.read("trace");
    let sent = trace.lines().find(|line| line.contains("--prompt-file"));
    let sent = sent.expect("send is started");
    assert!(!sent.contains("planted"), "{sent}");
    let ids = sandbox.run(&["-r", "work", "ls", "-q"]);
    let logs = sandbox.run(&["-r", "work", "logs", ids.stdout.trim()]);
    assert!(logs.stdout.contains("planted-message"), "{logs:?}");
}

#[test]
fn what_has_no_name_is_refused() {
    let (mut sandbox, daemon) = (Sandbox::new(), "127.0.0.1:1");
    sandbox.set("TERM", "xterm");
    for args in [
        &["--host", daemon, "top"][..],
        &["--relay", "planted", "top"],
    ] {
        let top = Terminal::start(&sandbox, binary().to_str().unwrap(), args, "PASEO_BATCH");
        let (status, shown) = top.end();
        assert_eq!(status, 2, "{shown}");
        assert!(shown.contains("saved remotes"), "{shown}");
    }
}

#[test]
fn without_a_terminal_it_says_what_to_use() {
    let sandbox = Sandbox::new();
    sandbox.run(&["top"]).failed(2, "paseo inbox");
}
