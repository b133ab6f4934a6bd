//! The one error that commands end with: what failed, at which hop, why, and what helps.
//!
//! Leaf modules have their own errors and do not know this one; every conversion is here, so that the
//! words of all hints stand in one place.

mod convert;
mod daemon;
mod home;
mod relay;
mod remotes;

pub(crate) use remotes::LONGER_PASSPHRASE;

use std::borrow::Cow;
use std::error::Error;
use std::fmt::Write;
use std::io::IsTerminal;

use anstyle::{AnsiColor, Style};
use serde_json::json;

use crate::output::{self, Format, Settings};

/// The exit status of the process (`docs/cli.md`, "Exit codes").
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(u8)]
#[expect(
    missing_docs,
    reason = "the message of each is its documentation: `Exit::meaning`"
)]
pub enum Exit {
    #[default]
    Ok = 0,
    Failed = 1,
    Usage = 2,
    NotFound = 3,
    Auth = 4,
    Trust = 5,
    Unreachable = 6,
    DaemonOffline = 7,
    Timeout = 8,
    Keystore = 9,
    Config = 10,
    Ambiguous = 11,
    Partial = 12,
    Attention = 13,
    Incompatible = 14,
    Internal = 70,
    Interrupted = 130,
    Terminated = 143,
}

impl Exit {
    /// Returns the number that the shell sees. With `PASEO_COMPAT=official` there are only 0 and 1.
    pub fn status(self, official: bool) -> u8 {
        match self {
            Self::Ok => 0,
            _ if official => 1,
            other => other as u8,
        }
    }
}

/// Where on the way to the daemon something failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Hop {
    Config,
    Keystore,
    Dns,
    Tcp,
    Proxy,
    Ssh,
    Tls,
    Relay,
    Presence,
    Key,
    Auth,
    Protocol,
    Daemon,
}

impl Hop {
    /// Returns the word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Keystore => "keystore",
            Self::Dns => "dns",
            Self::Tcp => "tcp",
            Self::Proxy => "proxy",
            Self::Ssh => "ssh",
            Self::Tls => "tls",
            Self::Relay => "relay",
            Self::Presence => "presence",
            Self::Key => "key",
            Self::Auth => "auth",
            Self::Protocol => "protocol",
            Self::Daemon => "daemon",
        }
    }
}

/// Why a command failed.
#[derive(Debug)]
pub struct CommandError {
    /// Stable word for scripts, such as `DAEMON_NOT_RUNNING`.
    pub code: Cow<'static, str>,
    /// Exit status.
    pub exit: Exit,
    /// Where it failed, when it was on the way to the daemon.
    pub hop: Option<Hop>,
    /// What failed: one sentence, no full stop.
    pub message: String,
    /// Why, each fact once.
    pub source: Option<Box<dyn Error + Send + Sync>>,
    /// One command, or one action, that helps.
    pub hint: Option<String>,
    /// Whether the same command may succeed later.
    pub retryable: bool,
    /// Whether JSON is `code`, `message` and `action` on one line: the official form of a few errors.
    pub flat: bool,
    /// Whether it is what somebody chose when asked: told as that, not as an error.
    pub cancelled: bool,
}

impl CommandError {
    /// An error with a code, an exit status and a sentence.
    pub fn new(code: impl Into<Cow<'static, str>>, exit: Exit, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            exit,
            hop: None,
            message: message.into(),
            source: None,
            hint: None,
            retryable: false,
            flat: false,
            cancelled: false,
        }
    }

    /// Wrong use of the command line.
    pub fn usage(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::new(code, Exit::Usage, message)
    }

    /// Adds where it failed.
    #[must_use]
    pub fn at(mut self, hop: Hop) -> Self {
        self.hop = Some(hop);
        self
    }

    /// Adds why it failed.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Adds what helps.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says that trying again later may help.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.retryable = true;
        self
    }

    /// Gives it the flat form in JSON.
    #[must_use]
    pub fn flat(mut self) -> Self {
        self.flat = true;
        self
    }

    /// Makes it the answer of somebody who was asked, and does not want it. Code and exit status stay for scripts.
    #[must_use]
    pub fn cancelled(mut self) -> Self {
        self.message = "cancelled".to_owned();
        self.source = None;
        self.hint = None;
        self.cancelled = true;
        self
    }

    /// Returns the causes, outermost first, without any that only repeats the one before.
    pub fn causes(&self) -> Vec<String> {
        let mut causes: Vec<String> = Vec::new();
        let mut next: Option<&(dyn Error + 'static)> = self.source.as_deref().map(|e| e as _);
        while let Some(error) = next {
            let text = error.to_string();
            if !causes.last().unwrap_or(&self.message).contains(&text) {
                causes.push(text);
            }
            next = error.source();
        }
        causes
    }
}

/// Returns the text for stderr, with a line feed at the end.
pub fn render(error: &CommandError, settings: &Settings, official: bool) -> String {
    let causes = error.causes();
    let details = match (&causes[..], &error.hint) {
        ([], None) => None,
        (causes, None) => Some(causes.join(": ")),
        ([], Some(hint)) => Some(hint.clone()),
        (causes, Some(hint)) => Some(format!("{}\n{hint}", causes.join(": "))),
    };
    let as_data = || {
        let mut fields = json!({ "code": error.code, "message": error.message });
        if let Some(details) = &details {
            fields["details"] = json!(details);
        }
        fields["hop"] = json!(error.hop.map(|hop| hop.as_str()));
        fields["hint"] = json!(error.hint);
        fields["retryable"] = json!(error.retryable);
        fields["exit"] = json!(error.exit.status(official));
        json!({ "error": fields })
    };
    let terminal = std::io::stderr().is_terminal();
    match settings.format {
        Format::Json if error.flat => {
            let (code, message, action) = (&error.code, &error.message, &error.hint);
            let fields = json!({ "code": code, "message": message, "action": action });
            output::json_line(&fields, terminal) + "\n"
        }
        Format::Json => output::pretty_json(&as_data(), terminal) + "\n",
        Format::Yaml => output::yaml(&as_data(), terminal) + "\n",
        Format::Table if error.cancelled => {
            let hint = error.hint.as_ref().map(|hint| format!(" ({hint})"));
            let text = format!("{}{}", error.message, hint.unwrap_or_default());
            format!("{}\n", output::safe_text(&text, terminal))
        }
        Format::Table => {
            let red = Style::new().fg_color(Some(AnsiColor::Red.into()));
            let mut text = output::styled("Error:", red, settings.color);
            let _ = writeln!(text, " {}", output::safe_text(&error.message, terminal));
            for cause in causes {
                let _ = writeln!(text, "  because: {}", output::safe_text(&cause, terminal));
            }
            if let Some(hint) = &error.hint {
                let _ = writeln!(
                    text,
                    "  {}",
                    output::safe_text(hint, terminal).replace('\n', "\n  ")
                );
            }
            text
        }
    }
}
