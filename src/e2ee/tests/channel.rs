//! Both sides against each other, over a transport in memory and in paused time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use crate::e2ee::channel::{Channel, Role};
use crate::e2ee::handshake::{ClientHandshake, DaemonHandshake};
use crate::e2ee::{ConnectError, Responder, SecretKey, accept, connect, connect_pipelined};
use crate::protocol::e2ee::{Handshake, Ready};
use crate::transport::memory::pair;
use crate::transport::{Closed, Frame, FrameSender, Transport, TransportError};

pub(super) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(15)
}

pub(super) fn responder() -> Arc<Responder> {
    Arc::new(Responder::new(SecretKey::generate()))
}

pub(super) fn text(text: &str) -> Frame {
    Frame::Text(text.to_owned())
}

/// A daemon of 0.1.65 on the wire: knows no capabilities.
async fn accept_legacy(
    mut transport: Transport,
    responder: &Arc<Responder>,
    own: &SecretKey,
) -> Channel {
    let hello = transport.receiver.recv().await.unwrap();
    let (mut established, mut greeting) = DaemonHandshake::new(own).finish(&hello).unwrap();
    established.binary = false;
    established.sealer.as_deployed();
    greeting.ready = Handshake::Ready(Ready::default()).to_json();
    let ready = Frame::Text(greeting.ready.clone());
    transport.sender.send(ready).await.unwrap();
    let responder = responder.clone();
    let role = Role::Daemon {
        responder,
        greeting,
    };
    Channel::new(established, role, transport.sender, transport.receiver)
}

/// Opens a channel between a client and a daemon that can or cannot do binary ciphertext.
async fn open(client_binary: bool, daemon_binary: bool) -> (Channel, Channel) {
    let own = SecretKey::generate();
    let daemon_key = own.public_key();
    let responder = Arc::new(Responder::new(
        SecretKey::from_base64(&own.expose_base64()).unwrap(),
    ));
    let (client, daemon) = pair(16);
    let handshake =
        ClientHandshake::start_with(&SecretKey::generate(), &daemon_key, client_binary).unwrap();
    let client = crate::e2ee::connect::open(client, handshake, Vec::new(), soon());
    let daemon = async {
        if daemon_binary {
            accept(daemon, &responder, soon()).await.unwrap()
        } else {
            accept_legacy(daemon, &responder, &own).await
        }
    };
    let (client, daemon) = tokio::join!(client, daemon);
    (client.unwrap(), daemon)
}

