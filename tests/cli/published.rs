//! Settings, state and cache can be published: after any commands nothing secret can be derived from them, and
//! with them alone nothing is reached.

use std::process::Command;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use crate::fake_daemon::FakeDaemon;
use crate::remotes::files;
use crate::sandbox::Sandbox;

/// Cases of one run; each is a dozen commands. More with `PASEO_TEST_CASES`.
const CASES: u32 = 6;
/// How much of a secret may not be there, in characters of any spelling: 48 bits of base64.
const PART: usize = 8;
const PASSPHRASE: &str = "correct-horse-battery-staple-9";

/// What may not come out.
#[derive(Debug, Clone)]
struct Secrets {
    server_id: String,
    key: [u8; 32],
    password: String,
    token: String,
}

impl Secrets {
    fn offer(&self) -> String {
        let key = paseo::e2ee::SecretKey::from_bytes(&self.key).public_key();
        json!({
            "v": 2, "serverId": self.server_id, "daemonPublicKeyB64": key.to_base64(),
            "relay": {"endpoint": "127.0.0.1:9", "useTls": false},
        })
        .to_string()
    }

    fn link(&self) -> String {
        let encoded = base64_simd::URL_SAFE_NO_PAD.encode_to_string(self.offer());
        format!("#offer={encoded}")
    }

    /// Each as bytes.
    fn all(&self) -> Vec<Vec<u8>> {
        let key = paseo::e2ee::SecretKey::from_bytes(&self.key).public_key();
        let link = self.link();
        vec![
            self.server_id.clone().into_bytes(),
            key.as_bytes().to_vec(),
            key.to_base64().into_bytes(),
            self.password.clone().into_bytes(),
            self.token.clone().into_bytes(),
            // Behind the part that every link begins with.
            link.as_bytes()[40..].to_vec(),
            PASSPHRASE.as_bytes().to_vec(),
        ]
    }
}

fn secrets() -> impl Strategy<Value = Secrets> {
    let texts = (
        "srv_[A-Za-z0-9_-]{12,30}",
        any::<[u8; 32]>(),
        "[A-Za-z0-9_!%+/~-]{12,40}",
        "[A-Za-z0-9._~-]{12,40}",
    );
    texts.prop_map(|(server_id, key, password, token)| Secrets {
        server_id,
        key,
        password,
        token,
    })
}

/// Commands with their standard input, in an order that chance decides.
fn commands() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0..COMMANDS.len(), 10)
}

/// `{link}`, `{offer}`, `{password}` and `{token}` stand for secrets; an `<` in front of the last word makes it
/// the standard input.
const COMMANDS: &[&str] = &[
    "remote add work {link} --no-check --again",
    "remote add other - --no-check --again <{offer}",
    "remote add straight tcp://127.0.0.1:9?password={password} --no-check --again",
    "remote set work --relay-token - tags=a <{token}",
    "remote unset work --relay-token",
    "remote rename work office",
    "remote repair work - --no-check --yes <{offer}",
    "remote use work",
    "remote rm other",
    "remote recipient",
    "remote recipient --new",
    "remote export --all --passphrase --file home/.config/paseo/bundle --force",
    "remote import home/.config/paseo/bundle --force --again --yes",
    "remote import - --again --force --yes <list {link}",
    "keystore migrate --to vault",
    "keystore migrate --to file",
    "keystore rekey",
    "keystore prune --yes",
    "remote qr work",
    "-r work ls -vvv",
    "-r straight ls",
    "-r lab ls",
    "-r lab provider ls",
    "--relay {link} ls",
    "--host tcp://127.0.0.1:9?password={password} ls",
    "remote check",
    "doctor work --bundle home/.local/state/paseo/report",
    "remote show -G work",
    "config check",
    "remote nonsense {link}",
];

fn run(sandbox: &Sandbox, line: &str, secrets: &Secrets) {
    let (line, stdin) = line.split_once('<').unwrap_or((line, ""));
    let percent = |text: &str| {
        text.bytes()
            .map(|byte| format!("%{byte:02x}"))
            .collect::<String>()
    };
    let fill = |text: &str| {
        text.replace("{link}", &secrets.link())
            .replace("{offer}", &secrets.offer())
            .replace("{token}", &secrets.token)
            .replace("{password}", &percent(&secrets.password))
    };
    let words: Vec<String> = line.split_whitespace().map(fill).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    // Many fail, as many do.
    let ran = sandbox.run_with(&words, &fill(stdin));
    assert!(!matches!(ran.status, 70 | 101), "{words:?}: {ran:?}");
}

