//! Nothing leaks: secrets are planted, every command runs, in every format, well and badly, and then
//! everything that it printed, wrote, or gave to others is searched.

use std::collections::BTreeSet;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Command;
use paseo::cli::Cli;
use serde_json::json;

use crate::fake_daemon::FakeDaemon;
use crate::remotes::{KEY, SERVER_ID, link, offer, with_work};
use crate::sandbox::{Sandbox, binary};

/// How long a command may run before it is ended: servers never end by themselves.
const PATIENCE: Duration = Duration::from_secs(2);
/// Commands that run at once.
const AT_ONCE: usize = 4;

/// Everything that may come out nowhere.
fn planted() -> Vec<String> {
    let payload = link().split_once("#offer=").unwrap().1.to_owned();
    vec![
        SERVER_ID.to_owned(),
        KEY.to_owned(),
        KEY.trim_end_matches('=')
            .replace('+', "-")
            .replace('/', "_"),
        payload[..40].to_owned(),
        payload[payload.len() - 40..].to_owned(),
        "planted-password".to_owned(),
        "planted-remote-pw".to_owned(),
        "planted-header".to_owned(),
        "planted-proxy-pw".to_owned(),
        "planted-passphrase".to_owned(),
        // me:planted-proxy-pw
        "bWU6cGxhbnRlZC1wcm94eS1wdw".to_owned(),
    ]
}

/// The words of every command, with a value for each thing that it wants.
fn leaves() -> Vec<Vec<String>> {
    fn walk(command: &Command, words: &[String], found: &mut Vec<Vec<String>>) {
        let below: Vec<_> = command
            .get_subcommands()
            .filter(|child| child.get_name() != "help")
            .collect();
        if !command.is_subcommand_required_set() || below.is_empty() {
            let mut line = words.to_vec();
            for arg in command.get_arguments().filter(|arg| arg.is_required_set()) {
                if let Some(long) = arg.get_long().filter(|_| !arg.is_positional()) {
                    line.push(format!("--{long}"));
                }
                line.push(value(arg));
            }
            found.push(line);
        }
        for child in below {
            let words = [words, &[child.get_name().to_owned()]].concat();
            walk(child, &words, found);
        }
    }
    let mut tree = Cli::command_tree();
    tree.build();
    let moved = MOVED.iter().map(|line| line.split(' ').map(str::to_owned));
    let mut found: Vec<Vec<String>> = moved.map(Iterator::collect).collect();
    for child in tree.get_subcommands().filter(|c| c.get_name() != "help") {
        walk(child, &[child.get_name().to_owned()], &mut found);
    }
    found
}

/// Remotes that are moved, sealed and back, well and badly; the last three meet files that were never sealed.
const MOVED: [&str; 8] = [
    "remote export work lab far --passphrase --file all.json --force",
    "remote export work --passphrase",
    "remote import all.json --force",
    "remote import all.json --rename work=again",
    "remote export work --insecure",
    "remote import offer.json --force",
    "remote import links.txt --if-absent",
    "remote import home/.config/paseo/remotes.toml",
];

/// A value that an argument may take.
fn value(arg: &clap::Arg) -> String {
    if let Some(word) = arg.get_possible_values().first() {
        return word.get_name().to_owned();
    }
    match arg.get_id().as_str() {
        "name" => "work",
        "settings" => "description=x",
        "keys" => "description",
        "url" => "ws://127.0.0.1:9",
        "count" => "1",
        _ => "x",
    }
    .to_owned()
}

