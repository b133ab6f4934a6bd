//! The decoder of WebSocket frames beside tungstenite, which is the oracle.

use std::io::{self, Read, Write};
use std::sync::Arc;

use bytes::BufMut;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::decode::Decoder;
use super::frame::{Frame, Kind};
use super::holder::{Booking, Holder};
use super::wire::End;

/// Largest message of a comparison, in bytes.
pub(super) const LIMIT: usize = 200_000;

/// The first byte says how the rest is cut. The same messages come out of it however it is cut, those that
/// tungstenite reads, up to what only we refuse; and nothing stays booked.
pub(crate) fn frames(bytes: &[u8]) {
    let Some((piece, input)) = bytes.split_first() else {
        return;
    };
    let holder = Holder::alone(usize::MAX);
    let cut = ours(input, &[usize::from(*piece), 3], &holder);
    assert_eq!(cut, ours(input, &[usize::MAX], &holder));
    assert_eq!(holder.booked_bytes(), 0, "booked by nobody");
    let expected = reference(input).0;
    match cut.2 {
        // A control frame whose length is written as a long one, for instance.
        Some(1002) => assert!(expected.starts_with(&cut.0)),
        _ => assert_eq!(cut.0, expected),
    }
}

/// Everything at once for tungstenite.
struct Whole<'a>(&'a [u8], Vec<u8>);

impl Read for Whole<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }
}

impl Write for Whole<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Messages, answers, and how it ends.
pub(super) type Seen = (Vec<(Kind, Vec<u8>)>, Vec<u8>, Option<u16>);

/// Returns what tungstenite reads.
pub(super) fn reference(input: &[u8]) -> Seen {
    let config = WebSocketConfig::default()
        .max_message_size(Some(LIMIT))
        .max_frame_size(Some(LIMIT))
        .write_buffer_size(0);
    let mut codec = WebSocketContext::new(Role::Server, Some(config));
    let mut io = Whole(input, Vec::new());
    let mut messages = Vec::new();
    let end = loop {
        match codec.read(&mut io) {
            Ok(Message::Text(text)) => messages.push((Kind::Text, text.as_bytes().to_vec())),
            Ok(Message::Binary(bytes)) => messages.push((Kind::Binary, bytes.to_vec())),
            Ok(_) => {}
            Err(Error::Io(_)) => break None,
            Err(Error::ConnectionClosed) => break Some(1000),
            Err(Error::Capacity(_)) => break Some(1009),
            Err(Error::Utf8(_)) => break Some(1007),
            Err(_) => break Some(1002),
        }
    };
    (messages, io.1, end)
}

/// Returns what our decoder reads of pieces of these sizes, in place where it offers that.
pub(super) fn ours(mut input: &[u8], pieces: &[usize], holder: &Arc<Holder>) -> Seen {
    let mut decoder = Decoder::new(LIMIT, Booking::new(Arc::clone(holder)));
    let (mut messages, mut replies) = (Vec::new(), Vec::new());
    let mut take = |frame: Frame| messages.push((frame.kind, frame.body.to_vec()));
    let mut pieces = pieces.iter().cycle();
    let end = loop {
        if input.is_empty() {
            break None;
        }
        let size = (*pieces.next().expect("they go round")).clamp(1, input.len());
        let fed = match decoder.room() {
            Some(mut room) => {
                let (piece, rest) = input.split_at(size.min(room.remaining_mut()));
                room.put_slice(piece);
                input = rest;
                decoder.filled(&mut replies, &mut take)
            }
            None => {
                let (piece, rest) = input.split_at(size);
                input = rest;
                decoder.feed(piece, &mut replies, &mut take)
            }
        };
        match fed {
            Ok(_) => {}
            Err(End::Closed) => break Some(1000),
            Err(End::Fault(why)) => break Some(why.code()),
            Err(End::Lost) => unreachable!("it has no connection"),
        }
    };
    (messages, replies, end)
}
