//! Many peers at once: nothing is lost, nothing grows, and afterwards all is as before.

use std::time::Duration;

use paseo::relay::{Config, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Peer, Relay, fresh, within};

/// Waits until the relay has nobody and holds nothing.
async fn until_empty(relay: &Relay) {
    for name in ["active_websockets", "active_sessions", "queued_bytes"] {
        let empty = async {
            while relay.metric(name).await > 0 {
                tokio::task::yield_now().await;
            }
        };
        within(name, empty).await;
    }
}

/// Sends numbered frames and counts the other side's, both at once, and leaves.
async fn talk(mut peer: Peer, frames: u32, size: usize) -> Peer {
    let (mut sent, mut got) = (0, 0);
    while sent < frames || got < frames {
        // A window, so that neither side is ahead by more than its queue.
        if sent < frames && sent < got + 32 {
            let mut body = vec![0; size];
            body[..4].copy_from_slice(&sent.to_be_bytes());
            peer.send_binary(body).await;
            sent += 1;
            continue;
        }
        match peer.message().await.unwrap() {
            Message::Binary(body) => {
                assert_eq!(body.len(), size);
                assert_eq!(body[..4], got.to_be_bytes(), "out of order");
                got += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    peer
}

#[tokio::test]
async fn two_way_streams_of_many_servers_keep_every_frame_in_order() {
    let relay = Relay::with(Config::default());
    let mut talks = JoinSet::new();
    for i in 0..40_usize {
        let server = fresh();
        let client = relay.client(&server, "x").await;
        let mut data = relay.data(&server, "x").await;
        data.settle().await;
        let size = [4, 128, 1024, 20_000][i % 4];
        talks.spawn(async move {
            let talks = futures_util::future::join(talk(client, 300, size), talk(data, 300, size));
            drop(talks.await);
        });
    }
    while let Some(ended) = within("the talks", talks.join_next()).await {
        ended.unwrap();
    }
    assert_eq!(relay.metric("frames_forwarded_total").await, 40 * 2 * 300);
    until_empty(&relay).await;
}

#[tokio::test]
async fn a_storm_of_reconnects_leaves_nothing_behind() {
    let relay = Relay::with(Config::default());
    let server = fresh();
    let mut control = relay.control(&server).await;
    control.text().await;
    let reader = tokio::spawn(async move {
        let (mut connected, mut disconnected) = (0, 0);
        while disconnected < 400 {
            let told = control.text().await;
            connected += u32::from(told.contains("\"connected\""));
            disconnected += u32::from(told.contains("\"disconnected\""));
        }
        assert_eq!(connected, 400);
        control.close().await;
    });
    for _ in 0..4 {
        let peers = (0..100).map(|_| relay.open_client(&server));
        let peers = futures_util::future::join_all(peers).await;
        for (i, mut peer) in peers.into_iter().enumerate() {
            match i % 3 {
                0 => peer.close().await,
                1 => peer.kill(),
                _ => drop(peer),
            }
        }
    }
    within("the control socket", reader).await.unwrap();
    until_empty(&relay).await;
}

#[tokio::test]
async fn neither_of_two_that_never_read_holds_more_than_its_queue() {
    let limits = Limits {
        queue_bytes: 64 * 1024,
        stall: Duration::from_secs(3),
        ..Limits::default()
    };
    let relay = Relay::with(Config {
        limits,
        ..Config::default()
    });
    let server = fresh();
    let mut client = relay.client(&server, "x").await;
    let mut data = relay.data(&server, "x").await;
    data.settle().await;
    let body = vec![7; 16 * 1024];
    // Until the relay closes one of them, both only send.
    let (one, two) = tokio::join!(client.flood(&body), data.flood(&body));
    assert!(one.is_err() || two.is_err());
    let text = relay.http("GET /metrics").await.1;
    assert!(text.contains("closes_total{reason=\"too_slow\"}"), "{text}");
    assert!(relay.metric("queued_bytes").await <= 2 * (64 + 32) * 1024);
    drop((client, data));
    until_empty(&relay).await;
}

/// What has come of a message that is not whole counts like one that waits. Memory for new ones comes from the biggest holders,
/// so that those who hold it cannot keep others out.
#[tokio::test]
async fn messages_that_are_never_whole_are_bounded() {
    const MIB: usize = 1024 * 1024;
    let limits = Limits {
        total_bytes: 10 * MIB,
        ..Limits::default()
    };
    let relay = Relay::with(Config {
        limits,
        ..Config::default()
    });
    let mut open = Vec::new();
    for came in 1..=5 {
        let client = relay.open_client(&fresh()).await;
        let mut stream = client.0.into_inner();
        // A masked frame of 4 MiB, of which 3 come.
        let header = [0x82, 0xff, 0, 0, 0, 0, 0, 0x40, 0, 0, 1, 2, 3, 4];
        within("writing", stream.write_all(&header)).await.unwrap();
        let body = vec![7; 3 * MIB];
        within("writing", stream.write_all(&body)).await.unwrap();
        let evicted = format!(
            "closes_total{{reason=\"overloaded\"}} {}\n",
            came.max(3) - 3
        );
        let arrived = async {
            while !relay.http("GET /metrics").await.1.contains(&evicted)
                || (relay.metric("queued_bytes").await as usize) < 3 * MIB * came.min(3)
            {
                tokio::task::yield_now().await;
            }
        };
        within("the message", arrived).await;
        open.push(stream);
    }
    let queued = relay.metric("queued_bytes").await as usize;
    assert!((9 * MIB..=10 * MIB).contains(&queued), "{queued}");
    let text = relay.http("GET /metrics").await.1;
    assert!(
        text.contains("closes_total{reason=\"overloaded\"} 2\n"),
        "{text}"
    );
    // The last one was let in.
    let mut last = open.pop().unwrap();
    let mut answer = [0; 64];
    let waits = tokio::time::timeout(Duration::from_millis(300), last.read(&mut answer));
    assert!(waits.await.is_err(), "the newcomer was closed");
    let mut closed = 0;
    for mut stream in open {
        let waits = tokio::time::timeout(Duration::from_millis(300), stream.read(&mut answer));
        if let Ok(Ok(4..)) = waits.await {
            assert_eq!(answer[2..4], 1013_u16.to_be_bytes());
            closed += 1;
        }
    }
    assert_eq!(closed, 2);
    drop(last);
    until_empty(&relay).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_idle_pair_costs_at_most_16_kib_and_gives_them_back() {
    const PAIRS: usize = 800;
    let relay = Relay::process().await;
    // The first ones pay for what all share.
    let warm = pairs(&relay, 50, 64).await;
    let before = relay.resident_bytes();
    let idle = pairs(&relay, PAIRS, 1024).await;
    let per_pair = relay.resident_bytes().saturating_sub(before) / PAIRS;
    assert!(per_pair <= 16 * 1024, "{per_pair} bytes per pair");
    drop((warm, idle));
    for wave in 1..=4 {
        until_empty(&relay).await;
        let kept = relay.settled_bytes(before + (1 << 20)).await;
        let kept = kept.saturating_sub(before);
        assert!(kept <= 1 << 20, "{kept} bytes are left of wave {wave}");
        drop(pairs(&relay, PAIRS, 1024).await);
    }
    until_empty(&relay).await;
}

/// A socket does not keep the memory of the largest message that passed.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn large_messages_leave_nothing_behind() {
    const PAIRS: usize = 100;
    let relay = Relay::process().await;
    let warm = pairs(&relay, 10, 2_000_000).await;
    let before = relay.resident_bytes();
    let idle = pairs(&relay, PAIRS, 1_000_000).await;
    let per_pair = relay.resident_bytes().saturating_sub(before) / PAIRS;
    assert!(per_pair <= 32 * 1024, "{per_pair} bytes per pair");
    drop((warm, idle));
}

/// Opens pairs that have sent a message of this size each way.
#[cfg(target_os = "linux")]
async fn pairs(relay: &Relay, count: usize, size: usize) -> Vec<Peer> {
    let text = "x".repeat(size);
    let mut peers = Vec::new();
    for _ in 0..count {
        let server = fresh();
        let mut client = relay.client(&server, "x").await;
        let mut data = relay.data(&server, "x").await;
        for _ in 0..2 {
            let ((), arrived) = tokio::join!(client.send(&text), data.text());
            assert_eq!(arrived.len(), size);
            std::mem::swap(&mut client, &mut data);
        }
        peers.extend([client, data]);
    }
    peers
}
