//! `paseo remote …`, `paseo which`, and which daemon a command talks to.

use serde_json::json;

use crate::fake_daemon::FakeDaemon;
use crate::sandbox::Sandbox;

pub(crate) const SERVER_ID: &str = "srv_planted12345";
pub(crate) const KEY: &str = "fh1V4oOfytbm1vXyc29bUj+dQDpoSE6nzzsYNkgZ4SY=";
const FINGERPRINT: &str = "SHA256:kVcBmlM4wX4KHUhivU0Mdp74zCTgTS/xm6dipwwYUSY";
const PASSWORD: &str = "planted-hunter2";
const FILE: &str = "home/.config/paseo/remotes.toml";

/// An offer as JSON, for a relay that nobody runs.
pub(crate) fn offer() -> String {
    json!({
        "v": 2, "serverId": SERVER_ID, "daemonPublicKeyB64": KEY,
        "relay": {"endpoint": "127.0.0.1:9", "useTls": false}, "invite": {"id": 7},
    })
    .to_string()
}

pub(crate) fn link() -> String {
    let encoded = base64_simd::URL_SAFE_NO_PAD.encode_to_string(offer());
    format!("https://app.paseo.sh/#offer={encoded}")
}

fn sandbox() -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.set("PASEO_KEYSTORE", "file");
    sandbox.set("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent");
    sandbox
}

/// A sandbox with the remote `work`.
pub(crate) fn with_work() -> Sandbox {
    let sandbox = sandbox();
    let added = sandbox.run_with(&["remote", "add", "work", "-", "--no-check"], &offer());
    assert_eq!(added.status, 0, "{added:?}");
    sandbox
}

/// Every file below a directory of the sandbox, with its content.
pub(crate) fn files(sandbox: &Sandbox, below: &str) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut pending = vec![sandbox.path(below)];
    while let Some(path) = pending.pop() {
        match std::fs::read_dir(&path) {
            Ok(entries) => pending.extend(entries.map(|entry| entry.unwrap().path())),
            Err(_) if !path.exists() => {}
            Err(_) => {
                let content = std::fs::read(&path).unwrap();
                found.push((path.display().to_string(), content));
            }
        }
    }
    found
}

#[test]
fn every_form_of_an_offer_is_taken() {
    let sandbox = sandbox();
    sandbox.write("offer.json", &offer());
    let base64 = base64_simd::STANDARD.encode_to_string(offer());
    for (n, form) in [
        link(),
        base64,
        offer(),
        "offer.json".to_owned(),
        "-".to_owned(),
    ]
    .iter()
    .enumerate()
    {
        let name = format!("r{n}");
        let args = [
            "remote",
            "add",
            &name,
            form,
            "--no-check",
            "--again",
            "--json",
        ];
        let added = sandbox.run_with(&args, &link());
        assert_eq!(added.status, 0, "{added:?}");
        let json: serde_json::Value = serde_json::from_str(&added.stdout).unwrap();
        assert_eq!(
            (&json["fingerprint"], &json["store"]),
            (&json!(FINGERPRINT), &json!("file"))
        );
        assert_eq!(json["address"], "127.0.0.1:9");
        // Only what stands in the shell's history is told so.
        let in_argv = !matches!(form.as_str(), "-" | "offer.json");
        assert_eq!(added.stderr.contains("history"), in_argv, "{form}");
        added.says_none_of(&[SERVER_ID, KEY, "eyJ2"]);
    }
    let names = sandbox.run(&["remote", "ls", "-q"]).stdout;
    assert_eq!(names, "r0\nr1\nr2\nr3\nr4\n");
}

