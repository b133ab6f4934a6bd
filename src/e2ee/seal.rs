//! Single frames, sealed and opened: NaCl secretbox (XSalsa20-Poly1305) with the nonce in front.
//!
//! `bundle = nonce(24) || tag(16) || ciphertext`. Both directions use one key, and the deployed format has no sequence
//! numbers; what the nonces of our own ends say in their place is in [`super::nonce`].

use std::fmt;
use std::sync::Arc;

use dryoc::classic::crypto_core::crypto_core_hsalsa20;
use dryoc::classic::crypto_secretbox::{
    crypto_secretbox_easy_inplace, crypto_secretbox_open_detached,
};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::keys::{KEY_BYTES, KeyError, PublicKey, SecretKey};
use super::nonce::{Mark, NONCE_BYTES, Nonce, Nonces, Order, PART_BYTES, Peer, Value};
use super::trace::without_trace;
use crate::protocol::base64::{decode_lenient, encode_in_place};
use crate::protocol::e2ee::{MAX_BINARY_BYTES, MAX_TEXT_BYTES, OVERHEAD_BYTES};
use crate::protocol::relay::MAX_MESSAGE_BYTES;

const TAG_BYTES: usize = 16;

/// Labels of what is derived from the key of a channel.
const CLIENT: &str = "paseo e2ee client";
const DAEMON: &str = "paseo e2ee daemon";
const READY: &str = "paseo e2ee ready";
const AGREEMENT: &str = "paseo e2ee agreement";

/// Length of what a daemon proves its key with, in bytes.
pub(super) const PROOF_BYTES: usize = 16;

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

    /// Makes the client's two halves of the channel. It learns the daemon's value later.
    pub(super) fn of_client(self) -> (Sealer, Opener) {
        let (own, peer) = (self.mark(CLIENT), self.mark(DAEMON));
        self.split(Nonces::new(own), Order::of_daemon(own, peer))
    }

    /// Makes the daemon's two halves of the channel, on a connection with this value.
    pub(super) fn of_daemon(self, value: Value) -> (Sealer, Opener) {
        let (own, peer) = (self.mark(DAEMON), self.mark(CLIENT));
        let mut nonces = Nonces::new(own);
        nonces.carry(value);
        self.split(nonces, Order::of_client(own, peer, value))
    }

    fn split(self, nonces: Nonces, order: Order) -> (Sealer, Opener) {
        let sealer = Sealer {
            key: self.clone(),
            nonces,
        };
        (sealer, Opener { key: self, order })
    }

    fn mark(&self, role: &str) -> Mark {
        Mark(self.derive(role, &[]))
    }

    /// Returns what shows that the daemon has this key, and drew this value.
    pub(super) fn proof(&self, value: Value) -> [u8; PROOF_BYTES] {
        self.derive(READY, &value.0)
    }

    /// Returns a short name of the key, which says nothing of it.
    pub(super) fn agreement(&self) -> [u8; PART_BYTES] {
        self.derive(AGREEMENT, &[])
    }

    /// The first bytes of SHA-256 over label, key and data. All labels and data have fixed lengths, and less than half
    /// of the hash gets out, so nothing can be appended.
    fn derive<const N: usize>(&self, label: &str, data: &[u8]) -> [u8; N] {
        without_trace(|| {
            let hash = Sha256::new()
                .chain_update(label)
                .chain_update([0_u8])
                .chain_update(self.0.as_slice())
                .chain_update(data)
                .finalize();
            let mut first = [0; N];
            first.copy_from_slice(&hash[..N]);
            first
        })
    }

    #[cfg(test)]
    pub(crate) fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl fmt::Debug for SharedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedKey([secret])")
    }
}

/// Seals the frames that this side sends.
pub struct Sealer {
    key: SharedKey,
    nonces: Nonces,
}

