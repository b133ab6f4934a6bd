//! What is known of the remotes, and the lines that it makes.

use crate::commands::permission::Asked;
use crate::protocol::agents::AgentSnapshot;

/// The state of an agent of which only the cache tells.
const UNKNOWN: &str = "…";

/// A remote, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Remote {
    /// Its name; blank for a daemon that has none.
    pub(super) name: String,
    pub(super) link: Link,
    pub(super) agents: Vec<Agent>,
}

/// How a remote answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Link {
    /// Not yet; its agents are those of the cache.
    Asked,
    /// It does.
    Live,
    /// It does not, for this reason.
    Gone(String),
}

/// An agent in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Agent {
    pub(super) id: String,
    pub(super) title: String,
    /// As the daemon calls it.
    pub(super) state: String,
    pub(super) directory: String,
    /// ISO 8601, UTC; blank when it is not known.
    pub(super) created_at: String,
    /// The oldest request that waits for an answer.
    pub(super) asks: Option<Asked>,
}

impl Agent {
    /// Makes one of what the cache knows.
    pub(super) fn remembered(id: &str, title: String) -> Self {
        Self {
            id: id.to_owned(),
            title,
            state: UNKNOWN.to_owned(),
            directory: String::new(),
            created_at: String::new(),
            asks: None,
        }
    }

    fn rank(&self) -> u8 {
        match (&self.asks, self.state.as_str()) {
            (Some(_), _) => 0,
            (None, "running" | "initializing") => 1,
            (None, "error") => 2,
            _ => 3,
        }
    }
}

impl From<AgentSnapshot> for Agent {
    fn from(agent: AgentSnapshot) -> Self {
        let asks = agent.pending_permissions.first().map(Asked::from);
        Self {
            id: agent.id,
            title: agent.title.unwrap_or_default(),
            state: agent.status,
            directory: agent.cwd,
            created_at: agent.created_at,
            asks,
        }
    }
}

/// A line of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Row<'a> {
    Agent(usize, &'a Agent),
    /// A remote without agents to show.
    Remote(usize),
}

/// Returns the lines: who waits, who works, who failed, the rest, each new to old; then remotes that do not
/// answer, in one line each.
pub(super) fn rows(remotes: &[Remote]) -> Vec<Row<'_>> {
    let (mut agents, mut silent) = (Vec::new(), Vec::new());
    for (index, remote) in remotes.iter().enumerate() {
        match &remote.link {
            Link::Gone(_) => silent.push(Row::Remote(index)),
            Link::Asked if remote.agents.is_empty() => silent.push(Row::Remote(index)),
            _ => agents.extend(remote.agents.iter().map(|agent| (index, agent))),
        }
    }
    agents.sort_by(|(_, a), (_, b)| {
        let newer = b.created_at.cmp(&a.created_at);
        a.rank().cmp(&b.rank()).then(newer)
    });
    let agents = agents
        .into_iter()
        .map(|(index, agent)| Row::Agent(index, agent));
    agents.chain(silent).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::protocol::agents::PermissionRequest;

    pub(in crate::commands::top) fn agent(id: &str, state: &str, asks: Option<bool>) -> Agent {
        Agent {
            state: state.to_owned(),
            asks: asks.map(|question| request("r", question)),
            ..Agent::remembered(id, String::new())
        }
    }

    pub(in crate::commands::top) fn request(id: &str, question: bool) -> Asked {
        let kind = if question { "question" } else { "tool" };
        let request = serde_json::json!({ "id": id, "provider": "p", "name": "execute", "kind": kind,
            "input": { "command": "echo hi" } });
        Asked::from(&serde_json::from_value::<PermissionRequest>(request).unwrap())
    }

    pub(in crate::commands::top) fn remote(name: &str, link: Link, agents: Vec<Agent>) -> Remote {
        Remote {
            name: name.to_owned(),
            link,
            agents,
        }
    }

    pub(in crate::commands::top) fn world() -> Vec<Remote> {
        let works = vec![agent("idle", "idle", None), agent("works", "running", None)];
        let asks = vec![agent("asks", "running", Some(false))];
        vec![
            remote("off", Link::Gone("refused".to_owned()), works.clone()),
            remote("lab", Link::Live, works),
            remote("work", Link::Live, asks),
            remote("new", Link::Asked, vec![]),
        ]
    }

    #[test]
    fn who_waits_comes_first_and_who_is_gone_last() {
        let world = world();
        let found: Vec<_> = rows(&world)
            .into_iter()
            .map(|row| match row {
                Row::Agent(_, agent) => agent.id.as_str(),
                Row::Remote(index) => world[index].name.as_str(),
            })
            .collect();
        assert_eq!(found, ["asks", "works", "idle", "off", "new"]);
    }
}
