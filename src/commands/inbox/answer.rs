//! Answers to what waits, at the prompt: one entry after the other, each on its own daemon.

use std::collections::BTreeMap;

use super::waiting::{self, Waiting};
use super::{Entry, dismiss};
use crate::client::DaemonClient;
use crate::commands::Context;
use crate::commands::agent::answering::Asking;
use crate::commands::agent::prompted::{self, Wish};
use crate::commands::agent::resolve;
use crate::commands::effect::Effect;
use crate::commands::failure::Doing;
use crate::commands::permit::answer::give;
use crate::commands::runtime::run_async;
use crate::commands::selection::Resolved;
use crate::error::CommandError;
use crate::output;
use crate::protocol::agents::AgentSnapshot;
use crate::protocol::lifecycle::OneOrMany;

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
pub(super) fn each(
    context: &Context,
    found: &[Entry],
    asking: &mut Asking,
) -> Result<(), CommandError> {
    // Before any line is read: a protected remote asks by itself.
    let mut roads: BTreeMap<Option<String>, Result<(Context, Resolved), CommandError>> =
        BTreeMap::new();
    for (remote, _) in found {
        roads
            .entry(remote.clone())
            .or_insert_with(|| to_change(context, remote.as_deref()));
    }
    output::note("\nAnswer now: Enter leaves an entry for later, q leaves all, ? lists the keys.");
    for (remote, waiting) in found {
        let told = match roads.get(remote) {
            Some(Ok((there, resolved))) => one(there, resolved, waiting, asking),
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

/// Resolves a remote for a change there: it may be read-only, or protected.
pub(super) fn to_change(
    context: &Context,
    remote: Option<&str>,
) -> Result<(Context, Resolved), CommandError> {
    let mut there = context.about(remote);
    there.effect = Effect::Changes;
    let resolved = there.resolve(&there.selection()?)?;
    Ok((there, resolved))
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
            let shown = format!("{before}{}", waiting.line());
            let Some(wanted) = &waiting.request else {
                return ask_to_dismiss(daemon, &agent, &shown, waiting, asking).await;
            };
            let pending = agent.pending_permissions.iter();
            let Some(request) = pending.into_iter().find(|request| request.id == wanted.id) else {
                output::note(&format!("{shown}: it was answered meanwhile"));
                return Ok(Next::Another);
            };
            output::note(&format!("\n{shown}"));
            match prompted::read(asking, request).await? {
                Wish::Answer(answer) => {
                    give(daemon, &agent, vec![(request, answer)], DOING).await?;
                    output::note("  answered");
                    Ok(Next::Another)
                }
                Wish::Leave => Ok(Next::Leave),
                Wish::Later | Wish::Dismiss => Ok(Next::Another),
            }
        })
        .await
    })
}

/// Asks whether an end that nobody has looked at may go, if it still waits.
async fn ask_to_dismiss(
    daemon: &DaemonClient,
    agent: &AgentSnapshot,
    shown: &str,
    waiting: &Waiting,
    asking: &mut Asking,
) -> Result<Next, CommandError> {
    let still = waiting::of_one(agent);
    if !still.iter().any(|one| one.key() == waiting.key()) {
        return Ok(Next::Another);
    }
    output::note(&format!("\n{shown}"));
    match prompted::read_dismissal(asking).await? {
        Wish::Dismiss => {
            dismiss::now(daemon, OneOrMany::One(agent.id.clone())).await?;
            output::note("  dismissed");
            Ok(Next::Another)
        }
        Wish::Leave => Ok(Next::Leave),
        Wish::Later | Wish::Answer(_) => Ok(Next::Another),
    }
}
