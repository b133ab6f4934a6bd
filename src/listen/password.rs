//! The password for direct connections.

use tokio_tungstenite::tungstenite::http::HeaderMap;

use super::guesses::Turn;
use crate::secret::Secret;

/// Beginning of the subprotocol that carries a password.
const BEARER: &str = "paseo.bearer.";

/// What a password is compared with.
#[derive(Debug, Clone)]
pub enum Password {
    /// The password itself.
    Plain(Secret<String>),
    /// Its bcrypt hash, as `config.json` keeps it.
    Bcrypt(Secret<String>),
}

impl PartialEq for Password {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Plain(a), Self::Plain(b)) | (Self::Bcrypt(a), Self::Bcrypt(b)) => {
                a.is(b.expose())
            }
            _ => false,
        }
    }
}

impl Eq for Password {}

/// The first subprotocol that a client offers, which is chosen whatever it is.
pub(super) fn subprotocol(headers: &HeaderMap) -> Option<Secret<String>> {
    let offered = headers.get("sec-websocket-protocol")?.to_str().ok()?;
    let first = offered.split(',').next()?.trim();
    (!first.is_empty()).then(|| first.into())
}

/// The password in a subprotocol.
pub(super) fn bearer(subprotocol: Option<&Secret<String>>) -> Option<Secret<String>> {
    let password = subprotocol?.expose().strip_prefix(BEARER)?;
    Some(password.into())
}

/// The password in an `Authorization` header.
pub(super) fn authorization(headers: &HeaderMap) -> Option<Secret<String>> {
    let value = headers.get("authorization")?.to_str().ok()?;
    Some(value.strip_prefix("Bearer ")?.into())
}

/// Returns whether a bcrypt hash is that of a password. It takes a good part of a second, on a thread of its own, which
/// goes on when nobody waits any more: so it holds the turn.
pub(super) async fn verify(hash: Secret<String>, offered: Secret<String>, turn: Turn) -> bool {
    let check = move || {
        let right = bcrypt::verify(offered.expose().as_str(), hash.expose());
        drop(turn);
        // A hash that is none admits nobody.
        right.unwrap_or(false)
    };
    tokio::task::spawn_blocking(check).await.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listen::guesses::Guesses;
    use crate::listen::lobby::Peer;

    #[tokio::test]
    async fn a_hash_admits_its_password_only() {
        let guesses = Guesses::default();
        let right = async |hash: &str, offered: &str| {
            let turn = guesses.turn(Peer::Unknown, [0; 32]).await.unwrap();
            verify(hash.into(), offered.into(), turn).await
        };
        let hash = bcrypt::hash("open sesame", 4).unwrap();
        assert!(right(&hash, "open sesame").await);
        assert!(!right(&hash, "open sesam").await);
        assert!(!right(&hash, "").await);
        assert!(!right("no hash", "no hash").await);
    }
}
