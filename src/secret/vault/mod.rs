//! Secrets in one file, encrypted with a passphrase (`docs/security.md`, "The vault").
//!
//! A random data key seals each item; a key out of the passphrase seals the data key. Which items there are
//! can be seen, and one can be deleted, without the passphrase.

mod format;
#[cfg(any(test, fuzzing))]
pub(super) mod fuzz;
mod holder;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use self::holder::KeyHolder;

use self::format::{FormatError, MAX_FILE, VaultFile};
use super::crypt::{self, Bytes, Cost, Key};
use super::passphrase::Passphrase;
use super::store::{SecretStore, StoreError, StoreKind, check_size};
use super::{Secret, SecretId};
use crate::files::{self, Lock};

/// How long a change waits for another one.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a person may mistype.
const ATTEMPTS: usize = 3;
/// How often a change begins again because somebody else was faster.
const ROUNDS: usize = 8;

/// One encrypted file.
#[derive(Debug)]
pub struct VaultStore {
    path: PathBuf,
    cost: Cost,
    passphrase: Arc<dyn Passphrase>,
    holder: Option<Arc<dyn KeyHolder>>,
    known: Mutex<Known>,
}

/// What this process knows of its passphrase.
#[derive(Debug, Clone, Default)]
enum Known {
    /// Nobody was asked.
    #[default]
    Nothing,
    /// It opened the vault.
    Key(Unlocked),
    /// Whoever was asked did not open it, and is not asked again. With the reason when none was given at all.
    Refused(Option<String>),
}

/// The data key of the vault whose sealed key is this.
#[derive(Debug, Clone)]
struct Unlocked {
    sealed: Bytes<72>,
    key: Key,
}

/// What a passphrase opened.
struct Opened {
    unlocked: Unlocked,
    passphrase: Secret<String>,
    /// The key out of the passphrase.
    derived: Key,
}

impl VaultStore {
    /// The name of its file.
    pub const FILE: &str = "vault.json";

    /// Takes the file, which is made with the first item, and who knows the passphrase.
    pub fn new(path: PathBuf, passphrase: Arc<dyn Passphrase>) -> Self {
        Self {
            path,
            cost: Cost::USUAL,
            passphrase,
            holder: None,
            known: Mutex::default(),
        }
    }

    /// Sets what holds its key between commands.
    #[must_use]
    pub fn with_holder(mut self, holder: Option<Arc<dyn KeyHolder>>) -> Self {
        self.holder = holder;
        self
    }

    /// Sets what a new passphrase costs.
    #[must_use]
    pub fn with_cost(mut self, cost: Cost) -> Self {
        self.cost = cost;
        self
    }

    /// Seals everything anew, with fresh keys, under a new passphrase or the same one. Returns the number of
    /// items. Who knows the old passphrase and has an old copy of the file learns what was in that copy, and
    /// nothing that comes later.
    /// It asks for the old passphrase also where the key is held: who only finds the terminal shall not change it.
    pub fn rotate(&self, new_passphrase: bool) -> Result<usize, StoreError> {
        for _ in 0..ROUNDS {
            let old = self.load()?.ok_or_else(Self::absent)?;
            let opened = self.ask(&old)?;
            let passphrase = match new_passphrase {
                true => self.passphrase.new_one()?,
                false => opened.passphrase,
            };
            let (mut new, new_key, derived) = self.sealed_under(&passphrase)?;
            for (name, sealed) in &old.items {
                let id: SecretId = name.parse().map_err(|_| damaged("an item"))?;
                let item = open_item(&old, &opened.unlocked.key, &id, sealed)?;
                let sealed = crypt::seal(&new_key.key, &new.bound_to_item(&id), item.expose());
                new.items.insert(name.clone(), encode(&sealed));
            }
            let _lock = self.lock()?;
            if self.load()?.as_ref() == Some(&old) {
                self.write(&new)?;
                self.remember(new_key);
                let is_held = |holder: &Arc<dyn KeyHolder>| holder.replace(&derived);
                if !self.holder.as_ref().is_some_and(is_held) {
                    self.hold(&derived);
                }
                return Ok(new.items.len());
            }
        }
        Err(Self::busy())
    }

    /// Asks for the passphrase of a vault that is there, and returns the key out of it.
    pub fn key_of_passphrase(&self) -> Result<Secret<[u8; 32]>, StoreError> {
        let file = self.load()?.ok_or_else(Self::absent)?;
        let opened = self.ask(&file)?;
        self.remember(opened.unlocked);
        Ok(opened.derived)
    }

    /// Returns whether a key is held that opens it. Asks nobody.
    pub fn is_held(&self) -> bool {
        let file = self.load().ok().flatten();
        let held = self.holder.as_ref().and_then(|holder| holder.held());
        file.zip(held)
            .is_some_and(|(file, derived)| matches!(open_key(&file, &derived), Ok(Some(_))))
    }

