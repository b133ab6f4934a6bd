//! The process that outlives a killed daemon for a moment, and ends its children.

use std::collections::BTreeSet;
use std::fmt;
use std::io::BufRead;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// How long groups may go on after SIGTERM.
const GRACE: Duration = Duration::from_secs(2);
/// How often to look whether they have gone.
const LOOK: Duration = Duration::from_millis(20);

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

/// Listens to a daemon until it is gone, then ends the groups that are left. Lines of no sense are
/// passed over.
pub fn guard(daemon: impl BufRead) {
    let mut groups = BTreeSet::new();
    for line in daemon.lines().map_while(Result::ok) {
        match line.parse() {
            Ok(Change::Started(group)) => groups.insert(group),
            Ok(Change::Ended(group)) => groups.remove(&group),
            Err(()) => false,
        };
    }
    groups.iter().for_each(|group| group.ask());
    let deadline = Instant::now() + GRACE;
    while groups.iter().any(|group| group.is_alive()) && Instant::now() < deadline {
        std::thread::sleep(LOOK);
    }
    groups.iter().for_each(|group| group.kill());
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
