//! `paseo remote check`, `paseo ping` and `paseo doctor`.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::fake_daemon::FakeDaemon;
use crate::remotes::{KEY, SERVER_ID, link, with_work};
use crate::sandbox::{Ran, Sandbox};

const FILE: &str = "home/.config/paseo/remotes.toml";

/// A daemon whose clock is off by some milliseconds.
fn daemon(answer: fn(&Value) -> Value) -> FakeDaemon {
    FakeDaemon::start(SERVER_ID, &[], answer)
}

fn pong(ahead: i64) -> Value {
    let now = jiff::Timestamp::now().as_millisecond() + ahead;
    json!({ "serverReceivedAt": now, "serverSentAt": now })
}

/// The remote `lab` is this daemon; `work` is behind a relay that nobody runs.
fn with_lab(daemon: &FakeDaemon) -> Sandbox {
    let sandbox = with_work();
    let url = format!("tcp://{}", daemon.address);
    let added = sandbox.run(&["remote", "add", "lab", &url, "--tag", "near"]);
    assert_eq!(added.status, 0, "{added:?}");
    sandbox
}

fn rows(ran: &Ran) -> Vec<Value> {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"))
}

#[test]
fn remotes_are_checked_together_and_the_exit_tells() {
    let daemon = daemon(|_| pong(0));
    let sandbox = with_lab(&daemon);
    let all = sandbox.run(&["remote", "check", "--json"]);
    assert_eq!(all.status, 12, "{all:?}");
    let found = rows(&all);
    assert_eq!(found[0]["name"], "lab");
    assert_eq!(
        (&found[0]["ok"], &found[0]["version"]),
        (&json!(true), &json!("0.5.0"))
    );
    assert_eq!(
        (&found[1]["ok"], &found[1]["error"]["hop"]),
        (&json!(false), &json!("tcp"))
    );
    all.says_none_of(&[SERVER_ID, KEY]);
    assert_eq!(sandbox.run(&["remote", "check", "lab"]).status, 0);
    assert_eq!(sandbox.run(&["remote", "check", "--tag", "near"]).status, 0);
    assert_eq!(sandbox.run(&["remote", "check", "work"]).status, 6);
    assert_eq!(sandbox.run(&["remote", "check", "wrok"]).status, 3);
    assert_eq!(Sandbox::new().run(&["remote", "check", "--all"]).status, 0);
}

/// Many remotes that answer late take as long as one.
#[test]
fn checks_run_at_the_same_time() {
    let slow = daemon(|_| {
        std::thread::sleep(std::time::Duration::from_millis(300));
        pong(0)
    });
    let sandbox = Sandbox::new();
    let remotes: String = (0..12)
        .map(|n| format!("[remotes.r{n}]\nurl = 'tcp://{}'\n", slow.address))
        .collect();
    sandbox.write(FILE, &remotes);
    let start = std::time::Instant::now();
    let all = sandbox.run(&["remote", "check", "--all"]);
    assert_eq!(all.status, 0, "{all:?}");
    let took = start.elapsed();
    assert!(took.as_millis() < 12 * 300 / 2, "{took:?}");
}

