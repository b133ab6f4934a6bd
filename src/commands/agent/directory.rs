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

/// Fetches the pages after `first`, and takes the agents of all, one by one: snapshots are large, and there
/// may be thousands.
pub(in crate::commands) async fn each(
    daemon: &DaemonClient,
    request: &FetchAgents,
    first: AgentPage,
    mut take: impl FnMut(AgentSnapshot),
) -> Result<(), CallError> {
    let mut page = first;
    for _ in 1..MAX_PAGES {
        page.entries.into_iter().for_each(|entry| take(entry.agent));
        let page_info = page.page_info;
        let Some(cursor) = page_info.next_cursor.filter(|_| page_info.has_more) else {
            break;
        };
        let request = FetchAgents {
            page: Some(Page {
                limit: MAX_PAGE,
                cursor: Some(cursor),
            }),
            ..request.clone()
        };
        page = daemon.call(&request).await?;
    }
    Ok(())
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
    let mut agents = Vec::new();
    each(daemon, &request, first, |agent| agents.push(agent)).await?;
    Ok(agents)
}
