//! Another user of the same machine: what we leave where, what we follow, and what can be read of us.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::remotes::{offer, with_work};
use crate::sandbox::{Sandbox, binary};
use crate::tool::{is_missing, skip};

/// The user and group `nobody`.
const NOBODY: u32 = 65534;

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Kills a server at the end.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A command that creates whatever it likes with every bit (umask 0).
fn careless(sandbox: &Sandbox, args: &[&str]) -> Command {
    let mut command = sandbox.command("sh".as_ref());
    command
        .args(["-c", "umask 0; exec \"$0\" \"$@\""])
        .arg(binary())
        .args(args);
    command
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

/// Starts a server in that way, and waits for its socket.
fn serving(sandbox: &Sandbox, args: &[&str], socket: &Path) -> Running {
    let mut command = careless(sandbox, args);
    let running = Running(command.stderr(Stdio::null()).spawn().unwrap());
    let start = Instant::now();
    while !socket.exists() {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "{args:?} made no socket"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    running
}

/// So that the daemon of the sandbox has an offer.
fn turn_the_relay_on(sandbox: &Sandbox) {
    let config = "home/.paseo/config.json";
    sandbox.write(config, r#"{"daemon":{"relay":{"enabled":true}}}"#);
    fs::set_permissions(sandbox.path("home/.paseo"), Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(sandbox.path(config), Permissions::from_mode(0o600)).unwrap();
}

fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        found.push(path.clone());
        if path.is_dir() {
            walk(&path, found);
        }
    }
}

#[test]
fn every_file_and_socket_is_ours_alone() {
    let mut sandbox = with_work();
    let pass = sandbox.path("pass");
    sandbox.write("pass", "correct horse\n");
    fs::set_permissions(&pass, Permissions::from_mode(0o600)).unwrap();
    sandbox.set("PASEO_VAULT_PASSPHRASE_FILE", pass.to_str().unwrap());
    sandbox.write("offer.json", &offer());
    let ends = |args: &[&str]| {
        assert!(
            careless(&sandbox, args).status().unwrap().success(),
            "{args:?}"
        )
    };
    ends(&[
        "remote",
        "add",
        "again",
        "offer.json",
        "--no-check",
        "--again",
        "--store",
        "vault",
    ]);
    let saved = sandbox.path("home/offer.txt");
    turn_the_relay_on(&sandbox);
    ends(&["daemon", "pair", "--save", saved.to_str().unwrap()]);
    let socket = sandbox.path("home/daemon.sock");
    let daemon = serving(
        &sandbox,
        &[
            "daemon",
            "run",
            "--relay",
            "127.0.0.1:9",
            "--listen",
            socket.to_str().unwrap(),
        ],
        &socket,
    );
    let host = format!("unix://{}", socket.display());
    let forwarded = sandbox.path("home/forward.sock");
    let args = [
        "--host",
        &host,
        "forward",
        "--listen",
        forwarded.to_str().unwrap(),
    ];
    let forward = serving(&sandbox, &args, &forwarded);
    let ran = sandbox.run(&[
        "--host",
        &host,
        "run",
        "-d",
        "--provider",
        "echo",
        "--cwd",
        "/tmp",
        "hi",
    ]);
    assert_eq!(ran.status, 0, "{ran:?}");
    let mut found = Vec::new();
    walk(&sandbox.path("home"), &mut found);
    assert!(found.len() > 15, "{found:?}");
    let mut sockets = 0;
    for path in found {
        let meta = fs::symlink_metadata(&path).unwrap();
        sockets += usize::from(meta.file_type().is_socket());
        let mode = meta.permissions().mode() & 0o777;
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
        assert_eq!(
            meta.uid(),
            rustix::process::geteuid().as_raw(),
            "{}",
            path.display()
        );
    }
    assert_eq!(sockets, 2);
    drop((daemon, forward));
}

/// A link that is there already is never followed by `--save`; with `--force` one of our own is, somebody
/// else's is not.
#[test]
fn saving_follows_no_trap() {
    let sandbox = with_work();
    turn_the_relay_on(&sandbox);
    sandbox.write("precious", "mine");
    let trap = sandbox.path("offer.txt");
    symlink(sandbox.path("precious"), &trap).unwrap();
    let save = |more: &[&str]| {
        let args = ["daemon", "pair", "--save", trap.to_str().unwrap()];
        sandbox.run(&[&args, more].concat())
    };
    save(&[]).failed(1, "already exists");
    assert_eq!(sandbox.read("precious"), "mine");
    if !is_root() {
        skip("only root can make a link of another user's");
        return;
    }
    std::os::unix::fs::lchown(&trap, Some(NOBODY), Some(NOBODY)).unwrap();
    save(&["--force"]).failed(10, "is a symbolic link of another user");
    assert_eq!(sandbox.read("precious"), "mine");
    std::os::unix::fs::lchown(&trap, Some(0), Some(0)).unwrap();
    assert_eq!(save(&["--force"]).status, 0);
    assert_ne!(sandbox.read("precious"), "mine");
}

/// Nor is one of another user in the place of a file of ours, and none in the place of a lock; no pipe holds us up.
#[test]
fn no_change_goes_through_a_trap() {
    let mut sandbox = with_work();
    let pass = sandbox.path("pass");
    sandbox.write("pass", "correct horse\n");
    fs::set_permissions(&pass, Permissions::from_mode(0o600)).unwrap();
    sandbox.set("PASEO_VAULT_PASSPHRASE_FILE", pass.to_str().unwrap());
    let add = |name: &str| {
        let args = ["remote", "add", name, "-", "--no-check", "--again"];
        sandbox.run_with(&[&args[..], &["--store", "vault"]].concat(), &offer())
    };
    assert_eq!(add("kept").status, 0);
    let set = || sandbox.run(&["remote", "set", "work", "description=new"]);
    let file = sandbox.path("home/.config/paseo/remotes.toml");
    let vault = sandbox.path("home/.local/share/paseo/vault.json");
    for (lock, path) in [(".remotes.lock", &file), (".vault.json.lock", &vault)] {
        let change = || match path == &file {
            true => set(),
            false => add("more"),
        };
        let lock = path.with_file_name(lock);
        fs::remove_file(&lock).unwrap();
        symlink(sandbox.path("made"), &lock).unwrap();
        assert_ne!(change().status, 0, "{lock:?}");
        assert!(!sandbox.path("made").exists(), "{lock:?}");
        fs::remove_file(&lock).unwrap();
        assert!(
            Command::new("mkfifo")
                .arg(&lock)
                .status()
                .unwrap()
                .success()
        );
        let start = Instant::now();
        assert_ne!(change().status, 0, "{lock:?}");
        assert!(start.elapsed() < Duration::from_secs(20), "{lock:?}");
        fs::remove_file(&lock).unwrap();
        if !is_root() {
            skip("only root can make a link of another user's");
            continue;
        }
        let precious = sandbox.path("precious");
        fs::rename(path, &precious).unwrap();
        let before = fs::read(&precious).unwrap();
        symlink(&precious, path).unwrap();
        std::os::unix::fs::lchown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        let ran = change();
        assert_ne!(ran.status, 0, "{ran:?}");
        assert!(
            ran.stderr.contains("symbolic link of another user"),
            "{ran:?}"
        );
        assert_eq!(fs::read(&precious).unwrap(), before);
        fs::rename(&precious, path).unwrap();
        assert_eq!(change().status, 0, "{path:?}");
    }
}

/// A pipe where a secret belongs holds nobody up.
#[test]
fn a_pipe_in_place_of_a_secret() {
    let sandbox = with_work();
    let dir = sandbox.path("home/.local/share/paseo/secrets");
    let secret = fs::read_dir(&dir).unwrap().next().unwrap().unwrap().path();
    fs::remove_file(&secret).unwrap();
    let made = Command::new("mkfifo")
        .args(["-m", "600"])
        .arg(&secret)
        .status()
        .unwrap();
    assert!(made.success());
    let start = Instant::now();
    sandbox
        .run(&["-r", "work", "ls"])
        .failed(10, "is not a regular file");
    assert!(start.elapsed() < Duration::from_secs(5));
}

/// A home of somebody who is not root, with our program in it: root may read everything.
struct Theirs(tempfile::TempDir);

impl Theirs {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::set_permissions(home.path(), Permissions::from_mode(0o777)).unwrap();
        // The user may not be allowed into the directory of the build.
        let program = home.path().join("paseo");
        fs::copy(binary(), &program).unwrap();
        fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        Self(home)
    }

    /// A program of theirs.
    fn command(&self, program: &Path) -> Command {
        let mut command = match is_root() {
            true => {
                let mut command = Command::new("setpriv");
                command
                    .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"])
                    .arg(program);
                command
            }
            false => Command::new(program),
        };
        command
            .env_clear()
            .env("HOME", self.0.path())
            .env("PATH", "/usr/bin:/bin")
            .env("NO_COLOR", "1")
            .env("PASEO_BATCH", "1")
            .env("PASEO_KEYSTORE", "file")
            .env("PASEO_PASSWORD", "planted-password")
            .current_dir(self.0.path())
            .stdin(Stdio::null());
        command
    }

    /// Our program as theirs.
    fn paseo(&self, args: &[&str]) -> Command {
        let mut command = self.command(&self.0.path().join("paseo"));
        command.args(args);
        command
    }

    /// Starts a server, and returns the line in which it says this.
    fn server(&self, args: &[&str], ready: &str) -> (Running, String) {
        let mut command = self.paseo(args);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        let stderr = child.stderr.take().unwrap();
        let running = Running(child);
        let (line, said) = std::sync::mpsc::channel();
        let streams: [Box<dyn std::io::Read + Send>; 2] = [Box::new(stdout), Box::new(stderr)];
        for stream in streams {
            let line = line.clone();
            std::thread::spawn(move || {
                let lines = BufReader::new(stream).lines().map_while(Result::ok);
                lines.for_each(|text| drop(line.send(text)));
            });
        }
        let mut said = std::iter::from_fn(|| said.recv_timeout(Duration::from_secs(30)).ok());
        let found = said.find(|line| line.contains(ready));
        (
            running,
            found.unwrap_or_else(|| panic!("{args:?} is not ready")),
        )
    }

    /// Fails unless nobody of the same user can look into a process, and it would leave no core file.
    fn cannot_read(&self, what: &str, pid: u32) {
        for file in ["environ", "mem", "maps"] {
            let path = format!("/proc/{pid}/{file}");
            let mut head = self.command("head".as_ref());
            let read = head.args(["-c", "1", &path]).output().unwrap();
            let said = String::from_utf8_lossy(&read.stderr).into_owned();
            assert!(
                !read.status.success() && said.contains("Permission denied"),
                "{what}, {file}: {read:?}"
            );
        }
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core"));
        let core = core.unwrap().split_whitespace().nth(4);
        assert_eq!(core, Some("0"), "{what}");
    }
}

/// Nobody of the same user reads the memory or the environment of a command that runs.
#[test]
fn a_running_command_cannot_be_read() {
    if is_missing("setpriv") {
        return;
    }
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let theirs = Theirs::new();
    let mut command = theirs.paseo(&["--host", &address, "ls"]);
    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
    let running = Running(command.spawn().unwrap());
    let (_stream, _) = silent.accept().unwrap();
    theirs.cannot_read("ls", running.0.id());
}

/// … nor those of anything that stays: relay, daemon, forward and holder.
#[test]
fn no_server_can_be_read() {
    if is_missing("setpriv") {
        return;
    }
    let theirs = Theirs::new();
    let succeeds = |args: &[&str]| {
        let ran = theirs.paseo(args).output().unwrap();
        assert!(ran.status.success(), "{args:?}: {ran:?}");
        String::from_utf8(ran.stdout).unwrap()
    };
    let (relay, line) = theirs.server(
        &["relay", "serve", "-v", "--listen", "127.0.0.1:0"],
        "address=",
    );
    let address = line.split("address=").nth(1).unwrap();
    let address = address.split_whitespace().next().unwrap();
    let run = [
        "daemon",
        "run",
        "--listen",
        "127.0.0.1:0",
        "--relay",
        address,
    ];
    let (daemon, _) = theirs.server(&run, "connected to the relay");
    succeeds(&["daemon", "pair", "--save", "offer.json"]);
    succeeds(&["remote", "add", "work", "offer.json"]);
    let (forward, _) = theirs.server(&["-r", "work", "forward", "--json"], "\"host\":");
    let hold = ["-r", "work", "mux", "hold", "--persist"];
    let holder = Running(theirs.paseo(&hold).spawn().unwrap());
    let start = Instant::now();
    while !succeeds(&["mux", "ls", "--json"]).contains("\"running\"") {
        assert!(start.elapsed() < Duration::from_secs(30), "no holder");
        std::thread::sleep(Duration::from_millis(50));
    }
    let mut keys = theirs.paseo(&["keystore", "hold", "--for", "1h"]);
    let mut keys = Running(keys.stdin(Stdio::piped()).spawn().unwrap());
    let mut stdin = keys.0.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, &[7; 32]).unwrap();
    let status = format!("/proc/{}/status", keys.0.id());
    let locks = || {
        let status = fs::read_to_string(&status).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmLck:"));
        line.is_some_and(|line| !line.contains(" 0 kB"))
    };
    while !locks() {
        assert!(start.elapsed() < Duration::from_secs(60), "no key");
        std::thread::sleep(Duration::from_millis(10));
    }
    // None ends before all were tried: the holder does not outlive the daemon.
    let servers = [
        ("holder of a key", keys),
        ("relay", relay),
        ("daemon", daemon),
        ("forward", forward),
        ("holder", holder),
    ];
    for (what, running) in &servers {
        theirs.cannot_read(what, running.0.id());
    }
}
