//! Tests of the file as a whole: what it means, and that a change touches nothing else.

mod any;

use std::path::Path;

use super::*;
use crate::secret::{SecretId, StoreKind};

const FINGERPRINT: &str = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn write(dir: &Path, text: &str) {
    std::fs::write(dir.join(FILE_NAME), text).unwrap();
}

fn text(dir: &Path) -> String {
    std::fs::read_to_string(dir.join(FILE_NAME)).unwrap()
}

fn load(text: &str) -> Result<RemotesFile, ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), text);
    RemotesFile::load(Some(dir.path()))
}

fn remote(name: &str) -> Remote {
    Remote {
        name: name.parse().unwrap(),
        description: Some("the \"office\" tower".to_owned()),
        tags: vec!["prod".to_owned(), "gpu".to_owned()],
        route: Route::Relay(RelayRoute {
            endpoint: "relay.example:443".parse().unwrap(),
            tls: true,
            fingerprint: FINGERPRINT.parse().unwrap(),
            secret: SecretRef {
                store: StoreKind::Keyring,
                id: SecretId::random(),
            },
        }),
        options: Options {
            connect_timeout: Some(std::time::Duration::from_millis(2500)),
            persist: Some(std::time::Duration::from_secs(600)),
            cwd: Some("/home/me/src".to_owned()),
            network: NetworkOptions {
                proxy: Some(ProxyOption::Login {
                    url: "http://proxy:3128".to_owned(),
                    user: "me".to_owned(),
                    password: ValueSource::Env("PROXY_PASSWORD".to_owned()),
                }),
                ca_file: Some("~/ca.pem".to_owned()),
                family: Some(crate::transport::Family::V6),
                headers: vec![
                    ("X-Team".to_owned(), ValueSource::Text("a".to_owned())),
                    (
                        "X-Token".to_owned(),
                        ValueSource::Command(vec!["pass".to_owned(), "x".to_owned()]),
                    ),
                ],
            },
        },
        roads: vec![
            Address::Unix {
                path: "/run/p.sock".into(),
            },
            "tcp://10.0.0.5:6767".parse().unwrap(),
            "ssh://tower".parse().unwrap(),
        ],
        dirs: vec![DirMapping {
            local: "~/src".to_owned(),
            remote: "/home/me/src".to_owned(),
        }],
        guard: Guard {
            readonly: true,
            protected: true,
            expires: Some("2026-12-01T00:00:00Z".parse().unwrap()),
        },
        added: Some("2026-11-22T13:30:00Z".parse().unwrap()),
    }
}

#[test]
fn what_is_saved_is_what_is_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let direct = Remote {
        route: Route::Direct(DirectRoute {
            address: "tcp://10.0.0.5:6767?ssl=true".parse().unwrap(),
            secret: None,
        }),
        ..remote("lab")
    };
    for remote in [&remote("work"), &direct] {
        let mut edit = RemotesFile::edit(Some(dir.path())).unwrap();
        edit.insert(remote).unwrap();
        edit.save().unwrap();
        let file = RemotesFile::load(Some(dir.path())).unwrap();
        assert_eq!(file.get(remote.name.as_str()), Ok(remote));
    }
}

#[test]
fn the_example_of_the_design_is_valid() {
    let file = load(&format!(
        r#"version = 1
default = "work"

[defaults]
connect_timeout = "10s"

[remotes.work]
description = "office tower"
tags        = ["prod", "gpu"]
fingerprint = "{FINGERPRINT}"
secret      = {{ store = "keyring", id = "r_7f3c" }}
relay       = {{ endpoint = "relay.paseo.sh:443", tls = true }}
cwd         = "/home/me/src/app"
dirs        = [{{ local = "~/src", remote = "/home/me/src" }}]
added       = 2026-11-22T13:30:00Z

[remotes.lab]
url         = "tcp://10.0.0.5:6767?ssl=true"
secret      = {{ store = "file", id = "r_11aa" }}
"#
    ));
    let file = file.unwrap();
    assert_eq!(
        file.default().map(|(name, line)| (name.as_str(), line)),
        Some(("work", 2))
    );
    let work = file.get("work").unwrap();
    assert_eq!(file.line_of(&work.name), Some(7));
    assert_eq!(file.options(work).connect_timeout.unwrap().as_secs(), 10);
    assert_eq!(file.remotes().count(), 2);
}

