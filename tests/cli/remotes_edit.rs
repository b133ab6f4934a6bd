//! Changing what is saved: `paseo remote set`, `unset`, `rename`, `edit`, and `paseo config check`.

use crate::remotes::{SERVER_ID, with_work};
use crate::sandbox::Sandbox;
use crate::terminal::Terminal;

const FILE: &str = "home/.config/paseo/remotes.toml";

fn ran(sandbox: &Sandbox, args: &[&str]) -> String {
    let ran = sandbox.run(args);
    assert_eq!(ran.status, 0, "{args:?}: {ran:?}");
    ran.stdout
}

#[test]
fn settings_are_set_and_unset_all_or_none() {
    let sandbox = with_work();
    let set = [
        "remote",
        "set",
        "work",
        "tags=a, b",
        "relay.tls=true",
        "cwd=/x y",
        "connect_timeout=3s",
    ];
    assert_eq!(
        ran(&sandbox, &set),
        "changed `work`: tags, relay.tls, cwd, connect_timeout\n"
    );
    let shown = sandbox.run(&["remote", "show", "work", "--json"]).json();
    assert_eq!(shown["tags"], serde_json::json!(["a", "b"]));
    assert_eq!(
        (&shown["tls"], &shown["cwd"]),
        (&true.into(), &"/x y".into())
    );
    assert_eq!(shown["connectTimeout"], "3s");

    let before = sandbox.read(FILE);
    let both = [
        "remote",
        "set",
        "work",
        "description=new",
        "connect_timeout=never",
    ];
    sandbox.run(&both).failed(10, "must be a duration");
    sandbox
        .run(&["remote", "set", "work", "tag=x"])
        .failed(2, "did you mean `tags`?");
    sandbox
        .run(&["remote", "set", "work", "url=h:1"])
        .failed(10, "not both");
    sandbox
        .run(&["remote", "set", "wrok", "tags=x"])
        .failed(3, "did you mean `work`?");
    sandbox
        .run(&["remote", "unset", "work", "relay.endpoint"])
        .failed(10, "`endpoint` is missing");
    sandbox
        .run(&["remote", "unset", "work", "fingerprint"])
        .failed(2, "paseo remote edit");
    assert_eq!(sandbox.read(FILE), before);

    ran(
        &sandbox,
        &[
            "remote",
            "unset",
            "work",
            "cwd",
            "connect_timeout",
            "tags",
            "relay.tls",
        ],
    );
    let shown = sandbox.run(&["remote", "show", "work", "--json"]).json();
    assert_eq!(
        (&shown["cwd"], &shown["tls"]),
        (&serde_json::Value::Null, &false.into())
    );
}

#[test]
fn a_renamed_remote_keeps_its_secret_and_stays_the_default() {
    let sandbox = with_work();
    ran(&sandbox, &["remote", "use", "work"]);
    assert_eq!(
        ran(&sandbox, &["remote", "rename", "work", "office"]),
        "`work` is now `office`\n"
    );
    assert_eq!(ran(&sandbox, &["which", "--short"]), "office\n");
    sandbox
        .run(&["-r", "office", "ls"])
        .failed(6, "127.0.0.1:9");
    sandbox
        .run(&["remote", "rename", "work", "x"])
        .failed(3, "no remote `work`");
    sandbox
        .run(&["remote", "rename", "office", "all"])
        .failed(2, "reserved");
}

/// An editor that is a script; it works on the file that it is given.
fn with_editor(script: &str) -> Sandbox {
    let mut sandbox = with_work();
    sandbox.set("PATH", "/usr/bin:/bin");
    sandbox.set("PASEO_PASSWORD", "planted-hunter2");
    sandbox.write("editor", script);
    sandbox.set("EDITOR", "sh editor");
    sandbox
}

/// Edits on a terminal: elsewhere no editor starts.
fn edit(sandbox: &Sandbox) -> Terminal {
    let program = crate::sandbox::binary().to_str().unwrap();
    Terminal::start(sandbox, program, &["remote", "edit"], "PASEO_BATCH")
}

