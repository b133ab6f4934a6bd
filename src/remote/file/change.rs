//! Changes of `remotes.toml`: each is tried on the text in memory, and kept when the result is a valid file.

use toml_edit::{DocumentMut, Value};

use super::{ConfigError, MAX_BYTES, RemotesFile};
use crate::e2ee::Fingerprint;
use crate::files::{self, FileError, Lock};
use crate::remote::edit;
use crate::remote::keeping::Holder;
use crate::remote::name::RemoteName;
use crate::remote::profile::{Remote, SecretRef};

/// The file, locked for a change. Nothing is written before [`Edit::save`].
#[derive(Debug)]
pub struct Edit {
    pub(super) _lock: Lock,
    pub(super) file: RemotesFile,
    pub(super) written: String,
}

impl Edit {
    /// The remotes as they will be.
    pub fn file(&self) -> &RemotesFile {
        &self.file
    }

    /// Adds a remote.
    pub fn insert(&mut self, remote: &Remote) -> Result<(), ConfigError> {
        if self.file.contents.remotes.contains_key(&remote.name) {
            return Err(ConfigError::Exists(remote.name.clone()));
        }
        self.change(|document| edit::insert(document, remote))
    }

    /// Puts a remote in the place of the one that has its name.
    pub fn replace(&mut self, remote: &Remote) -> Result<(), ConfigError> {
        let name = self.own(remote.name.as_str())?.name.clone();
        self.change(|document| {
            edit::remove(document, &name);
            edit::insert(document, remote);
        })
    }

    /// Names another secret.
    pub fn set_secret(&mut self, holder: &Holder, secret: &SecretRef) -> Result<(), ConfigError> {
        match holder {
            Holder::Remote(name) => {
                let name = self.own(name.as_str())?.name.clone();
                self.change(|document| {
                    edit::set(
                        document,
                        &name,
                        "secret.store",
                        secret.store.as_str().into(),
                    );
                    edit::set(document, &name, "secret.id", secret.id.as_str().into());
                })
            }
            Holder::Recipient => self.change(|document| edit::set_recipient(document, secret)),
        }
    }

    /// Removes a remote and returns it. When it was the default, the default is the local daemon.
    pub fn remove(&mut self, name: &str) -> Result<Remote, ConfigError> {
        let remote = self.own(name)?.clone();
        // One place at a time, so that no line between the two is touched.
        if self.is_default(&remote.name) {
            self.set_default(RemoteName::LOCAL)?;
        }
        self.change(|document| edit::remove(document, &remote.name))?;
        Ok(remote)
    }

    /// Gives a remote another name; the default follows.
    pub fn rename(&mut self, from: &str, to: &RemoteName) -> Result<(), ConfigError> {
        let from = self.own(from)?.name.clone();
        if self.file.contents.remotes.contains_key(to) {
            return Err(ConfigError::Exists(to.clone()));
        }
        let default = self.is_default(&from);
        if default {
            self.set_default(RemoteName::LOCAL)?;
        }
        self.change(|document| edit::rename(document, &from, to))?;
        if default {
            self.set_default(to.as_str())?;
        }
        Ok(())
    }

    /// Makes a remote the default; `local` is the daemon on this machine.
    pub fn set_default(&mut self, name: &str) -> Result<(), ConfigError> {
        if name != RemoteName::LOCAL {
            self.file.get(name)?;
        }
        self.change(|document| edit::set_default(document, name))
    }

    /// Lets nobody connect to the daemon with a key; returns whether that is new.
    pub fn block(&mut self, fingerprint: Fingerprint) -> Result<bool, ConfigError> {
        let new = !self.file.is_blocked(fingerprint);
        if new {
            self.change(|document| edit::block(document, fingerprint))?;
        }
        Ok(new)
    }

    /// Takes that back; returns whether it was so. What an included file says stays.
    pub fn unblock(&mut self, fingerprint: Fingerprint) -> Result<bool, ConfigError> {
        let blocked = self.file.is_blocked(fingerprint);
        self.change(|document| edit::unblock(document, fingerprint))?;
        Ok(blocked && !self.file.is_blocked(fingerprint))
    }

    /// Sets a key of a remote, or one inside a table of it (`relay.tls`).
    pub fn set(&mut self, name: &str, key: &str, value: Value) -> Result<(), ConfigError> {
        let name = self.own(name)?.name.clone();
        self.change(|document| edit::set(document, &name, key, value))
    }

    /// Removes a key of a remote, or one inside a table of it.
    pub fn unset(&mut self, name: &str, key: &str) -> Result<(), ConfigError> {
        let name = self.own(name)?.name.clone();
        self.change(|document| edit::unset(document, &name, key))
    }

    /// Writes the file, unless nothing has changed, and ends the lock. Some errors come after the new file is in
    /// place ([`ConfigError::is_in_place`]).
    pub fn save(self) -> Result<RemotesFile, ConfigError> {
        if let Some(path) = self.file.path()
            && self.file.text != self.written
        {
            files::rewrite(path, self.file.text.as_bytes(), MAX_BYTES)?;
        }
        Ok(self.file)
    }

    /// Returns a remote of this file; one of an included file cannot be changed.
    fn own(&self, name: &str) -> Result<&Remote, ConfigError> {
        let remote = self.file.get(name)?;
        match self.file.place_of(&remote.name) {
            None => Ok(remote),
            Some(place) => Err(ConfigError::Included {
                name: remote.name.clone(),
                path: place.path.clone(),
            }),
        }
    }

    fn is_default(&self, name: &RemoteName) -> bool {
        let default = self.file.default();
        default.is_some_and(|(default, _)| default == name)
    }

    /// Applies one change, and keeps it only when the result is a valid file.
    fn change(&mut self, change: impl FnOnce(&mut DocumentMut)) -> Result<(), ConfigError> {
        let text = edit::apply(&self.file.text, change);
        // Before any secret is stored for it.
        if let Some(path) = self
            .file
            .path
            .clone()
            .filter(|_| text.len() as u64 > MAX_BYTES)
        {
            return Err(FileError::WouldBeTooLarge {
                path,
                limit: MAX_BYTES,
            }
            .into());
        }
        self.file = RemotesFile::parse(self.file.path.clone(), text)?;
        Ok(())
    }
}
