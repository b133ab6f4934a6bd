//! From the errors of the leaf modules to the one that commands end with, and the words of every hint.

use std::borrow::Cow;

use crate::client::{CallError, ConnectError, PasswordFault};
use crate::e2ee;
use crate::forward::ForwardError;
use crate::protocol::daemon_permission::{ACCESS_DENIED, DaemonPermission};
use crate::transport::{CertificateFault, DialError, ProxyError, Step, TransportError};

use super::{CommandError, Exit, Hop};

/// Code of the official CLI for a daemon that cannot be reached; scripts match on it.
const NOT_RUNNING: &str = "DAEMON_NOT_RUNNING";

impl CommandError {
    /// Our bug.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new("INTERNAL", Exit::Internal, message).hint(
            "this is a bug in paseo: please report it with the output of the same command and -vv",
        )
    }

    /// Gives an error of the daemon the code that the official CLI has for this command.
    #[must_use]
    pub fn or_code(mut self, code: &'static str) -> Self {
        if self.code == UNNAMED {
            self.code = code.into();
        }
        self
    }
}

/// Placeholder for errors that each command names by itself, with [`CommandError::or_code`].
const UNNAMED: &str = "REQUEST_FAILED";

impl From<DialError> for CommandError {
    fn from(error: DialError) -> Self {
        let unreachable =
            |hop| CommandError::new(NOT_RUNNING, Exit::Unreachable, error.to_string()).at(hop);
        let made = match &error {
            DialError::Resolve { .. } => unreachable(Hop::Dns)
                .retryable()
                .hint("check the spelling of the host name, and this machine's DNS"),
            DialError::NoAddress { .. } => unreachable(Hop::Dns)
                .hint("leave -4 or -6 out, or change `family` of the remote"),
            DialError::Proxy { source, .. } => {
                let made = CommandError::new("PROXY_FAILED", Exit::Unreachable, error.to_string())
                    .at(Hop::Proxy)
                    .retryable();
                match source {
                    ProxyError::Login { .. } => made.hint(
                        "for a remote: proxy = { url = …, user = …, password = { env = … } }; \
                         else HTTPS_PROXY=http://user:password@host:port",
                    ),
                    _ => made.hint(
                        "to go without a proxy, name the host in NO_PROXY, or set proxy = \"none\"",
                    ),
                }
            }
            DialError::Ssh { .. } => {
                CommandError::new("SSH_FAILED", Exit::Unreachable, error.to_string())
                    .at(Hop::Ssh)
                    .retryable()
                    .hint("see whether it works by hand, with the same destination: ssh DESTINATION true")
            }
            DialError::Connect { address, .. } => unreachable(Hop::Tcp)
                .retryable()
                .hint(match address.relay {
                    true => "ask the relay's operator whether it runs, and check this machine's network",
                    false => {
                        "start the daemon there, or name another one: -r NAME, --host <host:port> or PASEO_HOST"
                    }
                }),
            DialError::TlsSetup(_) => {
                CommandError::new("CA_FILE_INVALID", Exit::Config, error.to_string())
                    .at(Hop::Tls)
                    .hint("name a PEM file of certificates in PASEO_CA_FILE")
            }
            DialError::NotTls { .. } => unreachable(Hop::Tls).hint(
                "if it speaks plain WebSocket, set tls = false (for --host: leave ?ssl=true out)",
            ),
            DialError::Tls { .. } => unreachable(Hop::Tls)
                .hint("for a private certificate authority, name its PEM file in PASEO_CA_FILE"),
            DialError::Certificate { fault, .. } => unreachable(Hop::Tls).hint(match fault {
                CertificateFault::UnknownIssuer => {
                    "for a private certificate authority, name its PEM file in PASEO_CA_FILE"
                }
                CertificateFault::Expired => "have its owner renew it; check this machine's clock",
                CertificateFault::NotYet => "check the clocks of this machine and of the server",
                CertificateFault::OtherName => "use a name that the certificate is for",
                CertificateFault::Authority => {
                    "make a certificate for the server; when openssl signs it itself, with: \
                     -addext basicConstraints=critical,CA:FALSE"
                }
            }),
            DialError::NotHttp { .. }
            | DialError::Refused {
                wants_tls: true, ..
            } => unreachable(Hop::Tls)
                .hint("if it speaks TLS, set tls = true (for --host: tcp://host:port?ssl=true)"),
            DialError::Token { sent, .. } => CommandError::new(
                match sent {
                    true => "RELAY_TOKEN_INCORRECT",
                    false => "RELAY_TOKEN_REQUIRED",
                },
                Exit::Auth,
                error.to_string(),
            )
            .at(Hop::Relay)
            .hint(
                "ask who runs the relay for its token, and give it with --relay-token: to paseo remote \
                 add or set, or to paseo daemon run",
            ),
            DialError::OtherUser { .. } => {
                CommandError::new("OTHER_USER", Exit::Trust, error.to_string())
                    .at(Hop::Tcp)
                    .hint(
                        "no password was sent; check where your daemon listens: paseo daemon status; \
                         if that user runs it for you, use --host ssh://USER@localhost",
                    )
            }
            DialError::OwnerUnreadable { .. } => {
                CommandError::new("OWNER_UNREADABLE", Exit::Trust, error.to_string())
                    .at(Hop::Tcp)
                    .hint(
                        "no password was sent; mount /proc, or raise the limit of open files (ulimit -n), and try again",
                    )
            }
            DialError::HostName { host, .. } => {
                CommandError::new("HOST_NOT_ALLOWED", Exit::Unreachable, error.to_string())
                    .at(Hop::Daemon)
                    .hint(format!(
                        "use the daemon's IP address; or restart the daemon with PASEO_HOSTNAMES={host}"
                    ))
            }
            DialError::Refused { status, relay, .. } => {
                let made = unreachable(match relay {
                    true => Hop::Relay,
                    false => Hop::Daemon,
                });
                match (status, relay) {
                    (403, true) => {
                        made.hint("the relay may serve only certain daemons: ask its operator")
                    }
                    (403, false) => made.hint(
                        "the daemon, or a proxy in front of it, refuses this client: ask its operator",
                    ),
                    (429, true) => made.retryable().hint(
                        "the relay has too many connections of this daemon or this address",
                    ),
                    (429 | 503, _) => made.retryable(),
                    _ => made.hint("check that this host and port belong to a paseo relay or daemon"),
                }
            }
            DialError::Dropped { .. } => unreachable(Hop::Relay)
                .retryable()
                .hint("if it speaks TLS, set tls = true (for --host: tcp://host:port?ssl=true)"),
            DialError::Timeout { step, .. } => {
                CommandError::new(NOT_RUNNING, Exit::Timeout, error.to_string())
                    .at(match step {
                        Step::Dns => Hop::Dns,
                        Step::Connect => Hop::Tcp,
                        Step::Proxy => Hop::Proxy,
                        Step::Tls => Hop::Tls,
                        Step::Upgrade => Hop::Relay,
                    })
                    .retryable()
                    .hint("allow more time with --connect-timeout 30s")
            }
        };
        match std::error::Error::source(&error) {
            Some(_) => made.because(error),
            None => made,
        }
    }
}

