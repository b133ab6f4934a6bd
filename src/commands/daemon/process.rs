//! The process of a daemon, and those below it.

use std::time::Duration;

use crate::pairing::began;
use crate::subprocess;

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
    let ps = subprocess::command("ps")
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
}
