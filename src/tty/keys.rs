//! What is typed, read by a thread of its own.

use tokio::sync::mpsc;

/// Bytes that one read takes.
const READ: usize = 16 * 1024;
/// Reads that may wait to be taken; then the terminal holds the rest.
const WAITING: usize = 4;

/// Starts to read stdin. The channel ends with the input.
///
/// The thread cannot be stopped while nothing is typed: start it once, by a command that ends with the
/// process.
pub fn keys() -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(WAITING);
    std::thread::spawn(move || {
        let mut buffer = vec![0; READ];
        loop {
            // Without the buffer of `std::io::stdin`, which would keep what nobody reads.
            let taken = match rustix::io::read(rustix::stdio::stdin(), &mut buffer) {
                Ok(0) => return,
                Ok(length) => buffer[..length].to_vec(),
                Err(rustix::io::Errno::INTR) => continue,
                Err(_) => return,
            };
            if sender.blocking_send(taken).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Keeps characters together: official daemons decode each piece of input by itself, and would put
/// replacement characters where one was cut.
#[derive(Debug, Default)]
pub struct Characters {
    begun: Vec<u8>,
}

impl Characters {
    /// Returns the bytes, without a character at their end that is not complete; it comes with the next.
    pub fn whole(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        let mut all = std::mem::take(&mut self.begun);
        all.extend(bytes);
        let begun = incomplete(&all);
        self.begun = all.split_off(all.len() - begun);
        all
    }

    /// Returns what was kept, when nothing more comes.
    pub fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.begun)
    }
}

/// Returns how many bytes at the end are the beginning of a UTF-8 character.
fn incomplete(bytes: &[u8]) -> usize {
    let tail = &bytes[bytes.len().saturating_sub(3)..];
    let Some(at) = tail.iter().rposition(|byte| byte & 0xc0 != 0x80) else {
        return 0;
    };
    let wanted = match tail[at] {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 0,
    };
    let there = tail.len() - at;
    if there < wanted { there } else { 0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_character_is_not_cut() {
        let mut characters = Characters::default();
        assert_eq!(characters.whole(b"a\xf0\x9f\x91".to_vec()), b"a");
        assert_eq!(characters.whole(b"\xa9b".to_vec()), "👩b".as_bytes());
        assert_eq!(characters.whole(b"\xe4".to_vec()), b"");
        // Latin 1 after all.
        assert_eq!(characters.whole(b"\r".to_vec()), b"\xe4\r");
        assert_eq!(characters.whole(b"\xc3".to_vec()), b"");
        assert_eq!(characters.rest(), b"\xc3");
    }

    proptest! {
        #[test]
        fn nothing_is_lost(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 0..20)) {
            let mut characters = Characters::default();
            let mut out = Vec::new();
            for piece in &pieces {
                out.extend(characters.whole(piece.clone()));
            }
            out.extend(characters.rest());
            prop_assert_eq!(out, pieces.concat());
        }

        #[test]
        fn each_piece_of_text_is_text(text in any::<String>(), size in 1..7usize) {
            let mut characters = Characters::default();
            for piece in text.as_bytes().chunks(size) {
                prop_assert!(String::from_utf8(characters.whole(piece.to_vec())).is_ok());
            }
        }
    }
}
