//! `paseo remote show -G` and `paseo config check --strict`.

use std::os::unix::fs::PermissionsExt;

use crate::remotes::{KEY, SERVER_ID, with_work};
use crate::sandbox::Sandbox;

const FILE: &str = "home/.config/paseo/remotes.toml";

/// The value of a key and where it comes from.
fn setting(sandbox: &Sandbox, args: &[&str], key: &str) -> (String, String) {
    let shown = sandbox.run(&[&["remote", "show", "-G", "--json"], args].concat());
    shown.says_none_of(&[SERVER_ID, KEY]);
    let rows = shown.json();
    let row = rows
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["key"] == key);
    let row = row.unwrap_or_else(|| panic!("{key} is not in {rows}"));
    let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let from = match text("from") {
        from if from.is_empty() => text("origin"),
        from => from,
    };
    let from = from.rsplit('/').next().unwrap().to_owned();
    (text("value"), from)
}

#[test]
fn every_setting_has_its_origin() {
    let mut sandbox = with_work();
    let pair = |value: &str, from: &str| (value.to_owned(), from.to_owned());
    assert_eq!(
        setting(&sandbox, &["work"], "connect_timeout"),
        pair("10s", "default")
    );
    let text = sandbox.read(FILE);
    let above = text.matches('\n').count();
    let defaults = format!("{text}\n[defaults]\nconnect_timeout = \"7s\"\n");
    sandbox.write(FILE, &defaults);
    let line = format!("remotes.toml:{}", above + 3);
    assert_eq!(
        setting(&sandbox, &["work"], "connect_timeout"),
        pair("7s", &line)
    );
    assert_eq!(
        sandbox
            .run(&["remote", "set", "work", "connect_timeout=8s"])
            .status,
        0
    );
    let (value, from) = setting(&sandbox, &["work"], "connect_timeout");
    let at: usize = from.rsplit(':').next().unwrap().parse().unwrap();
    assert_eq!(value, "8s");
    assert!(
        sandbox
            .read(FILE)
            .lines()
            .nth(at - 1)
            .unwrap()
            .contains("8s")
    );
    sandbox.set("PASEO_CONNECT_TIMEOUT", "9s");
    assert_eq!(
        setting(&sandbox, &["work"], "connect_timeout"),
        pair("9s", "PASEO_CONNECT_TIMEOUT")
    );
    assert_eq!(
        setting(
            &sandbox,
            &["work", "--connect-timeout", "11s"],
            "connect_timeout"
        ),
        pair("11s", "--connect-timeout")
    );
    assert_eq!(setting(&sandbox, &["work"], "relay.tls").0, "false");
    assert_eq!(setting(&sandbox, &["work"], "secret.store").0, "file");
}

/// `-G` works where no secret can be read at all.
#[test]
fn no_secret_is_read() {
    let sandbox = with_work();
    std::fs::remove_dir_all(sandbox.path("home/.local/share")).unwrap();
    let shown = sandbox.run(&["remote", "show", "-G", "work"]);
    assert_eq!((shown.status, shown.stderr.as_str()), (0, ""), "{shown:?}");
    assert!(shown.stdout.contains("remotes.toml:"), "{shown:?}");
}

#[test]
fn strict_fails_on_what_weakens() {
    let sandbox = with_work();
    sandbox.write(FILE, "[remotes.lab]\nurl = 'tcp://127.0.0.1:1'\n");
    assert_eq!(sandbox.run(&["config", "check", "--strict"]).status, 0);
    for (text, said) in [
        (
            "[remotes.lab]\nurl = 'tcp://10.0.0.5:1'\n",
            "the network sees everything",
        ),
        (
            "[remotes.lab]\nurl = '127.0.0.1:1'\nsecret = { store = 'file', id = 'r_0123456789abcdef' }\n",
            "not encrypted",
        ),
    ] {
        sandbox.write(FILE, text);
        let usual = sandbox.run(&["config", "check"]);
        assert_eq!(usual.status, 0, "{usual:?}");
        assert!(
            usual.stderr.contains("remotes.toml:1: warning"),
            "{usual:?}"
        );
        sandbox
            .run(&["config", "check", "--strict"])
            .failed(10, said);
    }
    sandbox.write(FILE, "[remotes.lab]\nurl = 'tcp://127.0.0.1:1'\n");
    let open = std::fs::Permissions::from_mode(0o666);
    std::fs::set_permissions(sandbox.path(FILE), open).unwrap();
    sandbox
        .run(&["config", "check", "--strict"])
        .failed(10, "others can change");
}