#[test]
fn the_examples_of_the_documents_are_valid() {
    let document = include_str!("../../../docs/remotes.md");
    let examples = document.split("```toml\n").skip(1);
    let examples: Vec<_> = examples
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert!(!examples.is_empty());
    for example in examples {
        load(example).unwrap();
    }
}

#[test]
fn every_problem_is_shown_with_its_place() {
    let error = load(
        "version = 1\ndefault = \"wrok\"\n[remotes.work]\nrelai = { endpoint = \"h:1\" }\n\
         url = \"tcp://x:1?password=hunter2\"\ntags = [\"a\", 1]\n[remotes.all]\n",
    )
    .unwrap_err()
    .to_string();
    for part in [
        "remotes.toml:2:11: `default`: there is no such remote; did you mean `work`?",
        "remotes.toml:4:1: unknown key `relai`; did you mean `relay`?",
        "remotes.toml:5:7: `url`: a password does not belong here",
        "remotes.toml:6:8: `tags`: must be a list of texts",
        "remotes.toml:7:10: `local` and `all` are reserved",
    ] {
        assert!(error.contains(part), "{part}\n{error}");
    }
    assert!(!error.contains("hunter2"));
}

#[test]
fn what_is_missing_is_named() {
    for (text, message) in [
        ("[remotes.a]\n", "a remote needs `relay` or `url`"),
        (
            "[remotes.a]\nrelay = { endpoint = 'h:1' }\n",
            "`fingerprint` is missing",
        ),
        ("[remotes.a]\nrelay = {}\n", "`endpoint` is missing"),
        (
            "[remotes.a]\nurl = 'h:1'\nsecret = {}\n",
            "`store` is missing",
        ),
        ("remotes = 1\n", "`remotes`: must be a table"),
        ("version = 0\n", "`version`: must be 1"),
        (
            "[remotes.a]\nurl = 'h:1'\nrelay = { endpoint = 'h:1' }\n",
            "not both",
        ),
        (
            "[remotes.a]\nurl = 'h:1'\ncwd = 1\n",
            "`cwd`: must be a text in quotes",
        ),
        ("[defaults]\nconnect_timeout = '0s'\n", "must be a duration"),
        (
            "[remotes.a]\nurl = 'h:1'\nadded = 2026-01-01\n",
            "a time with a zone",
        ),
    ] {
        let error = load(text).unwrap_err().to_string();
        assert!(error.contains(message), "{text}\n{error}");
    }
}

#[test]
fn a_newer_file_is_read_and_never_written() {
    let dir = tempfile::tempdir().unwrap();
    let newer = "version = 2\nfuture = 1\n[remotes.lab]\nurl = 'lab:1'\nfuture = 2\n";
    write(dir.path(), newer);
    let file = RemotesFile::load(Some(dir.path())).unwrap();
    assert!(file.get("lab").is_ok());
    let edit = RemotesFile::edit(Some(dir.path()));
    assert!(matches!(edit, Err(ConfigError::Newer { version: 2, .. })));
}

#[test]
fn unknown_names_are_told_with_the_nearest() {
    let file = load("[remotes.work]\nurl = 'h:1'\n").unwrap();
    let unknown = file.get("wokr").unwrap_err();
    assert_eq!(unknown.to_string(), "there is no remote `wokr`");
    assert_eq!(unknown.suggestion.unwrap().as_str(), "work");
    let link = file.get("https://app.paseo.sh/#offer=eyJ2").unwrap_err();
    assert_eq!(link.to_string(), "there is no remote");
}

