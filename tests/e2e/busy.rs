//! A daemon where much happens, and a client that looks at one agent of it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::server::Server;
use crate::world::World;

/// Between clients and the relay: counts the bytes that come to the clients.
struct Meter {
    address: String,
    bytes: Arc<AtomicUsize>,
}

impl Meter {
    fn before(relay: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let bytes = Arc::<AtomicUsize>::default();
        let (counted, relay) = (Arc::clone(&bytes), relay.to_owned());
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, relay) = (client.unwrap(), TcpStream::connect(&relay).unwrap());
                let (up, down) = (client.try_clone().unwrap(), relay.try_clone().unwrap());
                std::thread::spawn(move || copy(up, relay, &AtomicUsize::new(0)));
                let counted = Arc::clone(&counted);
                std::thread::spawn(move || copy(down, client, &counted));
            }
        });
        Self { address, bytes }
    }

    fn count(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream, count: &AtomicUsize) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        count.fetch_add(length, Ordering::Relaxed);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

#[test]
fn only_the_agent_that_is_shown_is_sent() {
    const PIECES: usize = 5000;
    let world = World::new(&["mock=mock:"]);
    let meter = Meter::before(&world.address);
    let offer = std::fs::read_to_string(world.dir().join("offer.json")).unwrap();
    let metered = offer.replace(&world.address, &meter.address);
    assert_ne!(metered, offer);
    std::fs::write(world.dir().join("metered.json"), metered).unwrap();
    let cwd = world.cwd();
    let new = |prompt: &str| {
        let ran = world.remote(0, &["run", "--provider", "mock", "--cwd", &cwd, prompt]);
        ran["agentId"].as_str().unwrap().to_owned()
    };
    let (quiet, busy) = (new("think"), new("think"));

    // Watches an agent through the meter while the busy one talks; returns the bytes that came.
    let watched = |id: &str| {
        let line = ["attach", "--json", id, "--relay", "metered.json"];
        let mut attach = world.command(&line);
        let mut child = attach
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let _server = Server(child);
        let mut until = |word: &str| {
            for line in lines.by_ref() {
                let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
                if line.to_string().contains(word) {
                    return;
                }
            }
            panic!("attach ended before {word}");
        };
        until("Done.");
        let before = meter.count();
        world.remote(0, &["send", &busy, &format!("emit {PIECES}")]);
        world.remote(0, &["send", id, "todo"]);
        until("leap");
        meter.count() - before
    };
    let (other, own) = (watched(&quiet), watched(&busy));
    println!(
        "{PIECES} pieces: {other} bytes to who watches another agent, {own} to who watches that one"
    );
    assert!(own > PIECES * 100, "{own}");
    assert!(other < 32 * 1024, "{other}");
}
