//! What comes instead of an upgrade.

use crate::frames::Act;

/// A row: what it is, and what is sent.
pub(crate) type Head = (&'static str, Vec<Act>);

fn bytes(text: &str) -> Act {
    Act::Bytes(text.as_bytes().to_vec())
}

fn endless(piece: &str, times: usize) -> Act {
    Act::Times(times, Box::new(bytes(piece)))
}

/// What goes on for ever after a first line.
fn without_end(line: &str) -> Vec<Head> {
    let header = endless("x: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n", 1_000_000);
    let value = endless(&"y".repeat(64 * 1024), 1000);
    vec![
        ("a head without end", vec![bytes(line), header]),
        (
            "one header without end",
            vec![bytes(line), bytes("x: "), value],
        ),
    ]
}

/// What a server says.
pub(crate) fn answers() -> Vec<Head> {
    let line = "HTTP/1.1 101 Switching Protocols\r\n";
    let mut answers = vec![
        ("nothing", Vec::new()),
        ("garbage", vec![Act::Bytes((0..=255).collect())]),
        (
            "a line without end",
            vec![bytes("HTTP/1.1 "), endless(&"1".repeat(64 * 1024), 1000)],
        ),
        (
            "a head that drips",
            vec![bytes(line), Act::Drip(b"x".to_vec())],
        ),
        (
            "an accept that does not fit",
            vec![
                bytes(line),
                bytes(
                    "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
                ),
            ],
        ),
        (
            "an upgrade to something else",
            vec![
                bytes(line),
                bytes("upgrade: h2c\r\nconnection: upgrade\r\n\r\n"),
            ],
        ),
        (
            "a redirect",
            vec![bytes(
                "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n",
            )],
        ),
        (
            "a body that is too short",
            vec![bytes(
                "HTTP/1.1 403 Forbidden\r\ncontent-length: 99999\r\n\r\nno",
            )],
        ),
        (
            "a body without end",
            vec![
                bytes("HTTP/1.1 500 Oops\r\ncontent-length: 18446744073709551615\r\n\r\n"),
                endless(&"\u{1b}[31m".repeat(10_000), 1000),
            ],
        ),
        (
            "two lengths",
            vec![bytes(
                "HTTP/1.1 400 Bad\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx",
            )],
        ),
        (
            "chunks that lie",
            vec![bytes(
                "HTTP/1.1 400 Bad\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffff\r\nx",
            )],
        ),
        (
            "an unauthorized",
            vec![bytes("HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n")],
        ),
        (
            "a status of letters",
            vec![bytes("HTTP/1.1 abc \u{1b}]0;x\u{7}\r\n\r\n")],
        ),
        ("HTTP/2", vec![bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")]),
        (
            "TLS",
            vec![Act::Bytes(b"\x15\x03\x03\x00\x02\x02\x28".to_vec())],
        ),
    ];
    answers.extend(without_end(line));
    answers
}

/// What a client asks.
pub(crate) fn requests() -> Vec<Head> {
    let line = "GET /ws?serverId=srv_planted1&role=client&v=2 HTTP/1.1\r\nhost: x\r\n";
    let upgrade = "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n";
    let mut requests = vec![
        ("garbage", vec![Act::Bytes((0..=255).collect())]),
        (
            "an address without end",
            vec![bytes("GET /"), endless(&"y".repeat(64 * 1024), 1000)],
        ),
        (
            "a key that is none",
            vec![
                bytes(line),
                bytes(upgrade),
                bytes("sec-websocket-key: \u{1b}[31m\r\n\r\n"),
            ],
        ),
        (
            "a version of tomorrow",
            vec![
                bytes(line),
                bytes(&upgrade.replace("13", "99")),
                bytes("\r\n"),
            ],
        ),
        (
            "a compression",
            vec![
                bytes(line),
                bytes(upgrade),
                bytes(
                    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-extensions: permessage-deflate\r\n\r\n\u{1}",
                ),
            ],
        ),
        (
            "two lengths",
            vec![bytes(
                "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx",
            )],
        ),
        (
            "a length and chunks",
            vec![bytes(
                "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            )],
        ),
        (
            "a body without end",
            vec![
                bytes("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9223372036854775807\r\n\r\n"),
                endless(&"x".repeat(64 * 1024), 1000),
            ],
        ),
        (
            "10 000 requests in one",
            vec![endless("GET /health HTTP/1.1\r\nhost: x\r\n\r\n", 10_000)],
        ),
        ("HTTP/2", vec![bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")]),
        (
            "TLS",
            vec![Act::Bytes(
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
            )],
        ),
        ("no host", vec![bytes("GET /ws HTTP/1.1\r\n\r\n")]),
    ];
    requests.extend(without_end(line));
    requests
}
