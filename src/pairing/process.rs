//! Whether the process that a pid file names is the daemon: ids are used again, and files travel.

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::PidFile;
use super::home::Home;
use crate::files::Lock;

/// A clock that was set meanwhile makes a process look younger than it is.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_secs(120);
/// What Linux tells user space, whatever the kernel's own clock is.
const TICKS_PER_SECOND: i64 = 100;

/// What tells a process from another one that has its id later. Only our daemons write it, and those hold
/// the lock of their home as long as they live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessMark {
    /// Its program.
    pub exe: PathBuf,
    /// When it began, in ticks since the machine started; `None` where the system does not tell.
    #[serde(default)]
    pub start_ticks: Option<u64>,
}

impl ProcessMark {
    /// The mark of this process.
    pub(super) fn ours() -> Self {
        Self {
            exe: std::env::current_exe().unwrap_or_default(),
            start_ticks: start_ticks(std::process::id()),
        }
    }
}

/// What is known of the process that a pid file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is the daemon.
    Runs,
    /// It has gone, or its id is another process's by now.
    Gone,
    /// There is a process with this id, and this system does not tell which.
    Unknown,
    /// The file was written on another machine.
    Elsewhere {
        /// That machine.
        host: String,
    },
}

impl Home {
    /// Looks whether the process of a pid file of this home is the daemon. For our daemons the lock on the
    /// home says so; of official ones it is looked up when the process began and what it runs.
    pub fn standing(&self, pid: &PidFile) -> Standing {
        let held = match &pid.process {
            // Where the lock cannot be asked, it does not count.
            Some(_) => Lock::is_held(&self.file(PidFile::LOCK)).ok(),
            None => None,
        };
        if held == Some(false) {
            return Standing::Gone;
        }
        // A machine may get another name while its daemon runs.
        if let (Some(mark), Some(true)) = (&pid.process, held)
            && is_marked(pid.pid, mark)
        {
            return Standing::Runs;
        }
        if !pid.hostname.is_empty() && pid.hostname != this_machine() {
            let host = pid.hostname.clone();
            return Standing::Elsewhere { host };
        }
        if !exists(pid.pid) {
            return Standing::Gone;
        }
        match &pid.process {
            Some(mark) if differs(pid.pid, mark) => Standing::Gone,
            Some(_) if held == Some(true) => Standing::Runs,
            _ => looked_up(pid),
        }
    }
}

/// Looks a process up that holds no lock, which is an official daemon's or none.
fn looked_up(noted: &PidFile) -> Standing {
    let (Some(began), Some(words)) = (began(noted.pid), command_line(noted.pid)) else {
        return Standing::Unknown;
    };
    // It would be as old as the file, and each of its command lines has the name.
    let started = noted.started_at.parse::<Timestamp>();
    let too_young = started.is_ok_and(|started| began.duration_since(started) > CLOCK_SLACK);
    match too_young || !words.to_lowercase().contains("paseo") {
        true => Standing::Gone,
        false => Standing::Runs,
    }
}

/// Whether a process of this machine is the marked one, beyond doubt.
fn is_marked(pid: u32, mark: &ProcessMark) -> bool {
    let ticks = start_ticks(pid);
    ticks.is_some() && ticks == mark.start_ticks && exists(pid) && !differs(pid, mark)
}

/// Whether a process is another one than the marked one.
fn differs(pid: u32, mark: &ProcessMark) -> bool {
    let ticks = start_ticks(pid);
    // It cannot be read of every process, and it is another one when the program was replaced.
    let exe = std::fs::read_link(format!("/proc/{pid}/exe")).ok();
    let name = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.trim_end_matches(" (deleted)").to_owned()
    };
    let other = |exe: PathBuf| name(&exe) != name(&mark.exe);
    (ticks.is_some() && mark.start_ticks.is_some() && ticks != mark.start_ticks)
        || exe.is_some_and(other)
}