#[test]
fn names_are_unique_and_the_default_follows() {
    let dir = tempfile::tempdir().unwrap();
    write(
        dir.path(),
        "default = 'a' # d\n[remotes.a]\nurl = 'h:1'\n[remotes.b]\nurl = 'h:2'\n",
    );
    let mut edit = RemotesFile::edit(Some(dir.path())).unwrap();
    let (b, c) = ("b".parse().unwrap(), "c".parse().unwrap());
    assert!(matches!(edit.rename("a", &b), Err(ConfigError::Exists(_))));
    assert!(matches!(
        edit.insert(&remote("b")),
        Err(ConfigError::Exists(_))
    ));
    assert!(matches!(
        edit.set_default("x"),
        Err(ConfigError::Unknown(_))
    ));
    edit.rename("a", &c).unwrap();
    assert_eq!(edit.file().default().unwrap().0.as_str(), "c");
    edit.remove("c").unwrap();
    assert!(edit.file().default().is_none());
    edit.save().unwrap();
    assert_eq!(
        text(dir.path()),
        "default = \"local\" # d\n[remotes.b]\nurl = 'h:2'\n"
    );
}

#[test]
fn a_change_that_makes_the_file_invalid_is_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let original = "[remotes.a]\nurl = 'h:1'\n";
    write(dir.path(), original);
    let mut edit = RemotesFile::edit(Some(dir.path())).unwrap();
    assert!(matches!(
        edit.set("a", "ulr", "h:2".into()),
        Err(ConfigError::Invalid(_))
    ));
    assert!(matches!(
        edit.unset("a", "url"),
        Err(ConfigError::Invalid(_))
    ));
    edit.save().unwrap();
    assert_eq!(text(dir.path()), original);
}

#[test]
fn removing_takes_the_comment_right_above_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    write(
        dir.path(),
        "# top\n\n# about a\n[remotes.a]\nurl = 'h:1' # x\n\n# ---- section ----\n\n# about b\n\
         [remotes.b]\nurl = 'h:2'\n[[remotes.b.dirs]]\nlocal = 'x'\nremote = 'y'\n\n# about c\n\
         [remotes.c]\nurl = 'h:3'\n# end\n",
    );
    let remove = |name: &str| {
        let mut edit = RemotesFile::edit(Some(dir.path())).unwrap();
        edit.remove(name).unwrap();
        edit.save().unwrap();
        text(dir.path())
    };
    assert_eq!(
        remove("b"),
        "# top\n\n# about a\n[remotes.a]\nurl = 'h:1' # x\n\n# ---- section ----\n\n# about c\n\
         [remotes.c]\nurl = 'h:3'\n# end\n"
    );
    assert_eq!(
        remove("c"),
        "# top\n\n# about a\n[remotes.a]\nurl = 'h:1' # x\n\n# ---- section ----\n# end\n"
    );
    assert_eq!(remove("a"), "# top\n\n# ---- section ----\n# end\n");
}

#[test]
fn other_ways_to_write_a_remote_are_changed_too() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "remotes.a.url = 'h:1'\n[remotes]\n");
    let invalid = RemotesFile::load(Some(dir.path()));
    assert!(
        matches!(invalid, Err(ConfigError::Invalid(_))),
        "defined twice"
    );
    for file in [
        "remotes.a.url = 'h:1' # one\nremotes.b.url = 'h:2' # two\n",
        "remotes = { a = { url = 'h:1' }, b = { url = 'h:2' } } # all\n",
        "[remotes]\na = { url = 'h:1' }\n# b\nb = { url = 'h:2' }\n",
    ] {
        write(dir.path(), file);
        let mut edit = RemotesFile::edit(Some(dir.path())).unwrap();
        edit.rename("a", &"c".parse().unwrap()).unwrap();
        edit.remove("b").unwrap();
        edit.insert(&remote("d")).unwrap();
        edit.set("c", "cwd", "/x".into()).unwrap();
        let file = edit.save().unwrap();
        let names: Vec<_> = file.remotes().map(|remote| remote.name.as_str()).collect();
        assert_eq!(names, ["c", "d"]);
    }
}
