//! Frames that a relay drops, repeats or moves: noticed at once between two ends of ours, in both directions.

use proptest::collection::vec;
use proptest::prelude::*;

use super::channel::{responder, soon, text};
use super::hostile::RawClient;
use super::{client, daemon, shared};
use crate::e2ee::nonce::Value;
use crate::e2ee::seal::{OpenError, Opener, Sealer};
use crate::e2ee::{Freshness, accept, connect};
use crate::transport::memory::pair;
use crate::transport::{Frame, Transport, TransportError};

fn sealed(sealer: &mut Sealer, count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|it| sealer.seal(vec![it as u8]).unwrap())
        .collect()
}

/// Both directions of a channel: who seals, and who opens.
fn directions() -> [(Sealer, Opener); 2] {
    let value = Value::draw();
    let ((mut client, mut from_daemon), (daemon, from_client)) =
        (shared().of_client(), shared().of_daemon(value));
    client.carry(value);
    from_daemon.expect(value);
    [(client, from_client), (daemon, from_daemon)]
}

proptest! {
    /// Whatever a relay does with five frames: what comes through is a beginning of what was sent.
    #[test]
    fn only_what_was_sent_comes_through(order in vec(0..5_usize, 0..8)) {
        for (mut sealer, mut opener) in directions() {
            let frames = sealed(&mut sealer, 5);
            for (at, from) in order.iter().enumerate() {
                let opened = opener.open(&frames[*from]);
                if *from != at {
                    let expected = if *from < at { OpenError::Repeated } else { OpenError::Missing };
                    prop_assert_eq!(opened, Err(expected));
                    break;
                }
                prop_assert_eq!(opened, Ok(vec![at as u8]));
            }
        }
    }

    /// Deployed peers draw their nonces, so all that can be seen is a frame that comes twice.
    #[test]
    fn of_a_deployed_peer_any_order_is_taken(order in vec(0..5_usize, 0..8)) {
        let ((mut sealer, _), (_, mut opener)) = (client(), daemon());
        sealer.as_deployed();
        let frames = sealed(&mut sealer, 5);
        for (at, from) in order.iter().enumerate() {
            let again = order[..at].contains(from);
            prop_assert_eq!(opener.open(&frames[*from]).is_err(), again);
            if again {
                break;
            }
        }
    }
}

fn is_disorder<T>(result: &Result<T, TransportError>) -> bool {
    matches!(result, Err(TransportError::Disorder { .. }))
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_is_missing_ends_the_channel_at_once() {
    for seen in 0..3 {
        let mut client = RawClient::open(&responder(), true).await;
        for _ in 0..seen {
            let sealed = client.seal("seen");
            assert_eq!(client.raw(sealed).await.unwrap(), text("seen"));
        }
        drop(client.seal("dropped by the relay"));
        let sealed = client.seal("next");
        assert!(is_disorder(&client.raw(sealed).await), "{seen}");
        assert_eq!(client.close_code().await, Some(1011));
        // The frame was genuine: nobody's key is in doubt.
        assert!(client.daemon.proof.is_given());
    }
}

/// The daemon's frames, with a relay between that holds them.
async fn daemon_frames(count: usize) -> (Transport, crate::e2ee::Channel, Vec<Frame>) {
    let responder = responder();
    let key = responder.public_key();
    let (client, mut relay_near) = pair(16);
    let (mut relay_far, daemon) = pair(16);
    let (client, daemon, ()) = tokio::join!(
        connect(client, &key, soon()),
        accept(daemon, &responder, soon()),
        async {
            let hello = relay_near.receiver.recv().await.unwrap();
            relay_far.sender.send(hello).await.unwrap();
            let ready = relay_far.receiver.recv().await.unwrap();
            relay_near.sender.send(ready).await.unwrap();
        }
    );
    let mut daemon = daemon.unwrap();
    let mut frames = Vec::new();
    for number in 0..count {
        let frame = text(&number.to_string());
        daemon.transport.sender.send(frame).await.unwrap();
        frames.push(relay_far.receiver.recv().await.unwrap());
    }
    (relay_near, client.unwrap(), frames)
}

#[tokio::test(start_paused = true)]
async fn the_client_notices_what_is_done_to_the_daemons_frames() {
    for (order, through) in [
        (vec![1], 0),
        (vec![1, 0], 0),
        (vec![0, 2], 1),
        (vec![0, 0], 1),
        (vec![0, 1, 0], 2),
    ] {
        let (mut relay, mut client, frames) = daemon_frames(3).await;
        for from in &order {
            relay.sender.send(frames[*from].clone()).await.unwrap();
        }
        for number in 0..through {
            let received = client.transport.receiver.recv().await.unwrap();
            assert_eq!(received, text(&number.to_string()));
        }
        let received = client.transport.receiver.recv().await;
        assert!(is_disorder(&received), "{order:?}: {received:?}");
        assert!(client.proof.is_given());
    }
}

/// Whoever gives up sending leaves no gap behind.
#[tokio::test(start_paused = true)]
async fn a_send_that_is_cancelled_leaves_no_gap() {
    let responder = responder();
    let key = responder.public_key();
    let (client, daemon) = pair(1);
    let (client, daemon) = tokio::join!(
        connect(client, &key, soon()),
        accept(daemon, &responder, soon())
    );
    let (mut client, mut daemon) = (client.unwrap(), daemon.unwrap());
    let numbers = 0..8;
    for number in numbers.clone() {
        let sending = client.transport.sender.send(text(&number.to_string()));
        let _ = tokio::time::timeout(std::time::Duration::from_millis(1), sending).await;
    }
    let last = async { client.transport.sender.send(text("last")).await.unwrap() };
    let received = async {
        for number in numbers {
            let received = daemon.transport.receiver.recv().await.unwrap();
            assert_eq!(received, text(&number.to_string()));
        }
        daemon.transport.receiver.recv().await.unwrap()
    };
    assert_eq!(tokio::join!(last, received).1, text("last"));
    assert_eq!(daemon.standing.now(), Freshness::Fresh);
}
