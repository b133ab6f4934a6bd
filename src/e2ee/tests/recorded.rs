//! Recorded connections that a relay plays back, to a daemon that remembers and to one that has restarted.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;

use super::channel::{responder, soon, text};
use super::hostile::RawClient;
use crate::e2ee::handshake::HelloError;
use crate::e2ee::{
    AcceptError, Agreement, ConnectError, Freshness, KeyError, Memory, Responder, SecretKey,
    accept, connect, connect_pipelined,
};
use crate::transport::memory::pair;
use crate::transport::{Frame, TransportError};

const SECRET: [u8; 32] = [0x17; 32];

/// A daemon that has just started.
fn restarted() -> Responder {
    Responder::new(SecretKey::from_bytes(&SECRET))
}

/// What a daemon has on its disk.
#[derive(Default)]
struct Disk {
    agreements: Mutex<HashSet<Agreement>>,
    is_full: bool,
}

impl Memory for Disk {
    fn contains(&self, agreement: Agreement) -> bool {
        self.agreements.lock().unwrap().contains(&agreement)
    }

    fn keep(&self, agreement: Agreement) -> BoxFuture<'static, bool> {
        if !self.is_full {
            self.agreements.lock().unwrap().insert(agreement);
        }
        Box::pin(std::future::ready(!self.is_full))
    }
}

/// Plays frames to a daemon; gives what comes through with its freshness, and how it ends.
async fn play(
    frames: &[Frame],
    responder: Responder,
) -> (Vec<(Frame, Freshness)>, Result<TransportError, AcceptError>) {
    let (mut relay, daemon) = pair(64);
    for frame in frames {
        relay.sender.send(frame.clone()).await.unwrap();
    }
    relay
        .sender
        .close(crate::transport::Closed::default())
        .await;
    let mut through = Vec::new();
    let mut channel = match accept(daemon, &Arc::new(responder), soon()).await {
        Ok(channel) => channel,
        Err(error) => return (through, Err(error)),
    };
    loop {
        match channel.transport.receiver.recv().await {
            Ok(frame) => through.push((frame, channel.standing.now())),
            Err(error) => return (through, Ok(error)),
        }
    }
}

fn is_known<T>(outcome: &Result<T, AcceptError>) -> bool {
    matches!(outcome, Err(AcceptError::Hello(HelloError::KeyUsedBefore)))
}

/// Records a connection of our client: what leaves with the hello, and what leaves when it is open.
async fn recording(early: &[String]) -> Vec<Frame> {
    let responder = Arc::new(restarted());
    let key = responder.public_key();
    let (client, mut near) = pair(16);
    let (mut far, daemon) = pair(16);
    let relayed = async {
        let mut frames = Vec::new();
        for _ in 0..1 + early.len() {
            let frame = near.receiver.recv().await.unwrap();
            far.sender.send(frame.clone()).await.unwrap();
            frames.push(frame);
        }
        let ready = far.receiver.recv().await.unwrap();
        near.sender.send(ready).await.unwrap();
        frames
    };
    let opened = async {
        match early {
            [] => connect(client, &key, soon()).await.unwrap(),
            early => connect_pipelined(client, &key, early, soon())
                .await
                .unwrap(),
        }
    };
    let (mut client, _daemon, mut frames) =
        tokio::join!(opened, accept(daemon, &responder, soon()), relayed);
    for change in ["run something", "and more"] {
        client.transport.sender.send(text(change)).await.unwrap();
        frames.push(near.receiver.recv().await.unwrap());
    }
    frames
}

#[tokio::test(start_paused = true)]
async fn a_recording_of_our_client_changes_nothing_whatever_the_daemon_remembers() {
    let early = ["hello".to_owned(), "list".to_owned()];
    for early in [&early[..], &[]] {
        let frames = recording(early).await;
        let (through, end) = play(&frames, restarted()).await;
        let read: Vec<_> = early
            .iter()
            .map(|it| (text(it), Freshness::Early))
            .collect();
        assert_eq!(through, read);
        assert!(
            matches!(end, Ok(TransportError::Disorder { .. })),
            "{end:?}"
        );
    }
}

/// The frames of an official client, whose nonces say nothing.
async fn deployed() -> (Vec<Frame>, Arc<Disk>) {
    let disk = Arc::<Disk>::default();
    let responder = Arc::new(restarted().remembering(disk.clone()));
    let mut client = RawClient::open(&responder, true).await;
    client.keys.sealer.as_deployed();
    let mut frames = vec![text(&client.hello)];
    for change in ["hello", "run something"] {
        let sealed = client.seal(change);
        frames.push(sealed.clone());
        assert_eq!(client.raw(sealed).await.unwrap(), text(change));
        assert_eq!(client.daemon.standing.now(), Freshness::Fresh);
    }
    (frames, disk)
}

