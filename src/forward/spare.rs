//! A session that is open and nobody's yet.

use std::pin::pin;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use crate::client::{self, RawSession};
use crate::transport::{Frame, Transport};

/// How often it is pinged. Once pinged, a daemon expects it to go on.
const PING_INTERVAL: Duration = Duration::from_secs(10);

/// Two intervals without a frame: the path is dead.
const SILENCE_LIMIT: Duration = Duration::from_secs(20);

/// How long a ping may take to leave.
const SEND_LIMIT: Duration = Duration::from_secs(5);

/// The session. Dropping it ends it.
pub(super) struct Spare {
    wanted: oneshot::Sender<()>,
    session: oneshot::Receiver<RawSession>,
}

impl Spare {
    /// Keeps a session alive until it is taken.
    pub(super) fn keep(session: RawSession) -> Self {
        let (wanted, asked) = oneshot::channel();
        let (give, kept) = oneshot::channel();
        tokio::spawn(async move {
            if let Some(session) = alive(session, asked).await {
                let _ = give.send(session);
            }
        });
        Self {
            wanted,
            session: kept,
        }
    }

    /// Whether it has ended by itself.
    pub(super) fn is_dead(&self) -> bool {
        self.wanted.is_closed()
    }

    /// Takes the session; `None` when it has ended.
    pub(super) async fn take(self) -> Option<RawSession> {
        self.wanted.send(()).ok()?;
        self.session.await.ok()
    }
}

/// Pings until somebody asks for the session; `None` when it ended before, or nobody can ask any more.
async fn alive(mut session: RawSession, mut asked: oneshot::Receiver<()>) -> Option<RawSession> {
    let mut heard = Instant::now();
    loop {
        let began = Instant::now();
        let mut rest = pin!(client::rest(PING_INTERVAL));
        loop {
            tokio::select! {
                biased;
                wanted = &mut asked => return wanted.ok().map(|()| session),
                frame = session.transport.receiver.recv() => {
                    heard = Instant::now();
                    match frame {
                        Ok(Frame::Text(text)) if client::is_introduction(&text) => {
                            session.introduction = text;
                        }
                        Ok(_) => {}
                        Err(_) => return None,
                    }
                }
                () = &mut rest => break,
            }
        }
        // It ended early: the machine was asleep, and a new session is more certain than this one.
        let slept = began.elapsed() + Duration::from_secs(1) < PING_INTERVAL;
        if slept || heard.elapsed() >= SILENCE_LIMIT {
            return None;
        }
        ping(&mut session.transport).await?;
    }
}

async fn ping(transport: &mut Transport) -> Option<()> {
    let ping = Frame::Text(r#"{"type":"ping"}"#.to_owned());
    timeout(SEND_LIMIT, transport.sender.send(ping))
        .await
        .ok()?
        .ok()
}
