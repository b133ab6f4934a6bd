//! A way to a daemon on which every text that the daemon sends is spoilt.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use serde_json::Value;

use crate::injection::spoil;

/// A text in one frame (RFC 6455 section 5.2).
const WHOLE_TEXT: u8 = 0x81;

/// Listens until the test process ends.
pub(crate) struct Spoiler;

impl Spoiler {
    /// Leads to a daemon; returns where it listens.
    pub(crate) fn to(daemon: &str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let daemon = daemon.to_owned();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let daemon = TcpStream::connect(&daemon).unwrap();
                thread::spawn(move || carry(client, daemon));
            }
        });
        address
    }
}

fn carry(client: TcpStream, daemon: TcpStream) {
    let (mut from, mut to) = (client.try_clone().unwrap(), daemon.try_clone().unwrap());
    let up = thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    let _ = spoils(daemon, &client);
    let _ = client.shutdown(Shutdown::Both);
    up.join().unwrap();
}

/// Passes on the answer to the upgrade, and then frame after frame.
fn spoils(mut daemon: TcpStream, mut client: &TcpStream) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        daemon.read_exact(&mut byte)?;
        head.extend(byte);
    }
    client.write_all(&head)?;
    loop {
        let mut start = [0; 2];
        daemon.read_exact(&mut start)?;
        let mut payload = vec![0; length(start[1], &mut daemon)?];
        daemon.read_exact(&mut payload)?;
        if start[0] == WHOLE_TEXT
            && let Ok(mut frame) = serde_json::from_slice::<Value>(&payload)
        {
            spoil(&mut frame, "");
            payload = frame.to_string().into_bytes();
        }
        let length = (payload.len() as u64).to_be_bytes();
        client.write_all(&[&[start[0], 127], &length[..], &payload].concat())?;
    }
}

fn length(short: u8, daemon: &mut TcpStream) -> io::Result<usize> {
    let mut bytes = [0; 8];
    let from = match short {
        126 => 6,
        127 => 0,
        short => return Ok(short.into()),
    };
    daemon.read_exact(&mut bytes[from..])?;
    Ok(u64::from_be_bytes(bytes) as usize)
}
