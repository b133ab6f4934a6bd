//! Secrets in memory, gone with the process. For tests, and for a demo that must leave nothing.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::store::{SecretStore, StoreError, check_size};
use super::{Secret, SecretId};

/// A store that forgets.
#[derive(Debug, Default)]
pub struct MemoryStore {
    items: Mutex<BTreeMap<SecretId, Secret<Vec<u8>>>>,
}

impl MemoryStore {
    fn items(&self) -> std::sync::MutexGuard<'_, BTreeMap<SecretId, Secret<Vec<u8>>>> {
        // Each call changes the map in one step, so a panic elsewhere cannot leave half of one.
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SecretStore for MemoryStore {
    fn get(&self, id: &SecretId) -> Result<Option<Secret<Vec<u8>>>, StoreError> {
        Ok(self.items().get(id).cloned())
    }

    fn put(&self, id: &SecretId, item: &Secret<Vec<u8>>) -> Result<(), StoreError> {
        check_size(item)?;
        self.items().insert(id.clone(), item.clone());
        Ok(())
    }

    fn delete(&self, id: &SecretId) -> Result<(), StoreError> {
        self.items().remove(id);
        Ok(())
    }
}
