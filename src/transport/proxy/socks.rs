//! SOCKS 5, names resolved by the proxy.

use tokio_socks::Error;
use tokio_socks::tcp::Socks5Stream;

use super::{Login, ProxyError};
use crate::protocol::relay::Endpoint;
use crate::transport::dial::Stream;

pub(super) async fn tunnel(
    stream: Stream,
    to: &Endpoint,
    login: Option<&Login>,
) -> Result<Stream, ProxyError> {
    let target = (to.host(), to.port());
    let connected = match login {
        Some(login) => {
            let (user, password) = (login.user.expose(), login.password.expose());
            Socks5Stream::connect_with_password_and_socket(stream, target, user, password).await
        }
        None => Socks5Stream::connect_with_socket(stream, target).await,
    };
    match connected {
        Ok(stream) => Ok(stream.into_inner()),
        Err(error) => Err(failed(error, login.is_some())),
    }
}

fn failed(error: Error, sent: bool) -> ProxyError {
    match error {
        Error::Io(error) => error.into(),
        Error::PasswordAuthFailure(_)
        | Error::AuthorizationRequired
        | Error::NoAcceptableAuthMethods
        | Error::InvalidAuthValues(_) => ProxyError::Login { sent },
        Error::InvalidResponseVersion
        | Error::InvalidReservedByte
        | Error::UnknownAddressType
        | Error::UnknownAuthMethod
        | Error::UnknownError => ProxyError::Malformed("SOCKS"),
        other => ProxyError::Socks(other.to_string().to_lowercase()),
    }
}
