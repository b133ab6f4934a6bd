//! A bundle opens for those it is for, as it was, and for nobody else.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::e2ee::SecretKey;
use crate::pairing::Offer;
use crate::remote::recipient::Recipient;
use crate::remote::{
    DirectRoute, Guard, NetworkOptions, Options, RelayRoute, Route, ValueSource, offer_item,
    password_item,
};
use crate::secret::Cost;

fn secret_ref() -> SecretRef {
    SecretRef {
        store: StoreKind::File,
        id: SecretId::random(),
    }
}

fn remote(name: &str, route: Route) -> Remote {
    Remote {
        name: name.parse().unwrap(),
        description: Some("the \"office\"".to_owned()),
        tags: vec!["gpu".to_owned()],
        route,
        roads: Vec::new(),
        options: Options::default(),
        dirs: Vec::new(),
        guard: Guard {
            readonly: true,
            ..Guard::default()
        },
        added: None,
    }
}

/// Two names of a daemon behind a relay, one that is reached straight with a password, and one without.
fn bundle() -> Bundle {
    let key = SecretKey::generate().public_key();
    let endpoint: crate::protocol::relay::Endpoint = "relay.example:443".parse().unwrap();
    let offer = Offer::new("srv_planted".into(), key, endpoint.clone(), Some(true));
    let relay = Route::Relay(RelayRoute {
        endpoint,
        tls: true,
        fingerprint: key.fingerprint(),
        secret: secret_ref(),
    });
    let direct = |secret| {
        let address = "tcp://10.0.0.5:6767".parse().unwrap();
        Route::Direct(DirectRoute { address, secret })
    };
    let mut bundle = Bundle::default();
    bundle.push(remote("work", relay.clone()), Some(offer_item(&offer)));
    bundle.push(remote("again", relay), Some(offer_item(&offer)));
    let password = password_item(&"planted-password".into());
    bundle.push(remote("lab", direct(Some(secret_ref()))), Some(password));
    bundle.push(remote("open", direct(None)), None);
    bundle
}

fn passphrase(text: &str) -> SealFor {
    SealFor::Passphrase(text.into(), Cost::LEAST)
}

fn sorted(mut remotes: Vec<Remote>) -> Vec<Remote> {
    remotes.sort_by(|a, b| a.name.cmp(&b.name));
    remotes
}

fn same(a: &Bundle, b: &Bundle) -> bool {
    let items = |bundle: &Bundle| -> Vec<(SecretId, Vec<u8>)> {
        let items = bundle.items.iter();
        items
            .map(|(id, item)| (id.clone(), item.expose().clone()))
            .collect()
    };
    sorted(a.remotes.clone()) == sorted(b.remotes.clone()) && items(a) == items(b)
}

#[test]
fn those_it_is_for_open_it_and_nobody_else() {
    let (key, other) = (SecretKey::generate(), SecretKey::generate());
    let bundle = bundle();
    let for_key = SealFor::Recipient(Recipient::new(key.public_key()));
    let sealed = bundle.seal(&[passphrase("horse"), for_key]).unwrap();
    let text = sealed.to_text();
    assert!(
        !text.contains("planted") && !text.contains("relay.example"),
        "{text}"
    );
    let read = SealedBundle::parse(text.as_bytes()).unwrap();
    assert_eq!(read, sealed);
    assert!(read.takes_passphrase() && read.takes_recipient());
    assert!(same(
        &read.open_with_passphrase(&"horse".into()).unwrap(),
        &bundle
    ));
    assert!(same(&read.open_with_key(&key).unwrap(), &bundle));
    let wrong = read.open_with_passphrase(&"mule".into());
    assert_eq!(wrong.unwrap_err(), BundleError::WrongPassphrase);
    let foreign = read.open_with_key(&other);
    assert_eq!(foreign.unwrap_err(), BundleError::NotForUs);
    assert_eq!(bundle.seal(&[]).unwrap_err(), BundleError::Locks);
}

#[test]
fn damage_is_told_from_a_wrong_passphrase_wherever_it_is() {
    let text = bundle().seal(&[passphrase("horse")]).unwrap().to_text();
    let open =
        |text: &str| SealedBundle::parse(text.as_bytes())?.open_with_passphrase(&"horse".into());
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    for pointer in [
        "/locks/0/passphrase/salt",
        "/locks/0/passphrase/key",
        "/check",
        "/content",
    ] {
        let mut damaged = json.clone();
        let part = damaged.pointer_mut(pointer).unwrap();
        let old = part.as_str().unwrap().to_owned();
        let first = if old.starts_with('A') { "B" } else { "A" };
        *part = format!("{first}{}", &old[1..]).into();
        assert_eq!(
            open(&damaged.to_string()).unwrap_err(),
            BundleError::Damaged,
            "{pointer}"
        );
    }
    let cut = open(&text[..text.len() / 2]);
    assert_eq!(cut.unwrap_err(), BundleError::Damaged);
    assert_eq!(open("{}").unwrap_err(), BundleError::Other);
    let newer = text.replace("\"version\": 1", "\"version\": 2");
    assert_eq!(open(&newer).unwrap_err(), BundleError::Newer);
    let greedy = Cost {
        memory_kib: 1024 * 1024,
        ..Cost::LEAST
    };
    let refused = bundle().seal(&[SealFor::Passphrase("x".into(), greedy)]);
    assert_eq!(refused.unwrap_err(), BundleError::Cost);
}

