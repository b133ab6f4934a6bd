//! Lists on terminals of 80 to 110 cells: each row is one line, and an empty list says what to do next.

use serde_json::json;
use unicode_width::UnicodeWidthStr;

use crate::built_in::BuiltIn;
use crate::fake_daemon::FakeDaemon;
use crate::sandbox::{Sandbox, binary};
use crate::terminal::Terminal;

const TITLE: &str =
    "Repair the pagination of the audit log, with the tests that were disabled last winter";

/// Lists, and what each shows of its rows whatever the width.
const LISTS: &[(&[&str], &str)] = &[
    (&["ls"], "AGENT ID"),
    (&["ls", "-ag"], "AGENT ID"),
    (&["agent", "ls", "-a"], "AGENT ID"),
    (&["-r", "all", "ls"], "AGENT ID"),
    (&["permit", "ls"], "AGENT"),
    (&["inbox", "--batch"], "AGENT ID"),
    (&["-r", "all", "inbox", "--batch"], "AGENT ID"),
    (&["provider", "ls"], "PROVIDER"),
    (&["-r", "all", "provider", "ls"], "PROVIDER"),
    (&["project", "ls"], "PROJECT ID"),
    (&["workspace", "ls"], "WORKSPACE ID"),
    (&["terminal", "ls", "--all"], "ID"),
    (&["schedule", "ls"], "ID"),
    (&["remote", "ls"], "NAME"),
    (&["keystore", "status"], "STORE"),
];

/// The same lists where there is nothing, what is said then, and the command that helps.
const EMPTY: &[(&[&str], &str, &str)] = &[
    (&["ls"], "no agents", "run --provider PROVIDER 'PROMPT'"),
    (
        &["agent", "ls"],
        "no agents",
        "run --provider PROVIDER 'PROMPT'",
    ),
    (&["permit", "ls"], "no pending requests", "inbox"),
    (&["inbox"], "nothing is waiting for you", "ls"),
    (
        &["project", "ls"],
        "no projects",
        "project create DIRECTORY",
    ),
    (
        &["workspace", "ls"],
        "no workspaces",
        "workspace create --help",
    ),
    (
        &["terminal", "ls"],
        "no terminals here",
        "terminal ls --all",
    ),
    (
        &["schedule", "ls"],
        "no schedules",
        "schedule create --help",
    ),
    (
        &["ls", "-ag"],
        "no agents",
        "run --provider PROVIDER 'PROMPT'",
    ),
    (
        &["permit", "ls", "--no-headers"],
        "no pending requests",
        "inbox",
    ),
];

/// … and of a daemon that answers every request with nothing: what the built-in one has never, or does not keep.
const OFFICIAL: &[(&[&str], &str, &str)] = &[
    (
        &["worktree", "ls"],
        "no worktrees",
        "run --new-workspace worktree --provider PROVIDER 'PROMPT'",
    ),
    (
        &["script", "ls", "--workspace", "w"],
        "no scripts",
        "workspace ls",
    ),
    (&["chat", "ls"], "no rooms", "chat create NAME"),
    (&["loop", "ls"], "no loops", "loop run PROMPT"),
    (&["provider", "ls"], "no providers", "status"),
    (
        &["provider", "models", "mock"],
        "no models",
        "provider diagnostic PROVIDER",
    ),
    (&["schedule", "logs", "s"], "no runs yet", "schedule ls"),
];

fn on_terminal(sandbox: &Sandbox, columns: u16, args: &[&str]) -> String {
    let program = binary().to_str().unwrap();
    let started = Terminal::start_at(sandbox, program, args, "PASEO_BATCH", columns);
    let (status, shown) = started.end();
    assert_eq!(status, 0, "{args:?}: {shown}");
    shown
}

