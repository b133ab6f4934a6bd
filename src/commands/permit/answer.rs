//! What `permit allow` and `permit deny` share: which requests are meant, and how they are answered.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, timeout_at};

use crate::client::DaemonClient;
use crate::commands::agent::ls::short_id;
use crate::commands::agent::resolve;
use crate::commands::failure::Doing;
use crate::commands::permission::with_choice;
use crate::commands::{CommandResult, Context, Reference};
use crate::complete;
use crate::error::{CommandError, Exit};
use crate::output::{Column, Output, Row, Table};
use crate::protocol::agents::{AgentSnapshot, PermissionRequest};
use crate::protocol::permissions::{AnswerPermission, PermissionAnswer};

/// Which requests are answered
#[derive(Debug, clap::Args)]
pub struct Asked {
    /// Id of the agent, the beginning of it, or its title
    #[arg(value_name = "agent", add = complete::waiting())]
    pub agent: Reference,

    /// Id of the request, or the beginning of it
    #[arg(value_name = "req_id", add = complete::requests())]
    pub request: Option<String>,

    /// Answer all requests of the agent
    #[arg(long)]
    pub all: bool,

    /// Take the id of the request as a whole, never as the beginning of another one's
    #[arg(long, hide = true, requires = "request", conflicts_with = "all")]
    pub exact: bool,

    /// Which of the choices; without it the narrowest
    #[arg(long, value_name = "ID")]
    pub action: Option<String>,
}

/// Answers the requests that are meant.
pub(super) fn run(
    context: &Context,
    asked: &Asked,
    answer: &PermissionAnswer,
    doing: Doing,
) -> CommandResult {
    let request = resolve::named(asked.agent.on(context))?;
    let wanted = asked.request.as_deref().filter(|_| !asked.all);
    let output = context.with_daemon_and(&request, async |daemon, reply| {
        let agent = resolve::found(reply, doing)?;
        let answers = pick(&agent, wanted, asked.exact)?
            .into_iter()
            .map(|request| {
                let answer = with_choice(request, answer.clone(), asked.action.as_deref())?;
                Ok((request, answer))
            });
        let answers = answers.collect::<Result<_, CommandError>>()?;
        give(daemon, &agent, answers, doing).await
    })?;
    Ok(output.into())
}

/// Returns the first eight characters of a request's id.
pub(super) fn short_request(id: &str) -> String {
    id.chars().take(8).collect()
}

/// Returns the error of an answer to an agent that waits for none.
pub(super) fn nothing_pending(agent: &AgentSnapshot) -> CommandError {
    let message = format!("agent {} has no pending request", short_id(&agent.id));
    CommandError::new("NO_PENDING_PERMISSIONS", Exit::NotFound, message)
}

/// Picks the requests that are meant: the one with this id, or unless it is `exact` the one whose id begins so; or all.
fn pick<'a>(
    agent: &'a AgentSnapshot,
    id: Option<&str>,
    exact: bool,
) -> Result<Vec<&'a PermissionRequest>, CommandError> {
    let pending = &agent.pending_permissions;
    if pending.is_empty() {
        return Err(nothing_pending(agent));
    }
    let Some(id) = id else {
        return Ok(pending.iter().collect());
    };
    if let Some(exact) = pending.iter().find(|request| request.id == id) {
        return Ok(vec![exact]);
    }
    let fitting: Vec<_> = pending
        .iter()
        .filter(|request| !exact && request.id.starts_with(id))
        .collect();
    let listed = |requests: &[&PermissionRequest], whole: bool| {
        let ids = requests.iter().map(|request| match whole {
            true => request.id.clone(),
            false => short_request(&request.id),
        });
        ids.collect::<Vec<_>>().join(", ")
    };
    match fitting.len() {
        1 => Ok(fitting),
        0 => {
            let all: Vec<_> = pending.iter().collect();
            let message = format!("no such permission request: {id}");
            Err(
                CommandError::new("PERMISSION_NOT_FOUND", Exit::NotFound, message)
                    .hint(format!("Available requests: {}", listed(&all, false))),
            )
        }
        count => {
            let message = format!("\"{id}\" fits {count} permission requests");
            Err(
                CommandError::new("AMBIGUOUS", Exit::Ambiguous, message).hint(format!(
                    "type more of one of these: {}",
                    listed(&fitting, true)
                )),
            )
        }
    }
}