impl From<ConnectError> for CommandError {
    fn from(error: ConnectError) -> Self {
        let message = error.to_string();
        match error {
            ConnectError::Dial(error) => error.into(),
            ConnectError::DaemonAbsent { .. } | ConnectError::DaemonSilent { .. } => {
                CommandError::new(NOT_RUNNING, Exit::DaemonOffline, message)
                    .at(Hop::Presence)
                    .retryable()
                    .hint("on the daemon's machine, check it with: paseo daemon status")
            }
            ConnectError::WrongKey { source } => {
                let error = CommandError::new("DAEMON_KEY_MISMATCH", Exit::Trust, message).at(Hop::Key).hint(
                    "if the daemon has a new identity, pair again (on its machine: paseo daemon pair); \
                     otherwise stop: the relay, or another program, answers in its place",
                );
                match source {
                    Some(source) => error.because(source),
                    None => error,
                }
            }
            ConnectError::NotSealed(source) => {
                CommandError::new("CHANNEL_FAILED", Exit::Trust, message)
                    .at(Hop::Key)
                    .because(source)
                    .hint("try again; if it happens again, use another relay")
            }
            ConnectError::NotProven { source } => {
                let error = CommandError::new("DAEMON_NOT_PROVEN", Exit::DaemonOffline, message)
                    .at(Hop::Key)
                    .retryable()
                    .hint(
                        "try again: the daemon may have restarted, or the relay dropped the connection; if it happens \
                         again, compare the fingerprints that `paseo remote show` and, on the daemon's machine, \
                         `paseo daemon pair` print: a daemon with another key also ends the connection here",
                    );
                match source {
                    Some(source) => error.because(source),
                    None => error,
                }
            }
            ConnectError::Full => CommandError::new("DAEMON_FULL", Exit::DaemonOffline, message)
                .at(Hop::Daemon)
                .retryable()
                .hint("try again later, or close unused clients"),
            ConnectError::Channel(e2ee::ConnectError::Transport(TransportError::Closed(
                closed,
            ))) => CommandError::new(
                NOT_RUNNING,
                Exit::DaemonOffline,
                "the relay closed the connection before the daemon answered",
            )
            .at(Hop::Presence)
            .because(TransportError::Closed(closed))
            .retryable()
            .hint("on the daemon's machine, check it with: paseo daemon status"),
            // The transport, not the encryption: nobody's key is in doubt.
            ConnectError::Channel(e2ee::ConnectError::Transport(source)) => CommandError::new(
                "CONNECTION_LOST",
                Exit::Unreachable,
                "the connection to the relay broke before the daemon answered",
            )
            .at(Hop::Relay)
            .because(source)
            .retryable()
            .hint("try again; paseo ping shows how far it gets"),
            ConnectError::Channel(source) => {
                CommandError::new("CHANNEL_FAILED", Exit::Trust, message)
                    .at(Hop::Key)
                    .because(source)
            }
            ConnectError::OtherDaemon { .. } => {
                CommandError::new("OTHER_DAEMON", Exit::Trust, message)
                    .at(Hop::Key)
                    .hint("correct or remove `direct`, `unix` or `ssh` of the remote")
            }
            ConnectError::Password(fault) => password(fault),
            ConnectError::Rejected { .. } => {
                CommandError::new("HELLO_REJECTED", Exit::Auth, message)
                    .at(Hop::Auth)
                    .hint("update paseo: the daemon may be newer than this version")
            }
            ConnectError::ProtocolVersion => {
                CommandError::new("PROTOCOL_VERSION", Exit::Incompatible, message)
                    .at(Hop::Protocol)
                    .hint("update paseo, or the daemon: they must speak the same protocol version")
            }
            ConnectError::Silent { .. } => CommandError::new(NOT_RUNNING, Exit::Timeout, message)
                .at(Hop::Protocol)
                .retryable()
                .hint("check that this host and port belong to a paseo daemon"),
            // The transport again, this time on an open channel.
            ConnectError::Ended(source)
                if matches!(source.as_ref(), TransportError::Disorder { .. }) =>
            {
                CommandError::new("CONNECTION_LOST", Exit::Unreachable, message)
                    .at(Hop::Relay)
                    .because(source)
                    .retryable()
                    .hint("try again; if it happens again, use another relay")
            }
            ConnectError::Ended(source) => {
                CommandError::new(NOT_RUNNING, Exit::DaemonOffline, message)
                    .at(Hop::Daemon)
                    .because(source)
                    .retryable()
            }
        }
    }
}

