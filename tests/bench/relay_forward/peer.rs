//! Peers that cost next to nothing: they know just enough of WebSocket to be let in and to count frames.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A client and its daemon's data socket, after their upgrades.
pub(crate) struct Pair {
    pub(crate) client: TcpStream,
    pub(crate) daemon: TcpStream,
    /// Whether what the client sends comes as it was sent, masked (there is no server between).
    pub(crate) direct: bool,
}

/// Every client's mask: as good as any, and undone here without work.
const MASK: [u8; 4] = [0x5a, 0xa5, 0x3c, 0xc3];

/// Opens pairs, a few at a time.
pub(crate) async fn pairs(address: SocketAddr, count: usize) -> Vec<Pair> {
    let mut pairs = Vec::with_capacity(count);
    let mut opening = JoinSet::new();
    while pairs.len() < count {
        while opening.len() < 32 && opening.len() + pairs.len() < count {
            opening.spawn(pair(address));
        }
        pairs.push(opening.join_next().await.unwrap().unwrap());
    }
    pairs
}

/// Opens pairs that send a frame of 1 KiB each way, as real ones do at least.
pub(crate) async fn pairs_that_talked(address: SocketAddr, count: usize) -> Vec<Pair> {
    let mut pairs = pairs(address, count).await;
    for pair in &mut pairs {
        pair.hello(1024).await;
    }
    pairs
}

/// Opens pairs that have no server between them.
pub(crate) async fn direct_pairs(count: usize) -> Vec<Pair> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut pairs = Vec::with_capacity(count);
    for _ in 0..count {
        let address = listener.local_addr().unwrap();
        let (client, daemon) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (client, daemon) = (client.unwrap(), daemon.unwrap().0);
        client.set_nodelay(true).unwrap();
        pairs.push(Pair {
            client,
            daemon,
            direct: true,
        });
    }
    pairs
}

/// Opens a pair.
pub(crate) async fn pair(address: SocketAddr) -> Pair {
    let id = uuid::Uuid::new_v4();
    let client = format!("serverId={id}&role=client&v=2&connectionId=x");
    let client = open(address, &client).await;
    let daemon = format!("serverId={id}&role=server&v=2&connectionId=x");
    let daemon = open(address, &daemon).await;
    Pair {
        client,
        daemon,
        direct: false,
    }
}

async fn open(address: SocketAddr, query: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let request = format!(
        "GET /ws?{query} HTTP/1.1\r\nhost: {address}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 1024];
    let mut size = 0;
    while !answer[..size].ends_with(b"\r\n\r\n") {
        match stream.read(&mut answer[size..]).await.unwrap() {
            0 => panic!("closed: {}", String::from_utf8_lossy(&answer[..size])),
            more => size += more,
        }
    }
    assert!(answer.starts_with(b"HTTP/1.1 101 "));
    stream
}

impl Pair {
    /// Sends a frame each way and waits for both.
    pub(crate) async fn hello(&mut self, size: usize) {
        let mut arrived = vec![0; arriving_bytes(size, self.direct)];
        let frame = frame(size, 0);
        self.client.write_all(&frame).await.unwrap();
        self.daemon.read_exact(&mut arrived).await.unwrap();
        self.daemon.write_all(&frame).await.unwrap();
        self.client.read_exact(&mut arrived).await.unwrap();
        assert_eq!(number(&arrived, self.direct), 0);
    }
}

/// Makes a binary frame of a client, whose payload begins with a number and is at least 8 bytes long.
pub(crate) fn frame(size: usize, number: u64) -> Vec<u8> {
    let mut bytes = header(size, 0x80);
    bytes.extend_from_slice(&MASK);
    let start = bytes.len();
    bytes.extend_from_slice(&number.to_be_bytes());
    bytes.resize(start + size, b'x');
    mask(&mut bytes[start..]);
    bytes
}

/// Writes another number into a frame.
pub(crate) fn renumber(frame: &mut [u8], number: u64) {
    let start = header_bytes(frame) + MASK.len();
    frame[start..start + 8].copy_from_slice(&number.to_be_bytes());
    mask(&mut frame[start..start + 8]);
}

/// Returns the number of a frame as it arrives.
pub(crate) fn number(arrived: &[u8], direct: bool) -> u64 {
    let start = header_bytes(arrived) + if direct { MASK.len() } else { 0 };
    let mut number: [u8; 8] = arrived[start..start + 8].try_into().unwrap();
    if direct {
        mask(&mut number);
    }
    u64::from_be_bytes(number)
}

/// Returns how long a frame is when it arrives.
pub(crate) fn arriving_bytes(size: usize, direct: bool) -> usize {
    header(size, 0).len() + size + if direct { MASK.len() } else { 0 }
}

fn mask(bytes: &mut [u8]) {
    for (byte, mask) in bytes.iter_mut().zip(MASK.iter().cycle()) {
        *byte ^= mask;
    }
}

fn header(size: usize, masked: u8) -> Vec<u8> {
    let mut bytes = vec![0x82];
    match size {
        0..126 => bytes.push(masked | size as u8),
        126..65_536 => {
            bytes.push(masked | 126);
            bytes.extend_from_slice(&(size as u16).to_be_bytes());
        }
        _ => {
            bytes.push(masked | 127);
            bytes.extend_from_slice(&(size as u64).to_be_bytes());
        }
    }
    bytes
}

fn header_bytes(frame: &[u8]) -> usize {
    match frame[1] & 0x7f {
        126 => 4,
        127 => 10,
        _ => 2,
    }
}
