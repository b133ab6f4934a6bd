//! The password for direct connections.

use tokio_tungstenite::tungstenite::http::HeaderMap;

use super::guesses::Turn;
use crate::protocol::admission::BEARER_SUBPROTOCOL;
use crate::secret::Secret;

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

/// Returns the subprotocol to choose: the first one with a password, else the first one, whatever it is.
pub(super) fn subprotocol(headers: &HeaderMap) -> Option<Secret<String>> {
    let lists = headers.get_all("sec-websocket-protocol").into_iter();
    let lists = lists.filter_map(|list| list.to_str().ok());
    let offered = lists.flat_map(|list| list.split(',').map(str::trim));
    let mut offered = offered.filter(|name| !name.is_empty()).peekable();
    let first = offered.peek().copied();
    let with_password = offered.find(|name| name.starts_with(BEARER_SUBPROTOCOL));
    with_password.or(first).map(Secret::from)
}

/// The password in a subprotocol.
pub(super) fn bearer(subprotocol: Option<&Secret<String>>) -> Option<Secret<String>> {
    let password = subprotocol?.expose().strip_prefix(BEARER_SUBPROTOCOL)?;
    Some(password.into())
}

/// The password in an `Authorization` header. Another scheme is for a proxy in between.
pub(super) fn authorization(headers: &HeaderMap) -> Option<Secret<String>> {
    let (scheme, password) = headers
        .get("authorization")?
        .to_str()
        .ok()?
        .split_once(' ')?;
    let is_bearer = scheme.eq_ignore_ascii_case("bearer");
    is_bearer.then(|| password.trim_start().into())
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

    #[test]
    fn the_head_of_a_request_may_show_a_password_in_two_places() {
        let read = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, value.parse().unwrap());
            }
            let chosen = subprotocol(&headers);
            let shown = authorization(&headers).or_else(|| bearer(chosen.as_ref()));
            let text = |secret: Option<Secret<String>>| secret.map(|it| it.expose().clone());
            (text(chosen), text(shown))
        };
        let some = |text: &str| Some(text.to_owned());
        let offered = "sec-websocket-protocol";
        assert_eq!(read(&[]), (None, None));
        assert_eq!(read(&[(offered, "chat")]), (some("chat"), None));
        let two = read(&[
            (offered, "chat, paseo.bearer.a.b"),
            (offered, "paseo.bearer.c"),
        ]);
        assert_eq!(two, (some("paseo.bearer.a.b"), some("a.b")));
        let both = [("authorization", "bearer  x"), (offered, "paseo.bearer.y")];
        assert_eq!(read(&both), (some("paseo.bearer.y"), some("x")));
        let basic = [("authorization", "Basic eA=="), (offered, "paseo.bearer.y")];
        assert_eq!(read(&basic).1, some("y"));
    }

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
