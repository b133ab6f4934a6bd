//! Questions whose answers are not shown: passwords, and pairing links, which people paste.
//!
//! Whatever is typed or pasted for such a question is read here to its end, or thrown away. A line that stayed in the
//! terminal's queue would be shown, and run, by the shell that comes after. `rpassword` reads one line, and its terminal
//! cuts it at 4096 bytes.

use std::fs::File;
use std::io::{self, Read, Write};

use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr,
};
use zeroize::Zeroizing;

use super::ending::{MARKS_OFF, MARKS_ON, Silence, interrupt};

/// Longest answer in bytes. What comes beyond is read and left out.
const MAX_ANSWER: usize = 128 * 1024;
/// How often it must be quiet, for a tenth of a second each time, until an answer that has an end is taken.
const QUIET: u32 = 1;
/// The same for an answer that is not whole yet: the rest of it may be on a slow way.
const QUIET_UNTIL_WHOLE: u32 = 10;

/// How an answer is given.
#[allow(missing_debug_implementations, reason = "it holds a closure")]
pub enum Hidden<'a> {
    /// As one line: a password. Of several, the first that is not blank counts.
    Line,
    /// As one or more lines, pasted.
    Pasted {
        /// Returns whether the text needs no further line.
        is_whole: &'a dyn Fn(&str) -> bool,
        /// Whether the terminal may be asked to mark the beginning and the end of what is pasted.
        marks: bool,
    },
}

/// Asks for a text that is not shown while it is typed. Nothing that was typed before counts, and nothing that was
/// typed for it is left afterwards.
pub fn ask_hidden(question: &str, hidden: &Hidden<'_>) -> io::Result<Zeroizing<String>> {
    let marks = matches!(hidden, Hidden::Pasted { marks: true, .. });
    // Silent before the question is asked: somebody may paste the moment it is there.
    let mut terminal = Silent::begin(marks)?;
    terminal.say(if marks { MARKS_ON } else { "" })?;
    terminal.say(&format!("{}: ", super::safe_line(question, true)))?;
    let answer = read(&mut terminal, hidden);
    terminal.say(if marks { MARKS_OFF } else { "" })?;
    terminal.say("\n")?;
    drop(terminal);
    match answer? {
        Answer::Text(text) => Ok(text),
        Answer::Interrupt => {
            // As if the terminal had sent it, now that its mode is back.
            interrupt();
            Err(io::ErrorKind::Interrupted.into())
        }
    }
}

enum Answer {
    Text(Zeroizing<String>),
    Interrupt,
}

fn read(terminal: &mut Silent, hidden: &Hidden<'_>) -> io::Result<Answer> {
    let mut typing = Typing::default();
    let mut quiet = 0;
    let mut bytes = Zeroizing::new([0; 1024]);
    loop {
        let count = terminal.read(&mut bytes[..], typing.ended)?;
        for byte in &bytes[..count] {
            match typing.take(*byte) {
                Some(Key::Interrupt) => return Ok(Answer::Interrupt),
                Some(Key::End) => return Err(io::ErrorKind::UnexpectedEof.into()),
                None => {}
            }
        }
        quiet = if count == 0 { quiet + 1 } else { 0 };
        if !typing.ended || quiet < QUIET {
            continue;
        }
        let text = typing.text(hidden)?;
        let whole = match hidden {
            Hidden::Line => true,
            Hidden::Pasted { is_whole, .. } => is_whole(&text),
        };
        if whole || quiet >= QUIET_UNTIL_WHOLE {
            return Ok(Answer::Text(text));
        }
    }
}

/// A key that ends the question without an answer.
#[derive(Debug, PartialEq, Eq)]
enum Key {
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D on nothing.
    End,
}

/// What has been typed so far.
#[derive(Default)]
struct Typing {
    bytes: Zeroizing<Vec<u8>>,
    /// Between the marks of a paste, where a line break is no key.
    pasting: bool,
    /// Whether the last thing was the Enter key.
    ended: bool,
    /// An escape sequence that is not over.
    escape: Vec<u8>,
}

impl Typing {
    fn take(&mut self, byte: u8) -> Option<Key> {
        const LONGEST_ESCAPE: usize = 16;
        if !self.escape.is_empty() {
            self.escape.push(byte);
            let over = match self.escape.as_slice() {
                [_, b'[' | b'O'] => false,
                [_, b'[', .., last] => (0x40..=0x7e).contains(last),
                _ => true,
            };
            if over || self.escape.len() > LONGEST_ESCAPE {
                match self.escape.as_slice() {
                    b"\x1b[200~" => self.pasting = true,
                    b"\x1b[201~" => self.pasting = false,
                    _ => {}
                }
                self.escape.clear();
            }
            return None;
        }
        self.ended = false;
        match byte {
            0x1b => self.escape.push(byte),
            b'\r' | b'\n' => {
                self.push(b'\n');
                self.ended = !self.pasting;
            }
            _ if self.pasting => self.push(byte),
            0x03 => return Some(Key::Interrupt),
            0x04 if self.bytes.trim_ascii().is_empty() => return Some(Key::End),
            // Backspace, whichever of the two the key sends: a whole character.
            0x08 | 0x7f => while self.bytes.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {},
            // Ctrl-U: the line.
            0x15 => while self.bytes.pop_if(|byte| *byte != b'\n').is_some() {},
            0x00..0x20 if byte != b'\t' => {}
            _ => self.push(byte),
        }
        None
    }

