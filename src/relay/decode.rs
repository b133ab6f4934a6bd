//! The reading half of a WebSocket (RFC 6455), as a server has it.
//!
//! Between messages it holds nothing: a codec with a buffer keeps the largest message of every idle
//! socket. A payload is copied once, out of what the kernel gave, or is read where it stays. What has come
//! of a message that is not whole counts against the budget of its session.

use bytes::BufMut;
use bytes::buf::Limit;

use super::frame::{Frame, Kind};
use super::holder::Booking;
use super::wire::End;
use crate::protocol::relay::Close;

/// Longest header of a frame: two bytes, a length of eight, a mask of four.
const MAX_HEADER: usize = 14;

/// Largest payload of a control frame (RFC 6455 section 5.5).
const MAX_CONTROL: usize = 125;

/// What is set aside for a payload at first: a header promises much, and costs nothing.
const FIRST_BYTES: usize = 64 * 1024;

/// A payload that has room for so much more is read where it stays.
const IN_PLACE: usize = 16 * 1024;

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Takes bytes, gives messages.
#[derive(Debug)]
pub(super) struct Decoder {
    limit: usize,
    partial: Booking,
    header: [u8; MAX_HEADER],
    /// Bytes of the next header that have come.
    header_len: usize,
    frame: Option<Arriving>,
    /// What has come of a message in fragments.
    message: Option<(Kind, Vec<u8>)>,
    /// We have sent a close frame: nothing is answered any more, and only the peer's is of interest.
    closing: bool,
    /// Nobody wants messages any more, so their payload is not kept.
    skipping: bool,
}

/// A frame whose header is known.
#[derive(Debug)]
struct Arriving {
    opcode: u8,
    last: bool,
    mask: [u8; 4],
    size: usize,
    /// What has come, masked.
    payload: Vec<u8>,
    /// Bytes that have come and were not kept.
    skipped: usize,
}

impl Decoder {
    /// Makes a decoder of messages of at most `limit` bytes.
    pub(super) fn new(limit: usize, partial: Booking) -> Self {
        Self {
            limit,
            partial,
            header: [0; MAX_HEADER],
            header_len: 0,
            frame: None,
            message: None,
            closing: false,
            skipping: false,
        }
    }

    /// Notes that a close frame is sent; returns whether it is the first.
    pub(super) fn close(&mut self) -> bool {
        let first = !std::mem::replace(&mut self.closing, true);
        self.shed();
        first
    }

    /// Drops what has come of a message. From now on messages are skipped.
    pub(super) fn shed(&mut self) {
        self.skipping = true;
        if let Some((_, message)) = &mut self.message {
            *message = Vec::new();
        }
        if let Some(frame) = &mut self.frame {
            frame.skip();
        }
        self.partial.set(0);
    }

    /// Takes what has arrived: gives messages to `take`, and adds to `replies` what must be answered.
    /// Returns whether a message, of whatever kind, has become whole.
    pub(super) fn feed(
        &mut self,
        mut input: &[u8],
        replies: &mut Vec<u8>,
        take: &mut impl FnMut(Frame),
    ) -> Result<bool, End> {
        let mut whole = false;
        loop {
            if self.frame.is_none() && !self.read_header(&mut input)? {
                break;
            }
            let Some(frame) = &mut self.frame else { break };
            frame.take_from(&mut input);
            if self.skipping {
                frame.skip();
            }
            match self.finish(replies, take)? {
                Some(last) => whole |= last,
                None => break,
            }
        }
        self.book()?;
        Ok(whole)
    }

    /// Returns where a large payload goes on, to be read into without a detour.
    pub(super) fn room(&mut self) -> Option<Limit<&mut Vec<u8>>> {
        let frame = self.frame.as_mut().filter(|_| !self.skipping)?;
        let missing = frame.missing();
        if missing >= IN_PLACE {
            frame.make_room();
        }
        let room = missing.min(frame.payload.capacity() - frame.payload.len());
        (room >= IN_PLACE).then(|| (&mut frame.payload).limit(room))
    }

    /// Notes that [`Decoder::room`] was used; returns what [`Decoder::feed`] does.
    pub(super) fn filled(
        &mut self,
        replies: &mut Vec<u8>,
        take: &mut impl FnMut(Frame),
    ) -> Result<bool, End> {
        let finished = self.finish(replies, take)?;
        self.book()?;
        Ok(finished == Some(true))
    }

    /// Reads a header; returns whether it is whole.
    fn read_header(&mut self, input: &mut &[u8]) -> Result<bool, End> {
        let before = self.header_len;
        let more = input.len().min(MAX_HEADER - before);
        self.header[before..before + more].copy_from_slice(&input[..more]);
        let Some((frame, used)) = self.parse(before + more)? else {
            self.header_len += more;
            *input = &input[more..];
            return Ok(false);
        };
        *input = &input[used - before..];
        self.header_len = 0;
        self.frame = Some(frame);
        Ok(true)
    }

