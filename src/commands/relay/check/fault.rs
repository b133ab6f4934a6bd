//! Why there is no connection to the relay, and how far it came.

use crate::transport::{DialError, Step};

/// Returns how far it came.
pub(super) fn step(error: &DialError) -> Step {
    match error {
        DialError::Resolve { .. } | DialError::NoAddress { .. } => Step::Dns,
        DialError::Proxy { .. } => Step::Proxy,
        DialError::Connect { .. } => Step::Connect,
        DialError::TlsSetup(_)
        | DialError::NotTls { .. }
        | DialError::Certificate { .. }
        | DialError::Tls { .. } => Step::Tls,
        DialError::Timeout { step, .. } => *step,
        _ => Step::Upgrade,
    }
}

/// Returns why there is no connection, in the relay's own words where it has some.
pub(super) fn refusal(error: &DialError) -> String {
    match error {
        DialError::Refused {
            said: Some(said), ..
        } => format!("{error}: {said}"),
        _ => causes(error),
    }
}

/// Returns what an error says, with its causes.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