#[tokio::test(start_paused = true)]
async fn a_recording_of_a_deployed_client_is_known_after_a_restart() {
    let (frames, disk) = deployed().await;
    let (through, end) = play(&frames, restarted().remembering(disk)).await;
    assert!(through.is_empty());
    assert!(is_known(&end), "{end:?}");
}

/// Without its memory a daemon cannot know it: the reason why there is one.
#[tokio::test(start_paused = true)]
async fn without_a_memory_it_would_play() {
    let (frames, _) = deployed().await;
    let (through, _) = play(&frames, restarted()).await;
    assert_eq!(through.len(), 2);
}

/// X25519 ignores the top bit of a key, so the recording would agree on the same channel.
#[tokio::test(start_paused = true)]
async fn a_recording_under_an_alias_of_its_key_is_refused() {
    let (mut frames, disk) = deployed().await;
    let Frame::Text(hello) = &frames[0] else {
        panic!("a hello is text");
    };
    let hello: serde_json::Value = serde_json::from_str(hello).unwrap();
    let key = hello["key"].as_str().unwrap();
    let mut bytes = base64_simd::STANDARD.decode_to_vec(key).unwrap();
    bytes[31] ^= 0x80;
    let alias = base64_simd::STANDARD.encode_to_string(bytes);
    frames[0] = text(&hello.to_string().replace(key, &alias));
    for responder in [restarted(), restarted().remembering(disk)] {
        let (through, end) = play(&frames, responder).await;
        assert!(through.is_empty());
        assert!(matches!(
            end,
            Err(AcceptError::Hello(HelloError::Key(KeyError::NotCanonical)))
        ));
    }
}

#[tokio::test(start_paused = true)]
async fn a_deployed_client_that_cannot_be_written_down_may_not_change_anything() {
    let disk = Arc::new(Disk {
        is_full: true,
        ..Disk::default()
    });
    let responder = Arc::new(restarted().remembering(disk));
    let mut client = RawClient::open(&responder, true).await;
    client.keys.sealer.as_deployed();
    for _ in 0..2 {
        let sealed = client.seal("hello");
        assert_eq!(client.raw(sealed).await.unwrap(), text("hello"));
        assert_eq!(client.daemon.standing.now(), Freshness::Unrecorded);
    }
    // One of ours needs no memory.
    let mut client = RawClient::open(&responder, true).await;
    let sealed = client.seal("hello");
    client.raw(sealed).await.unwrap();
    assert_eq!(client.daemon.standing.now(), Freshness::Fresh);
}

/// A relay that takes the daemon's value out of the ready frame, or puts another one there, gains nothing.
#[tokio::test(start_paused = true)]
async fn a_changed_ready_frame_is_noticed() {
    let other = {
        let client = RawClient::open(&responder(), true).await;
        client.ready
    };
    for taken_out in [true, false] {
        let responder = responder();
        let key = responder.public_key();
        let (client, mut near) = pair(16);
        let (mut far, daemon) = pair(16);
        let relayed = async {
            let hello = near.receiver.recv().await.unwrap();
            far.sender.send(hello).await.unwrap();
            far.receiver.recv().await.unwrap();
            let ready = match taken_out {
                true => text(r#"{"type":"e2ee_ready","capabilities":{"binaryCiphertext":true}}"#),
                false => other.clone(),
            };
            near.sender.send(ready).await.unwrap();
        };
        let (client, daemon, ()) = tokio::join!(
            connect(client, &key, soon()),
            accept(daemon, &responder, soon()),
            relayed
        );
        if !taken_out {
            assert!(matches!(client.unwrap_err(), ConnectError::WrongKey(_)));
            continue;
        }
        let (mut client, mut daemon) = (client.unwrap(), daemon.unwrap());
        client
            .transport
            .sender
            .send(text("a change"))
            .await
            .unwrap();
        let sealed = near.receiver.recv().await.unwrap();
        far.sender.send(sealed).await.unwrap();
        daemon.transport.receiver.recv().await.unwrap();
        assert_eq!(daemon.standing.now(), Freshness::Early);
        daemon.transport.sender.send(text("answer")).await.unwrap();
        let sealed = far.receiver.recv().await.unwrap();
        near.sender.send(sealed).await.unwrap();
        let received = client.transport.receiver.recv().await;
        assert!(matches!(received, Err(TransportError::Disorder { .. })));
    }
}
