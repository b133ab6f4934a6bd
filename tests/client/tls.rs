//! TLS: an authority of one's own beside those of the platform, and the refusals.

use std::path::PathBuf;
use std::sync::Arc;

use paseo::client::{self, Settings};
use paseo::error::{CommandError, Exit, Hop};
use paseo::protocol::relay::Endpoint;
use paseo::target::Target;
use paseo::transport::{Network, websocket};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::peer::{greet, settings};

/// A network with one more authority.
fn trusting(ca_file: PathBuf) -> Network {
    Network {
        ca_files: vec![ca_file],
        ..Network::default()
    }
}

/// A daemon behind TLS, and the file of the authority that it is signed by.
struct TlsPeer {
    endpoint: Endpoint,
    dir: TempDir,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for TlsPeer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl TlsPeer {
    async fn start() -> Self {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.pem"), cert.pem()).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = Endpoint::new("127.0.0.1", listener.local_addr().unwrap().port()).unwrap();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // A client that does not trust us ends the handshake.
                let Ok(stream) = acceptor.accept(stream).await else {
                    continue;
                };
                let Ok(socket) = tokio_tungstenite::accept_async(stream).await else {
                    continue;
                };
                tokio::spawn(async move {
                    let mut transport = websocket::from_stream(socket);
                    greet(&mut transport).await;
                    std::future::pending::<()>().await;
                });
            }
        });
        Self {
            endpoint,
            dir,
            task,
        }
    }

    fn target(&self, tls: bool) -> Target {
        Target::Tcp {
            endpoint: self.endpoint.clone(),
            tls,
            password: None,
        }
    }

    fn trusted(&self) -> Settings {
        Settings {
            network: trusting(self.dir.path().join("ca.pem")),
            ..settings()
        }
    }
}

#[tokio::test]
async fn an_authority_of_ones_own_is_trusted_when_named() {
    let peer = TlsPeer::start().await;
    let daemon = client::connect(&peer.target(true), &peer.trusted())
        .await
        .unwrap();
    assert_eq!(daemon.server().version.as_deref(), Some("0.5.0"));
}

#[tokio::test]
async fn an_unknown_authority_is_refused_with_what_to_do() {
    let peer = TlsPeer::start().await;
    let error = CommandError::from(
        client::connect(&peer.target(true), &settings())
            .await
            .unwrap_err(),
    );
    assert_eq!((error.exit, error.hop), (Exit::Unreachable, Some(Hop::Tls)));
    assert!(error.hint.unwrap().contains("PASEO_CA_FILE"));
}

#[tokio::test]
async fn plain_against_tls_says_so() {
    let peer = TlsPeer::start().await;
    let error = CommandError::from(
        client::connect(&peer.target(false), &settings())
            .await
            .unwrap_err(),
    );
    assert_eq!(error.exit, Exit::Unreachable);
    assert!(
        error.hint.unwrap().contains("ssl=true"),
        "{}",
        error.message
    );
}

#[tokio::test]
async fn a_ca_file_that_is_none_is_a_matter_of_configuration() {
    let peer = TlsPeer::start().await;
    let empty = peer.dir.path().join("empty.pem");
    std::fs::write(&empty, "nothing").unwrap();
    for path in [PathBuf::from("/nonexistent/ca.pem"), empty] {
        let settings = Settings {
            network: trusting(path),
            ..settings()
        };
        let error = CommandError::from(
            client::connect(&peer.target(true), &settings)
                .await
                .unwrap_err(),
        );
        assert_eq!(
            (error.code.as_ref(), error.exit),
            ("CA_FILE_INVALID", Exit::Config)
        );
    }
}
