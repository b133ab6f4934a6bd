//! The permission requests of a run: a person at the terminal answers them in place, as in `attach`.

use super::DOING;
use crate::client::DaemonClient;
use crate::commands::Context;
use crate::commands::agent::answering::Asking;
use crate::commands::agent::prompted::{self, Wish};
use crate::commands::agent::wait::Wait;
use crate::commands::lifeline::Lifeline;
use crate::commands::permission::Asked;
use crate::commands::permit::answer::give;
use crate::error::CommandError;
use crate::output::{self, Format};
use crate::protocol::agents::{AgentSnapshot, PermissionRequest};
use crate::protocol::lifecycle::{WaitStatus, Waited};

/// Waits for the end of a turn, and asks whenever it stops for a permission. A request that is left for later ends the
/// wait.
pub(super) async fn until_done(
    context: &Context,
    line: &mut Lifeline<'_>,
    wait: &Wait<'_>,
) -> Result<Waited, CommandError> {
    let mut asking = None;
    let deadline = wait.deadline();
    loop {
        let waited = wait.until(context, line, deadline).await?;
        let agent = waited.agent.as_ref();
        let Some(agent) = agent.filter(|_| waited.status == WaitStatus::Permission) else {
            return Ok(waited);
        };
        if !is_attended(context) || agent.pending_permissions.is_empty() {
            return Ok(waited);
        }
        let asking = asking.get_or_insert_with(Asking::start);
        for request in &agent.pending_permissions {
            if !is_answered(&line.daemon(), agent, request, asking).await? {
                return Ok(waited);
            }
        }
    }
}

/// Returns whether a person sees what is asked, and can answer.
pub(super) fn is_attended(context: &Context) -> bool {
    let settings = &context.output;
    let shows = settings.terminal && settings.format == Format::Table && !settings.quiet;
    shows && !context.is_batch() && context.part.is_alone()
}

/// Asks about a request, and returns whether it waits no longer.
async fn is_answered(
    daemon: &DaemonClient,
    agent: &AgentSnapshot,
    request: &PermissionRequest,
    asking: &mut Asking,
) -> Result<bool, CommandError> {
    let tool = Asked::from(request).tool;
    output::note(&format!("[Permission Required] {tool}"));
    let Wish::Answer(answer) = prompted::read(asking, request).await? else {
        return Ok(false);
    };
    match give(daemon, agent, vec![(request, answer)], DOING).await {
        Ok(_) => output::note("  answered"),
        // Somebody else was faster, or the connection is gone: the next wait tells which.
        Err(error) => output::note(&format!("  not answered: {}", error.message)),
    }
    Ok(true)
}
