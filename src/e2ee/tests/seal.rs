//! Single frames: the oracle, and what must not open.

use crypto_secretbox::aead::Aead;
use crypto_secretbox::{KeyInit, XSalsa20Poly1305};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{client, daemon, shared};
use crate::e2ee::seal::{OpenError, TooLarge, seal_with};
use crate::protocol::e2ee::{Handshake, MAX_BINARY_BYTES, MAX_TEXT_BYTES, OVERHEAD_BYTES};
use crate::protocol::relay::MAX_MESSAGE_BYTES;

#[test]
fn the_largest_plaintexts_fill_a_message() {
    let (mut sealer, _) = client();
    let text = sealer.seal_to_base64(vec![0; MAX_TEXT_BYTES]).unwrap();
    assert_eq!(text.len(), MAX_MESSAGE_BYTES);
    let raw = sealer.seal(vec![0; MAX_BINARY_BYTES]).unwrap();
    assert_eq!(raw.len(), MAX_MESSAGE_BYTES);

    let (length, limit) = (MAX_TEXT_BYTES + 1, MAX_TEXT_BYTES);
    let refused = sealer.seal_to_base64(vec![0; length]);
    assert_eq!(refused, Err(TooLarge { length, limit }));
    assert!(sealer.seal(vec![0; MAX_BINARY_BYTES + 1]).is_err());
}

#[test]
fn frames_above_the_limit_are_not_even_decoded() {
    let (_, mut opener) = daemon();
    let large = vec![b'A'; MAX_MESSAGE_BYTES + 1];
    assert_eq!(opener.open(&large), Err(OpenError::TooLarge));
    assert_eq!(opener.open_base64(&large), Err(OpenError::TooLarge));
}

#[test]
fn replayed_frames_are_refused() {
    let (mut sealer, _) = client();
    let (_, mut opener) = daemon();
    let bundle = sealer.seal(b"delete everything".into()).unwrap();
    assert!(opener.open(&bundle).is_ok());
    assert_eq!(opener.open(&bundle), Err(OpenError::Repeated));
    for _ in 0..1000 {
        let next = sealer.seal(b"tick".into()).unwrap();
        assert!(opener.open(&next).is_ok());
        assert_eq!(opener.open(&bundle), Err(OpenError::Repeated));
    }
}

#[test]
fn reflected_frames_are_refused() {
    let (mut sealer, mut opener) = client();
    let bundle = sealer.seal(b"ours".into()).unwrap();
    assert_eq!(opener.open(&bundle), Err(OpenError::Reflected));
    // The other side opens it: nothing is wrong with the frame itself.
    assert_eq!(daemon().1.open(&bundle).unwrap(), b"ours");
}

#[test]
fn spliced_frames_are_refused() {
    let (mut sealer, _) = client();
    let (_, mut opener) = daemon();
    let first = sealer.seal(b"pay alice 10".into()).unwrap();
    let second = sealer.seal(b"pay mallory 9000".into()).unwrap();
    for cut in [24, OVERHEAD_BYTES] {
        let spliced = [&first[..cut], &second[cut..]].concat();
        assert_eq!(opener.open(&spliced), Err(OpenError::NotAuthentic));
    }
    // A forgery must not use up the nonce that it borrows.
    assert!(opener.open(&first).is_ok());
    assert!(opener.open(&second).is_ok());
}

#[test]
fn nonces_differ_between_frames_and_sides() {
    let ((mut a, _), (mut b, _)) = (client(), daemon());
    let nonces =
        [a.seal(vec![]), a.seal(vec![]), b.seal(vec![])].map(|it| it.unwrap()[..24].to_vec());
    assert_ne!(nonces[0], nonces[1]);
    assert_ne!(nonces[0][..8], nonces[2][..8]);
}

#[test]
fn debug_shows_no_key() {
    let halves = format!("{:?}", client());
    assert_eq!(halves, "(Sealer([secret]), Opener([secret]))");
}

proptest! {
    #[test]
    fn the_oracle_agrees(plaintext in vec(any::<u8>(), 0..2000), nonce: [u8; 24]) {
        let key = shared();
        let oracle = XSalsa20Poly1305::new(key.as_bytes().into());
        let bundle = seal_with(&key, &nonce, plaintext.clone());
        let expected = oracle.encrypt(&nonce.into(), plaintext.as_slice()).unwrap();
        prop_assert_eq!(&bundle[24..], expected);
        prop_assert_eq!(key.of_client().1.open(&bundle), Ok(plaintext));
    }

    #[test]
    fn what_is_sealed_opens(plaintext in vec(any::<u8>(), 0..5000)) {
        let (mut sealer, _) = client();
        let (_, mut opener) = daemon();
        let raw = sealer.seal(plaintext.clone()).unwrap();
        prop_assert_eq!(raw.len(), plaintext.len() + OVERHEAD_BYTES);
        prop_assert_eq!(opener.open(&raw), Ok(plaintext.clone()));
        let text = sealer.seal_to_base64(plaintext.clone()).unwrap();
        prop_assert_eq!(opener.open_base64(text.as_bytes()), Ok(plaintext));
    }

    #[test]
    fn a_flipped_bit_is_noticed(plaintext in vec(any::<u8>(), 0..300), at: prop::sample::Index, bit in 0..8u32) {
        let mut bundle = client().0.seal(plaintext.clone()).unwrap();
        let at = at.index(bundle.len());
        bundle[at] ^= 1u8 << bit;
        prop_assert_eq!(daemon().1.open(&bundle), Err(OpenError::NotAuthentic));
    }

    #[test]
    fn a_truncated_frame_is_noticed(plaintext in vec(any::<u8>(), 0..300), at: prop::sample::Index) {
        let bundle = client().0.seal(plaintext.clone()).unwrap();
        let at = at.index(bundle.len());
        let expected = if at < OVERHEAD_BYTES { OpenError::TooShort } else { OpenError::NotAuthentic };
        prop_assert_eq!(daemon().1.open(&bundle[..at]), Err(expected));
    }

    #[test]
    fn arbitrary_bytes_never_open(bytes in vec(any::<u8>(), 0..500), text in "[ A-Za-z0-9+/=_\\-\n]{0,200}") {
        let (_, mut opener) = daemon();
        prop_assert!(opener.open(&bytes).is_err());
        prop_assert!(opener.open_base64(&bytes).is_err());
        prop_assert!(opener.open_base64(text.as_bytes()).is_err());
    }

    #[test]
    fn arbitrary_text_is_no_handshake(text in ".{0,300}") {
        prop_assert_eq!(Handshake::parse(&text), None);
    }
}