#[test]
fn the_editor_gets_the_file_and_no_secret_of_the_environment() {
    let sandbox = with_editor("env > seen; sed -i 's/^added.*/cwd = \"edited\"/' \"$1\"");
    let (status, shown) = edit(&sandbox).end();
    assert_eq!(status, 0, "{shown}");
    assert!(sandbox.read(FILE).contains("cwd = \"edited\"\n"));
    assert!(!sandbox.read("seen").contains("planted"));
    let seen = sandbox.read(FILE);
    assert!(!seen.contains(SERVER_ID));
}

#[test]
fn what_is_invalid_or_changed_meanwhile_is_not_taken_over_and_not_lost() {
    let sandbox = with_editor("echo nonsense >> \"$1\"");
    let before = sandbox.read(FILE);
    let refused = |sandbox: &Sandbox, status: u32, said: &[&str]| {
        let mut editing = edit(sandbox);
        let before = editing.wait_for("Edit again? [Y/n] ");
        editing.type_in("n\r");
        let (ended, shown) = editing.end();
        assert_eq!(ended, status, "{shown}");
        let shown = before + &shown;
        for said in said {
            assert_eq!(shown.matches(said).count(), 1, "{said}: {shown}");
        }
        assert!(shown.contains("cancelled (your version is in "), "{shown}");
        assert!(!shown.contains("Error"), "{shown}");
    };
    refused(&sandbox, 10, &["key with no value", "your version is in "]);
    assert_eq!(sandbox.read(FILE), before);

    let sandbox =
        with_editor("echo '# theirs' >> home/.config/paseo/remotes.toml; echo '# ours' >> \"$1\"");
    refused(&sandbox, 1, &["has been changed meanwhile"]);
    assert!(sandbox.read(FILE).ends_with("# theirs\n"));

    let (status, shown) = edit(&with_editor("exit 3")).end();
    assert_eq!(status, 1, "{shown}");
    assert!(shown.contains("the editor failed"), "{shown}");
}

/// Return alone opens the editor again, with what was typed.
#[test]
fn an_invalid_file_is_edited_again() {
    let sandbox = with_editor(
        "echo >> rounds; if grep -q nonsense \"$1\"; then sed -i '/nonsense/d; s/^added.*/cwd = \"again\"/' \"$1\"
         else echo nonsense >> \"$1\"; fi",
    );
    let mut editing = edit(&sandbox);
    editing.wait_for("Edit again? [Y/n] ");
    editing.type_in("\r");
    let (status, shown) = editing.end();
    assert_eq!((status, sandbox.read("rounds").len()), (0, 2), "{shown}");
    assert!(sandbox.read(FILE).contains("cwd = \"again\""));
}

/// Whoever edits again sees what somebody else has written, and finds what was typed in a file.
#[test]
fn what_somebody_else_wrote_is_edited_then() {
    let sandbox = with_editor(
        "echo >> rounds; [ $(wc -l < rounds) = 1 ] && echo '# theirs' >> home/.config/paseo/remotes.toml
         echo '# ours' >> \"$1\"",
    );
    let mut editing = edit(&sandbox);
    editing.wait_for("Edit again? [Y/n] ");
    editing.type_in("\r");
    let (status, shown) = editing.end();
    assert_eq!((status, sandbox.read("rounds").len()), (0, 2), "{shown}");
    assert!(sandbox.read(FILE).ends_with("# theirs\n# ours\n"));
    let mine = shown.split("your version is in ").nth(1).unwrap();
    let mine = std::fs::read_to_string(mine.lines().next().unwrap().trim()).unwrap();
    assert!(
        mine.ends_with("# ours\n") && !mine.contains("theirs"),
        "{mine}"
    );
}

