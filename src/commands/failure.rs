//! What a command was doing when the daemon refused: the error code of the official CLI, and the exit that
//! the daemon's sentence tells. The protocol has no codes for what is unknown or ambiguous.

use crate::client::CallError;
use crate::error::{CommandError, Exit, Hop};

/// The code when there is no such agent.
pub(super) const NO_AGENT: &str = "AGENT_NOT_FOUND";

/// Codes that the official CLI gives instead, in these commands (`docs/compat.md`).
const OFFICIAL: &[&str] = &[
    "INSPECT_FAILED",
    "SEND_FAILED",
    "STOP_AGENT_FAILED",
    "DELETE_AGENT_FAILED",
    "MODE_OPERATION_FAILED",
    "ALLOW_PERMISSION_FAILED",
    "DENY_PERMISSION_FAILED",
];

/// The error code of a command, and how its message begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Doing {
    /// Scripts match on it.
    pub(super) code: &'static str,
    /// For example `Failed to inspect agent`.
    pub(super) what: &'static str,
}

impl Doing {
    /// Makes the error out of the daemon's sentence.
    pub(super) fn refused(self, why: &str) -> CommandError {
        judged(self.code, format!("{}: {why}", self.what), why)
    }

    /// Makes the error out of a call that gave no reply. A code of the daemon's own beats that of the
    /// command, as in the official CLI.
    pub(super) fn error(self, error: CallError) -> CommandError {
        let CallError::Refused(refusal) = error else {
            return error.into();
        };
        if refusal.code.is_some() {
            let message = format!("{}: {}", self.what, refusal.error);
            let mut made = CommandError::from(CallError::Refused(refusal));
            if made.exit == Exit::Failed {
                made.exit = exit(&message);
            }
            made.message = message;
            return made;
        }
        self.refused(&refusal.error)
    }
}

/// Makes an error out of the sentence inside a reply.
pub(super) fn says(code: &'static str, sentence: Option<String>) -> CommandError {
    let sentence = sentence.unwrap_or_else(|| "the daemon did not say why".to_owned());
    judged(code, sentence.clone(), &sentence)
}

/// Gives an error of the daemon the code of this command, unless it has one.
pub(super) fn of(code: &'static str) -> impl Fn(CommandError) -> CommandError {
    move |error| {
        let mut error = error.or_code(code);
        if error.exit == Exit::Failed {
            error.exit = exit(&error.message);
        }
        error
    }
}

fn judged(code: &'static str, message: String, why: &str) -> CommandError {
    let exit = exit(why);
    let no_agent = exit == Exit::NotFound && why.starts_with("Agent not found");
    let code = match exit {
        Exit::Ambiguous => "AMBIGUOUS",
        _ if no_agent && !OFFICIAL.contains(&code) => NO_AGENT,
        _ => code,
    };
    let made = CommandError::new(code, exit, message).at(Hop::Daemon);
    match exit {
        Exit::Ambiguous => made.hint("type more of the id"),
        _ if no_agent => made.hint("see the agents with: paseo ls -ag"),
        _ => made,
    }
}

fn exit(why: &str) -> Exit {
    if why.contains(" is ambiguous (") {
        Exit::Ambiguous
    } else if why.to_lowercase().contains(" not found") {
        Exit::NotFound
    } else {
        Exit::Failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::session::RpcError;

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
        let logs = Doing {
            code: "LOGS_FAILED",
            what: "Failed to get logs",
        };
        assert_eq!(logs.refused("Agent not found: zz").code, NO_AGENT);
        assert_eq!(logs.refused("Workspace not found: zz").code, "LOGS_FAILED");
    }

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

    #[test]
    fn a_code_of_the_daemon_is_kept() {
        let refusal = |code: &str| {
            CallError::Refused(RpcError {
                request_id: String::new(),
                request_type: None,
                error: "no".to_owned(),
                code: Some(code.to_owned()),
            })
        };
        let made = DOING.error(refusal("handler_error"));
        assert_eq!(
            (made.code.as_ref(), made.exit),
            ("handler_error", Exit::Failed)
        );
        assert_eq!(made.message, "Failed to inspect agent: no");
        let made = of("X_FAILED")(refusal("unknown_schema").into());
        assert_eq!(
            (made.code.as_ref(), made.exit),
            ("unknown_schema", Exit::Incompatible)
        );
    }
}
