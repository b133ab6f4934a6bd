//! Certificate, key and lists, read again while the relay runs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use tracing::{error, info};

use super::server::Shared;

/// Reads the files of a relay again.
#[derive(Debug)]
pub struct Reload {
    relay: Arc<Shared>,
    changed: HashMap<PathBuf, Option<SystemTime>>,
}

impl Reload {
    pub(super) fn new(relay: Arc<Shared>) -> Self {
        let changed = stamps(&relay);
        Self { relay, changed }
    }

    /// Reads all files again, for connections that come from now on. What cannot be used is told in
    /// the log, and what was read before stays.
    pub fn now(&mut self) {
        self.changed = stamps(&self.relay);
        if let Some(tls) = &self.relay.tls {
            match tls.reload() {
                Ok(()) => info!("certificate and key are read again"),
                Err(error) => error!(
                    %error,
                    cause = std::error::Error::source(&error).map(tracing::field::display),
                    "the old certificate stays"
                ),
            }
        }
        match self.relay.guard.reload() {
            Ok(()) => info!("lists are read again"),
            Err((path, error)) => {
                error!(path = %path.display(), %error, "the old lists stay");
            }
        }
    }

    /// The same, when one of the files has another modification time than the last time.
    pub fn if_changed(&mut self) {
        if stamps(&self.relay) != self.changed {
            self.now();
        }
    }
}

fn stamps(relay: &Shared) -> HashMap<PathBuf, Option<SystemTime>> {
    let tls = relay.tls.iter().flat_map(|tls| tls.files());
    let files = tls.chain(relay.guard.files()).map(Path::to_owned);
    files
        .map(|path| {
            let modified = std::fs::metadata(&path).and_then(|file| file.modified());
            (path, modified.ok())
        })
        .collect()
}
