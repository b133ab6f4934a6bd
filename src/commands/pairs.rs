//! Flags of the form `key=value`: labels and environment variables.

use std::collections::BTreeMap;

use crate::error::CommandError;

/// What the pairs are, for messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    /// Error code of a malformed one.
    pub(super) code: &'static str,
    /// For example `label`.
    pub(super) one: &'static str,
    /// For example `Labels`.
    pub(super) many: &'static str,
}

/// `--label`.
pub(super) const LABEL: Kind = Kind {
    code: "INVALID_LABEL",
    one: "label",
    many: "Labels",
};

/// `--env`.
pub(super) const ENV: Kind = Kind {
    code: "INVALID_ENV",
    one: "environment variable",
    many: "Environment variables",
};

/// Parses `key=value` texts; the value may be empty and may hold more `=`. The value is not repeated in
/// errors: it may be a secret.
pub(super) fn parse<'a>(
    texts: impl IntoIterator<Item = &'a str>,
    kind: Kind,
) -> Result<BTreeMap<String, String>, CommandError> {
    let mut pairs = BTreeMap::new();
    for text in texts {
        let Some((key, value)) = text.split_once('=') else {
            return Err(CommandError::usage(
                kind.code,
                format!("Invalid {} format: {text}", kind.one),
            )
            .hint(format!("{} are written key=value", kind.many)));
        };
        if key.trim().is_empty() {
            return Err(CommandError::usage(
                kind.code,
                format!("Invalid {} format: there is nothing before the =", kind.one),
            )
            .hint(format!("{} are written key=value", kind.many)));
        }
        pairs.insert(key.to_owned(), value.to_owned());
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_may_hold_anything() {
        let pairs = parse(["a=1", "b=x=y", "c="], LABEL).unwrap();
        let expected = [("a", "1"), ("b", "x=y"), ("c", "")].map(|(k, v)| (k.into(), v.into()));
        assert_eq!(pairs, BTreeMap::from(expected));
    }

    #[test]
    fn a_key_is_needed() {
        assert_eq!(parse(["foo"], ENV).unwrap_err().code, "INVALID_ENV");
        let error = parse(["=hunter2"], ENV).unwrap_err();
        assert!(!error.message.contains("hunter2"));
    }
}
