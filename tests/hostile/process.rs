//! The real binary, watched: how long it ran, how it ended, what it said, and how much memory it had at most.

use std::io::{BufRead, BufReader, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Most memory in KiB, at the worst moment, of a command: one message of the greatest size as it comes (32 MiB),
/// as text and decrypted, and the program.
pub(crate) const COMMAND_KIB: u64 = 160 * 1024;
/// … of a server that many strangers come to at once.
pub(crate) const SERVER_KIB: u64 = 512 * 1024;
/// How long a command may take: 10 s to connect and 6 s for the daemon to introduce itself, on a busy machine.
const DEADLINE: Duration = Duration::from_secs(45);

/// Most memory of any command so far, in KiB.
static COMMANDS_KIB: AtomicU64 = AtomicU64::new(0);

/// What nobody may say.
const SECRETS: [&str; 3] = ["srv_planted1", "planted-password", KEY];
/// The public key of the daemon whose secret key is 32 times 0x17.
pub(crate) const KEY: &str = "8T/vPvqVmKKiP8dWv2iP6LvX9s+VKLuu87REJojwqzE=";

pub(crate) fn paseo(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paseo"));
    command
        .args(args)
        .env_clear()
        .env("HOME", home)
        .env("NO_COLOR", "1")
        .env("PASEO_BATCH", "1")
        .env("PASEO_KEYSTORE", "file")
        .env("RUST_BACKTRACE", "1")
        .current_dir(home)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// The most memory that a process of ours has had, in KiB; `None` when it is over, or still what started it.
pub(crate) fn peak(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.strip_prefix("Name:\tpaseo")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// How a command went.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a command to its end, and fails when it breaks a rule.
pub(crate) fn run(what: &str, mut command: Command) -> Ran {
    let mut child = command.spawn().unwrap();
    let (stdout, stderr) = (
        drain(child.stdout.take().unwrap()),
        drain(child.stderr.take().unwrap()),
    );
    let (start, mut peak_kib) = (Instant::now(), 0);
    let status = loop {
        peak_kib = peak(child.id()).unwrap_or_default().max(peak_kib);
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > DEADLINE {
            child.kill().unwrap();
            panic!("{what}: it hangs: {}", stderr.join().unwrap());
        }
        thread::sleep(Duration::from_millis(5));
    };
    let ran = Ran {
        status: status.code().unwrap_or(-1),
        stdout: stdout.join().unwrap(),
        stderr: stderr.join().unwrap(),
    };
    COMMANDS_KIB.fetch_max(peak_kib, Ordering::Relaxed);
    assert!(peak_kib < COMMAND_KIB, "{what}: {peak_kib} KiB: {ran:?}");
    assert!(
        ran.status >= 0 && ran.status != 101,
        "{what}: {status}: {ran:?}"
    );
    says_nothing_wrong(what, &(ran.stdout.clone() + &ran.stderr));
    ran
}

fn drain(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Fails on a panic and on a secret.
fn says_nothing_wrong(what: &str, said: &str) {
    assert!(!said.contains("panicked"), "{what}: {said}");
    for (n, secret) in SECRETS.iter().enumerate() {
        assert!(!said.contains(secret), "{what}: secret {n} is said");
    }
}

/// A server of ours. Killed when dropped.
pub(crate) struct Server {
    child: Child,
    said: Arc<Mutex<String>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Server {
    /// Ends it at once.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it, and waits until it says `ready`.
    pub(crate) fn start(mut command: Command, ready: &str) -> Self {
        let mut child = command.spawn().unwrap();
        let said = Arc::<Mutex<String>>::default();
        collect(child.stdout.take().unwrap(), Arc::clone(&said));
        collect(child.stderr.take().unwrap(), Arc::clone(&said));
        let server = Self { child, said };
        server.until(ready, |said| said.contains(ready));
        server
    }

    /// Waits until what it has said fits.
    pub(crate) fn until(&self, what: &str, fits: impl Fn(&str) -> bool) {
        let start = Instant::now();
        while !fits(&self.said()) {
            let said = self.said();
            assert!(start.elapsed() < DEADLINE, "never {what}: {said}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Everything that it has said so far.
    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// The word after this one, as in `address=127.0.0.1:1`.
    pub(crate) fn said_after(&self, word: &str) -> String {
        let said = self.said();
        let rest = said
            .split(word)
            .nth(1)
            .unwrap_or_else(|| panic!("no {word}: {said}"));
        let end = rest.find(|c: char| c.is_whitespace() || c == '"');
        rest[..end.unwrap_or(rest.len())].to_owned()
    }

    /// The most memory that it has had, in KiB.
    pub(crate) fn peak(&self) -> u64 {
        peak(self.child.id()).unwrap()
    }

    /// Fails unless it is still there and has kept every rule.
    pub(crate) fn is_well(&mut self, what: &str) {
        let kib = peak(self.child.id());
        assert!(
            self.child.try_wait().unwrap().is_none(),
            "{what}: it ended: {}",
            self.said()
        );
        let kib = kib.unwrap();
        println!("a server has had at most {kib} KiB: {what}");
        assert!(kib < SERVER_KIB, "{what}: {kib} KiB");
        says_nothing_wrong(what, &self.said());
    }
}

fn collect(pipe: impl Read + Send + 'static, said: Arc<Mutex<String>>) {
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            let mut said = said.lock().unwrap();
            said.push_str(&line);
            said.push('\n');
        }
    });
}

/// Does something for every row, a few at once. Every row has its turn, whatever comes of another one.
pub(crate) fn each<T: Sync>(rows: &[T], at_once: usize, check: impl Fn(&T) + Sync) {
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let checked = catch_unwind(AssertUnwindSafe(|| check(row)));
                    failed.fetch_add(usize::from(checked.is_err()), Ordering::Relaxed);
                }
            });
        }
    });
    let commands = COMMANDS_KIB.load(Ordering::Relaxed);
    println!("commands have had at most {commands} KiB");
    let failed = failed.into_inner();
    assert_eq!(failed, 0, "so many rows failed, see above");
}
