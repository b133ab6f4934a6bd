//! A connection from its first byte: TLS or not, its request, its socket.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tracing::{debug, warn};

use super::cluster::{Hold, Home};
use super::refusal::Refusal;
use super::server::Shared;
use super::{accept, socket};

/// First byte of a TLS connection: a handshake record (RFC 8446 section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// Serves a connection to its end.
pub(super) async fn serve(stream: TcpStream, peer: IpAddr, relay: Arc<Shared>) {
    // Frames are small and somebody waits for each.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "cannot switch Nagle's algorithm off");
    }
    match &relay.tls {
        None => plain(stream, peer, &relay).await,
        Some(_) => encrypted(stream, peer, &relay).await,
    }
}

async fn plain(mut stream: TcpStream, peer: IpAddr, relay: &Arc<Shared>) {
    // Boxed, because a head's state is much larger than a socket's, which stays.
    let head = Box::pin(async {
        if greets_with_tls(&stream).await? {
            warn!(address = %peer, "a peer speaks TLS to this port, which has none");
            refuse(&mut stream, Refusal::TlsOnPlain, relay).await;
            return None;
        }
        accept::accept(stream, peer, relay).await
    });
    finish(timeout(relay.hub.limits.handshake, head).await, relay).await;
}

async fn encrypted(mut stream: TcpStream, peer: IpAddr, relay: &Arc<Shared>) {
    let head = Box::pin(async {
        if !greets_with_tls(&stream).await? {
            refuse(&mut stream, Refusal::PlainOnTls, relay).await;
            return None;
        }
        let acceptor = relay.tls.as_ref()?.acceptor();
        match acceptor.accept(stream).await {
            Ok(stream) => accept::accept(stream, peer, relay).await,
            Err(error) => {
                relay.hub.metrics.refused(Refusal::Tls);
                debug!(%error, address = %peer, "TLS handshake failed");
                None
            }
        }
    });
    finish(timeout(relay.hub.limits.handshake, head).await, relay).await;
}

async fn finish<S>(
    head: Result<Option<Box<accept::Upgraded<S>>>, tokio::time::error::Elapsed>,
    relay: &Arc<Shared>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match head {
        // Boxed to its own size: this task's would be that of the larger kind of stream.
        Ok(Some(mut upgraded)) => {
            let home = std::mem::replace(&mut upgraded.home, Home::Here(Hold::default()));
            match (home, &relay.cluster) {
                (Home::There(remote), Some(cluster)) => {
                    Box::pin(cluster.carry(*upgraded, remote)).await;
                }
                (_held, _) => Box::pin(socket::serve(*upgraded, &relay.hub)).await,
            }
        }
        Ok(None) => {}
        Err(_) => relay.hub.metrics.refused(Refusal::Handshake),
    }
}

/// Says to a connection that is not served why.
pub(super) async fn turn_away(mut stream: TcpStream, refusal: Refusal, relay: &Shared) {
    let told = async {
        match (greets_with_tls(&stream).await, &relay.tls) {
            (Some(false), None) => say(&mut stream, refusal).await,
            (Some(true), Some(tls)) => {
                if let Ok(mut stream) = tls.acceptor().accept(stream).await {
                    say(&mut stream, refusal).await;
                }
            }
            // It would not understand.
            _ => {}
        }
    };
    // Whether the peer listens makes no difference to us.
    let _ = timeout(relay.hub.limits.close, told).await;
}

/// Returns whether the peer begins with TLS; `None` when it leaves without a word.
async fn greets_with_tls(stream: &TcpStream) -> Option<bool> {
    let mut first = [0];
    match stream.peek(&mut first).await {
        Ok(1) => Some(first[0] == TLS_HANDSHAKE),
        _ => None,
    }
}

/// Answers in plain HTTP, which is what a person sees in both cases.
async fn refuse(stream: &mut TcpStream, refusal: Refusal, relay: &Shared) {
    relay.hub.metrics.refused(refusal);
    say(stream, refusal).await;
}

/// Writes a refusal as an answer, and waits for the peer's end.
async fn say(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), refusal: Refusal) {
    let (status, text) = (refusal.status(), refusal.to_string());
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain;charset=UTF-8\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{text}",
        text.len()
    );
    if stream.write_all(answer.as_bytes()).await.is_err() || stream.shutdown().await.is_err() {
        return;
    }
    // Unread bytes would turn the end into a reset, which destroys the answer on its way.
    let mut rest = [0; 1024];
    while matches!(stream.read(&mut rest).await, Ok(1..)) {}
}
