//! Who may use a relay, and how much of it.

use paseo::protocol::relay::{PRESENCE_ASK, PRESENCE_HEADER, TOKEN_HEADER};
use paseo::relay::{Claim, Config, Limits, Lists};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::support::{Relay, fresh, within};

async fn refused(relay: &Relay, query: &str, headers: &[(&'static str, &'static str)]) -> u16 {
    match relay.open_with(query, headers).await {
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("the upgrade succeeded"),
    }
}

fn first() -> Relay {
    Relay::with(Config {
        claim: Claim::First,
        ..Config::default()
    })
}

#[tokio::test]
async fn the_first_daemon_keeps_its_claim_while_it_answers() {
    let relay = first();
    let server = fresh();
    let mut holder = relay.control(&server).await;
    holder.text().await;
    let query = format!("serverId={server}&role=server&v=2");
    let (status, ()) = tokio::join!(refused(&relay, &query, &[]), async {
        // Answering pings takes a peer that reads.
        let read = tokio::time::timeout(std::time::Duration::from_millis(500), holder.message());
        assert!(read.await.is_err(), "the holder was told something");
    });
    assert_eq!(status, 409);
    holder.settle().await;
    // Another server id is not concerned.
    relay.control(&fresh()).await.text().await;
    // Once it is gone, the seat is free.
    holder.close().await;
    relay.control(&server).await.text().await;
}

#[tokio::test]
async fn a_daemon_that_does_not_answer_loses_its_claim() {
    let relay = first();
    let server = fresh();
    let mut silent = relay.control(&server).await;
    silent.text().await;
    relay.fast_clock();
    let mut newer = relay.control(&server).await;
    newer.text().await;
    assert_eq!(silent.closed().await.0, 1008);
}

#[tokio::test]
async fn a_private_relay_wants_a_token_in_any_of_three_places() {
    let dir = tempfile::tempdir().unwrap();
    let tokens = dir.path().join("tokens");
    std::fs::write(&tokens, "# of this year\nsesame open\n").unwrap();
    let relay = Relay::with(Config {
        lists: Lists {
            tokens: Some(tokens),
            servers: None,
        },
        ..Config::default()
    });
    for role in ["server", "client"] {
        let query = format!("serverId={}&role={role}&v=2", fresh());
        assert_eq!(refused(&relay, &query, &[]).await, 401);
        assert_eq!(
            refused(&relay, &query, &[(TOKEN_HEADER, "sesame")]).await,
            401
        );
        for headers in [
            (TOKEN_HEADER, "sesame open"),
            ("authorization", "Bearer sesame open"),
        ] {
            relay.open_with(&query, &[headers]).await.unwrap();
        }
        relay.open(&format!("{query}&token=sesame+open")).await;
    }
    let (status, _) = relay.http("GET /health").await;
    assert!(status.contains("200"));
}

#[tokio::test]
async fn a_list_of_servers_holds_for_both_roles() {
    let dir = tempfile::tempdir().unwrap();
    let servers = dir.path().join("servers");
    std::fs::write(&servers, "mine\n").unwrap();
    let relay = Relay::with(Config {
        lists: Lists {
            servers: Some(servers),
            tokens: None,
        },
        ..Config::default()
    });
    for role in ["server", "client"] {
        let query = format!("serverId=other&role={role}&v=2");
        assert_eq!(refused(&relay, &query, &[]).await, 403);
        relay.open(&format!("serverId=mine&role={role}&v=2")).await;
    }
}

#[tokio::test]
async fn sessions_and_addresses_have_their_sockets() {
    let relay = Relay::with(Config {
        trust_proxy: true,
        limits: Limits {
            sockets_per_session: 2,
            sockets_per_address: 1,
            ..Limits::default()
        },
        ..Config::default()
    });
    let server = fresh();
    let query = format!("serverId={server}&role=client&v=2");
    let from = |address| [("x-forwarded-for", address)];
    let one = relay.open_with(&query, &from("192.0.2.1")).await.unwrap().0;
    // Only the last entry was written by the proxy.
    let forged = from("192.0.2.77, 192.0.2.1");
    assert_eq!(refused(&relay, &query, &forged).await, 429);
    let mut two = relay.open_with(&query, &from("192.0.2.2")).await.unwrap().0;
    // Seats are counted once they are taken.
    two.settle().await;
    assert_eq!(refused(&relay, &query, &from("192.0.2.3")).await, 429);
    let text = relay.http("GET /metrics").await.1;
    for reason in ["address_sockets", "session_sockets"] {
        let line = format!("connection_rejections_total{{reason=\"{reason}\"}} 1");
        assert!(text.contains(&line), "{text}");
    }
    one.kill();
    while relay.metric("active_websockets").await > 1 {
        tokio::task::yield_now().await;
    }
    relay.open_with(&query, &from("192.0.2.1")).await.unwrap();
}

