//! A program in a terminal on the daemon's machine, with somebody before it.

use std::io::IsTerminal;

use super::{attach, create, session};
use crate::commands::{CommandResult, Context};
use crate::error::CommandError;
use crate::output;
use crate::tty::EscapeChar;

/// Runs a program until it ends, or the escape `~.` leaves it; its exit status is that of the command.
pub(in crate::commands) fn run(
    context: &Context,
    name: &str,
    command: Vec<String>,
) -> CommandResult {
    if !std::io::stdin().is_terminal() {
        let words: Vec<_> = command
            .iter()
            .map(|word| output::shell_word(word))
            .collect();
        let message = "stdin is not a terminal";
        return Err(CommandError::usage("NOT_A_TERMINAL", message)
            .hint(format!("run on the daemon's machine: {}", words.join(" "))));
    }
    let settings = session::Settings {
        escape: EscapeChar::default(),
        last_words: "",
    };
    let mut started = None;
    let end = context.with_lifeline(async |line| {
        let asked = create::Asked {
            cwd: "~",
            name: Some(name.to_owned()),
            size: session::size(),
            command: Some(command.clone()),
        };
        let terminal = create::start(&line.daemon(), asked).await?;
        let id = &*started.insert(terminal.id);
        session::run(line, id, settings).await
    });
    attach::finish(context, started.as_deref().unwrap_or_default(), end)
}
