//! The encrypted channel, each side of it against frames that a relay makes up.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::time::Instant;

use crate::e2ee::{Channel, Responder, SecretKey, accept, connect};
use crate::transport::memory::pair;
use crate::transport::{Closed, Frame};

/// Ends a frame of the input.
const END: u8 = b'\n';
/// Most frames of an input.
const MOST: usize = 256;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder
        .enable_time()
        .build()
        .expect("a runtime of one thread")
});

/// The first byte says which side is attacked and whether an honest handshake comes before; the rest are
/// frames, one to a line, text or binary by their first byte. Nothing that was not sealed comes through.
pub(crate) fn channel(bytes: &[u8]) {
    let Some((how, rest)) = bytes.split_first() else {
        return;
    };
    let frames = rest.split(|byte| *byte == END).take(MOST).map(frame);
    RUNTIME.block_on(attack(how & 1 == 0, how & 2 == 0, frames.collect()));
}

fn frame(line: &[u8]) -> Frame {
    match line.split_first() {
        Some((b'b', rest)) => Frame::Binary(rest.to_vec().into()),
        _ => Frame::Text(String::from_utf8_lossy(line).into_owned()),
    }
}

async fn attack(daemon: bool, greeted: bool, frames: Vec<Frame>) {
    let (mut wire, attacked) = pair(2 * MOST);
    let key = SecretKey::from_bytes(&[0x17; 32]);
    let deadline = Instant::now() + Duration::from_secs(5);
    if greeted {
        let honest = match daemon {
            // A low-level hello and a ready of our own making would do; this is what a recording holds.
            true => r#"{"type":"e2ee_hello","key":"hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="}"#,
            false => r#"{"type":"e2ee_ready","capabilities":{"binaryCiphertext":true}}"#,
        };
        let _ = wire.sender.send(Frame::Text(honest.to_owned())).await;
    }
    for frame in frames {
        let _ = wire.sender.send(frame).await;
    }
    wire.sender.close(Closed::default()).await;
    let opened: Option<Channel> = match daemon {
        true => {
            let responder = Arc::new(Responder::new(key));
            accept(attacked, &responder, deadline).await.ok()
        }
        false => connect(attacked, &key.public_key(), deadline).await.ok(),
    };
    if let Some(mut channel) = opened {
        let received = channel.transport.receiver.recv().await;
        assert!(received.is_err(), "a forged frame came through");
        assert!(!channel.proof.is_given());
    }
}
