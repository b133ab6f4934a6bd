//! What lines begin with when several commands print at once.

use anstyle::{AnsiColor, Style};
use serde_json::json;

use super::{safe_line, styled};

/// Neighbours have different ones.
const COLORS: [AnsiColor; 6] = [
    AnsiColor::Cyan,
    AnsiColor::Magenta,
    AnsiColor::Yellow,
    AnsiColor::Green,
    AnsiColor::Blue,
    AnsiColor::Red,
];

/// The name of a source of lines, and its colour.
#[derive(Debug, Clone)]
pub struct Label {
    text: String,
    remote: Option<String>,
    color: AnsiColor,
}

impl Label {
    /// Takes the text, the remote for lines of JSON, and the place among the sources, which gives the colour.
    pub fn new(text: String, remote: Option<String>, place: usize) -> Self {
        Self {
            text,
            remote,
            color: COLORS[place % COLORS.len()],
        }
    }

    /// Returns what stands before a line of text.
    pub(super) fn before(&self, terminal: bool, color: bool) -> String {
        let style = Style::new().fg_color(Some(self.color.into()));
        let text = safe_line(&self.text, terminal);
        format!("{} ", styled(&format!("{text} |"), style, color))
    }

    /// Adds the remote to an object of JSON.
    pub(super) fn in_json(&self, object: String) -> String {
        match (&self.remote, object.strip_prefix('{')) {
            (Some(remote), Some("}")) => json!({ "remote": remote }).to_string(),
            (Some(remote), Some(rest)) => format!("{{\"remote\":{},{rest}", json!(remote)),
            _ => object,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_text_and_of_json() {
        let label = Label::new("work:a".to_owned(), Some("work".to_owned()), 7);
        assert_eq!(label.before(true, false), "work:a | ");
        assert_eq!(label.before(true, true), "\u{1b}[35mwork:a |\u{1b}[0m ");
        let json = |text: &str| label.in_json(text.to_owned());
        assert_eq!(json("{}"), r#"{"remote":"work"}"#);
        assert_eq!(json(r#"{"a":1}"#), r#"{"remote":"work","a":1}"#);
    }
}
