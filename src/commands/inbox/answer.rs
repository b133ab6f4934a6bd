//! Answers to what waits, at the prompt: one request after the other, each on its own daemon.

use std::collections::BTreeMap;

use super::Found;
use super::waiting::Waiting;
use crate::commands::Context;
use crate::commands::agent::answering::{Asking, Typed};
use crate::commands::agent::resolve;
use crate::commands::effect::Effect;
use crate::commands::failure::Doing;
use crate::commands::permit::answer::give;
use crate::commands::runtime::run_async;
use crate::commands::selection::Resolved;
use crate::error::CommandError;
use crate::output;

const DOING: Doing = Doing {
    code: "ANSWER_FAILED",
    what: "Failed to answer",
};

/// How the questions end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Another,
    Leave,
}

/// Asks about every request. What cannot be answered is told, and the others go on.
pub(super) fn each(context: &Context, found: Found) -> Result<(), CommandError> {
    let found = found
        .into_iter()
        .filter(|(_, waiting)| waiting.request.is_some());
    let found: Vec<_> = found.collect();
    // Before any line is read: a protected remote asks by itself.
    let mut roads: BTreeMap<Option<String>, Result<(Context, Resolved), CommandError>> =
        BTreeMap::new();
    for (remote, _) in &found {
        roads.entry(remote.clone()).or_insert_with(|| {
            let mut there = context.about(remote.as_deref());
            there.effect = Effect::Changes;
            let resolved = there.resolve(&there.selection()?)?;
            Ok((there, resolved))
        });
    }
    output::note("\nAnswer now: Enter leaves a request for later, q leaves all of them.");
    let mut asking = Asking::start();
    for (remote, waiting) in &found {
        let told = match roads.get(remote) {
            Some(Ok((there, resolved))) => one(there, resolved, waiting, &mut asking),
            Some(Err(error)) => {
                output::note(&format!("{}: {}", waiting.line(), error.message));
                continue;
            }
            None => continue,
        };
        match told {
            Ok(Next::Another) => {}
            Ok(Next::Leave) => return Ok(()),
            Err(error) => output::note(&format!("{}: {}", waiting.line(), error.message)),
        }
    }
    Ok(())
}

/// Asks about one request, if it still waits.
fn one(
    context: &Context,
    resolved: &Resolved,
    waiting: &Waiting,
    asking: &mut Asking,
) -> Result<Next, CommandError> {
    let remote = context.global.remote.as_deref();
    let before = remote
        .map(|remote| format!("{remote}:"))
        .unwrap_or_default();
    run_async(async {
        let (road, daemon, _) = context.connect(resolved, None).await?;
        road.finish(daemon, async |daemon| {
            let reply = daemon.call(&resolve::named(&waiting.agent_id)?).await;
            let agent = resolve::found(reply.map_err(|error| DOING.error(error))?, DOING)?;
            let id = waiting.request.as_ref().map(|request| &request.id);
            let pending = agent.pending_permissions.iter();
            let Some(request) = pending.into_iter().find(|request| Some(&request.id) == id) else {
                output::note(&format!(
                    "{before}{}: it was answered meanwhile",
                    waiting.line()
                ));
                return Ok(Next::Another);
            };
            output::note(&format!("\n{before}{}", waiting.line()));
            let print = async |text: &str| {
                output::note(text.trim_end_matches('\n'));
                Ok::<_, CommandError>(())
            };
            // Whatever became of the one before: this is what is shown, and nothing else is answered.
            if let Some(step) = asking.only(request.clone()) {
                asking.ask(step, print).await?;
            }
            let next = loop {
                let Some(line) = asking.line_or_end().await else {
                    break Next::Leave;
                };
                match line.trim() {
                    "" => break Next::Another,
                    "q" => break Next::Leave,
                    _ => {}
                }
                match asking.answer(&line) {
                    Typed::Next(step) => asking.ask(step, print).await?,
                    Typed::Answer(id, answer) if id == request.id => {
                        give(daemon, &agent, vec![(request, answer)], DOING).await?;
                        output::note("  answered");
                        break Next::Another;
                    }
                    Typed::Nothing | Typed::Answer(..) => output::note("  that is no answer"),
                }
            };
            asking.forget();
            Ok(next)
        })
        .await
    })
}
