//! `forward` goes on when its connections break; whoever uses it connects again, to the same place.

use std::io::{Read, Write};
use std::process::Stdio;
use std::time::Duration;

use crate::attach::{Fault, survives_in};
use crate::road::Way;
use crate::server::Server;
use crate::world::{World, until};

#[test]
fn who_watches_through_it_loses_nothing() {
    let mut world = World::new();
    let socket = world.dir.path().join("far.sock").display().to_string();
    let listen = format!("unix:{socket}");
    let mut forward = world.command(&["-r", "work", "forward", "--listen", &listen]);
    forward.stdout(Stdio::null()).stderr(Stdio::null());
    let forward = Server(forward.spawn().unwrap());
    until("it listens", || std::fs::exists(&socket).unwrap());
    let host = format!("unix://{socket}");
    let faults = [
        Fault::Drops(2),
        Fault::RelayRestarts,
        Fault::Becomes(Way::Cut, 1000),
    ];
    let reach = ["--host", host.as_str()];
    survives_in(
        &mut world,
        "through a forward",
        &reach,
        &["attach"],
        &faults,
    );
    drop(forward);
}

#[test]
fn one_on_standard_input_and_output_ends_with_its_connection() {
    let world = World::new();
    let mut forward = world.command(&["-r", "work", "forward", "--stdio"]);
    forward.stdin(Stdio::piped()).stdout(Stdio::piped());
    forward.stderr(Stdio::piped());
    let before = world.road.accepted();
    let mut forward = forward.spawn().unwrap();
    let upgrade = "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    let mut stdin = forward.stdin.take().unwrap();
    stdin.write_all(upgrade.as_bytes()).unwrap();
    let mut stdout = forward.stdout.take().unwrap();
    let mut head = [0; 12];
    stdout.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 101");
    // The daemon is connected to once a client has said hello: a masked text frame.
    let hello = br#"{"type":"hello","clientId":"c","clientType":"cli","protocolVersion":1}"#;
    let head = [0x81, 0x80 | u8::try_from(hello.len()).unwrap(), 0, 0, 0, 0];
    stdin.write_all(&[&head[..], hello].concat()).unwrap();
    // The first connection only looked whether the daemon is there.
    until("its own is there", || world.road.accepted() == before + 2);
    // It is open once nothing more of its handshakes passes.
    let mut carried = 0;
    until("it is open", || {
        std::thread::sleep(Duration::from_millis(500));
        std::mem::replace(&mut carried, world.road.carried()) == world.road.carried()
    });
    world.road.cut();
    // What used it sees the end, as of ssh -W; standard input is still open.
    let mut rest = Vec::new();
    stdout.read_to_end(&mut rest).unwrap();
    let mut status = None;
    until("it ends", || {
        status = forward.try_wait().unwrap();
        status.is_some()
    });
    drop(stdin);
    let output = forward.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains("the connection to the daemon was lost"),
        "{told}"
    );
    assert_eq!(output.status.code(), Some(7), "{told}");
}