#[test]
fn ls_and_show_in_every_format() {
    let sandbox = with_work();
    let args = [
        "remote",
        "add",
        "lab",
        "tcp://10.0.0.5:6767?ssl=true",
        "--no-check",
        "--tag",
        "gpu",
    ];
    assert_eq!(sandbox.run(&args).status, 0);
    assert_eq!(sandbox.run(&["remote", "use", "work"]).status, 0);
    let table = sandbox.run(&["remote", "ls"]).stdout;
    assert_eq!(
        table,
        format!(
            "NAME          DEFAULT  VIA                           FINGERPRINT                                         TAGS  STORE\n\
             lab                    tcp://10.0.0.5:6767?ssl=true  -                                                   gpu   -\n\
             work          *        relay 127.0.0.1:9 (no TLS)    {FINGERPRINT}        file (not encrypted)\n"
        ),
    );
    let json = sandbox.run(&["remote", "ls", "--json"]).json();
    assert_eq!(json[0]["name"], "lab");
    assert_eq!(json[1]["default"], true);
    assert_eq!(
        sandbox.run(&["remote", "ls", "--tag", "gpu", "-q"]).stdout,
        "lab\n"
    );
    let yaml = sandbox
        .run(&["remote", "show", "work", "-o", "yaml"])
        .stdout;
    assert!(
        yaml.contains("name: work\n") && yaml.contains("via: relay\n"),
        "{yaml}"
    );
    let shown = sandbox.run(&["remote", "show", "lab", "--json"]).json();
    assert_eq!(shown["tags"], json!(["gpu"]));
    sandbox
        .run(&["remote", "show", "lap"])
        .failed(3, "did you mean `lab`?");
}

#[test]
fn names_are_unique_and_a_daemon_twice_is_noticed() {
    let sandbox = with_work();
    let add = |name: &str, more: &[&str]| {
        let args = [&["remote", "add", name, "-", "--no-check"], more].concat();
        sandbox.run_with(&args, &offer())
    };
    add("work", &[]).failed(1, "there is already a remote `work`");
    assert_eq!(add("work", &["--if-absent"]).status, 0);
    add("other", &[]).failed(1, "this daemon is already saved as `work`");
    assert_eq!(add("other", &["--again", "--default"]).status, 0);
    assert_eq!(sandbox.run(&["which", "--short"]).stdout, "other\n");
    add("local", &[]).failed(2, "reserved");
    add("a/b", &[]).failed(2, "a remote's name is");
    add("third", &["--tag", "a b"]).failed(2, "a tag is spelled");
}

#[test]
fn a_daemon_is_looked_at_before_it_is_saved() {
    let sandbox = sandbox();
    let pong = |_: &serde_json::Value| json!({"serverReceivedAt": 1, "serverSentAt": 2});
    let daemon = FakeDaemon::start(SERVER_ID, &[], pong);
    let url = format!("tcp://{}?password={PASSWORD}", daemon.address);
    let added = sandbox.run(&["remote", "add", "lab", &url, "--json"]);
    assert_eq!(added.status, 0, "{added:?}");
    let json: serde_json::Value = serde_json::from_str(&added.stdout).unwrap();
    assert_eq!(json["daemon"]["hostname"], "fake");
    assert_eq!(json["daemon"]["version"], "0.5.0");
    assert!(json["daemon"]["roundTripMs"].as_f64().unwrap() > 0.0);
    added.says_none_of(&[PASSWORD]);
    let file = sandbox.read(FILE);
    assert!(
        !file.contains(PASSWORD) && file.contains("secret = { store = \"file\""),
        "{file}"
    );

    let refused = sandbox.run_with(&["remote", "add", "work", "-"], &offer());
    refused.failed(6, "127.0.0.1:9");
    assert_eq!(sandbox.run(&["remote", "ls", "-q"]).stdout, "lab\n");
    let secrets = files(&sandbox, "home/.local/share/paseo/secrets");
    assert_eq!(secrets.len(), 1, "a failed add leaves no secret");
}

#[test]
fn without_a_keyring_nothing_is_saved_unasked() {
    let mut sandbox = sandbox();
    sandbox.set("PASEO_KEYSTORE", "");
    for args in [&["--no-check"][..], &["--no-check", "--store", "keyring"]] {
        let args = [&["remote", "add", "work", "-"], args].concat();
        let refused = sandbox.run_with(&args, &offer());
        refused.failed(9, "--store file");
        refused.says_none_of(&[SERVER_ID, KEY]);
    }
    assert_eq!(files(&sandbox, "home/.local/share").len(), 0);
    let args = [
        "remote",
        "add",
        "work",
        "-",
        "--no-check",
        "--store",
        "vautl",
    ];
    sandbox
        .run_with(&args, &offer())
        .failed(2, "a secret store is");
    sandbox.set("PASEO_KEYSTORE", "nonsense");
    let args = ["remote", "add", "work", "-", "--no-check"];
    sandbox
        .run_with(&args, &offer())
        .failed(2, "a secret store is");
}

