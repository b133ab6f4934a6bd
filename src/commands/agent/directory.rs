//! The directory of agents, all pages of it.

use crate::client::{CallError, DaemonClient};
use crate::protocol::agents::{AgentPage, AgentSnapshot, FetchAgents, MAX_PAGE, Page};

/// Most pages that are fetched: a daemon cannot make us collect without end.
const MAX_PAGES: usize = 1000;

/// Returns the first page, as large as it may be.
pub(in crate::commands) fn first_page() -> Option<Page> {
    Some(Page {
        limit: MAX_PAGE,
        cursor: None,
    })
}

/// Fetches the pages after `first`, and returns the agents of all.
pub(in crate::commands) async fn with_the_rest(
    daemon: &DaemonClient,
    request: &FetchAgents,
    first: AgentPage,
) -> Result<Vec<AgentSnapshot>, CallError> {
    let AgentPage {
        entries,
        mut page_info,
        ..
    } = first;
    let mut agents: Vec<_> = entries.into_iter().map(|entry| entry.agent).collect();
    for _ in 1..MAX_PAGES {
        let Some(cursor) = page_info.next_cursor.take().filter(|_| page_info.has_more) else {
            break;
        };
        let page = Some(Page {
            limit: MAX_PAGE,
            cursor: Some(cursor),
        });
        let request = FetchAgents {
            page,
            ..request.clone()
        };
        let next = daemon.call(&request).await?;
        agents.extend(next.entries.into_iter().map(|entry| entry.agent));
        page_info = next.page_info;
    }
    Ok(agents)
}

/// Fetches all agents that fit.
pub(in crate::commands) async fn all(
    daemon: &DaemonClient,
    request: FetchAgents,
) -> Result<Vec<AgentSnapshot>, CallError> {
    let request = FetchAgents {
        page: first_page(),
        ..request
    };
    let first = daemon.call(&request).await?;
    with_the_rest(daemon, &request, first).await
}
