//! The hello of a client: what it shows is for this listener, and the daemon is shown what the remote has instead.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::TRY_AGAIN;
use crate::listen::{Credential, Guest, reject};
use crate::protocol::admission::{Auth, HELLO_REJECTION, Rejection};
use crate::protocol::session::{CLOSE_HELLO_TIMEOUT, CLOSE_INVALID_HELLO};
use crate::transport::{Closed, Frame, FrameReceiver, Transport, TransportError};

/// How long a client may take for its hello: as long as a daemon waits.
const HELLO_LIMIT: Duration = Duration::from_secs(15);
/// The member of a hello that shows something.
const AUTH: &str = "auth";
/// What a client is told: the password is not its own.
const REFUSED: &str = "the daemon refuses the password of this remote";

/// A client's hello without what it shows.
#[derive(Debug)]
pub(super) struct ClientHello(Map<String, Value>);

/// Reads the hello and lets the client in, or tells it why not.
pub(super) async fn let_in(client: &mut Transport, guest: &mut Guest) -> Option<ClientHello> {
    let invalid = Closed::new(CLOSE_INVALID_HELLO, "Invalid hello");
    let read = match timeout(HELLO_LIMIT, client.receiver.recv()).await {
        Ok(Ok(frame)) => read(&frame).ok_or(invalid),
        Ok(Err(TransportError::TooLarge { .. })) => Err(Closed::new(1009, "Message is too large")),
        Ok(Err(_)) => return None,
        Err(_) => Err(Closed::new(CLOSE_HELLO_TIMEOUT, "Hello timeout")),
    };
    let (hello, shown) = match read {
        Ok(read) => read,
        Err(closed) => {
            client.sender.close(closed).await;
            return None;
        }
    };
    if let Err(refused) = guest.admit(shown.as_ref()).await {
        match refused.rejection() {
            Some(rejection) => {
                let knows = shown.is_some() || hello.knows_rejections();
                reject(&mut *client.sender, &rejection, knows).await;
            }
            None => client.sender.close(refused.closed()).await,
        }
        return None;
    }
    client.receiver.admit();
    Some(hello)
}

fn read(frame: &Frame) -> Option<(ClientHello, Option<Credential>)> {
    let bytes = match frame {
        Frame::Text(text) => text.as_bytes(),
        Frame::Binary(bytes) => bytes,
    };
    let mut hello: Map<String, Value> = serde_json::from_slice(bytes).ok()?;
    if hello.get("type")? != "hello" {
        return None;
    }
    let shown: Option<Auth> = match hello.shift_remove(AUTH) {
        Some(auth) => serde_json::from_value(auth).ok()?,
        None => None,
    };
    Some((ClientHello(hello), shown.map(Credential::from)))
}

impl ClientHello {
    fn knows_rejections(&self) -> bool {
        let capabilities = self.0.get("capabilities");
        capabilities.is_some_and(|known| known[HELLO_REJECTION] == true)
    }

    /// Returns the frame for the daemon, which is shown this.
    pub(super) fn for_daemon(mut self, auth: Option<&Auth>) -> Frame {
        let auth = auth.and_then(|auth| serde_json::to_value(auth).ok());
        if let Some(auth) = auth {
            self.0.insert(AUTH.to_owned(), auth);
        }
        Frame::Text(Value::Object(self.0).to_string())
    }
}

/// The daemon's frames. Its refusal of the remote's password is no word for the client, whose own one was right.
pub(super) struct Introduction {
    inner: Box<dyn FrameReceiver>,
    /// Whether it has answered the hello.
    answered: bool,
    /// Whether a close frame is the daemon's own, and not a relay's.
    closes_itself: bool,
    refused: Arc<OnceLock<Rejection>>,
}

impl Introduction {
    /// Watches what comes from the daemon; a refusal is put into the cell.
    pub(super) fn of(
        inner: Box<dyn FrameReceiver>,
        closes_itself: bool,
    ) -> (Self, Arc<OnceLock<Rejection>>) {
        let refused = Arc::<OnceLock<_>>::default();
        let watching = Self {
            inner,
            answered: false,
            closes_itself,
            refused: Arc::clone(&refused),
        };
        (watching, refused)
    }

    fn refusal(&self, received: &Result<Frame, TransportError>) -> Option<Rejection> {
        let rejection = match received {
            Ok(Frame::Text(text)) => Rejection::parse(text),
            Err(TransportError::Closed(closed)) if self.closes_itself => {
                Rejection::of_close(closed.code, &closed.reason)
            }
            _ => None,
        };
        // The others are about the client.
        rejection.filter(|it| {
            matches!(
                it,
                Rejection::PasswordRequired | Rejection::IncorrectPassword
            )
        })
    }
}

impl FrameReceiver for Introduction {
    fn recv(&mut self) -> BoxFuture<'_, Result<Frame, TransportError>> {
        Box::pin(async move {
            let received = self.inner.recv().await;
            if self.answered {
                return received;
            }
            if let Some(rejection) = self.refusal(&received) {
                let _ = self.refused.set(rejection);
                return Err(TransportError::Closed(Closed::new(TRY_AGAIN, REFUSED)));
            }
            self.answered = matches!(received, Ok(Frame::Text(_)));
            received
        })
    }

    fn admit(&mut self) {
        self.inner.admit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_shows_stays_here() {
        let own = Auth::Password {
            password: "own".to_owned().into(),
        };
        let hello = r#"{"type":"hello","auth":{"kind":"password","password":"theirs"},"clientId":"c","more":{"b":1,"a":2}}"#;
        for (auth, expected) in [
            (
                None,
                r#"{"type":"hello","clientId":"c","more":{"b":1,"a":2}}"#,
            ),
            (
                Some(&own),
                r#"{"type":"hello","clientId":"c","more":{"b":1,"a":2},"auth":{"kind":"password","password":"own"}}"#,
            ),
        ] {
            let (read, shown) = read(&Frame::Text(hello.to_owned())).unwrap();
            let Some(Credential::Password(shown)) = shown else {
                panic!("no password");
            };
            assert!(shown.is("theirs"));
            assert_eq!(read.for_daemon(auth), Frame::Text(expected.to_owned()));
        }
        for other in [
            r#"{"type":"ping"}"#,
            r#"{"type":"hello","auth":{"kind":"magic"}}"#,
            r#"{"type":"hello","auth":7}"#,
            "[]",
            "{",
        ] {
            assert!(read(&Frame::Text(other.to_owned())).is_none(), "{other}");
        }
        // Of two, neither goes on.
        let twice = r#"{"type":"hello","auth":null,"auth":{"kind":"password","password":"x"}}"#;
        let (hello, shown) = read(&Frame::Binary(twice.as_bytes().to_vec().into())).unwrap();
        assert!(shown.is_some());
        let frame = Frame::Text(r#"{"type":"hello"}"#.to_owned());
        assert_eq!(hello.for_daemon(None), frame);
    }
}
