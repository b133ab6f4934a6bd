//! Single frames, sealed and opened: NaCl secretbox (XSalsa20-Poly1305) with the nonce in front.
//!
//! `bundle = nonce(24) || tag(16) || ciphertext`. Both directions use one key, and the deployed format
//! has no sequence numbers. Two things are possible without them: an [`Opener`] refuses nonces that it
//! has opened lately, and those of the [`Sealer`] beside it.

use std::fmt;
use std::sync::Arc;

use dryoc::classic::crypto_core::crypto_core_hsalsa20;
use dryoc::classic::crypto_secretbox::{
    crypto_secretbox_easy_inplace, crypto_secretbox_open_detached,
};
use zeroize::Zeroizing;

use super::keys::{KEY_BYTES, KeyError, PublicKey, SecretKey};
use super::recent::Recent;
use super::trace::without_trace;
use crate::protocol::base64::{decode_lenient, encode_in_place};
use crate::protocol::e2ee::{MAX_BINARY_BYTES, MAX_TEXT_BYTES, OVERHEAD_BYTES};
use crate::protocol::relay::MAX_MESSAGE_BYTES;

const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
/// Bytes of a nonce that are the same in all frames of one sealer.
const PREFIX_BYTES: usize = 16;

/// How many nonces an [`Opener`] remembers at least. A frame that is repeated while fewer than this
/// many newer ones have come is refused; the memory is at most about 1.6 MB, for busy channels only.
const REMEMBERED_NONCES: usize = 16_384;

type Nonce = [u8; NONCE_BYTES];
type Prefix = [u8; PREFIX_BYTES];

/// The key of one channel, the same on both sides and for both directions. There is one copy of it: whatever is moved
/// leaves its bytes behind.
#[derive(Clone)]
pub(crate) struct SharedKey(Arc<Zeroizing<[u8; KEY_BYTES]>>);

impl SharedKey {
    /// `HSalsa20(X25519(own, peer), 0)`: NaCl's `crypto_box_beforenm`. An all-zero agreement, which
    /// NaCl takes, is refused.
    pub(crate) fn agree(own: &SecretKey, peer: &PublicKey) -> Result<Self, KeyError> {
        let mut shared = Arc::<Zeroizing<_>>::default();
        let key = Arc::get_mut(&mut shared).expect("nobody else has it yet");
        without_trace(|| {
            let agreed = own.agree(peer)?;
            crypto_core_hsalsa20(key, &[0; 16], agreed.as_bytes(), None);
            Ok(())
        })?;
        Ok(Self(shared))
    }

    /// Makes this side's two halves of the channel.
    pub(crate) fn split(self) -> (Sealer, Opener) {
        let mut prefix = Prefix::default();
        getrandom::fill(&mut prefix).expect("the system's random number generator works");
        let sealer = Sealer {
            key: self.clone(),
            prefix,
            counter: 0,
        };
        let opener = Opener {
            key: self,
            own_prefix: prefix,
            seen: Recent::new(),
        };
        (sealer, opener)
    }

    #[cfg(test)]
    pub(crate) fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

/// Seals the frames that this side sends.
///
/// Peers take any nonce. Ours are 16 random bytes, chosen once, and a counter: they cannot repeat
/// within a channel, nor meet those of the other side by more than a chance of 2⁻¹²⁸, and this side
/// knows its own when a relay sends them back.
pub struct Sealer {
    key: SharedKey,
    prefix: Prefix,
    counter: u64,
}

impl Sealer {
    /// Seals into raw bytes, for a binary frame. At most [`MAX_BINARY_BYTES`]. The plaintext's own memory is
    /// used: a frame may be most of what a command may keep.
    pub fn seal(&mut self, plaintext: Vec<u8>) -> Result<Vec<u8>, TooLarge> {
        TooLarge::check(plaintext.len(), MAX_BINARY_BYTES)?;
        let nonce = self.next_nonce();
        Ok(seal_with(&self.key, &nonce, plaintext))
    }

    /// Seals into standard padded base64, for a text frame. At most [`MAX_TEXT_BYTES`].
    pub fn seal_to_base64(&mut self, plaintext: Vec<u8>) -> Result<String, TooLarge> {
        TooLarge::check(plaintext.len(), MAX_TEXT_BYTES)?;
        let nonce = self.next_nonce();
        let bundle = seal_with(&self.key, &nonce, plaintext);
        Ok(encode_in_place(bundle))
    }

