//! Who may use the relay at all.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use sha2::{Digest, Sha256};

use super::refusal::Refusal;
use crate::files;
use crate::protocol::relay::ServerId;

/// Largest list, in bytes: a hundred thousand entries.
const MAX_LIST_BYTES: u64 = 8 * 1024 * 1024;

type Hash = [u8; 32];

/// What happens when a second daemon wants a server id that a first one holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Claim {
    /// The newest wins, as at the official relay.
    #[default]
    Newest,
    /// The first keeps it as long as it answers a ping.
    First,
}

/// Lists of those who may use the relay: files with an entry per line, `#` begins a comment.
#[derive(Debug, Clone, Default)]
pub struct Lists {
    /// Server ids, or `sha256:` and the hex digits of one's hash. None: any.
    pub servers: Option<PathBuf>,
    /// Tokens, one of which every socket must bring. None: no token is needed.
    pub tokens: Option<PathBuf>,
}

/// The lists as they were read last. Only hashes are kept, so a comparison tells nothing by its time.
#[derive(Debug, Default)]
pub(super) struct Guard {
    files: Lists,
    lists: RwLock<Hashes>,
}

#[derive(Debug, Default)]
struct Hashes {
    servers: Option<HashSet<Hash>>,
    tokens: Option<HashSet<Hash>>,
}

impl Guard {
    /// Reads the lists.
    pub(super) fn load(files: Lists) -> Result<Self, (PathBuf, io::Error)> {
        let lists = RwLock::new(Hashes::read(&files)?);
        Ok(Self { files, lists })
    }

    /// Reads the lists again. When that fails, the old ones stay.
    pub(super) fn reload(&self) -> Result<(), (PathBuf, io::Error)> {
        let lists = Hashes::read(&self.files)?;
        *self.lists.write().unwrap_or_else(PoisonError::into_inner) = lists;
        Ok(())
    }

    /// Returns the files that are read.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let files = [&self.files.servers, &self.files.tokens];
        files.into_iter().flatten().map(PathBuf::as_path)
    }

    /// Decides on a socket by its token and its server id.
    pub(super) fn admit(&self, token: Option<&str>, server: &ServerId) -> Result<(), Refusal> {
        let lists = self.lists.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(tokens) = &lists.tokens
            && !token.is_some_and(|token| tokens.contains(&hash(token)))
        {
            return Err(Refusal::Token);
        }
        match &lists.servers {
            Some(servers) if !servers.contains(&hash(server.as_str())) => Err(Refusal::Server),
            _ => Ok(()),
        }
    }
}

impl Hashes {
    fn read(files: &Lists) -> Result<Self, (PathBuf, io::Error)> {
        let read = |path: &Option<PathBuf>| match path {
            None => Ok(None),
            Some(path) => read(path).map(Some).map_err(|error| (path.clone(), error)),
        };
        Ok(Self {
            servers: read(&files.servers)?,
            tokens: read(&files.tokens)?,
        })
    }
}

fn read(path: &Path) -> io::Result<HashSet<Hash>> {
    let bytes = files::read(path, MAX_LIST_BYTES)?;
    let bytes = bytes.ok_or(io::ErrorKind::NotFound)?;
    let text = String::from_utf8(bytes)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))?;
    let lines = text.lines().enumerate();
    let entries = lines
        .map(|(number, line)| (number + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    entries
        .map(|(number, line)| {
            parse(line).ok_or_else(|| {
                let why = format!("line {number} is not sha256: and 64 hex digits");
                io::Error::new(io::ErrorKind::InvalidData, why)
            })
        })
        .collect()
}

fn parse(line: &str) -> Option<Hash> {
    let Some(digits) = line.strip_prefix("sha256:") else {
        return Some(hash(line));
    };
    let mut hash = [0; 32];
    if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(digits.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}

fn hash(text: &str) -> Hash {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_decide_and_are_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let servers = dir.path().join("servers");
        let tokens = dir.path().join("tokens");
        let two = "sha256:3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3";
        std::fs::write(&servers, format!("# ours\n\n one \n{two}\n")).unwrap();
        std::fs::write(&tokens, "old\nnew\n").unwrap();
        let guard = Guard::load(Lists {
            servers: Some(servers.clone()),
            tokens: Some(tokens),
        })
        .unwrap();
        let id = |text| ServerId::new(text).unwrap();
        assert_eq!(guard.admit(Some("old"), &id("one")), Ok(()));
        assert_eq!(guard.admit(Some("new"), &id("two")), Ok(()));
        assert_eq!(guard.admit(None, &id("one")), Err(Refusal::Token));
        assert_eq!(guard.admit(Some("no"), &id("one")), Err(Refusal::Token));
        assert_eq!(guard.admit(Some("new"), &id("three")), Err(Refusal::Server));
        std::fs::write(&servers, "three\n").unwrap();
        guard.reload().unwrap();
        assert_eq!(guard.admit(Some("new"), &id("three")), Ok(()));
        std::fs::write(&servers, "sha256:xyz\n").unwrap();
        assert!(guard.reload().is_err());
        assert_eq!(guard.admit(Some("new"), &id("three")), Ok(()));
    }
}
