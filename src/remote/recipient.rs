//! Somebody that bundles are sealed for: a public key as text, and what the secret store keeps of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::e2ee::{Fingerprint, KeyError, PublicKey, SecretKey};
use crate::secret::Secret;

/// How the text begins.
const PREFIX: &str = "paseo-recipient:";
/// Bytes of SHA-256 behind the key: a bundle for a mistyped key could be opened by nobody.
const CHECK_BYTES: usize = 4;
/// The one version of an item with a key.
const ITEM_VERSION: u32 = 1;

/// The public key of somebody that bundles are sealed for. It opens nothing and may be published.
///
/// Its text is `paseo-recipient:` and the base64url of 32 bytes of X25519 key and 4 of its SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recipient(PublicKey);

/// Why a text is no recipient. It is not repeated: it may be an offer in the wrong place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecipientError {
    /// Something else.
    #[error(
        "a recipient is what `paseo remote recipient` prints: `paseo-recipient:` and 48 characters"
    )]
    Form,
    /// A part is missing or wrong.
    #[error("the recipient is mistyped or cut off")]
    Mistyped,
    /// No honest recipient has such a key.
    #[error("the recipient's key cannot be used")]
    Key(#[from] KeyError),
}

impl Recipient {
    /// Takes the key.
    pub fn new(key: PublicKey) -> Self {
        Self(key)
    }

    /// Returns the key.
    pub fn key(&self) -> &PublicKey {
        &self.0
    }

    /// Returns what people compare.
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint()
    }
}

impl FromStr for Recipient {
    type Err = RecipientError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let encoded = text
            .trim()
            .strip_prefix(PREFIX)
            .ok_or(RecipientError::Form)?;
        let bytes = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(encoded);
        let bytes = bytes.map_err(|_| RecipientError::Mistyped)?;
        let (key, check) = bytes.split_first_chunk().ok_or(RecipientError::Mistyped)?;
        match check == check_of(key) {
            true => Ok(Self(PublicKey::from_bytes(*key)?)),
            false => Err(RecipientError::Mistyped),
        }
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.0.as_bytes();
        let bytes = [&key[..], &check_of(key)].concat();
        write!(
            f,
            "{PREFIX}{}",
            base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
        )
    }
}

fn check_of(key: &[u8; 32]) -> [u8; CHECK_BYTES] {
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(&Sha256::digest(key)[..CHECK_BYTES]);
    check
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    v: u32,
    recipient_key: Zeroizing<String>,
}

/// Returns the item for the secret key of a recipient: `{"v":1,"recipientKey":"<base64>"}`.
pub fn recipient_item(key: &SecretKey) -> Secret<Vec<u8>> {
    let item = Item {
        v: ITEM_VERSION,
        recipient_key: key.expose_base64(),
    };
    Secret::new(serde_json::to_vec(&item).expect("a text can be written as JSON"))
}

/// Returns the secret key in an item; `None` when the item is something else.
pub fn recipient_key(item: &Secret<Vec<u8>>) -> Option<SecretKey> {
    let item: Item = serde_json::from_slice(item.expose()).ok()?;
    if item.v != ITEM_VERSION {
        return None;
    }
    SecretKey::from_base64(&item.recipient_key).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipient_is_read_as_it_is_written_and_no_slip_passes() {
        let key = SecretKey::generate();
        let recipient = Recipient::new(key.public_key());
        let text = recipient.to_string();
        assert_eq!(text.len(), PREFIX.len() + 48);
        assert_eq!(format!(" {text}\n").parse(), Ok(recipient));
        for at in PREFIX.len()..text.len() {
            let other = if &text[at..=at] == "A" { "B" } else { "A" };
            let mut slip = text.clone();
            slip.replace_range(at..=at, other);
            assert!(slip.parse::<Recipient>().is_err(), "{slip}");
        }
        let cut = &text[..text.len() - 4];
        assert_eq!(cut.parse::<Recipient>(), Err(RecipientError::Mistyped));
        assert_eq!("age1xyz".parse::<Recipient>(), Err(RecipientError::Form));
        let item = recipient_item(&key);
        let found = recipient_key(&item).unwrap();
        assert_eq!(found.public_key(), key.public_key());
        assert!(recipient_key(&Secret::new(b"{\"v\":1}".to_vec())).is_none());
    }
}
