//! One command and several remotes: `-r a,b`, `@tag`, patterns, `all`, and ids such as `work:abc123`.

use std::fmt::Write;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::built_in::BuiltIn;
use crate::fake_daemon::FakeDaemon;
use crate::remotes::offer;
use crate::sandbox::{Ran, Sandbox, binary};
use crate::terminal::Terminal;

const CONFIG: &str = "home/.config/paseo/remotes.toml";

/// A daemon with one idle agent.
fn daemon() -> FakeDaemon {
    knows(|request| match request["agentId"] == "4daff7e" {
        true => json!({ "agent": agent(), "error": null }),
        false => json!({ "agent": null, "error": "Agent not found" }),
    })
}

fn agent() -> Value {
    json!({ "id": "4daff7e7-efd6-4346-a11b-2a63904a556f", "provider": "mock", "cwd": "/src",
        "createdAt": "2026-11-22T13:29:26.017Z", "status": "idle", "title": "one" })
}

/// A daemon that lists one agent, and answers so when it is asked for one.
fn knows(one: fn(&Value) -> Value) -> FakeDaemon {
    FakeDaemon::start("srv_1", &[], move |request| {
        match request["type"].as_str() {
            Some("fetch_agents_request") => {
                json!({ "entries": [{ "agent": agent() }], "pageInfo": { "hasMore": false } })
            }
            Some("fetch_agent_request") => one(request),
            _ => Value::Null,
        }
    })
}

fn remote(name: &str, address: &str, more: &str) -> String {
    format!("[remotes.{name}]\nurl = 'tcp://{address}'\n{more}\n")
}

/// An address where nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// `work` and `lab` answer, `off` does not exist.
fn world() -> (Sandbox, FakeDaemon) {
    let (sandbox, daemon) = (Sandbox::new(), daemon());
    let prod = "tags = ['prod']";
    let config = remote("work", &daemon.address, prod)
        + &remote("lab", &daemon.address, prod)
        + &remote("off", &nobody(), "tags = ['gone']");
    sandbox.write(CONFIG, &config);
    (sandbox, daemon)
}

