//! The pitfalls of the protocol that a client can fall into, a test for each.

use std::sync::Arc;
use std::time::Duration;

use paseo::client::{self, CallError, ConnectError, Event};
use paseo::protocol::agents::FetchAgents;
use paseo::target::Target;
use paseo::transport::{Closed, Frame};
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};

use crate::peer::{
    Peer, accept, answer, greet, hold, key, receive, send, server_info, session, settings,
};

fn empty_page() -> Value {
    json!({ "entries": [], "pageInfo": { "nextCursor": null, "prevCursor": null, "hasMore": false } })
}

/// As `Context::with_daemon_and` does it.
async fn connect_and_call(
    target: &Target,
    settings: &client::Settings,
) -> (client::DaemonClient, client::Reply<FetchAgents>) {
    let request = FetchAgents::default();
    let early = client::Early::new(&request);
    let (daemon, reply) = client::connect_early(target, settings, Some(&early))
        .await
        .unwrap();
    let reply = match reply {
        Some(reply) => reply.to(&request),
        None => daemon.start(&request).await.unwrap(),
    };
    (daemon, reply)
}

/// Without a recent `appVersion` a daemon hides agents of custom providers; without
/// `selective_agent_timeline` it sends the streams of all of them.
#[tokio::test]
async fn hello_shows_all_agents_and_asks_for_no_streams() {
    let (hellos, mut seen) = mpsc::unbounded_channel();
    let peer = Peer::new(move |mut transport, _| {
        let hellos = hellos.clone();
        async move { hellos.send(greet(&mut transport).await).unwrap() }
    })
    .await;
    client::connect(&peer.direct(None), &settings())
        .await
        .unwrap();
    let hello = seen.recv().await.unwrap();
    let mut version = hello["appVersion"]
        .as_str()
        .unwrap()
        .split('.')
        .map(|n| n.parse::<u32>().unwrap());
    assert!((version.next(), version.next()) >= (Some(0), Some(5)));
    assert_eq!(hello["protocolVersion"], 1);
    assert_eq!(hello["capabilities"]["selective_agent_timeline"], true);
}

/// Other sockets of the same session get our replies too, and we theirs.
#[tokio::test]
async fn replies_to_others_are_ignored() {
    let peer = Peer::new(|mut transport, _| async move {
        greet(&mut transport).await;
        let mut strange = empty_page();
        strange["requestId"] = json!("of somebody else");
        send(&mut transport, &session("fetch_agents_response", strange)).await;
        answer(&mut transport, "fetch_agents_response", empty_page()).await;
    })
    .await;
    let daemon = client::connect(&peer.direct(None), &settings())
        .await
        .unwrap();
    assert!(
        daemon
            .call(&FetchAgents::default())
            .await
            .unwrap()
            .entries
            .is_empty()
    );
}

/// Events of a new agent come before the reply that tells of it.
#[tokio::test]
async fn events_before_the_reply_are_kept() {
    let peer = Peer::new(|mut transport, _| async move {
        greet(&mut transport).await;
        let request = receive(&mut transport).await["message"].take();
        send(
            &mut transport,
            &session("agent_stream", json!({ "agentId": "a", "event": {} })),
        )
        .await;
        let mut page = empty_page();
        page["requestId"] = request["requestId"].clone();
        send(&mut transport, &session("fetch_agents_response", page)).await;
        std::future::pending::<()>().await;
    })
    .await;
    let daemon = client::connect(&peer.direct(None), &settings())
        .await
        .unwrap();
    let mut events = daemon.events();
    daemon.call(&FetchAgents::default()).await.unwrap();
    assert!(
        matches!(events.recv().await, Some(Event::Message { kind, .. }) if kind == "agent_stream")
    );
}

