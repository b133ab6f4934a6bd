//! The key of a channel is gone from the memory of both ends once they have done with it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use dryoc::classic::crypto_box::crypto_box_beforenm;
use serde_json::Value;

use crate::process_memory::found;
use crate::road::Way;
use crate::tool::skip;
use crate::watcher::Watcher;
use crate::world::{World, until};

/// A piece of a road that notes what clients say.
struct Tap {
    port: u16,
    said: Arc<Mutex<Vec<u8>>>,
}

impl Tap {
    fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let tap = Self {
            port: listener.local_addr().unwrap().port(),
            said: Arc::default(),
        };
        let said = Arc::clone(&tap.said);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(far) = TcpStream::connect(("127.0.0.1", port)) else {
                    continue;
                };
                said.lock().unwrap().clear();
                let said = Arc::clone(&said);
                let (from, to) = (client.try_clone().unwrap(), far.try_clone().unwrap());
                thread::spawn(move || pass(from, &to, |bytes| said.lock().unwrap().extend(bytes)));
                thread::spawn(move || pass(far, &client, |_| {}));
            }
        });
        tap
    }

    /// The client's key, in the `e2ee_hello` that is its first frame.
    fn client_key(&self) -> [u8; 32] {
        let said = self.said.lock().unwrap();
        let head = said.windows(4).position(|end| end == b"\r\n\r\n").unwrap();
        // A text frame of less than 126 bytes, with its mask.
        let frame = &said[head + 4..];
        assert_eq!(frame[0], 0x81);
        let length = usize::from(frame[1] & 0x7f);
        let (mask, payload) = (&frame[2..6], &frame[6..6 + length]);
        let bytes = payload.iter().zip(mask.iter().cycle());
        let hello: Vec<u8> = bytes.map(|(byte, mask)| byte ^ mask).collect();
        let hello: Value = serde_json::from_slice(&hello).unwrap();
        assert_eq!(hello["type"], "e2ee_hello");
        key(&hello["key"])
    }
}

fn pass(mut from: TcpStream, mut to: &TcpStream, mut note: impl FnMut(&[u8])) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        note(&buffer[..length]);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

fn key(base64: &Value) -> [u8; 32] {
    let text = base64.as_str().unwrap();
    let bytes = base64_simd::STANDARD.decode_to_vec(text).unwrap();
    bytes.try_into().unwrap()
}

#[test]
fn the_key_of_a_channel_is_wiped_after_use() {
    if !rustix::process::geteuid().is_root() {
        skip("only root can read the memory of a command of ours");
        return;
    }
    let world = World::new();
    let tap = Tap::to(world.road.port);
    world.saves("tapped", tap.port);
    let agent = world.agent("emit 1");
    let watching = ["-r", "tapped", "attach", &agent, "--json"];
    let watcher = Watcher::start(&world, &watching);
    let seen = || {
        watcher
            .items()
            .iter()
            .any(|(_, text)| text.contains("Done."))
    };
    until("it watches", seen);
    let pair = std::fs::read(world.dir.path().join("daemon/daemon-keypair.json")).unwrap();
    let pair: Value = serde_json::from_slice(&pair).unwrap();
    let (secret, public) = (key(&pair["secretKeyB64"]), key(&pair["publicKeyB64"]));
    let channel = crypto_box_beforenm(&tap.client_key(), &secret).unwrap();
    let client = watcher.pid().as_raw_nonzero().get().unsigned_abs();
    let (daemon, relay) = (world.daemon_pid(), world.relay_pid());
    for (name, pid) in [("client", client), ("daemon", daemon)] {
        assert!(found(pid, channel) > 0, "{name}: the search finds nothing");
    }
    // What is in use is there; the forms that it was read in are gone.
    assert!(found(client, public) > 0 && found(daemon, secret) > 0);
    assert_eq!(found(client, pair["publicKeyB64"].as_str().unwrap()), 0);
    assert_eq!(found(daemon, pair["secretKeyB64"].as_str().unwrap()), 0);
    // A relay never had any of it.
    for never in [channel, public, secret] {
        assert_eq!(found(relay, never), 0);
    }
    world.road.becomes(Way::Cut);
    until("the daemon has closed it", || found(daemon, channel) == 0);
    world.road.becomes(Way::Whole);
    until("the client has another one", || found(client, channel) == 0);
    assert!(watcher.said().contains("connected again"));
}
