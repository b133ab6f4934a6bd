//! `paseo terminal capture`: what a terminal shows.

use serde_json::json;

use super::resolve;
use crate::commands::{CommandResult, Context, Reference, failure};
use crate::complete;
use crate::error::CommandError;
use crate::output::Output;
use crate::protocol::terminals::{CaptureTerminal, ListTerminals};

/// Arguments of `paseo terminal capture`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Its id, the beginning of it, or its name
    #[arg(add = complete::terminals())]
    pub terminal_id: Reference,

    /// First line, counted from 0 at the beginning of the scrollback; -2 is the last but one
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub start: Option<String>,

    /// Last line, counted alike
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub end: Option<String>,

    /// Start at the oldest line
    #[arg(short = 'S', long)]
    pub scrollback: bool,

    /// Keep colours and other escape sequences
    #[arg(long)]
    pub ansi: bool,
}

/// Prints lines of a terminal. Over a pipe they come as they are.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let start = match args.scrollback {
        true => Some(0),
        false => line_number(args.start.as_deref(), "--start")?,
    };
    let end = line_number(args.end.as_deref(), "--end")?;
    let captured = context
        .with_daemon_and(&ListTerminals::default(), async |daemon, reply| {
            let terminal = resolve::pick(&reply.terminals, args.terminal_id.on(context))?;
            let request = CaptureTerminal {
                terminal_id: terminal.id.clone(),
                start,
                end,
                strip_ansi: Some(!args.ansi),
            };
            Ok(daemon.call(&request).await?)
        })
        .map_err(failure::of("TERMINAL_CAPTURE_FAILED"))?;
    let text = captured.lines.join("\n");
    let json = json!({
        "terminalId": captured.terminal_id,
        "lines": captured.lines,
        "totalLines": captured.total_lines,
    });
    Ok(Output::Text { text, json }.into())
}

/// Parses a line number; a digit or more, perhaps behind a minus.
fn line_number(text: Option<&str>, flag: &str) -> Result<Option<i64>, CommandError> {
    let Some(text) = text else { return Ok(None) };
    text.trim().parse().map(Some).map_err(|_| {
        CommandError::usage(
            "INVALID_LINE_NUMBER",
            format!("Invalid {flag} value: {text}"),
        )
        .hint("a line is a whole number")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_numbers() {
        assert_eq!(line_number(Some("-2"), "--start").unwrap(), Some(-2));
        assert_eq!(line_number(None, "--start").unwrap(), None);
        for text in ["abc", "1.5", ""] {
            let error = line_number(Some(text), "--end").unwrap_err();
            assert_eq!(error.code, "INVALID_LINE_NUMBER");
        }
    }
}
