//! The process of a daemon, and those below it.

use std::time::Duration;

use crate::pairing::PidFile;

/// A clock that was set meanwhile makes a process look younger than it is.
const CLOCK_SLACK: Duration = Duration::from_secs(120);

/// A signal to a process.
#[derive(Debug, Clone, Copy)]
pub(super) enum Signal {
    Term,
    Kill,
}

/// Sends a signal to a process and to all below it, those in groups of their own included: the official
/// daemon is a process that looks after another one.
#[cfg(unix)]
pub(super) fn signal_tree(pid: u32, signal: Signal) {
    use rustix::process::{Pid, kill_process};
    let signal = match signal {
        Signal::Term => rustix::process::Signal::TERM,
        Signal::Kill => rustix::process::Signal::KILL,
    };
    for pid in below(pid, &parents()) {
        // 0 and 1 are no daemons, and one that has gone needs no signal.
        let pid = i32::try_from(pid).ok().filter(|pid| *pid > 1);
        if let Some(pid) = pid.and_then(Pid::from_raw) {
            let _ = kill_process(pid, signal);
        }
    }
}

/// There are no signals here: the daemon must be asked.
#[cfg(not(unix))]
pub(super) fn signal_tree(_: u32, _: Signal) {}

/// Returns pairs of a process and its parent; none where the system does not tell.
#[cfg(unix)]
fn parents() -> Vec<(u32, u32)> {
    let ps = std::process::Command::new("ps")
        .args(["-A", "-o", "pid=", "-o", "ppid="])
        .output();
    let text = ps
        .map(|ps| String::from_utf8_lossy(&ps.stdout).into_owned())
        .unwrap_or_default();
    let pair = |line: &str| {
        let mut numbers = line.split_whitespace().map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    };
    text.lines().filter_map(pair).collect()
}

/// Returns a process and all below it, parents first.
fn below(pid: u32, parents: &[(u32, u32)]) -> Vec<u32> {
    let mut found = vec![pid];
    let mut at = 0;
    while let Some(&parent) = found.get(at) {
        let children = parents
            .iter()
            .filter(|(_, of)| *of == parent)
            .map(|(child, _)| *child);
        let new: Vec<u32> = children.filter(|child| !found.contains(child)).collect();
        found.extend(new);
        at += 1;
    }
    found
}

/// Returns how long ago the youngest process below this one began, where the system tells.
#[cfg(unix)]
pub(super) fn child_age(pid: u32) -> Option<Duration> {
    let all = below(pid, &parents());
    // This command may be one of them.
    let others = all[1..].iter().filter(|pid| **pid != std::process::id());
    let began = others.filter_map(|pid| began(*pid)).max()?;
    jiff::Timestamp::now().duration_since(began).try_into().ok()
}

/// The system does not tell.
#[cfg(not(unix))]
pub(super) fn child_age(_: u32) -> Option<Duration> {
    None
}

/// Checks that a process did not begin after the daemon had noted its id: then the id is another
/// process's by now. Where the system does not tell, it passes.
pub(super) fn is_as_old(pid: u32, noted: Option<&PidFile>) -> Result<(), String> {
    let noted = noted.and_then(|noted| noted.started_at.parse::<jiff::Timestamp>().ok());
    let (Some(noted), Some(began)) = (noted, began(pid)) else {
        return Ok(());
    };
    match began.duration_since(noted)
        > jiff::SignedDuration::try_from(CLOCK_SLACK).unwrap_or_default()
    {
        true => Err(format!(
            "process {pid} is not the daemon: it is younger than the pid file"
        )),
        false => Ok(()),
    }
}

/// Returns when a process began, from Linux's `/proc`.
fn began(pid: u32) -> Option<jiff::Timestamp> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name of the program, which may hold anything, ends with the last parenthesis.
    let ticks: i64 = stat
        .rsplit_once(')')?
        .1
        .split_whitespace()
        .nth(19)?
        .parse()
        .ok()?;
    let system = std::fs::read_to_string("/proc/stat").ok()?;
    let boot = system
        .lines()
        .find_map(|line| line.strip_prefix("btime "))?;
    let boot: i64 = boot.trim().parse().ok()?;
    jiff::Timestamp::from_second(boot + ticks / TICKS_PER_SECOND).ok()
}

/// What Linux tells user space, whatever the kernel's own clock is.
const TICKS_PER_SECOND: i64 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_processes_below_are_found() {
        let parents = [(2, 1), (3, 2), (4, 3), (5, 1), (6, 2), (2, 6)];
        assert_eq!(below(2, &parents), [2, 3, 6, 4]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_age_of_a_child_is_told() {
        let mut child = std::process::Command::new("sleep")
            .arg("100")
            .spawn()
            .unwrap();
        let age = child_age(std::process::id()).unwrap();
        assert_eq!(child_age(child.id()), None);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(age < Duration::from_secs(60), "{age:?}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_that_is_too_young_is_another_one() {
        let noted = |started_at: &str| PidFile {
            pid: std::process::id(),
            started_at: started_at.to_owned(),
            hostname: String::new(),
            uid: 0,
            listen: None,
            desktop_managed: false,
        };
        let now = jiff::Timestamp::now().to_string();
        assert!(is_as_old(std::process::id(), Some(&noted(&now))).is_ok());
        assert!(is_as_old(std::process::id(), Some(&noted("2001-01-01T00:00:00Z"))).is_err());
        assert!(is_as_old(std::process::id(), Some(&noted(""))).is_ok());
    }
}
