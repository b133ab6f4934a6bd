//! One request at the prompt: shown, and answered by a line, for commands that have nothing else to show meanwhile.

use super::answering::{Asking, Step, Typed};
use crate::error::CommandError;
use crate::output;
use crate::protocol::agents::PermissionRequest;
use crate::protocol::permissions::PermissionAnswer;

const KEYS: &str = "  y, n or a number answers   m shows more of a long request   /deny refuses questions\n  \
                    Enter leaves it for later   q leaves all";

const DISMISSING: &str = "  d dismisses it   Enter keeps it   q leaves all";

/// What a person wants.
#[derive(Debug)]
pub(in crate::commands) enum Wish {
    /// This answer.
    Answer(PermissionAnswer),
    /// To see it no more.
    Dismiss,
    /// To decide later.
    Later,
    /// To be asked nothing more.
    Leave,
}

/// Shows a request, and reads lines until one says what is wanted.
pub(in crate::commands) async fn read(
    asking: &mut Asking,
    request: &PermissionRequest,
) -> Result<Wish, CommandError> {
    // Whatever became of the one before: this is what is shown, and nothing else is answered.
    if let Some(step) = asking.only(request.clone()) {
        asking.ask(step, print).await?;
    }
    let wish = loop {
        let Some(line) = asking.line_or_end().await else {
            break Wish::Leave;
        };
        match line.trim() {
            "" => break Wish::Later,
            "q" => break Wish::Leave,
            "?" => {
                output::note(KEYS);
                continue;
            }
            _ => {}
        }
        match asking.answer(&line) {
            Typed::Next(step) => asking.ask(step, print).await?,
            Typed::Answer(id, answer) if id == request.id => break Wish::Answer(answer),
            Typed::Nothing | Typed::Answer(..) => {
                output::note("  that is no answer; ? lists the keys");
            }
        }
    };
    asking.forget();
    Ok(wish)
}

/// Asks whether something that needs no answer may go.
pub(in crate::commands) async fn read_dismissal(asking: &mut Asking) -> Result<Wish, CommandError> {
    asking.forget();
    asking
        .ask(Step::question("  [d/Enter/q/?]\n"), print)
        .await?;
    loop {
        let Some(line) = asking.line_or_end().await else {
            return Ok(Wish::Leave);
        };
        match line.trim() {
            "" => return Ok(Wish::Later),
            "q" => return Ok(Wish::Leave),
            "d" => return Ok(Wish::Dismiss),
            _ => output::note(DISMISSING),
        }
    }
}

async fn print(text: &str) -> Result<(), CommandError> {
    output::note(text.trim_end_matches('\n'));
    Ok(())
}