/// Whether there is a process with this id, other than one that has ended and that nobody has buried.
fn exists(pid: u32) -> bool {
    #[cfg(unix)]
    {
        use rustix::io::Errno;
        use rustix::process::{Pid, test_kill_process};
        let known = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let is_zombie = || stat(pid).is_some_and(|stat| stat.starts_with('Z'));
        // A process of another user may not be signalled, but it is there.
        known.is_some_and(|pid| !matches!(test_kill_process(pid), Err(Errno::SRCH))) && !is_zombie()
    }
    #[cfg(not(unix))]
    {
        let _ = pid;
        true
    }
}

/// What Linux tells of a process, from its state on.
fn stat(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name of the program, which may hold anything, ends with the last parenthesis.
    Some(stat.rsplit_once(')')?.1.trim_start().to_owned())
}

fn start_ticks(pid: u32) -> Option<u64> {
    stat(pid)?.split_whitespace().nth(19)?.parse().ok()
}

/// Returns when a process began, where the system tells.
pub fn began(pid: u32) -> Option<Timestamp> {
    let ticks = i64::try_from(start_ticks(pid)?).ok()?;
    let system = std::fs::read_to_string("/proc/stat").ok()?;
    let mut lines = system.lines();
    let boot = lines.find_map(|line| line.strip_prefix("btime "))?;
    let boot: i64 = boot.trim().parse().ok()?;
    Timestamp::from_second(boot + ticks / TICKS_PER_SECOND).ok()
}

fn command_line(pid: u32) -> Option<String> {
    let words = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    Some(String::from_utf8_lossy(&words).into_owned())
}

/// Name of this machine.
pub fn this_machine() -> String {
    #[cfg(unix)]
    {
        let system = rustix::system::uname();
        system.nodename().to_string_lossy().into_owned()
    }
    #[cfg(not(unix))]
    {
        "localhost".to_owned()
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    fn noted(pid: u32, started_at: &str, hostname: &str) -> PidFile {
        PidFile {
            pid,
            started_at: started_at.to_owned(),
            hostname: hostname.to_owned(),
            uid: 0,
            listen: None,
            desktop_managed: false,
            process: None,
        }
    }

    #[test]
    fn the_process_of_a_pid_file_is_looked_up() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path());
        let now = Timestamp::now().to_string();
        // The test itself has the name in its command line; `sleep` has not.
        let ours = std::process::id();
        let here = this_machine();
        assert_eq!(home.standing(&noted(ours, &now, &here)), Standing::Runs);
        let old = noted(ours, "2001-01-01T00:00:00Z", "");
        assert_eq!(home.standing(&old), Standing::Gone);
        let elsewhere = Standing::Elsewhere { host: "h".into() };
        assert_eq!(home.standing(&noted(ours, &now, "h")), elsewhere);
        assert_eq!(home.standing(&noted(1 << 30, &now, "")), Standing::Gone);
        let mut sleep = std::process::Command::new("sleep")
            .arg("100")
            .spawn()
            .unwrap();
        assert_eq!(home.standing(&noted(sleep.id(), &now, "")), Standing::Gone);
        sleep.kill().unwrap();
        sleep.wait().unwrap();
    }

    #[test]
    fn a_daemon_of_ours_runs_as_long_as_it_holds_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path());
        let now = Timestamp::now().to_string();
        let claim = home
            .claim(noted(std::process::id(), &now, &this_machine()))
            .unwrap();
        let mut pid = home.pid().unwrap().unwrap();
        assert_eq!(home.standing(&pid), Standing::Runs);
        let renamed = PidFile {
            hostname: "h".into(),
            ..pid.clone()
        };
        assert_eq!(home.standing(&renamed), Standing::Runs, "of the machine");
        let mark = pid.process.as_mut().unwrap();
        mark.start_ticks = mark.start_ticks.map(|ticks| ticks + 1);
        assert_eq!(home.standing(&pid), Standing::Gone);
        mark_back(&mut pid);
        drop(claim);
        assert_eq!(home.standing(&pid), Standing::Gone);
        pid.hostname = "h".into();
        assert_eq!(home.standing(&pid), Standing::Gone, "no lock is held");
    }

    fn mark_back(pid: &mut PidFile) {
        pid.process = Some(ProcessMark::ours());
    }
}