    /// Takes away what killed writers left beside it.
    pub fn sweep(&self) -> Result<(), StoreError> {
        match files::staged_for(&self.path)?.is_empty() {
            true => Ok(()),
            // Whoever is writing has it locked.
            false => self.lock().map(drop),
        }
    }

    /// Returns the ids of its items. Needs no passphrase.
    pub fn ids(&self) -> Result<Vec<SecretId>, StoreError> {
        let items = self.load()?.map(|file| file.items).unwrap_or_default();
        Ok(items.keys().filter_map(|id| id.parse().ok()).collect())
    }

    fn load(&self) -> Result<Option<VaultFile>, StoreError> {
        let Some(bytes) = files::read(&self.path, MAX_FILE)? else {
            return Ok(None);
        };
        let file = VaultFile::parse(&bytes).map_err(|error| match error {
            FormatError::Damaged => damaged("the vault's file"),
            FormatError::Newer => Self::failed("a newer program made it"),
            FormatError::Cost => Self::failed("its file wants more memory or time than is taken"),
        })?;
        Ok(Some(file))
    }

    fn write(&self, file: &VaultFile) -> Result<(), StoreError> {
        Ok(files::write_private(
            &self.path,
            &file.to_bytes(),
            MAX_FILE,
        )?)
    }

    /// Locks the vault, and takes away what a killed writer left.
    fn lock(&self) -> Result<Lock, StoreError> {
        if let Some(dir) = self.path.parent() {
            files::create_private_dir(dir)?;
        }
        let mut name = std::ffi::OsString::from(".");
        name.push(self.path.file_name().unwrap_or_default());
        name.push(".lock");
        let lock = Lock::acquire(&self.path.with_file_name(name), PATIENCE)?;
        files::sweep(&self.path)?;
        Ok(lock)
    }

    /// Returns the data key; asks for the passphrase once in a process, and not while its key is held.
    fn key_of(&self, file: &VaultFile) -> Result<Key, StoreError> {
        if let Known::Key(known) = self.known()
            && known.sealed == file.key
        {
            return Ok(known.key);
        }
        let unlocked = match self.held(file) {
            Some(unlocked) => unlocked,
            None => {
                let opened = self.ask(file)?;
                self.hold(&opened.derived);
                opened.unlocked
            }
        };
        let key = unlocked.key.clone();
        self.remember(unlocked);
        Ok(key)
    }

    /// Opens it with the key that is held. A passphrase that is given counts more, and one that has changed gives
    /// another key.
    fn held(&self, file: &VaultFile) -> Option<Unlocked> {
        let holder = self.holder.as_ref();
        let holder = holder.filter(|_| self.passphrase.is_interactive())?;
        open_key(file, &holder.held()?).ok().flatten()
    }

    fn hold(&self, derived: &Key) {
        if let Some(holder) = &self.holder
            && self.passphrase.is_typed()
        {
            holder.hold(derived);
        }
    }

    fn ask(&self, file: &VaultFile) -> Result<Opened, StoreError> {
        let store = StoreKind::Vault;
        match self.known() {
            Known::Refused(None) => return Err(StoreError::WrongPassphrase { store }),
            Known::Refused(Some(reason)) => return Err(StoreError::NoPassphrase { store, reason }),
            Known::Nothing | Known::Key(_) => {}
        }
        let asked = self.ask_anew(file);
        let refused = match &asked {
            Err(StoreError::WrongPassphrase { .. }) => Some(None),
            Err(StoreError::NoPassphrase { reason, .. }) => Some(Some(reason.clone())),
            _ => None,
        };
        if let Some(refused) = refused.filter(|_| self.passphrase.is_interactive()) {
            self.set_known(Known::Refused(refused));
        }
        asked
    }

    fn ask_anew(&self, file: &VaultFile) -> Result<Opened, StoreError> {
        for attempt in 0..ATTEMPTS {
            let passphrase = self.passphrase.existing(attempt > 0)?;
            let derived = crypt::derive(&passphrase, &file.salt.0, file.cost);
            let derived =
                derived.ok_or_else(|| Self::failed("there is not enough memory for it"))?;
            if let Some(unlocked) = open_key(file, &derived)? {
                return Ok(Opened {
                    unlocked,
                    passphrase,
                    derived,
                });
            }
            if !self.passphrase.is_interactive() {
                break;
            }
        }
        Err(StoreError::WrongPassphrase {
            store: StoreKind::Vault,
        })
    }

    /// Makes an empty vault with fresh keys: its file, its data key, and the key out of the passphrase.
    fn sealed_under(
        &self,
        passphrase: &Secret<String>,
    ) -> Result<(VaultFile, Unlocked, Key), StoreError> {
        let (id, salt, key) = (crypt::random(), crypt::random(), crypt::fresh_key());
        let derived = crypt::derive(passphrase, &salt, self.cost);
        let derived = derived.ok_or_else(|| Self::failed("there is not enough memory for it"))?;
        let bound = VaultFile::bound_to_key(&id, self.cost, &salt);
        let sealed = crypt::seal(&derived, &bound, key.expose());
        let sealed = sealed.try_into().expect("a nonce, a key and a tag");
        let file = VaultFile::new(id, self.cost, salt, sealed);
        let unlocked = Unlocked {
            sealed: file.key,
            key,
        };
        Ok((file, unlocked, derived))
    }

