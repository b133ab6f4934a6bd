//! One task per socket: reads, passes on, writes, keeps time.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::Limits;
use super::accept::Upgraded;
use super::frame::{Frame, Kind as FrameKind};
use super::hub::{Attached, Hub, Kind};
use super::outbox::Next;
use super::pace::{Full, Heard, Silence, Waiting};
use super::pipe::Passed;
use super::wire::{End, Sent, Wire};
use crate::protocol::relay::{Close, DaemonToRelay, RelayToDaemon, Role};

/// Longest control message that is looked at, in bytes; all that are known are shorter.
const MAX_CONTROL_BYTES: usize = 1024;

/// An open socket in its seat.
struct Socket<S> {
    wire: Wire<S>,
    attached: Attached,
    heard: Heard,
    waiting: Waiting,
    full: Option<Full>,
    /// The kernel took no more at the last attempt.
    stuck: bool,
}

/// How a socket ends.
#[derive(Debug, Clone, Copy)]
enum Last {
    /// The peer is gone.
    Nothing,
    /// The peer closed; the answer is in the wire's queue.
    Answer,
    /// We close, and the peer is still a good one.
    Close(Close),
    /// We close, and nothing the peer sends makes sense any more.
    Fault(Close),
}

/// Serves a socket after its upgrade until it is closed.
pub(super) async fn serve<S>(upgraded: Upgraded<S>, hub: &Arc<Hub>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Upgraded {
        stream,
        early,
        query,
        told,
        site,
        // The peer counts until its connection is gone.
        visit: _visit,
        home: _home,
    } = upgraded;
    let attached = hub.attach(query, site, told);
    let holder = attached.outbox.holder();
    let wire = Wire::new(stream, early, hub.limits.message_bytes, holder);
    let mut socket = Socket::new(wire, attached);
    let last = {
        let mut timer = pin!(sleep_until(socket.next_tick()));
        poll_fn(|cx| socket.poll(cx, timer.as_mut())).await
    };
    let Socket {
        mut wire, attached, ..
    } = socket;
    // What is still to be written counts until it is.
    let outbox = Arc::clone(&attached.outbox);
    // The others learn it now, not after this peer's last words.
    drop(attached);
    let holder = outbox.holder();
    let last = match holder.is_evicted() {
        // Its memory counts no more, so it must be free now.
        true if wire.shed() => Last::Close(Close::Overloaded),
        true => Last::Nothing,
        false => last,
    };
    match last {
        Last::Close(why) | Last::Fault(why) => hub.metrics.closed(why),
        Last::Nothing if holder.is_evicted() => hub.metrics.closed(Close::Overloaded),
        Last::Nothing | Last::Answer => {}
    }
    // Boxed, because all other sockets would carry the room for it.
    let mut farewell = Box::pin(farewell(wire, last, &hub.limits));
    let evicted = holder.is_evicted();
    poll_fn(|cx| match holder.poll_evicted(cx) && !evicted {
        true => Poll::Ready(()),
        false => farewell.as_mut().poll(cx),
    })
    .await;
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    fn new(wire: Wire<S>, attached: Attached) -> Self {
        let opened = Instant::now();
        Self {
            wire,
            waiting: match attached.kind {
                Kind::Peer(Role::Client, _) => Waiting::Nudge { opened },
                _ => Waiting::Over,
            },
            attached,
            heard: Heard::new(opened),
            full: None,
            stuck: false,
        }
    }

    /// Does what can be done without waiting; ready when the socket has to end.
    fn poll(&mut self, cx: &mut Context<'_>, mut timer: Pin<&mut Sleep>) -> Poll<Last> {
        if self.attached.outbox.holder().poll_evicted(cx) {
            return Poll::Ready(Last::Close(Close::Overloaded));
        }
        match self.work(cx) {
            Ok(()) => {}
            Err(last) => return Poll::Ready(last),
        }
        loop {
            let next = self.next_tick();
            if timer.deadline() != next {
                timer.as_mut().reset(next);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if let Some(last) = self.tick(Instant::now()) {
                return Poll::Ready(last);
            }
        }
    }

    /// Reads and writes in turn until both have to wait.
    fn work(&mut self, cx: &mut Context<'_>) -> Result<(), Last> {
        while self.read(cx)? | self.write(cx)? {}
        Ok(())
    }

    /// Reads once; returns whether it is worth trying again.
    fn read(&mut self, cx: &mut Context<'_>) -> Result<bool, Last> {
        if let Some(full) = &self.full {
            if full.outbox.poll_room(cx).is_pending() {
                return Ok(false);
            }
            self.full = None;
            // What the peer sent meanwhile was not read.
            self.heard = Heard::new(Instant::now());
        }
        let (attached, full) = (&self.attached, &mut self.full);
        let mut overflow = false;
        let mut take = |frame| match pass(attached, frame) {
            Passed::On | Passed::Displaced => {}
            Passed::Full(outbox) => *full = Some(Full::new(outbox)),
            Passed::Overflow => overflow = true,
        };
        match self.wire.poll_read(cx, &mut take) {
            Poll::Pending => return Ok(false),
            Poll::Ready(Ok(came)) => {
                self.heard.note(came.bytes, came.whole);
                self.attached.outbox.heard();
            }
            Poll::Ready(Err(End::Closed)) => return Err(Last::Answer),
            Poll::Ready(Err(End::Lost)) => return Err(Last::Nothing),
            Poll::Ready(Err(End::Fault(why))) => return Err(Last::Fault(why)),
        }
        match overflow {
            true => Err(Last::Fault(Close::HeldTooMuch)),
            false => Ok(true),
        }
    }

    /// Writes what is queued; returns whether anything has left.
    fn write(&mut self, cx: &mut Context<'_>) -> Result<bool, Last> {
        let next = self.attached.outbox.poll_next(cx, &mut self.wire.out);
        if let Poll::Ready(Next::Close(why)) = next {
            return Err(Last::Close(why));
        }
        let mut sent = Sent::default();
        let flushed = self.wire.poll_flush(cx, &mut sent);
        self.attached.outbox.sent(&sent);
        if let Some(came) = sent.timed {
            self.attached.hub().metrics.took(came.elapsed());
        }
        if self.stuck {
            // The kernel takes more because the peer takes more.
            self.heard.note(sent.bytes as usize, false);
        }
        self.stuck = flushed.is_pending();
        match flushed {
            Poll::Ready(Err(_)) => Err(Last::Nothing),
            Poll::Ready(Ok(())) => Ok(sent.bytes > 0),
            Poll::Pending => Ok(false),
        }
    }

    fn next_tick(&self) -> Instant {
        let limits = &self.attached.hub().limits;
        let peer = match &self.full {
            Some(full) => full.due(limits),
            None => self.heard.due(limits),
        };
        self.waiting.due().map_or(peer, |daemon| daemon.min(peer))
    }

    /// Does what is due; returns how the socket ends when its time is over.
    fn tick(&mut self, now: Instant) -> Option<Last> {
        if self.waiting.due().is_some_and(|due| due <= now) {
            self.waiting = match self.waiting {
                Waiting::Nudge { opened } => {
                    self.attached.nudge();
                    Waiting::Reset { opened }
                }
                _ => {
                    self.attached.reset();
                    Waiting::Over
                }
            };
        }
        let limits = &self.attached.hub().limits;
        if let Some(full) = &mut self.full {
            if full.due(limits) <= now && full.stalled(now) {
                full.outbox.cut(Close::TooSlow);
            }
        } else if self.heard.due(limits) <= now {
            match self.heard.silence() {
                Silence::Ping => self.attached.outbox.push(Frame::ping("")),
                Silence::End => return Some(Last::Fault(Close::Silent)),
            };
        }
        None
    }
}

/// Passes a message on, or answers it when it is meant for the relay.
fn pass(attached: &Attached, mut frame: Frame) -> Passed {
    match &attached.kind {
        Kind::Peer(role, pipe) => {
            if attached.hub().metrics.forwarded(frame.body.len()) {
                frame.timed = Some(std::time::Instant::now());
            }
            let passed = pipe.pass(*role, &attached.outbox, frame);
            if matches!(passed, Passed::Displaced) {
                attached.hub().metrics.displaced();
            }
            passed
        }
        Kind::Control => {
            if frame.kind == FrameKind::Text
                && frame.body.len() <= MAX_CONTROL_BYTES
                && let Ok(text) = std::str::from_utf8(&frame.body)
                && DaemonToRelay::parse(text) == DaemonToRelay::Ping
            {
                attached.outbox.tell(&RelayToDaemon::Pong { ts: now_ms() });
            }
            Passed::On
        }
    }
}

/// Milliseconds since 1970.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// Says the last words, and ends the stream so that the peer gets to read them. A peer that does not
/// read them, or does not answer, is left alone after a while.
async fn farewell<S: AsyncRead + AsyncWrite + Unpin>(
    mut wire: Wire<S>,
    last: Last,
    limits: &Limits,
) {
    match last {
        Last::Nothing => return,
        Last::Answer => {}
        Last::Close(why) | Last::Fault(why) => wire.close(why),
    }
    let mut sent = Sent::default();
    let flushed = timeout(limits.stall, poll_fn(|cx| wire.poll_flush(cx, &mut sent))).await;
    if !matches!(flushed, Ok(Ok(()))) {
        return;
    }
    // Whether the peer did its part in time makes no difference to us.
    let _ = timeout(limits.close, async {
        if let Last::Close(_) = last {
            // RFC 6455 section 7.1.1: the peer answers, then the server ends the connection.
            while poll_fn(|cx| wire.poll_read(cx, &mut |_| {})).await.is_ok() {}
        }
        let stream = wire.stream();
        if stream.shutdown().await.is_err() {
            return;
        }
        // Unread bytes would turn the end into a reset, which destroys what the peer has not read.
        let _ = tokio::io::copy(stream, &mut tokio::io::sink()).await;
    })
    .await;
}