#[test]
fn the_cost_of_all_passphrases_together_is_bounded_before_the_first_hash() {
    let cost = |memory_mib: u32, passes| Cost {
        memory_kib: memory_mib * 1024,
        passes,
        lanes: 1,
    };
    let parsed = |costs: &[Cost]| {
        let text = SealedBundle::with_costs(costs).to_text();
        SealedBundle::parse(text.as_bytes()).map(drop)
    };
    let start = std::time::Instant::now();
    for (costs, expected) in [
        (vec![Cost::USUAL], true),
        (vec![Cost::USUAL; 8], true),
        (vec![Cost::USUAL; 9], false),
        (vec![Cost::LEAST; 16], true),
        (vec![cost(128, 12)], true),
        (vec![cost(128, 13)], false),
        (vec![cost(128, 12), Cost::LEAST], false),
        (vec![cost(129, 1)], false),
        (vec![cost(512, 1)], false),
        (vec![cost(7, 1)], false),
        (vec![cost(8, 16)], true),
        (vec![cost(8, 17)], false),
        (vec![cost(8, 0)], false),
        // What took minutes and 533 MB.
        (vec![cost(512, 16); 16], false),
        (vec![cost(32, 16); 16], false),
    ] {
        let wanted = match expected {
            true => Ok(()),
            false => Err(BundleError::Cost),
        };
        assert_eq!(parsed(&costs), wanted, "{costs:?}");
        assert_eq!(
            costs.len() == 1 && costs[0].is_bounded(),
            costs.len() == 1 && expected
        );
    }
    // Nor is one made that could not be opened.
    let many: Vec<_> = (0..9)
        .map(|_| SealFor::Passphrase("x".into(), Cost::USUAL))
        .collect();
    assert_eq!(bundle().seal(&many).unwrap_err(), BundleError::Cost);
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn what_is_inside_is_not_believed() {
    let open = |bundle: &Bundle| {
        let sealed = bundle.seal(&[passphrase("horse")]).unwrap();
        sealed.open_with_passphrase(&"horse".into()).map(drop)
    };
    assert_eq!(open(&bundle()), Ok(()));
    // It would learn a variable of whoever imports it, or run a program.
    for source in [
        ValueSource::Env("AWS_SECRET_ACCESS_KEY".to_owned()),
        ValueSource::Command(vec!["id".to_owned()]),
    ] {
        let mut hostile = bundle();
        hostile.remotes[0].options.network = NetworkOptions {
            headers: vec![("X-Taken".to_owned(), source)],
            ..NetworkOptions::default()
        };
        assert_eq!(open(&hostile), Err(BundleError::Damaged));
    }
    // A secret of another remote, none at all, and one that nobody has.
    let mut swapped = bundle();
    let password = password_item(&"x".into());
    let id = swapped.remotes[0].secret().unwrap().id.clone();
    swapped.items.insert(id.clone(), password);
    assert_eq!(open(&swapped), Err(BundleError::Damaged));
    let mut missing = bundle();
    let id = missing.remotes[0].secret().unwrap().id.clone();
    assert!(missing.items.remove(&id).is_some());
    assert_eq!(open(&missing), Err(BundleError::Damaged));
    let mut surplus = bundle();
    surplus
        .items
        .insert(SecretId::random(), Secret::new(b"x".to_vec()));
    assert_eq!(open(&surplus), Err(BundleError::Damaged));
}

#[test]
fn fresh_ids_stay_shared_and_what_is_left_out_takes_its_secret_along() {
    let mut bundle = bundle();
    bundle.keep_in(StoreKind::Keyring);
    let ids: Vec<_> = bundle.remotes.iter().map(|r| r.secret().cloned()).collect();
    assert_eq!(ids[0], ids[1]);
    assert!(ids[0] != ids[2] && ids[3].is_none());
    assert_eq!(bundle.secrets().count(), 2);
    assert!(
        bundle
            .secrets()
            .all(|(secret, _)| secret.store == StoreKind::Keyring)
    );
    bundle.retain(|remote| remote.name.as_str() != "lab");
    assert_eq!((bundle.remotes.len(), bundle.secrets().count()), (3, 1));
    bundle.retain(|remote| remote.name.as_str() != "work");
    assert_eq!(bundle.secrets().count(), 1);
}

#[test]
fn what_this_machine_alone_can_tell_stays_here() {
    let home = tempfile::tempdir().unwrap();
    let stores = Stores::new(Some(home.path().to_owned()), Duration::ZERO);
    let mut bundle = bundle();
    for (secret, item) in bundle.secrets() {
        stores
            .open(secret.store)
            .unwrap()
            .put(&secret.id, item)
            .unwrap();
    }
    bundle.remotes[0].options.network.headers = vec![
        ("X-Team".to_owned(), ValueSource::Text("a".to_owned())),
        ("X-Token".to_owned(), ValueSource::Env("TOKEN".to_owned())),
    ];
    let remotes: Vec<&Remote> = bundle.remotes.iter().collect();
    let (read, left) = Bundle::of(&remotes, &stores).unwrap();
    assert_eq!(
        left,
        [("work".parse().unwrap(), "headers.X-Token".to_owned())]
    );
    assert_eq!(read.remotes[0].options.network.headers.len(), 1);
    assert_eq!(read.items.len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_panics(text in "(?s).{0,80}", at in 0..1200usize, byte: u8) {
        let _ = SealedBundle::parse(text.as_bytes());
        let key = SecretKey::from_bytes(&[7; 32]);
        let who = SealFor::Recipient(Recipient::new(key.public_key()));
        let mut bytes = bundle().seal(&[who]).unwrap().to_text().into_bytes();
        if let Some(found) = bytes.get_mut(at) {
            *found = byte;
        }
        if let Ok(sealed) = SealedBundle::parse(&bytes) {
            let _ = sealed.open_with_key(&key);
        }
        let _ = Bundle::parse(text.as_bytes());
    }
}
