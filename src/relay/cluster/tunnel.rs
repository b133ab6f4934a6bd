//! A socket whose session another node owns: its bytes go there and come from there, as they are.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf, ReadHalf};
use tokio::time::timeout;

use super::boundary::Boundary;
use super::flow::Flow;
use super::link::Link;
use crate::protocol::relay::Close;

/// Bytes that one read takes from the kernel.
const READ_BYTES: usize = 16 * 1024;

/// An end of a stream. Dropping it tells the other end.
#[derive(Debug)]
pub(super) struct Tunnel {
    flow: Arc<Flow>,
    link: Arc<Link>,
}

impl Tunnel {
    pub(super) fn new(flow: Arc<Flow>, link: Arc<Link>) -> Self {
        Self { flow, link }
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.flow.leave();
        self.link.forget(self.flow.id);
    }
}

/// How long each part of an end may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For a peer that has to read something.
    pub(super) stall: Duration,
    /// For a close handshake.
    pub(super) close: Duration,
}

/// Carries a socket until it ends, or until `stop` is ready: then it is told to come back.
pub(super) async fn carry<S>(
    stream: S,
    early: Bytes,
    tunnel: Tunnel,
    patience: Patience,
    stop: impl Future<Output = ()>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut from_peer, mut to_peer) = tokio::io::split(stream);
    let mut boundary = Boundary::default();
    let flow = &*tunnel.flow;
    let left = {
        let up = up(&mut from_peer, early, flow);
        tokio::pin!(up);
        let down = down(flow, &mut to_peer, &mut boundary, patience.stall);
        tokio::pin!(down);
        tokio::select! {
            end = &mut down => end,
            () = stop => End::Lost,
            said_bye = &mut up => match said_bye {
                // The owner sees the end of the socket, and ends the stream.
                Ok(()) => timeout(patience.stall, down).await.unwrap_or(End::Broken),
                Err(_) => End::Broken,
            },
        }
    };
    match left {
        End::Broken => return,
        End::Clean => {}
        // In the middle of a frame there is no way to say it.
        End::Lost if !boundary.is_here() => return,
        End::Lost => {
            let bye = close_frame(Close::Restart);
            let told = timeout(patience.stall, to_peer.write_all(&bye)).await;
            if !matches!(told, Ok(Ok(()))) {
                return;
            }
        }
    }
    // Unread bytes would turn the end into a reset, which destroys what the peer has not read.
    let _ = timeout(patience.close, async {
        if to_peer.shutdown().await.is_ok() {
            while matches!(read(&mut from_peer).await, Ok(bytes) if !bytes.is_empty()) {}
        }
    })
    .await;
}

/// How the way to the peer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The owner has said its last byte.
    Clean,
    /// The owner is gone, or NATS.
    Lost,
    /// The peer is gone.
    Broken,
}

async fn up<S: AsyncRead + AsyncWrite + Unpin>(
    from: &mut ReadHalf<S>,
    early: Bytes,
    flow: &Flow,
) -> io::Result<()> {
    let mut bytes = early;
    loop {
        while !bytes.is_empty() {
            let sent = poll_fn(|cx| flow.poll_send(cx, &[IoSlice::new(&bytes)])).await;
            // That the stream is gone is seen by the other direction, which has something to say.
            match sent {
                Ok(sent) => drop(bytes.split_to(sent)),
                Err(_) => return std::future::pending().await,
            }
        }
        bytes = read(from).await?;
        if bytes.is_empty() {
            flow.end();
            return Ok(());
        }
    }
}

async fn down<W: AsyncWrite + Unpin>(
    flow: &Flow,
    to: &mut W,
    boundary: &mut Boundary,
    stall: Duration,
) -> End {
    loop {
        let bytes = match poll_fn(|cx| flow.poll_next(cx)).await {
            None => return End::Clean,
            Some(Err(_)) => return End::Lost,
            Some(Ok(bytes)) => bytes,
        };
        let written = async {
            to.write_all(&bytes).await?;
            to.flush().await
        };
        tokio::pin!(written);
        let written = tokio::select! {
            biased;
            written = &mut written => written.is_ok(),
            // The rest of a frame may still get through to a peer that reads.
            () = flow.lost() => matches!(timeout(stall, written).await, Ok(Ok(()))),
        };
        match written {
            true => boundary.pass(&bytes),
            false => return End::Broken,
        }
    }
}

/// Reads once; the buffer is on the stack, so that an idle socket has none.
async fn read<R: AsyncRead + Unpin>(from: &mut R) -> io::Result<Bytes> {
    poll_fn(|cx| {
        let mut scratch = [const { MaybeUninit::uninit() }; READ_BYTES];
        let mut buffer = ReadBuf::uninit(&mut scratch);
        ready!(Pin::new(&mut *from).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(Bytes::copy_from_slice(buffer.filled())))
    })
    .await
}

/// A close frame of a server (RFC 6455 section 5.5.1).
fn close_frame(why: Close) -> Vec<u8> {
    let reason = why.to_string();
    let size = u8::try_from(reason.len() + 2).expect("reasons are short");
    let mut frame = vec![0x88, size];
    frame.extend_from_slice(&why.code().to_be_bytes());
    frame.extend_from_slice(reason.as_bytes());
    frame
}

/// At the owner the stream is a socket like any other.
impl AsyncRead for Tunnel {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.flow.poll_read(cx, buffer)
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.flow.poll_send(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.flow.poll_send(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flow.end();
        Poll::Ready(Ok(()))
    }
}