    /// Changes the vault with its key. Whoever is asked is asked before it is locked.
    fn change(&self, change: impl Fn(&mut VaultFile, &Key)) -> Result<(), StoreError> {
        for _ in 0..ROUNDS {
            let found = self.load()?;
            let (made, unlocked) = match &found {
                Some(file) => {
                    let key = self.key_of(file)?;
                    let sealed = file.key;
                    (None, Unlocked { sealed, key })
                }
                None => {
                    let made = self.sealed_under(&self.passphrase.new_one()?)?;
                    (Some((made.0, made.2)), made.1)
                }
            };
            let _lock = self.lock()?;
            let (mut file, derived) = match (self.load()?, made) {
                (Some(now), None) if now.key == unlocked.sealed => (now, None),
                (None, Some((new, derived))) => (new, Some(derived)),
                // Made, rotated or removed meanwhile.
                _ => continue,
            };
            change(&mut file, &unlocked.key);
            self.write(&file)?;
            self.remember(unlocked);
            if let Some(derived) = derived {
                self.hold(&derived);
            }
            return Ok(());
        }
        Err(Self::busy())
    }

    fn known(&self) -> Known {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.clone()
    }

    fn remember(&self, unlocked: Unlocked) {
        self.set_known(Known::Key(unlocked));
    }

    fn set_known(&self, known: Known) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }

    fn absent() -> StoreError {
        StoreError::Unavailable {
            store: StoreKind::Vault,
            reason: "not created yet; created when you first use --store vault".to_owned(),
        }
    }

    fn busy() -> StoreError {
        Self::failed("others keep changing it")
    }

    fn failed(reason: &str) -> StoreError {
        StoreError::Failed {
            store: StoreKind::Vault,
            reason: reason.to_owned(),
        }
    }
}

impl SecretStore for VaultStore {
    fn get(&self, id: &SecretId) -> Result<Option<Secret<Vec<u8>>>, StoreError> {
        let Some(file) = self.load()? else {
            return Ok(None);
        };
        match file.items.get(id.as_str()) {
            Some(sealed) => open_item(&file, &self.key_of(&file)?, id, sealed).map(Some),
            None => Ok(None),
        }
    }

    fn put(&self, id: &SecretId, item: &Secret<Vec<u8>>) -> Result<(), StoreError> {
        check_size(item)?;
        self.change(|file, key| {
            let sealed = crypt::seal(key, &file.bound_to_item(id), item.expose());
            file.items.insert(id.as_str().to_owned(), encode(&sealed));
        })
    }

    fn delete(&self, id: &SecretId) -> Result<(), StoreError> {
        if self.load()?.is_none() {
            return Ok(());
        }
        let _lock = self.lock()?;
        let Some(mut file) = self.load()? else {
            return Ok(());
        };
        match file.items.remove(id.as_str()) {
            Some(_) => self.write(&file),
            None => Ok(()),
        }
    }

    fn unlock(&self) -> Result<(), StoreError> {
        match self.load()? {
            Some(file) => self.key_of(&file).map(drop),
            None => self.change(|_, _| {}),
        }
    }

    fn status(&self) -> Result<(), StoreError> {
        let file = self.load()?.ok_or_else(Self::absent)?;
        if self.passphrase.is_interactive() && self.held(&file).is_none() {
            return Err(StoreError::Locked {
                store: StoreKind::Vault,
            });
        }
        self.key_of(&file).map(drop)
    }
}

/// Opens the data key with the key out of the passphrase; `None` when that is another one.
fn open_key(file: &VaultFile, derived: &Key) -> Result<Option<Unlocked>, StoreError> {
    let bound = VaultFile::bound_to_key(&file.id.0, file.cost, &file.salt.0);
    let Some(key) = crypt::open(derived, &bound, &file.key.0) else {
        return Ok(None);
    };
    let key: &[u8; crypt::KEY_BYTES] = key
        .expose()
        .as_slice()
        .try_into()
        .map_err(|_| damaged("the vault's key"))?;
    Ok(Some(Unlocked {
        sealed: file.key,
        key: Secret::filled(|place| place.copy_from_slice(key)),
    }))
}

fn open_item(
    file: &VaultFile,
    key: &Key,
    id: &SecretId,
    sealed: &str,
) -> Result<Secret<Vec<u8>>, StoreError> {
    let sealed = base64_simd::STANDARD.decode_to_vec(sealed);
    let sealed = sealed.map_err(|_| damaged("an item"))?;
    crypt::open(key, &file.bound_to_item(id), &sealed).ok_or_else(|| damaged("an item"))
}

fn encode(sealed: &[u8]) -> String {
    base64_simd::STANDARD.encode_to_string(sealed)
}

fn damaged(what: &'static str) -> StoreError {
    StoreError::Damaged {
        store: StoreKind::Vault,
        what,
    }
}
