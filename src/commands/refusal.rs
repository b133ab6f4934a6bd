//! What a daemon refuses, with the error code of the official CLI.

use crate::error::{CommandError, Exit, Hop};

/// Makes an error out of the sentence inside a reply. What is unknown exits with 3.
pub(super) fn says(code: &'static str, sentence: Option<String>) -> CommandError {
    let sentence = sentence.unwrap_or_else(|| "the daemon did not say why".to_owned());
    of(code)(CommandError::new(code, Exit::Failed, sentence).at(Hop::Daemon))
}

/// Gives an error of the daemon the code of this command, unless it has one. What is unknown exits with 3:
/// the protocol has no code for it, only the sentence.
pub(super) fn of(code: &'static str) -> impl Fn(CommandError) -> CommandError {
    move |error| {
        let mut error = error.or_code(code);
        if error.exit == Exit::Failed && error.message.to_lowercase().contains(" not found") {
            error.exit = Exit::NotFound;
        }
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_has_its_exit() {
        let unknown = says("X_FAILED", Some("Workspace not found: wks_1".to_owned()));
        assert_eq!(
            (unknown.code.as_ref(), unknown.exit),
            ("X_FAILED", Exit::NotFound)
        );
        assert_eq!(says("X_FAILED", Some("no".to_owned())).exit, Exit::Failed);
        assert_eq!(says("X_FAILED", None).exit, Exit::Failed);
    }
}