#[test]
fn ping_measures_every_step() {
    let daemon = daemon(|_| pong(0));
    let sandbox = with_lab(&daemon);
    let ran = sandbox.run(&["ping", "lab", "-c", "3", "--json"]).json();
    let hops = ran["hops"].as_array().unwrap();
    let names: Vec<_> = hops
        .iter()
        .map(|hop| hop["hop"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["dns", "tcp", "upgrade", "session", "request", "total"]
    );
    for hop in hops {
        let ms = |key: &str| hop[key].as_f64().unwrap();
        assert_eq!(hop["samples"], 3);
        assert!(
            ms("minMs") <= ms("medianMs") && ms("medianMs") <= ms("p95Ms"),
            "{hop}"
        );
    }
    let text = sandbox.run(&["-r", "lab", "ping"]);
    assert!(
        text.stdout.contains("5 connections")
            && text.stdout.contains("median") | text.stdout.contains("MEDIAN"),
        "{text:?}"
    );
    sandbox.run(&["ping", "work"]).failed(6, "127.0.0.1:9");
    assert_eq!(sandbox.run(&["ping", "lab", "-c", "0"]).status, 2);
}

/// The result of each check by its name.
fn doctor(sandbox: &Sandbox, args: &[&str], status: i32) -> Value {
    let ran = sandbox.run(&[&["doctor", "--json"], args].concat());
    assert_eq!(ran.status, status, "{ran:?}");
    ran.says_none_of(&[SERVER_ID, KEY, "planted"]);
    let checks = rows(&ran).into_iter().map(|row| {
        let name = row["check"].as_str().unwrap().to_owned();
        (name, row)
    });
    Value::Object(checks.collect())
}

#[test]
fn doctor_names_what_is_well_and_what_is_not() {
    let near = daemon(|_| pong(0));
    let sandbox = with_lab(&near);
    let checks = doctor(&sandbox, &["lab"], 0);
    for name in [
        "program",
        "permissions",
        "leftovers",
        "daemon",
        "secret",
        "proxy",
        "tcp",
        "session",
        "version",
        "clock",
    ] {
        assert_eq!(checks[name]["result"], "pass", "{name}: {checks}");
    }
    assert_eq!(checks["tls"]["result"], "skip", "{checks}");
    // `work` keeps its secret in a file.
    assert_eq!(checks["config"]["result"], "warn", "{checks}");

    let checks = doctor(&sandbox, &["work"], 1);
    assert_eq!(checks["tcp"]["result"], "fail", "{checks}");
    assert!(checks["tcp"]["fix"].is_string(), "{checks}");
    for name in ["tls", "relay", "key", "session", "version", "clock"] {
        assert_eq!(checks[name]["result"], "skip", "{name}: {checks}");
    }

    // For people, what was skipped is one line.
    let text = sandbox.run(&["doctor", "work"]).stdout;
    let skipped: Vec<&str> = text.lines().filter(|line| line.contains("skip")).collect();
    assert_eq!(skipped.len(), 1, "{text}");
    let line = "tls, relay, presence, key, session, version, access, clock  skip";
    assert!(skipped[0].starts_with(line), "{text}");
    assert_eq!(text.matches("an earlier check failed").count(), 1, "{text}");

    let off = daemon(|_| pong(90_000));
    sandbox.write(
        FILE,
        &format!("[remotes.off]\nurl = 'tcp://{}'\n", off.address),
    );
    let checks = doctor(&sandbox, &["off"], 0);
    assert_eq!(checks["clock"]["result"], "warn", "{checks}");

    assert_eq!(doctor(&sandbox, &["wrok"], 1)["daemon"]["result"], "fail");
    sandbox.write(FILE, "[remotes.lab]\nurl = 'tcp://x:planted@h:1'\n");
    let checks = doctor(&sandbox, &["lab"], 1);
    assert_eq!(checks["config"]["result"], "fail", "{checks}");
}

#[test]
fn doctor_names_what_was_left_behind_and_who_can_read() {
    let near = daemon(|_| pong(0));
    let sandbox = with_lab(&near);
    sandbox.write(
        "home/.local/state/paseo/unfinished/r_0123456789abcdef",
        "file",
    );
    let note = sandbox.path("home/.local/state/paseo/unfinished/r_0123456789abcdef");
    // Where the secret is not there, nothing was left.
    let checks = doctor(&sandbox, &["lab"], 0);
    assert_eq!(checks["leftovers"]["result"], "pass", "{checks}");
    sandbox.write("home/.local/share/paseo/secrets/r_0123456789abcdef", "x");
    let secrets = sandbox.path("home/.local/share/paseo/secrets");
    std::fs::set_permissions(secrets, std::fs::Permissions::from_mode(0o755)).unwrap();
    let checks = doctor(&sandbox, &["lab"], 1);
    assert_eq!(checks["leftovers"]["result"], "warn", "{checks}");
    assert!(
        checks["leftovers"]["detail"]
            .as_str()
            .unwrap()
            .contains("r_0123456789abcdef")
    );
    assert_eq!(checks["permissions"]["result"], "fail", "{checks}");
    // A secret that no remote uses is named too.
    std::fs::remove_file(note).unwrap();
    std::fs::remove_file(sandbox.path("home/.local/share/paseo/secrets/r_0123456789abcdef"))
        .unwrap();
    sandbox.write("home/.local/share/paseo/secrets/r_00000000deadbeef", "x");
    let checks = doctor(&sandbox, &["lab"], 1);
    assert!(
        checks["leftovers"]["detail"]
            .as_str()
            .unwrap()
            .contains("r_00000000deadbeef")
    );
    // It goes when somebody says so, and what is used stays.
    sandbox
        .run(&["keystore", "prune"])
        .failed(2, "r_00000000deadbeef (file)");
    let pruned = sandbox
        .run(&["keystore", "prune", "--yes", "--json"])
        .json();
    let wanted = serde_json::json!([{ "id": "r_00000000deadbeef", "store": "file", "result": "deleted", "error": null }]);
    assert_eq!(pruned, wanted);
    let checks = doctor(&sandbox, &["lab"], 1);
    assert_eq!(checks["leftovers"]["result"], "pass", "{checks}");
    assert_eq!(checks["secret"]["result"], "pass", "{checks}");
}

/// However an `add` fails, it leaves nothing to clean up.
#[test]
fn a_failed_add_leaves_nothing_that_doctor_warns_of() {
    const PROGRAM: &str =
        "[stores.command]\nget = ['sh', 'get']\nput = ['sh', 'put']\ndelete = ['sh', 'delete']\n";
    let offer = crate::remotes::offer();
    let add = |more: &[&'static str]| [&["remote", "add", "new", "-", "--again"], more].concat();
    let near = daemon(|_| pong(0));
    for (what, put, get, args) in [
        (
            "no keyring",
            "",
            "",
            add(&["--store", "keyring", "--no-check"]),
        ),
        (
            "no passphrase",
            "",
            "",
            add(&["--store", "vault", "--no-check"]),
        ),
        (
            "no program's put",
            "exit 1",
            "exit 1",
            add(&["--store", "command", "--no-check"]),
        ),
        (
            "it keeps, and fails",
            "cat >kept; exit 1",
            "exit 3",
            add(&["--store", "command"]),
        ),
        (
            "it returns nothing",
            "cat >kept",
            "",
            add(&["--store", "command", "--no-check"]),
        ),
        (
            "it returns another",
            "cat >kept",
            "echo x",
            add(&["--store", "command", "--no-check"]),
        ),
        (
            "it hangs",
            "sleep 30",
            "",
            add(&["--store", "command", "--no-check"]),
        ),
        ("no relay", "", "", add(&["--store", "file"])),
        ("no such store", "", "", add(&["--store", "flie"])),
        ("a bad tag", "", "", add(&["--store", "file", "--tag", "/"])),
        (
            "the name is taken",
            "",
            "",
            vec!["remote", "add", "lab", "-", "--no-check"],
        ),
    ] {
        let sandbox = with_lab(&near);
        let file = sandbox.read(FILE).replace("version = 1\n", "");
        sandbox.write(FILE, &format!("{PROGRAM}timeout = '1s'\n{file}"));
        for (name, script) in [("put", put), ("get", get), ("delete", "exit 1")] {
            sandbox.write(name, script);
        }
        let failed = sandbox.run_with(&args, &offer);
        assert_ne!(failed.status, 0, "{what}: {failed:?}");
        let checks = doctor(&sandbox, &["lab"], 0);
        assert_eq!(checks["leftovers"]["result"], "pass", "{what}: {checks}");
    }
}

#[test]
fn a_bundle_holds_no_secret_or_is_not_written() {
    let near = daemon(|_| pong(0));
    let mut sandbox = with_lab(&near);
    sandbox.set("PASEO_PASSWORD", "planted-password");
    assert_eq!(
        sandbox
            .run(&["doctor", "lab", "--bundle", "report.json"])
            .status,
        0
    );
    let report = sandbox.read("report.json");
    let payload = link().split_once("#offer=").unwrap().1.to_owned();
    for secret in [SERVER_ID, KEY, &payload[..40], "planted-password"] {
        assert!(!report.contains(secret));
    }
    let json: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(json["remotes"][1]["name"], "work");
    assert!(
        json["variables"]
            .as_array()
            .unwrap()
            .contains(&json!("PASEO_PASSWORD"))
    );
    assert!(
        !report.contains(sandbox.path("home").to_str().unwrap()),
        "{report}"
    );
    let mode = std::fs::metadata(sandbox.path("report.json"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    for secret in [SERVER_ID, KEY, "planted-password", &payload] {
        let set = format!("description={secret}");
        assert_eq!(sandbox.run(&["remote", "set", "work", &set]).status, 0);
        let ran = sandbox.run(&["doctor", "lab", "--bundle", "unsafe.json"]);
        ran.failed(1, "it was not written");
        assert!(!ran.stdout.contains(secret) && !ran.stderr.contains(secret));
        assert!(!sandbox.path("unsafe.json").exists());
    }
}

#[test]
fn traces_tell_the_hops_and_no_secret() {
    let near = daemon(|_| {
        let mut reply = pong(0);
        reply["entries"] = json!([]);
        reply["pageInfo"] = json!({ "hasMore": false });
        reply
    });
    let sandbox = with_lab(&near);
    let said = |flags: &str| {
        let ran = sandbox.run(&["-r", "lab", flags, "ls"]);
        assert_eq!(ran.status, 0, "{ran:?}");
        ran.says_none_of(&[SERVER_ID, KEY]);
        ran.stderr
    };
    for hop in ["dns", "tcp", "upgrade", "session"] {
        assert!(
            said("-v").contains(&format!("hop=\"{hop}\"")),
            "{hop}: {}",
            said("-v")
        );
    }
    assert!(!said("-v").contains("fetch_agents"));
    assert!(said("-vv").contains("sent") && said("-vv").contains("received"));
    assert!(said("-vvv").contains("frame"));
}
