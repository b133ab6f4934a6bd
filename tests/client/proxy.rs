//! Proxies over real sockets: those that work, those that refuse, and those that mean harm.

use std::time::Duration;

use paseo::client::{self, ConnectError, Settings};
use paseo::error::{CommandError, Exit, Hop};
use paseo::protocol::relay::Endpoint;
use paseo::target::Target;
use paseo::transport::{DialError, Network, ProxyError, Step};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::peer::{Peer, accept, greet, hold, key, settings};

/// A listener that runs something on each connection. It stops when dropped.
struct Server {
    port: u16,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    async fn new<F>(script: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(script(stream));
            }
        });
        Self { port, task }
    }

    /// An HTTP proxy that gives every answer, and tells what it was asked.
    async fn http(
        answer: &'static str,
        onward: &Endpoint,
    ) -> (Self, mpsc::UnboundedReceiver<String>) {
        let (told, asked) = mpsc::unbounded_channel();
        let onward = onward.to_string();
        let server = Self::new(move |mut stream| {
            let (told, onward) = (told.clone(), onward.clone());
            async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                let _ = told.send(String::from_utf8(head).unwrap());
                if stream.write_all(answer.as_bytes()).await.is_err() || !answer.contains(" 200 ") {
                    return;
                }
                let mut peer = TcpStream::connect(onward).await.unwrap();
                let _ = copy_bidirectional(&mut stream, &mut peer).await;
            }
        })
        .await;
        (server, asked)
    }

    /// A SOCKS proxy that wants `me` and `planted-pw`, and tells which host it was asked for.
    async fn socks(onward: &Endpoint) -> (Self, mpsc::UnboundedReceiver<String>) {
        let (told, asked) = mpsc::unbounded_channel();
        let onward = onward.to_string();
        let server = Self::new(move |mut stream| {
            let (told, onward) = (told.clone(), onward.clone());
            async move {
                let bytes = |n: usize| vec![0; n];
                let mut head = bytes(2);
                stream.read_exact(&mut head).await.unwrap();
                let mut methods = bytes(head[1].into());
                stream.read_exact(&mut methods).await.unwrap();
                if !methods.contains(&2) {
                    let _ = stream.write_all(&[5, 0xff]).await;
                    return;
                }
                stream.write_all(&[5, 2]).await.unwrap();
                let expected = b"\x01\x02me\x0aplanted-pw";
                let mut login = bytes(expected.len());
                stream.read_exact(&mut login).await.unwrap();
                let good = login == expected;
                stream.write_all(&[1, u8::from(!good)]).await.unwrap();
                if !good {
                    return;
                }
                let mut request = bytes(5);
                stream.read_exact(&mut request).await.unwrap();
                assert_eq!(
                    request[..4],
                    [5, 1, 0, 3],
                    "names are resolved by the proxy"
                );
                let mut host = bytes(request[4].into());
                stream.read_exact(&mut host).await.unwrap();
                stream.read_u16().await.unwrap();
                let _ = told.send(String::from_utf8(host).unwrap());
                stream
                    .write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])
                    .await
                    .unwrap();
                let mut peer = TcpStream::connect(onward).await.unwrap();
                let _ = copy_bidirectional(&mut stream, &mut peer).await;
            }
        })
        .await;
        (server, asked)
    }

    fn settings(&self, scheme: &str, login: &str) -> Settings {
        let proxy = format!("{scheme}://{login}127.0.0.1:{}", self.port);
        Settings {
            network: Network {
                proxy: Some(proxy.parse().unwrap()),
                ..Network::default()
            },
            ..settings()
        }
    }
}

/// A daemon under a name that only a proxy knows.
fn hidden(peer: &Peer) -> Target {
    Target::Tcp {
        endpoint: format!("daemon.invalid:{}", peer.endpoint.port())
            .parse()
            .unwrap(),
        tls: false,
        password: None,
    }
}

async fn daemon() -> Peer {
    Peer::new(|mut transport, count| async move {
        greet(&mut transport).await;
        hold(transport, count).await;
    })
    .await
}

const YES: &str = "HTTP/1.1 200 Connection established\r\n\r\n";

#[tokio::test]
async fn connect_with_and_without_a_login() {
    let peer = daemon().await;
    let (proxy, mut asked) = Server::http(YES, &peer.endpoint).await;
    client::connect(&hidden(&peer), &proxy.settings("http", ""))
        .await
        .unwrap();
    let head = asked.recv().await.unwrap();
    let port = peer.endpoint.port();
    assert!(
        head.starts_with(&format!("CONNECT daemon.invalid:{port} HTTP/1.1\r\n")),
        "{head}"
    );
    assert!(!head.contains("Authorization"), "{head}");
    client::connect(&hidden(&peer), &proxy.settings("http", "me:planted-pw@"))
        .await
        .unwrap();
    let head = asked.recv().await.unwrap();
    // me:planted-pw
    assert!(
        head.contains("Proxy-Authorization: Basic bWU6cGxhbnRlZC1wdw==\r\n"),
        "{head}"
    );
}

