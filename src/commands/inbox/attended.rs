//! `paseo inbox --watch` with a person in front of it: Enter asks about everything that waits.

use std::sync::Arc;
use std::thread;

use tokio::sync::Mutex;

use super::{answer, everything};
use crate::commands::Context;
use crate::commands::agent::answering::Asking;
use crate::commands::runtime::run_async;
use crate::error::CommandError;
use crate::output;

/// Held by whoever writes to the terminal, so that what begins to wait is told when the questions are over.
pub(super) type Terminal = Mutex<()>;

/// Begins to listen, on a thread of its own that ends with the process.
pub(super) fn start(context: &Context, terminal: Arc<Terminal>) {
    output::note("Press Enter to answer what waits, Ctrl-C to end.");
    let context = context.clone();
    thread::spawn(move || listen(&context, &terminal));
}

fn listen(context: &Context, terminal: &Terminal) {
    let mut asking = Asking::start();
    // Without a runtime, or after the end of stdin, there is nobody to ask.
    while let Ok(Some(_)) = run_async(async { Ok(asking.line_or_end().await) }) {
        let _quiet = terminal.blocking_lock();
        let answered = answer_now(context, &mut asking);
        output::note(&match answered {
            Ok(()) => "\nWatching again.".to_owned(),
            Err(error) => error.message,
        });
    }
}

fn answer_now(context: &Context, asking: &mut Asking) -> Result<(), CommandError> {
    let (found, outcome) = everything(context)?;
    for line in &outcome.failures {
        output::note(line);
    }
    if found.is_empty() {
        output::note("Nothing waits.");
        return Ok(());
    }
    answer::each(context, &found, asking)
}