/// Sends the answers, and makes the rows. A daemon does not reply to an answer: what it would complain
/// about is listened for a moment.
pub(in crate::commands) async fn give(
    daemon: &DaemonClient,
    agent: &AgentSnapshot,
    answers: Vec<(&PermissionRequest, PermissionAnswer)>,
    doing: Doing,
) -> Result<Output, CommandError> {
    let mut flying = Vec::new();
    for (request, answer) in &answers {
        let message = AnswerPermission {
            agent_id: agent.id.clone(),
            response: answer.clone(),
        };
        let reply = daemon.start_as(&request.id, &message).await;
        flying.push(reply.map_err(|error| doing.error(error))?);
    }
    let deadline = Instant::now() + CONFIRMATION;
    for reply in flying {
        if let Ok(Err(error)) = timeout_at(deadline, reply.wait(None)).await {
            return Err(doing.error(error));
        }
    }
    let rows = answers
        .iter()
        .map(|(request, answer)| row(agent, request, answer));
    Ok(Output::List(Table {
        columns: vec![
            Column("REQUEST ID", 12),
            Column("AGENT", 10),
            Column("TOOL", 20),
            Column("RESULT", 10),
        ],
        rows: rows.collect(),
    }))
}

/// How long the daemon has to confirm or complain. It confirms when the agent went on, which may be late:
/// that is no failure.
const CONFIRMATION: Duration = Duration::from_secs(1);

fn row(agent: &AgentSnapshot, request: &PermissionRequest, answer: &PermissionAnswer) -> Row {
    let (id, agent_short) = (short_request(&request.id), short_id(&agent.id));
    let result = match answer {
        PermissionAnswer::Allow { .. } => "allowed",
        PermissionAnswer::Deny { .. } => "denied",
    };
    let data = json!({ "requestId": id, "agentId": agent.id, "agentShortId": agent_short,
        "name": request.name, "result": result, "fullAgentId": agent.id, "fullRequestId": request.id });
    let cells = vec![
        id.as_str().into(),
        agent_short.into(),
        request.name.as_str().into(),
        result.into(),
    ];
    Row::new(id, cells, &data)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(ids: &[&str]) -> AgentSnapshot {
        let pending: Vec<_> = ids
            .iter()
            .map(|id| json!({"id": id, "provider": "p", "name": "n", "kind": "tool"}))
            .collect();
        let json = json!({ "id": "a", "provider": "mock", "cwd": "/", "createdAt": "", "status": "running",
            "pendingPermissions": pending });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn one_all_or_a_reason() {
        let agent = agent(&["ask-1", "ask-12", "plan-1"]);
        let picked = |id: Option<&str>| pick(&agent, id, false).map(|requests| requests.len());
        assert_eq!(picked(None).unwrap(), 3);
        assert_eq!(picked(Some("plan")).unwrap(), 1);
        assert_eq!(picked(Some("ask-1")).unwrap(), 1);
        assert_eq!(picked(Some("ask")).unwrap_err().exit, Exit::Ambiguous);
        assert_eq!(
            picked(Some("zzz")).unwrap_err().code,
            "PERMISSION_NOT_FOUND"
        );
        let nobody = self::agent(&[]);
        assert_eq!(
            pick(&nobody, None, false).unwrap_err().code,
            "NO_PENDING_PERMISSIONS"
        );
    }

    /// One that somebody has seen may be answered meanwhile, and must not stand for another one then.
    #[test]
    fn an_exact_id_is_no_beginning() {
        let agent = agent(&["ask-12", "plan-1"]);
        let picked =
            |id: &str| pick(&agent, Some(id), true).map(|requests| requests[0].id.as_str());
        assert_eq!(picked("ask-12").unwrap(), "ask-12");
        for id in ["ask-1", "plan", ""] {
            assert_eq!(picked(id).unwrap_err().code, "PERMISSION_NOT_FOUND");
        }
    }
}
