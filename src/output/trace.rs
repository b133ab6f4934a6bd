//! What happens, told on stderr: `-v` for the steps, `-vv` for the frames, `-vvv` for more. Never secrets: events
//! carry addresses, sizes and kinds.

use std::io::{self, IsTerminal, Write};

use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::sanitize::safe_log;

/// How each event is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Text,
    /// A JSON object on a line.
    Json,
}

/// What is told when nobody says how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unasked {
    /// Nothing: a command says what it has to say by itself.
    Nothing,
    /// What an operator must know.
    Warnings,
    /// The steps too.
    Steps,
}

/// Starts to print what happens. `filter` (`PASEO_LOG`) is a level, or pairs of a module and its level such as
/// `paseo::relay=debug,paseo=info`, and beats `verbose`, and that `unasked`. A filter that is
/// none counts as `verbose`. Called once, before anything happens.
pub fn start(filter: Option<&str>, verbose: u8, unasked: Unasked, format: LogFormat) {
    let level = match verbose {
        0 => match unasked {
            Unasked::Nothing => None,
            Unasked::Warnings => Some("paseo=warn"),
            Unasked::Steps => Some("paseo=info"),
        },
        1 => Some("paseo=info"),
        2 => Some("paseo=debug"),
        _ => Some("paseo=trace"),
    };
    let targets = filter.and_then(|filter| filter.parse::<Targets>().ok());
    let Some(targets) = targets.or_else(|| level?.parse().ok()) else {
        return;
    };
    let lines = fmt::layer().with_writer(Log::new).with_target(verbose > 2);
    let subscriber = tracing_subscriber::registry().with(targets);
    // A second call, in tests, changes nothing.
    let _ = match format {
        LogFormat::Text => subscriber
            .with(lines.with_ansi(io::stderr().is_terminal()))
            .try_init(),
        LogFormat::Json => subscriber.with(lines.json().flatten_event(true)).try_init(),
    };
}

/// Stderr for events, one at a time. Some name what a peer sent.
struct Log {
    terminal: bool,
}

impl Log {
    fn new() -> Self {
        Self {
            terminal: io::stderr().is_terminal(),
        }
    }
}

impl Write for Log {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let mut stderr = io::stderr().lock();
        match self.terminal {
            true => {
                let text = String::from_utf8_lossy(event);
                stderr.write_all(safe_log(&text).as_bytes())?;
            }
            false => stderr.write_all(event)?,
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
