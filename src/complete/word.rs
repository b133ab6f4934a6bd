//! What a daemon may put into somebody's command line.

/// Longest title in characters: a longer one is no help on a command line.
const MAX_TITLE: usize = 120;

/// A candidate that a daemon chose. Every shell takes it as it is, in any place of a line: it has no character with a
/// meaning but those inside a title, which `shells.rs` only gives to shells that quote them. It cannot be an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word(String);

impl Word {
    /// Takes a text that is one; others are no candidates.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "._:/@+-".contains(c);
        let is_word = !text.is_empty() && !text.starts_with('-') && text.chars().all(fits);
        is_word.then(|| Self(text.to_owned()))
    }

    /// Takes a title of letters, digits, what people put between them, and single blanks. One with a colon would be
    /// taken for a remote's.
    pub fn title(text: &str) -> Option<Self> {
        let fits = |c: char| c.is_alphanumeric() || "._/@+-,'()&#?;".contains(c);
        let is_word = |word: &str| !word.is_empty() && word.chars().all(fits);
        let is_short = text.chars().nth(MAX_TITLE).is_none();
        let is_title = is_short && !text.starts_with('-') && text.split(' ').all(is_word);
        is_title.then(|| Self(text.to_owned()))
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

    #[test]
    fn a_title_is_words() {
        assert!(Word::title(&"a".repeat(120)).is_some());
        assert!(Word::title(&"a".repeat(121)).is_none());
        for text in [
            "Fix the build",
            "build",
            "Töne",
            "v1.2 of a/b",
            "1",
            "it's (almost) done, #3 & more?",
            "a;b",
            "日本",
        ] {
            assert!(Word::title(text).is_some(), "{text}");
        }
        for text in [
            "",
            " ",
            " a",
            "a ",
            "a  b",
            "-x",
            "--exec x",
            "a: b",
            "a\tb",
            "a\nb",
            "a $(x)",
            "a `x`",
            "a \"b\"",
            "a*",
            "~ x",
            "a=b",
            "a\\ b",
            "a\u{202e}b",
            "a\u{1b}b",
            "a!",
            "a|b",
            "a<b",
        ] {
            assert!(Word::title(text).is_none(), "{text}");
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
