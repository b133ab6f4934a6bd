//! The two halves of an X25519 key pair, and the fingerprint of the public one.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use x25519_dalek::{SharedSecret, StaticSecret};
use zeroize::Zeroizing;

use super::trace::without_trace;

/// Length of a key, of either half, in bytes.
pub const KEY_BYTES: usize = 32;

/// Why a key was refused. No variant repeats the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not standard base64 with padding.
    #[error("the key is not standard base64")]
    NotBase64,
    /// Decodes to another number of bytes than 32.
    #[error("the key is {0} bytes long, not 32")]
    WrongLength(usize),
    /// A point of low order: every agreement with it gives the same, public, result.
    #[error("the key is a point of low order, which no honest daemon has")]
    LowOrder,
    /// Another spelling of a key: bit 255 is set, or the number is not below 2^255 - 19. X25519 reads both as the key
    /// itself, so whoever compares bytes would take them for two keys.
    #[error("the key is not in canonical form, which no honest program writes")]
    NotCanonical,
}

/// The public half of a key pair. Printable, but together with a server id it grants access, so
/// [`fmt::Debug`] shows only its [`Fingerprint`].
#[derive(Clone, Copy)]
pub struct PublicKey([u8; KEY_BYTES]);

impl PublicKey {
    /// Takes the 32 bytes of a key. Refuses points of low order, and every encoding but the canonical one, so two keys
    /// are the same exactly when their bytes are.
    ///
    /// Deployed daemons and clients accept those; no honest peer makes one: whatever computes a public key
    /// (tweetnacl, noble, libsodium, ours) reduces it modulo 2^255 - 19 before it writes it.
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Result<Self, KeyError> {
        // Multiplying by any clamped scalar maps every low-order point to zero, and no other.
        let probe = StaticSecret::from([0x42; KEY_BYTES]);
        let shared = probe.diffie_hellman(&x25519_dalek::PublicKey::from(bytes));
        if !shared.was_contributory() {
            return Err(KeyError::LowOrder);
        }
        match is_canonical(&bytes) {
            true => Ok(Self(bytes)),
            false => Err(KeyError::NotCanonical),
        }
    }

    /// Parses standard base64 with padding, 44 characters: the form in offers and handshakes.
    pub fn from_base64(text: &str) -> Result<Self, KeyError> {
        let bytes = base64_simd::STANDARD
            .decode_to_vec(text)
            .map_err(|_| KeyError::NotBase64)?;
        let bytes: [u8; KEY_BYTES] = bytes
            .try_into()
            .map_err(|bytes: Vec<u8>| KeyError::WrongLength(bytes.len()))?;
        Self::from_bytes(bytes)
    }

    /// Returns the standard base64 form.
    pub fn to_base64(&self) -> String {
        base64_simd::STANDARD.encode_to_string(self.0)
    }

    /// Returns the 32 bytes.
    pub fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// Returns the fingerprint, which grants nothing and may be published.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(Sha256::digest(self.0).into())
    }
}

/// Returns whether a little-endian number is below 2^255 - 19 (RFC 7748 section 5).
fn is_canonical(bytes: &[u8; KEY_BYTES]) -> bool {
    /// 2^255 - 19 without its lowest byte.
    const HIGH: [u8; KEY_BYTES - 1] = {
        let mut high = [0xff; KEY_BYTES - 1];
        high[KEY_BYTES - 2] = 0x7f;
        high
    };
    let (low, high) = (bytes[0], &bytes[1..]);
    match high.iter().rev().cmp(HIGH.iter().rev()) {
        Ordering::Less => true,
        Ordering::Equal => low < 0xed,
        Ordering::Greater => false,
    }
}

/// Compares in constant time.
impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.fingerprint())
    }
}

/// The secret half of a key pair: wiped when dropped, no `Debug` content. It stays in one place, because whatever is
/// moved leaves its bytes behind.
pub struct SecretKey(Box<StaticSecret>);

impl SecretKey {
    /// Makes a fresh key from the system's randomness.
    ///
    /// # Panics
    /// When the system has no randomness to give: stop loudly rather than use a weak key.
    pub fn generate() -> Self {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(bytes.as_mut()).expect("the system's random number generator works");
        Self::from_bytes(&bytes)
    }

    /// Takes the 32 bytes of a key.
    pub fn from_bytes(bytes: &[u8; KEY_BYTES]) -> Self {
        without_trace(|| Self(Box::new(StaticSecret::from(*bytes))))
    }

    /// Parses standard base64 with padding, the form in `daemon-keypair.json`.
    pub fn from_base64(text: &str) -> Result<Self, KeyError> {
        let bytes = base64_simd::STANDARD
            .decode_to_vec(text)
            .map_err(|_| KeyError::NotBase64)?;
        let bytes = Zeroizing::new(bytes);
        let array: Zeroizing<[u8; KEY_BYTES]> = Zeroizing::new(
            bytes
                .as_slice()
                .try_into()
                .map_err(|_| KeyError::WrongLength(bytes.len()))?,
        );
        Ok(Self::from_bytes(&array))
    }