/// `activity_log`, `status: error` and unknown messages never fail a request; junk is passed over.
#[tokio::test]
async fn unasked_messages_fail_nothing() {
    let peer = Peer::new(|mut transport, _| async move {
        greet(&mut transport).await;
        for text in [
            "",
            "{",
            "[]",
            "null",
            r#"{"type":"session"}"#,
            r#"{"type":"session","message":7}"#,
        ] {
            transport
                .sender
                .send(Frame::Text(text.to_owned()))
                .await
                .unwrap();
        }
        let deep = "[".repeat(100_000);
        transport
            .sender
            .send(Frame::Text(format!(
                r#"{{"type":"session","message":{deep}"#
            )))
            .await
            .unwrap();
        send(
            &mut transport,
            &session("status", json!({ "status": "error", "message": "no" })),
        )
        .await;
        send(
            &mut transport,
            &session("activity_log", json!({ "type": "error" })),
        )
        .await;
        send(&mut transport, &session("of.tomorrow", json!({}))).await;
        send(&mut transport, &server_info("0.5.1")).await;
        answer(&mut transport, "fetch_agents_response", empty_page()).await;
    })
    .await;
    let daemon = client::connect(&peer.direct(None), &settings())
        .await
        .unwrap();
    assert!(daemon.call(&FetchAgents::default()).await.is_ok());
}

#[tokio::test]
async fn unknown_schema_is_a_refusal_with_its_code() {
    let peer = Peer::new(|mut transport, _| async move {
        greet(&mut transport).await;
        let refusal = json!({ "requestType": "fetch_agents_request", "error": "Unknown request", "code": "unknown_schema" });
        answer(&mut transport, "rpc_error", refusal).await;
    })
    .await;
    let daemon = client::connect(&peer.direct(None), &settings())
        .await
        .unwrap();
    let error = daemon.call(&FetchAgents::default()).await.unwrap_err();
    assert!(
        matches!(error, CallError::Refused(refusal) if refusal.code.as_deref() == Some("unknown_schema"))
    );
}

/// Over a channel that agreed on nothing, terminal output is text to the receiver.
#[tokio::test]
async fn bytes_that_look_like_text_are_routed_by_their_first() {
    let peer = Peer::new(|mut transport, _| async move {
        greet(&mut transport).await;
        let request = receive(&mut transport).await["message"].take();
        let output = Frame::Text("\u{1}\u{0}ls".to_owned());
        transport.sender.send(output).await.unwrap();
        let mut page = empty_page();
        page["requestId"] = request["requestId"].clone();
        send(&mut transport, &session("fetch_agents_response", page)).await;
        std::future::pending::<()>().await;
    })
    .await;
    let daemon = client::connect(&peer.direct(None), &settings())
        .await
        .unwrap();
    let mut events = daemon.events();
    daemon.call(&FetchAgents::default()).await.unwrap();
    let Some(Event::Binary(bytes)) = events.recv().await else {
        panic!("no binary event")
    };
    assert_eq!(&bytes[..], b"\x01\0ls");
}

/// A second connection has the whole time for its handshake, and not what the first one has left.
#[tokio::test]
async fn a_second_dial_has_a_deadline_of_its_own() {
    let peer = Peer::new(|transport, count| async move {
        let mut transport = accept(transport, key()).await;
        if count == 0 {
            // It has lost the flight.
            return hold(transport, count).await;
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
        greet(&mut transport).await;
        hold(transport, count).await;
    })
    .await;
    let settings = client::Settings {
        pipelined: true,
        handshake_timeout: Duration::from_secs(4),
        ..settings()
    };
    client::connect(&peer.relay(&key()), &settings)
        .await
        .unwrap();
}

/// Nor is a daemon given up that has shown its key and takes its time.
#[tokio::test]
async fn a_daemon_that_is_proven_has_the_whole_time() {
    let peer = Peer::new(|transport, count| async move {
        let mut transport = accept(transport, key()).await;
        send(
            &mut transport,
            &session("activity_log", json!({ "type": "info" })),
        )
        .await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        greet(&mut transport).await;
        hold(transport, count).await;
    })
    .await;
    let settings = client::Settings {
        pipelined: true,
        handshake_timeout: Duration::from_secs(20),
        ..settings()
    };
    client::connect(&peer.relay(&key()), &settings)
        .await
        .unwrap();
}

/// 0.1.65 loses what rides behind its hello: unless the daemon is known, every answer is waited for.
#[tokio::test]
async fn nothing_rides_behind_the_hello_of_an_unknown_daemon() {
    let peer = Peer::new(|mut transport, _| async move {
        let hello = receive(&mut transport).await;
        assert_eq!(hello["type"], "e2ee_hello");
        let early =
            tokio::time::timeout(Duration::from_millis(300), transport.receiver.recv()).await;
        assert!(early.is_err(), "{early:?}");
    })
    .await;
    let error = client::connect(&peer.relay(&key()), &settings())
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            ConnectError::Channel(_) | ConnectError::DaemonSilent { .. }
        ),
        "{error:?}"
    );
}

