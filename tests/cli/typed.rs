//! Lines as people type them: without a command, with an option twice, with values that begin with a dash, with times
//! that nobody lives to see.

use crate::sandbox::Sandbox;

#[test]
fn a_line_without_a_command_says_what_was_meant() {
    let sandbox = Sandbox::new();
    for (args, said) in [
        (&["-r", "work"][..], "paseo -r work ls"),
        (&["--remote", "work"], "paseo --remote work ls"),
        (&["--remote=work"], "paseo --remote=work ls"),
        (&["-r", "all", "--json"], "paseo -r all --json ls"),
        (&["--json"], ": paseo --json ls"),
        (&["-q"], "paseo -q ls"),
        (&["-o", "yaml"], "paseo -o yaml ls"),
        (&["--yes"], "paseo --yes ls"),
        (&["--batch", "-v"], "paseo --batch -v ls"),
        (&["-4"], "paseo -4 ls"),
        (&["--persist"], "paseo --persist ls"),
        (
            &["--connect-timeout", "10s"],
            "paseo --connect-timeout 10s ls",
        ),
        (
            &["--host", "tcp://h:1?password=hunter2"],
            "paseo --host TARGET ls",
        ),
        (
            &["--host=tcp://h:1?password=hunter2"],
            "paseo --host=TARGET ls",
        ),
        (
            &["--relay", "https://app.paseo.sh/#offer=hunter2"],
            "paseo --relay OFFER ls",
        ),
        (&["-r", "ls"], "no command: -r takes `ls` as its value"),
        (&["--relay", "run"], "paseo --relay … run"),
        (
            &["--host", "logs"],
            "no command: --host takes `logs` as its value",
        ),
        (&["--"], "paseo --help"),
    ] {
        let ran = sandbox.run(args);
        if args == ["--"] {
            assert_eq!(
                (ran.status, ran.stdout.as_str()),
                (2, ""),
                "{args:?}: {ran:?}"
            );
            continue;
        }
        if args.contains(&"--json") {
            let error: serde_json::Value = serde_json::from_str(&ran.stderr).unwrap();
            assert_eq!(error["error"]["code"], "COMMAND_MISSING", "{args:?}");
        }
        ran.failed(2, said);
        assert_eq!(ran.stdout, "", "{args:?}");
        ran.says_none_of(&["hunter2"]);
    }
    for args in [
        &["-v"][..],
        &["-vv"],
        &["--verbose"],
        &["--version"],
        &["--version", "-r", "x"],
    ] {
        let ran = sandbox.run(args);
        assert_eq!(
            (ran.status, ran.stderr.as_str()),
            (0, ""),
            "{args:?}: {ran:?}"
        );
        assert!(
            ran.stdout.starts_with(env!("CARGO_PKG_VERSION")),
            "{args:?}: {ran:?}"
        );
    }
}

/// Alone it is the version; behind and before a command it is not.
#[test]
fn verbose_with_a_command_is_about_the_command() {
    let sandbox = Sandbox::new();
    for args in [
        &["which", "-v"][..],
        &["-v", "which"],
        &["which", "-vvv"],
        &["-v", "which", "-v"],
        &["which", "--verbose"],
        &["remote", "ls", "-v"],
        &["-vv", "remote", "ls"],
        &["config", "check", "-v"],
        &["keystore", "status", "-v"],
        &["help", "ls"],
    ] {
        let ran = sandbox.run(args);
        assert_eq!(ran.status, 0, "{args:?}: {ran:?}");
        let version = format!("{}\n", env!("CARGO_PKG_VERSION"));
        assert_ne!(ran.stdout, version, "{args:?}");
    }
}

