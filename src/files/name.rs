//! Names from elsewhere that become files.

use std::path::{Path, PathBuf};

/// Longest name in bytes, as on most file systems.
const MAX_BYTES: usize = 255;

/// The name of one file or directory: joined to a directory it is always an entry of that directory, and no program
/// takes it for an option or lists it with another meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileName(String);

impl FileName {
    /// Takes a text that is one: no separator, no control character, no dot or dash at the beginning, not too long.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = |c: char| !(c.is_control() || c == '/' || c == '\\');
        let is_name = !text.is_empty()
            && text.len() <= MAX_BYTES
            && !text.starts_with(['.', '-'])
            && text.chars().all(fits);
        is_name.then(|| Self(text.to_owned()))
    }

    /// Returns its path in a directory.
    pub fn within(&self, dir: &Path) -> PathBuf {
        dir.join(&self.0)
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
    fn only_an_entry_of_its_directory() {
        for text in ["repo", "a b", "x.git", "Töne"] {
            let name = FileName::parse(text).unwrap();
            assert_eq!(name.within(Path::new("/d")), Path::new("/d").join(text));
        }
        let long = "x".repeat(256);
        for text in [
            "", ".", "..", "../x", "a/b", "/etc", "a\0b", "a\nb", "-rf", ".ssh", "a\\b", "\u{9b}",
            &long,
        ] {
            assert_eq!(FileName::parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn it_stays_in_its_directory(text in any::<String>()) {
            if let Some(name) = FileName::parse(&text) {
                let path = name.within(Path::new("/d"));
                prop_assert_eq!(path.parent(), Some(Path::new("/d")));
                prop_assert_eq!(path.components().count(), 3);
            }
        }
    }
}