    /// Understands the first bytes of a header, as soon as there are enough of them.
    fn parse(&self, len: usize) -> Result<Option<(Arriving, usize)>, End> {
        let header = &self.header[..len];
        let &[first, second, ref rest @ ..] = header else {
            return Ok(None);
        };
        let (opcode, last) = (first & 0x0f, first & 0x80 != 0);
        let control = matches!(opcode, CLOSE | PING | PONG);
        let fits = match opcode {
            TEXT | BINARY => self.message.is_none(),
            CONTINUATION => self.message.is_some(),
            _ => control && last && usize::from(second & 0x7f) <= MAX_CONTROL,
        };
        // No extension that gives the reserved bits a meaning is ever agreed on, and clients mask.
        if !fits || first & 0x70 != 0 || second & 0x80 == 0 {
            return Err(End::Fault(Close::BadProtocol));
        }
        let (size, rest) = match second & 0x7f {
            126 => match rest.split_first_chunk() {
                Some((size, rest)) => (u64::from(u16::from_be_bytes(*size)), rest),
                None => return Ok(None),
            },
            127 => match rest.split_first_chunk() {
                Some((size, rest)) => (u64::from_be_bytes(*size), rest),
                None => return Ok(None),
            },
            size => (u64::from(size), rest),
        };
        let before = match &self.message {
            Some((_, message)) if !control => message.len(),
            _ => 0,
        };
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let whole = size.saturating_add(before);
        if whole > self.limit {
            return Err(End::Fault(Close::TooLarge {
                size: whole,
                limit: self.limit,
            }));
        }
        Ok(rest.split_first_chunk().map(|(mask, rest)| {
            let frame = Arriving {
                opcode,
                last,
                mask: *mask,
                size,
                payload: Vec::new(),
                skipped: 0,
            };
            (frame, len - rest.len())
        }))
    }

    /// Deals with the frame if it is whole; returns then whether it was the last of its message.
    fn finish(
        &mut self,
        replies: &mut Vec<u8>,
        take: &mut impl FnMut(Frame),
    ) -> Result<Option<bool>, End> {
        let Some(frame) = self.frame.take_if(|frame| frame.is_whole()) else {
            return Ok(None);
        };
        let (opcode, last) = (frame.opcode, frame.last);
        let payload = frame.unmasked();
        match opcode {
            PING if !self.closing => reply(replies, PONG, &payload),
            PING | PONG => {}
            CLOSE => return Err(self.closed(&payload, replies)),
            _ => {
                let (kind, message) = match self.message.take() {
                    None => (kind(opcode), payload),
                    Some((kind, mut message)) => {
                        message.extend_from_slice(&payload);
                        (kind, message)
                    }
                };
                if !last {
                    self.message = Some((kind, message));
                } else if kind == Kind::Text
                    && !self.skipping
                    && std::str::from_utf8(&message).is_err()
                {
                    return Err(End::Fault(Close::BadText));
                } else if !self.skipping {
                    // It counts where it goes.
                    self.partial.set(0);
                    take(match kind {
                        Kind::Text => Frame::text(message),
                        _ => Frame::binary(message),
                    });
                }
            }
        }
        Ok(Some(last))
    }

    /// Answers the peer's close frame.
    fn closed(&mut self, payload: &[u8], replies: &mut Vec<u8>) -> End {
        let valid = match payload.split_first_chunk() {
            None => payload.is_empty(),
            Some((code, reason)) => {
                let code = u16::from_be_bytes(*code);
                // RFC 6455 section 7.4: those of the standard that may be sent, and all free ones.
                let known = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
                known && std::str::from_utf8(reason).is_ok()
            }
        };
        if !valid && !self.closing {
            return End::Fault(Close::BadProtocol);
        }
        if self.close() {
            reply(replies, CLOSE, payload);
        }
        End::Closed
    }

    /// Books what has come of a message that is not whole.
    fn book(&mut self) -> Result<(), End> {
        let frame = self.frame.as_ref().map_or(0, |frame| frame.payload.len());
        let message = self
            .message
            .as_ref()
            .map_or(0, |(_, message)| message.len());
        match self.partial.set(frame + message) {
            true => Ok(()),
            false => Err(End::Fault(Close::Overloaded)),
        }
    }
}

impl Arriving {
    fn is_whole(&self) -> bool {
        self.missing() == 0
    }

    fn missing(&self) -> usize {
        self.size - self.payload.len() - self.skipped
    }

    /// Drops what has come.
    fn skip(&mut self) {
        self.skipped += std::mem::take(&mut self.payload).len();
    }

    fn take_from(&mut self, input: &mut &[u8]) {
        let missing = self.missing();
        let (mut mine, rest) = input.split_at(missing.min(input.len()));
        *input = rest;
        while !mine.is_empty() {
            self.make_room();
            let room = self.payload.capacity() - self.payload.len();
            let (part, rest) = mine.split_at(room.min(mine.len()));
            self.payload.extend_from_slice(part);
            mine = rest;
        }
    }

    /// Sets memory aside for more: at least as much as has come, at most what is missing.
    fn make_room(&mut self) {
        if self.payload.len() == self.payload.capacity() {
            let missing = self.missing();
            let more = self.payload.len().max(FIRST_BYTES);
            self.payload.reserve_exact(missing.min(more));
        }
    }

    fn unmasked(self) -> Vec<u8> {
        let mut payload = self.payload;
        let word = u128::from_ne_bytes(std::array::from_fn(|i| self.mask[i % 4]));
        let (words, rest) = payload.as_chunks_mut();
        for bytes in words {
            *bytes = (u128::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
        }
        for (byte, mask) in rest.iter_mut().zip(self.mask.iter().cycle()) {
            *byte ^= mask;
        }
        payload
    }
}

fn kind(opcode: u8) -> Kind {
    match opcode {
        TEXT => Kind::Text,
        _ => Kind::Binary,
    }
}

/// Adds a whole control frame.
fn reply(replies: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    let size = u8::try_from(payload.len()).expect("a control frame is at most 125 bytes long");
    replies.extend([0x80 | opcode, size]);
    replies.extend_from_slice(payload);
}

/// Returns a close frame with this code and reason.
pub(super) fn close_frame(why: Close) -> Vec<u8> {
    let mut payload = why.code().to_be_bytes().to_vec();
    payload.extend(why.to_string().into_bytes());
    let mut frame = Vec::new();
    reply(&mut frame, CLOSE, &payload);
    frame
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
