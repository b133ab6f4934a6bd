//! Peers that are not nice.

use std::time::Duration;

use futures_util::SinkExt;
use paseo::relay::{Config, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Relay, fresh, within};

fn limited(limits: Limits) -> Relay {
    Relay::with(Config {
        limits,
        ..Config::default()
    })
}

#[tokio::test]
async fn a_request_that_never_ends_is_cut() {
    let relay = Relay::with(Config::default());
    let mut stream = relay.tcp().await;
    stream.write_all(b"GET /ws?serverId=s").await.unwrap();
    relay.fast_clock();
    let mut answer = Vec::new();
    // One more byte each second does not help.
    let drip = async {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if stream.write_all(b"x").await.is_err() {
                break;
            }
            let mut byte = [0; 512];
            match tokio::time::timeout(Duration::from_millis(1), stream.read(&mut byte)).await {
                Ok(Ok(0) | Err(_)) => break,
                Ok(Ok(n)) => answer.extend_from_slice(&byte[..n]),
                Err(_) => {}
            }
        }
    };
    let start = tokio::time::Instant::now();
    within("the cut", drip).await;
    assert!(
        start.elapsed() < Duration::from_secs(13),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn an_endless_head_and_garbage_are_refused() {
    let relay = Relay::with(Config::default());
    let long = format!("GET /ws?{} HTTP/1.1\r\n\r\n", "x".repeat(40_000));
    let mut stream = relay.tcp().await;
    let _ = stream.write_all(long.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = within("an end", stream.read_to_end(&mut answer)).await;
    assert!(!String::from_utf8_lossy(&answer).contains("101"));
    let (status, _) = relay.raw(b"\x16\x03\x01 no HTTP at all\r\n\r\n").await;
    assert!(!status.contains("200"), "{status}");
}

#[tokio::test]
async fn unmasked_frames_and_bad_text_are_closed_with_their_codes() {
    let relay = Relay::with(Config::default());
    for (bytes, code) in [
        (&b"\x81\x02hi"[..], 1002),
        (&b"\x81\x82\0\0\0\0\xff\xff"[..], 1007),
        (&b"\xf1\x82\0\0\0\0hi"[..], 1002),
        (&b"\x80\x82\0\0\0\0hi"[..], 1002),
        (&b"\x89\xfe\x00\x7e\0\0\0\0"[..], 1002),
    ] {
        let server = fresh();
        let mut other = relay.data(&server, "x").await;
        let mut peer = relay.client(&server, "x").await;
        peer.settle().await;
        peer.0.get_mut().write_all(bytes).await.unwrap();
        // A control frame that is too long is only known when all of it is there.
        let _ = peer.0.get_mut().write_all(&[0; 126]).await;
        assert_eq!(peer.closed().await.0, code, "{bytes:?}");
        assert_eq!(other.closed().await.0, 1001);
    }
}

#[tokio::test]
async fn a_client_that_floods_an_absent_daemon_is_closed() {
    let relay = limited(Limits {
        held_bytes: 100_000,
        ..Limits::default()
    });
    let mut client = relay.client(&fresh(), "x").await;
    for _ in 0..3 {
        client.send_binary(vec![0; 30_000]).await;
    }
    client.settle().await;
    client.send_binary(vec![0; 30_000]).await;
    assert_eq!(
        client.closed().await,
        (1013, "Server absent and buffer full".to_owned())
    );
}

#[tokio::test]
async fn a_slow_reader_slows_its_writer_and_loses_nothing() {
    let relay = limited(Limits {
        queue_bytes: 64 * 1024,
        ..Limits::default()
    });
    let server = fresh();
    let mut client = relay.client(&server, "x").await;
    let mut data = relay.data(&server, "x").await;
    data.settle().await;
    let mut bystander = relay.client(&server, "y").await;
    const FRAMES: u32 = 4_000;
    let writer = tokio::spawn(async move {
        for i in 0..FRAMES {
            let mut frame = vec![0; 16 * 1024];
            frame[..4].copy_from_slice(&i.to_be_bytes());
            data.send_binary(frame).await;
        }
        data
    });
    // Nobody reads, so the writer has to stop, and the others do not notice.
    while relay.metric("queued_bytes").await < 64 * 1024 {
        tokio::task::yield_now().await;
    }
    bystander.settle().await;
    assert!(!writer.is_finished());
    assert!(relay.metric("queued_bytes").await < 64 * 1024 + 64 * 1024);
    for i in 0..FRAMES {
        let frame = client.message().await.unwrap().into_data();
        assert_eq!(frame[..4], i.to_be_bytes());
    }
    within("the writer", writer).await.unwrap();
}

#[tokio::test]
async fn a_reader_that_stops_for_good_is_closed_and_nobody_else() {
    let relay = limited(Limits {
        queue_bytes: 64 * 1024,
        ..Limits::default()
    });
    let server = fresh();
    let stuck = relay.client(&server, "x").await;
    let mut reading = relay.client(&server, "x").await;
    let mut data = relay.data(&server, "x").await;
    data.settle().await;
    let reader = tokio::spawn(async move {
        while let Ok(message) = reading.message().await {
            if message == Message::text("end") {
                return;
            }
        }
        panic!("the reading client was closed");
    });
    relay.fast_clock();
    let writer = async {
        for _ in 0..2_000 {
            data.send_binary(vec![0; 16 * 1024]).await;
        }
        data.send("end").await;
    };
    within("the writer", writer).await;
    within("the reader", reader).await.unwrap();
    let text = relay.http("GET /metrics").await.1;
    assert!(
        text.contains("closes_total{reason=\"too_slow\"} 1"),
        "{text}"
    );
    drop(stuck);
}

#[tokio::test]
async fn pings_of_a_peer_that_never_reads_do_not_pile_up() {
    let relay = Relay::with(Config::default());
    let mut peer = relay.control(&fresh()).await;
    // Far more pongs than the kernel's buffers hold; the relay stops reading instead.
    let flood = async {
        loop {
            let ping = Message::Ping(vec![0; 125].into());
            if peer.0.feed(ping).await.is_err() {
                break;
            }
        }
    };
    assert!(
        tokio::time::timeout(Duration::from_secs(2), flood)
            .await
            .is_err()
    );
    let (status, _) = relay.http("GET /health").await;
    assert!(status.contains("200"));
}
