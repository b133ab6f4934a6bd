//! The stores of this process, each opened when it is first needed.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::store::{SecretStore, StoreError, StoreKind};
use super::{FileStore, KeyringStore};

/// Opens stores. Making one touches nothing.
#[derive(Debug)]
pub struct Stores {
    data_dir: Option<PathBuf>,
    keyring_budget: Duration,
    keyring: OnceLock<Arc<KeyringStore>>,
}

impl Stores {
    /// Takes the directory of the file store (`None` when no home is known), and the time that all
    /// calls to the OS keyring together may wait.
    pub fn new(data_dir: Option<PathBuf>, keyring_budget: Duration) -> Self {
        Self {
            data_dir,
            keyring_budget,
            keyring: OnceLock::new(),
        }
    }

    /// Returns a store of this kind. It may still turn out not to work.
    pub fn open(&self, kind: StoreKind) -> Result<Arc<dyn SecretStore>, StoreError> {
        match kind {
            StoreKind::Keyring => {
                let new = || Arc::new(KeyringStore::new(self.keyring_budget));
                // Shared, because the budget is one for the process.
                Ok(self.keyring.get_or_init(new).clone())
            }
            StoreKind::File => match &self.data_dir {
                Some(dir) => Ok(Arc::new(FileStore::new(dir.join("secrets")))),
                None => Err(StoreError::Unavailable {
                    store: kind,
                    reason: "no home directory is known".to_owned(),
                }),
            },
        }
    }
}