    fn push(&mut self, byte: u8) {
        if self.bytes.len() >= MAX_ANSWER {
            return;
        }
        if self.bytes.len() == self.bytes.capacity() {
            // What `Vec` leaves behind when it grows is not wiped.
            let mut larger = Vec::with_capacity((2 * self.bytes.len()).clamp(1024, MAX_ANSWER));
            larger.extend_from_slice(&self.bytes);
            self.bytes = Zeroizing::new(larger);
        }
        self.bytes.push(byte);
    }

    fn text(&self, hidden: &Hidden<'_>) -> io::Result<Zeroizing<String>> {
        let text = str::from_utf8(&self.bytes).map_err(|_| io::ErrorKind::InvalidData)?;
        let text = match hidden {
            // Spaces may belong to a password.
            Hidden::Line => text.lines().find(|line| !line.trim().is_empty()),
            Hidden::Pasted { .. } => Some(text.trim()),
        };
        Ok(Zeroizing::new(text.unwrap_or_default().to_owned()))
    }
}

/// The terminal, which shows nothing of what is typed until this is dropped, and keeps nothing of it then.
struct Silent {
    terminal: File,
    before: Termios,
    silence: Silence,
}

impl Silent {
    fn begin(marks: bool) -> io::Result<Self> {
        let mut options = File::options();
        let terminal = options.read(true).write(true).open("/dev/tty")?;
        let before = tcgetattr(&terminal)?;
        let silence = Silence::begin(&terminal, &before, marks)?;
        let silent = Self {
            terminal,
            before,
            silence,
        };
        silent.wait(false, OptionalActions::Flush)?;
        Ok(silent)
    }

    fn say(&mut self, text: &str) -> io::Result<()> {
        self.terminal.write_all(text.as_bytes())
    }

    /// Reads what there is: at least a byte, or for at most a tenth of a second.
    fn read(&mut self, bytes: &mut [u8], briefly: bool) -> io::Result<usize> {
        self.wait(briefly, OptionalActions::Now)?;
        match self.terminal.read(bytes) {
            Ok(0) if !briefly => Err(io::ErrorKind::UnexpectedEof.into()),
            read => read,
        }
    }

    /// Takes bytes as they come: a line of the terminal's own editing ends at 4096.
    fn wait(&self, briefly: bool, when: OptionalActions) -> io::Result<()> {
        let mut silent = self.before.clone();
        let keys = LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON;
        silent
            .local_modes
            .remove(keys | LocalModes::ISIG | LocalModes::IEXTEN);
        silent.input_modes.remove(InputModes::IXON);
        let (least, tenths) = if briefly { (0, 1) } else { (1, 0) };
        silent.special_codes[SpecialCodeIndex::VMIN] = least;
        silent.special_codes[SpecialCodeIndex::VTIME] = tenths;
        self.silence.set(when, &silent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(bytes: &[u8], hidden: &Hidden<'_>) -> (String, bool) {
        let mut typing = Typing::default();
        for byte in bytes {
            assert_eq!(typing.take(*byte), None);
        }
        (typing.text(hidden).unwrap().to_string(), typing.ended)
    }

    #[test]
    fn a_line_is_what_was_typed_less_what_was_taken_back() {
        for (keys, line) in [
            ("secret\r", "secret"),
            ("secret\n", "secret"),
            ("\r\n \nsecret\nrest\n", "secret"),
            (" sec ret \r", " sec ret "),
            ("secrex\x7ft\r", "secret"),
            ("secreé\x7ft\r", "secret"),
            ("old\x15secret\r", "secret"),
            ("sec\x1b[Aret\x1bOA\r", "secret"),
            ("\x1b[200~secret\x1b[201~\r", "secret"),
            ("\x1b[200~\nsecret\nrest\x1b[201~\r", "secret"),
            ("\x16sec\x00ret\r", "secret"),
            ("\r", ""),
        ] {
            assert_eq!(
                typed(keys.as_bytes(), &Hidden::Line),
                (line.to_owned(), true)
            );
        }
    }

    #[test]
    fn a_paste_has_lines_and_ends_with_the_enter_key() {
        let is_whole = |_: &str| true;
        let pasted = Hidden::Pasted {
            is_whole: &is_whole,
            marks: true,
        };
        for (keys, text, ended) in [
            ("a\nb", "a\nb", false),
            ("a\nb\n", "a\nb", true),
            ("\na\r\nb\r", "a\n\nb", true),
            ("\x1b[200~a\nb\n\x1b[201~", "a\nb", false),
            ("\x1b[200~a\n\x03b\n\x1b[201~\r", "a\n\x03b", true),
        ] {
            assert_eq!(typed(keys.as_bytes(), &pasted), (text.to_owned(), ended));
        }
    }

    #[test]
    fn too_much_is_read_and_left_out() {
        let mut typing = Typing::default();
        for _ in 0..2 * MAX_ANSWER {
            typing.take(b'x');
        }
        typing.take(b'\r');
        assert_eq!(typing.bytes.len(), MAX_ANSWER);
        assert!(typing.ended);
    }

    #[test]
    fn keys_that_end_it() {
        assert_eq!(Typing::default().take(3), Some(Key::Interrupt));
        assert_eq!(Typing::default().take(4), Some(Key::End));
    }
}
