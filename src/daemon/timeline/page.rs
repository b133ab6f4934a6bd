//! One page of a timeline.

use super::{Timeline, project};
use crate::order;
use crate::protocol::agents::AgentSnapshot;
use crate::protocol::timeline::{Cursor, Direction, FetchTimeline, Projection, TimelinePage};

/// Entries of a page when the request names no number.
const DEFAULT_LIMIT: usize = 200;

/// A request for a page, its defaults filled in.
#[derive(Debug, Clone)]
pub(in crate::daemon) struct Query {
    direction: Direction,
    cursor: Option<Cursor>,
    /// `usize::MAX` for no limit.
    limit: usize,
    projection: Projection,
    /// The client knows the mark `reasoning_merge`.
    reasoning_merge: bool,
}

impl Query {
    /// Fills in the defaults of a request.
    pub(in crate::daemon) fn new(request: &FetchTimeline, reasoning_merge: bool) -> Self {
        let direction = request.direction.unwrap_or(match request.cursor {
            Some(_) => Direction::After,
            None => Direction::Tail,
        });
        let limit = match (request.limit, direction) {
            (Some(0), _) | (None, Direction::After) => usize::MAX,
            (Some(limit), _) => usize::try_from(limit).unwrap_or(usize::MAX),
            (None, _) => DEFAULT_LIMIT,
        };
        Self {
            direction,
            cursor: request.cursor.clone(),
            limit,
            projection: request.projection.unwrap_or_default(),
            reasoning_merge,
        }
    }

    /// The answer when there is no such agent.
    pub(in crate::daemon) fn nothing(&self, agent_id: &str, error: String) -> TimelinePage {
        TimelinePage {
            agent_id: agent_id.to_owned(),
            agent: None,
            direction: self.direction,
            projection: self.projection,
            epoch: String::new(),
            reset: false,
            stale_cursor: false,
            gap: false,
            window: Default::default(),
            start_cursor: None,
            end_cursor: None,
            has_older: false,
            has_newer: false,
            entries: Vec::new(),
            error: Some(error),
        }
    }
}

impl Timeline {
    /// Returns the page that a query asks for.
    pub(in crate::daemon) fn page(&self, query: &Query, agent: AgentSnapshot) -> TimelinePage {
        let window = self.window();
        let stale = query.cursor.as_ref().is_some_and(|c| c.epoch != self.epoch);
        let gap = !stale
            && query.direction == Direction::After
            && query
                .cursor
                .as_ref()
                .is_some_and(|c| c.seq.saturating_add(1) < self.first_seq);
        let cursor = query.cursor.as_ref().filter(|_| !stale && !gap);
        let way = match (query.direction, cursor) {
            (Direction::Before, Some(cursor)) => Way::Before(cursor.seq),
            (Direction::After, Some(cursor)) => Way::After(cursor.seq),
            (Direction::After, None) if query.cursor.is_none() => Way::After(0),
            _ => Way::Tail,
        };
        let cut = self.cut(way, query);
        let provider = agent.provider.clone();
        let entries: Vec<_> = cut
            .groups
            .iter()
            .map(|group| {
                let merge = query.reasoning_merge;
                project::entry(group, &self.rows, self.first_seq, &provider, merge)
            })
            .collect();
        let at = |seq: u64| Cursor {
            epoch: self.epoch.clone(),
            seq,
        };
        TimelinePage {
            agent_id: agent.id.clone(),
            agent: Some(agent),
            direction: query.direction,
            projection: query.projection,
            epoch: self.epoch.clone(),
            reset: stale || gap,
            stale_cursor: stale,
            gap,
            window,
            start_cursor: entries.iter().map(|entry| entry.seq_start).min().map(at),
            end_cursor: entries.iter().map(|entry| entry.seq_end).max().map(at),
            has_older: cut.older,
            has_newer: cut.newer,
            entries,
            error: None,
        }
    }

    fn cut(&self, way: Way, query: &Query) -> Cut {
        let index = |seq: u64| usize::try_from(seq.saturating_sub(self.first_seq)).ok();
        let split = match way {
            Way::Tail => None,
            Way::Before(seq) => index(seq),
            Way::After(seq) => index(seq.saturating_add(1)),
        };
        let mut groups = match query.projection {
            Projection::Projected => project::projected(&self.rows, split),
            Projection::Canonical => project::canonical(&self.rows),
        };
        let total = groups.len();
        match way {
            Way::Tail | Way::Before(_) => {
                if let Way::Before(seq) = way {
                    groups.retain(|group| self.first_seq + (group.first() as u64) < seq);
                }
                let newer = groups.len() < total;
                let older = groups.len() > query.limit;
                groups.drain(..groups.len().saturating_sub(query.limit));
                Cut {
                    groups,
                    older,
                    newer,
                }
            }
            Way::After(seq) => {
                groups.retain(|group| self.first_seq + group.last() as u64 > seq);
                let older = groups.len() < total;
                let newer = groups.len() > query.limit;
                // A page is what ended first, so that whatever is left ends after its end cursor;
                // entries overlap when a tool call goes on behind later ones.
                order::sort_by_key(&mut groups, project::Group::last);
                groups.truncate(query.limit);
                order::sort_by_key(&mut groups, project::Group::first);
                Cut {
                    groups,
                    older,
                    newer,
                }
            }
        }
    }
}

/// Where to cut; sequence numbers are exclusive.
#[derive(Clone, Copy)]
enum Way {
    Tail,
    Before(u64),
    After(u64),
}

/// What was cut out, and whether there is more on either side.
struct Cut {
    groups: Vec<project::Group>,
    older: bool,
    newer: bool,
}
