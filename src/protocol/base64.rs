//! Base64 as deployed receivers read it.

/// Decodes what deployed peers take for ciphertext and offers: the standard and the URL-safe alphabet,
/// with or without padding, white space around it. What they send is standard, which is fast.
pub fn decode_lenient(text: &[u8]) -> Option<Vec<u8>> {
    if let Ok(bytes) = base64_simd::STANDARD.decode_to_vec(text) {
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
