//! `paseo workspace ls`: the workspaces of a daemon.

use super::{COLUMNS, row};
use crate::client::{CallError, DaemonClient};
use crate::commands::{CommandResult, Context, failure};
use crate::output::{Output, Table};
use crate::protocol::agents::{MAX_PAGE, Page};
use crate::protocol::workspaces::{FetchWorkspaces, Workspace, WorkspacePage};

/// Most pages that are fetched: a daemon cannot make us collect without end.
const MAX_PAGES: usize = 1000;

/// Arguments of `paseo workspace ls`
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Lists the active workspaces.
pub fn run(context: &Context, _: &Args) -> CommandResult {
    let workspaces = context
        .with_daemon_and(&first_page(), async |daemon, first| {
            Ok(with_the_rest(daemon, first).await?)
        })
        .map_err(failure::of("WORKSPACE_LIST_FAILED"))?;
    Ok(Output::List(Table {
        columns: COLUMNS.to_vec(),
        rows: workspaces.iter().map(row).collect(),
    })
    .into())
}

/// Returns the request for the first page, as large as it may be.
pub(in crate::commands) fn first_page() -> FetchWorkspaces {
    FetchWorkspaces {
        page: Some(Page {
            limit: MAX_PAGE,
            cursor: None,
        }),
        ..FetchWorkspaces::default()
    }
}

/// Fetches the pages after `first`, and returns the workspaces of all.
pub(in crate::commands) async fn with_the_rest(
    daemon: &DaemonClient,
    first: WorkspacePage,
) -> Result<Vec<Workspace>, CallError> {
    let mut workspaces = first.entries;
    let mut next = first.page_info.next_cursor;
    for _ in 1..MAX_PAGES {
        let Some(cursor) = next.take() else { break };
        let request = FetchWorkspaces {
            page: Some(Page {
                limit: MAX_PAGE,
                cursor: Some(cursor),
            }),
            ..FetchWorkspaces::default()
        };
        let mut page = daemon.call(&request).await?;
        workspaces.append(&mut page.entries);
        next = page.page_info.next_cursor;
    }
    Ok(workspaces)
}
