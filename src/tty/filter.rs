//! The bytes of the other side's programs, on their way to this terminal.
//!
//! Two things happen to them. Questions that the daemon answers itself are taken out: this terminal would
//! answer once more, and the second answer would look as if it had been typed. And the modes that are set
//! are noted, so that they can be taken back at the end.

use super::modes::Modes;

/// Longest sequence that is looked at; what is longer passes unseen.
const LONGEST: usize = 64;

/// Which questions the daemon answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// What kind of terminal it is (DA1): daemons of 0.1.
    Kind,
    /// That, the status, the place of the cursor, the colours, and the keyboard's mode: daemons of 0.5.
    More,
}

/// Passes bytes on. It may keep the beginning of a sequence until the rest comes.
#[derive(Debug)]
pub struct Filter {
    answered: Answered,
    state: State,
    /// A sequence so far, its escape character included.
    held: Vec<u8>,
    modes: Modes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ground,
    /// After the escape character, or further in a sequence of the short kind.
    Escape,
    /// Control sequence, held.
    Csi,
    /// Control sequence that became too long.
    LongCsi,
    /// Operating system command, held.
    Osc,
    /// A string that passes up to its end; also an operating system command that became too long.
    Text,
    /// The escape character in either: perhaps their end.
    TextEscape,
}

impl Filter {
    /// Makes one for a daemon that answers these questions.
    pub fn new(answered: Answered) -> Self {
        Self {
            answered,
            state: State::Ground,
            held: Vec::new(),
            modes: Modes::default(),
        }
    }

    /// Takes bytes, and adds those for the terminal to `out`.
    pub fn pass(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        while let Some(&byte) = bytes.first() {
            if self.state == State::Ground {
                let plain = bytes.iter().position(|byte| *byte == ESC);
                let plain = plain.unwrap_or(bytes.len());
                out.extend_from_slice(&bytes[..plain]);
                bytes = &bytes[plain..];
                if !bytes.is_empty() {
                    self.held.push(ESC);
                    self.state = State::Escape;
                    bytes = &bytes[1..];
                }
                continue;
            }
            self.step(byte, out);
            bytes = &bytes[1..];
        }
    }

    /// Returns what takes back the modes that are set.
    pub fn undo(&self) -> Vec<u8> {
        self.modes.undo()
    }

    /// Returns whether a program has the other screen, the one of editors and pagers.
    pub fn on_other_screen(&self) -> bool {
        self.modes.on_other_screen()
    }

    /// Forgets a sequence that has begun: what comes next does not continue it.
    pub fn cut(&mut self) {
        self.held.clear();
        self.state = State::Ground;
    }

    fn step(&mut self, byte: u8, out: &mut Vec<u8>) {
        // These end whatever has begun, anywhere.
        if matches!(byte, CAN | SUB) {
            self.held.push(byte);
            return self.let_go(State::Ground, out);
        }
        if byte == ESC && !matches!(self.state, State::Osc | State::Text) {
            if self.state == State::TextEscape {
                out.push(ESC);
                return;
            }
            self.let_go(State::Escape, out);
            self.held.push(ESC);
            return;
        }
        match self.state {
            State::Ground => out.push(byte),
            State::Escape => self.escape(byte, out),
            State::Csi => {
                self.held.push(byte);
                match byte {
                    0x40..=0x7e => self.control(out),
                    _ if self.held.len() > LONGEST => self.let_go(State::LongCsi, out),
                    _ => {}
                }
            }
            State::LongCsi => {
                out.push(byte);
                if matches!(byte, 0x40..=0x7e) {
                    self.state = State::Ground;
                }
            }
            State::Osc => self.command(byte, out),
            State::Text => {
                out.push(byte);
                self.state = match byte {
                    BEL => State::Ground,
                    ESC => State::TextEscape,
                    _ => State::Text,
                };
            }
            State::TextEscape => {
                out.push(byte);
                self.state = match byte {
                    b'\\' => State::Ground,
                    _ => State::Text,
                };
            }
        }
    }

    fn escape(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.held.push(byte);
        match (self.held.len(), byte) {
            (2, b'[') => self.state = State::Csi,
            (2, b']') => self.state = State::Osc,
            (2, b'P' | b'X' | b'^' | b'_') => self.let_go(State::Text, out),
            (3.., 0x20..=0x2f) if self.held.len() > LONGEST => self.let_go(State::Ground, out),
            (_, 0x20..=0x2f) => {}
            _ => {
                self.modes.escape(&self.held[1..]);
                self.let_go(State::Ground, out);
            }
        }
    }

