//! Every secret store keeps the same promises, the real GNOME Keyring too.
//!
//! Tests that need a session bus run as children of this binary under `dbus-run-session`, with a home
//! and a runtime directory of their own; those are the ignored ones.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use paseo::secret::{
    FileStore, KeyringStore, MAX_ITEM_BYTES, MemoryStore, Secret, SecretId, SecretStore,
    StoreError, StoreKind, Stores, probe,
};

const PATIENT: Duration = Duration::from_secs(20);

fn item(content: &[u8]) -> Secret<Vec<u8>> {
    Secret::new(content.to_vec())
}

fn content(store: &dyn SecretStore, id: &SecretId) -> Option<Vec<u8>> {
    let item = store.get(id).expect("the store answers");
    item.map(|item| item.expose().clone())
}

/// The contract.
fn keeps_its_promises(kind: StoreKind, store: &dyn SecretStore) {
    let (id, other) = (SecretId::random(), SecretId::random());
    assert_eq!(content(store, &id), None, "absent is no error");
    store
        .delete(&id)
        .expect("deleting an absent item is none either");

    store.put(&id, &item(b"one")).expect("put");
    store.put(&other, &item(b"other")).expect("put");
    assert_eq!(content(store, &id).as_deref(), Some(&b"one"[..]));
    store.put(&id, &item(b"two")).expect("put again");
    assert_eq!(content(store, &id).as_deref(), Some(&b"two"[..]));
    assert_eq!(content(store, &other).as_deref(), Some(&b"other"[..]));

    let any_byte: Vec<u8> = (0..MAX_ITEM_BYTES).map(|n| (n % 251) as u8).collect();
    store.put(&id, &item(&any_byte)).expect("the largest item");
    assert_eq!(content(store, &id), Some(any_byte));
    let too_large = store.put(&id, &item(&[0; MAX_ITEM_BYTES + 1]));
    assert!(matches!(too_large, Err(StoreError::TooLarge(_))));

    store.delete(&id).expect("delete");
    assert_eq!(content(store, &id), None);
    assert_eq!(content(store, &other).as_deref(), Some(&b"other"[..]));
    store.delete(&other).expect("delete");

    probe(kind, store, &id).expect("a probe succeeds");
}

#[test]
fn memory_keeps_the_contract() {
    keeps_its_promises(StoreKind::File, &MemoryStore::default());
}

#[test]
fn files_keep_the_contract() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let dir = home.path().join("secrets");
    keeps_its_promises(StoreKind::File, &FileStore::new(dir.clone()));
    let left = std::fs::read_dir(dir).expect("the directory").count();
    assert_eq!(left, 0, "nothing stays behind, not of the probe either");
}

#[test]
fn a_store_without_a_place_says_so() {
    let stores = Stores::new(None, Duration::ZERO);
    let error = stores.open(StoreKind::File).expect_err("no home");
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
}

/// Runs one ignored test of this binary in a session of its own. `keyring` is the shell command that
/// starts the keyring daemon there.
#[expect(clippy::print_stdout, reason = "a skip is told")]
fn in_session(home: &Path, keyring: &str, test: &str) {
    let ready = ["dbus-run-session", "gnome-keyring-daemon"]
        .iter()
        .all(|tool| {
            let found = Command::new("sh")
                .args(["-c", &format!("command -v {tool}")])
                .output();
            found.is_ok_and(|found| found.status.success())
        });
    if !ready {
        assert!(
            !in_ci(),
            "dbus-run-session and gnome-keyring-daemon are missing"
        );
        println!("skipped: dbus-run-session and gnome-keyring-daemon are not installed");
        return;
    }
    let runtime = home.join("run");
    std::fs::create_dir_all(&runtime).expect("a runtime directory");
    let output = Command::new("dbus-run-session")
        .args(["--", "sh", "-c", &format!("{keyring}; exec \"$@\""), "sh"])
        .arg(std::env::current_exe().expect("this binary"))
        .args(["--exact", "--ignored", "--nocapture", test])
        .env_clear()
        .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
        .env("HOME", home)
        .env("XDG_RUNTIME_DIR", &runtime)
        .output()
        .expect("dbus-run-session runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{test}: {text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn in_ci() -> bool {
    paseo::env::Env::from_process().is_set("CI")
}

const UNLOCKED: &str = "printf password | gnome-keyring-daemon --daemonize --login >/dev/null";
const LOCKED: &str = "gnome-keyring-daemon --daemonize --components=secrets >/dev/null";
const NO_BUS: &str = "export DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent";

#[test]
fn an_unlocked_keyring_keeps_the_contract() {
    let home = tempfile::tempdir().expect("a temporary directory");
    in_session(home.path(), UNLOCKED, "stores::child_present");
}

#[test]
fn a_locked_keyring_is_an_error_in_time() {
    let home = tempfile::tempdir().expect("a temporary directory");
    in_session(home.path(), UNLOCKED, "stores::child_fill");
    in_session(home.path(), LOCKED, "stores::child_locked");
}

#[test]
fn no_keyring_is_an_error_in_time() {
    let home = tempfile::tempdir().expect("a temporary directory");
    in_session(home.path(), NO_BUS, "stores::child_absent");
}

#[test]
#[ignore = "runs under dbus-run-session"]
fn child_present() {
    let store = KeyringStore::new(PATIENT);
    keeps_its_promises(StoreKind::Keyring, &store);
    let stores = Stores::new(None, PATIENT);
    let shared = stores.open(StoreKind::Keyring).expect("a store");
    let id = SecretId::random();
    probe(StoreKind::Keyring, shared.as_ref(), &id).expect("the keyring works");
    // The library under it panics when it is called inside a runtime; we never are.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(async { probe(StoreKind::Keyring, &store, &id).expect("inside a runtime") });
}

fn known_id() -> SecretId {
    "r_known".parse().expect("an id")
}

#[test]
#[ignore = "runs under dbus-run-session"]
fn child_fill() {
    KeyringStore::new(PATIENT)
        .put(&known_id(), &item(b"one"))
        .expect("put");
}

#[test]
#[ignore = "runs under dbus-run-session"]
fn child_locked() {
    let start = Instant::now();
    let store = KeyringStore::new(Duration::from_secs(3));
    for result in [
        store.get(&known_id()).map(drop),
        store.put(&known_id(), &item(b"two")),
    ] {
        let error = result.expect_err("it is locked");
        let expected = matches!(
            error,
            StoreError::Locked { .. } | StoreError::TimedOut { .. }
        );
        assert!(expected, "{error}");
    }
    assert!(
        start.elapsed() < Duration::from_secs(6),
        "one budget for both"
    );
}

#[test]
#[ignore = "runs under dbus-run-session"]
fn child_absent() {
    let store = KeyringStore::new(Duration::from_secs(3));
    let error = store.get(&known_id()).expect_err("there is none");
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
}