#[tokio::test]
async fn a_relay_behind_a_proxy_is_still_encrypted_end_to_end() {
    let peer = Peer::new(|transport, count| async move {
        let mut channel = accept(transport, key()).await;
        greet(&mut channel).await;
        hold(channel, count).await;
    })
    .await;
    let (proxy, _asked) = Server::http(YES, &peer.endpoint).await;
    let daemon = client::connect(&peer.relay(&key()), &proxy.settings("http", "")).await;
    assert_eq!(daemon.unwrap().server().version.as_deref(), Some("0.5.0"));
}

#[tokio::test]
async fn socks_resolves_the_name_and_wants_a_login() {
    let peer = daemon().await;
    let (proxy, mut asked) = Server::socks(&peer.endpoint).await;
    client::connect(&hidden(&peer), &proxy.settings("socks5h", "me:planted-pw@"))
        .await
        .unwrap();
    assert_eq!(asked.recv().await.unwrap(), "daemon.invalid");
    for (login, sent) in [("", false), ("me:wrong-pwww@", true)] {
        let error = failed(&peer, &proxy.settings("socks5h", login)).await;
        assert!(
            matches!(error, ProxyError::Login { sent: s } if s == sent),
            "{error}"
        );
    }
}

/// How the proxy failed. No error repeats the password.
async fn failed(peer: &Peer, settings: &Settings) -> ProxyError {
    match client::connect(&hidden(peer), settings).await {
        Err(ConnectError::Dial(DialError::Proxy { source, proxy, .. })) => {
            let shown = format!("{source:?} {source} {proxy}");
            assert!(
                !shown.contains("planted-pw") && !shown.contains("bWU6"),
                "{shown}"
            );
            source
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn refusals_are_told_apart_and_redirects_not_followed() {
    let peer = daemon().await;
    for (answer, expected) in [
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n",
            "refused user and password",
        ),
        (
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno\n",
            "HTTP status 403",
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://evil.invalid/\r\n\r\n",
            "HTTP status 302",
        ),
        ("HTTP/1.1 502 Bad Gateway\r\n\r\n", "HTTP status 502"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "not of the HTTP protocol"),
        ("\0\0\0\0\0\0\0\0", "not of the HTTP protocol"),
        ("", "closed the connection"),
        ("HTTP/1.1 20", "closed the connection"),
    ] {
        let (proxy, _asked) = Server::http(answer, &peer.endpoint).await;
        let error = failed(&peer, &proxy.settings("http", "me:planted-pw@")).await;
        assert!(error.to_string().contains(expected), "{answer:?}: {error}");
    }
    // What follows the head of a success are the proxy's own words.
    let extra = "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n";
    let (proxy, _asked) = Server::http(extra, &peer.endpoint).await;
    let error = failed(&peer, &proxy.settings("http", "")).await;
    assert!(matches!(error, ProxyError::Malformed("HTTP")), "{error}");
}

#[tokio::test]
async fn endless_headers_and_garbage_end_soon() {
    let peer = daemon().await;
    let endless = Server::new(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        while stream
            .write_all(b"X-More: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n")
            .await
            .is_ok()
        {}
    })
    .await;
    let error = failed(&peer, &endless.settings("http", "")).await;
    assert!(
        matches!(error, ProxyError::TooLong(_) | ProxyError::Malformed(_)),
        "{error}"
    );
    let long = Server::new(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nX-Long: ").await;
        while stream.write_all(&[b'a'; 4096]).await.is_ok() {}
    })
    .await;
    let error = failed(&peer, &long.settings("http", "")).await;
    assert!(matches!(error, ProxyError::TooLong(_)), "{error}");
    let garbage =
        Server::new(
            |mut stream| async move { while stream.write_all(&[0xa5; 4096]).await.is_ok() {} },
        )
        .await;
    for scheme in ["http", "socks5h"] {
        let error = failed(&peer, &garbage.settings(scheme, "me:planted-pw@")).await;
        assert!(matches!(error, ProxyError::Malformed(_)), "{error}");
    }
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    let peer = daemon().await;
    let silent = Server::new(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    for scheme in ["http", "socks5h"] {
        let settings = Settings {
            connect_timeout: Duration::from_millis(200),
            ..silent.settings(scheme, "me:planted-pw@")
        };
        let error = client::connect(&hidden(&peer), &settings)
            .await
            .unwrap_err();
        assert!(
            matches!(
                &error,
                ConnectError::Dial(DialError::Timeout {
                    step: Step::Proxy,
                    ..
                })
            ),
            "{error}"
        );
        let error = CommandError::from(error);
        assert_eq!((error.exit, error.hop), (Exit::Timeout, Some(Hop::Proxy)));
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_named_without_its_login() {
    let peer = daemon().await;
    let gone = Server::new(|_| async {}).await;
    let settings = gone.settings("http", "me:planted-pw@");
    let address = format!("127.0.0.1:{}", gone.port);
    gone.task.abort();
    let listener = loop {
        // The port is free again once the task has ended.
        if let Ok(listener) = TcpListener::bind(&address).await {
            break listener;
        }
        tokio::task::yield_now().await;
    };
    drop(listener);
    let error = CommandError::from(
        client::connect(&hidden(&peer), &settings)
            .await
            .unwrap_err(),
    );
    assert_eq!((error.exit, error.hop), (Exit::Unreachable, Some(Hop::Tcp)));
    assert!(error.message.contains(&address), "{}", error.message);
    assert!(!format!("{error:?}").contains("planted-pw"));
}