async fn carry(from: &mut Channel, to: &mut Channel, frame: Frame) -> Frame {
    from.transport.sender.send(frame).await.unwrap();
    to.transport.receiver.recv().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn every_combination_of_capabilities_works() {
    for (client_binary, daemon_binary) in
        [(true, true), (true, false), (false, true), (false, false)]
    {
        let (mut client, mut daemon) = open(client_binary, daemon_binary).await;
        let binary = client_binary && daemon_binary;
        assert_eq!((client.binary, daemon.binary), (binary, binary));
        assert!(!client.proof.is_given() && !daemon.proof.is_given());

        let json = text(r#"{"type":"ping"}"#);
        let keys = Bytes::from_static(&[0x02, 0x00, 0x6c, 0x73, 0x0d]);
        let output = Bytes::from_static(&[0x01, 0x03, 0x1b, 0xff, 0xfe]);
        for _ in 0..2 {
            assert_eq!(carry(&mut client, &mut daemon, json.clone()).await, json);
            let sent = Frame::Binary(output.clone());
            assert_eq!(carry(&mut client, &mut daemon, sent.clone()).await, sent);
            // Not negotiated, bytes that happen to be UTF-8 come out as text: pitfall 9.
            let expected = if binary {
                Frame::Binary(keys.clone())
            } else {
                text("\u{2}\u{0}ls\r")
            };
            let sent = Frame::Binary(keys.clone());
            assert_eq!(carry(&mut client, &mut daemon, sent).await, expected);
            std::mem::swap(&mut client, &mut daemon);
        }
        assert!(client.proof.is_given() && daemon.proof.is_given());
    }
}

#[tokio::test(start_paused = true)]
async fn many_frames_leave_in_order() {
    let (mut client, mut daemon) = open(true, true).await;
    let frames: Vec<_> = (0..10).map(|i| text(&i.to_string())).collect();
    client
        .transport
        .sender
        .send_all(frames.clone())
        .await
        .unwrap();
    for frame in frames {
        assert_eq!(daemon.transport.receiver.recv().await.unwrap(), frame);
    }
}

#[tokio::test(start_paused = true)]
async fn close_reaches_the_other_side() {
    let (mut client, mut daemon) = open(true, true).await;
    let closed = Closed::new(1000, "Client closed");
    client.transport.sender.close(closed.clone()).await;
    let error = daemon.transport.receiver.recv().await.unwrap_err();
    assert!(matches!(error, TransportError::Closed(it) if it == closed));
}

#[tokio::test(start_paused = true)]
async fn hello_is_repeated_unchanged_every_second() {
    let responder = responder();
    let key = responder.public_key();
    let (client, mut daemon) = pair(64);
    let started = Instant::now();
    let connecting = tokio::spawn(async move { connect(client, &key, soon()).await });
    let first = daemon.receiver.recv().await.unwrap();
    for seconds in 1..=3 {
        assert_eq!(daemon.receiver.recv().await.unwrap(), first);
        assert_eq!(started.elapsed().as_secs(), seconds);
    }
    daemon
        .sender
        .send(text(r#"{"type":"e2ee_ready"}"#))
        .await
        .unwrap();
    assert!(!connecting.await.unwrap().unwrap().binary);
}

#[tokio::test(start_paused = true)]
async fn an_absent_daemon_is_no_ready() {
    let (client, _daemon) = pair(64);
    let started = Instant::now();
    let error = connect(client, &responder().public_key(), soon())
        .await
        .unwrap_err();
    assert!(matches!(error, ConnectError::NoReady));
    assert_eq!(started.elapsed().as_secs(), 15);
}

/// Pitfall 11: the ready frame of a deployed daemon arrives although the key is wrong.
#[tokio::test(start_paused = true)]
async fn a_wrong_key_of_a_deployed_daemon_is_a_channel_without_proof() {
    let own = SecretKey::generate();
    let responder = responder();
    let (client, daemon) = pair(16);
    let other_key = SecretKey::generate().public_key();
    let (client, mut daemon) = tokio::join!(
        connect(client, &other_key, soon()),
        accept_legacy(daemon, &responder, &own)
    );
    let mut client = client.unwrap();
    client.transport.sender.send(text("{}")).await.unwrap();
    let error = daemon.transport.receiver.recv().await.unwrap_err();
    assert!(matches!(error, TransportError::NotAuthentic));
    let error = client.transport.receiver.recv().await.unwrap_err();
    assert!(matches!(error, TransportError::Closed(closed) if closed.code == Some(1011)));
    assert!(!client.proof.is_given() && !daemon.proof.is_given());
}

/// A daemon of ours says in the ready frame whose key it has.
#[tokio::test(start_paused = true)]
async fn a_wrong_key_is_seen_before_anything_is_sent() {
    let responder = responder();
    let (client, daemon) = pair(16);
    let other_key = SecretKey::generate().public_key();
    let (client, daemon) = tokio::join!(
        connect(client, &other_key, soon()),
        accept(daemon, &responder, soon())
    );
    assert!(matches!(client.unwrap_err(), ConnectError::WrongKey(_)));
    let error = daemon.unwrap().transport.receiver.recv().await.unwrap_err();
    assert!(matches!(error, TransportError::Closed(_)));
}

/// Counts how often frames leave.
struct Flights(Box<dyn FrameSender>, Arc<AtomicUsize>);

impl FrameSender for Flights {
    fn send(&mut self, frame: Frame) -> BoxFuture<'_, Result<(), TransportError>> {
        self.send_all(vec![frame])
    }

    fn send_all(&mut self, frames: Vec<Frame>) -> BoxFuture<'_, Result<(), TransportError>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.send_all(frames)
    }

    fn close(&mut self, closed: Closed) -> BoxFuture<'_, ()> {
        self.0.close(closed)
    }
}

#[tokio::test(start_paused = true)]
async fn a_pipelined_handshake_is_one_flight() {
    let responder = responder();
    let (mut client, daemon) = pair(16);
    let flights = Arc::new(AtomicUsize::new(0));
    client.sender = Box::new(Flights(client.sender, flights.clone()));
    let first = ["hello".to_owned(), "first request".to_owned()];
    let key = responder.public_key();
    let (client, daemon) = tokio::join!(connect_pipelined(client, &key, &first, soon()), async {
        let mut daemon = accept(daemon, &responder, soon()).await.unwrap();
        for frame in &first {
            assert_eq!(daemon.transport.receiver.recv().await.unwrap(), text(frame));
        }
        daemon.transport.sender.send(text("answer")).await.unwrap();
        daemon
    });
    let (mut client, mut daemon) = (client.unwrap(), daemon);
    assert_eq!(flights.load(Ordering::Relaxed), 1);
    assert!(client.binary);
    assert_eq!(
        client.transport.receiver.recv().await.unwrap(),
        text("answer")
    );
    assert_eq!(
        carry(&mut client, &mut daemon, text("next")).await,
        text("next")
    );
}

#[tokio::test(start_paused = true)]
async fn an_old_daemon_cannot_pipeline() {
    let own = SecretKey::generate();
    let (client, daemon) = pair(16);
    let first = ["hello".to_owned()];
    let responder = responder();
    let key = own.public_key();
    let (client, _daemon) = tokio::join!(
        connect_pipelined(client, &key, &first, soon()),
        accept_legacy(daemon, &responder, &own)
    );
    assert!(matches!(client.unwrap_err(), ConnectError::CannotPipeline));
}