fn password(fault: PasswordFault) -> CommandError {
    let (code, hint) = match fault {
        PasswordFault::Required => (
            "PASSWORD_REQUIRED",
            "set PASEO_PASSWORD, or use --host 'tcp://host:port?password=…'",
        ),
        PasswordFault::Incorrect => (
            "PASSWORD_INCORRECT",
            "correct PASEO_PASSWORD, or the password in --host",
        ),
        PasswordFault::NotToken => (
            "PASSWORD_INVALID",
            "update the daemon: before 0.10 it takes only passwords of letters, digits and !#$%&'*+-.^_`|~",
        ),
        PasswordFault::Lost => (
            "PASSWORD_REQUIRED",
            "check the proxy in front of the daemon: it must pass Sec-WebSocket-Protocol and Authorization on",
        ),
    };
    CommandError::new(code, Exit::Auth, fault.to_string())
        .at(Hop::Auth)
        .hint(hint)
}

impl From<ForwardError> for CommandError {
    fn from(error: ForwardError) -> Self {
        let message = error.to_string();
        match error {
            ForwardError::Connect(error) => error.into(),
            ForwardError::Lost(source) => {
                Self::new("CONNECTION_LOST", Exit::DaemonOffline, message)
                    .at(Hop::Daemon)
                    .because(source)
                    .retryable()
            }
        }
    }
}

