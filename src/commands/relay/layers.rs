//! Tests of the layers of settings: each one as a flag, as a variable, and as a key of the file.

use std::collections::BTreeSet;

use super::settings::{Settings, names, parse};
use crate::env::{Env, PASEO_RELAY_PREFIX};

/// Each setting with three values: of the command line, of the environment, of the file.
const VALUES: &[(&str, [&str; 3])] = &[
    ("listen", ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"]),
    ("public-endpoint", ["a:1", "b:1", "c:1"]),
    ("public-use-tls", ["true", "false", "true"]),
    ("tls-cert", ["/a", "/b", "/c"]),
    ("tls-key", ["/a", "/b", "/c"]),
    ("trust-proxy", ["true", "false", "true"]),
    ("claim", ["first", "newest", "first"]),
    ("allow-servers", ["/a", "/b", "/c"]),
    ("token-file", ["/a", "/b", "/c"]),
    ("log-format", ["json", "text", "json"]),
    ("cluster", ["nats://a:1", "nats://b:1", "nats://c:1"]),
];

/// The same, for those that are limits.
const LIMITS: &[(&str, [&str; 3])] = &[
    ("message-size", ["1MiB", "2MiB", "3MiB"]),
    ("socket-queue", ["1KiB", "2KiB", "3KiB"]),
    ("session-queue", ["1MiB", "2MiB", "3MiB"]),
    ("address-queue", ["1MiB", "2MiB", "3MiB"]),
    ("total-queue", ["1MiB", "2MiB", "3MiB"]),
    ("held-frames", ["1", "2", "3"]),
    ("held-size", ["1KiB", "2KiB", "3KiB"]),
    ("held-total", ["1KiB", "2KiB", "3KiB"]),
    ("sockets", ["1", "2", "3"]),
    ("sockets-per-session", ["1", "2", "3"]),
    ("sockets-per-address", ["1", "2", "3"]),
    ("rate-per-address", ["1", "2", "3"]),
    ("handshake-timeout", ["1s", "2s", "3s"]),
    ("ping-after", ["1s", "2s", "3s"]),
    ("stall-timeout", ["1s", "2s", "3s"]),
    ("drain-timeout", ["1s", "2s", "3s"]),
];

fn all() -> impl Iterator<Item = &'static (&'static str, [&'static str; 3])> {
    VALUES.iter().chain(LIMITS)
}

fn flag(name: &str, value: &str) -> Settings {
    parse(&[format!("--{name}={value}")]).unwrap()
}

fn variable(name: &str) -> String {
    PASEO_RELAY_PREFIX.to_owned() + &name.to_uppercase().replace('-', "_")
}

/// What can be compared: everything, and what is hidden.
fn seen(settings: &Settings) -> (String, Option<String>) {
    let cluster = settings.cluster.as_ref();
    let cluster = cluster.map(|cluster| cluster.expose().to_owned());
    (format!("{settings:?}"), cluster)
}

#[test]
fn a_flag_beats_a_variable_and_a_variable_beats_the_file() {
    let known: BTreeSet<String> = names().collect();
    let tested: BTreeSet<String> = all().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(known, tested);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("relay.toml");
    for (name, [on_line, in_env, in_file]) in all() {
        std::fs::write(&path, format!("{name} = \"{in_file}\"\n")).unwrap();
        let env = Env::from_pairs([(variable(name), *in_env)]);
        let nothing = Env::default();
        let none = Settings::default;
        for (top, env, expected) in [
            (flag(name, on_line), &env, on_line),
            (none(), &env, in_env),
            (none(), &nothing, in_file),
        ] {
            let layered = top.layered(env, Some(&path)).unwrap();
            assert_eq!(seen(&layered), seen(&flag(name, expected)), "{name}");
        }
        let unset = none().layered(&nothing, None).unwrap();
        assert_eq!(seen(&unset), seen(&none()));
    }
}

#[test]
fn every_limit_reaches_the_relay() {
    let default = format!("{:?}", crate::relay::Limits::default());
    let mut seen = BTreeSet::from([default]);
    for (name, [value, ..]) in LIMITS {
        let config = flag(name, value).into_config(None).unwrap();
        assert!(seen.insert(format!("{:?}", config.limits)), "{name}");
    }
}

#[test]
fn numbers_and_switches_may_be_what_they_are_and_nonsense_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("relay.toml");
    let read = |text: &str| {
        std::fs::write(&path, text).unwrap();
        Settings::default().layered(&Env::default(), Some(&path))
    };
    let settings = read("sockets = 5\ntrust-proxy = true\n").unwrap();
    assert_eq!(
        (settings.sockets, settings.trust_proxy),
        (Some(5), Some(true))
    );
    for (text, said) in [
        ("scokets = 5", "unknown key"),
        ("sockets = -1", "sockets"),
        ("sockets = [5]", "sockets"),
        ("ping-after = \"soon\"", "ping-after"),
        ("sockets", "not valid TOML"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.message.contains(said), "{text}: {}", error.message);
    }
    let env = Env::from_pairs([(variable("sockets"), "many")]);
    let error = Settings::default().layered(&env, None).unwrap_err();
    assert!(
        error.message.contains("PASEO_RELAY_SOCKETS"),
        "{}",
        error.message
    );
}
