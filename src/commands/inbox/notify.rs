//! Telling somebody who looks elsewhere: through the terminal, or by a program.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::Stdio;
use std::str::FromStr;
use std::time::Duration;

use super::Args;
use crate::commands::Context;
use crate::env;
use crate::output::{self, ReaderGone, Stream};
use crate::spelling::{closest, did_you_mean};
use crate::subprocess;

/// Longest text that is told, in characters.
const MAX_CHARS: usize = 200;
/// How long the program may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a terminal tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Its bell.
    Bell,
    /// OSC 9: iTerm2, WezTerm, Windows Terminal, kitty.
    Osc9,
    /// OSC 777: rxvt, foot, GNOME.
    Osc777,
}

impl FromStr for Signal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "bell" => Ok(Self::Bell),
            "osc9" => Ok(Self::Osc9),
            "osc777" => Ok(Self::Osc777),
            other => Err(did_you_mean(
                "a terminal tells by bell, osc9 or osc777",
                closest(other, &["bell", "osc9", "osc777"]),
            )),
        }
    }
}

impl Signal {
    /// Returns the bytes. The text ends no sequence early: it has no control character, and no semicolon.
    fn bytes(self, title: &str, text: &str) -> String {
        let plain = |text: &str| text.replace(';', ",");
        match self {
            Self::Bell => "\u{7}".to_owned(),
            Self::Osc9 => format!("\u{1b}]9;{}: {}\u{7}", plain(title), plain(text)),
            Self::Osc777 => {
                format!("\u{1b}]777;notify;{};{}\u{7}", plain(title), plain(text))
            }
        }
    }
}

/// Returns a sequence that tmux hands to the terminal around it, where `allow-passthrough` is on (tmux(1)).
fn through_tmux(sequence: &str) -> String {
    let doubled = sequence.replace('\u{1b}', "\u{1b}\u{1b}");
    format!("\u{1b}Ptmux;{doubled}\u{1b}\\")
}

/// What is done beside printing.
pub(super) struct Notify {
    signal: Option<Signal>,
    in_tmux: bool,
    program: Option<PathBuf>,
    title: String,
}

impl Notify {
    /// Takes it from the arguments; the terminal tells only if there is one.
    pub(super) fn new(context: &Context, args: &Args) -> Self {
        let remote = context.global.remote.as_deref();
        Self {
            signal: args.notify.filter(|_| std::io::stdout().is_terminal()),
            in_tmux: context.env.is_set(env::TMUX),
            program: args.notify_command.clone(),
            title: remote.map_or("paseo".to_owned(), |remote| format!("paseo {remote}")),
        }
    }

    /// Tells. A program that fails or hangs is said so, and is no reason to stop.
    pub(super) async fn tell(&self, text: &str, stream: &Stream) -> Result<(), ReaderGone> {
        let text: String = output::safe_line(text, true)
            .chars()
            .take(MAX_CHARS)
            .collect();
        if let Some(signal) = self.signal {
            let mut bytes = signal.bytes(&self.title, &text);
            // It knows a bell, and shows it itself.
            if self.in_tmux && signal != Signal::Bell {
                bytes = through_tmux(&bytes);
            }
            stream.raw(bytes.into_bytes()).await?;
        }
        if let Some(program) = &self.program {
            let mut command = subprocess::command(program);
            command.args([&self.title, &as_argument(&text)]);
            command.stdin(Stdio::null()).stdout(Stdio::null());
            let mut command = tokio::process::Command::from(command);
            let ran = tokio::time::timeout(PATIENCE, command.kill_on_drop(true).status()).await;
            let why = match ran {
                Ok(Ok(status)) if status.success() => return Ok(()),
                Ok(Ok(status)) => status.to_string(),
                Ok(Err(error)) => error.to_string(),
                Err(_) => "it takes too long".to_owned(),
            };
            let program = program.display();
            stream.warn(&format!("{program} failed: {why}\n")).await?;
        }
        Ok(())
    }
}

/// Returns a text as an argument for any program. It begins with a word of ours: it begins with an id that the daemon
/// chose, which a program could take for an option or the name of a file.
fn as_argument(text: &str) -> String {
    format!("agent {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_is_no_option() {
        for text in ["--exec=touch x", "-x", "@file", "+x", "/x"] {
            assert!(as_argument(text).starts_with("agent "), "{text}");
        }
    }

    #[test]
    fn a_text_stays_within_its_sequence() {
        let text = "a;b";
        assert_eq!(Signal::Bell.bytes("t", text), "\u{7}");
        assert_eq!(Signal::Osc9.bytes("t", text), "\u{1b}]9;t: a,b\u{7}");
        assert_eq!(
            Signal::Osc777.bytes("t", text),
            "\u{1b}]777;notify;t;a,b\u{7}"
        );
    }
}
