//! A WebSocket (RFC 6455) on a byte stream, as a relay needs it.
//!
//! The [decoder](super::decode) reads: it unmasks, checks, and answers pings and closes. The payload that
//! arrived leaves in a vectored write, without passing through another buffer. What the socket reads into
//! is on the stack, so that an idle socket costs next to nothing.

use std::collections::VecDeque;
use std::future::Future;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::budget::Account;
use super::decode::{Decoder, close_frame};
use super::frame::{Frame, Header, Kind};
use crate::protocol::relay::Close;

/// Bytes that one read takes from the kernel.
const READ_BYTES: usize = 16 * 1024;

/// Frames in one vectored write.
const BATCH: usize = 32;

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
    pub(super) out: VecDeque<Frame>,
    /// Bytes of the first frame of `out`, header included, that are written.
    written: usize,
    reply_bytes: usize,
    unflushed: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Takes a stream after its upgrade, and the bytes that came with it. What has come of a message is
    /// booked in the account until it is whole.
    pub(super) fn new(stream: S, early: Bytes, max_message_bytes: usize, account: Account) -> Self {
        Self {
            stream,
            decoder: Decoder::new(max_message_bytes, account),
            early,
            out: VecDeque::new(),
            written: 0,
            reply_bytes: 0,
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
        if self.reply_bytes > MAX_REPLY_BYTES {
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
                    self.reply(replies);
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
            let written = ready!(self.poll_write(cx))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unflushed = true;
            sent.bytes += written as u64;
            self.advance(written, sent);
        }
        // The queue's memory after a burst is not kept.
        if self.out.capacity() > BATCH {
            self.out = VecDeque::new();
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
            self.reply(close_frame(why));
        }
    }

    /// Returns the stream, for its last moments.
    pub(super) fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    fn decode(&mut self, input: &[u8], take: &mut impl FnMut(Frame)) -> Result<Came, End> {
        let mut replies = Vec::new();
        let fed = self.decoder.feed(input, &mut replies, take);
        self.reply(replies);
        fed.map(|whole| Came {
            bytes: input.len(),
            whole,
        })
    }

    fn reply(&mut self, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.reply_bytes += bytes.len();
            self.out.push_back(Frame {
                kind: Kind::Raw,
                body: bytes.into(),
                timed: None,
            });
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut headers = [Header::default(); BATCH];
        for (header, frame) in headers.iter_mut().zip(&self.out) {
            *header = frame.header();
        }
        let mut slices = [IoSlice::new(&[]); BATCH * 2];
        let mut count = 0;
        // Only the first frame can be written in part.
        let mut skip = self.written;
        for (header, frame) in headers.iter().zip(&self.out) {
            for part in [header.as_slice(), &frame.body] {
                let rest = &part[skip.min(part.len())..];
                skip = skip.saturating_sub(part.len());
                slices[count] = IoSlice::new(rest);
                count += usize::from(!rest.is_empty());
            }
        }
        Pin::new(&mut self.stream).poll_write_vectored(cx, &slices[..count])
    }

    /// Forgets what is written, and notes the frames that are written whole.
    fn advance(&mut self, written: usize, sent: &mut Sent) {
        self.written += written;
        while let Some(frame) = self.out.front() {
            let size = frame.header().as_slice().len() + frame.body.len();
            if self.written < size {
                break;
            }
            self.written -= size;
            sent.cost += frame.cost();
            sent.timed = frame.timed.or(sent.timed);
            if frame.kind == Kind::Raw {
                self.reply_bytes -= size;
            }
            self.out.pop_front();
        }
    }
}
