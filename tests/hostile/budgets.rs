//! Strangers who hold memory, places and processors of a daemon, and the right client meanwhile.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::{ClientRequestBuilder, Message, accept_hdr, client};

use crate::other_users::{NOBODY, as_user, can_change_users};
use crate::process::{Server, paseo};

const MIB: usize = 1024 * 1024;
/// What is sent of a message that never ends.
const UNFINISHED: usize = 24 * MIB;
/// Connections that each do so.
const SENDERS: usize = 16;
/// More than the program has, and a small part of what is sent.
const ROOM_KIB: u64 = 96 * 1024;
/// Within which the right client gets in. On a machine that does nothing else it takes a small part of a second, and
/// the promise is one second; other tests run beside this one.
const SOON: Duration = Duration::from_secs(5);

/// A daemon, and where it listens.
fn daemon(home: &Path, more: &[&str]) -> (Server, String) {
    let args = [&["daemon", "run", "--listen", "127.0.0.1:0"], more].concat();
    let server = Server::start(paseo(home, &args), "ready");
    let pid = std::fs::read_to_string(home.join(".paseo/paseo.pid")).unwrap();
    let pid: Value = serde_json::from_str(&pid).unwrap();
    (server, pid["listen"].as_str().unwrap().to_owned())
}

/// First bytes of a frame: of a message, and of a ping, which may not be long.
const BINARY: u8 = 0x82;
const PING: u8 = 0x89;

/// Sends the beginning of a frame, as far as the other side takes it.
fn never_ends(stream: &mut TcpStream, first: u8, masked: bool) {
    let flag = if masked { 0x80 } else { 0 };
    let mut head = vec![first, flag | 127];
    head.extend((32 * MIB as u64 - 1).to_be_bytes());
    head.extend(&[0; 4][..if masked { 4 } else { 0 }]);
    let piece = vec![b'x'; MIB];
    stream
        .set_write_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    let _ = stream.write_all(&head);
    for _ in 0..UNFINISHED / MIB {
        if stream.write_all(&piece).is_err() {
            return;
        }
    }
    thread::sleep(Duration::from_secs(1));
}

/// Opens a session, as a client does that knows the password. Returns how long it took. A socket that made room, or whose
/// password did, is opened again, and the time goes on.
fn gets_in(address: &str, password: Option<&str>) -> Duration {
    let start = Instant::now();
    let mut tries = Vec::new();
    loop {
        match try_in(address, password) {
            Ok(()) => return start.elapsed(),
            Err(error) => tries.push((start.elapsed(), error)),
        }
        assert!(start.elapsed() < SOON, "{} tries: {tries:?}", tries.len());
    }
}

fn try_in(address: &str, password: Option<&str>) -> Result<(), String> {
    let stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let uri = format!("ws://{address}/ws").parse().unwrap();
    let mut request = ClientRequestBuilder::new(uri);
    if let Some(password) = password {
        request = request.with_sub_protocol(format!("paseo.bearer.{password}"));
    }
    let upgraded = client(request, stream).map_err(|error| format!("upgrade: {error}"))?;
    let mut socket = upgraded.0;
    let hello =
        json!({ "type": "hello", "clientId": "right", "clientType": "cli", "protocolVersion": 1 });
    let sent = socket.send(Message::text(hello.to_string()));
    let info = sent.and_then(|()| socket.read());
    match info.map_err(|error| error.to_string())? {
        Message::Text(info) if info.contains("server_info") => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

#[test]
fn clients_that_have_not_said_hello_hold_next_to_nothing() {
    let home = tempfile::tempdir().unwrap();
    let (mut daemon, address) = daemon(home.path(), &[]);
    thread::scope(|scope| {
        for n in 0..SENDERS {
            let address = &address;
            scope.spawn(move || {
                let stream = TcpStream::connect(address).unwrap();
                let mut raw = stream.try_clone().unwrap();
                let _open = client(format!("ws://{address}/ws"), stream).unwrap();
                never_ends(&mut raw, [BINARY, PING][n % 2], true);
            });
        }
    });
    let kib = daemon.peak();
    println!("a daemon has had at most {kib} KiB: unfinished messages of strangers");
    assert!(kib < ROOM_KIB, "{kib} KiB");
    daemon.is_well("unfinished messages of strangers");
}

/// A relay that announces clients, and sends messages without end in their place.
#[test]
fn clients_that_a_relay_makes_up_hold_next_to_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let relay = listener.local_addr().unwrap().to_string();
    let done = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&done);
    thread::spawn(move || {
        let sent = Arc::new(AtomicUsize::new(0));
        for stream in listener.incoming().flatten() {
            let (sent, done) = (Arc::clone(&sent), Arc::clone(&counts));
            thread::spawn(move || made_up(stream, &sent, &done));
        }
    });
    let home = tempfile::tempdir().unwrap();
    let (mut daemon, _) = daemon(home.path(), &["--relay", &relay]);
    let start = Instant::now();
    while done.load(Ordering::SeqCst) < SENDERS {
        assert!(
            start.elapsed() < Duration::from_secs(90),
            "the daemon did not come"
        );
        thread::sleep(Duration::from_millis(50));
    }
    let kib = daemon.peak();
    println!("a daemon has had at most {kib} KiB: unfinished messages of a relay");
    assert!(kib < ROOM_KIB, "{kib} KiB");
    daemon.is_well("unfinished messages of a relay");
}

