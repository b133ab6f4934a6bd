//! `paseo terminal attach`: work in a terminal.

use std::io::IsTerminal;

use super::session::{self, End, Settings};
use super::{resolve, short};
use crate::commands::{CommandResult, Context, Outcome, Reference, failure, suggestion};
use crate::error::CommandError;
use crate::output;
use crate::protocol::terminals::ListTerminals;
use crate::tty::EscapeChar;

/// Arguments of `paseo terminal attach`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Its id, the beginning of it, or its name
    pub terminal_id: Reference,

    /// What begins an escape after Enter: one character, ^X for a control character, or none
    #[arg(long, value_name = "CHAR", default_value = "~")]
    pub escape: EscapeChar,
}

/// Works in a terminal until its program ends or the escape `~.` leaves it.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    if !std::io::stdin().is_terminal() {
        let message = "stdin is not a terminal";
        return Err(CommandError::usage("NOT_A_TERMINAL", message).hint(format!(
            "type with: {paseo} terminal send-keys {id} TEXT Enter   look with: {paseo} terminal capture {id}",
            paseo = suggestion::program(context),
            id = output::shell_operand(args.terminal_id.on(context)),
        )));
    }
    let settings = Settings {
        escape: args.escape,
        last_words: "",
    };
    let mut attached = None;
    let end = context
        .with_lifeline_and(&ListTerminals::default(), async |line, reply| {
            let terminal = resolve::pick(&reply.terminals, args.terminal_id.on(context))?;
            attached = Some(terminal.id.clone());
            session::run(line, &terminal.id, settings).await
        })
        .map_err(failure::of("TERMINAL_ATTACH_FAILED"));
    finish(context, attached.as_deref().unwrap_or_default(), end)
}

/// Says how a session ended, and how to come back to a terminal that is still there.
pub(super) fn finish(
    context: &Context,
    terminal_id: &str,
    end: Result<End, CommandError>,
) -> CommandResult {
    let again = format!(
        "{} terminal attach {}",
        suggestion::program(context),
        short(terminal_id)
    );
    let status = match end {
        Ok(End::Exited(status)) => status.unwrap_or(0),
        Ok(End::Detached) => {
            output::note(&format!(
                "\nDetached: the terminal stays. Come back with: {again}"
            ));
            0
        }
        Ok(End::Stopped(status)) => {
            output::note(&format!("\nThe terminal stays. Come back with: {again}"));
            status
        }
        Ok(End::ReaderGone) => 0,
        Err(error) if error.code == "CONNECTION_LOST" && !terminal_id.is_empty() => {
            return Err(error.hint(format!("the terminal stays; come back with: {again}")));
        }
        Err(error) => return Err(error),
    };
    Ok(Outcome {
        status: Some(status),
        ..Outcome::default()
    })
}
