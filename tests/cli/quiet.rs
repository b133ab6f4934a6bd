//! `forward` and `relay serve` say where they listen, and log nothing unless they are asked to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

use crate::built_in::BuiltIn;
use crate::sandbox::{Sandbox, binary};

/// Starts a server, lets clients come and go in every way, and returns what it said on both streams.
fn served(sandbox: &Sandbox, args: &[&str], marker: &str) -> (String, String) {
    let mut command = sandbox.command(binary().as_os_str());
    command.args(args).env("NO_COLOR", "1");
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines
        .by_ref()
        .map(Result::unwrap)
        .find(|line| line.contains(marker))
        .unwrap();
    let address = line.split(marker).nth(1).unwrap();
    let end = address.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':'));
    let address = &address[..end.unwrap_or(address.len())];
    const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nHost: localhost\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    for request in [
        String::new(),
        "nonsense\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".to_owned(),
        format!("GET /ws HTTP/1.1\r\n{UPGRADE}"),
        format!("GET /ws?serverId=srv_a&role=server&v=2 HTTP/1.1\r\n{UPGRADE}"),
    ] {
        let mut client = TcpStream::connect(address).unwrap();
        let limit = Some(std::time::Duration::from_millis(300));
        client.set_read_timeout(limit).unwrap();
        client.write_all(request.as_bytes()).unwrap();
        let _ = client.read(&mut [0; 1024]);
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let said = child.wait_with_output().unwrap().stderr;
    (line, String::from_utf8(said).unwrap())
}

#[test]
fn servers_are_quiet_unless_they_are_asked() {
    let sandbox = Sandbox::new();
    let daemon = BuiltIn::start(&sandbox, &[]);
    let forward = ["--host", &daemon.address, "forward"];
    let open = ["--host", &daemon.address, "forward", "--no-password"];
    let relay = ["relay", "serve", "--listen", "127.0.0.1:0"];
    for (args, marker) in [
        (&forward[..], "tcp://"),
        (&open, "PASEO_HOST='"),
        (&relay, "ws://"),
    ] {
        let (_, said) = served(&sandbox, args, marker);
        assert_eq!(said, "", "{args:?}");
        let (_, said) = served(&sandbox, &[args, &["-v"]].concat(), marker);
        assert!(said.contains("INFO"), "{args:?}: {said}");
    }
    // The password is what must be said.
    let (line, _) = served(&sandbox, &forward, "tcp://");
    assert!(line.contains("?password="), "{line}");
}
