//! The stores of this process, each opened when it is first needed.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::store::{SecretStore, StoreError, StoreKind};
use super::{
    CommandSpec, CommandStore, FileStore, KeyHolder, KeyringStore, Nobody, Passphrase, SecretId,
    VaultStore,
};

/// How long the keyring may take for another label.
const RELABEL_LIMIT: Duration = Duration::from_secs(2);

/// Opens stores. Making one touches nothing.
pub struct Stores {
    data_dir: Option<PathBuf>,
    keyring_budget: Duration,
    keyring: OnceLock<Arc<KeyringStore>>,
    waiting: Option<fn()>,
    passphrase: Arc<dyn Passphrase>,
    holder: Option<Arc<dyn KeyHolder>>,
    vault: OnceLock<Arc<VaultStore>>,
    command: CommandLookup,
}

/// Tells how the user's program is called, when it is first needed; `Err` says why there is none.
pub type CommandLookup = Arc<dyn Fn() -> Result<CommandSpec, String> + Send + Sync>;

impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stores")
            .field("data_dir", &self.data_dir)
            .finish_non_exhaustive()
    }
}

impl Stores {
    /// Takes the directory of the file store (`None` when no home is known), and the time that all
    /// calls to the OS keyring together may wait.
    pub fn new(data_dir: Option<PathBuf>, keyring_budget: Duration) -> Self {
        Self {
            data_dir,
            keyring_budget,
            keyring: OnceLock::new(),
            waiting: None,
            passphrase: Arc::new(Nobody),
            holder: None,
            vault: OnceLock::new(),
            command: Arc::new(|| Err("none is configured".to_owned())),
        }
    }

    /// Sets what tells a person that the keyring is waited for.
    #[must_use]
    pub fn telling(mut self, waiting: fn()) -> Self {
        self.waiting = Some(waiting);
        self
    }

    /// Sets who knows the passphrase of the vault.
    #[must_use]
    pub fn with_passphrase(mut self, passphrase: Arc<dyn Passphrase>) -> Self {
        self.passphrase = passphrase;
        self
    }

    /// Sets what holds the key of the vault between commands.
    #[must_use]
    pub fn with_holder(mut self, holder: Arc<dyn KeyHolder>) -> Self {
        self.holder = Some(holder);
        self
    }

    /// Sets how the user's program is found.
    #[must_use]
    pub fn with_command(mut self, command: CommandLookup) -> Self {
        self.command = command;
        self
    }

    /// Returns the vault. It may not be there yet.
    pub fn vault(&self) -> Result<Arc<VaultStore>, StoreError> {
        let dir = self.place(StoreKind::Vault)?;
        let new = || {
            let vault = VaultStore::new(dir.join(VaultStore::FILE), self.passphrase.clone());
            Arc::new(vault.with_holder(self.holder.clone()))
        };
        // Shared, because it asks for its passphrase once.
        Ok(self.vault.get_or_init(new).clone())
    }

    /// Returns the ids of all items of a store, as far as they can be known: keyrings and programs cannot be listed.
    /// Needs no passphrase.
    pub fn ids(&self, kind: StoreKind) -> Vec<SecretId> {
        match kind {
            StoreKind::File => self.files().map(|files| files.ids()).unwrap_or_default(),
            StoreKind::Vault => {
                let ids = self.vault().and_then(|vault| vault.ids());
                ids.unwrap_or_default()
            }
            StoreKind::Keyring | StoreKind::Command => Vec::new(),
        }
    }

    /// Gives an item another label, where the store shows one to people. Asks nobody, and does not wait long.
    pub fn relabel(&self, kind: StoreKind, id: &SecretId, label: &str) -> Result<(), StoreError> {
        match kind {
            StoreKind::Keyring => {
                // With a budget of its own: nobody waits for a label.
                let budget = self.keyring_budget.min(RELABEL_LIMIT);
                KeyringStore::new(budget).relabel(id, label)
            }
            StoreKind::Vault | StoreKind::Command | StoreKind::File => Ok(()),
        }
    }

    fn files(&self) -> Result<FileStore, StoreError> {
        let dir = self.place(StoreKind::File)?;
        Ok(FileStore::new(dir.join("secrets")))
    }

    fn place(&self, store: StoreKind) -> Result<&PathBuf, StoreError> {
        self.data_dir
            .as_ref()
            .ok_or_else(|| StoreError::Unavailable {
                store,
                reason: "no home directory is known".to_owned(),
            })
    }

    /// Returns a store of this kind. It may still turn out not to work.
    pub fn open(&self, kind: StoreKind) -> Result<Arc<dyn SecretStore>, StoreError> {
        match kind {
            StoreKind::Keyring => {
                let new = || Arc::new(KeyringStore::new(self.keyring_budget).telling(self.waiting));
                // Shared, because the budget is one for the process.
                Ok(self.keyring.get_or_init(new).clone())
            }
            StoreKind::Vault => Ok(self.vault()?),
            StoreKind::Command => match (self.command)() {
                Ok(spec) => Ok(Arc::new(CommandStore::new(spec))),
                Err(reason) => Err(StoreError::Unavailable {
                    store: kind,
                    reason,
                }),
            },
            StoreKind::File => Ok(Arc::new(self.files()?)),
        }
    }
}
