//! The half-typed command line, as the shell hands it over.

use std::ffi::{OsStr, OsString};

/// The daemon that a line names by an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    /// None.
    Nothing,
    /// Remotes, with `-r`.
    Remote(String),
    /// One that is not saved, with `--relay` or `--host`.
    Elsewhere,
}

impl Named {
    /// Reads `paseo -- paseo -r NAME …`, the arguments of this process while a shell asks.
    pub(super) fn in_line(argv: impl Iterator<Item = OsString>) -> Self {
        let words = argv.map(|word| unquoted(&word).to_string_lossy().into_owned());
        let mut words = words.skip_while(|word| word != "--").skip(2);
        let mut named = Self::Nothing;
        while let Some(word) = words.next() {
            let (option, value) = match word.split_once('=') {
                Some((option, value)) if option.starts_with("--") => (option, Some(value)),
                _ => (word.as_str(), None),
            };
            match option {
                "--" => break,
                "--relay" | "--host" => return Self::Elsewhere,
                "-r" | "--remote" => match value.map(str::to_owned).or_else(|| words.next()) {
                    Some(name) => named = Self::Remote(name),
                    None => break,
                },
                _ => {
                    if let Some(name) = word.strip_prefix("-r") {
                        named = Self::Remote(name.strip_prefix('=').unwrap_or(name).to_owned());
                    }
                }
            }
        }
        named
    }
}

/// Removes quotes and backslashes as a shell does, but expands nothing. The last quote may be open.
pub(super) fn unquoted(word: &OsStr) -> OsString {
    let Some(text) = word
        .to_str()
        .filter(|text| text.contains(['\\', '\'', '"']))
    else {
        return word.to_owned();
    };
    let mut plain = String::new();
    let mut open = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (open, c) {
            (None, '\'' | '"') => open = Some(c),
            (Some(quote), c) if c == quote => open = None,
            (None | Some('"'), '\\') => plain.extend(chars.next()),
            _ => plain.push(c),
        }
    }
    plain.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remote_that_is_typed() {
        let remote = |name: &str| Named::Remote(name.to_owned());
        for (line, named) in [
            ("paseo -- paseo -r work logs", remote("work")),
            ("paseo -- paseo -r 'work' logs", remote("work")),
            ("paseo -- paseo logs --remote=lab x", remote("lab")),
            ("paseo -- paseo logs -rlab", remote("lab")),
            ("paseo -- paseo logs -r=lab", remote("lab")),
            // The last one wins, as it does when the line is run.
            ("paseo -- paseo -r work logs -r lab", remote("lab")),
            ("paseo -- paseo logs", Named::Nothing),
            ("paseo -- paseo logs -r", Named::Nothing),
            ("paseo -- paseo logs -- -r x", Named::Nothing),
            ("paseo -- paseo --host h:1 logs", Named::Elsewhere),
            ("paseo -- paseo -r work --relay=x logs", Named::Elsewhere),
            ("paseo -r x", Named::Nothing),
        ] {
            let argv = line.split(' ').map(OsString::from);
            assert_eq!(Named::in_line(argv), named, "{line}");
        }
    }

    #[test]
    fn quotes_go_and_nothing_is_expanded() {
        for (word, plain) in [
            ("work", "work"),
            ("\"work\"", "work"),
            ("'Fix t", "Fix t"),
            ("\"Fix t", "Fix t"),
            ("Fix\\ t", "Fix t"),
            ("--remote=\"wo", "--remote=wo"),
            ("\"a'b\"", "a'b"),
            ("'a\\b'", "a\\b"),
            ("a\\", "a"),
            ("\"$(touch x)`y`", "$(touch x)`y`"),
        ] {
            assert_eq!(unquoted(OsStr::new(word)), plain, "{word}");
        }
    }
}
