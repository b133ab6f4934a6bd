//! Secrets in files that only their owner can read, unencrypted. Only by explicit choice.

use std::path::PathBuf;

use super::store::{MAX_ITEM_BYTES, SecretStore, StoreError, check_size};
use super::{Secret, SecretId};
use crate::files;

/// One file of mode 0600 per item, named by its id, in a directory of mode 0700.
///
/// One file each, so that a change touches one item only and needs no lock. A file that others can
/// read is refused, not repaired: whoever could read it may have done so.
#[derive(Debug)]
pub struct FileStore {
    dir: PathBuf,
}

impl FileStore {
    /// Takes the directory, which is created with the first item.
    pub fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// Returns the ids of its items.
    pub fn ids(&self) -> Vec<SecretId> {
        let entries = std::fs::read_dir(&self.dir).ok();
        let names = entries.into_iter().flatten().flatten();
        let ids = names.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        ids.collect()
    }

    fn path(&self, id: &SecretId) -> PathBuf {
        self.dir.join(id.as_str())
    }
}

impl SecretStore for FileStore {
    fn get(&self, id: &SecretId) -> Result<Option<Secret<Vec<u8>>>, StoreError> {
        let item = files::read_private(&self.path(id), MAX_ITEM_BYTES as u64)?;
        Ok(item.map(Secret::new))
    }

    fn put(&self, id: &SecretId, item: &Secret<Vec<u8>>) -> Result<(), StoreError> {
        check_size(item)?;
        files::create_private_dir(&self.dir)?;
        Ok(files::write_private(
            &self.path(id),
            item.expose(),
            MAX_ITEM_BYTES as u64,
        )?)
    }

    fn delete(&self, id: &SecretId) -> Result<(), StoreError> {
        files::remove(&self.path(id))?;
        Ok(())
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::files::FileError;

    #[test]
    fn refuses_an_item_that_others_can_read() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("secrets");
        let (store, id) = (FileStore::new(dir.clone()), SecretId::random());
        store.put(&id, &Secret::new(b"item".to_vec())).unwrap();
        assert_eq!(
            fs::metadata(&dir).unwrap().permissions().mode() & 0o777,
            0o700
        );
        fs::set_permissions(store.path(&id), fs::Permissions::from_mode(0o644)).unwrap();
        let refused = store.get(&id);
        assert!(matches!(
            refused,
            Err(StoreError::File(FileError::Exposed { .. }))
        ));
    }
}
