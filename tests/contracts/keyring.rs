//! A real keyring: GNOME Keyring absent, locked, unlocked, and with somebody who closes its prompt.
//!
//! It needs a session bus. So each test runs an ignored one as a child of this binary under `dbus-run-session`,
//! with a home and a runtime directory of its own.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use dbus_secret_service::{EncryptionType, SecretService};
use paseo::remote::{Keeper, RemotesFile};
use paseo::secret::{KeyringStore, SecretId, SecretStore, StoreError, StoreKind, Stores, probe};

use crate::prompter::Prompter;
use crate::stores::{PATIENT, item, keeps_its_promises, known_id};
use crate::tool::is_missing;

/// Runs one ignored test of this binary in a session of its own. `keyring` is the shell command that
/// starts the keyring daemon there.
fn in_session(home: &Path, keyring: &str, test: &str) {
    if is_missing("dbus-run-session") || is_missing("gnome-keyring-daemon") {
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

const UNLOCKED: &str = "printf password | gnome-keyring-daemon --daemonize --login >/dev/null";
const LOCKED: &str = "gnome-keyring-daemon --daemonize --components=secrets >/dev/null";
const NO_SESSION: &str = "unset DBUS_SESSION_BUS_ADDRESS DISPLAY";
const NO_BUS: &str = "export DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent";

#[test]
fn an_unlocked_keyring_keeps_the_contract() {
    let home = tempfile::tempdir().expect("a temporary directory");
    in_session(home.path(), UNLOCKED, "keyring::child_present");
}

#[test]
fn a_locked_keyring_is_an_error_in_time() {
    let home = tempfile::tempdir().expect("a temporary directory");
    in_session(home.path(), UNLOCKED, "keyring::child_fill");
    in_session(home.path(), LOCKED, "keyring::child_locked");
}

#[test]
fn a_prompt_that_is_dismissed_writes_nothing() {
    let home = tempfile::tempdir().expect("a temporary directory");
    in_session(home.path(), UNLOCKED, "keyring::child_fill");
    in_session(home.path(), LOCKED, "keyring::child_dismissed");
}

#[test]
fn many_remotes_ask_for_a_locked_keyring_once() {
    let home = tempfile::tempdir().expect("a temporary directory");
    in_session(home.path(), UNLOCKED, "keyring::child_fill");
    in_session(home.path(), LOCKED, "keyring::child_many");
}

#[test]
fn no_keyring_is_an_error_in_time() {
    let home = tempfile::tempdir().expect("a temporary directory");
    in_session(home.path(), NO_BUS, "keyring::child_absent");
}

/// What libdbus says then is about X11.
#[test]
fn no_session_is_told_in_words_of_ours() {
    let home = tempfile::tempdir().expect("a temporary directory");
    in_session(home.path(), NO_SESSION, "keyring::child_absent");
}

#[test]
fn a_tool_of_the_keyring_shows_whose_item_it_is() {
    let home = tempfile::tempdir().expect("a temporary directory");
    in_session(home.path(), UNLOCKED, "keyring::child_labelled");
}

#[test]
#[ignore = "runs under dbus-run-session"]
fn child_labelled() {
    let added = Command::new(env!("CARGO_BIN_EXE_paseo"))
        .args(["--batch", "remote", "add", "work", "--no-check"])
        .arg("tcp://127.0.0.1:9?password=planted")
        .output()
        .expect("paseo runs");
    assert!(added.status.success(), "{added:?}");
    let labels = || {
        let service = SecretService::connect(EncryptionType::Plain).expect("a session");
        let found = service.search_items(HashMap::from([("service", "paseo")]));
        let found = found.expect("a search");
        let items = found.unlocked.iter();
        items
            .map(|item| item.get_label().expect("a label"))
            .collect::<Vec<_>>()
    };
    assert_eq!(labels(), ["paseo: work"]);
    // Under another name, however it is given.
    paseo(&["--batch", "remote", "rename", "work", "home"]);
    assert_eq!(labels(), ["paseo: home"]);
    let file = std::env::home_dir()
        .expect("a home")
        .join(".config/paseo/remotes.toml");
    let before = RemotesFile::load(file.parent()).expect("remotes");
    let text = std::fs::read_to_string(&file).expect("remotes");
    let text = text.replace("remotes.home", "remotes.lab");
    std::fs::write(&file, text).expect("remotes");
    let after = RemotesFile::load(file.parent()).expect("remotes");
    let stores = Stores::new(None, PATIENT);
    let keeper = Keeper::new(&stores, file.parent(), None);
    assert!(keeper.relabel(&before, &after).is_empty());
    assert_eq!(labels(), ["paseo: lab"]);
    assert!(keeper.relabel(&after, &after).is_empty());
}

fn paseo(args: &[&str]) -> String {
    let ran = Command::new(env!("CARGO_BIN_EXE_paseo"))
        .args(args)
        .output();
    let ran = ran.expect("paseo runs");
    assert!(ran.status.success(), "{ran:?}");
    String::from_utf8(ran.stdout).expect("text")
}

/// A store that did not answer while a secret was put into it may have taken it later, or never.
#[test]
fn doctor_tells_of_a_secret_only_where_it_may_be() {
    let home = tempfile::tempdir().expect("a temporary directory");
    in_session(home.path(), UNLOCKED, "keyring::child_left");
    in_session(home.path(), LOCKED, "keyring::child_left_behind_a_lock");
}

/// Notes that a change has begun with a secret.
fn note(id: &str) -> std::path::PathBuf {
    let home = std::env::home_dir().expect("a home");
    let notes = home.join(".local/state/paseo/unfinished");
    std::fs::create_dir_all(&notes).expect("a directory");
    let note = notes.join(id);
    std::fs::write(&note, "keyring").expect("a note");
    note
}

/// What `doctor` says of leftovers: result and detail.
fn leftovers() -> (String, String) {
    let ran = Command::new(env!("CARGO_BIN_EXE_paseo"))
        .args(["--batch", "doctor", "--json"])
        .output()
        .expect("paseo runs");
    let checks: serde_json::Value = serde_json::from_slice(&ran.stdout).expect("JSON");
    let checks = checks
        .as_array()
        .cloned()
        .unwrap_or_else(|| checks["checks"].as_array().expect("checks").clone());
    let check = checks
        .iter()
        .find(|check| check["check"] == "leftovers" || check["name"] == "leftovers")
        .unwrap_or_else(|| panic!("{checks:?}"));
    let text = |key: &str| check[key].as_str().unwrap_or_default().to_owned();
    (text("result"), text("detail"))
}

#[test]
#[ignore = "runs under dbus-run-session"]
fn child_left() {
    note("r_lost");
    assert_eq!(leftovers().0, "pass", "nothing is there");
    let store = KeyringStore::new(PATIENT);
    store.put(&known_id(), &item(b"one")).expect("put");
    note(known_id().as_str());
    let (result, detail) = leftovers();
    assert_eq!(result, "warn", "{detail}");
    assert!(detail.contains("left the secrets"), "{detail}");
    assert!(!detail.contains("r_lost"), "{detail}");
    // The next change clears both.
    let added = [
        "--batch",
        "remote",
        "add",
        "work",
        "tcp://127.0.0.1:9",
        "--no-check",
    ];
    paseo(&added);
    assert!(store.get(&known_id()).expect("get").is_none());
    assert_eq!(leftovers().0, "pass");
    note("r_lost");
}

#[test]
#[ignore = "runs under dbus-run-session"]
fn child_left_behind_a_lock() {
    let (result, detail) = leftovers();
    assert_eq!(result, "warn", "{detail}");
    assert!(detail.contains("may have left"), "{detail}");
    assert!(detail.contains("locked"), "{detail}");
}

#[test]
#[ignore = "runs under dbus-run-session"]
fn child_present() {
    let store = KeyringStore::new(PATIENT);
    store.status().expect("it is open");
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

/// Ids of the passwords of three remotes.
const MANY: [&str; 3] = ["r_a", "r_b", "r_c"];

#[test]
#[ignore = "runs under dbus-run-session"]
fn child_fill() {
    let store = KeyringStore::new(PATIENT);
    store.put(&known_id(), &item(b"one")).expect("put");
    for id in MANY {
        let id = id.parse().expect("an id");
        let password = item(br#"{"v":1,"password":"x"}"#);
        store.put(&id, &password).expect("put");
    }
}

#[test]
#[ignore = "runs under dbus-run-session"]
fn child_locked() {
    let looked = KeyringStore::new(PATIENT).status();
    assert!(
        matches!(looked, Err(StoreError::Locked { .. })),
        "{looked:?}"
    );
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
fn child_dismissed() {
    let prompter = Prompter::dismissing();
    let store = KeyringStore::new(PATIENT);
    for result in [
        store.get(&known_id()).map(drop),
        store.put(&known_id(), &item(b"two")),
    ] {
        let error = result.expect_err("nobody unlocked it");
        assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    }
    let asked = prompter.dismissed();
    assert!(asked > 0, "no prompt was shown");

    let mut adding = Command::new(env!("CARGO_BIN_EXE_paseo"))
        .args([
            "remote",
            "add",
            "work",
            "-",
            "--no-check",
            "--store",
            "keyring",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("paseo runs");
    let mut stdin = adding.stdin.take().expect("a pipe");
    let offer = br#"{"v":2,"serverId":"srv_x","daemonPublicKeyB64":"fh1V4oOfytbm1vXyc29bUj+dQDpoSE6nzzsYNkgZ4SY=",
        "relay":{"endpoint":"127.0.0.1:9","useTls":false}}"#;
    stdin.write_all(offer).expect("the offer");
    drop(stdin);
    let added = adding.wait_with_output().expect("paseo ends");
    let said = String::from_utf8_lossy(&added.stderr);
    assert_eq!(added.status.code(), Some(9), "{said}");
    assert!(said.contains("locked"), "{said}");
    assert!(prompter.dismissed() > asked, "{said}");
    let home = std::env::home_dir().expect("a home");
    assert!(!home.join(".config/paseo/remotes.toml").exists());
}

#[test]
#[ignore = "runs under dbus-run-session"]
fn child_many() {
    let home = std::env::home_dir().expect("a home");
    let remote = |id| {
        format!(
            "[remotes.{id}]\nurl = 'tcp://127.0.0.1:9'\nsecret = {{ store = 'keyring', id = '{id}' }}\n"
        )
    };
    let config = home.join(".config/paseo");
    std::fs::create_dir_all(&config).expect("a directory");
    std::fs::write(config.join("remotes.toml"), MANY.map(remote).concat()).expect("a file");
    let prompter = Prompter::dismissing();
    let listed = Command::new(env!("CARGO_BIN_EXE_paseo"))
        .args(["-r", &MANY.join(","), "ls"])
        .env("PASEO_KEYSTORE_TIMEOUT", "30")
        .output();
    let listed = listed.expect("paseo runs");
    let said = String::from_utf8_lossy(&listed.stderr);
    assert_eq!(listed.status.code(), Some(9), "{said}");
    assert_eq!(said.matches("is locked").count(), MANY.len(), "{said}");
    assert_eq!(prompter.dismissed(), 1, "{said}");
}

#[test]
#[ignore = "runs under dbus-run-session"]
fn child_absent() {
    let store = KeyringStore::new(Duration::from_secs(3));
    for result in [store.get(&known_id()).map(drop), store.status()] {
        let error = result.expect_err("there is none");
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.contains("no D-Bus session") && !text.contains("X11"),
            "{text}"
        );
    }
}
