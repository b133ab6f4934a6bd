//! Words of others in commands that somebody is told to type.

use std::borrow::Cow;

/// Returns a text as one word for a POSIX shell. Most are shown as they are.
pub fn shell_word(text: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._:/@+-=,".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => Cow::Borrowed(text),
        false => Cow::Owned(format!("'{}'", text.replace('\'', r"'\''"))),
    }
}

/// Returns a text as the last operand of a command for a POSIX shell: one word, and no option.
pub fn shell_operand(text: &str) -> Cow<'_, str> {
    let word = shell_word(text);
    match text.starts_with('-') {
        true => Cow::Owned(format!("-- {word}")),
        false => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_word_and_no_option() {
        for (text, shown) in [
            ("0a1b2c3", "0a1b2c3"),
            ("$(id>x)", "'$(id>x)'"),
            ("a'b", r"'a'\''b'"),
            ("--all", "-- --all"),
            ("-;x", "-- '-;x'"),
            ("", "''"),
        ] {
            assert_eq!(shell_operand(text), shown);
        }
    }
}
