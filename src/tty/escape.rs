//! The way out of a session: an escape character at the beginning of a line, as ssh has it.

use std::str::FromStr;
use std::time::{Duration, Instant};

/// The character that begins an escape, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EscapeChar(Option<u8>);

/// Not an escape character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected one ASCII character, ^ and a letter for a control character, or none")]
pub struct EscapeError;

impl Default for EscapeChar {
    /// The tilde, as in ssh.
    fn default() -> Self {
        Self(Some(b'~'))
    }
}

impl FromStr for EscapeChar {
    type Err = EscapeError;

    /// Takes `none`, one printable ASCII character, or `^X` for a control character.
    fn from_str(text: &str) -> Result<Self, EscapeError> {
        match text.as_bytes() {
            b"none" => Ok(Self(None)),
            [byte] if byte.is_ascii_graphic() => Ok(Self(Some(*byte))),
            [b'^', letter @ b'@'..=b'_'] | [b'^', letter @ b'a'..=b'z'] => {
                Ok(Self(Some(letter & 0x1f)))
            }
            _ => Err(EscapeError),
        }
    }
}

impl EscapeChar {
    /// Returns it as a person types it; `None` when there is none.
    pub fn shown(self) -> Option<String> {
        self.0.map(|byte| match byte {
            0..=0x1f => format!("^{}", char::from(byte | 0x40)),
            other => char::from(other).to_string(),
        })
    }
}

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    /// For the other side.
    Bytes(Vec<u8>),
    /// `~.`: leave.
    Detach,
    /// `~^Z`: stop this program for a while.
    Suspend,
    /// `~?`: tell the escapes.
    Help,
}

/// What comes at once in more bytes was not typed by hand.
const BY_HAND: usize = 32;

/// Nor was what comes so soon after it: a paste arrives in pieces of any size.
const PASTE_GOES_ON: Duration = Duration::from_millis(250);

/// Tells escapes from what is for the other side. Text that is pasted holds none: pasted in the brackets that
/// programs ask terminals for, or without, which shows by how much comes at once.
#[derive(Debug)]
pub struct Escape {
    escape: EscapeChar,
    line_begins: bool,
    begun: bool,
    /// The last bytes, by which the ends of a paste are known.
    last: [u8; 6],
    pasting: bool,
    /// When so much came at once that it was a paste.
    pasted: Option<Instant>,
}

impl Escape {
    /// Begins at the beginning of a line.
    pub fn new(escape: EscapeChar) -> Self {
        Self {
            escape,
            line_begins: true,
            begun: false,
            last: [0; 6],
            pasting: false,
            pasted: None,
        }
    }

    /// Takes apart what was typed at once, and when, in its order.
    pub fn take(&mut self, bytes: &[u8], now: Instant) -> Vec<Typed> {
        let mut typed = Vec::new();
        let mut plain = Vec::with_capacity(bytes.len());
        if bytes.len() > BY_HAND {
            self.pasted = Some(now);
        }
        let pasted = |at| now.saturating_duration_since(at) < PASTE_GOES_ON;
        let by_hand = !self.pasted.is_some_and(pasted);
        for &byte in bytes {
            let escape = std::mem::take(&mut self.begun).then_some(byte);
            let found = match escape {
                Some(b'.') => Typed::Detach,
                Some(b'?') => Typed::Help,
                Some(0x1a) => Typed::Suspend,
                // Twice means the character itself.
                Some(_) if Some(byte) == self.escape.0 => {
                    self.plain(byte, &mut plain);
                    continue;
                }
                Some(_) => {
                    plain.extend(self.escape.0);
                    self.plain(byte, &mut plain);
                    continue;
                }
                None if by_hand && self.begins(byte) => {
                    self.begun = true;
                    continue;
                }
                None => {
                    self.plain(byte, &mut plain);
                    continue;
                }
            };
            if !plain.is_empty() {
                typed.push(Typed::Bytes(std::mem::take(&mut plain)));
            }
            typed.push(found);
        }
        if !plain.is_empty() {
            typed.push(Typed::Bytes(plain));
        }
        typed
    }

    fn begins(&self, byte: u8) -> bool {
        self.line_begins && !self.pasting && Some(byte) == self.escape.0
    }

