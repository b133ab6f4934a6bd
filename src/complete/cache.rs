//! What completion remembers of a daemon: ids of agents, requests and terminals, titles, providers, modes.
//!
//! `$XDG_CACHE_HOME/paseo/complete/<key>/<kind>`, a candidate and its help on each line. The key is a hash of
//! what stands in `remotes.toml` (a fingerprint or an address), so nothing in it is secret and no secret is
//! needed to find it. Every failure means that nothing is remembered.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use super::word::Word;
use crate::env::Env;
use crate::files;
use crate::remote::{Choice, Route, Selection};

/// How long a list counts.
const FRESH: Duration = Duration::from_secs(10 * 60);
/// How long the lists of what waits count: people answer it.
const WAITING: Duration = Duration::from_secs(60);
/// How long nobody asks again after an attempt that gave nothing.
const GIVEN_UP: Duration = Duration::from_secs(60);
/// Largest list in bytes.
const MAX_BYTES: u64 = 256 * 1024;
/// Most candidates in a list.
const MAX_CANDIDATES: usize = 1000;
/// Longest help of a candidate, in characters.
const MAX_HELP: usize = 80;

/// What a list is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Kind {
    Agents,
    Titles,
    Waiting,
    Requests,
    Terminals,
    Providers,
    Modes,
}

impl Kind {
    fn file(self) -> &'static str {
        match self {
            Self::Agents => "agents",
            Self::Titles => "titles",
            Self::Waiting => "waiting",
            Self::Requests => "requests",
            Self::Terminals => "terminals",
            Self::Providers => "providers",
            Self::Modes => "modes",
        }
    }

    /// How long a list of this kind counts.
    fn fresh(self) -> Duration {
        match self {
            Self::Waiting | Self::Requests => WAITING,
            _ => FRESH,
        }
    }

    /// Returns whether the list is of ids, which may have a remote before them.
    pub(super) fn is_of_ids(self) -> bool {
        matches!(self, Self::Agents | Self::Waiting | Self::Terminals)
    }

    /// Returns whether what the ids name has a title that names it as well.
    pub(super) fn has_titles(self) -> bool {
        matches!(self, Self::Agents | Self::Waiting)
    }

    /// Returns a value of the list that may be offered. Of what has an id none may have a colon: what stands before
    /// it would be taken for a remote, and the line would go to another daemon.
    fn word(self, value: &str) -> Option<Word> {
        match self {
            Self::Titles => Word::title(value),
            _ => Word::parse(value).filter(|_| !(self.is_of_ids() && value.contains(':'))),
        }
    }

    /// The command that fills the list.
    pub(super) fn command(self) -> &'static [&'static str] {
        match self {
            Self::Agents | Self::Titles | Self::Waiting | Self::Requests => &["ls"],
            Self::Terminals => &["terminal", "ls", "--all"],
            Self::Providers | Self::Modes => &["provider", "ls"],
        }
    }
}

/// The lists of one daemon.
#[derive(Debug)]
pub struct Cache {
    dir: Option<PathBuf>,
}

impl Cache {
    /// Finds the lists of a selected daemon. Those of an offer or a host on the command line are not kept.
    pub fn of(env: &Env, selection: &Selection) -> Self {
        let name = match &selection.choice {
            Choice::Remote(remote) => Some(match &remote.route {
                Route::Relay(relay) => relay.fingerprint.to_string(),
                Route::Direct(direct) => direct.address.to_string(),
            }),
            Choice::Local => env.paseo_home().map(|home| home.display().to_string()),
            Choice::Offer(_) | Choice::Host(_) => None,
        };
        let dir = name.zip(env.cache_dir()).map(|(name, dir)| {
            let hash = Sha256::digest(name.as_bytes());
            let key = hash[..16].iter().fold(String::new(), |mut key, byte| {
                let _ = write!(key, "{byte:02x}");
                key
            });
            dir.join("complete").join(key)
        });
        Self { dir }
    }

    /// Remembers a list: values, each with a few words about it. Those that are no [`Word`] are left out.
    pub fn write(&self, kind: Kind, candidates: &mut dyn Iterator<Item = (&str, &str)>) {
        let Some(dir) = &self.dir else {
            return;
        };
        let mut text = String::new();
        for (value, help) in candidates.take(MAX_CANDIDATES) {
            let Some(value) = kind.word(value) else {
                continue;
            };
            let help: String = help
                .chars()
                .map(|c| if c.is_control() { ' ' } else { c })
                .take(MAX_HELP)
                .collect();
            let _ = writeln!(text, "{}\t{help}", value.as_str());
        }
        let _ = files::create_private_dir(dir).and_then(|()| {
            files::write_private(&dir.join(kind.file()), text.as_bytes(), MAX_BYTES)
        });
    }

    /// Forgets a list that a command has changed.
    pub fn forget(&self, kind: Kind) {
        if let Some(dir) = &self.dir {
            let _ = files::remove(&dir.join(kind.file()));
        }
    }

    /// Returns a list that still counts.
    pub fn read(&self, kind: Kind) -> Option<Vec<(Word, String)>> {
        let path = self.dir.as_ref()?.join(kind.file());
        if !is_younger(&path, kind.fresh()) {
            return None;
        }
        let text = files::read(&path, MAX_BYTES).ok()??;
        let text = String::from_utf8(text).ok()?;
        let pair = |line: &str| {
            let (value, help) = line.split_once('\t').unwrap_or((line, ""));
            // The file may be one of an older version.
            Some((kind.word(value)?, help.to_owned()))
        };
        Some(text.lines().filter_map(pair).collect())
    }

    /// Returns whether it is worth asking the daemon, and notes that somebody does.
    pub(super) fn begin_attempt(&self) -> bool {
        let Some(dir) = &self.dir else {
            return false;
        };
        let note = dir.join("attempt");
        if is_younger(&note, GIVEN_UP) {
            return false;
        }
        let noted =
            files::create_private_dir(dir).and_then(|()| files::write_private(&note, b"", 0));
        noted.is_ok()
    }

    /// The attempt was worth it: the next one may come at once.
    pub(super) fn attempt_succeeded(&self) {
        if let Some(dir) = &self.dir {
            let _ = files::remove(&dir.join("attempt"));
        }
    }
}

/// A time in the future is no age.
fn is_younger(path: &Path, limit: Duration) -> bool {
    let modified = fs::metadata(path).and_then(|metadata| metadata.modified());
    let age = modified
        .ok()
        .and_then(|at| SystemTime::now().duration_since(at).ok());
    age.is_some_and(|age| age <= limit)
}
