//! Base64: as deployed receivers read it, and without a second copy of what may be large.

use std::fmt;

use base64_simd::{AsOut, STANDARD};

/// How many bytes are encoded at a time: a multiple of three, so that no padding comes between.
pub(super) const PIECE_BYTES: usize = 3 * 1024;

/// Shows bytes as standard padded base64, piece by piece.
#[derive(Debug)]
pub struct Base64<'a>(pub &'a [u8]);

impl fmt::Display for Base64<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; PIECE_BYTES / 3 * 4];
        self.0
            .chunks(PIECE_BYTES)
            .try_for_each(|piece| f.write_str(STANDARD.encode_as_str(piece, text[..].as_out())))
    }
}

/// Turns bytes into standard padded base64 where they are. The text of a piece begins no earlier than the
/// piece itself, so the last piece goes first.
pub fn encode_in_place(mut bytes: Vec<u8>) -> String {
    let length = bytes.len();
    let encoded = STANDARD.encoded_length(length);
    bytes.reserve_exact(encoded - length);
    bytes.resize(encoded, 0);
    let mut piece = [0; PIECE_BYTES];
    for start in (0..length).step_by(PIECE_BYTES).rev() {
        let piece = &mut piece[..PIECE_BYTES.min(length - start)];
        piece.copy_from_slice(&bytes[start..start + piece.len()]);
        let _ = STANDARD.encode(piece, bytes[start / 3 * 4..].as_out());
    }
    String::from_utf8(bytes).expect("base64 is ASCII")
}

/// Decodes what deployed peers take for ciphertext and offers: the standard and the URL-safe alphabet,
/// with or without padding, white space around it. What they send is standard, which is fast.
pub fn decode_lenient(text: &[u8]) -> Option<Vec<u8>> {
    if let Ok(bytes) = STANDARD.decode_to_vec(text) {
        return Some(bytes);
    }
    let text = text.trim_ascii();
    let text = text.strip_suffix(b"=").unwrap_or(text);
    let text = text.strip_suffix(b"=").unwrap_or(text);
    let standard = text.iter().map(|byte| match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => *other,
    });
    base64_simd::STANDARD_NO_PAD
        .decode_to_vec(standard.collect::<Vec<_>>())
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_gives_the_same_text() {
        for length in [0, 1, 2, 3, 3071, 3072, 3073, 10_000] {
            let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let text = STANDARD.encode_to_string(&bytes);
            assert_eq!(Base64(&bytes).to_string(), text, "{length}");
            assert_eq!(encode_in_place(bytes), text, "{length}");
        }
    }

    #[test]
    fn every_form_means_the_same() {
        for form in ["/+8=", "/+8", "_-8=", "_-8", " \n_-8\r\n"] {
            assert_eq!(
                decode_lenient(form.as_bytes()),
                Some(vec![0xff, 0xef]),
                "{form}"
            );
        }
        for bad in ["_-8===", "_ -8", "{}", "_-8,", "A"] {
            assert_eq!(decode_lenient(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(decode_lenient(b""), Some(vec![]));
    }
}