#[test]
fn of_a_repeated_option_the_last_counts() {
    let sandbox = Sandbox::new();
    let shown = |args: &[&str]| {
        let ran = sandbox.run(args);
        assert_eq!(ran.status, 0, "{args:?}: {ran:?}");
        ran.stdout
    };
    for (twice, once) in [
        (
            &["--host", "h:1", "--host", "h:2", "which"][..],
            &["--host", "h:2", "which"][..],
        ),
        (
            &["which", "--host", "h:1", "--host=h:2"],
            &["which", "--host", "h:2"],
        ),
        (
            &["--host", "h:1", "which", "--host", "h:2"],
            &["which", "--host", "h:2"],
        ),
        (
            &["-o", "json", "-o", "yaml", "which"],
            &["-o", "yaml", "which"],
        ),
        (
            &["-o", "json", "which", "-o", "yaml"],
            &["-o", "yaml", "which"],
        ),
        (&["--json", "--json", "which"], &["--json", "which"]),
        (&["-q", "-q", "which", "--quiet"], &["-q", "which"]),
        (
            &["--no-headers", "which", "--no-headers"],
            &["--no-headers", "which"],
        ),
        (
            &["-4", "-4", "--yes", "--yes", "--batch", "--batch", "which"],
            &["which"],
        ),
        (
            &["--connect-timeout", "1s", "--connect-timeout", "2", "which"],
            &["which"],
        ),
        (
            &[
                "--persist=10",
                "--persist=5",
                "--no-color",
                "--no-color",
                "which",
            ],
            &["which"],
        ),
        (
            &["-r", "a", "-r", "local", "which"],
            &["-r", "local", "which"],
        ),
    ] {
        assert_eq!(shown(twice), shown(once), "{twice:?}");
    }
    // Only one of two can be meant, and nobody knows which.
    sandbox
        .run(&["which", "too", "many"])
        .failed(2, "unexpected argument");
    sandbox
        .run(&["ls", "many"])
        .failed(2, "unexpected argument 'many'");
    sandbox
        .run(&["wait", "a", "--any", "--all"])
        .failed(2, "cannot be used with");
}

#[test]
fn a_time_that_no_clock_has_is_refused() {
    let sandbox = Sandbox::new();
    const HUGE: &str = "18446744073709551615";
    for args in [
        &["ls", "--connect-timeout", HUGE][..],
        &["ls", "--connect-timeout=18446744073709551616"],
        &["ls", "--connect-timeout", "99999999999y"],
        &["ls", "--connect-timeout", "18446744073709551615d"],
        &["ls", "--persist=18446744073709551615"],
        &["wait", "x", "--timeout", HUGE],
        &["wait", "x", "--timeout", "99999999999999999999d"],
        &["run", "x", "--wait-timeout", HUGE],
        &["daemon", "stop", "--timeout", HUGE],
        &["daemon", "stop", "--kill-timeout", "1000000000000"],
        &["relay", "serve", "--ping-after", HUGE],
        &["relay", "serve", "--drain-timeout", "36501d"],
        &["relay", "check", "h:1", "--idle", HUGE],
        &["schedule", "create", "x", "--every", HUGE],
        &[
            "schedule",
            "create",
            "x",
            "--every",
            "5m",
            "--expires-in",
            HUGE,
        ],
        &["loop", "run", "x", "--sleep", HUGE],
        &["chat", "wait", "x", "--timeout", HUGE],
    ] {
        let ran = sandbox.run(args);
        assert_eq!(
            (ran.status, ran.stdout.as_str()),
            (2, ""),
            "{args:?}: {ran:?}"
        );
        assert!(!ran.stderr.contains("panicked"), "{args:?}: {ran:?}");
    }
    for (name, value) in [
        ("PASEO_CONNECT_TIMEOUT", HUGE),
        ("PASEO_KEYSTORE_TIMEOUT", HUGE),
        ("PASEO_KEYSTORE_TIMEOUT", "soon"),
    ] {
        let mut sandbox = Sandbox::new();
        sandbox.set(name, value);
        sandbox.run(&["ls"]).failed(2, name);
    }
}

/// The list takes not much longer than reading the file, which `which` does as well.
#[test]
fn thousands_of_remotes_are_listed_at_once() {
    use std::fmt::Write;
    let sandbox = Sandbox::new();
    let mut file = String::new();
    for n in 0..4000 {
        let key: String = base64_simd::STANDARD_NO_PAD.encode_to_string(format!("{n:032}"));
        write!(
            file,
            "[remotes.r{n}]\nfingerprint = \"SHA256:{key}\"\nrelay = {{ endpoint = \"h:1\" }}\n\
             secret = {{ store = \"file\", id = \"r_{n:016x}\" }}\n"
        )
        .unwrap();
    }
    sandbox.write("home/.config/paseo/remotes.toml", &file);
    let time = |args: &[&str]| {
        let began = std::time::Instant::now();
        let ran = sandbox.run(args);
        assert_eq!(ran.status, 0, "{ran:?}");
        (began.elapsed(), ran.stdout.lines().count())
    };
    // The fastest of three: the machine may be busy.
    let best = |args: &[&str]| (0..3).map(|_| time(args)).min().unwrap();
    let (reading, _) = best(&["which", "-r", "r1"]);
    let (listing, lines) = best(&["remote", "ls"]);
    assert_eq!(lines, 4001);
    assert!(
        listing < reading * 6,
        "{listing:?}, and reading takes {reading:?}"
    );
}
