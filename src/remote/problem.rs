//! What is wrong in a settings file, and where, shown without the values.
//!
//! Somebody may have pasted a pairing link into the file. So a problem shows its line with the
//! layout and the known words, and dots in place of everything else.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::order;
use crate::spelling::{closest, did_you_mean};

/// Problems shown at once; a file that is no settings file at all has hundreds.
const MAX_SHOWN: usize = 10;
/// Longest line that is shown, in characters.
const MAX_LINE: usize = 120;
/// Longest unknown key that is repeated: longer ones may be a secret in the wrong place.
const MAX_KEY: usize = 24;

/// One problem, with the bytes of the file that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// One sentence that repeats no value.
    pub(super) message: String,
    /// The bytes that the caret marks.
    pub(super) span: Range<usize>,
}

impl Problem {
    /// Makes a problem.
    pub(super) fn new(message: impl Into<String>, span: Range<usize>) -> Self {
        Self {
            message: message.into(),
            span,
        }
    }

    /// What `toml_edit` says: its messages name what is expected, never what is there.
    pub(super) fn from_toml(error: &toml_edit::TomlError) -> Self {
        Self::new(error.message(), error.span().unwrap_or_default())
    }

    /// An unknown key, with the known one that is most like it.
    pub(super) fn unknown_key(key: &str, known: &[&str], span: Range<usize>) -> Self {
        let named = if looks_like_key(key) {
            format!("unknown key `{key}`")
        } else {
            "unknown key".to_owned()
        };
        Self::new(did_you_mean(named, closest(key, known)), span)
    }
}

/// A file with problems. Its text form names path, line and column of each, and marks the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    path: PathBuf,
    reports: Vec<Report>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Report {
    message: String,
    line: usize,
    column: usize,
    masked: String,
    width: usize,
}

impl Invalid {
    /// Takes the problems of a file, at least one, in the order of the file.
    pub(super) fn new(path: &Path, text: &str, mut problems: Vec<Problem>) -> Self {
        order::sort_by_key(&mut problems, |problem| problem.span.start);
        Self {
            path: path.to_owned(),
            reports: problems.iter().map(|p| Report::new(text, p)).collect(),
        }
    }

    /// How many problems there are.
    pub fn count(&self) -> usize {
        self.reports.len()
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        for (n, report) in self.reports.iter().take(MAX_SHOWN).enumerate() {
            if n > 0 {
                writeln!(f)?;
            }
            let number = report.line.to_string();
            writeln!(
                f,
                "{path}:{number}:{}: {}",
                report.column + 1,
                report.message
            )?;
            writeln!(f, " {number} | {}", report.masked)?;
            let indent = number.len();
            let (at, caret) = (report.column, "^".repeat(report.width));
            write!(f, " {:indent$} | {:at$}{caret}", "", "")?;
        }
        match self.reports.len().saturating_sub(MAX_SHOWN) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl std::error::Error for Invalid {}

impl Report {
    fn new(text: &str, problem: &Problem) -> Self {
        let start = floor(text, problem.span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let end = floor(text, problem.span.end).clamp(start, line_end);
        let column = text[line_start..start].chars().count();
        let masked = mask(text[line_start..line_end].trim_end_matches('\r'));
        // Beyond the end of a long line there is nothing left to mark.
        let column = column.min(masked.chars().count());
        let width = text[start..end].chars().count();
        Self {
            message: problem.message.clone(),
            line: text[..line_start].matches('\n').count() + 1,
            column,
            width: width.clamp(1, (masked.chars().count() - column).max(1)),
            masked,
        }
    }
}

/// Returns the last character boundary at or before a byte.
fn floor(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Puts dots in place of every word of a line that is not one of ours, cell for cell.
fn mask(line: &str) -> String {
    let line: Vec<char> = line.chars().take(MAX_LINE).collect();
    let mut masked = String::new();
    let mut rest = line.as_slice();
    while let Some(first) = rest.first() {
        if *first == '#' {
            // A comment may hold anything.
            masked.push('#');
            masked.extend(rest[1..].iter().map(|_| '·'));
            break;
        }
        let separates = |c: &char| {
            matches!(
                c,
                ' ' | '\t' | '=' | '.' | ',' | '"' | '\'' | '[' | ']' | '{' | '}' | '#'
            )
        };
        let length = rest.iter().take_while(|c| !separates(c)).count();
        if length == 0 {
            masked.push(if *first == '\t' { ' ' } else { *first });
            rest = &rest[1..];
            continue;
        }
        let word: String = rest[..length].iter().collect();
        if looks_like_key(&word) && super::schema::is_near_known(&word) {
            masked.push_str(&word);
        } else {
            masked.extend(std::iter::repeat_n('·', length));
        }
        rest = &rest[length..];
    }
    masked
}

/// Returns whether a word can be shown as a key: short, and nothing that a random secret would be.
fn looks_like_key(word: &str) -> bool {
    word.len() <= MAX_KEY
        && word
            .bytes()
            .all(|b| b.is_ascii_lowercase() || matches!(b, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_place_and_no_value() {
        let text =
            "version = 1\n[remotes.work]\n  relai = { endpoint = \"hidden.example:1\" } # eyJ2\n";
        let at = text.find("relai").unwrap();
        let problem = Problem::unknown_key("relai", &["relay", "url"], at..at + 5);
        let shown = Invalid::new(Path::new("/c/remotes.toml"), text, vec![problem]).to_string();
        assert_eq!(
            shown,
            "/c/remotes.toml:3:3: unknown key `relai`; did you mean `relay`?\n\
             \x203 |   relai = { endpoint = \"······.·········\" } #·····\n\
             \x20  |   ^^^^^"
        );
    }

    #[test]
    fn a_secret_in_place_of_a_key_is_not_repeated() {
        let problem = Problem::unknown_key("eyJ2IjoyLCJzZXJ2", &["relay"], 0..3);
        assert_eq!(problem.message, "unknown key");
        let text = "https://app.paseo.sh/#offer=eyJ2IjoyLCJzZXJ2";
        let shown = Invalid::new(Path::new("f"), text, vec![Problem::new("no", 0..9)]).to_string();
        assert!(!shown.contains("eyJ2") && !shown.contains("app"), "{shown}");
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "(?s).{0,80}", a in 0..100usize, b in 0..100usize) {
            let problem = Problem::new("x", a..b);
            let _ = Invalid::new(Path::new("f"), &text, vec![problem]).to_string();
        }
    }
}
