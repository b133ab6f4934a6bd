//! What `paseo relay check` says of a relay that it cannot use.

use paseo::relay::{Config, Limits, TlsFiles};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use serde_json::Value;
use tempfile::TempDir;

use crate::binary::paseo;
use crate::support::{Relay, within};

/// The line of the report that fails.
async fn failing(home: &TempDir, args: &[&str]) -> (String, String) {
    let args = [&["relay", "check", "--json", "--idle", "1ms"], args].concat();
    let mut command = paseo(home.path(), &args);
    command
        .env("PASEO_CA_FILE", home.path().join("cert.pem"))
        .stdout(std::process::Stdio::piped());
    let ran = within("the check", command.output()).await.unwrap();
    assert_eq!(ran.status.code(), Some(1));
    let lines: Vec<Value> = serde_json::from_slice(&ran.stdout).unwrap();
    let fails: Vec<_> = lines.iter().filter(|l| l["result"] == "fail").collect();
    let [line] = fails[..] else {
        panic!("{lines:?}");
    };
    let word = |key: &str| line[key].as_str().unwrap().to_owned();
    (word("check"), word("detail"))
}

/// A relay with TLS, whose certificate is an authority's or not.
fn encrypted(home: &TempDir, is_ca: IsCa) -> (Relay, String) {
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.is_ca = is_ca;
    let key = KeyPair::generate().unwrap();
    let files = TlsFiles {
        certificates: home.path().join("cert.pem"),
        key: home.path().join("key.pem"),
    };
    let certificate = params.self_signed(&key).unwrap();
    std::fs::write(&files.certificates, certificate.pem()).unwrap();
    std::fs::write(&files.key, key.serialize_pem()).unwrap();
    let relay = Relay::with(Config {
        tls: Some(files),
        ..Config::default()
    });
    let (_, port) = relay.authority.rsplit_once(':').unwrap();
    let authority = format!("localhost:{port}");
    (relay, authority)
}

/// Its sender is closed with 1009; "Client disconnected" at the other side only follows from that.
#[tokio::test]
async fn a_frame_above_the_limit_is_told_as_its_sender_is() {
    let limits = Limits {
        message_bytes: 1024 * 1024,
        ..Limits::default()
    };
    let relay = Relay::with(Config {
        limits,
        ..Config::default()
    });
    let home = tempfile::tempdir().unwrap();
    let url = format!("ws://{}", relay.authority);
    let (check, why) = failing(&home, &[&url, "--large", "3MiB"]).await;
    assert_eq!(check, "large frame");
    assert!(why.contains("1009"), "{why}");
}

#[tokio::test]
async fn plain_at_a_port_with_tls_is_told_in_the_words_of_the_relay() {
    let home = tempfile::tempdir().unwrap();
    let (_relay, authority) = encrypted(&home, IsCa::NoCa);
    let (check, why) = failing(&home, &[&format!("ws://{authority}")]).await;
    assert_eq!(check, "upgrade");
    assert!(
        why.contains("status 400") && why.contains("This port speaks TLS: use wss://"),
        "{why}"
    );
}

#[tokio::test]
async fn faults_of_a_certificate_are_told_in_words() {
    let home = tempfile::tempdir().unwrap();
    let is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let (_relay, authority) = encrypted(&home, is_ca);
    let (check, why) = failing(&home, &[&format!("wss://{authority}")]).await;
    assert_eq!(check, "tls");
    assert!(why.contains("is marked as an authority"), "{why}");
    let (relay, _) = encrypted(&home, IsCa::NoCa);
    let by_address = format!("wss://{}", relay.authority);
    let (check, why) = failing(&home, &[&by_address]).await;
    assert_eq!(check, "tls");
    assert!(why.contains("is for another name"), "{why}");
}
