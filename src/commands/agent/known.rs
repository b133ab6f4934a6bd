//! What completion is given of the agents that a command has seen: ids, titles, and what waits for a person.

use super::ls::short_id;
use crate::commands::Context;
use crate::complete::Kind;
use crate::protocol::agents::AgentSnapshot;

/// One agent, as completion knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::commands) struct Known {
    id: String,
    title: String,
    /// Ids of what waits, each with the id of the agent and the tool.
    requests: Vec<(String, String)>,
}

impl From<&AgentSnapshot> for Known {
    fn from(agent: &AgentSnapshot) -> Self {
        let about = |name: &str| format!("{} {name}", short_id(&agent.id));
        let requests = agent.pending_permissions.iter();
        Self {
            id: agent.id.clone(),
            title: agent.title.clone().unwrap_or_default(),
            requests: requests
                .map(|request| (request.id.clone(), about(&request.name)))
                .collect(),
        }
    }
}

/// Keeps all agents of the selected daemon.
pub(in crate::commands) fn remember(context: &Context, agents: &[Known]) {
    let pairs = || {
        let agents = agents.iter();
        agents.map(|agent| (agent.id.as_str(), agent.title.as_str()))
    };
    context.remember(Kind::Agents, &mut pairs());
    context.remember(Kind::Titles, &mut pairs().map(|(id, title)| (title, id)));
    remember_waiting(context, agents);
}

/// Keeps only what waits: the agents may not be all.
pub(in crate::commands) fn remember_waiting(context: &Context, agents: &[Known]) {
    let waiting = || agents.iter().filter(|agent| !agent.requests.is_empty());
    let mut ids = waiting().map(|agent| (agent.id.as_str(), agent.title.as_str()));
    context.remember(Kind::Waiting, &mut ids);
    let requests = waiting().flat_map(|agent| &agent.requests);
    let mut requests = requests.map(|(id, about)| (id.as_str(), about.as_str()));
    context.remember(Kind::Requests, &mut requests);
}