#[test]
fn tables_fit_the_terminal() {
    let mut sandbox = Sandbox::new();
    let daemon = BuiltIn::start(&sandbox, &["--agent", "asks=mock:"]);
    let remote = |name: &str| {
        format!(
            "[remotes.{name}]\nurl = 'tcp://{}'\ntags = ['office', 'second-floor', 'behind-the-proxy']\n",
            daemon.address
        )
    };
    sandbox.write(
        "home/.config/paseo/remotes.toml",
        &(remote("lab") + &remote("a-rather-long-name-of-a-remote")),
    );
    sandbox.set("PASEO_HOST", &daemon.address);
    let deep = "a/directory/that/is/rather/deep/for/what/it/holds/project";
    std::fs::create_dir_all(sandbox.path(deep)).unwrap();
    let cwd = sandbox.path(deep).display().to_string();
    for prompt in ["ask", "tool"] {
        let ran = sandbox.run(&[
            "run",
            "-d",
            "--provider",
            "asks",
            "--title",
            TITLE,
            "--cwd",
            &cwd,
            prompt,
        ]);
        assert_eq!(ran.status, 0, "{ran:?}");
    }
    for made in [
        &["terminal", "create", "--name", TITLE, "--cwd", &cwd][..],
        &[
            "schedule",
            "create",
            "--every",
            "5m",
            "--name",
            TITLE,
            "--provider",
            "asks",
            "--cwd",
            &cwd,
            "x",
        ],
    ] {
        let ran = sandbox.run(made);
        assert_eq!(ran.status, 0, "{made:?}: {ran:?}");
    }
    for _ in 0..600 {
        if sandbox.run(&["permit", "ls", "-q"]).stdout.lines().count() == 1 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    for (args, header) in LISTS {
        let wide = on_terminal(&sandbox, 400, args);
        for columns in [80, 90, 100, 110] {
            let shown = on_terminal(&sandbox, columns, args);
            let lines: Vec<&str> = shown.lines().collect();
            assert!(lines[0].contains(header), "{args:?} {columns}: {shown}");
            for line in &lines {
                let width = line.width();
                assert!(
                    width <= columns.into(),
                    "{args:?} {columns} < {width}: {shown}"
                );
            }
            assert_eq!(
                lines.len(),
                wide.lines().count(),
                "{args:?} {columns}: {shown}"
            );
        }
        // A pipe has no width: the last column stays, and a title is whole.
        let piped = sandbox.run(args);
        assert!(!piped.stdout.contains('…'), "{args:?}: {}", piped.stdout);
        assert!(piped.stdout.contains(header), "{args:?}: {}", piped.stdout);
    }
    let narrow = on_terminal(&sandbox, 80, &["ls"]);
    assert!(narrow.contains('…') && !narrow.contains(TITLE), "{narrow}");
    assert!(sandbox.run(&["ls"]).stdout.contains(TITLE));
}

#[test]
fn an_empty_list_says_so_to_a_person_only() {
    let sandbox = Sandbox::new();
    let daemon = BuiltIn::start(&sandbox, &["--agent", "plain=cat"]);
    let none = on_terminal(&sandbox, 80, &["remote", "ls"]);
    assert_eq!(none, "no saved remotes\r\ntry: paseo remote add NAME\r\n");
    sandbox.write(
        "home/.config/paseo/remotes.toml",
        &format!(
            "[remotes.work]\nurl = 'tcp://{}'\ncwd = '/'\n",
            daemon.address
        ),
    );
    for (args, what, next) in EMPTY {
        let args = [&["-r", "work"], *args].concat();
        let shown = on_terminal(&sandbox, 80, &args);
        let expected = format!("{what}\r\ntry: paseo -r work {next}\r\n");
        assert_eq!(shown, expected, "{args:?}");
        let piped = sandbox.run(&args);
        let silent = (piped.stdout.as_str(), piped.stderr.as_str()) == ("", "");
        assert!(silent && piped.status == 0, "{args:?}: {piped:?}");
        for form in ["--json", "--quiet"] {
            let shown = on_terminal(&sandbox, 80, &[&args[..], &[form]].concat());
            assert!(!shown.contains(what), "{args:?} {form}: {shown}");
        }
    }
    let none = on_terminal(&sandbox, 80, &["mux", "ls"]);
    assert_eq!(none, "no warm connections\r\ntry: paseo mux --help\r\n");
    // What changes something is not advised for several daemons at once.
    assert_eq!(
        on_terminal(&sandbox, 80, &["-r", "all", "ls"]),
        "no agents\r\n"
    );
    let everywhere = on_terminal(&sandbox, 80, &["inbox"]);
    assert_eq!(
        everywhere,
        "nothing is waiting for you\r\ntry: paseo -r all ls\r\n"
    );
}

#[test]
fn lists_of_an_official_daemon_say_so_too() {
    let features = [
        "workspaceMultiplicity",
        "providersSnapshot",
        "workspaceScriptManagement",
    ];
    let daemon = FakeDaemon::start("srv_empty", &features, |_| {
        json!({
            "entries": [], "pageInfo": { "hasMore": false, "nextCursor": null, "prevCursor": null },
            "worktrees": [], "rooms": [], "loops": [], "models": [], "runs": [], "scripts": [],
            "error": null, "workspaceId": "w", "generatedAt": "", "provider": "mock", "fetchedAt": "", "schedule": {
                "id": "s", "name": null, "prompt": "x", "cadence": { "type": "every", "everyMs": 60000 },
                "target": { "type": "new-agent", "config": { "provider": "mock", "cwd": "/" } },
                "status": "active", "createdAt": "", "updatedAt": "", "nextRunAt": null, "lastRunAt": null,
                "pausedAt": null, "expiresAt": null, "maxRuns": null, "runs": [],
            },
        })
    });
    let sandbox = Sandbox::new();
    let remote = format!(
        "[remotes.work]\nurl = 'tcp://{}'\ncwd = '/'\n",
        daemon.address
    );
    sandbox.write("home/.config/paseo/remotes.toml", &remote);
    for (args, what, next) in OFFICIAL {
        let args = [&["-r", "work"], *args].concat();
        let shown = on_terminal(&sandbox, 80, &args);
        let expected = format!("{what}\r\ntry: paseo -r work {next}\r\n");
        assert_eq!(shown, expected, "{args:?}");
    }
}

/// Keys and values, and messages: no word is broken, and nothing is lost.
#[test]
fn values_break_between_their_words() {
    let sandbox = Sandbox::new();
    let daemon = BuiltIn::start(&sandbox, &["--agent", "asks=mock:"]);
    let words: Vec<String> = (0..40).map(|n| format!("word-{n:03}")).collect();
    let remote = format!(
        "[remotes.work]\nurl = 'tcp://{}'\ndescription = '{}'\n",
        daemon.address,
        words.join(" ")
    );
    sandbox.write("home/.config/paseo/remotes.toml", &remote);
    let run = [
        "-r",
        "work",
        "run",
        "-d",
        "--provider",
        "asks",
        "-q",
        "--cwd",
        "/",
        "--title",
    ];
    let made = sandbox.run(&[&run[..], &[&words.join(" "), "ask"]].concat());
    let agent = made.stdout.trim();
    for args in [
        &["remote", "show", "work"][..],
        &["-r", "work", "inspect", agent],
        &["-r", "work", "wait", agent],
    ] {
        for columns in [60, 80, 110] {
            let program = binary().to_str().unwrap();
            let started = Terminal::start_at(&sandbox, program, args, "PASEO_BATCH", columns);
            let shown = started.end().1;
            // A command is copied as a whole.
            let lines = shown.lines();
            for line in lines.filter(|line| !line.starts_with("Answer with: ")) {
                let whole = line
                    .split_whitespace()
                    .any(|word| word.width() > usize::from(columns) - 30);
                assert!(
                    whole || line.width() <= columns.into(),
                    "{args:?} {columns}: {shown}"
                );
            }
            if args[0] == "remote" {
                for word in &words {
                    assert!(
                        shown.split_whitespace().any(|shown| shown == word),
                        "{word}: {shown}"
                    );
                }
            }
        }
    }
    // A pipe gets each value on its line.
    let piped = sandbox.run(&["remote", "show", "work"]);
    assert!(piped.stdout.contains(&words.join(" ")), "{piped:?}");
}