    /// Returns the standard base64 form. It is the secret itself.
    pub fn expose_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(base64_simd::STANDARD.encode_to_string(self.0.as_bytes()))
    }

    /// Returns the public half.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(x25519_dalek::PublicKey::from(&*self.0).to_bytes())
    }

    /// Agrees on a secret with the owner of `peer`: X25519, RFC 7748 section 6.1. An all-zero
    /// (non-contributory) result is refused.
    pub(crate) fn agree(&self, peer: &PublicKey) -> Result<SharedSecret, KeyError> {
        let shared = self
            .0
            .diffie_hellman(&x25519_dalek::PublicKey::from(peer.0));
        if shared.was_contributory() {
            Ok(shared)
        } else {
            Err(KeyError::LowOrder)
        }
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey([secret])")
    }
}

/// SHA-256 of a public key, written `SHA256:` and unpadded standard base64, as OpenSSH does.
///
/// ```
/// use paseo::e2ee::Fingerprint;
///
/// let text = "SHA256:kVcBmlM4wX4KHUhivU0Mdp74zCTgTS/xm6dipwwYUSY";
/// let fingerprint: Fingerprint = text.parse()?;
/// assert_eq!(fingerprint.to_string(), text);
/// # Ok::<(), paseo::e2ee::keys::FingerprintError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Fingerprint([u8; 32]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "SHA256:{}",
            base64_simd::STANDARD_NO_PAD.encode_to_string(self.0)
        )
    }
}

/// The 2048 English words of BIP-39, a line each. One text instead of 2048 slices, which the loader would have to
/// relocate at every start and which take six times the room.
const LIST: &str = include_str!("words.txt");
/// How many words stand for a fingerprint: 66 bits of it.
const WORDS: usize = 6;
/// Bits of a word: the list has 2048.
const WORD_BITS: usize = 11;

impl Fingerprint {
    /// Returns the first 66 bits as six English words of BIP-39, to be compared by eye or read aloud.
    /// Who makes keys until the words agree needs some 2^66 of them, so it is the whole fingerprint that
    /// is checked by machines.
    pub fn words(&self) -> String {
        let bit = |at: usize| usize::from(self.0[at / 8] >> (7 - at % 8) & 1);
        let number = |word: usize| {
            let bits = word * WORD_BITS..(word + 1) * WORD_BITS;
            bits.fold(0, |number, at| number << 1 | bit(at))
        };
        // Looking each up in the text would take a second for a list of a thousand remotes.
        static WORD: LazyLock<Vec<&str>> = LazyLock::new(|| LIST.lines().collect());
        let words = (0..WORDS).filter_map(|word| WORD.get(number(word)).copied());
        words.collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Compares in constant time.
impl PartialEq for Fingerprint {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Fingerprint {}

/// The text is not `SHA256:` and 43 characters of base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is `SHA256:` and 43 characters of base64")]
pub struct FingerprintError;

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.strip_prefix("SHA256:").ok_or(FingerprintError)?;
        let bytes = base64_simd::STANDARD_NO_PAD
            .decode_to_vec(text)
            .map_err(|_| FingerprintError)?;
        bytes.try_into().map(Self).map_err(|_| FingerprintError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_bip_39() {
        let list = bip39::Language::English.word_list();
        assert!(LIST.lines().eq(list.iter().copied()));
    }

    #[test]
    fn fingerprint_round_trips() {
        let fingerprint = SecretKey::generate().public_key().fingerprint();
        assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
        assert_eq!("SHA256:short".parse::<Fingerprint>(), Err(FingerprintError));
        assert_eq!("MD5:0000".parse::<Fingerprint>(), Err(FingerprintError));
    }

    /// Checked with another program: `printf %s "$key" | base64 -d | sha256sum`, cut into 11 bits.
    #[test]
    fn words_are_the_first_bits() {
        let zero = Fingerprint([0; 32]);
        assert_eq!(
            zero.words(),
            "abandon abandon abandon abandon abandon abandon"
        );
        assert_eq!(Fingerprint([0xff; 32]).words(), "zoo zoo zoo zoo zoo zoo");
        let mut one = [0; 32];
        // The last bit of the second word and the first of the third.
        one[2] = 0b0000_0110;
        assert_eq!(
            Fingerprint(one).words(),
            "abandon ability length abandon abandon abandon"
        );
    }

    #[test]
    fn debug_shows_no_key() {
        let secret = SecretKey::from_bytes(&[7; 32]);
        let public = secret.public_key();
        assert!(!format!("{secret:?}").contains(secret.expose_base64().as_str()));
        assert!(!format!("{public:?}").contains(&public.to_base64()));
    }

    #[test]
    fn both_sides_agree() {
        let (a, b) = (SecretKey::generate(), SecretKey::generate());
        let ab = a.agree(&b.public_key()).unwrap();
        let ba = b.agree(&a.public_key()).unwrap();
        assert_eq!(ab.as_bytes(), ba.as_bytes());
    }
}