/// Every spelling in which somebody might write bytes.
fn spellings(secret: &[u8]) -> Vec<Vec<u8>> {
    let hex = |upper: bool| -> String {
        let digits = secret.iter().map(|byte| match upper {
            true => format!("{byte:02X}"),
            false => format!("{byte:02x}"),
        });
        digits.collect()
    };
    let percent: String = secret.iter().map(|byte| format!("%{byte:02X}")).collect();
    let mut spelled = vec![
        secret.to_vec(),
        percent.to_lowercase().into(),
        percent.into(),
    ];
    spelled.extend([hex(false).into_bytes(), hex(true).into_bytes()]);
    // Inside something longer, it may begin at any of three places of a group of base64.
    for skipped in 0..3.min(secret.len()) {
        spelled.push(
            base64_simd::STANDARD_NO_PAD
                .encode_to_string(&secret[skipped..])
                .into(),
        );
        spelled.push(
            base64_simd::URL_SAFE_NO_PAD
                .encode_to_string(&secret[skipped..])
                .into(),
        );
    }
    let mut backwards = secret.to_vec();
    backwards.reverse();
    spelled.push(backwards);
    spelled
}

/// Fails when a part of a secret, in any spelling, is published. Hexadecimal spellings take more for a part.
fn assert_absent(published: &[u8], secret: &[u8]) {
    let parts: std::collections::HashSet<&[u8]> = published.windows(PART).collect();
    for spelling in spellings(secret) {
        for part in spelling.windows(PART) {
            let shown = String::from_utf8_lossy(part);
            assert!(!parts.contains(part), "published: {shown}");
        }
    }
}

const PUBLISHED: [&str; 3] = ["home/.config", "home/.local/state", "home/.cache"];

#[test]
fn settings_state_and_cache_tell_nothing_and_open_nothing() {
    let daemon = FakeDaemon::start(
        "srv_of_the_lab",
        &[],
        |_| json!({ "entries": [], "agents": [] }),
    );
    #[allow(
        clippy::disallowed_methods,
        reason = "a longer form of the test, asked for by hand"
    )]
    let cases = std::env::var("PASEO_TEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok());
    let mut runner = TestRunner::new(Config {
        cases: cases.unwrap_or(CASES),
        max_shrink_iters: 16,
        failure_persistence: None,
        ..Config::default()
    });
    let sequences = (secrets(), commands());
    let holds = |(secrets, order): (Secrets, Vec<usize>)| {
        let mut sandbox = Sandbox::new();
        sandbox.set("PASEO_KEYSTORE", "file");
        sandbox.set("PASEO_VAULT_PASSPHRASE", PASSPHRASE);
        sandbox.set("PASEO_BUNDLE_PASSPHRASE", PASSPHRASE);
        sandbox.set("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent");
        let lab = format!("remote add lab tcp://{} --no-check", daemon.address);
        // Something is always there.
        for line in [lab.as_str(), COMMANDS[0], COMMANDS[2]]
            .into_iter()
            .chain(order.iter().map(|n| COMMANDS[*n]))
        {
            run(&sandbox, line, &secrets);
        }
        let published: Vec<u8> = PUBLISHED
            .iter()
            .flat_map(|dir| files(&sandbox, dir))
            .flat_map(|(path, content)| [path.into_bytes(), content].concat())
            .collect();
        assert!(published.len() > 400, "something is published");
        for secret in secrets.all() {
            assert_absent(&published, &secret);
        }
        // Somebody else has them, on a machine where everything else is missing.
        let thief = Sandbox::new();
        for dir in PUBLISHED.iter().filter(|dir| sandbox.path(dir).exists()) {
            let to = thief.path(dir);
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            let copied = Command::new("cp")
                .arg("-a")
                .arg(sandbox.path(dir))
                .arg(&to)
                .status();
            assert!(copied.unwrap().success());
        }
        let listed = thief.run(&["remote", "ls", "--json"]).json();
        for remote in listed.as_array().unwrap() {
            let name = remote["name"].as_str().unwrap();
            if name == "lab" {
                // Whoever can reach it needs no secret: it asks for none.
                continue;
            }
            let reached = thief.run(&["-r", name, "ls"]);
            assert_eq!(reached.status, 9, "{reached:?}");
        }
        let bundle = "home/.config/paseo/bundle";
        if thief.path(bundle).exists() {
            let opened = thief.run(&["remote", "import", bundle, "--store", "file"]);
            assert_eq!(opened.status, 4, "{opened:?}");
        }
        Ok(())
    };
    if let Err(error) = runner.run(&sequences, holds) {
        panic!("{error}");
    }
}
