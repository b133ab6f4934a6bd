//! `paseo shell`: a shell on the daemon's machine, as ssh would give one.

use super::{attach, create, session};
use crate::commands::{CommandResult, Context, place};
use crate::tty::EscapeChar;

/// Arguments of `paseo shell`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Directory on the daemon's machine; without it the counterpart of this one, if the remote has any (`dirs`, `cwd`),
    /// else the home of the daemon's user
    #[arg(long, value_name = "DIR")]
    pub cwd: Option<String>,

    /// Name for people
    #[arg(long)]
    pub name: Option<String>,

    /// What begins an escape after Enter: one character, ^X for a control character, or none
    #[arg(long, value_name = "CHAR", default_value = "~")]
    pub escape: EscapeChar,
}

/// Starts a shell, and works in it until it ends or the escape `~.` leaves it, which it survives.
///
/// Without a terminal on stdin the shell gets the lines from there, and then `exit`.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let cwd = match &args.cwd {
        Some(cwd) => cwd.clone(),
        // As ssh, it asks for no directory.
        None => place::usual(context)?.unwrap_or_else(|| "~".to_owned()),
    };
    let settings = session::Settings {
        escape: args.escape,
        last_words: "exit\n",
    };
    let mut started = None;
    let end = context.with_lifeline(async |line| {
        let asked = create::Asked {
            cwd: &cwd,
            name: args.name.clone(),
            size: session::size(),
            command: None,
        };
        let terminal = create::start(&line.daemon(), asked).await?;
        let id = &*started.insert(terminal.id);
        session::run(line, id, settings).await
    });
    attach::finish(context, started.as_deref().unwrap_or_default(), end)
}