    fn next_nonce(&mut self) -> Nonce {
        let mut nonce = Nonce::default();
        nonce[..PREFIX_BYTES].copy_from_slice(&self.prefix);
        nonce[PREFIX_BYTES..].copy_from_slice(&self.counter.to_be_bytes());
        self.counter = self
            .counter
            .checked_add(1)
            .expect("no channel lives for 2^64 frames");
        nonce
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer([secret])")
    }
}

/// `crypto_secretbox_easy` behind the nonce, in the memory of the plaintext.
pub(crate) fn seal_with(key: &SharedKey, nonce: &Nonce, plaintext: Vec<u8>) -> Vec<u8> {
    let length = plaintext.len();
    let mut bundle = plaintext;
    bundle.reserve_exact(OVERHEAD_BYTES);
    bundle.resize(length + OVERHEAD_BYTES, 0);
    bundle.copy_within(..length, NONCE_BYTES);
    bundle[..NONCE_BYTES].copy_from_slice(nonce);
    // Takes the message with room for the tag behind it, and gives the tag in front.
    let message = &mut bundle[NONCE_BYTES..];
    without_trace(|| crypto_secretbox_easy_inplace(message, nonce, &key.0))
        .expect("there is room for the tag");
    bundle
}

/// Opens the frames that the peer sends.
pub struct Opener {
    key: SharedKey,
    own_prefix: Prefix,
    seen: Recent<Nonce, REMEMBERED_NONCES>,
}

impl Opener {
    /// Opens raw bytes, the payload of a binary frame.
    pub fn open(&mut self, bundle: &[u8]) -> Result<Vec<u8>, OpenError> {
        if bundle.len() > MAX_MESSAGE_BYTES {
            return Err(OpenError::TooLarge);
        }
        let (nonce, rest) = bundle
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(OpenError::TooShort)?;
        let (tag, ciphertext) = rest
            .split_first_chunk::<TAG_BYTES>()
            .ok_or(OpenError::TooShort)?;
        if nonce.starts_with(&self.own_prefix) {
            return Err(OpenError::Reflected);
        }
        let mut plaintext = vec![0; ciphertext.len()];
        let key = &self.key.0;
        without_trace(|| {
            crypto_secretbox_open_detached(&mut plaintext, ciphertext, tag, nonce, key)
        })
        .map_err(|_| OpenError::NotAuthentic)?;
        // Only now: a frame that is not authentic must not fill the memory.
        if !self.seen.insert(*nonce) {
            return Err(OpenError::Repeated);
        }
        Ok(plaintext)
    }

    /// Opens base64, the payload of a text frame. As deployed receivers do, takes the URL-safe alphabet,
    /// missing padding and white space around it as well.
    pub fn open_base64(&mut self, text: &[u8]) -> Result<Vec<u8>, OpenError> {
        if text.len() > MAX_MESSAGE_BYTES {
            return Err(OpenError::TooLarge);
        }
        self.open(&decode_lenient(text).ok_or(OpenError::NotBase64)?)
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opener([secret])")
    }
}

/// A plaintext does not fit into one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message of {length} bytes does not fit into one frame, which takes {limit}")]
pub struct TooLarge {
    /// Of the plaintext, in bytes.
    pub length: usize,
    /// Largest plaintext, in bytes.
    pub limit: usize,
}

impl TooLarge {
    fn check(length: usize, limit: usize) -> Result<(), Self> {
        if length > limit {
            return Err(Self { length, limit });
        }
        Ok(())
    }
}

/// Why a frame was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Larger than any relay forwards.
    #[error("the frame is too large")]
    TooLarge,
    /// A text frame with anything but base64: most likely plaintext.
    #[error("the frame is not encrypted")]
    NotBase64,
    /// No room for nonce and tag.
    #[error("the frame is too short to be encrypted")]
    TooShort,
    /// Another key, or somebody changed the frame.
    #[error("the frame could not be authenticated")]
    NotAuthentic,
    /// The frame was opened before.
    #[error("the frame came before: somebody repeats recorded frames")]
    Repeated,
    /// The frame is one of our own.
    #[error("the frame is one of our own, sent back")]
    Reflected,
}