#[test]
fn rm_forgets_the_secret_too_and_says_what_stays() {
    let sandbox = with_work();
    sandbox.run(&["remote", "use", "work"]);
    let removed = sandbox.run(&["remote", "rm", "work"]);
    assert_eq!(removed.stdout, "removed `work`\n");
    assert!(removed.stderr.contains("stays valid"), "{removed:?}");
    assert_eq!(files(&sandbox, "home/.local/share").len(), 0);
    assert_eq!(sandbox.run(&["which", "--short"]).stdout, "local\n");
    sandbox
        .run(&["remote", "rm", "work"])
        .failed(3, "there is no remote `work`");
    assert_eq!(
        sandbox
            .run(&["remote", "rm", "work", "--if-present"])
            .status,
        0
    );
}

#[test]
fn which_names_the_target_and_the_rule() {
    let mut sandbox = with_work();
    let which = |sandbox: &Sandbox, args: &[&str]| {
        let json = sandbox.run(&[args, &["which", "--json"]].concat()).json();
        let because = json["because"]
            .as_str()
            .unwrap()
            .replace(&sandbox.path("").display().to_string(), "");
        (json["target"].as_str().unwrap().to_owned(), because)
    };
    let expect = |target: &str, because: &str| (target.to_owned(), because.to_owned());
    assert_eq!(
        which(&sandbox, &[]),
        expect("local", "nothing names another daemon")
    );
    sandbox.run(&["remote", "use", "work"]);
    assert_eq!(
        which(&sandbox, &[]),
        expect("work", "the default in home/.config/paseo/remotes.toml:3")
    );
    assert_eq!(
        which(&sandbox, &["--host", "h:1"]),
        expect("host", "the argument --host")
    );
    assert_eq!(
        which(&sandbox, &["--relay", &link()]),
        expect("offer", "the argument --relay")
    );
    sandbox.set("PASEO_AGENT_ID", "agent");
    assert_eq!(which(&sandbox, &[]).0, "local");
    sandbox.set("PASEO_REMOTE", "work");
    assert_eq!(
        which(&sandbox, &[]),
        expect("work", "the variable PASEO_REMOTE")
    );
    assert_eq!(
        which(&sandbox, &["-r", "local"]),
        expect("local", "the argument --remote")
    );
    sandbox.set("PASEO_HOST", &format!("tcp://h:1?password={PASSWORD}"));
    let both = sandbox.run(&["ls", "--json"]);
    both.failed(2, "TARGET_AMBIGUOUS");
    both.failed(2, "the variable PASEO_REMOTE and the variable PASEO_HOST");
    both.says_none_of(&[PASSWORD]);
    sandbox
        .run(&["ls", "-r", "work", "--host", "h:1"])
        .failed(2, "name two daemons");
}

#[test]
fn commands_go_where_which_says() {
    let mut sandbox = with_work();
    let page = |_: &serde_json::Value| json!({"entries": [], "pageInfo": {"hasMore": false}});
    let daemon = FakeDaemon::start(SERVER_ID, &[], page);
    let url = format!("tcp://{}", daemon.address);
    assert_eq!(sandbox.run(&["ls", "--host", &daemon.address]).status, 0);
    assert_eq!(
        sandbox
            .run(&["remote", "add", "lab", &url, "--no-check"])
            .status,
        0
    );
    assert_eq!(sandbox.run(&["ls", "-r", "lab"]).status, 0);
    assert_eq!(sandbox.run(&["-r", "lab", "ls"]).status, 0);
    sandbox.run(&["-r", "work", "ls"]).failed(6, "127.0.0.1:9");
    sandbox
        .run(&["--relay", &link(), "ls"])
        .failed(6, "127.0.0.1:9");
    sandbox.set("PASEO_LISTEN", &daemon.address);
    assert_eq!(sandbox.run(&["ls"]).status, 0);
    assert_eq!(daemon.requests().len(), 4);
}

