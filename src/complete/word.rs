//! What a daemon may put into somebody's command line.

/// A candidate that a daemon chose. Every shell takes it as it is, in any place of a line: it has no character with a
/// meaning, and cannot be an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word(String);

impl Word {
    /// Takes a text that is one; others are no candidates.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "._:/@+-".contains(c);
        let is_word = !text.is_empty() && !text.starts_with('-') && text.chars().all(fits);
        is_word.then(|| Self(text.to_owned()))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_what_means_nothing_to_a_shell() {
        for text in ["0a1b2c3d-1", "claude/opus-4.1", "work:abc", "a@b+c_d"] {
            assert!(Word::parse(text).is_some(), "{text}");
        }
        for text in [
            "",
            "-x",
            "--exec=x",
            "a$(touch${IFS}x)",
            "a b",
            "a;b",
            "`x`",
            "a'b",
            "*",
            "~",
            "a=b",
            "{a,b}",
            "a\\b",
            "a\nb",
            "é",
            "a\u{3164}",
            "a!b",
            "a%b",
            "(x)",
            "#x",
        ] {
            assert!(Word::parse(text).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_else_passes(text in any::<String>()) {
            if let Some(word) = Word::parse(&text) {
                let plain = |b: u8| b.is_ascii_alphanumeric() || b"._:/@+-".contains(&b);
                prop_assert!(word.as_str().bytes().all(plain) && !text.starts_with('-'));
            }
        }
    }
}