    /// Ends a control sequence.
    fn control(&mut self, out: &mut Vec<u8>) {
        let body = &self.held[2..];
        let taken_out = match body {
            b"c" | b"0c" => true,
            b"5n" | b"6n" | b"?6n" | b"?u" => self.answered == Answered::More,
            _ => false,
        };
        if taken_out {
            return self.cut();
        }
        self.modes.control(body);
        self.let_go(State::Ground, out);
    }

    /// Takes a byte of an operating system command.
    fn command(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.held.push(byte);
        let ended = match byte {
            BEL => 1,
            b'\\' if self.held.ends_with(b"\x1b\\") => 2,
            _ if self.held.len() > LONGEST => {
                let state = match byte {
                    ESC => State::TextEscape,
                    _ => State::Text,
                };
                return self.let_go(state, out);
            }
            _ => return,
        };
        let body = &self.held[2..self.held.len() - ended];
        match body {
            b"10;?" | b"11;?" | b"12;?" if self.answered == Answered::More => self.cut(),
            _ => self.let_go(State::Ground, out),
        }
    }

    fn let_go(&mut self, state: State, out: &mut Vec<u8>) {
        out.append(&mut self.held);
        self.state = state;
    }
}

const BEL: u8 = 0x07;
const CAN: u8 = 0x18;
const SUB: u8 = 0x1a;
const ESC: u8 = 0x1b;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn passed(answered: Answered, text: &str) -> String {
        let mut filter = Filter::new(answered);
        let mut out = Vec::new();
        filter.pass(text.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn answered_questions_are_taken_out() {
        let questions =
            "\x1b[c\x1b[0c\x1b[5n\x1b[6n\x1b[?6n\x1b[?u\x1b]10;?\x07\x1b]11;?\x1b\\\x1b]12;?\x07";
        assert_eq!(passed(Answered::More, &format!("a{questions}b")), "ab");
        let older = questions.replace("\x1b[c\x1b[0c", "");
        assert_eq!(passed(Answered::Kind, questions), older);
        let others =
            "\x1b[>c\x1b[>0q\x1b]10;red\x07\x1b]4;1;?\x07\x1bP+q544e\x1b\\\x1b[?2026$p\x1b[1c";
        assert_eq!(passed(Answered::More, others), others);
    }

    #[test]
    fn strings_are_not_looked_into() {
        let title = format!("\x1b]2;{}\x1b[6n", "x".repeat(100));
        // The escape character ends no string by itself here, and what follows belongs to it.
        assert_eq!(passed(Answered::More, &title), title);
        let picture = "\x1b_Gf=100;AAAA\x1b\\after\x1b[6n";
        assert_eq!(
            passed(Answered::More, picture),
            "\x1b_Gf=100;AAAA\x1b\\after"
        );
    }

    #[test]
    fn a_cancelled_sequence_is_none() {
        assert_eq!(passed(Answered::More, "\x1b[\x186n"), "\x1b[\x186n");
        assert_eq!(passed(Answered::More, "\x1b[1\x1b[6nx"), "\x1b[1x");
    }

    proptest! {
        /// However it is cut, the same comes out; and without questions, all of it.
        #[test]
        fn pieces_do_not_matter(text in "[\\x1b\\[\\]?;0-9cnuhl\\\\\\x07P a]{0,80}", size in 1..9usize) {
            let whole = passed(Answered::More, &text);
            let mut filter = Filter::new(Answered::More);
            let mut out = Vec::new();
            for piece in text.as_bytes().chunks(size) {
                filter.pass(piece, &mut out);
            }
            prop_assert_eq!(out, whole.into_bytes());
        }

        #[test]
        fn what_is_no_question_passes(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
            let mut filter = Filter::new(Answered::Kind);
            let mut out = Vec::new();
            filter.pass(&bytes, &mut out);
            out.extend(&filter.held);
            let kind = |b: &[u8]| b.windows(3).any(|w| w == b"\x1b[c") || b.windows(4).any(|w| w == b"\x1b[0c");
            prop_assert!(kind(&bytes) || out == bytes);
            prop_assert!(filter.held.len() <= LONGEST + 1);
        }
    }
}
