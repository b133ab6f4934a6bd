//! What is remembered between commands, and may be lost at any time: of a daemon its version and the ids
//! under which we have sessions with it, and which remote was the default. None of it lets anyone connect.
//!
//! `$XDG_STATE_HOME/paseo/daemons/<key>/{version,client-N,client-N.lock}`, where `<key>` is a hash of the
//! daemon's public key, or of its address for a direct one.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::files::{self, FileError, Lock};
use crate::target::Target;

/// More commands at once on one daemon get an id that is not kept.
const CLIENT_SLOTS: usize = 32;

/// Longest content of any file here, in bytes.
const MAX_FILE: u64 = 256;

/// The first release of the daemon that takes a pipelined handshake.
const PIPELINES_SINCE: (u32, u32) = (0, 5);

/// What is remembered of one daemon. Every failure means that nothing is remembered.
#[derive(Debug)]
pub struct DaemonState {
    dir: Option<PathBuf>,
}

/// The identity of a session. While it lives, no other command of this user has it.
#[derive(Debug)]
pub struct ClientId {
    text: String,
    _lock: Option<Lock>,
}

impl ClientId {
    /// Returns `cid_` and 32 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl DaemonState {
    /// Finds what is remembered of a target below the state directory.
    pub fn of(target: &Target, state_dir: Option<&Path>) -> Self {
        let mut hash = Sha256::new();
        match target {
            Target::Relay { daemon_key, .. } => hash.update(daemon_key.as_bytes()),
            direct => hash.update(direct.to_string()),
        }
        let key = hash.finalize()[..16]
            .iter()
            .fold(String::new(), |mut key, byte| {
                let _ = write!(key, "{byte:02x}");
                key
            });
        Self {
            dir: state_dir.map(|dir| dir.join("daemons").join(key)),
        }
    }

    /// Returns whether the daemon was last seen at a version that takes a pipelined handshake.
    pub fn pipelines(&self) -> bool {
        self.read("version").is_some_and(|version| {
            let mut numbers = version.split('.').map(str::parse);
            let (major, minor) = (numbers.next(), numbers.next());
            matches!((major, minor), (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= PIPELINES_SINCE)
        })
    }

    /// Remembers the daemon's version.
    pub fn saw_version(&self, version: &str) {
        if self.read("version").as_deref() != Some(version) {
            self.write("version", version);
        }
    }

    /// Takes an id that no other running command has: one used before where possible, so that the daemon
    /// finds its session again.
    pub fn client_id(&self) -> ClientId {
        self.kept_id().unwrap_or_else(|| ClientId {
            text: fresh_id(),
            _lock: None,
        })
    }

    fn kept_id(&self) -> Option<ClientId> {
        let dir = self.dir.as_ref()?;
        files::create_private_dir(dir).ok()?;
        let (slot, lock) = (0..CLIENT_SLOTS).find_map(|slot| {
            let lock =
                Lock::acquire(&dir.join(format!("client-{slot}.lock")), Duration::ZERO).ok()?;
            Some((slot, lock))
        })?;
        let name = format!("client-{slot}");
        let is_id = |text: &str| {
            let hex = text.strip_prefix("cid_").unwrap_or_default();
            hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit())
        };
        let kept = text_of(&dir.join(&name), is_id);
        let text = kept.unwrap_or_else(|| {
            let text = fresh_id();
            self.write(&name, &text);
            text
        });
        Some(ClientId {
            text,
            _lock: Some(lock),
        })
    }

    fn read(&self, name: &str) -> Option<String> {
        text_of(&self.dir.as_ref()?.join(name), |_| true)
    }

    fn write(&self, name: &str, content: &str) {
        if let Some(dir) = &self.dir {
            let _ = files::create_private_dir(dir)
                .and_then(|()| files::write_private(&dir.join(name), content.as_bytes(), MAX_FILE));
        }
    }
}

/// The default remote before the present one, for `paseo remote use -`. A name, not a secret.
#[derive(Debug)]
pub struct PreviousDefault {
    path: Option<PathBuf>,
}

impl PreviousDefault {
    /// Finds it below the state directory.
    pub fn new(state_dir: Option<&Path>) -> Self {
        Self {
            path: state_dir.map(|dir| dir.join("previous-default")),
        }
    }

    /// Returns the name.
    pub fn get(&self) -> Option<String> {
        text_of(self.path.as_ref()?, |_| true)
    }

    /// Remembers a name.
    pub fn set(&self, name: &str) {
        if let Some((path, dir)) = self
            .path
            .as_ref()
            .zip(self.path.as_ref().and_then(|path| path.parent()))
        {
            let _ = files::create_private_dir(dir)
                .and_then(|()| files::write_private(path, name.as_bytes(), MAX_FILE));
        }
    }
}

/// Returns the text of a file; one that nobody of us has written so is set aside.
fn text_of(path: &Path, is_valid: impl Fn(&str) -> bool) -> Option<String> {
    let text = match files::read(path, MAX_FILE) {
        Ok(content) => String::from_utf8(content?).ok(),
        Err(FileError::TooLarge { .. }) => None,
        Err(_) => return None,
    };
    let text = text.filter(|text| is_valid(text));
    if text.is_none() {
        // Where that fails, `doctor` shows that the directory cannot be written.
        let _ = files::set_aside(path);
    }
    text
}

fn fresh_id() -> String {
    format!("cid_{}", uuid::Uuid::new_v4().simple())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn target() -> Target {
        Target::Unix {
            path: "/run/paseo.sock".into(),
            password: Some(Secret::from("hunter2")),
        }
    }

    #[test]
    fn ids_are_kept_and_never_shared() {
        let dir = tempfile::tempdir().unwrap();
        let state = DaemonState::of(&target(), Some(dir.path()));
        let (first, second) = (state.client_id(), state.client_id());
        assert_ne!(first.as_str(), second.as_str());
        let kept = first.as_str().to_owned();
        drop(first);
        assert_eq!(state.client_id().as_str(), kept);
    }

    #[test]
    fn a_damaged_file_is_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        let state = DaemonState::of(&target(), Some(dir.path()));
        let first = state.client_id().as_str().to_owned();
        let kept = state.dir.clone().unwrap().join("client-0");
        for damage in [&b"cid_short"[..], &[0xff; 36], &[b'x'; 5000]] {
            std::fs::write(&kept, damage).unwrap();
            assert_ne!(state.client_id().as_str(), first);
        }
        let aside = files::damaged_in(state.dir.as_ref().unwrap());
        assert_eq!(aside.len(), 3);
        let mut sizes: Vec<_> = aside
            .iter()
            .map(|path| path.metadata().unwrap().len())
            .collect();
        sizes.sort_unstable();
        assert_eq!(sizes, [9, 36, 5000]);
    }

    #[test]
    fn versions_decide_about_pipelining() {
        let dir = tempfile::tempdir().unwrap();
        let state = DaemonState::of(&target(), Some(dir.path()));
        assert!(!state.pipelines());
        for (version, expected) in [
            ("0.1.65-beta.5", false),
            ("0.5.0-beta.4", true),
            ("1.0.0", true),
            ("x", false),
        ] {
            state.saw_version(version);
            assert_eq!(state.pipelines(), expected, "{version}");
        }
    }

    #[test]
    fn nothing_can_be_written() {
        let state = DaemonState::of(&target(), Some(Path::new("/proc/nowhere")));
        state.saw_version("0.5.0");
        assert!(!state.pipelines() && state.client_id().as_str().starts_with("cid_"));
    }
}
