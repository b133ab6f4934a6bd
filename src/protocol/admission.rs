//! What a client shows to be let in, and how a daemon refuses it (`docs/protocol.md`, "Password").

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::session::{CLOSE_PASSWORD, CLOSE_PROTOCOL_VERSION};

/// Beginning of the subprotocol that carries a password on the upgrade request.
pub const BEARER_SUBPROTOCOL: &str = "paseo.bearer.";

/// Capability of a client that understands a [`Rejection`] frame.
pub const HELLO_REJECTION: &str = "hello_rejection";

/// What a client shows in its hello.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Auth {
    /// The daemon's password.
    Password {
        /// In clear.
        password: Zeroizing<String>,
    },
    /// What lies in the daemon's home, for programs of the same user.
    LocalCredential {
        /// It changes with each start of the daemon.
        token: Zeroizing<String>,
    },
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Auth([secret])")
    }
}

/// Returns whether a password can stand in a header: RFC 9110 section 5.6.2, token characters only.
pub fn is_token(password: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !password.is_empty() && password.bytes().all(is_token)
}

/// Why a daemon refuses a hello: the frame `hello.rejected`, and the close frame behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// The client has shown nothing.
    PasswordRequired,
    /// The client has shown the wrong thing.
    IncorrectPassword,
    /// The daemon speaks another version of the protocol.
    IncompatibleProtocol,
    /// A reason of a newer daemon. Untrusted text.
    Other(String),
}

/// The frame.
#[derive(Serialize, Deserialize)]
struct Rejected<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    reason: Cow<'a, str>,
    #[serde(default, skip_deserializing)]
    accepts: [&'a str; 1],
}

const KIND: &str = "hello.rejected";
const ACCEPTS: [&str; 1] = ["password"];
/// Longest reason that is kept, in bytes.
const MAX_REASON_BYTES: usize = 64;

impl Rejection {
    /// Reads the frame; `None`: another frame.
    pub fn parse(text: &str) -> Option<Self> {
        let Rejected { kind, reason, .. } = serde_json::from_str(text).ok()?;
        (kind == KIND).then(|| match reason.as_ref() {
            "password_required" => Self::PasswordRequired,
            "incorrect_password" => Self::IncorrectPassword,
            "incompatible_protocol" => Self::IncompatibleProtocol,
            other => Self::Other(other[..other.floor_char_boundary(MAX_REASON_BYTES)].to_owned()),
        })
    }

    /// Returns what a close frame of the daemon tells: all that clients without [`HELLO_REJECTION`] get to know.
    pub fn of_close(code: Option<u16>, reason: &str) -> Option<Self> {
        match (reason, code) {
            ("Password required", _) => Some(Self::PasswordRequired),
            ("Incorrect password", _) | (_, Some(CLOSE_PASSWORD)) => Some(Self::IncorrectPassword),
            (_, Some(CLOSE_PROTOCOL_VERSION)) => Some(Self::IncompatibleProtocol),
            _ => None,
        }
    }

    /// Writes the frame.
    pub fn frame(&self) -> String {
        let rejected = Rejected {
            kind: KIND.into(),
            reason: match self {
                Self::PasswordRequired => "password_required".into(),
                Self::IncorrectPassword => "incorrect_password".into(),
                Self::IncompatibleProtocol => "incompatible_protocol".into(),
                Self::Other(reason) => reason.into(),
            },
            accepts: ACCEPTS,
        };
        serde_json::to_string(&rejected).expect("a struct with string keys")
    }

    /// Returns code and reason of the close frame.
    pub fn close(&self) -> (u16, &'static str) {
        match self {
            Self::PasswordRequired => (CLOSE_PASSWORD, "Password required"),
            Self::IncorrectPassword | Self::Other(_) => (CLOSE_PASSWORD, "Incorrect password"),
            Self::IncompatibleProtocol => (CLOSE_PROTOCOL_VERSION, "Incompatible protocol version"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejection_is_written_and_read_as_official_daemons_do() {
        for (rejection, reason) in [
            (Rejection::PasswordRequired, "password_required"),
            (Rejection::IncorrectPassword, "incorrect_password"),
            (Rejection::IncompatibleProtocol, "incompatible_protocol"),
            (Rejection::Other("new_reason".to_owned()), "new_reason"),
        ] {
            let frame = format!(
                r#"{{"type":"hello.rejected","reason":"{reason}","accepts":["password"]}}"#
            );
            assert_eq!(rejection.frame(), frame);
            assert_eq!(Rejection::parse(&frame).as_ref(), Some(&rejection));
            let bare = format!(r#"{{"reason":"{reason}","more":1,"type":"hello.rejected"}}"#);
            assert_eq!(Rejection::parse(&bare).as_ref(), Some(&rejection));
            let strange = format!(r#"{{"type":"hello.rejected","reason":"{reason}","accepts":7}}"#);
            assert_eq!(Rejection::parse(&strange), Some(rejection));
        }
        for other in [
            r#"{"type":"hello.rejected"}"#,
            r#"{"type":"session","reason":"password_required"}"#,
            r#"{"type":"hello.rejected","reason":7}"#,
            "7",
        ] {
            assert_eq!(Rejection::parse(other), None, "{other}");
        }
        let long = format!(
            r#"{{"type":"hello.rejected","reason":"{}"}}"#,
            "é".repeat(99)
        );
        let Some(Rejection::Other(kept)) = Rejection::parse(&long) else {
            panic!("another reason");
        };
        assert_eq!(kept, "é".repeat(MAX_REASON_BYTES / 2));
    }

    #[test]
    fn a_close_frame_tells_the_same() {
        for rejection in [
            Rejection::PasswordRequired,
            Rejection::IncorrectPassword,
            Rejection::IncompatibleProtocol,
        ] {
            let (code, reason) = rejection.close();
            assert_eq!(
                Rejection::of_close(Some(code), reason).as_ref(),
                Some(&rejection)
            );
        }
        // Reverse proxies change codes.
        let changed = Rejection::of_close(Some(1000), "Password required");
        assert_eq!(changed, Some(Rejection::PasswordRequired));
        assert_eq!(Rejection::of_close(Some(1012), "Server disconnected"), None);
    }

    #[test]
    fn what_can_stand_in_a_header() {
        for yes in ["a", "A.b-c_9!#$%&'*+^`|~"] {
            assert!(is_token(yes), "{yes}");
        }
        for no in ["", " ", "a b", "a/b", "a@b", "pä", "a,b", "a\n"] {
            assert!(!is_token(no), "{no}");
        }
    }
}
