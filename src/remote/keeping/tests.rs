//! What is published, and what a store that does not work leaves behind.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::e2ee::SecretKey;
use crate::pairing::Offer;
use crate::remote::{
    Address, DirectRoute, Guard, Options, RelayRoute, Route, offer_item, password_item,
};

/// Every byte below a directory, names of files included.
fn published(dir: &Path) -> Vec<u8> {
    let mut bytes = dir.as_os_str().as_encoded_bytes().to_vec();
    match fs::read_dir(dir) {
        Ok(entries) => entries.for_each(|entry| bytes.extend(published(&entry.unwrap().path()))),
        Err(_) => bytes.extend(fs::read(dir).unwrap()),
    }
    bytes
}

/// Fails when any eight bytes of a secret, in any usual spelling, are published.
fn assert_absent(published: &[u8], secret: &[u8]) {
    let hex = secret
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>();
    let spellings = [
        secret.to_vec(),
        hex.into_bytes(),
        base64_simd::STANDARD_NO_PAD
            .encode_to_string(secret)
            .into_bytes(),
        base64_simd::URL_SAFE_NO_PAD
            .encode_to_string(secret)
            .into_bytes(),
    ];
    for spelling in spellings {
        for part in spelling.windows(8) {
            let found = published.windows(8).any(|window| window == part);
            assert!(!found, "{}", String::from_utf8_lossy(part));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// `remotes.toml` and the state, while a change is going on and after it.
    #[test]
    fn the_file_can_be_published(
        server_id in "[A-Za-z0-9_-]{12,40}",
        password in "[ -~]{12,40}",
        key in any::<[u8; 32]>(),
        description in proptest::option::of("[ -~]{0,7}"),
    ) {
        let home = tempfile::tempdir().unwrap();
        let (config, state) = (home.path().join("config"), home.path().join("state"));
        let stores = Stores::new(Some(home.path().join("data")), Duration::ZERO);
        let keeper = Keeper::new(&stores, Some(&config), Some(&state));
        let key = SecretKey::from_bytes(&key).public_key();
        let endpoint: crate::protocol::relay::Endpoint = "r:1".parse().unwrap();
        let offer = Offer::new(server_id.as_str().into(), key, endpoint.clone(), None);
        let secret = || SecretRef { store: StoreKind::File, id: SecretId::random() };
        let relay = Route::Relay(RelayRoute {
            endpoint,
            tls: false,
            fingerprint: key.fingerprint(),
            secret: secret(),
        });
        let address: Address = "d:1".parse().unwrap();
        let direct = Route::Direct(DirectRoute { address, secret: Some(secret()) });
        let items = [offer_item(&offer), password_item(&password.as_str().into())];
        for (n, (route, item)) in [relay, direct].into_iter().zip(&items).enumerate() {
            let remote = Remote {
                name: format!("r{n}").parse().unwrap(),
                description: description.clone(),
                tags: Vec::new(),
                route,
                options: Options::default(),
                roads: Vec::new(),
                dirs: Vec::new(),
                guard: Guard::default(),
                added: None,
            };
            keeper.note(remote.secret().unwrap(), Noted::Secret);
            keeper.add(&remote, Some(item), |_| Ok(())).unwrap();
        }
        let published = [published(&config), published(&state)].concat();
        let link = offer.to_link("");
        for secret in [server_id.as_bytes(), password.as_bytes(), key.as_bytes(), link.expose().as_bytes()] {
            assert_absent(&published, secret);
        }
        // The fingerprint alone is no key: a store without the items resolves nothing.
        let empty = Stores::new(Some(home.path().join("empty")), Duration::ZERO);
        for remote in RemotesFile::load(Some(&config)).unwrap().remotes() {
            prop_assert!(remote.resolve(&stores).is_ok());
            prop_assert!(remote.resolve(&empty).is_err());
        }
    }
}