    fn plain(&mut self, byte: u8, plain: &mut Vec<u8>) {
        plain.push(byte);
        self.last.rotate_left(1);
        self.last[5] = byte;
        match &self.last {
            b"\x1b[200~" => self.pasting = true,
            b"\x1b[201~" => self.pasting = false,
            _ => {}
        }
        self.line_begins = matches!(byte, b'\r' | b'\n');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn take(escape: &mut Escape, bytes: &[u8]) -> Vec<Typed> {
        escape.take(bytes, Instant::now())
    }

    fn tilde() -> Escape {
        Escape::new("~".parse().unwrap())
    }

    fn bytes(text: &str) -> Typed {
        Typed::Bytes(text.as_bytes().to_vec())
    }

    #[test]
    fn escapes_begin_a_line() {
        assert_eq!(take(&mut tilde(), b"~."), [Typed::Detach]);
        assert_eq!(
            take(&mut tilde(), b"ls\r~."),
            [bytes("ls\r"), Typed::Detach]
        );
        assert_eq!(take(&mut tilde(), b"a~."), [bytes("a~.")]);
        assert_eq!(take(&mut tilde(), b"~~."), [bytes("~.")]);
        assert_eq!(take(&mut tilde(), b"~x"), [bytes("~x")]);
        assert_eq!(take(&mut tilde(), b"~?~."), [Typed::Help, Typed::Detach]);
        assert_eq!(take(&mut tilde(), b"~\x1ax"), [Typed::Suspend, bytes("x")]);
    }

    #[test]
    fn an_escape_may_come_in_pieces() {
        let mut escape = tilde();
        assert_eq!(take(&mut escape, b"\n"), [bytes("\n")]);
        assert_eq!(take(&mut escape, b"~"), []);
        assert_eq!(take(&mut escape, b"."), [Typed::Detach]);
    }

    #[test]
    fn a_paste_holds_no_escapes() {
        let paste = "\x1b[200~a\n~.\n\x1b[201~";
        assert_eq!(take(&mut tilde(), paste.as_bytes()), [bytes(paste)]);
        let mut escape = tilde();
        take(&mut escape, paste.as_bytes());
        assert_eq!(take(&mut escape, b"\r~."), [bytes("\r"), Typed::Detach]);
        let much = format!("{}\n~.", "x".repeat(BY_HAND));
        assert_eq!(take(&mut tilde(), much.as_bytes()), [bytes(&much)]);
    }

    #[test]
    fn the_rest_of_a_paste_may_be_short() {
        let (mut escape, begin) = (tilde(), Instant::now());
        escape.take(format!("{}\n", "x".repeat(BY_HAND)).as_bytes(), begin);
        let soon = begin + PASTE_GOES_ON / 2;
        assert_eq!(escape.take(b"~.\n", soon), [bytes("~.\n")]);
        assert_eq!(escape.take(b"~.", begin + PASTE_GOES_ON), [Typed::Detach]);
    }

    #[test]
    fn the_character_can_be_chosen() {
        let parse = |text: &str| text.parse::<EscapeChar>();
        assert_eq!(
            take(&mut Escape::new(parse("^]").unwrap()), b"\x1d."),
            [Typed::Detach]
        );
        assert_eq!(
            take(&mut Escape::new(parse("none").unwrap()), b"~."),
            [bytes("~.")]
        );
        assert_eq!(parse("^]").unwrap().shown().as_deref(), Some("^]"));
        assert_eq!(parse("none").unwrap().shown(), None);
        for wrong in ["", "ab", "ä", " ", "^", "\u{7f}"] {
            assert_eq!(parse(wrong).is_ok(), wrong == "^", "{wrong:?}");
        }
    }

    proptest! {
        /// Without the escape character at the beginning of a line, nothing is changed.
        #[test]
        fn the_rest_passes(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..9)) {
            let mut escape = Escape::new("none".parse().unwrap());
            let mut out = Vec::new();
            for piece in &pieces {
                for typed in take(&mut escape, piece) {
                    match typed {
                        Typed::Bytes(bytes) => out.extend(bytes),
                        other => prop_assert!(false, "{other:?}"),
                    }
                }
            }
            prop_assert_eq!(out, pieces.concat());
        }
    }
}
