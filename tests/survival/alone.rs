//! Faults that take a machine of one's own: packets that the kernel loses, and a clock that jumps. The tests run
//! themselves again in namespaces.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::attach::{Fault, survives};
use crate::road::Way;
use crate::tool::{is_missing, skip};

/// Runs one of the tests below in a network, and with mounts, of its own.
fn alone(test: &str, tools: &[&str]) {
    if is_missing("unshare") || tools.iter().any(|tool| is_missing(tool)) {
        return;
    }
    let unshare = |program: &std::ffi::OsStr, args: &[&str]| {
        let mut command = Command::new("unshare");
        command.arg("-rnm").arg(program).args(args);
        command.output().unwrap()
    };
    let may = unshare("true".as_ref(), &[]);
    if !may.status.success() {
        return skip(&format!("no namespaces can be made here: {may:?}"));
    }
    let program = std::env::current_exe().unwrap();
    let args = ["--exact", test, "--ignored", "--nocapture"];
    let inside = unshare(program.as_os_str(), &args);
    let said = String::from_utf8_lossy(&inside.stdout);
    assert!(said.contains("1 passed"), "{inside:?}");
}

fn succeed(program: &str, args: &[&str]) {
    let done = Command::new(program).args(args).output().unwrap();
    assert!(done.status.success(), "{program} {args:?}: {done:?}");
}

#[test]
fn a_fifth_of_the_packets_is_lost() {
    alone("alone::without_a_fifth", &["ip", "nft"]);
}

#[test]
#[ignore = "runs in a network of its own, started by the other test"]
fn without_a_fifth() {
    succeed("ip", &["link", "set", "lo", "up"]);
    let faults = [
        Fault::LosesPackets(20, 1500),
        Fault::Drops(1),
        Fault::LosesPackets(20, 1000),
    ];
    survives("a fifth of the packets lost", &["attach"], &faults);
    let faults = [
        Fault::LosesPackets(20, 2000),
        Fault::Becomes(Way::Dead, 500),
    ];
    let logs = ["logs", "-f", "--tail", "100000"];
    survives("the same for logs", &logs, &faults);
}

#[test]
fn half_an_hour_of_sleep() {
    alone("alone::asleep_for_half_an_hour", &["ip", "mount"]);
}

#[test]
#[ignore = "runs with mounts of its own, started by the other test"]
fn asleep_for_half_an_hour() {
    succeed("ip", &["link", "set", "lo", "up"]);
    let asleep = [Fault::SleepsByTheClock(Duration::from_secs(30 * 60))];
    survives("half an hour of sleep", &["attach"], &asleep);
}

/// Loses so many of a hundred packets of a port, both ways. They are whole again when this is dropped.
pub(crate) struct Losing;

impl Losing {
    pub(crate) fn at(port: u16, percent: u32) -> Self {
        for side in ["sport", "dport"] {
            let rule = format!(
                "table inet loss {{ chain {side} {{ type filter hook input priority 0; \
                 tcp {side} {port} numgen random mod 100 < {percent} drop; }}; }}"
            );
            succeed("nft", &[&rule]);
        }
        Self
    }
}

impl Drop for Losing {
    fn drop(&mut self) {
        succeed("nft", &["delete table inet loss"]);
    }
}

/// The uptime of the machine, as every program in these namespaces sees it: it can be set forward, as sleep does.
pub(crate) struct Uptime {
    ahead: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
}

impl Uptime {
    pub(crate) fn take_over() -> Self {
        let (ahead, ended) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let file = tempfile::NamedTempFile::new().unwrap();
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let uptime: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        let start = Instant::now();
        let tell = move |file: &File, ahead: u64| {
            let now = uptime + start.elapsed().as_secs_f64() + ahead as f64;
            // Of the same length each time, so that nobody reads a half of it.
            file.write_all_at(format!("{now:015.2} 0.00\n").as_bytes(), 0)
                .unwrap();
        };
        tell(file.as_file(), 0);
        let path = file.path().display().to_string();
        succeed("mount", &["--bind", &path, "/proc/uptime"]);
        let (more, over) = (Arc::clone(&ahead), Arc::clone(&ended));
        thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                tell(file.as_file(), more.load(Ordering::Relaxed));
                thread::sleep(Duration::from_millis(50));
            }
        });
        Self { ahead, ended }
    }

    /// So long nothing has happened.
    pub(crate) fn jump(&self, time: Duration) {
        self.ahead.fetch_add(time.as_secs(), Ordering::Relaxed);
    }
}

impl Drop for Uptime {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}
