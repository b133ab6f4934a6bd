//! The password for direct connections.

use tokio_tungstenite::tungstenite::http::HeaderMap;

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

impl Password {
    /// Returns whether this is the password. A hash takes a good part of a second, on a thread of its
    /// own.
    pub(super) async fn admits(&self, offered: &Secret<String>) -> bool {
        match self {
            Self::Plain(password) => password.is(offered.expose()),
            Self::Bcrypt(hash) => {
                let (hash, offered) = (hash.clone(), offered.clone());
                let check = move || bcrypt::verify(offered.expose().as_str(), hash.expose());
                // A hash that is none admits nobody.
                let checked = tokio::task::spawn_blocking(check).await;
                matches!(checked, Ok(Ok(true)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hash_admits_its_password_only() {
        let hash = bcrypt::hash("open sesame", 4).unwrap();
        for password in [
            Password::Bcrypt(Secret::new(hash)),
            Password::Plain("open sesame".into()),
        ] {
            assert!(password.admits(&"open sesame".into()).await);
            assert!(!password.admits(&"open sesam".into()).await);
            assert!(!password.admits(&"".into()).await);
        }
        let broken = Password::Bcrypt("no hash".into());
        assert!(!broken.admits(&"no hash".into()).await);
    }
}