/// Settings whose value is not a text, and for all others a text.
const VALUES: &[(&str, &str)] = &[
    ("tags", "a,b"),
    ("readonly", "true"),
    ("protected", "true"),
    ("relay.tls", "true"),
    ("relay.endpoint", "h:1"),
    ("expires", "2099-12-01"),
    ("connect_timeout", "3s"),
    ("persist", "10m"),
    ("direct", "tcp://h:1"),
    ("unix", "/run/p.sock"),
    ("ssh", "me@tower"),
    (
        "proxy",
        "{ url = \"http://h:1\", user = \"me\", password = { env = \"P\" } }",
    ),
    ("ca_file", "/ca.pem"),
    ("family", "ipv4"),
    (
        "headers",
        "{ X-Team = \"a\", X-Access = { env = \"ACCESS\" } }",
    ),
    ("dirs", "[{ local = \"~/src\", remote = \"/home/me/src\" }]"),
    ("description", "office tower"),
    ("cwd", "/home/me"),
];

/// Every key that `docs/remotes.md` describes can be set, or the error names the command that changes it.
#[test]
fn every_documented_key_is_set_or_edited() {
    let text = include_str!("../../docs/remotes.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    let mut keys = Vec::new();
    for row in rows {
        let first = row.split(" | ").next().unwrap();
        // `proxy = { … }` is the same key in another form.
        let words = first
            .split("`, `")
            .map(|key| key.split([' ', '`']).next().unwrap());
        keys.extend(words.filter(|key| {
            let plain = |c: char| c.is_ascii_lowercase() || "._".contains(c);
            key.chars().all(plain) && !["keyring", "vault", "command", "file", "all"].contains(key)
        }));
    }
    assert!(keys.len() > 25 && keys.contains(&"dirs"), "{keys:?}");
    let mut set = 0;
    for key in keys {
        let sandbox = with_work();
        let value = VALUES.iter().find(|(name, _)| *name == key);
        let setting = format!("{key}={}", value.map_or("x", |(_, value)| value));
        let did = sandbox.run(&["remote", "set", "work", &setting]);
        match (value, key) {
            // A remote has a relay or an address.
            (_, "url") => did.failed(10, "not both"),
            (Some(_), _) => {
                assert_eq!(did.status, 0, "{setting}: {did:?}");
                set += 1;
                let check = sandbox.run(&["config", "check"]);
                assert!(check.stdout.contains("valid"), "{setting}: {check:?}");
                let unset = sandbox.run(&["remote", "unset", "work", key]);
                assert!(unset.status == 0 || key == "relay.endpoint", "{unset:?}");
            }
            (None, _) => {
                did.failed(2, "paseo remote edit");
                let unset = sandbox.run(&["remote", "unset", "work", key]);
                unset.failed(2, "paseo remote edit");
            }
        }
    }
    // Some stand in more than one table.
    assert!(set >= VALUES.len(), "{set}");
    let sandbox = with_work();
    for (setting, said) in [
        ("dirs=planted", "written as in remotes.toml"),
        ("headers=[planted", "written as in remotes.toml"),
        ("proxy={planted", "written as in remotes.toml"),
        ("planted=1", "there is no such setting"),
        ("fingerprint=planted", "cannot be set by itself"),
    ] {
        let refused = sandbox.run(&["remote", "set", "work", setting]);
        refused.failed(2, said);
        assert!(!refused.stderr.contains("[secret]"), "{refused:?}");
        assert!(!refused.stderr.contains("planted"), "{refused:?}");
    }
}

#[test]
fn config_check_says_what_is_wrong() {
    let sandbox = with_work();
    assert!(ran(&sandbox, &["config", "check"]).ends_with("remotes.toml: valid, 1 remotes\n"));
    sandbox.write(FILE, "defualt = 1\n[remotes.a]\nurl = 1\n");
    let wrong = sandbox.run(&["config", "check"]);
    wrong.failed(
        10,
        "remotes.toml:1:1: unknown key `defualt`; did you mean `default`?",
    );
    wrong.failed(10, "remotes.toml:3:7: `url`: must be a text in quotes");
}

/// Every way in which editors and tools leave the end of a file, and its lines.
#[test]
fn a_file_ends_as_it_likes() {
    let remote = "[remotes.work]\nurl = \"tcp://127.0.0.1:1\"";
    let crlf = remote.replace('\n', "\r\n");
    for text in [
        remote.to_owned(),
        format!("{remote}\n"),
        format!("{remote} # a comment"),
        format!("{remote}\n# the end"),
        format!("{remote}\n\n\n  "),
        format!("{remote}\n\t"),
        crlf.clone(),
        format!("{crlf}\r\n"),
        format!("{crlf}\r\n# the end"),
        format!("{crlf}\n"),
        format!("\u{feff}{remote}"),
        format!("\u{feff}{remote}\n"),
        format!("\u{feff}{crlf}\r\n"),
        "remotes.work.url = \"tcp://127.0.0.1:1\"".to_owned(),
        "remotes.work = { url = \"tcp://127.0.0.1:1\" }".to_owned(),
        "remotes = { work = { url = \"tcp://127.0.0.1:1\" } }".to_owned(),
        "[remotes]\nwork = { url = \"tcp://127.0.0.1:1\" }".to_owned(),
        format!("{remote}\n[defaults]"),
    ] {
        let sandbox = crate::sandbox::Sandbox::new();
        let start = || sandbox.write(FILE, &text);
        let remotes = |names: &str| {
            assert_eq!(ran(&sandbox, &["remote", "ls", "-q"]), names, "{text:?}");
            assert!(
                ran(&sandbox, &["config", "check"]).contains("valid"),
                "{text:?}"
            );
        };
        start();
        ran(
            &sandbox,
            &["remote", "set", "work", "cwd=/x", "tags=a", "description=d"],
        );
        remotes("work\n");
        let shown = sandbox.run(&["remote", "show", "work", "--json"]).json();
        assert_eq!(
            (&shown["cwd"], &shown["description"]),
            (&"/x".into(), &"d".into())
        );
        // What was there is there.
        let after = sandbox.read(FILE);
        for line in text.lines().filter(|line| line.contains('#')) {
            assert!(
                after.lines().any(|other| other == line),
                "{text:?}: {after:?}"
            );
        }
        ran(&sandbox, &["remote", "unset", "work", "cwd"]);
        remotes("work\n");
        ran(&sandbox, &["remote", "use", "work"]);
        ran(
            &sandbox,
            &["remote", "add", "more", "tcp://127.0.0.1:2", "--no-check"],
        );
        remotes("more\nwork\n");
        ran(&sandbox, &["remote", "rename", "work", "office"]);
        remotes("more\noffice\n");
        ran(&sandbox, &["remote", "rm", "office", "--yes"]);
        remotes("more\n");
        start();
        ran(
            &sandbox,
            &["remote", "add", "more", "tcp://127.0.0.1:2", "--no-check"],
        );
        remotes("more\nwork\n");
        start();
        ran(&sandbox, &["remote", "rename", "work", "office"]);
        remotes("office\n");
        start();
        ran(&sandbox, &["remote", "use", "work"]);
        remotes("work\n");
    }
    for empty in [
        "",
        "\n",
        "  ",
        "\r\n",
        "\u{feff}",
        "\u{feff}\r\n",
        "# only a comment",
        "version = 1",
    ] {
        let sandbox = crate::sandbox::Sandbox::new();
        sandbox.write(FILE, empty);
        ran(
            &sandbox,
            &["remote", "add", "more", "tcp://127.0.0.1:2", "--no-check"],
        );
        assert_eq!(
            ran(&sandbox, &["remote", "ls", "-q"]),
            "more\n",
            "{empty:?}"
        );
        assert!(
            sandbox
                .read(FILE)
                .contains(empty.trim_matches(['\u{feff}', '\r', '\n', ' ']))
        );
    }
}
