//! `paseo.pid`: which process is the daemon of a home, and where it listens.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::home::{Home, HomeError};
use crate::files::{self, FileError, Lock};

/// How long to wait for another process that claims the same home.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// Content of `paseo.pid`, in the official format. `pid` is that of the official daemon's supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PidFile {
    /// Process id.
    pub pid: u32,
    /// ISO 8601, UTC.
    #[serde(default)]
    pub started_at: String,
    /// Name of the machine.
    #[serde(default)]
    pub hostname: String,
    /// The user.
    #[serde(default)]
    pub uid: u32,
    /// `host:port` or the path of a socket; `None` while the daemon starts.
    #[serde(default)]
    pub listen: Option<String>,
    /// Whether the desktop app looks after the daemon.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub desktop_managed: bool,
}

impl PidFile {
    pub(super) const NAME: &str = "paseo.pid";

    /// Returns whether a process has this id. It need not be the daemon: ids are used again.
    pub fn is_alive(&self) -> bool {
        #[cfg(unix)]
        {
            use rustix::io::Errno;
            use rustix::process::{Pid, test_kill_process};
            let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
            // A process of another user may not be signalled, but it is there.
            pid.is_some_and(|pid| !matches!(test_kill_process(pid), Err(Errno::SRCH)))
                && !is_zombie(self.pid)
        }
        #[cfg(not(unix))]
        {
            true
        }
    }
}

/// Returns whether a process has ended and only its parent has not noticed, where `/proc` tells it.
#[cfg(unix)]
fn is_zombie(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name of the program, which may hold anything, ends with the last parenthesis.
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| rest.trim_start().starts_with('Z'))
}

/// The claim of a running daemon on its home; dropping it removes the file.
#[derive(Debug)]
pub struct PidGuard {
    path: PathBuf,
    content: PidFile,
}

impl Home {
    /// Claims this home for a daemon. The claim of a process that has gone is replaced; that of a living
    /// one is an error.
    pub fn claim(&self, content: PidFile) -> Result<PidGuard, ClaimError> {
        files::create_private_dir(self.dir())?;
        let path = self.file(PidFile::NAME);
        // So that nobody removes the file of a dead daemon when it is a living one's already.
        let _lock = Lock::acquire(&self.file(".paseo.pid.lock"), LOCK_PATIENCE)?;
        if let Some(other) = self.pid()? {
            if other.is_alive() && other.pid != content.pid {
                return Err(ClaimError::Running(other.pid));
            }
            files::remove(&path)?;
        }
        // Official daemons know no lock: this step alone decides between them and us.
        files::create_private(&path, &json(&content))?;
        Ok(PidGuard { path, content })
    }
}

impl Home {
    /// Removes the file of a process that has gone.
    pub fn forget_dead(&self) -> Result<(), ClaimError> {
        let _lock = Lock::acquire(&self.file(".paseo.pid.lock"), LOCK_PATIENCE)?;
        if self.pid()?.is_some_and(|pid| !pid.is_alive()) {
            files::remove(&self.file(PidFile::NAME))?;
        }
        Ok(())
    }
}

fn json(content: &PidFile) -> Vec<u8> {
    serde_json::to_vec(content).expect("texts and numbers always serialise")
}

impl PidGuard {
    /// Writes down where the daemon listens.
    pub fn listening(&mut self, listen: String) -> Result<(), FileError> {
        self.content.listen = Some(listen);
        files::write_private(&self.path, &json(&self.content))
    }
}

impl Drop for PidGuard {
    fn drop(&mut self) {
        // Best effort: a file that stays names a process that has gone.
        let _ = files::remove(&self.path);
    }
}

/// Why a home could not be claimed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimError {
    /// Another daemon runs here.
    #[error("a daemon already runs in this home, with process id {0}")]
    Running(u32),
    /// The claim that is there cannot be read.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The claim cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn content(pid: u32) -> PidFile {
        PidFile {
            pid,
            started_at: "2026-11-22T13:27:30.547Z".into(),
            hostname: "vm".into(),
            uid: 0,
            listen: None,
            desktop_managed: false,
        }
    }

    #[test]
    fn official_files_are_understood() {
        let home = tempfile::tempdir().unwrap();
        let home = Home::new(home.path());
        assert_eq!(home.pid().unwrap(), None);
        let official = r#"{"pid":13988,"startedAt":"2026-11-22T13:27:30.547Z","hostname":"vm","uid":0,"listen":"127.0.0.1:16767","heartbeat":true}"#;
        std::fs::write(home.file(PidFile::NAME), official).unwrap();
        let pid = home.pid().unwrap().unwrap();
        assert_eq!(
            (pid.pid, pid.listen.as_deref()),
            (13988, Some("127.0.0.1:16767"))
        );
        std::fs::write(home.file(PidFile::NAME), "13988\n").unwrap();
        assert!(matches!(home.pid(), Err(HomeError::Pid { .. })));
    }

    #[test]
    fn one_daemon_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path().join("home"));
        let ours = std::process::id();
        let mut claim = home.claim(content(ours)).unwrap();
        claim.listening("127.0.0.1:1".into()).unwrap();
        assert_eq!(
            home.pid().unwrap().unwrap().listen.as_deref(),
            Some("127.0.0.1:1")
        );
        assert!(home.pid().unwrap().unwrap().is_alive());
        let refused = home.claim(content(ours + 1));
        assert!(matches!(refused, Err(ClaimError::Running(pid)) if pid == ours));
        drop(claim);
        assert_eq!(home.pid().unwrap(), None);
    }

    #[test]
    fn the_claim_of_a_dead_process_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path());
        // Beyond any kernel's largest process id, which is 2^22.
        let dead = content(1 << 30);
        assert!(!dead.is_alive());
        std::mem::forget(home.claim(dead).unwrap());
        assert!(home.claim(content(std::process::id())).is_ok());
    }
}