/// A sandbox whose every secret is planted, and whose programs write down what they are given.
fn sandbox(daemon: &FakeDaemon) -> Sandbox {
    let mut sandbox = with_work();
    // The password of a relay remote, which is kept with its offer.
    sandbox.write("pw", "planted-remote-pw\n");
    let private = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(sandbox.path("pw"), private).unwrap();
    let set = sandbox.run(&["remote", "set", "work", "--password-file", "pw"]);
    assert_eq!(set.status, 0, "{}", set.stderr);
    std::fs::remove_file(sandbox.path("pw")).unwrap();
    let lab = format!(
        "\n[remotes.lab]\nurl = 'tcp://{}'\nconnect_timeout = '2s'\n\
         headers = {{ X-Access = {{ env = 'HEADER' }}, X-Other = {{ command = ['dump'] }} }}\n\
         [remotes.far]\nurl = 'tcp://far.invalid:1'\nconnect_timeout = '2s'\nssh = 'tower'\n\
         proxy = {{ url = 'http://127.0.0.1:9', user = 'me', password = {{ env = 'PROXY' }} }}\n",
        daemon.address
    );
    let file = "home/.config/paseo/remotes.toml";
    sandbox.write(file, &format!("{}{lab}", sandbox.read(file)));
    // One script under every name that a command may run.
    let script = "#!/bin/bash\n{ printf '%s\\0' \"$0\" \"$@\"; env -u HEADER -u PROXY -u https_proxy; } \
                  > \"$DUMPS/$$\"\necho value\n";
    for name in ["dump", "ssh", "editor", "git", "claude", "codex", "pass"] {
        sandbox.write(&format!("bin/{name}"), script);
        let path = sandbox.path(&format!("bin/{name}"));
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    std::fs::create_dir(sandbox.path("dumps")).unwrap();
    std::fs::create_dir(sandbox.path("tmp")).unwrap();
    let (bin, dumps, tmp) = (
        sandbox.path("bin"),
        sandbox.path("dumps"),
        sandbox.path("tmp"),
    );
    sandbox.set("PATH", &format!("{}:/usr/bin:/bin", bin.display()));
    sandbox.set("DUMPS", &dumps.display().to_string());
    sandbox.set("TMPDIR", &tmp.display().to_string());
    sandbox.set("EDITOR", "editor");
    sandbox.set("HEADER", "planted-header");
    sandbox.set("PROXY", "planted-proxy-pw");
    sandbox.set("https_proxy", "http://me:planted-proxy-pw@127.0.0.1:9");
    sandbox.set("PASEO_PASSWORD", "planted-password");
    sandbox.set("PASEO_BUNDLE_PASSPHRASE", "planted-passphrase");
    sandbox.set("RUST_BACKTRACE", "full");
    sandbox.write("offer.json", &offer());
    sandbox.write("links.txt", &format!("{}\n", link()));
    let sealed = "remote export work lab far --passphrase --file all.json";
    let sealed = sandbox.run(&sealed.split(' ').collect::<Vec<_>>());
    assert_eq!(sealed.status, 0, "{}", sealed.stderr);
    sandbox
}

/// Runs a command until it ends or its time is over, and returns what it printed.
fn run(sandbox: &Sandbox, args: &[String]) -> String {
    let mut child = sandbox
        .command(binary().as_os_str())
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = stderr.read_to_end(&mut text);
        text
    });
    let out = std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = stdout.read_to_end(&mut text);
        text
    });
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            // As a crash would end it.
            let _ = child.kill();
        }
        std::thread::yield_now();
        std::thread::park_timeout(Duration::from_millis(2));
    }
    let mut printed = out.join().unwrap();
    printed.extend(reader.join().unwrap());
    String::from_utf8_lossy(&printed).into_owned()
}

/// Fails without repeating the secret: CI keeps what is printed.
fn search(text: &str, what: &str) {
    for (n, word) in planted().iter().enumerate() {
        assert!(!text.contains(word.as_str()), "secret {n} is in {what}");
    }
}

