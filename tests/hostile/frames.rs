//! What is done on an open WebSocket, by either side.

use std::io::{self, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A thing that is sent.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// A frame: its first byte (flags and opcode), and its content.
    Frame(u8, Vec<u8>),
    /// A frame that says it has so many bytes, and has none.
    Claim(u8, u64),
    /// A frame that is masked where it must not be, or is not where it must.
    WrongMask(Vec<u8>),
    /// Bytes as they are.
    Bytes(Vec<u8>),
    /// The same again, so many times.
    Times(usize, Box<Act>),
    /// Bytes now and then, for longer than a client may wait.
    Drip(Vec<u8>),
}

/// A row.
pub(crate) struct Fault {
    pub(crate) name: String,
    pub(crate) acts: Vec<Act>,
    /// Exit statuses of a client that meets it on a direct road, before the daemon has introduced itself.
    pub(crate) direct: &'static [i32],
    /// … through a relay, before the channel is open.
    pub(crate) relay: &'static [i32],
}

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const DRIP_EVERY: Duration = Duration::from_millis(200);
/// 12 s of them.
const DRIPS: usize = 60;
const MIB: usize = 1024 * 1024;

/// Every row. The exit statuses are those of `Exit`: 4 password, 5 trust, 6 unreachable, 7 daemon offline,
/// 8 timeout, 14 incompatible. A row that names none ends with 7 on a direct road, with 6 through a relay.
pub(crate) fn faults() -> Vec<Fault> {
    let mut rows = vec![
        row("a frame of 4 EiB", [Act::Claim(BINARY, 1 << 62)]),
        row(
            "a text of 100 MiB",
            [Act::Claim(TEXT, 100 * MIB as u64), endless(100)],
        ),
        row(
            "100 MiB in pieces",
            [
                Act::Frame(0x01, Vec::new()),
                Act::Times(100, Box::new(Act::Frame(0x00, vec![b'x'; MIB]))),
            ],
        )
        .slow(),
        row(
            "a string of 20 MiB",
            [text(&format!(r#"{{"type":"{}"}}"#, "x".repeat(20 * MIB)))],
        )
        .slow(),
        row(
            "100 000 pings",
            [Act::Times(
                100_000,
                Box::new(Act::Frame(PING, vec![0; 125])),
            )],
        )
        .slow(),
        row(
            "100 000 pieces of nothing",
            [
                Act::Frame(0x01, Vec::new()),
                Act::Times(100_000, Box::new(Act::Frame(0x00, Vec::new()))),
            ],
        )
        .slow(),
        row("a reserved opcode", [Act::Frame(0x83, Vec::new())]),
        row("a compressed bomb", [Act::Frame(0xc1, bomb())]),
        row("the wrong masking", [Act::WrongMask(b"hi".to_vec())]),
        row("a ping that is too long", [Act::Frame(PING, vec![0; 200])]),
        row("a ping in pieces", [Act::Frame(0x09, Vec::new())]),
        row("a piece of nothing", [Act::Frame(0x80, b"x".to_vec())]),
        row(
            "a text in a text",
            [Act::Frame(0x01, b"x".to_vec()), text("y")],
        ),
        row(
            "text that is no UTF-8",
            [Act::Frame(TEXT, vec![0xff, 0xfe])],
        ),
        row("garbage", [Act::Bytes(vec![0xff; 64])]),
        row("a close of one byte", [Act::Frame(CLOSE, vec![3])]),
        row(
            "a close with half a letter",
            [Act::Frame(CLOSE, vec![3, 0xe8, 0xc3])],
        ),
        row("an empty text", [text("")]),
        row("JSON 100 000 deep", [text(&"[".repeat(100_000))]),
        row("a message 100 000 deep", [session(&"[".repeat(100_000))]),
        row(
            "keys twice",
            [text(
                r#"{"type":"session","type":"hello","message":1,"message":{}}"#,
            )],
        ),
        row(
            "numbers out of range",
            [session(
                r#"{"type":"pong","payload":{"serverReceivedAt":1e999}}"#,
            )],
        ),
        row(
            "unknown types",
            [
                text(r#"{"type":"tomorrow"}"#),
                session(r#"{"type":"of.tomorrow","payload":{}}"#),
            ],
        ),
        row("binary junk", [Act::Frame(BINARY, (0..=255).collect())]),
        row(
            "a terminal of nobody",
            [Act::Frame(BINARY, vec![0x04, 0xff, b'{'])],
        ),
        row(
            "10 000 hellos",
            [Act::Times(
                10_000,
                Box::new(text(r#"{"type":"e2ee_hello","key":"x"}"#)),
            )],
        )
        .relay(&[5]),
        row(
            "10 000 readies",
            [Act::Times(
                10_000,
                Box::new(text(r#"{"type":"e2ee_ready"}"#)),
            )],
        )
        .relay(&[5]),
        row("a key of low order", [text(&hello(&[0; 32]))]),
        row(
            "plaintext after ready",
            [text(r#"{"type":"e2ee_ready"}"#), session(r#"{"type":"x"}"#)],
        )
        .relay(&[5]),
        row(
            "a frame that drips",
            [Act::Claim(TEXT, 1000), Act::Drip(b"x".to_vec())],
        )
        .direct(&[8])
        .relay(&[7]),
    ];
    let ours = [
        1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1011, 1012, 1013, 1015, 2999, 3000,
    ];
    let session = [4001, 4002, 4003, 4401, 4999, 5, 65535];
    for code in ours.into_iter().chain(session) {
        let row = row(&format!("a close with {code}"), [close(code)]).relay(&[7]);
        rows.push(match code {
            4003 => row.direct(&[14]),
            4401 => row.direct(&[4]),
            _ => row,
        });
    }
    rows
}

fn row<const N: usize>(name: &str, acts: [Act; N]) -> Fault {
    Fault {
        name: name.to_owned(),
        acts: acts.into(),
        direct: &[7],
        relay: &[6],
    }
}

impl Fault {
    fn direct(self, direct: &'static [i32]) -> Self {
        Self { direct, ..self }
    }

    /// It takes so long to say that on a busy machine the deadline may come first.
    fn slow(self) -> Self {
        self.direct(&[7, 8]).relay(&[6, 7])
    }

    fn relay(self, relay: &'static [i32]) -> Self {
        Self { relay, ..self }
    }
}

fn text(text: &str) -> Act {
    Act::Frame(TEXT, text.as_bytes().to_vec())
}

fn session(message: &str) -> Act {
    text(&format!(r#"{{"type":"session","message":{message}}}"#))
}

fn close(code: u16) -> Act {
    Act::Frame(CLOSE, [&code.to_be_bytes()[..], b"\x1b[31mbye"].concat())
}

fn endless(mib: usize) -> Act {
    Act::Times(mib, Box::new(Act::Bytes(vec![b'x'; MIB])))
}

pub(crate) fn hello(key: &[u8]) -> String {
    let key = base64_simd::STANDARD.encode_to_string(key);
    format!(r#"{{"type":"e2ee_hello","key":"{key}"}}"#)
}

/// Raw deflate: a stored beginning, and then blocks that each stand for a great many zeros.
fn bomb() -> Vec<u8> {
    let block = [
        0xec, 0xc1, 0x01, 0x01, 0x00, 0x00, 0x00, 0x80, 0x90, 0xfe, 0xaf, 0xee, 0x08, 0x0a,
    ];
    block.repeat(10_000)
}

impl Act {
    /// Does it, with or without the mask that clients use. Ends early when the other side does.
    pub(crate) fn play(&self, stream: &mut TcpStream, masked: bool) -> io::Result<()> {
        match self {
            Self::Frame(first, content) => {
                let mut bytes = head(*first, content.len() as u64, masked);
                bytes.extend(content);
                stream.write_all(&bytes)
            }
            Self::Claim(first, length) => stream.write_all(&head(*first, *length, masked)),
            Self::WrongMask(content) => {
                let mut bytes = head(TEXT, content.len() as u64, !masked);
                bytes.extend(content);
                stream.write_all(&bytes)
            }
            Self::Bytes(bytes) => stream.write_all(bytes),
            Self::Times(times, act) => (0..*times).try_for_each(|_| act.play(stream, masked)),
            Self::Drip(bytes) => (0..DRIPS).try_for_each(|_| {
                std::thread::sleep(DRIP_EVERY);
                stream.write_all(bytes)
            }),
        }
    }
}

/// The head of a frame. The mask is zero, so that the content stays what it is.
fn head(first: u8, length: u64, masked: bool) -> Vec<u8> {
    let flag = if masked { 0x80 } else { 0 };
    let mut head = vec![first];
    match length {
        0..126 => head.push(flag | length as u8),
        126..=0xffff => {
            head.push(flag | 126);
            head.extend((length as u16).to_be_bytes());
        }
        _ => {
            head.push(flag | 127);
            head.extend(length.to_be_bytes());
        }
    }
    if masked {
        head.extend([0; 4]);
    }
    head
}
