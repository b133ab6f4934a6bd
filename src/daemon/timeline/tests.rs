//! Properties of projection and paging.

use proptest::prelude::*;
use serde_json::json;

use super::{Query, Row, Timeline};
use crate::protocol::agents::AgentSnapshot;
use crate::protocol::timeline::{
    Cursor, Direction, FetchTimeline, Projection, TimelineEntry, TimelineItem, TimelinePage,
    ToolCall, ToolStatus,
};

fn snapshot() -> AgentSnapshot {
    serde_json::from_value(json!({
        "id": "a", "provider": "p", "cwd": "/", "createdAt": "", "status": "idle",
    }))
    .unwrap()
}

fn item() -> impl Strategy<Value = TimelineItem> {
    let message = |text: String, id: u8| TimelineItem::AssistantMessage {
        text,
        message_id: Some(id.to_string()),
    };
    let call = |id: u8, open: bool| {
        TimelineItem::ToolCall(ToolCall {
            call_id: id.to_string(),
            name: "x".into(),
            detail: json!({}),
            metadata: None,
            status: if open {
                ToolStatus::Running
            } else {
                ToolStatus::Completed
            },
            error: json!(null),
        })
    };
    prop_oneof![
        3 => ("[a-z]{1,3}", 0u8..2).prop_map(move |(text, id)| message(text, id)),
        2 => "[a-z]{1,3}".prop_map(|text| TimelineItem::Reasoning { text }),
        3 => (0u8..4, any::<bool>()).prop_map(move |(id, open)| call(id, open)),
        1 => "[a-z]{1,3}".prop_map(|text| TimelineItem::Error { message: text }),
    ]
}

prop_compose! {
    fn timeline()(items in prop::collection::vec((item(), 0u8..2), 0..40)) -> Timeline {
        let mut timeline = Timeline::new();
        for (item, turn) in items {
            let row = Row { timestamp: String::new(), turn_id: Some(turn.to_string()), item };
            timeline.push(row, 1);
        }
        timeline
    }
}

fn fetch(timeline: &Timeline, request: &FetchTimeline) -> TimelinePage {
    timeline.page(&Query::new(request, true), snapshot())
}

fn whole(timeline: &Timeline, projection: Projection) -> Vec<TimelineEntry> {
    let request = FetchTimeline {
        limit: Some(0),
        projection: Some(projection),
        ..FetchTimeline::default()
    };
    fetch(timeline, &request).entries
}

fn request(direction: Direction, cursor: Option<Cursor>, limit: u64) -> FetchTimeline {
    FetchTimeline {
        direction: Some(direction),
        cursor,
        limit: Some(limit),
        ..FetchTimeline::default()
    }
}

/// The text of every message, and the last state of every call.
fn content(entries: &[TimelineEntry]) -> (String, Vec<(String, ToolStatus)>) {
    let mut text = String::new();
    let mut calls = Vec::new();
    for entry in entries {
        match &entry.item {
            TimelineItem::AssistantMessage { text: piece, .. }
            | TimelineItem::Reasoning { text: piece } => text.push_str(piece),
            TimelineItem::ToolCall(call) => {
                calls.retain(|(id, _)| *id != call.call_id);
                calls.push((call.call_id.clone(), call.status));
            }
            _ => {}
        }
    }
    calls.sort_by(|(a, _), (b, _)| a.cmp(b));
    (text, calls)
}

