//! Pages of the directory of agents.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Agent;
use crate::daemon::core::Core;
use crate::daemon::paging::{self, CursorError};
use crate::order;
use crate::protocol::agents::{
    AgentEntry, AgentFilter, AgentPage, FetchAgents, MAX_PAGE, PageInfo, Sort, SortDirection,
};

/// Characters of a title that count for its place: cursors are short.
const SORTED_CHARS: usize = 100;

/// Why there is no page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::daemon) enum DirectoryError {
    /// The request breaks the schema.
    #[error("the request breaks the schema")]
    Schema,
    /// The cursor is not one of ours, or of another order.
    #[error("Invalid fetch_agents cursor")]
    Cursor,
}

impl From<CursorError> for DirectoryError {
    fn from(_: CursorError) -> Self {
        Self::Cursor
    }
}

/// What an agent is sorted by, and its id to tell equals apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Place {
    sort: Vec<Sort>,
    values: Vec<String>,
    id: String,
}

impl Core {
    /// Returns a page; `subscription_id` is left to the caller.
    pub(in crate::daemon) fn agent_page(
        &self,
        request: &FetchAgents,
    ) -> Result<AgentPage, DirectoryError> {
        let sort = sort_keys(request)?;
        let limit = request.page.as_ref().map_or(MAX_PAGE, |page| page.limit);
        if !(1..=MAX_PAGE).contains(&limit) {
            return Err(DirectoryError::Schema);
        }
        let after: Option<Place> = match request.page.as_ref().and_then(|p| p.cursor.as_deref()) {
            Some(cursor) => Some(paging::decode(cursor)?),
            None => None,
        };
        if after
            .as_ref()
            .is_some_and(|a| a.sort != sort || a.values.len() != sort.len())
        {
            return Err(DirectoryError::Cursor);
        }
        let agents = self.agents();
        let workspaces = self.workspaces();
        let mut found: Vec<(Place, &Agent)> = agents
            .iter()
            .filter(|agent| self.matches(agent, request, &workspaces))
            .map(|agent| (place(agent, &sort), agent))
            .collect();
        order::sort_by(&mut found, |(a, _), (b, _)| compare(a, b));
        let start = after.as_ref().map_or(0, |after| {
            found.partition_point(|(place, _)| compare(place, after) != Ordering::Greater)
        });
        let end = found.len().min(start + limit as usize);
        let has_more = end < found.len();
        let shown = &found[start..end];
        let mut placements = workspaces.placements();
        Ok(AgentPage {
            subscription_id: None,
            entries: shown
                .iter()
                .map(|(_, agent)| AgentEntry {
                    project: placements.of(&agent.record),
                    agent: agent.snapshot(),
                })
                .collect(),
            page_info: PageInfo {
                next_cursor: shown
                    .last()
                    .filter(|_| has_more)
                    .map(|(place, _)| paging::encode(place)),
                prev_cursor: None,
                has_more,
            },
        })
    }

    /// The place of an agent among projects and workspaces.
    pub(in crate::daemon) fn placement(&self, agent: &Agent) -> Value {
        self.workspaces().placements().of(&agent.record)
    }

    fn matches(
        &self,
        agent: &Agent,
        request: &FetchAgents,
        workspaces: &crate::daemon::workspaces::Workspaces,
    ) -> bool {
        let record = &agent.record;
        let none = AgentFilter::default();
        let filter = request.filter.as_ref().unwrap_or(&none);
        let active = request.scope.as_deref() == Some("active");
        let placed = || workspaces.is_active(record.workspace_id.as_deref());
        let archived_too = filter.include_archived == Some(true) && !active;
        (record.archived_at.is_none() || archived_too)
            && (!active || placed())
            && filter
                .labels
                .iter()
                .flatten()
                .all(|(key, value)| record.labels.get(key) == Some(value))
            && filter
                .statuses
                .as_ref()
                .is_none_or(|statuses| statuses.iter().any(|status| status == agent.status()))
            && filter
                .requires_attention
                .is_none_or(|wanted| wanted == record.attention.is_some())
            && filter
                .thinking_option_id
                .as_ref()
                .is_none_or(|id| record.thinking.as_ref() == Some(id))
            && filter.project_keys.as_ref().is_none_or(|keys| {
                let key = workspaces.project_of(record.workspace_id.as_deref());
                key.is_some_and(|key| keys.iter().any(|k| k == key))
            })
    }
}

fn sort_keys(request: &FetchAgents) -> Result<Vec<Sort>, DirectoryError> {
    const KEYS: [&str; 4] = ["status_priority", "created_at", "updated_at", "title"];
    let sort = request.sort.clone().unwrap_or_default();
    if sort.iter().any(|sort| !KEYS.contains(&sort.key.as_str())) {
        return Err(DirectoryError::Schema);
    }
    if sort.is_empty() {
        return Ok(vec![Sort {
            key: "updated_at".to_owned(),
            direction: SortDirection::Desc,
        }]);
    }
    Ok(sort)
}

fn place(agent: &Agent, sort: &[Sort]) -> Place {
    let record = &agent.record;
    let value = |sort: &Sort| match sort.key.as_str() {
        "created_at" => record.created_at.clone(),
        "updated_at" => record.updated_at.clone(),
        "title" => {
            let title = record.title.as_deref().unwrap_or_default();
            title
                .chars()
                .take(SORTED_CHARS)
                .collect::<String>()
                .to_lowercase()
        }
        _ => priority(agent).to_string(),
    };
    Place {
        sort: sort.to_vec(),
        values: sort.iter().map(value).collect(),
        id: record.id.clone(),
    }
}

/// What needs somebody comes first.
fn priority(agent: &Agent) -> u8 {
    match agent.status() {
        _ if !agent.asked.is_empty() => 0,
        "error" => 1,
        "running" => 2,
        "initializing" => 3,
        "idle" => 4,
        _ => 5,
    }
}

fn compare(a: &Place, b: &Place) -> Ordering {
    for ((sort, a), b) in a.sort.iter().zip(&a.values).zip(&b.values) {
        let order = match sort.direction {
            SortDirection::Asc => a.cmp(b),
            SortDirection::Desc => b.cmp(a),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    a.id.cmp(&b.id)
}