#[test]
fn the_whole_command_matrix() {
    let daemon = FakeDaemon::start("srv_of_the_lab", &[], |request| {
        // Some requests get nonsense, some an error, some an empty list.
        match request["type"].as_str().unwrap_or_default().len() % 3 {
            0 => json!({ "error": "no such thing", "code": "handler_error" }),
            1 => json!({ "entries": [], "pageInfo": { "hasMore": false } }),
            _ => json!({}),
        }
    });
    let watch = Watch::start();
    let leaves = Arc::new(leaves());
    assert!(leaves.len() > 60, "only {} commands", leaves.len());
    let targets: [&[&str]; 4] = [
        &["-r", "work"],
        &["-r", "lab"],
        &["-r", "far"],
        &["--host", "127.0.0.1:9"],
    ];
    let formats: [&[&str]; 4] = [&["-vvv"], &["--json"], &["-o", "yaml"], &["-q"]];
    let threads: Vec<_> = (0..AT_ONCE)
        .map(|thread| {
            let sandbox = sandbox(&daemon);
            let leaves = Arc::clone(&leaves);
            std::thread::spawn(move || {
                for (n, leaf) in leaves
                    .iter()
                    .enumerate()
                    .filter(|(n, _)| n % AT_ONCE == thread)
                {
                    for (target, format) in targets.iter().enumerate() {
                        // Each target meets each format, over the commands.
                        let flags = [*format, formats[(n + target) % formats.len()]].concat();
                        let flags = flags.iter().map(|flag| (*flag).to_owned());
                        let line: Vec<String> = leaf.iter().cloned().chain(flags).collect();
                        search(&run(&sandbox, &line), &leaf.join(" "));
                    }
                }
                files(&sandbox);
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    watch.end();
}

/// A command that crashes in mid-connection leaves no core file, and says nothing.
#[test]
fn a_crash_leaves_nothing() {
    use std::io::BufRead;
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut sandbox = with_work();
    let direct = format!("direct=tcp://{}", silent.local_addr().unwrap());
    assert_eq!(sandbox.run(&["remote", "set", "work", &direct]).status, 0);
    sandbox.set("PASEO_PASSWORD", "planted-password");
    let script = "ulimit -c unlimited 2>/dev/null; exec \"$0\" \"$@\"";
    let mut child = sandbox
        .command("sh".as_ref())
        .args(["-c", script])
        .arg(binary())
        .args(["-r", "work", "--via", "direct", "-v", "ls"])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It is connected, so it holds the secret.
    let (_stream, _) = silent.accept().unwrap();
    let mut said = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut printed = String::new();
    while !printed.contains("connected") {
        assert!(said.read_line(&mut printed).unwrap() > 0, "it ended early");
    }
    let pid = child.id();
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::ABORT).unwrap();
    child.wait().unwrap();
    let _ = said.read_to_string(&mut printed);
    search(&printed, "what a crash printed");
    for (path, content) in crate::remotes::files(&sandbox, "") {
        if !path.contains("/secrets/") {
            search(&String::from_utf8_lossy(&content), &path);
        }
    }
}

/// Searches what the commands left: everything but the secret store, what the test itself wrote, and the
/// identity of the daemon that `daemon run` made.
fn files(sandbox: &Sandbox) {
    let mut dumped = 0;
    for (path, content) in crate::remotes::files(sandbox, "") {
        let ours = [
            "/secrets/",
            "/bin/",
            "/.paseo/",
            "/offer.json",
            "/links.txt",
        ];
        if ours.iter().any(|part| path.contains(part)) {
            continue;
        }
        dumped += usize::from(path.contains("/dumps/"));
        search(&String::from_utf8_lossy(&content), &path);
    }
    assert!(dumped > 0, "no child has written down what it was given");
}

/// Looks at the command lines of all processes while it lives.
struct Watch {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<BTreeSet<String>>,
}

impl Watch {
    fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut leaking = BTreeSet::new();
            while !stopped.load(Ordering::Relaxed) {
                for entry in std::fs::read_dir("/proc").unwrap().flatten() {
                    let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
                    let line = String::from_utf8_lossy(&line);
                    // Other tests of this process type offers into command lines on purpose: those are
                    // commands of the binary with the offer as an argument.
                    let typed = line.contains("remote\0add")
                        || line.contains("--relay")
                        || line.contains("--host");
                    if !typed && planted().iter().any(|word| line.contains(word.as_str())) {
                        leaking.insert(line.split('\0').next().unwrap_or_default().to_owned());
                    }
                }
                std::thread::park_timeout(Duration::from_millis(20));
            }
            leaking
        });
        Self { stop, thread }
    }

    fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        let leaking = self.thread.join().unwrap();
        assert!(
            leaking.is_empty(),
            "secrets in the command lines of {leaking:?}"
        );
    }
}
