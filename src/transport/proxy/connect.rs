//! HTTP CONNECT.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use zeroize::Zeroizing;

use super::{Login, ProxyError};
use crate::protocol::relay::Endpoint;
use crate::transport::dial::Stream;

/// Longest head of an answer in bytes.
const MAX_HEAD: usize = 8 * 1024;
/// Most headers in it.
const MAX_HEADERS: usize = 64;

pub(super) async fn tunnel(
    mut stream: Stream,
    to: &Endpoint,
    login: Option<&Login>,
) -> Result<Stream, ProxyError> {
    stream.write_all(request(to, login).as_bytes()).await?;
    stream.flush().await?;
    let mut head = Vec::new();
    loop {
        let mut part = [0; 1024];
        match stream.read(&mut part).await? {
            0 => return Err(ProxyError::Closed),
            n => head.extend_from_slice(&part[..n]),
        }
        if let Some(status) = status(&head)? {
            return match status {
                200..=299 => Ok(stream),
                407 => Err(ProxyError::Login {
                    sent: login.is_some(),
                }),
                other => Err(ProxyError::Status(other)),
            };
        }
        if head.len() > MAX_HEAD {
            return Err(ProxyError::TooLong(MAX_HEAD));
        }
    }
}

fn request(to: &Endpoint, login: Option<&Login>) -> Zeroizing<String> {
    let mut request = Zeroizing::new(format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n"));
    if let Some(login) = login {
        let pair = Zeroizing::new(format!(
            "{}:{}",
            login.user.expose(),
            login.password.expose()
        ));
        let pair = Zeroizing::new(base64_simd::STANDARD.encode_to_string(pair.as_bytes()));
        request.push_str("Proxy-Authorization: Basic ");
        request.push_str(&pair);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    request
}

/// Returns the status once the head is complete.
fn status(head: &[u8]) -> Result<Option<u16>, ProxyError> {
    let malformed = ProxyError::Malformed("HTTP");
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(head) {
        Ok(httparse::Status::Partial) => Ok(None),
        Ok(httparse::Status::Complete(length)) => {
            let status = response.code.ok_or(malformed)?;
            // The other end speaks only when spoken to: this would be the proxy's own words.
            if (200..300).contains(&status) && length < head.len() {
                return Err(ProxyError::Malformed("HTTP"));
            }
            Ok(Some(status))
        }
        Err(_) => Err(malformed),
    }
}
