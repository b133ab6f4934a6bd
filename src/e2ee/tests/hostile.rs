//! Peers and relays that do what they should not, on either side of the channel.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::channel::{responder, soon, text};
use crate::e2ee::handshake::{ClientHandshake, Established, HelloError};
use crate::e2ee::{AcceptError, Channel, ConnectError, Responder, SecretKey, accept, connect};
use crate::transport::memory::pair;
use crate::transport::{Frame, Transport, TransportError};

/// A client whose every frame the test makes, and the daemon's open channel to it.
pub(super) struct RawClient {
    pub(super) wire: Transport,
    pub(super) hello: String,
    pub(super) ready: Frame,
    pub(super) keys: Established,
    pub(super) daemon: Channel,
}

impl RawClient {
    pub(super) async fn open(responder: &Arc<Responder>, binary: bool) -> Self {
        let own = SecretKey::generate();
        let handshake = ClientHandshake::start_with(&own, &responder.public_key(), binary).unwrap();
        let (mut wire, daemon) = pair(512);
        let hello = handshake.hello().to_owned();
        wire.sender.send(text(&hello)).await.unwrap();
        let daemon = accept(daemon, responder, soon()).await.unwrap();
        let ready = wire.receiver.recv().await.unwrap();
        let keys = handshake.finish(&ready).break_value().unwrap().unwrap();
        Self {
            wire,
            hello,
            ready,
            keys,
            daemon,
        }
    }

    /// Sends a frame as it is, and lets the daemon receive.
    pub(super) async fn raw(&mut self, frame: Frame) -> Result<Frame, TransportError> {
        self.wire.sender.send(frame).await.unwrap();
        self.daemon.transport.receiver.recv().await
    }

    pub(super) fn seal(&mut self, plaintext: &str) -> Frame {
        Frame::Text(self.keys.sealer.seal_to_base64(plaintext.into()).unwrap())
    }