impl From<CallError> for CommandError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused(refusal) if refusal.code.as_deref() == Some(ACCESS_DENIED) => {
                let kind = refusal.request_type.as_deref().unwrap_or_default();
                match DaemonPermission::for_request(kind) {
                    Some(lacked) => CallError::NotPermitted(lacked).into(),
                    None => denied(refusal.error),
                }
            }
            CallError::NotPermitted(_) => denied(error.to_string()),
            CallError::Refused(refusal) => {
                let (code, exit): (Cow<'static, str>, _) = match refusal.code.as_deref() {
                    Some("unknown_schema") => ("unknown_schema".into(), Exit::Incompatible),
                    Some(code) => (code.to_owned().into(), Exit::Failed),
                    None => (UNNAMED.into(), Exit::Failed),
                };
                let made = Self::new(code, exit, refusal.error).at(Hop::Daemon);
                match exit {
                    _ if made.code == "storage_failed" => made.hint(
                        "free some space on the daemon's machine, then check: paseo daemon status",
                    ),
                    Exit::Incompatible => {
                        made.hint("the daemon may be too old for this command: update it")
                    }
                    _ => made,
                }
            }
            CallError::Timeout { mutates, .. } => {
                let made = Self::new("TIMEOUT", Exit::Timeout, error.to_string()).at(Hop::Daemon);
                if mutates {
                    made.hint(MAY_HAVE_HAPPENED)
                } else {
                    made.retryable()
                }
            }
            CallError::Lost {
                ref source,
                mutates,
            } => {
                let exit = if mutates {
                    Exit::Timeout
                } else {
                    Exit::DaemonOffline
                };
                let made = Self::new("CONNECTION_LOST", exit, error.to_string())
                    .at(Hop::Daemon)
                    .because(source.clone());
                if mutates {
                    made.hint(MAY_HAVE_HAPPENED)
                } else {
                    made.retryable()
                }
            }
            CallError::ReadOnly => Self::new("REMOTE_READ_ONLY", Exit::Failed, error.to_string())
                .at(Hop::Config)
                .hint("to allow it: paseo remote unset NAME readonly"),
            CallError::TooLarge { .. } => {
                Self::new("MESSAGE_TOO_LARGE", Exit::Usage, error.to_string())
                    .hint("send less at once: fewer or smaller images, a shorter prompt")
            }
            CallError::Unreadable(ref source) => {
                Self::new("IMAGE_READ_ERROR", Exit::Usage, error.to_string())
                    .because(source.clone())
                    .hint("nothing was sent: run the command again when the file no longer changes")
            }
            CallError::Malformed { .. } => {
                Self::new("PROTOCOL_ERROR", Exit::Incompatible, error.to_string()).at(Hop::Protocol)
            }
        }
    }
}

fn denied(message: String) -> CommandError {
    CommandError::new("ACCESS_DENIED", Exit::Auth, message)
        .at(Hop::Daemon)
        .hint("ask the daemon's owner for it; what this connection may do: paseo status")
}

/// A change whose reply is missing is never sent again by itself.
const MAY_HAVE_HAPPENED: &str = "the change may have been applied: look before you repeat it";
