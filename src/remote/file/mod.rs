//! `remotes.toml`: read as a whole, changed under a lock, replaced in one step.

mod change;

use std::path::{Path, PathBuf};
use std::time::Duration;

use toml_edit::Document;

pub use change::Edit;

use super::include::{Included, Place};
use super::keeping::Holder;
use super::name::RemoteName;
use super::problem::{Invalid, Problem};
use super::profile::{Options, Remote, SecretRef};
use super::schema::{self, Contents, VERSION};
use crate::e2ee::Fingerprint;
use crate::files::{self, FileError, Lock};
use crate::secret::CommandSpec;
use crate::spelling::closest;

/// Name of the file in the settings directory.
pub const FILE_NAME: &str = "remotes.toml";
/// Name of the lock beside it.
const LOCK_NAME: &str = ".remotes.lock";
/// Largest file in bytes: thousands of remotes.
const MAX_BYTES: u64 = 1024 * 1024;
/// How long a change waits for another one.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why the file could not be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file system.
    #[error(transparent)]
    File(#[from] FileError),
    /// The content.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Not text at all.
    #[error("{} is not UTF-8 text", .0.display())]
    NotUtf8(PathBuf),
    /// Written by a newer program: it can be read, but not changed without losing something.
    #[error("{} has version {version}; this program writes version {VERSION}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: i64,
    },
    /// Somebody else changed the file while it was edited.
    #[error("{} has been changed meanwhile", .0.display())]
    Changed(PathBuf),
    /// No such remote.
    #[error(transparent)]
    Unknown(#[from] UnknownRemote),
    /// The name is taken.
    #[error("there is already a remote `{0}`")]
    Exists(RemoteName),
    /// The remote is in a file that is only included, and never written.
    #[error("`{name}` is defined in {}, which is only included and never changed from here", path.display())]
    Included {
        /// The remote.
        name: RemoteName,
        /// The file.
        path: PathBuf,
    },
    /// No directory for settings is known: neither `HOME` nor `PASEO_CONFIG_DIR` is set.
    #[error("no directory for settings is known")]
    NoDirectory,
}

impl ConfigError {
    /// Returns whether the new file is in place all the same: what it names must stay.
    pub fn is_in_place(&self) -> bool {
        matches!(self, Self::File(error) if error.is_in_place())
    }
}

/// A name that no remote has. The name is repeated only where it could be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no remote{}", name.as_ref().map(|name| format!(" `{name}`")).unwrap_or_default())]
pub struct UnknownRemote {
    /// The name; `None` when the text could not be one.
    pub name: Option<RemoteName>,
    /// The remote with the most similar name.
    pub suggestion: Option<RemoteName>,
}

/// The remotes as a file has them.
#[derive(Debug, Clone)]
pub struct RemotesFile {
    path: Option<PathBuf>,
    text: String,
    /// The included remotes too, as far as none of its own has their name.
    contents: Contents,
    included: Included,
}

impl RemotesFile {
    /// Reads the file of a settings directory. A file that is not there has no remotes; neither is
    /// there one when no directory is known.
    pub fn load(dir: Option<&Path>) -> Result<Self, ConfigError> {
        let Some(dir) = dir else {
            return Self::parse(None, String::new());
        };
        let text = Self::read_text(Some(dir))?;
        Self::parse(Some(dir.join(FILE_NAME)), text)
    }

    pub(crate) fn parse(path: Option<PathBuf>, text: String) -> Result<Self, ConfigError> {
        let mut included = match &path {
            Some(path) => Included::load(path, &text)?,
            None => Included::default(),
        };
        let names: Vec<&RemoteName> = included.remotes.keys().collect();
        let mut contents = read(&text, &names).map_err(|problems| {
            let path = path.as_deref().unwrap_or(Path::new(FILE_NAME));
            Invalid::new(path, &text, problems)
        })?;
        contents.blocked.append(&mut included.blocked);
        for (name, (remote, place)) in &included.remotes {
            match contents.remotes.contains_key(name) {
                true => included.shadowed.push((name.clone(), place.clone())),
                false => drop(contents.remotes.insert(name.clone(), remote.clone())),
            }
        }
        Ok(Self {
            path,
            text,
            contents,
            included,
        })
    }

    /// Returns the text of the file of a settings directory, valid or not.
    pub fn read_text(dir: Option<&Path>) -> Result<String, ConfigError> {
        read_text(&dir.ok_or(ConfigError::NoDirectory)?.join(FILE_NAME))
    }

    /// Returns the text of a copy that was made for an editor.
    pub fn read_copy(path: &Path) -> Result<String, ConfigError> {
        read_text(path)
    }

    /// Replaces the whole text by a valid one, provided that it is still what it was `before`.
    pub fn replace(dir: Option<&Path>, before: &str, after: String) -> Result<Self, ConfigError> {
        let dir = dir.ok_or(ConfigError::NoDirectory)?;
        files::create_private_dir(dir)?;
        let _lock = Lock::acquire(&dir.join(LOCK_NAME), PATIENCE)?;
        let path = dir.join(FILE_NAME);
        if Self::read_text(Some(dir))? != before {
            return Err(ConfigError::Changed(path));
        }
        let file = Self::parse(Some(path.clone()), after)?;
        files::rewrite(&path, file.text.as_bytes(), MAX_BYTES)?;
        Ok(file)
    }