    pub(super) async fn close_code(&mut self) -> Option<u16> {
        loop {
            match self.wire.receiver.recv().await {
                Ok(_) => {}
                Err(TransportError::Closed(closed)) => return closed.code,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_repeated_hello_is_answered_and_the_session_goes_on() {
    let mut client = RawClient::open(&responder(), true).await;
    for _ in 0..3 {
        client.wire.sender.send(text(&client.hello)).await.unwrap();
    }
    client
        .wire
        .sender
        .send(text(r#"{"type":"e2ee_ready"}"#))
        .await
        .unwrap();
    let sealed = client.seal("ping");
    assert_eq!(client.raw(sealed).await.unwrap(), text("ping"));
    for _ in 0..3 {
        assert_eq!(client.wire.receiver.recv().await.unwrap(), client.ready);
    }
}

#[tokio::test(start_paused = true)]
async fn a_hello_with_another_key_ends_the_channel() {
    let responder = responder();
    let mut client = RawClient::open(&responder, true).await;
    let other = ClientHandshake::start(&responder.public_key()).unwrap();
    assert!(client.raw(text(other.hello())).await.is_err());
    assert_eq!(client.close_code().await, Some(1008));
}

#[tokio::test(start_paused = true)]
async fn endless_hellos_end_the_channel() {
    let mut client = RawClient::open(&responder(), true).await;
    for _ in 0..65 {
        client.wire.sender.send(text(&client.hello)).await.unwrap();
    }
    assert!(client.daemon.transport.receiver.recv().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn unsealed_frames_are_fatal() {
    let frames = [
        text(r#"{"type":"ping"}"#),
        text(" {}"),
        text(r#"{"type":"e2ee_hello","key":"c2hvcnQ="}"#),
        text("not base64!"),
        text(""),
        text("AAAA"),
        Frame::Binary(b"{}".as_slice().into()),
        Frame::Binary(vec![0; 64].into()),
    ];
    for binary in [true, false] {
        for frame in &frames {
            let mut client = RawClient::open(&responder(), binary).await;
            let error = client.raw(frame.clone()).await.unwrap_err();
            assert!(
                matches!(
                    error,
                    TransportError::Protocol { .. } | TransportError::NotAuthentic
                ),
                "{frame:?}: {error}"
            );
            assert_eq!(client.close_code().await, Some(1011), "{frame:?}");
            // Nothing more gets through, be it sealed.
            let sealed = client.seal("after");
            assert!(client.raw(sealed).await.is_err());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn negotiated_text_must_be_utf8() {
    for binary in [true, false] {
        let mut client = RawClient::open(&responder(), binary).await;
        let sealed = client.keys.sealer.seal_to_base64(vec![0xff, 0xfe]).unwrap();
        let received = client.raw(Frame::Text(sealed)).await;
        match received {
            Err(TransportError::Protocol { .. }) => assert!(binary),
            Ok(Frame::Binary(bytes)) => {
                assert_eq!((binary, &bytes[..]), (false, &[0xff, 0xfe][..]))
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_replayed_frame_ends_the_channel() {
    let mut client = RawClient::open(&responder(), true).await;
    let sealed = client.seal("send");
    assert_eq!(client.raw(sealed.clone()).await.unwrap(), text("send"));
    assert!(client.raw(sealed).await.is_err());
    assert_eq!(client.close_code().await, Some(1011));
}

#[tokio::test(start_paused = true)]
async fn a_frame_of_the_daemon_sent_back_ends_the_channel() {
    let mut client = RawClient::open(&responder(), true).await;
    client
        .daemon
        .transport
        .sender
        .send(text("status"))
        .await
        .unwrap();
    let reflected = client.wire.receiver.recv().await.unwrap();
    assert!(client.raw(reflected).await.is_err());
    assert!(!client.daemon.proof.is_given());
}

#[tokio::test(start_paused = true)]
async fn a_recorded_connection_cannot_be_played_back() {
    let responder = responder();
    let mut client = RawClient::open(&responder, true).await;
    let sealed = client.seal("run something");

    // Before a frame has been authenticated, the same hello may come on a second socket.
    let (mut retry, daemon) = pair(8);
    retry.sender.send(text(&client.hello)).await.unwrap();
    retry.sender.send(sealed.clone()).await.unwrap();
    let mut second = accept(daemon, &responder, soon()).await.unwrap();

    assert!(client.raw(sealed).await.is_ok());
    assert!(second.transport.receiver.recv().await.is_err());

    let (mut relay, daemon) = pair(8);
    relay.sender.send(text(&client.hello)).await.unwrap();
    let error = accept(daemon, &responder, soon()).await.unwrap_err();
    assert!(matches!(
        error,
        AcceptError::Hello(HelloError::KeyUsedBefore)
    ));
}

#[tokio::test(start_paused = true)]
async fn unusable_hellos_are_refused_as_the_official_daemon_does() {
    // From the recordings of 0.5.0, and the zero point, which it takes.
    let cases = [
        text(r#"{"type":"e2ee_hello","key":""}"#),
        text(r#"{"type":"e2ee_hello","key":"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBw=="}"#),
        text(r#"{"type":"e2ee_hello","key":" B6N8vBQgk8i3VdwbEOhstCY3StFqqFPtC9/AsrhtHHw= "}"#),
        text(r#"{"type":"e2ee_hello","key":"B6N8vBQgk8i3VdwbEOhstCY3StFqqFPtC9_AsrhtHHw"}"#),
        text(r#"{"type":"e2ee_hello","key":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}"#),
        text(
            r#"{"type":"e2ee_hello","key":"B6N8vBQgk8i3VdwbEOhstCY3StFqqFPtC9/AsrhtHHw=","capabilities":{"binaryCiphertext":"yes"}}"#,
        ),
        text("hello?"),
        text(r#"{"type":"e2ee_ready"}"#),
        Frame::Binary(
            br#"{"type":"e2ee_hello","key":"B6N8vBQgk8i3VdwbEOhstCY3StFqqFPtC9/AsrhtHHw="}"#
                .as_slice()
                .into(),
        ),
    ];
    for frame in cases {
        let (mut wire, daemon) = pair(8);
        wire.sender.send(frame.clone()).await.unwrap();
        let error = accept(daemon, &responder(), soon()).await.unwrap_err();
        assert!(matches!(error, AcceptError::Hello(_)), "{frame:?}: {error}");
        let closed = wire.receiver.recv().await.unwrap_err();
        assert!(matches!(closed, TransportError::Closed(it)
            if it.code == Some(1011) && it.reason == "E2EE handshake failed"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_is_dropped_at_the_deadline() {
    let (_wire, daemon) = pair(8);
    let error = accept(daemon, &responder(), soon()).await.unwrap_err();
    assert!(matches!(error, AcceptError::NoHello));
}

#[tokio::test(start_paused = true)]
async fn the_client_ignores_what_comes_before_ready_but_not_for_ever() {
    let key = responder().public_key();
    let noise = [text("{}"), text("junk"), Frame::Binary(vec![1, 2].into())];
    for (rounds, floods) in [(10, false), (100, true)] {
        let (client, mut daemon) = pair(512);
        for _ in 0..rounds {
            daemon.sender.send_all(noise.to_vec()).await.unwrap();
        }
        daemon
            .sender
            .send(text(r#"{"type":"e2ee_ready"}"#))
            .await
            .unwrap();
        match connect(client, &key, soon()).await {
            Ok(_) => assert!(!floods),
            Err(ConnectError::Flood) => assert!(floods),
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_client_ends_on_plaintext_and_takes_a_second_ready() {
    let key = responder().public_key();
    let (client, mut daemon) = pair(16);
    for _ in 0..2 {
        daemon
            .sender
            .send(text(r#"{"type":"e2ee_ready"}"#))
            .await
            .unwrap();
    }
    daemon
        .sender
        .send(text(r#"{"type":"pong"}"#))
        .await
        .unwrap();
    let mut client = connect(client, &key, soon()).await.unwrap();
    let error = client.transport.receiver.recv().await.unwrap_err();
    assert!(matches!(
        error,
        TransportError::Protocol {
            layer: "encryption",
            ..
        }
    ));
    assert!(!client.proof.is_given());
}

fn frames() -> impl Strategy<Value = Frame> {
    prop_oneof![
        ".{0,200}".prop_map(Frame::Text),
        "[A-Za-z0-9+/]{52,200}={0,2}".prop_map(Frame::Text),
        r#"\{"type":"e2ee_(hello|ready)","key":"[A-Za-z0-9+/=]{0,50}"\}"#.prop_map(Frame::Text),
        vec(any::<u8>(), 0..200).prop_map(|bytes| Frame::Binary(bytes.into())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_frame_panics_or_gets_through(frames in vec(frames(), 1..20), binary: bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut client = RawClient::open(&responder(), binary).await;
            client.wire.sender.send_all(frames).await.unwrap();
            // All frames may have been repetitions of the handshake: then this ends it.
            client.wire.sender.send(text("end")).await.unwrap();
            assert!(client.daemon.transport.receiver.recv().await.is_err());
        });
    }
}
