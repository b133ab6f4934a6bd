//! A bundle of somebody else's, as it comes and once it is open.

use super::{Bundle, SealedBundle};
use crate::e2ee::SecretKey;

/// Bytes of a file, and of its content: who is allowed to seal one may still mean harm.
pub(crate) fn bundle(bytes: &[u8]) {
    if let Ok(sealed) = SealedBundle::parse(bytes) {
        let text = sealed.to_text();
        let again = SealedBundle::parse(text.as_bytes()).expect("what was read can be written");
        assert_eq!(again.to_text(), text);
        let key = SecretKey::from_bytes(&[0x17; 32]);
        assert!(sealed.open_with_key(&key).is_err(), "a forged bundle opens");
    }
    if let Some(bundle) = Bundle::parse(bytes) {
        let written = bundle.to_bytes();
        let again = Bundle::parse(written.expose()).expect("what was read can be written");
        assert_eq!(again.to_bytes().expose(), written.expose());
    }
}
