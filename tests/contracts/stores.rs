//! Every secret store keeps the same promises.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use paseo::secret::{
    CommandSpec, CommandStore, Cost, FileStore, MAX_ITEM_BYTES, MemoryStore, Passphrase, Secret,
    SecretId, SecretStore, StoreError, StoreKind, Stores, VaultStore, probe,
};

use crate::tool::is_missing;

pub(crate) const PATIENT: Duration = Duration::from_secs(20);

pub(crate) fn item(content: &[u8]) -> Secret<Vec<u8>> {
    Secret::new(content.to_vec())
}

fn content(store: &dyn SecretStore, id: &SecretId) -> Option<Vec<u8>> {
    let item = store.get(id).expect("the store answers");
    item.map(|item| item.expose().clone())
}

/// The contract.
pub(crate) fn keeps_its_promises(kind: StoreKind, store: &dyn SecretStore) {
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

/// A passphrase that is known, and may be changed.
#[derive(Debug)]
struct Known(std::sync::Mutex<(&'static str, &'static str)>);

impl Known {
    fn new(old: &'static str, new: &'static str) -> std::sync::Arc<Self> {
        std::sync::Arc::new(Self(std::sync::Mutex::new((old, new))))
    }
}

impl Passphrase for Known {
    fn existing(&self, _: bool) -> Result<Secret<String>, StoreError> {
        Ok(self.0.lock().unwrap().0.into())
    }

    fn new_one(&self) -> Result<Secret<String>, StoreError> {
        let mut known = self.0.lock().unwrap();
        known.0 = known.1;
        Ok(known.0.into())
    }

    fn is_interactive(&self) -> bool {
        false
    }
}

fn vault(dir: &Path, passphrase: &'static str) -> VaultStore {
    let path = dir.join("vault.json");
    VaultStore::new(path, Known::new(passphrase, passphrase)).with_cost(Cost::LEAST)
}

#[test]
fn the_vault_keeps_the_contract() {
    let home = tempfile::tempdir().unwrap();
    let store = vault(home.path(), "one");
    assert!(matches!(
        store.status(),
        Err(StoreError::Unavailable { .. })
    ));
    keeps_its_promises(StoreKind::Vault, &store);
    store.status().unwrap();
    // A second process has to ask anew.
    keeps_its_promises(StoreKind::Vault, &vault(home.path(), "one"));
}

#[test]
fn a_wrong_passphrase_is_told_from_damage() {
    let home = tempfile::tempdir().unwrap();
    let (id, other) = (SecretId::random(), SecretId::random());
    let store = vault(home.path(), "one");
    store.put(&id, &item(b"hunter2")).unwrap();
    store.put(&other, &item(b"hunter3")).unwrap();
    let path = home.path().join("vault.json");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("hunter"));
    let get = |passphrase, text: &str| {
        std::fs::write(&path, text).unwrap();
        vault(home.path(), passphrase).get(&id)
    };
    let wrong = get("two", &text).unwrap_err();
    assert!(
        matches!(wrong, StoreError::WrongPassphrase { .. }),
        "{wrong}"
    );
    assert_eq!(get("one", &text).unwrap().unwrap().expose(), b"hunter2");

    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    // Any byte of any sealed part, and items that change places.
    for pointer in [
        "/id",
        "/salt",
        "/key",
        "/check",
        &format!("/items/{}", id.as_str()),
    ] {
        let mut damaged = json.clone();
        let part = damaged.pointer_mut(pointer).unwrap();
        let changed = part.as_str().unwrap().to_owned();
        let first = if changed.starts_with('A') { "B" } else { "A" };
        *part = format!("{first}{}", &changed[1..]).into();
        let error = get("one", &damaged.to_string()).unwrap_err();
        assert!(
            matches!(error, StoreError::Damaged { .. }),
            "{pointer}: {error}"
        );
    }
    let mut swapped = json.clone();
    swapped["items"][id.as_str()] = json["items"][other.as_str()].clone();
    let error = get("one", &swapped.to_string()).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    for damage in [&text[..text.len() / 2], "", "{}"] {
        let error = get("one", damage).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    }
    // Nothing is derived from a file that asks for too much.
    let mut greedy = json.clone();
    greedy["cost"]["memory_kib"] = 4_000_000_000u32.into();
    assert!(get("one", &greedy.to_string()).is_err());
    // Deleting needs no passphrase, so what a killed command left can always be cleaned up.
    std::fs::write(&path, &text).unwrap();
    vault(home.path(), "two").delete(&id).unwrap();
    assert!(vault(home.path(), "one").get(&id).unwrap().is_none());
}

#[test]
fn a_rotation_makes_old_keys_useless() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("vault.json");
    let id = SecretId::random();
    vault(home.path(), "one").put(&id, &item(b"x")).unwrap();
    let before = std::fs::read_to_string(&path).unwrap();
    let rotating = VaultStore::new(path.clone(), Known::new("one", "two")).with_cost(Cost::LEAST);
    assert_eq!(rotating.rotate(true).unwrap(), 1);
    assert_eq!(content(&rotating, &id).as_deref(), Some(&b"x"[..]));
    let after = std::fs::read_to_string(&path).unwrap();
    let (before, after): (serde_json::Value, serde_json::Value) = (
        serde_json::from_str(&before).unwrap(),
        serde_json::from_str(&after).unwrap(),
    );
    for part in ["id", "salt", "key", "items"] {
        assert_ne!(before[part], after[part], "{part}");
    }
    assert!(matches!(
        vault(home.path(), "one").get(&id),
        Err(StoreError::WrongPassphrase { .. })
    ));
    let store = vault(home.path(), "two");
    assert_eq!(store.rotate(false).unwrap(), 1);
    assert_eq!(
        content(&vault(home.path(), "two"), &id).as_deref(),
        Some(&b"x"[..])
    );
    // One that was open before notices, and asks again.
    assert!(matches!(rotating.get(&id), Ok(Some(_))));
}

