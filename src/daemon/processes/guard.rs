//! The process that outlives a daemon for a moment, and ends its children.

use std::collections::BTreeSet;
use std::fmt;
use std::io::BufRead;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// How long groups may go on after SIGTERM.
const GRACE: Duration = Duration::from_secs(2);
/// How often to look whether they have gone.
const LOOK: Duration = Duration::from_millis(20);
/// How often those that have left their group are looked for at most, once they are killed.
const MAX_LOOKS: usize = 50;

/// A process group: the id of its first process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Group(u32);

impl Group {
    /// Takes the id of a process that leads a group; 0 and 1 are none of ours.
    pub(super) fn new(id: u32) -> Option<Self> {
        (id > 1 && i32::try_from(id).is_ok()).then_some(Self(id))
    }

    /// Asks all of it to end.
    pub(super) fn ask(self) {
        #[cfg(unix)]
        self.signal(rustix::process::Signal::TERM);
    }

    /// Ends all of it.
    pub(super) fn kill(self) {
        #[cfg(unix)]
        self.signal(rustix::process::Signal::KILL);
    }

    #[cfg(unix)]
    fn signal(self, signal: rustix::process::Signal) {
        if let Some(group) = self.pid() {
            // Gone already is as good.
            let _ = rustix::process::kill_process_group(group, signal);
        }
    }

    #[cfg(unix)]
    fn pid(self) -> Option<rustix::process::Pid> {
        rustix::process::Pid::from_raw(i32::try_from(self.0).ok()?)
    }

    fn is_alive(self) -> bool {
        #[cfg(unix)]
        {
            let test = rustix::process::test_kill_process_group;
            self.pid().is_some_and(|group| test(group).is_ok())
        }
        #[cfg(not(unix))]
        false
    }
}

/// The variable in the environment of an agent's or a script's process, and so of all that it starts,
/// by which those are found that have left its group.
pub(super) const MARK: &str = "PASEO_SPAWNED_BY";

/// What the daemon tells: a line of `+` or `-` and the id of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// There is a new one.
    Started(Group),
    /// It has ended.
    Ended(Group),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started(group) => write!(f, "+{}", group.0),
            Self::Ended(group) => write!(f, "-{}", group.0),
        }
    }
}

impl FromStr for Change {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let group = |digits: &str| {
            let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
            let id = digits.parse().ok().filter(|_| plain);
            id.and_then(Group::new).ok_or(())
        };
        match line.split_at_checked(1).ok_or(())? {
            ("+", digits) => group(digits).map(Self::Started),
            ("-", digits) => group(digits).map(Self::Ended),
            _ => Err(()),
        }
    }
}

/// Listens to a daemon until it is gone, then ends the groups that are left, and the processes that have
/// left theirs. The first line is the mark of those. Other lines of no sense are passed over.
pub fn guard(daemon: impl BufRead) {
    let mut groups = BTreeSet::new();
    let mut lines = daemon.lines().map_while(Result::ok);
    let mark = lines
        .next()
        .filter(|mark| uuid::Uuid::try_parse(mark).is_ok());
    for line in lines {
        match line.parse() {
            Ok(Change::Started(group)) => groups.insert(group),
            Ok(Change::Ended(group)) => groups.remove(&group),
            Err(()) => false,
        };
    }
    let strays = || mark.as_deref().map(marked).unwrap_or_default();
    groups.iter().for_each(|group| group.ask());
    strays().iter().for_each(|stray| stray.ask());
    let deadline = Instant::now() + GRACE;
    let any = || groups.iter().any(|group| group.is_alive()) || !strays().is_empty();
    while any() && Instant::now() < deadline {
        std::thread::sleep(LOOK);
    }
    groups.iter().for_each(|group| group.kill());
    // What has just been started by one that is killed is found by the next look.
    for _ in 0..MAX_LOOKS {
        let left = strays();
        if left.is_empty() {
            return;
        }
        left.iter().for_each(|stray| stray.kill());
        std::thread::sleep(LOOK);
    }
}

/// A process that has the mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stray(u32);

impl Stray {
    fn ask(self) {
        #[cfg(unix)]
        self.signal(rustix::process::Signal::TERM);
    }

    fn kill(self) {
        #[cfg(unix)]
        self.signal(rustix::process::Signal::KILL);
    }

    #[cfg(unix)]
    fn signal(self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.0).ok();
        if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
            // Gone already is as good.
            let _ = rustix::process::kill_process(pid, signal);
        }
    }
}

/// Finds the processes whose environment has a mark, where there is a `/proc`. The environment is the one
/// that a program was started with, so a program can leave it out only for others.
fn marked(mark: &str) -> Vec<Stray> {
    let variable = format!("{MARK}={mark}");
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let ids = processes
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let has_mark = |id: &u32| {
        // Those of other users cannot be read, and are not ours. One that has ended has none.
        let environment = std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        let mut variables = environment.split(|byte| *byte == 0);
        variables.any(|it| it == variable.as_bytes())
    };
    ids.filter(|id| *id > 1 && *id != std::process::id())
        .filter(has_mark)
        .map(Stray)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn no_group_of_others_is_named() {
        for line in ["+0", "+1", "-1", "+-5", "+4294967295", "+", "", "5", "++5"] {
            assert_eq!(line.parse::<Change>(), Err(()), "{line}");
        }
    }

    proptest! {
        #[test]
        fn changes_come_back(id in 2..=i32::MAX as u32, started: bool) {
            let group = Group::new(id).expect("in range");
            let change = if started { Change::Started(group) } else { Change::Ended(group) };
            prop_assert_eq!(change.to_string().parse(), Ok(change));
        }

        #[test]
        fn any_line_is_answered(line in any::<String>()) {
            let _ = line.parse::<Change>();
        }
    }
}
