//! What happens, told on stderr: `-v` for the steps, `-vv` for the frames, `-vvv` for more. Never secrets: events
//! carry addresses, sizes and kinds.

use std::io::IsTerminal;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How each event is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Text,
    /// A JSON object on a line.
    Json,
}

/// Starts to print what happens. `filter` (`PASEO_LOG`) is a level, or pairs of a module and its level such as
/// `paseo::relay=debug,paseo=info`, and beats `verbose`; `server` makes the steps the default. A filter that is
/// none counts as `verbose`. Called once, before anything happens.
pub fn start(filter: Option<&str>, verbose: u8, server: bool, format: LogFormat) {
    let level = match verbose {
        0 if server => Some("paseo=info"),
        0 => None,
        1 => Some("paseo=info"),
        2 => Some("paseo=debug"),
        _ => Some("paseo=trace"),
    };
    let targets = filter.and_then(|filter| filter.parse::<Targets>().ok());
    let Some(targets) = targets.or_else(|| level?.parse().ok()) else {
        return;
    };
    let lines = fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(verbose > 2);
    let subscriber = tracing_subscriber::registry().with(targets);
    // A second call, in tests, changes nothing.
    let _ = match format {
        LogFormat::Text => subscriber
            .with(lines.with_ansi(std::io::stderr().is_terminal()))
            .try_init(),
        LogFormat::Json => subscriber.with(lines.json().flatten_event(true)).try_init(),
    };
}
