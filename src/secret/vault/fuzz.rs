//! The file of a vault that somebody else wrote.

use super::format::VaultFile;
use super::{crypt, open_item};
use crate::secret::Secret;

/// A file as it comes, and once more with a checksum that fits, as a forger would write it. Nothing opens.
pub(crate) fn vault(bytes: &[u8]) {
    check(bytes);
    if let Ok(file) = serde_json::from_slice::<VaultFile>(bytes) {
        let mut forged = VaultFile::new(file.id.0, file.cost, file.salt.0, file.key.0);
        forged.items = file.items;
        check(&forged.to_bytes());
    }
}

fn check(bytes: &[u8]) {
    let Ok(file) = VaultFile::parse(bytes) else {
        return;
    };
    assert_eq!(VaultFile::parse(&file.to_bytes()).as_ref(), Ok(&file));
    let derived = Secret::new([7; 32]);
    let bound = VaultFile::bound_to_key(&file.id.0, file.cost, &file.salt.0);
    assert!(crypt::open(&derived, &bound, &file.key.0).is_none());
    for (name, sealed) in &file.items {
        let id = name.parse().expect("ids are checked when the file is read");
        assert!(open_item(&file, &derived, &id, sealed).is_err());
    }
}
