//! What waits for a person: requests, and ends that nobody has looked at.

use anstyle::AnsiColor;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::commands::agent::ls::{age, short_id};
use crate::commands::exact;
use crate::commands::permission::{self, Asked};
use crate::output::{Cell, Row};
use crate::protocol::agents::{AgentSnapshot, PermissionRequest};

/// What it is that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// A tool that may run or not.
    Permission,
    /// Questions with answers of their own.
    Question,
    /// A turn that failed.
    Failed,
    /// A turn that is done.
    Finished,
}

impl Kind {
    /// The word for people and in JSON.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Permission => "permission",
            Self::Question => "question",
            Self::Failed => "failed",
            Self::Finished => "finished",
        }
    }
}

/// One thing that waits.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Waiting {
    pub(super) agent_id: String,
    pub(super) name: String,
    pub(super) kind: Kind,
    /// The request, where it can be answered.
    pub(super) request: Option<PermissionRequest>,
    /// A line for people.
    pub(super) detail: String,
    /// ISO 8601, UTC; blank when the daemon does not say.
    since: String,
}

/// Field names are like those of `permit ls`; all are exact.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    agent_id: &'a str,
    agent_short_id: String,
    full_agent_id: &'a str,
    name: Option<&'a str>,
    kind: Kind,
    request_id: Option<&'a str>,
    full_request_id: Option<&'a str>,
    detail: Option<&'a str>,
    since: Option<String>,
    /// What is asked, in the words of the protocol.
    request: Option<Map<String, Value>>,
}

/// Sorts: first what can be answered, then failures, then the rest, and each the oldest first.
pub(super) fn sort(waiting: &mut [Waiting]) {
    waiting.sort_by(|a, b| (a.kind as u8, &a.since).cmp(&(b.kind as u8, &b.since)));
}

/// Returns what waits of an agent.
pub(super) fn of_one(agent: &AgentSnapshot) -> Vec<Waiting> {
    if agent.archived_at.is_some() {
        return Vec::new();
    }
    let make = |kind, request: Option<&PermissionRequest>, detail: &str| Waiting {
        agent_id: agent.id.clone(),
        name: agent.title.clone().unwrap_or_default(),
        kind,
        request: request.cloned(),
        detail: detail.to_owned(),
        since: agent
            .attention_timestamp
            .clone()
            .unwrap_or_else(|| agent.updated_at.clone()),
    };
    let pending = agent.pending_permissions.iter().map(|request| {
        let kind = match request.kind.as_str() {
            "question" => Kind::Question,
            _ => Kind::Permission,
        };
        make(kind, Some(request), &Asked::from(request).summary())
    });
    let mut found: Vec<Waiting> = pending.collect();
    if !found.is_empty() || !agent.requires_attention {
        return found;
    }
    found.extend(match agent.attention_reason.as_deref() {
        Some("error") => {
            let why = agent.last_error.as_deref().unwrap_or_default();
            Some(make(Kind::Failed, None, why))
        }
        Some("finished") => Some(make(Kind::Finished, None, "")),
        // A request that was answered meanwhile, or a word of a newer daemon.
        _ => None,
    });
    found
}

impl Waiting {
    /// Returns what tells it from all others of its daemon.
    pub(super) fn key(&self) -> (String, Kind, String) {
        let which = match &self.request {
            Some(request) => request.id.clone(),
            None => self.since.clone(),
        };
        (self.agent_id.clone(), self.kind, which)
    }

    /// Returns the row of the list.
    pub(super) fn row(&self) -> Row {
        let color = match self.kind {
            Kind::Permission | Kind::Question => AnsiColor::Yellow,
            Kind::Failed => AnsiColor::Red,
            Kind::Finished => AnsiColor::Green,
        };
        let request = self.request.as_ref().map(|request| request.id.as_str());
        let short: String = request.unwrap_or("-").chars().take(8).collect();
        let cells = vec![
            short_id(&self.agent_id).into(),
            self.name.as_str().into(),
            Cell::colored(self.kind.as_str(), color),
            short.into(),
            self.detail.as_str().into(),
            age(&self.since, Timestamp::now()).into(),
        ];
        Row::new(short_id(&self.agent_id), cells, &self.listed())
    }

    /// Returns it as data.
    pub(super) fn listed(&self) -> impl Serialize {
        let request_id = self.request.as_ref().map(|request| request.id.as_str());
        Listed {
            agent_id: &self.agent_id,
            agent_short_id: short_id(&self.agent_id),
            full_agent_id: &self.agent_id,
            name: exact::text(Some(&self.name)),
            kind: self.kind,
            request_id,
            full_request_id: request_id,
            detail: exact::text(Some(&self.detail)),
            since: exact::time(&self.since),
            request: self.request.as_ref().map(|request| {
                let mut fields = permission::data(request);
                fields.insert("id".to_owned(), json!(request.id));
                fields.insert("name".to_owned(), json!(request.name));
                fields
            }),
        }
    }

    /// Returns it as a line that begins with the time since when it waits, in the time zone of this machine.
    pub(super) fn line_with_time(&self) -> String {
        let since = self.since.parse::<Timestamp>();
        let since = since.map(|since| since.to_zoned(TimeZone::system()));
        let since = since.map(|since| since.strftime("%F %H:%M").to_string());
        match since {
            Ok(since) => format!("{since}  {}", self.line()),
            Err(_) => self.line(),
        }
    }

    /// Returns it as a line: who, what, and what about.
    pub(super) fn line(&self) -> String {
        let (id, kind) = (short_id(&self.agent_id), self.kind.as_str());
        let parts = [id.as_str(), kind, &self.name, &self.detail];
        let parts = parts.into_iter().filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join("  ").replace('\n', " ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(id: &str, fields: serde_json::Value) -> AgentSnapshot {
        let mut agent =
            json!({ "id": id, "provider": "p", "cwd": "/", "createdAt": "", "status": "idle" });
        agent
            .as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        serde_json::from_value(agent).unwrap()
    }

    #[test]
    fn requests_come_before_failures_and_those_before_what_is_done() {
        let ask =
            |kind: &str| json!({ "id": "r", "provider": "p", "name": "execute", "kind": kind });
        let agents = [
            agent(
                "done",
                json!({ "requiresAttention": true, "attentionReason": "finished" }),
            ),
            agent(
                "broken",
                json!({ "requiresAttention": true, "attentionReason": "error", "lastError": "no\nmoney" }),
            ),
            agent(
                "asks",
                json!({ "pendingPermissions": [ask("tool")], "requiresAttention": true }),
            ),
            agent("wants", json!({ "pendingPermissions": [ask("question")] })),
            agent("works", json!({})),
            agent(
                "old",
                json!({ "pendingPermissions": [ask("tool")], "archivedAt": "2026-01-01T00:00:00Z" }),
            ),
        ];
        let mut found: Vec<_> = agents.iter().flat_map(of_one).collect();
        sort(&mut found);
        let lines: Vec<_> = found.iter().map(Waiting::line).collect();
        assert_eq!(
            lines,
            [
                "asks  permission  execute",
                "wants  question  execute",
                "broken  failed  no money",
                "done  finished"
            ]
        );
    }
}
