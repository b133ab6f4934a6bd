//! The home of a daemon: the directory with everything that makes it this daemon.

use std::path::{Path, PathBuf};

use super::config::{ConfigError, DaemonConfig, Overrides};
use super::offer::Offer;
use super::pid::PidFile;
use crate::e2ee::KeyError;
use crate::files::{self, FileError};

/// Largest file of a home that is read, in bytes.
pub(super) const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// The home of a daemon, `~/.paseo` unless told otherwise. Formats are the official ones
/// (`docs/protocol.md`, "Daemon home"), so an official daemon can take over and back.
#[derive(Debug, Clone)]
pub struct Home {
    dir: PathBuf,
}

/// What is wrong with a daemon's home. Never holds content.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HomeError {
    /// A file cannot be read or made.
    #[error(transparent)]
    File(#[from] FileError),
    /// `config.json` is invalid, or what overrides it.
    #[error("the daemon's configuration {} is invalid", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ConfigError,
    },
    /// The server id is no id.
    #[error("{} holds no usable server id", path.display())]
    ServerId {
        /// The file.
        path: PathBuf,
    },
    /// The key pair is not what a daemon writes. Official daemons make a new one then, without a word,
    /// and every offer stops working; we leave that decision to a person.
    #[error("{} holds no usable key pair", path.display())]
    KeyPair {
        /// The file.
        path: PathBuf,
        /// Why.
        source: KeyPairError,
    },
    /// Other users can put files there.
    #[error("other users can write to {} (mode {mode:04o})", path.display())]
    Exposed {
        /// The home.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// `paseo.pid` is not what a daemon writes.
    #[error("{} is not what a daemon writes there", path.display())]
    Pid {
        /// The file.
        path: PathBuf,
    },
}

/// Why a key pair file cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyPairError {
    /// Not a JSON object with version and both keys.
    #[error("it is not a JSON object with `v`, `publicKeyB64` and `secretKeyB64`")]
    Syntax,
    /// Not version 2.
    #[error("its version is not 2")]
    Version,
    /// A key is unusable.
    #[error("one of its keys cannot be used")]
    Key(#[from] KeyError),
    /// The halves are of different pairs.
    #[error("its two keys do not belong together")]
    Mismatch,
}

impl Home {
    /// Names a home; nothing need be there.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Refuses a home that other users can write to: they could put a key, a configuration or a server id
    /// there. That they can read what official daemons leave open is no reason.
    pub(super) fn check_private(&self) -> Result<(), HomeError> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let found = std::fs::metadata(&self.dir).map_err(|source| FileError::Io {
                action: "read",
                path: self.dir.clone(),
                source,
            })?;
            let mode = found.mode() & 0o7777;
            if mode & 0o022 != 0 {
                let path = self.dir.clone();
                return Err(HomeError::Exposed { path, mode });
            }
        }
        Ok(())
    }

    /// Reads `config.json`, under the overrides and above the defaults. Writes nothing.
    pub fn config(&self, overrides: &Overrides) -> Result<DaemonConfig, HomeError> {
        let path = self.file("config.json");
        let bytes = files::read(&path, MAX_FILE_BYTES)?;
        DaemonConfig::resolve(bytes.as_deref(), overrides)
            .map_err(|source| HomeError::Config { path, source })
    }

    /// Reads `paseo.pid`: the daemon that runs here, or ran until it was killed.
    pub fn pid(&self) -> Result<Option<PidFile>, HomeError> {
        let path = self.file(PidFile::NAME);
        let Some(bytes) = files::read(&path, MAX_FILE_BYTES)? else {
            return Ok(None);
        };
        match serde_json::from_slice(&bytes) {
            Ok(pid) => Ok(Some(pid)),
            Err(_) => Err(HomeError::Pid { path }),
        }
    }

    /// Makes the offer of this home's daemon out of its files, which are created when absent.
    pub fn offer(&self, config: &DaemonConfig, overrides: &Overrides) -> Result<Offer, HomeError> {
        let mut offer = Offer::new(
            self.server_id(overrides.server_id.as_ref())?,
            self.secret_key()?.public_key(),
            config.relay.public_endpoint.clone(),
            Some(config.relay.public_use_tls),
        );
        offer.relay_token = config.relay.token.clone();
        Ok(offer)
    }
}