impl Sealer {
    /// Seals into raw bytes, for a binary frame. At most [`MAX_BINARY_BYTES`]. The plaintext's own memory is
    /// used: a frame may be most of what a command may keep.
    pub fn seal(&mut self, plaintext: Vec<u8>) -> Result<Vec<u8>, TooLarge> {
        TooLarge::check(plaintext.len(), MAX_BINARY_BYTES)?;
        let nonce = self.nonces.next();
        Ok(seal_with(&self.key, &nonce, plaintext))
    }

    /// Seals into standard padded base64, for a text frame. At most [`MAX_TEXT_BYTES`].
    pub fn seal_to_base64(&mut self, plaintext: Vec<u8>) -> Result<String, TooLarge> {
        TooLarge::check(plaintext.len(), MAX_TEXT_BYTES)?;
        let nonce = self.nonces.next();
        let bundle = seal_with(&self.key, &nonce, plaintext);
        Ok(encode_in_place(bundle))
    }

    /// From now on the frames carry the value of the connection.
    pub(super) fn carry(&mut self, value: Value) {
        self.nonces.carry(value);
    }

    /// Seals as a deployed peer does, whose nonces say nothing.
    #[cfg(test)]
    pub(crate) fn as_deployed(&mut self) {
        self.nonces = Nonces::new(Mark(Value::draw().0));
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
    order: Order,
}

impl Opener {
    /// Opens raw bytes, the payload of a binary frame.
    pub fn open(&mut self, bundle: &[u8]) -> Result<Vec<u8>, OpenError> {
        Ok(self.open_from(bundle)?.0)
    }

    /// The same, and says what the frame shows of the peer.
    pub(super) fn open_from(&mut self, bundle: &[u8]) -> Result<(Vec<u8>, Peer), OpenError> {
        if bundle.len() > MAX_MESSAGE_BYTES {
            return Err(OpenError::TooLarge);
        }
        let (nonce, rest) = bundle
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(OpenError::TooShort)?;
        let (tag, ciphertext) = rest
            .split_first_chunk::<TAG_BYTES>()
            .ok_or(OpenError::TooShort)?;
        self.order.check_sender(nonce)?;
        let mut plaintext = vec![0; ciphertext.len()];
        let key = &self.key.0;
        without_trace(|| {
            crypto_secretbox_open_detached(&mut plaintext, ciphertext, tag, nonce, key)
        })
        .map_err(|_| OpenError::NotAuthentic)?;
        let peer = self.order.take(nonce)?;
        Ok((plaintext, peer))
    }

    /// Opens base64, the payload of a text frame. As deployed receivers do, takes the URL-safe alphabet,
    /// missing padding and white space around it as well.
    pub fn open_base64(&mut self, text: &[u8]) -> Result<Vec<u8>, OpenError> {
        Ok(self.open_base64_from(text)?.0)
    }

    /// The same, and says what the frame shows of the peer.
    pub(super) fn open_base64_from(&mut self, text: &[u8]) -> Result<(Vec<u8>, Peer), OpenError> {
        if text.len() > MAX_MESSAGE_BYTES {
            return Err(OpenError::TooLarge);
        }
        self.open_from(&decode_lenient(text).ok_or(OpenError::NotBase64)?)
    }

    /// The daemon has told the value that its frames carry.
    pub(super) fn expect(&mut self, value: Value) {
        self.order.expect(value);
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
    #[error("a frame came twice")]
    Repeated,
    /// Frames of the peer did not come, or come later.
    #[error("a frame is missing, or came out of order")]
    Missing,
    /// The peer is one of ours, and the frame carries the value of another connection: a recording, or the relay has
    /// changed `e2ee_ready`.
    #[error("a frame belongs to another connection")]
    OtherConnection,
    /// The frame is one of our own.
    #[error("a frame of this side came back")]
    Reflected,
}

impl OpenError {
    /// Returns whether a frame is not at its place: a fault of the transport, which no key has to do with.
    pub(super) fn is_disorder(self) -> bool {
        self.is_genuine() || self == Self::Reflected
    }

    /// Returns whether the frame was authenticated all the same.
    pub(super) fn is_genuine(self) -> bool {
        matches!(self, Self::Repeated | Self::Missing | Self::OtherConnection)
    }
}