    /// Locks the file of a settings directory for a change. The directory is created when absent.
    pub fn edit(dir: Option<&Path>) -> Result<Edit, ConfigError> {
        let dir = dir.ok_or(ConfigError::NoDirectory)?;
        files::create_private_dir(dir)?;
        let lock = Lock::acquire(&dir.join(LOCK_NAME), PATIENCE)?;
        files::sweep(&dir.join(FILE_NAME))?;
        let file = Self::load(Some(dir))?;
        if file.contents.version > VERSION {
            return Err(ConfigError::Newer {
                path: dir.join(FILE_NAME),
                version: file.contents.version,
            });
        }
        let written = file.text.clone();
        Ok(Edit {
            _lock: lock,
            file,
            written,
        })
    }

    /// Where the file is, or would be; `None` when no directory is known.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Returns how many files are included.
    pub fn included_files(&self) -> usize {
        self.included.files()
    }

    /// Returns the included remotes that are not used, because one with the same name comes before them.
    pub fn shadowed(&self) -> &[(RemoteName, Place)] {
        &self.included.shadowed
    }

    /// Returns where an included remote is defined; `None` for those of the file itself.
    pub fn place_of(&self, name: &RemoteName) -> Option<&Place> {
        if self.contents.spans.contains_key(name) {
            return None;
        }
        self.included.remotes.get(name).map(|(_, place)| place)
    }

    /// Returns the text of the file that a remote is defined in.
    pub(super) fn text_with(&self, name: &RemoteName) -> &str {
        let place = self.place_of(name);
        let text = place.and_then(|place| self.included.text_of(&place.path));
        text.unwrap_or(&self.text)
    }

    /// Returns every remote, by name, the included ones too.
    pub fn remotes(&self) -> impl Iterator<Item = &Remote> {
        self.contents.remotes.values()
    }

    /// Returns the remote with a name.
    pub fn get(&self, name: &str) -> Result<&Remote, UnknownRemote> {
        let parsed = name.parse().ok();
        let found = parsed
            .as_ref()
            .and_then(|name| self.contents.remotes.get(name));
        found.ok_or_else(|| {
            let known: Vec<&str> = self
                .contents
                .remotes
                .keys()
                .map(RemoteName::as_str)
                .collect();
            let suggestion = parsed
                .as_ref()
                .and_then(|name| closest(name.as_str(), &known));
            UnknownRemote {
                suggestion: suggestion.and_then(|name| name.parse().ok()),
                name: parsed,
            }
        })
    }

    /// Returns the remote whose daemon has the key with a fingerprint.
    pub fn with_fingerprint(&self, fingerprint: Fingerprint) -> Option<&Remote> {
        self.remotes()
            .find(|remote| remote.fingerprint() == Some(fingerprint))
    }

    /// Returns where the key is that bundles for this machine are sealed for.
    pub fn recipient(&self) -> Option<&SecretRef> {
        self.contents.recipient.as_ref()
    }

    /// Returns the secret of something in the file, if it has one.
    pub fn secret_of(&self, holder: &Holder) -> Result<Option<&SecretRef>, ConfigError> {
        match holder {
            Holder::Remote(name) => Ok(self.get(name.as_str())?.secret()),
            Holder::Recipient => Ok(self.recipient()),
        }
    }

    /// Returns every secret that is in use, some perhaps more than once.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretRef> {
        self.remotes()
            .filter_map(Remote::secret)
            .chain(self.recipient())
    }

    /// Returns whether a secret is in use.
    pub fn uses(&self, secret: &SecretRef) -> bool {
        self.secrets().any(|used| used == secret)
    }

    /// Returns how the user's program of secrets is called.
    pub fn command_store(&self) -> Option<&CommandSpec> {
        self.contents.command.as_ref()
    }

    /// Returns how long a typed passphrase of the vault is good for, if that is set; zero is not at all.
    pub fn vault_keep(&self) -> Option<Duration> {
        self.contents.vault_keep
    }

    /// Returns whether no connection may be made to the daemon with a key.
    pub fn is_blocked(&self, fingerprint: Fingerprint) -> bool {
        self.contents.blocked.contains(&fingerprint)
    }

    /// Returns the default remote and the line that names it, counted from 1.
    pub fn default(&self) -> Option<(&RemoteName, usize)> {
        let (name, span) = self.contents.default.as_ref()?;
        Some((name, self.line(span.start)))
    }

    /// Returns the line of a remote, counted from 1.
    pub fn line_of(&self, name: &RemoteName) -> Option<usize> {
        let span = self.contents.spans.get(name)?;
        Some(self.line(span.start))
    }

    /// Returns whether a newer program wrote the file.
    pub fn is_newer(&self) -> bool {
        self.contents.version > VERSION
    }

    /// Returns the settings of a remote, those of `[defaults]` included.
    pub fn options(&self, remote: &Remote) -> Options {
        remote.options.clone().or(&self.contents.defaults)
    }

    /// The text of the file.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Returns the line of a byte, counted from 1.
    fn line(&self, at: usize) -> usize {
        line_of(&self.text, at)
    }
}

fn read(text: &str, included: &[&RemoteName]) -> Result<Contents, Vec<Problem>> {
    match Document::parse(text) {
        Ok(document) => schema::read(document.as_table(), included),
        Err(error) => Err(vec![Problem::from_toml(&error)]),
    }
}

/// Returns the line of a byte, counted from 1.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or_default();
    before.matches('\n').count() + 1
}

/// Reads a settings file; one that is not there is empty.
pub(super) fn read_text(path: &Path) -> Result<String, ConfigError> {
    let bytes = files::read(path, MAX_BYTES)?.unwrap_or_default();
    String::from_utf8(bytes).map_err(|_| ConfigError::NotUtf8(path.to_owned()))
}