fn made_up(stream: TcpStream, sent: &AtomicUsize, done: &AtomicUsize) {
    let mut raw = stream.try_clone().unwrap();
    let mut is_data = false;
    #[expect(clippy::result_large_err, reason = "the type is the library's")]
    let look = |request: &Request, response: Response| {
        is_data = request
            .uri()
            .query()
            .is_some_and(|query| query.contains("connectionId"));
        Ok(response)
    };
    let Ok(mut socket) = accept_hdr(stream, look) else {
        return;
    };
    if is_data {
        let kind = [BINARY, PING][sent.fetch_add(1, Ordering::SeqCst) % 2];
        never_ends(&mut raw, kind, false);
        done.fetch_add(1, Ordering::SeqCst);
        return;
    }
    let ids: Vec<_> = (0..SENDERS).map(|n| format!("conn_{n}")).collect();
    let sync = json!({ "type": "sync", "connectionIds": ids });
    socket.send(Message::text(sync.to_string())).unwrap();
    while socket.read().is_ok() {}
}

#[test]
fn idle_sockets_do_not_keep_the_right_client_out() {
    let home = tempfile::tempdir().unwrap();
    let (mut daemon, address) = daemon(home.path(), &[]);
    let idle: Vec<_> = (0..700)
        .filter_map(|_| TcpStream::connect(&address).ok())
        .collect();
    assert!(idle.len() > 600, "{}", idle.len());
    let took = gets_in(&address, None);
    println!(
        "the right client got in after {took:?}, beside {} idle sockets",
        idle.len()
    );
    assert!(took < SOON, "{took:?}");
    daemon.is_well("idle sockets");
}

/// A daemon that keeps the hash of the password `right`.
fn with_a_hash(home: &Path) -> (Server, String) {
    let hash = bcrypt::hash("right", 12).unwrap();
    let config = json!({ "version": 1, "daemon": { "auth": { "password": hash }, "relay": { "enabled": false } } });
    let dir = home.join(".paseo");
    std::fs::create_dir(&dir).unwrap();
    private(&dir, 0o700);
    std::fs::write(dir.join("config.json"), config.to_string()).unwrap();
    private(&dir.join("config.json"), 0o600);
    daemon(home, &[])
}

/// Guesses as fast as it can, each another one, and leaves before any is answered.
const DISTINCT: &str = r#"
while :; do
  fds=()
  for i in {1..20}; do
    exec {fd}<>"/dev/tcp/$0/$1" || continue
    fds+=("$fd")
    printf 'GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: paseo.bearer.%s-%s\r\n\r\n' "$2" "$((n += 1))" >&"$fd"
  done
  sleep 0.2
  for fd in "${fds[@]}"; do exec {fd}>&-; done
done"#;

/// Ends with this value.
struct Guesser(Child);

impl Drop for Guesser {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whoever hangs up has never been told to be wrong. Still the turns are fair between users of this machine.
#[test]
fn distinct_guesses_of_another_user_do_not_keep_the_right_client_out() {
    if !can_change_users() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let (mut daemon, address) = with_a_hash(home.path());
    // How long one hash takes here and now.
    let start = Instant::now();
    guesses(&address);
    let hash = start.elapsed();
    let (host, port) = address.rsplit_once(':').unwrap();
    let _guessers: Vec<_> = ["a", "b", "c"]
        .into_iter()
        .map(|name| {
            let mut bash = Command::new("bash");
            bash.args(["-c", DISTINCT, host, port, name]);
            let mut bash = as_user(NOBODY, &bash);
            Guesser(bash.stderr(Stdio::null()).spawn().unwrap())
        })
        .collect();
    thread::sleep(Duration::from_secs(3));
    let took = gets_in(&address, Some("right"));
    println!(
        "the right client got in after {took:?}, beside distinct guesses of another user; a hash takes {hash:?}"
    );
    // The hash that is being made, and its own.
    assert!(took < SOON + 4 * hash, "{took:?}, {hash:?}");
    daemon.is_well("distinct guesses");
}

#[test]
fn wrong_guessers_do_not_keep_the_right_client_out() {
    let home = tempfile::tempdir().unwrap();
    let (mut daemon, address) = with_a_hash(home.path());
    for _ in 0..200 {
        let address = address.clone();
        // They go on until the test process ends.
        thread::spawn(move || {
            while TcpStream::connect(&address).is_ok() {
                guesses(&address);
            }
        });
    }
    thread::sleep(Duration::from_secs(3));
    let took: Vec<_> = (0..3).map(|_| gets_in(&address, Some("right"))).collect();
    println!("the right client got in after {took:?}, beside 200 who guess");
    assert!(took.iter().all(|took| *took < SOON), "{took:?}");
    daemon.is_well("wrong guessers");
    assert!(
        daemon.said().contains("a wrong password"),
        "{}",
        daemon.said()
    );
    assert!(!daemon.said().contains("guessed"), "a guess is in the log");
}

fn guesses(address: &str) {
    let Ok(stream) = TcpStream::connect(address) else {
        return;
    };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(20)));
    let uri = format!("ws://{address}/ws").parse().unwrap();
    let request = ClientRequestBuilder::new(uri).with_sub_protocol("paseo.bearer.guessed");
    let raw = stream.try_clone().unwrap();
    if client(request, stream).is_ok() {
        let _ = (&raw).read(&mut [0; 256]);
    }
}

fn private(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}