/// A daemon remembered as new and meanwhile older answers with a bare ready: once more, without pipelining.
#[tokio::test]
async fn a_downgraded_daemon_costs_one_reconnect() {
    let peer = Peer::new(|mut transport, count| async move {
        if count == 0 {
            receive(&mut transport).await;
            send(&mut transport, &json!({ "type": "e2ee_ready" })).await;
            std::future::pending::<()>().await;
        }
        let mut channel = accept(transport, key()).await;
        greet(&mut channel).await;
        answer(&mut channel, "fetch_agents_response", empty_page()).await;
        std::future::pending::<()>().await;
    })
    .await;
    let settings = client::Settings {
        pipelined: true,
        ..settings()
    };
    let target = peer.relay(&key());
    let (_daemon, reply) = connect_and_call(&target, &settings).await;
    assert!(reply.wait(Some(Duration::from_secs(5))).await.is_ok());
}

/// Hello and request are there before the daemon has said anything.
#[tokio::test]
async fn a_known_daemon_gets_everything_in_one_flight() {
    let peer = Peer::new(|transport, _| async move {
        let mut channel = accept(transport, key()).await;
        let hello = receive(&mut channel).await;
        assert_eq!(hello["type"], "hello");
        let mut request = receive(&mut channel).await;
        send(&mut channel, &server_info("0.5.0")).await;
        let mut page = empty_page();
        page["requestId"] = request["message"]["requestId"].take();
        send(&mut channel, &session("fetch_agents_response", page)).await;
        std::future::pending::<()>().await;
    })
    .await;
    let settings = client::Settings {
        pipelined: true,
        ..settings()
    };
    let target = peer.relay(&key());
    let (_daemon, reply) = connect_and_call(&target, &settings).await;
    assert!(reply.wait(Some(Duration::from_secs(5))).await.is_ok());
}

/// Nobody waits for the peer's close frame: the official relay never sends one.
#[tokio::test]
async fn closing_waits_for_nobody() {
    let closed = Arc::new(Notify::new());
    let told = Arc::clone(&closed);
    let peer = Peer::new(move |mut transport, _| {
        let told = Arc::clone(&told);
        async move {
            greet(&mut transport).await;
            let _ = transport.receiver.recv().await;
            told.notify_one();
            std::future::pending::<()>().await;
        }
    })
    .await;
    let daemon = client::connect(&peer.direct(None), &settings())
        .await
        .unwrap();
    let quickly = tokio::time::timeout(Duration::from_millis(500), daemon.close()).await;
    assert!(quickly.is_ok());
    tokio::time::timeout(Duration::from_secs(5), closed.notified())
        .await
        .unwrap();
}

/// The outcome of a change whose reply is missing is unknown, and the error says so.
#[tokio::test]
async fn a_lost_connection_names_its_cause() {
    let peer = Peer::new(|mut transport, _| async move {
        greet(&mut transport).await;
        receive(&mut transport).await;
        transport
            .sender
            .close(Closed::new(1012, "Server disconnected"))
            .await;
    })
    .await;
    let daemon = client::connect(&peer.direct(None), &settings())
        .await
        .unwrap();
    let error = daemon.call(&FetchAgents::default()).await.unwrap_err();
    let CallError::Lost {
        source,
        mutates: false,
    } = error
    else {
        panic!("{error:?}")
    };
    assert!(source.to_string().contains("1012"), "{source}");
}
