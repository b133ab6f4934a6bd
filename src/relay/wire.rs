//! A WebSocket (RFC 6455) on a byte stream, as a relay needs it.
//!
//! The [decoder](super::decode) reads: it unmasks, checks, and answers pings and closes. The payload that
//! arrived leaves in a vectored write, without passing through another buffer. What the socket reads into
//! is on the stack, so that an idle socket costs next to nothing.

use std::future::Future;
use std::io;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::decode::{Decoder, close_frame};
use super::frame::{Frame, Kind};
use super::holder::{Booking, Holder};
use super::outgoing::Outgoing;
use crate::protocol::relay::Close;

/// Bytes that one read takes from the kernel.
const READ_BYTES: usize = 16 * 1024;

/// Answers to pings that may wait for a peer that does not read. Reading stops above it.
const MAX_REPLY_BYTES: usize = 4096;

/// Why there is nothing more to read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The peer closed it; the answer is queued.
    Closed,
    /// The peer is gone without a word.
    Lost,
    /// The peer must be closed for this reason.
    Fault(Close),
}

/// What one read has brought.
#[derive(Debug, Clone, Copy)]
pub(super) struct Came {
    /// Bytes on the wire.
    pub(super) bytes: usize,
    /// A message has become whole, be it a ping.
    pub(super) whole: bool,
}

/// What has left for the kernel.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// Cost of the frames that have left whole.
    pub(super) cost: usize,
    /// Bytes on the wire.
    pub(super) bytes: u64,
    /// When a timed frame came that has left now.
    pub(super) timed: Option<Instant>,
}

/// A WebSocket and what it has to write.
#[derive(Debug)]
pub(super) struct Wire<S> {
    stream: S,
    decoder: Decoder,
    /// What arrived together with the upgrade request.
    early: Bytes,
    /// What is being written.
    pub(super) out: Outgoing,
    /// Answers to pings and closes in it: they come from no queue that books them.
    replies: Booking,
    unflushed: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Takes a stream after its upgrade, and the bytes that came with it. What has come of a message is
    /// booked until it is whole, and what is answered until it has left.
    pub(super) fn new(
        stream: S,
        early: Bytes,
        max_message_bytes: usize,
        holder: &Arc<Holder>,
    ) -> Self {
        let booking = || Booking::new(Arc::clone(holder));
        Self {
            stream,
            decoder: Decoder::new(max_message_bytes, booking()),
            early,
            out: Outgoing::default(),
            replies: booking(),
            unflushed: false,
        }
    }

    /// Reads once and gives every message to `take`. As many messages come as one read brings, whatever
    /// `take` thinks of them.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        take: &mut impl FnMut(Frame),
    ) -> Poll<Result<Came, End>> {
        if self.out.reply_bytes() > MAX_REPLY_BYTES {
            return Poll::Pending;
        }
        if !self.early.is_empty() {
            let early = std::mem::take(&mut self.early);
            return Poll::Ready(self.decode(&early, take));
        }
        if let Some(mut room) = self.decoder.room() {
            let read = pin!(self.stream.read_buf(&mut room)).poll(cx);
            return match ready!(read) {
                Ok(bytes @ 1..) => {
                    let mut replies = Vec::new();
                    let filled = self.decoder.filled(&mut replies, take);
                    self.reply(replies, &filled);
                    Poll::Ready(filled.map(|whole| Came { bytes, whole }))
                }
                _ => Poll::Ready(Err(End::Lost)),
            };
        }
        let mut scratch = [const { MaybeUninit::uninit() }; READ_BYTES];
        let mut buffer = ReadBuf::uninit(&mut scratch);
        match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)) {
            Ok(()) if !buffer.filled().is_empty() => {
                Poll::Ready(self.decode(buffer.filled(), take))
            }
            _ => Poll::Ready(Err(End::Lost)),
        }
    }

    /// Writes what is in [`Wire::out`], and adds what has left to `sent`.
    pub(super) fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        sent: &mut Sent,
    ) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            let stream = Pin::new(&mut self.stream);
            let written = self
                .out
                .with_slices(|slices| stream.poll_write_vectored(cx, slices));
            let written = ready!(written)?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unflushed = true;
            sent.bytes += written as u64;
            self.out.advance(written, sent);
            self.book();
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Queues a close frame behind what is queued.
    pub(super) fn close(&mut self, why: Close) {
        if self.decoder.close() {
            self.out.push_last(raw(close_frame(why)));
            self.book();
        }
    }

    /// Drops what is queued and what has come of a message; returns whether a close frame can still be said.
    pub(super) fn shed(&mut self) -> bool {
        self.decoder.shed();
        let is_between_frames = self.out.clear();
        self.book();
        is_between_frames
    }

    /// Returns the stream, for its last moments.
    pub(super) fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    fn decode(&mut self, input: &[u8], take: &mut impl FnMut(Frame)) -> Result<Came, End> {
        let mut replies = Vec::new();
        let fed = self.decoder.feed(input, &mut replies, take);
        self.reply(replies, &fed);
        fed.map(|whole| Came {
            bytes: input.len(),
            whole,
        })
    }

    /// Queues answers to pings before all data, and a close frame behind it.
    fn reply(&mut self, bytes: Vec<u8>, read: &Result<bool, End>) {
        match read {
            _ if bytes.is_empty() => {}
            Err(End::Closed) => self.out.push_last(raw(bytes)),
            _ => self.out.push_urgent(raw(bytes)),
        }
        self.book();
    }

    fn book(&mut self) {
        // A socket that is evicted for it is woken, and ends.
        self.replies.set(self.out.reply_bytes());
    }
}

/// Makes a frame out of whole ones.
fn raw(bytes: Vec<u8>) -> Frame {
    Frame {
        kind: Kind::Raw,
        body: bytes.into(),
        timed: None,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::task::noop_waker;

    use super::*;

    /// A ping with a payload of 100 bytes, whose mask is zero.
    fn ping() -> Vec<u8> {
        [&[0x89, 0x80 | 100, 0, 0, 0, 0][..], &[7; 100]].concat()
    }

    #[test]
    fn answers_to_pings_are_booked_until_they_have_left() {
        let waker = noop_waker();
        let mut cx = Context::from_waker(&waker);
        let holder = Holder::alone(10_000);
        let early = Bytes::from(ping().repeat(3));
        let (near, _far) = tokio::io::duplex(1000);
        let mut wire = Wire::new(near, early.clone(), 1000, &holder);
        let mut none = |_: Frame| panic!("pings are no messages");
        assert!(wire.poll_read(&mut cx, &mut none).is_ready());
        assert_eq!(holder.booked_bytes(), 3 * 102);
        let flushed = wire.poll_flush(&mut cx, &mut Sent::default());
        assert!(flushed.is_ready());
        assert_eq!(holder.booked_bytes(), 0);
        // Whoever reads none of them is no free holder.
        let small = Holder::alone(200);
        let (near, _far) = tokio::io::duplex(1000);
        let mut wire = Wire::new(near, early, 1000, &small);
        assert!(wire.poll_read(&mut cx, &mut none).is_ready());
        assert!(small.is_evicted());
        wire.shed();
        assert_eq!(small.booked_bytes(), 0);
    }
}
