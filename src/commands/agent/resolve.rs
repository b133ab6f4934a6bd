//! From what a person types to one agent: its id, the beginning of it, or its title.
//!
//! The daemon resolves strictly: exact id, unique prefix, exact title, all in the case as typed. Where the
//! official CLI looks for itself, it is more generous ([`find`]). Several matches are an error that lists
//! them, never the first one found.

use super::directory;
use crate::client::DaemonClient;
use crate::commands::failure::{Doing, NO_AGENT};
use crate::error::{CommandError, Exit};
use crate::protocol::agents::{AgentFilter, AgentSnapshot, FetchAgents};
use crate::protocol::lifecycle::{AgentChanged, FetchAgent, FetchedAgent};

/// Returns the request for the agent that is meant; refuses a blank.
pub(in crate::commands) fn named(id: &str) -> Result<FetchAgent, CommandError> {
    if id.trim().is_empty() {
        return Err(
            CommandError::usage("MISSING_AGENT_ID", "Agent ID is required")
                .hint("paseo ls shows the agents"),
        );
    }
    Ok(FetchAgent {
        agent_id: id.to_owned(),
    })
}

/// Takes the agent out of the daemon's reply.
pub(in crate::commands) fn found(
    reply: FetchedAgent,
    doing: Doing,
) -> Result<AgentSnapshot, CommandError> {
    match reply {
        FetchedAgent {
            agent: Some(agent), ..
        } => Ok(agent),
        FetchedAgent { error, .. } => {
            Err(doing.refused(error.as_deref().unwrap_or("Agent not found")))
        }
    }
}

/// Returns the reply to a change when it was done, else the reason as an error.
pub(super) fn accepted(reply: AgentChanged, doing: Doing) -> Result<AgentChanged, CommandError> {
    if reply.accepted {
        return Ok(reply);
    }
    Err(doing.refused(
        reply
            .error
            .as_deref()
            .unwrap_or("the daemon did not say why"),
    ))
}

/// Returns the agent that the daemon found, else the one that fits in another case or by a part of its
/// title, archived ones included.
pub(super) async fn find(
    daemon: &DaemonClient,
    id: &str,
    reply: FetchedAgent,
) -> Result<AgentSnapshot, CommandError> {
    if let Some(agent) = reply.agent {
        return Ok(agent);
    }
    let everything = FetchAgents {
        filter: Some(AgentFilter {
            include_archived: Some(true),
            ..AgentFilter::default()
        }),
        ..FetchAgents::default()
    };
    let agents = directory::all(daemon, everything).await?;
    match pick(&agents, id) {
        Picked::One(agent) => Ok(agent.clone()),
        Picked::None => {
            Err(
                CommandError::new(NO_AGENT, Exit::NotFound, format!("Agent not found: {id}"))
                    .hint("see the agents with: paseo ls -ag"),
            )
        }
        Picked::Several(agents) => Err(ambiguous(id, &agents)),
    }
}

/// How many agents fit.
#[derive(Debug, PartialEq)]
enum Picked<'a> {
    None,
    One(&'a AgentSnapshot),
    Several(Vec<&'a AgentSnapshot>),
}

/// Picks by the first rule that anything fits: exact id, prefix, title, part of the title; all but the
/// first in any case.
fn pick<'a>(agents: &'a [AgentSnapshot], id: &str) -> Picked<'a> {
    let wanted = id.trim().to_lowercase();
    let title = |agent: &AgentSnapshot| agent.title.as_deref().unwrap_or("").to_lowercase();
    let rules: [&dyn Fn(&AgentSnapshot) -> bool; 4] = [
        &|agent| agent.id == id.trim(),
        &|agent| agent.id.to_lowercase().starts_with(&wanted),
        &|agent| title(agent) == wanted,
        &|agent| title(agent).contains(&wanted),
    ];
    if wanted.is_empty() {
        return Picked::None;
    }
    for rule in rules {
        let mut fitting: Vec<_> = agents.iter().filter(|agent| rule(agent)).collect();
        match fitting.len() {
            0 => {}
            1 => return Picked::One(fitting.remove(0)),
            _ => return Picked::Several(fitting),
        }
    }
    Picked::None
}

fn ambiguous(id: &str, agents: &[&AgentSnapshot]) -> CommandError {
    const SHOWN: usize = 10;
    let mut lines: Vec<String> = agents
        .iter()
        .take(SHOWN)
        .map(|agent| format!("{}  {}", agent.id, agent.title.as_deref().unwrap_or("-")))
        .collect();
    if agents.len() > SHOWN {
        lines.push(format!("and {} more", agents.len() - SHOWN));
    }
    CommandError::new(
        "AMBIGUOUS",
        Exit::Ambiguous,
        format!("\"{id}\" fits {} agents", agents.len()),
    )
    .hint(format!("type more of one of these:\n{}", lines.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn agent(id: &str, title: &str) -> AgentSnapshot {
        let json = json!({ "id": id, "title": title, "provider": "mock", "cwd": "/", "createdAt": "",
            "status": "idle" });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let agents = [
            agent("ab12", "Build"),
            agent("ab34", "Build the docs"),
            agent("cd56", "ab12"),
        ];
        let one = |id| match pick(&agents, id) {
            Picked::One(agent) => agent.id.clone(),
            other => panic!("{id}: {other:?}"),
        };
        assert_eq!(one("ab12"), "ab12");
        assert_eq!(one("AB3"), "ab34");
        assert_eq!(one("build"), "ab12");
        assert_eq!(one("DOCS"), "ab34");
        assert_eq!(pick(&agents, "zz"), Picked::None);
        assert_eq!(pick(&agents, " "), Picked::None);
    }

    #[test]
    fn several_are_listed() {
        let agents = [agent("ab12", "One"), agent("ab34", "Two")];
        let Picked::Several(fitting) = pick(&agents, "ab") else {
            panic!("two agents begin with ab");
        };
        let error = ambiguous("ab", &fitting);
        assert_eq!(error.exit, Exit::Ambiguous);
        let hint = error.hint.unwrap();
        assert!(hint.contains("ab12  One") && hint.contains("ab34  Two"));
    }
}