#[tokio::test]
async fn a_session_that_hoards_is_cut_and_no_other() {
    let relay = Relay::with(Config {
        limits: Limits {
            session_bytes: 200_000,
            ..Limits::default()
        },
        ..Config::default()
    });
    let hoarder = fresh();
    let mut client = relay.client(&hoarder, "x").await;
    for _ in 0..3 {
        client.send_binary(vec![0; 60_000]).await;
    }
    let other = fresh();
    let mut fine = relay.client(&other, "x").await;
    fine.send_binary(vec![0; 60_000]).await;
    fine.settle().await;
    client.send_binary(vec![0; 60_000]).await;
    assert_eq!(client.closed().await.0, 1013);
    fine.settle().await;
}

#[tokio::test]
async fn a_client_that_asks_is_told_when_its_daemon_comes_and_goes() {
    let relay = Relay::with(Config::default());
    let server = fresh();
    let query = format!("serverId={server}&role=client&v=2");
    let asking = relay.open_with(&query, &[(PRESENCE_HEADER, PRESENCE_ASK)]);
    let mut asking = asking.await.unwrap().0;
    let mut other = relay.open(&query).await;
    let mut control = relay.control(&server).await;
    assert_eq!(asking.any().await, Message::Ping("online".into()));
    control.text().await;
    control.close().await;
    assert_eq!(asking.any().await, Message::Ping("offline".into()));
    other.settle_strictly().await;
}

mod tls {
    use std::sync::Arc;

    use paseo::relay::TlsFiles;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};

    use super::*;

    /// Writes a new certificate for localhost; returns it.
    fn renew(files: &TlsFiles) -> CertificateDer<'static> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(&files.certificates, made.cert.pem()).unwrap();
        std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
        made.cert.der().clone()
    }

    async fn health(relay: &Relay, certificate: CertificateDer<'static>) -> Option<String> {
        let mut roots = RootCertStore::empty();
        roots.add(certificate).unwrap();
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        let mut stream = connector.connect(name, relay.tcp().await).await.ok()?;
        stream
            .write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .await
            .unwrap();
        let mut answer = String::new();
        within("health", stream.read_to_string(&mut answer))
            .await
            .unwrap();
        Some(answer)
    }

    #[tokio::test]
    async fn works_and_takes_a_new_certificate() {
        let dir = tempfile::tempdir().unwrap();
        let files = TlsFiles {
            certificates: dir.path().join("cert.pem"),
            key: dir.path().join("key.pem"),
        };
        let old = renew(&files);
        let (relay, mut reload) = Relay::with_reload(Config {
            tls: Some(files.clone()),
            ..Config::default()
        });
        assert!(
            health(&relay, old.clone())
                .await
                .unwrap()
                .ends_with(r#"{"status":"ok"}"#)
        );
        let (status, body) = relay.http("GET /health").await;
        assert_eq!(status, "HTTP/1.1 400 Bad Request");
        assert!(body.contains("wss://"), "{body}");
        let new = renew(&files);
        reload.now();
        assert!(health(&relay, new.clone()).await.is_some());
        assert!(health(&relay, old).await.is_none());
        // Half-written files change nothing.
        std::fs::write(&files.key, "not a key").unwrap();
        reload.now();
        assert!(health(&relay, new).await.is_some());
    }

    #[tokio::test]
    async fn on_a_plain_port_is_answered_in_words() {
        let relay = Relay::with(Config::default());
        let (status, body) = relay.raw(b"\x16\x03\x01\x00\xf0\x01\x00").await;
        assert_eq!(status, "HTTP/1.1 400 Bad Request");
        assert!(body.contains("ws://"), "{body}");
    }
}