proptest! {
    #[test]
    fn projection_loses_nothing(timeline in timeline()) {
        let canonical = whole(&timeline, Projection::Canonical);
        let projected = whole(&timeline, Projection::Projected);
        prop_assert_eq!(canonical.len(), timeline.len());
        prop_assert_eq!(content(&projected), content(&canonical));
        let mut seqs: Vec<u64> = projected
            .iter()
            .flat_map(|entry| &entry.source_seq_ranges)
            .flat_map(|range| range.start_seq..=range.end_seq)
            .collect();
        seqs.sort_unstable();
        prop_assert_eq!(seqs, (1..=timeline.len() as u64).collect::<Vec<_>>());
        for entry in &projected {
            prop_assert_eq!(entry.collapsed.is_empty(), entry.seq_start == entry.seq_end);
            let ranges = &entry.source_seq_ranges;
            prop_assert_eq!(ranges[0].start_seq, entry.seq_start);
            prop_assert_eq!(ranges[ranges.len() - 1].end_seq, entry.seq_end);
        }
        prop_assert!(projected.is_sorted_by_key(|entry| entry.seq_start));
    }

    #[test]
    fn pages_backwards_are_the_whole(timeline in timeline(), limit in 1u64..7) {
        let mut pages = Vec::new();
        let mut page = fetch(&timeline, &request(Direction::Tail, None, limit));
        prop_assert!(!page.has_newer);
        loop {
            prop_assert!(page.entries.len() as u64 <= limit);
            let mut entries = page.entries;
            entries.append(&mut pages);
            pages = entries;
            if !page.has_older {
                break;
            }
            prop_assert!(page.start_cursor.is_some());
            page = fetch(&timeline, &request(Direction::Before, page.start_cursor, limit));
        }
        prop_assert_eq!(pages, whole(&timeline, Projection::Projected));
    }

    #[test]
    fn pages_forwards_show_everything(timeline in timeline(), limit in 1u64..7) {
        let mut pages = Vec::new();
        let mut cursor = None;
        loop {
            let page = fetch(&timeline, &request(Direction::After, cursor, limit));
            prop_assert!(!page.reset && page.entries.len() as u64 <= limit);
            pages.extend(page.entries);
            if !page.has_newer {
                break;
            }
            cursor = page.end_cursor;
            prop_assert!(cursor.is_some());
        }
        let mut seen: Vec<u64> = pages.iter().map(|entry| entry.seq_start).collect();
        seen.sort_unstable();
        seen.dedup();
        let all = whole(&timeline, Projection::Projected);
        for entry in &all {
            prop_assert!(seen.contains(&entry.seq_start));
        }
        pages.sort_by_key(|entry| entry.seq_start);
        pages.dedup_by_key(|entry| entry.seq_start);
        prop_assert_eq!(content(&pages), content(&all));
    }

    #[test]
    fn a_client_that_was_away_catches_up(timeline in timeline(), seen in 0u64..40) {
        let seen = seen.min(timeline.len() as u64);
        let cursor = Some(Cursor { epoch: timeline.epoch().into(), seq: seen });
        let missed = fetch(&timeline, &request(Direction::After, cursor, 0));
        let canonical = whole(&timeline, Projection::Canonical);
        let mut known = canonical[..usize::try_from(seen).unwrap()].to_vec();
        known.extend(missed.entries);
        prop_assert_eq!(content(&known), content(&canonical));
    }

    #[test]
    fn no_request_panics(
        timeline in timeline(),
        direction in prop::option::of(0u8..3),
        seq in prop::option::of(any::<u64>()),
        ours in any::<bool>(),
        limit in prop::option::of(any::<u64>()),
        canonical in any::<bool>(),
    ) {
        let epoch = if ours { timeline.epoch().to_owned() } else { "other".into() };
        let page = fetch(&timeline, &FetchTimeline {
            agent_id: String::new(),
            direction: direction.map(|way| {
                [Direction::Tail, Direction::Before, Direction::After][usize::from(way)]
            }),
            cursor: seq.map(|seq| Cursor { epoch, seq }),
            limit,
            projection: canonical.then_some(Projection::Canonical),
        });
        prop_assert_eq!(page.stale_cursor, seq.is_some() && !ours);
        prop_assert_eq!(page.entries.is_empty(), page.start_cursor.is_none());
    }
}

#[test]
fn the_oldest_rows_go_when_there_are_too_many() {
    let mut timeline = Timeline::new();
    for n in 0..10 {
        let row = Row {
            timestamp: String::new(),
            turn_id: None,
            item: TimelineItem::Error {
                message: n.to_string(),
            },
        };
        timeline.push(row, super::MAX_BYTES / 4);
    }
    let window = timeline.window();
    assert_eq!(
        (window.min_seq, window.max_seq, window.next_seq),
        (7, 10, 11)
    );
    let lost = Cursor {
        epoch: timeline.epoch().into(),
        seq: 2,
    };
    let page = fetch(&timeline, &request(Direction::After, Some(lost), 0));
    assert!(page.reset && page.gap && !page.stale_cursor);
    assert_eq!(page.entries.len(), 4);
}

#[test]
fn the_last_message_is_whole() {
    let mut timeline = Timeline::new();
    assert_eq!(timeline.last_message(), None);
    let piece = |text: &str, id: &str| Row {
        timestamp: String::new(),
        turn_id: None,
        item: TimelineItem::AssistantMessage {
            text: text.into(),
            message_id: Some(id.into()),
        },
    };
    for row in [piece("old", "1"), piece("a", "2"), piece("b", "2")] {
        timeline.push(row, 1);
    }
    timeline.push(
        Row {
            timestamp: String::new(),
            turn_id: None,
            item: TimelineItem::Reasoning { text: "hm".into() },
        },
        1,
    );
    assert_eq!(timeline.last_message().as_deref(), Some("ab"));
}