#[test]
fn writers_of_one_vault_lose_nothing() {
    let home = tempfile::tempdir().unwrap();
    let ids: Vec<SecretId> = (0..6).map(|_| SecretId::random()).collect();
    std::thread::scope(|scope| {
        for id in &ids {
            let store = vault(home.path(), "one");
            scope.spawn(move || store.put(id, &item(id.as_str().as_bytes())).unwrap());
        }
    });
    let store = vault(home.path(), "one");
    for id in &ids {
        assert_eq!(content(&store, id).as_deref(), Some(id.as_str().as_bytes()));
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A program that keeps items in files.
fn program(dir: &Path, json: bool) -> CommandStore {
    let script = dir.join("keeper");
    let body = match json {
        false => {
            "case $1 in get) [ -e $f ] || exit 3; cat $f;; put) cat >$f;; delete) rm -f $f;; esac"
        }
        // Without a JSON parser: the item has no quotes in it.
        true => {
            r#"r=$(cat); i=${r##*\"item\":\"}; i=${i%%\"*}
case $1 in
get) [ -e $f ] && printf '{"item":"%s"}' $(cat $f) || printf '{}';;
put) printf %s $i >$f;;
delete) rm -f $f;;
esac"#
        }
    };
    let dir = dir.display();
    std::fs::write(&script, format!("#!/bin/sh\nf={dir}/$2\n{body}\n")).unwrap();
    let argv = |op| Some(words(&["sh", script.to_str().unwrap(), op, "{id}"]));
    let spec = CommandSpec {
        get: argv("get").unwrap(),
        put: argv("put"),
        delete: argv("delete"),
        json,
        absent: Some(3),
        timeout: PATIENT,
    };
    CommandStore::new(spec)
}

#[test]
fn a_program_keeps_the_contract() {
    for json in [false, true] {
        let home = tempfile::tempdir().unwrap();
        keeps_its_promises(StoreKind::Command, &program(home.path(), json));
    }
}

#[test]
fn a_program_that_fails_hangs_or_talks_too_much() {
    let run = |argv: &[&str], json| {
        let spec = CommandSpec {
            get: words(argv),
            json,
            timeout: Duration::from_millis(300),
            ..CommandSpec::default()
        };
        let store = CommandStore::new(spec);
        assert!(
            store.put(&known_id(), &item(b"x")).is_err(),
            "it is for reading"
        );
        store.get(&known_id())
    };
    let start = Instant::now();
    for (argv, said) in [
        (&["sh", "-c", "echo hunter2 >&2; exit 4"][..], "status 4"),
        (&["sh", "-c", "kill -9 $$"], "was killed"),
        (&["sleep", "60"], "did not answer within"),
        (&["sh", "-c", "exec >&-; sleep 60"], "did not answer within"),
        (&["yes"], "more than an item can be"),
        (&["/nowhere/program"], "cannot be run"),
    ] {
        let error = run(argv, false).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    assert!(start.elapsed() < Duration::from_secs(10));
    let error = run(&["echo", "hunter2"], true).unwrap_err().to_string();
    assert!(
        error.contains("JSON") && !error.contains("hunter2"),
        "{error}"
    );
    assert!(
        run(&["true"], false).unwrap().is_none(),
        "nothing is no item"
    );
}

/// `pass`, with a key of its own.
#[test]
fn pass_keeps_the_contract() {
    if is_missing("pass") || is_missing("gpg") {
        return;
    }
    // Short, because the socket of gpg's agent is in it.
    let home = tempfile::Builder::new()
        .prefix("pw")
        .tempdir_in("/tmp")
        .unwrap();
    let env = format!("HOME={}", home.path().display());
    let run = |argv: &[&str]| {
        let ran = Command::new("env")
            .args(["-i", &env, "PATH=/usr/bin:/bin"])
            .args(argv)
            .output();
        let ran = ran.unwrap();
        assert!(
            ran.status.success(),
            "{argv:?}: {}",
            String::from_utf8_lossy(&ran.stderr)
        );
    };
    std::fs::create_dir(home.path().join(".gnupg")).unwrap();
    run(&["chmod", "700", home.path().join(".gnupg").to_str().unwrap()]);
    let quick = [
        "gpg",
        "--batch",
        "--passphrase",
        "",
        "--quick-gen-key",
        "t@example.org",
        "default",
        "default",
    ];
    run(&quick);
    run(&["pass", "init", "t@example.org"]);
    let argv =
        |more: &[&str]| words(&[&["env", "-i", &env, "PATH=/usr/bin:/bin", "pass"], more].concat());
    let spec = CommandSpec {
        get: argv(&["show", "paseo/{id}"]),
        put: Some(argv(&["insert", "--multiline", "--force", "paseo/{id}"])),
        delete: Some(argv(&["rm", "--force", "paseo/{id}"])),
        json: false,
        absent: Some(1),
        timeout: PATIENT,
    };
    keeps_its_promises(StoreKind::Command, &CommandStore::new(spec));
    run(&["gpgconf", "--kill", "all"]);
}

#[test]
fn a_store_without_a_place_says_so() {
    let stores = Stores::new(None, Duration::ZERO);
    let error = stores.open(StoreKind::File).expect_err("no home");
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
}

pub(crate) fn known_id() -> SecretId {
    "r_known".parse().expect("an id")
}
