//! `paseo.pid`: which process is the daemon of a home, and where it listens.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::home::{Home, HomeError, MAX_FILE_BYTES};
use super::process::{ProcessMark, Standing};
use crate::files::{self, FileError, Lock};

/// How long to wait for the lock: who only looks has it for a moment.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);

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
    /// What tells the process of a daemon of ours from another one with the same id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessMark>,
}

impl PidFile {
    pub(super) const NAME: &str = "paseo.pid";

    /// Beside it: held locked by a daemon of ours as long as it lives.
    pub(super) const LOCK: &str = ".paseo.pid.lock";
}

/// The claim of a running daemon on its home: a lock for its life, and the file that tells official
/// programs of it. Dropping it removes the file.
#[derive(Debug)]
pub struct PidGuard {
    path: PathBuf,
    content: PidFile,
    _lock: Lock,
}

impl Home {
    /// Claims this home for this process. The file of a process that has gone is replaced, and so is one
    /// whose id another process has by now; that of a running daemon is an error.
    pub fn claim(&self, mut content: PidFile) -> Result<PidGuard, ClaimError> {
        files::create_private_dir(self.dir())?;
        self.check_private()?;
        content.process = Some(ProcessMark::ours());
        let path = self.file(PidFile::NAME);
        let lock = match Lock::acquire(&self.file(PidFile::LOCK), LOCK_PATIENCE) {
            Ok(lock) => lock,
            Err(FileError::Locked { .. }) => {
                return Err(match self.pid()? {
                    Some(pid) => ClaimError::Running(pid.pid),
                    None => ClaimError::Starting,
                });
            }
            Err(error) => return Err(error.into()),
        };
        if let Some(other) = self.pid()? {
            // A daemon of ours that lived would hold the lock.
            let lives = other.process.is_none() && other.pid != content.pid;
            match self.standing(&other) {
                Standing::Runs | Standing::Unknown if lives => {
                    return Err(ClaimError::Running(other.pid));
                }
                Standing::Elsewhere { host } if lives => {
                    return Err(ClaimError::Elsewhere { host, path });
                }
                _ => files::remove(&path)?,
            };
        }
        // Official daemons know no lock: this step alone decides between them and us.
        files::create_private(&path, &json(&content), MAX_FILE_BYTES)?;
        Ok(PidGuard {
            path,
            content,
            _lock: lock,
        })
    }

    /// Removes the file of a process that has gone.
    pub fn forget_dead(&self) -> Result<(), ClaimError> {
        let _lock = match Lock::acquire(&self.file(PidFile::LOCK), LOCK_PATIENCE) {
            Ok(lock) => lock,
            // A daemon has taken over.
            Err(FileError::Locked { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        if let Some(pid) = self.pid()?
            && (pid.process.is_some() || self.standing(&pid) == Standing::Gone)
        {
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
        files::write_private(&self.path, &json(&self.content), MAX_FILE_BYTES)
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
    /// Another daemon has the lock, and has not said yet who it is.
    #[error("another daemon starts in this home")]
    Starting,
    /// A daemon of another machine may run here, which cannot be looked up.
    #[error("{} names a daemon of the machine {host}", path.display())]
    Elsewhere {
        /// That machine.
        host: String,
        /// The pid file.
        path: PathBuf,
    },
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
            hostname: String::new(),
            uid: 0,
            listen: None,
            desktop_managed: false,
            process: None,
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
        let refused = home.claim(content(ours + 1));
        assert!(matches!(refused, Err(ClaimError::Running(pid)) if pid == ours));
        drop(claim);
        assert_eq!(home.pid().unwrap(), None);
    }

    #[test]
    fn the_file_of_another_process_does_not_block() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path());
        let path = home.file(PidFile::NAME);
        let mut sleep = std::process::Command::new("sleep")
            .arg("100")
            .spawn()
            .unwrap();
        // Beyond any kernel's largest process id, which is 2^22; and one that is somebody else's.
        for pid in [1 << 30, sleep.id()] {
            std::fs::write(&path, json(&content(pid))).unwrap();
            home.claim(content(std::process::id())).unwrap();
        }
        let marked = PidFile {
            process: Some(ProcessMark::ours()),
            hostname: "another".into(),
            ..content(std::process::id() + 1)
        };
        std::fs::write(&path, json(&marked)).unwrap();
        home.claim(content(std::process::id()))
            .expect("a daemon of ours would hold the lock");
        let official = PidFile {
            hostname: "another".into(),
            ..content(sleep.id())
        };
        std::fs::write(&path, json(&official)).unwrap();
        let refused = home.claim(content(std::process::id()));
        assert!(matches!(refused, Err(ClaimError::Elsewhere { .. })));
        sleep.kill().unwrap();
        sleep.wait().unwrap();
    }

    #[test]
    fn a_home_that_others_can_write_to_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path());
        std::fs::write(home.file("server-id"), "srv_1").unwrap();
        for (mode, refused) in [(0o777, true), (0o770, true), (0o755, false), (0o700, false)] {
            std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(mode)).unwrap();
            let claim = home.claim(content(std::process::id()));
            assert_eq!(claim.is_err(), refused, "{mode:o}: {claim:?}");
        }
    }
}
