//! What a command was doing when it failed, in the words of the official CLI.

use crate::client::CallError;
use crate::error::{CommandError, Exit, Hop};

/// The error code of a command, and how its message begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Doing {
    /// Scripts match on it.
    pub(super) code: &'static str,
    /// For example `Failed to inspect agent`.
    pub(super) what: &'static str,
}

impl Doing {
    /// Makes the error out of the daemon's sentence. That sentence is all there is to tell an unknown id
    /// from an ambiguous one: the protocol has no code for them.
    pub(super) fn refused(self, why: &str) -> CommandError {
        let Self { code, what } = self;
        let message = format!("{what}: {why}");
        if why.starts_with("Agent not found") {
            CommandError::new(code, Exit::NotFound, message)
                .hint("see the agents with: paseo ls -ag")
        } else if why.contains(" is ambiguous (") {
            CommandError::new("AMBIGUOUS", Exit::Ambiguous, message).hint("type more of the id")
        } else {
            CommandError::new(code, Exit::Failed, message)
        }
        .at(Hop::Daemon)
    }

    /// Makes the error out of a call that gave no reply. A code of the daemon's own beats that of the
    /// command, as in the official CLI.
    pub(super) fn error(self, error: CallError) -> CommandError {
        let CallError::Refused(refusal) = error else {
            return error.into();
        };
        let mut made = self.refused(&refusal.error);
        match refusal.code {
            Some(code) if code == "unknown_schema" => {
                made.code = code.into();
                made.exit = Exit::Incompatible;
                made.hint("the daemon may be too old for this command: update it")
            }
            Some(code) => {
                made.code = code.into();
                made
            }
            None => made,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOING: Doing = Doing {
        code: "INSPECT_FAILED",
        what: "Failed to inspect agent",
    };

    #[test]
    fn the_sentence_tells_the_exit() {
        let unknown = DOING.refused("Agent not found: zz");
        assert_eq!(
            (unknown.code.as_ref(), unknown.exit),
            ("INSPECT_FAILED", Exit::NotFound)
        );
        assert_eq!(
            unknown.message,
            "Failed to inspect agent: Agent not found: zz"
        );
        let several = DOING.refused("Agent identifier \"3\" is ambiguous (32d5d747, 3eda5630)");
        assert_eq!(
            (several.code.as_ref(), several.exit),
            ("AMBIGUOUS", Exit::Ambiguous)
        );
        assert_eq!(DOING.refused("no").exit, Exit::Failed);
    }
}