fn remotes(ran: &Ran) -> Vec<String> {
    let rows: Value = serde_json::from_str(&ran.stdout).unwrap();
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| row["remote"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn one_table_of_all() {
    let (sandbox, _daemon) = world();
    let ran = sandbox.run(&["-r", "work,lab", "ls"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{ran:?}");
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{ran:?}");
    assert!(lines[0].starts_with("REMOTE  AGENT ID"), "{ran:?}");
    assert!(lines[1].starts_with("work    work:4daff7e  one"), "{ran:?}");
    assert!(lines[2].starts_with("lab     lab:4daff7e"), "{ran:?}");
    let ids = sandbox.run(&["-r", "@prod", "ls", "-q"]);
    assert_eq!(ids.stdout, "lab:4daff7e\nwork:4daff7e\n", "{ids:?}");
    for selector in ["@prod", "[wl]*", "lab,work"] {
        let ran = sandbox.run(&["-r", selector, "ls", "--json"]);
        assert_eq!(remotes(&ran), ["lab", "work"], "{selector}: {ran:?}");
        assert_eq!(ran.status, 0, "{ran:?}");
    }
    // A tag that one remote has is still a tag: what a script gets does not depend on it.
    let one = sandbox.run(&["-r", "w*", "ls", "--json"]);
    assert_eq!(remotes(&one), ["work"]);
}

#[test]
fn what_fails_is_told_and_the_rest_is_shown() {
    let (sandbox, _daemon) = world();
    let ran = sandbox.run(&["-r", "all", "ls", "--json"]);
    assert_eq!(ran.status, 12, "{ran:?}");
    assert_eq!(remotes(&ran), ["lab", "work"]);
    let error: Value = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!(
        (
            &error["remote"],
            &error["error"]["hop"],
            &error["error"]["exit"]
        ),
        (&json!("off"), &json!("tcp"), &json!(6)),
        "{ran:?}"
    );
    let table = sandbox.run(&["-r", "work,off", "ls"]);
    assert!(table.stderr.starts_with("off (tcp): "), "{table:?}");
    assert_eq!(table.stderr.lines().count(), 1, "{table:?}");
    // When all fail alike, that is how it ends.
    sandbox.run(&["-r", "@gone", "ls"]).failed(6, "off (tcp): ");
    sandbox
        .run(&["-r", "@nobody", "ls"])
        .failed(3, "no remote has the tag `nobody`");
    sandbox
        .run(&["-r", "work,wrok", "ls"])
        .failed(3, "did you mean `work`?");
}

#[test]
fn an_id_names_its_remote() {
    let (mut sandbox, daemon) = world();
    let inspected = sandbox.run(&["inspect", "work:4daff7e", "--json"]);
    assert!(inspected.json().is_object(), "{inspected:?}");
    let same = sandbox.run(&["-r", "work", "inspect", "work:4daff7e", "--json"]);
    assert_eq!(same.status, 0, "{same:?}");
    sandbox
        .run(&["-r", "lab", "inspect", "work:4daff7e"])
        .failed(2, "is not on a remote that --remote names");
    // One that only looks like it is the title of an agent here.
    sandbox.set("PASEO_HOST", &daemon.address);
    sandbox
        .run(&["inspect", "fix: a bug"])
        .failed(3, "not found");
    let asked = daemon.requests().pop().unwrap();
    assert_eq!(asked["agentId"], "fix: a bug");
    // Several at once, each where it says.
    let both = sandbox.run(&["-r", "work,lab", "inspect", "4daff7e", "--json"]);
    assert_eq!(remotes(&both), ["work", "lab"], "{both:?}");
}

#[test]
fn an_id_is_looked_for_everywhere_and_need_be_on_one_remote_only() {
    let (sandbox, daemon) = (Sandbox::new(), daemon());
    let other = knows(|_| json!({ "agent": null, "error": "Agent not found" }));
    let config = remote("work", &daemon.address, "") + &remote("lab", &other.address, "");
    sandbox.write(CONFIG, &config);
    for selector in ["all", "lab,work"] {
        let ran = sandbox.run(&["-r", selector, "inspect", "4daff7e", "--json"]);
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{ran:?}");
        assert_eq!(remotes(&ran), ["work"]);
    }
    let nowhere = sandbox.run(&["-r", "all", "inspect", "nothing"]);
    nowhere.failed(3, "lab (daemon): ");
    assert_eq!(nowhere.stderr.lines().count(), 2, "{nowhere:?}");
    // Whether a remote that does not answer has it, nobody knows.
    sandbox.write(CONFIG, &(config + &remote("off", &nobody(), "")));
    let ran = sandbox.run(&["-r", "all", "inspect", "4daff7e"]);
    assert_eq!(ran.status, 12, "{ran:?}");
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
}

#[test]
fn changes_go_only_where_they_are_meant_to() {
    let (sandbox, daemon) = world();
    for selector in ["all", "@prod", "w*", "work,@prod"] {
        sandbox
            .run(&["-r", selector, "stop", "--all"])
            .failed(2, "on remotes that were not named");
    }
    assert!(daemon.requests().is_empty(), "{:?}", daemon.requests());
    for args in [&["-r", "work,lab"][..], &["-r", "@prod", "--yes"]] {
        let ran = sandbox.run(&[args, &["stop", "--all", "--json"]].concat());
        assert_eq!(remotes(&ran).len(), 2, "{ran:?}");
    }
    // What a remote may be used for holds for it, and not for the others.
    let read_only = sandbox.run(&["remote", "set", "lab", "readonly=true"]);
    assert_eq!(read_only.status, 0, "{read_only:?}");
    let ran = sandbox.run(&["-r", "work,lab", "stop", "--all", "--json"]);
    assert_eq!((ran.status, remotes(&ran)), (12, vec!["work".to_owned()]));
    assert!(ran.stderr.contains("REMOTE_READ_ONLY"), "{ran:?}");
    for args in [&["shell"][..], &["terminal", "attach", "x"], &["forward"]] {
        sandbox
            .run(&[&["-r", "work,lab"], args].concat())
            .failed(2, "one");
    }
}

#[test]
fn checks_and_doctor_take_several_too() {
    let (sandbox, _daemon) = world();
    for args in [
        &["remote", "check", "@prod", "off", "--json"][..],
        &["-r", "@prod,off", "remote", "check", "--json"],
    ] {
        let ran = sandbox.run(args);
        let lines: Value = serde_json::from_str(&ran.stdout).unwrap();
        let names: Vec<_> = lines
            .as_array()
            .unwrap()
            .iter()
            .map(|line| line["name"].as_str().unwrap())
            .collect();
        assert_eq!(
            (ran.status, names),
            (12, vec!["lab", "work", "off"]),
            "{ran:?}"
        );
    }
    let ran = sandbox.run(&["doctor", "work,off", "--json"]);
    let rows: Value = serde_json::from_str(&ran.stdout).unwrap();
    let rows = rows.as_array().unwrap();
    for name in ["work", "off"] {
        assert!(rows.iter().any(|row| row["remote"] == name), "{ran:?}");
    }
}

#[test]
fn lines_of_several_agents_begin_with_their_name() {
    let sandbox = Sandbox::new();
    let built_in = BuiltIn::start(&sandbox, &["--agent", "upper=tr a-z A-Z"]);
    let config = remote("work", &built_in.address, "") + &remote("lab", &built_in.address, "");
    sandbox.write(CONFIG, &config);
    let run = |prompt: &str| {
        let ran = sandbox.run(&[
            "-r",
            "work",
            "run",
            "--cwd",
            "/tmp",
            "--provider",
            "upper",
            prompt,
            "-q",
        ]);
        assert_eq!(ran.status, 0, "{ran:?}");
        ran.stdout.trim().to_owned()
    };
    let (one, two) = (run("first"), run("second"));
    let (one, two) = (format!("work:{one}"), format!("lab:{two}"));
    let logs = sandbox.run(&["logs", &one, &two]);
    assert_eq!(logs.status, 0, "{logs:?}");
    let said = |id: &str, text: &str| {
        let line = |line: &str| line.starts_with(&format!("{id} | ")) && line.ends_with(text);
        assert!(logs.stdout.lines().any(line), "{id} {text}: {logs:?}");
    };
    said(&one, "FIRST");
    said(&two, "SECOND");
    let data = sandbox.run(&["logs", "--json", &one, &two]);
    for line in data.stdout.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(
            line["remote"] == "work" || line["remote"] == "lab",
            "{data:?}"
        );
    }
    // Both wait for the end, the first that ends is enough.
    let waited = sandbox.run(&["wait", &one, &two, "--all", "--json"]);
    assert_eq!(remotes(&waited), ["work", "lab"], "{waited:?}");
    let first = sandbox.run(&["wait", &one, &two, "--any", "--json"]);
    assert_eq!(first.status, 0, "{first:?}");
    assert!(!remotes(&first).is_empty(), "{first:?}");
}

/// Two remotes that are one daemon; its agents shout, or take their time.
fn shouting() -> (Sandbox, BuiltIn, impl Fn(&str, &str) -> String) {
    let mut sandbox = Sandbox::new();
    sandbox.set("TERM", "xterm");
    let agents = ["--agent", "upper=tr a-z A-Z", "--agent", "slow=sleep 1000"];
    let built_in = BuiltIn::start(&sandbox, &agents);
    let config = remote("work", &built_in.address, "") + &remote("lab", &built_in.address, "");
    sandbox.write(CONFIG, &config);
    let copy = sandbox.copy();
    let run = move |provider: &str, prompt: &str| {
        let args = [
            "-r",
            "work",
            "run",
            "-q",
            "--cwd",
            "/tmp",
            "--provider",
            provider,
        ];
        let detached = if provider == "slow" { &["-d"][..] } else { &[] };
        let ran = copy.run(&[&args[..], detached, &[prompt]].concat());
        assert_eq!(ran.status, 0, "{ran:?}");
        ran.stdout.trim().to_owned()
    };
    (sandbox, built_in, run)
}

#[test]
fn several_agents_are_watched_at_once_with_coloured_names() {
    let (sandbox, _built_in, run) = shouting();
    let (one, two) = (run("upper", "first"), run("upper", "second"));
    let (one, two) = (format!("work:{one}"), format!("lab:{two}"));
    for command in [&["attach"][..], &["logs", "-f"]] {
        let args = [command, &[&one, &two]].concat();
        let mut shown = Terminal::start(&sandbox, binary().to_str().unwrap(), &args, "");
        // Each has a colour of its own, and whoever is first comes first.
        let (mut left, mut text) = (vec!["FIRST", "SECOND"], String::new());
        while let Some(word) = left.pop() {
            if !text.contains(word) {
                text += &shown.wait_for(word);
            }
        }
        assert!(
            text.contains(&format!("\u{1b}[36m{one} |\u{1b}[0m ")),
            "{text:?}"
        );
        assert!(
            text.contains(&format!("\u{1b}[35m{two} |\u{1b}[0m ")),
            "{text:?}"
        );
        let prompt = format!("again {}", command[0]);
        let sent = sandbox.run(&["send", &two, &prompt]);
        assert_eq!(sent.status, 0, "{sent:?}");
        let line = shown.wait_for(&prompt.to_uppercase());
        assert!(line.contains(&format!("{two} |")), "{line:?}");
        shown.type_in("\u{3}");
        assert_eq!(shown.end().0, 0);
    }
}

#[test]
fn the_first_that_ends_is_enough_or_all_are_waited_for() {
    let (sandbox, _built_in, run) = shouting();
    let (done, slow) = (run("upper", "first"), run("slow", "x"));
    let (done, slow) = (format!("lab:{done}"), format!("work:{slow}"));
    let any = sandbox.run(&["wait", &slow, &done, "--any", "--json"]);
    assert_eq!((any.status, remotes(&any)), (0, vec!["lab".to_owned()]));
    let all = sandbox.run(&["wait", &slow, &done, "--all", "--timeout", "1s", "--json"]);
    assert_eq!(remotes(&all), ["work", "lab"], "{all:?}");
    let rows: Value = serde_json::from_str(&all.stdout).unwrap();
    assert_eq!(
        (&rows[0]["status"], &rows[1]["status"]),
        (&json!("timeout"), &json!("idle")),
        "{all:?}"
    );
    assert_ne!(all.status, 0, "{all:?}");
}

#[test]
fn who_is_slow_does_not_hold_the_table_back() {
    let (mut sandbox, daemon) = world();
    // It accepts, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_at = silent.local_addr().unwrap().to_string();
    let config = remote("work", &daemon.address, "") + &remote("mute", &silent_at, "");
    sandbox.write(CONFIG, &config);
    sandbox.set("TERM", "xterm");
    let args = ["-r", "work,mute", "--connect-timeout", "3s", "ls"];
    let mut shown = Terminal::start(&sandbox, binary().to_str().unwrap(), &args, "PASEO_BATCH");
    shown.wait_for("work:4daff7e");
    shown.wait_for("waiting for 1 of 2: mute");
    // It ends with the whole table in that place, and the failure below.
    shown.wait_for("\u{1b}[J");
    shown.wait_for("work:4daff7e");
    let (status, last) = shown.end();
    assert_eq!(status, 12, "{last}");
    assert!(
        last.contains("mute (") && !last.contains("waiting for 1 of"),
        "{last:?}"
    );
}

/// A relay that is killed when this is dropped.
pub(crate) struct Relay {
    child: Child,
    pub(crate) address: String,
}

impl Relay {
    pub(crate) fn start(sandbox: &Sandbox) -> Self {
        let mut command = sandbox.command(binary().as_os_str());
        command.args(["relay", "serve", "-v", "--listen", "127.0.0.1:0"]);
        command.env("NO_COLOR", "1").stderr(Stdio::piped());
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let mut lines = BufReader::new(stderr).lines().map(Result::unwrap);
        let line = lines.find(|line| line.contains("address=")).unwrap();
        std::thread::spawn(move || lines.for_each(drop));
        let address = line.split("address=").nth(1).unwrap();
        let address = address.split_whitespace().next().unwrap().to_owned();
        Self { child, address }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a remote takes to answer, of those that do.
const ANSWER: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_millis(1200),
];

/// Forty that answer, some sooner than others, and ten that do not: refused, silent, and absent at their relay.
#[test]
fn fifty_remotes_of_which_ten_are_offline() {
    const MOST_KIB: u64 = 48 * 1024;
    let mut sandbox = Sandbox::new();
    sandbox.set("PASEO_KEYSTORE", "file");
    let last = Arc::new(Mutex::new(None));
    let peers: Vec<_> = (0..40)
        .map(|n| {
            let last = Arc::clone(&last);
            FakeDaemon::start("srv_1", &[], move |_| {
                std::thread::sleep(ANSWER[n % ANSWER.len()]);
                *last.lock().unwrap() = Some(Instant::now());
                json!({ "entries": [{ "agent": agent() }], "pageInfo": { "hasMore": false } })
            })
        })
        .collect();
    let relay = Relay::start(&sandbox);
    let absent = offer().replace("127.0.0.1:9", &relay.address);
    let args = ["remote", "add", "absent", "-", "--no-check"];
    let added = sandbox.run_with(&args, &absent);
    assert_eq!(added.status, 0, "{added:?}");
    let silent: Vec<_> = (0..6)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    let mut config = sandbox.read(CONFIG);
    for (n, mute) in silent.iter().enumerate() {
        let at = mute.local_addr().unwrap().to_string();
        // The first in the order of names, so that they take the first places.
        let _ = writeln!(config, "{}", remote(&format!("mute-{n}"), &at, ""));
    }
    for (n, peer) in peers.iter().enumerate() {
        let _ = writeln!(
            config,
            "{}",
            remote(&format!("on-{n:02}"), &peer.address, "")
        );
    }
    for n in 0..3 {
        let _ = writeln!(config, "{}", remote(&format!("refused-{n}"), &nobody(), ""));
    }
    sandbox.write(CONFIG, &config);
    let run = |selector: &str| {
        let begin = Instant::now();
        let mut child = sandbox
            .command(binary().as_os_str())
            .args(["-r", selector, "ls", "--json"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let status = format!("/proc/{}/status", child.id());
        let mut peak = 0;
        while child.try_wait().unwrap().is_none() {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
            peak = kib.unwrap_or(peak);
            std::thread::sleep(Duration::from_millis(5));
        }
        let ended = Instant::now();
        let ran: Ran = child.wait_with_output().unwrap().into();
        let slowest = last.lock().unwrap().unwrap();
        println!(
            "{selector}: the slowest answered after {:?}, the end came {:?} later; {peak} KiB",
            slowest - begin,
            ended - slowest
        );
        (ran, ended - slowest, peak)
    };
    // So late is the end on this machine, however busy it is, when nobody is waited for.
    let (ran, machine, _) = run("on-*");
    assert_eq!((ran.status, remotes(&ran).len()), (0, 40), "{ran:?}");
    let (ran, after, peak) = run("all");
    assert_eq!((ran.status, remotes(&ran).len()), (12, 40), "{ran:?}");
    assert_eq!(ran.stderr.lines().count(), 10, "{ran:?}");
    assert!(peak > 0 && peak <= MOST_KIB, "{peak} KiB");
    // Of which it waits 1.5 s for those that are silent.
    assert!(after <= Duration::from_secs(2) + machine, "{after:?}");
}