#[test]
fn the_password_of_the_environment_reaches_no_saved_remote() {
    let mut sandbox = with_work();
    sandbox.set("PASEO_PASSWORD", PASSWORD);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let url = format!("tcp://{address}");
    assert_eq!(
        sandbox
            .run(&["remote", "add", "lab", &url, "--no-check"])
            .status,
        0
    );
    let heads = std::thread::spawn(move || {
        let head = || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = [0; 4096];
            let length = std::io::Read::read(&mut stream, &mut head).unwrap();
            String::from_utf8_lossy(&head[..length]).into_owned()
        };
        [head(), head()]
    });
    sandbox.run(&["-r", "lab", "ls"]);
    sandbox.run(&["--host", &address, "ls"]);
    let [saved, named] = heads.join().unwrap();
    assert!(!saved.contains(PASSWORD), "{saved}");
    assert!(named.contains(PASSWORD), "{named}");
}

#[test]
fn a_key_in_the_store_that_is_not_the_one_in_the_file_is_refused() {
    let sandbox = with_work();
    let other = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let file = sandbox.read(FILE).replace(FINGERPRINT, other);
    sandbox.write(FILE, &file);
    let refused = sandbox.run(&["-r", "work", "ls", "--json"]);
    refused.failed(5, "FINGERPRINT_MISMATCH");
    refused.says_none_of(&[SERVER_ID, KEY]);
}

#[test]
fn a_broken_file_is_shown_and_stands_in_the_way_only_where_it_matters() {
    let sandbox = sandbox();
    sandbox.write(
        FILE,
        &format!("version = 1\n[remotes.work]\nrelai = \"{}\"\n", link()),
    );
    let broken = sandbox.run(&["remote", "ls"]);
    broken.failed(
        10,
        "remotes.toml:3:1: unknown key `relai`; did you mean `relay`?",
    );
    broken.says_none_of(&["eyJ2"]);
    let host = sandbox.run(&["--host", "127.0.0.1:9", "ls"]);
    host.failed(6, "127.0.0.1:9");
    sandbox.write(FILE, "version = 9\n[remotes.lab]\nurl = 'h:1'\nnew = 1\n");
    assert_eq!(sandbox.run(&["remote", "ls", "-q"]).stdout, "lab\n");
    sandbox
        .run(&["remote", "rm", "lab"])
        .failed(10, "version 9");
}

#[test]
fn a_secret_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = with_work();
    let secrets = files(&sandbox, "home/.local/share/paseo/secrets");
    let path = &secrets[0].0;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let refused = sandbox.run(&["-r", "work", "ls"]);
    refused.failed(10, "can be read by others");
    refused.failed(10, "chmod 600");
    std::fs::remove_file(path).unwrap();
    sandbox
        .run(&["-r", "work", "ls"])
        .failed(9, "is not in the secret store");
}

/// What the store of secrets holds is nowhere else: not in settings or state, not in what is printed.
#[test]
fn settings_and_state_can_be_published() {
    let sandbox = with_work();
    let url = format!("tcp://127.0.0.1:9?password={PASSWORD}");
    sandbox.run(&["remote", "add", "lab", &url, "--no-check"]);
    sandbox.run(&["remote", "use", "work"]);
    for args in [
        &["ls"][..],
        &["-r", "lab", "ls"],
        &["remote", "show", "work"],
        &["which"],
    ] {
        for more in [&[][..], &["--json"], &["-o", "yaml"], &["-q"], &["-vvv"]] {
            sandbox
                .run(&[args, more].concat())
                .says_none_of(&[SERVER_ID, KEY, PASSWORD]);
        }
    }
    let published = [
        files(&sandbox, "home/.config"),
        files(&sandbox, "home/.local/state"),
    ]
    .concat();
    assert!(published.len() > 2, "{published:?}");
    for (path, content) in published {
        let content = String::from_utf8_lossy(&content);
        for secret in [SERVER_ID, "planted", KEY, &KEY[..20], PASSWORD] {
            assert!(!content.contains(secret), "{path}");
        }
    }
}
