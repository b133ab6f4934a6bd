//! A new name, or `--reset`: one of the two, for projects and workspaces alike.

use crate::error::CommandError;

/// What to say when the arguments do not fit.
pub(super) struct Rules {
    /// When both are given: message and hint.
    pub(super) both: (&'static str, &'static str),
    /// When neither is: code and message.
    pub(super) missing: (&'static str, &'static str),
    /// How it is done.
    pub(super) usage: &'static str,
}

impl Rules {
    /// Returns the new name, or `None` for a reset.
    pub(super) fn check(
        &self,
        name: Option<&str>,
        reset: bool,
    ) -> Result<Option<String>, CommandError> {
        match (name.map(str::trim), reset) {
            (Some(_), true) => {
                Err(CommandError::usage("INVALID_OPTIONS", self.both.0).hint(self.both.1))
            }
            (None, true) => Ok(None),
            (None | Some(""), false) => {
                Err(CommandError::usage(self.missing.0, self.missing.1).hint(self.usage))
            }
            (Some(name), false) => Ok(Some(name.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_or_a_reset() {
        let rules = Rules {
            both: ("both", ""),
            missing: ("MISSING_NAME", "none"),
            usage: "",
        };
        assert_eq!(
            rules.check(Some(" a "), false).unwrap(),
            Some("a".to_owned())
        );
        assert_eq!(rules.check(None, true).unwrap(), None);
        for (name, reset, code) in [
            (Some("a"), true, "INVALID_OPTIONS"),
            (None, false, "MISSING_NAME"),
            (Some(" "), false, "MISSING_NAME"),
        ] {
            assert_eq!(rules.check(name, reset).unwrap_err().code, code);
        }
    }
}
