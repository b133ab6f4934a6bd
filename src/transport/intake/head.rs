//! Where the head of an HTTP answer ends.
//!
//! The library that reads the head takes a bare line feed and blank lines in front of it, too. Where two readers differ, a
//! peer could hide frames from one of them, so this one takes nothing that has a second reading.

use super::Fault;

/// Follows a head, byte by byte.
#[derive(Debug, Default)]
pub(super) struct Head(At);

#[derive(Debug, Clone, Copy, Default)]
enum At {
    /// Before the first byte.
    #[default]
    Begin,
    /// Within a line that is not empty.
    Line,
    /// Behind the carriage return of such a line.
    LineReturn,
    /// Before the first byte of another line.
    NextLine,
    /// Behind the carriage return of the empty line.
    LastReturn,
}

impl Head {
    /// Takes the bytes of the head. Returns how many those are once its end has come; until then all of them are.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<Option<usize>, Fault> {
        for (place, byte) in bytes.iter().enumerate() {
            self.0 = match (self.0, byte) {
                (At::LastReturn, b'\n') => return Ok(Some(place + 1)),
                (At::LineReturn, b'\n') => At::NextLine,
                (At::Line, b'\r') => At::LineReturn,
                (At::NextLine, b'\r') => At::LastReturn,
                (At::Begin | At::Line | At::NextLine, byte) if !b"\r\n".contains(byte) => At::Line,
                _ => return Err(Fault::Head),
            };
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What tungstenite reads a head with.
    fn library(bytes: &[u8]) -> httparse::Result<usize> {
        let mut headers = [httparse::EMPTY_HEADER; 124];
        httparse::Response::new(&mut headers).parse(bytes)
    }

    fn end(bytes: &[u8], cut: usize) -> Result<Option<usize>, Fault> {
        let mut head = Head::default();
        let mut before = 0;
        for piece in bytes.chunks(cut) {
            if let Some(here) = head.take(piece)? {
                return Ok(Some(before + here));
            }
            before += piece.len();
        }
        Ok(None)
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        for head in [
            "\r\nHTTP/1.1 101 x\r\n\r\n",
            "\nHTTP/1.1 101 x\r\n\r\n",
            "HTTP/1.1 101 x\n\r\n",
            "HTTP/1.1 101 x\r\n\n",
            "HTTP/1.1 101 x\r\nA: b\n\r\n\r\n",
            "HTTP/1.1 101 x\r\nA: b\rc\r\n\r\n",
            "HTTP/1.1 101 x\r\nA: b\r\r\n\r\n",
            "HTTP/1.1 101 x\r\n\r\r\n",
        ] {
            for cut in [1, usize::MAX] {
                assert_eq!(end(head.as_bytes(), cut), Err(Fault::Head), "{head:?}");
            }
        }
    }

    const ODD: &[&[u8]] = &[
        b"\n",
        b"\r",
        b"\r\n\r\n",
        b" ",
        b"\t",
        b":",
        b"\0",
        b"\xff",
        b"x",
    ];

    proptest! {
        /// Whatever comes: where a head ends here, it ends there, or it is none there.
        #[test]
        fn the_library_never_sees_another_end(
            pieces in prop::collection::vec(
                prop_oneof![
                    4 => Just(&b"\r\n"[..]),
                    2 => Just(&b"A: b"[..]),
                    1 => Just(&b"HTTP/1.1 101 x"[..]),
                    1 => prop::sample::select(ODD),
                ],
                0..12,
            ),
            cut in 1..9_usize,
        ) {
            let bytes = [&b"HTTP/1.1 101 Switching Protocols\r\n"[..], &pieces.concat()].concat();
            for bytes in [&bytes[..], &bytes[34..]] {
                match (end(bytes, cut), library(bytes)) {
                    (Ok(Some(here)), Ok(httparse::Status::Complete(there))) => prop_assert_eq!(here, there),
                    (Ok(Some(here)), Ok(httparse::Status::Partial)) => {
                        prop_assert!(false, "the head ends here after {}, and there it does not", here);
                    }
                    // The connection ends, whoever refuses it.
                    _ => {}
                }
            }
        }

        /// An answer that is written as RFC 9112 says is taken by both.
        #[test]
        fn what_is_well_formed_is_taken_by_both(
            reason in "[ -~]{0,20}",
            headers in prop::collection::vec("[A-Za-z-]{1,10}: [!-~]{1,20}\r\n", 0..8),
            rest in prop::collection::vec(any::<u8>(), 0..8),
            cut in 1..50_usize,
        ) {
            let head = format!("HTTP/1.1 101 {reason}\r\n{}\r\n", headers.concat());
            let bytes = [head.as_bytes(), &rest].concat();
            prop_assert_eq!(end(&bytes, cut), Ok(Some(head.len())));
            prop_assert_eq!(library(&bytes), Ok(httparse::Status::Complete(head.len())));
        }
    }
}
