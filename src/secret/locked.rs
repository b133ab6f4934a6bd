//! A key for a process that lives long: in memory that is never written to swap or a core file, between two pages that
//! nothing can be read from.

use std::fmt;
use std::io;

use dryoc::protected::{HeapByteArray, NewLocked, Protected, traits};
use dryoc::types::{Bytes, MutBytes};

use super::crypt::KEY_BYTES;

/// A key of 32 bytes that stays where it is, and is wiped when dropped.
pub struct LockedKey(Protected<HeapByteArray<KEY_BYTES>, traits::ReadWrite, traits::Locked>);

impl LockedKey {
    /// Makes one in its place. Fails where this process may lock no memory.
    pub fn filled(fill: impl FnOnce(&mut [u8]) -> io::Result<()>) -> io::Result<Self> {
        let mut key = HeapByteArray::<KEY_BYTES>::new_locked()
            .map_err(|error| io::Error::other(error.to_string()))?;
        fill(key.as_mut_slice())?;
        Ok(Self(key))
    }

    /// Returns the key.
    pub fn expose(&self) -> &[u8] {
        self.0.as_slice()
    }
}

impl fmt::Debug for LockedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_it_was_filled_with() {
        let key = LockedKey::filled(|place| {
            place.copy_from_slice(&[7; KEY_BYTES]);
            Ok(())
        });
        assert_eq!(key.unwrap().expose(), [7; KEY_BYTES]);
        let refused = LockedKey::filled(|_| Err(io::ErrorKind::UnexpectedEof.into()));
        assert!(refused.is_err());
    }
}
