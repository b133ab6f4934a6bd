//! What happens, told on stderr: `-v` for the steps, `-vv` for the frames, `-vvv` for more. Never secrets: events
//! carry addresses, sizes and kinds.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts to print what happens. `filter` is in the syntax of `tracing` (`PASEO_LOG`), and beats `verbose`;
/// `server` makes the steps the default. Called once, before anything happens.
pub fn start(filter: Option<&str>, verbose: u8, server: bool) {
    let level = match (filter, verbose) {
        (Some(filter), _) => filter,
        (None, 0) if server => "paseo=info",
        (None, 0) => return,
        (None, 1) => "paseo=info",
        (None, 2) => "paseo=debug",
        (None, _) => "paseo=trace",
    };
    // A second call, in tests, changes nothing.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(level))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(verbose > 2)
        .try_init();
}
