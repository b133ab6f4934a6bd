//! `paseo keystore …`, and remotes whose secrets are in the vault or behind a program.

use serde_json::json;

use crate::crash::{State, kill_at_each_step};
use crate::fake_daemon::FakeDaemon;
use crate::remotes::{KEY, SERVER_ID, files, link, offer, with_work};
use crate::sandbox::{Sandbox, binary};
use crate::terminal::Terminal;
use crate::tool::is_missing;

const FILE: &str = "home/.config/paseo/remotes.toml";
const VAULT: &str = "home/.local/share/paseo/vault.json";
const PASSPHRASE: &str = "planted-correct-horse";

fn ran(sandbox: &Sandbox, args: &[&str]) -> String {
    let ran = sandbox.run(args);
    assert_eq!(ran.status, 0, "{args:?}: {ran:?}");
    ran.says_none_of(&[SERVER_ID, KEY, PASSPHRASE]);
    ran.stdout
}

/// `work` in a file, and a passphrase in another one.
fn with_passphrase() -> Sandbox {
    let mut sandbox = with_work();
    private(&sandbox, "pass", &format!("{PASSPHRASE}\n"));
    sandbox.set(
        "PASEO_VAULT_PASSPHRASE_FILE",
        sandbox.path("pass").to_str().unwrap(),
    );
    sandbox
}

fn private(sandbox: &Sandbox, name: &str, content: &str) {
    use std::os::unix::fs::PermissionsExt;
    sandbox.write(name, content);
    std::fs::set_permissions(sandbox.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// The relay of the offer does not listen: so far it comes only with the secret.
fn works(sandbox: &Sandbox) {
    sandbox.run(&["-r", "work", "ls"]).failed(6, "127.0.0.1:9");
}

fn states(sandbox: &Sandbox) -> Vec<(String, String, u64)> {
    let json = sandbox.run(&["keystore", "status", "--json"]).json();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let row = |row: &serde_json::Value| {
        (
            text(&row["store"]),
            text(&row["state"]),
            row["remotes"].as_u64().unwrap(),
        )
    };
    json.as_array().unwrap().iter().map(row).collect()
}

#[test]
fn a_secret_goes_into_the_vault_and_back() {
    let mut sandbox = with_passphrase();
    let state = |sandbox: &Sandbox, store: &str| {
        let all = states(sandbox);
        let (_, state, remotes) = all.into_iter().find(|(name, ..)| name == store).unwrap();
        (state, remotes)
    };
    assert_eq!(state(&sandbox, "vault"), ("absent".to_owned(), 0));
    assert_eq!(state(&sandbox, "file"), ("available".to_owned(), 1));
    assert_eq!(state(&sandbox, "keyring").0, "absent");
    assert_eq!(state(&sandbox, "command").0, "absent");
    let moved = ran(&sandbox, &["keystore", "migrate", "--to", "vault"]);
    assert!(moved.contains("work  file  vault  moved"), "{moved}");
    assert_eq!(state(&sandbox, "vault"), ("available".to_owned(), 1));
    assert_eq!(files(&sandbox, "home/.local/share/paseo/secrets").len(), 0);
    let vault = sandbox.read(VAULT);
    assert!(!vault.contains(SERVER_ID) && !vault.contains(&KEY[..12]));
    works(&sandbox);

    // Another passphrase, and none at all.
    private(&sandbox, "pass", "wrong");
    let wrong = sandbox.run(&["-r", "work", "ls", "--json"]);
    wrong.failed(9, "VAULT_PASSPHRASE");
    assert_eq!(state(&sandbox, "vault"), ("locked".to_owned(), 1));
    private(&sandbox, "pass", PASSPHRASE);
    sandbox.write(VAULT, &vault.replace("\"key\": \"", "\"key\": \"AA"));
    sandbox.run(&["-r", "work", "ls"]).failed(9, "is damaged");
    sandbox.write(VAULT, &vault);
    works(&sandbox);

    // Fresh keys, and another passphrase.
    ran(&sandbox, &["keystore", "rekey"]);
    assert_ne!(sandbox.read(VAULT), vault);
    works(&sandbox);
    sandbox.set("PASEO_VAULT_PASSPHRASE_FILE", "");
    sandbox
        .run(&["-r", "work", "ls"])
        .failed(9, "PASEO_ASKPASS");
    private(
        &sandbox,
        "ask",
        &format!(
            "#!/bin/sh\ncase $1 in New*|The*) echo new-battery-staple;; *) echo {PASSPHRASE};; esac\n"
        ),
    );
    assert!(
        std::process::Command::new("chmod")
            .arg("700")
            .arg(sandbox.path("ask"))
            .status()
            .unwrap()
            .success()
    );
    sandbox.set("PASEO_ASKPASS", sandbox.path("ask").to_str().unwrap());
    // One that never ends is not read for ever.
    let ask = sandbox.read("ask");
    sandbox.write("ask", "#!/bin/sh\nexec yes\n");
    sandbox
        .run(&["-r", "work", "ls"])
        .failed(9, "longer than 1024 bytes");
    sandbox.write("ask", &ask);
    let changed = sandbox.run(&["keystore", "passwd"]);
    assert_eq!(changed.status, 0, "{changed:?}");
    sandbox.run(&["-r", "work", "ls"]).failed(9, "is wrong");
    sandbox.set("PASEO_VAULT_PASSPHRASE", "new-battery-staple");
    works(&sandbox);
    ran(&sandbox, &["keystore", "migrate", "--to", "file", "work"]);
    works(&sandbox);
    assert_eq!(
        ran(&sandbox, &["keystore", "migrate", "--to", "file", "-q"]),
        ""
    );
    sandbox
        .run(&["keystore", "migrate", "--to", "keyring"])
        .failed(9, "keyring");
    sandbox
        .run(&["keystore", "migrate", "--to", "vualt"])
        .failed(2, "did you mean `vault`?");
}

/// `pass` with a key of its own, as `paseo-remotes(5)` says to set it up.
#[test]
fn pass_keeps_the_secrets_of_remotes() {
    if is_missing("pass") || is_missing("gpg") {
        return;
    }
    let daemon = FakeDaemon::start(
        "srv_of_the_lab",
        &[],
        |_| json!({ "entries": [], "pageInfo": { "hasMore": false } }),
    );
    let sandbox = with_work();
    let prepare = "umask 77; mkdir $HOME/.gnupg && \
        gpg --batch --passphrase '' --quick-gen-key t@example.org default default && pass init t@example.org";
    let script = |script: &str| {
        let ran = sandbox.command("sh".as_ref()).args(["-c", script]).output();
        let ran = ran.unwrap();
        assert!(ran.status.success(), "{ran:?}");
    };
    script(prepare);
    let stores = "
[stores.command]
get = ['pass', 'show', 'paseo/{id}']
put = ['pass', 'insert', '--multiline', '--force', 'paseo/{id}']
delete = ['pass', 'rm', '--force', 'paseo/{id}']
absent = 1
timeout = '30s'
";
    private(&sandbox, FILE, &format!("{}{stores}", sandbox.read(FILE)));
    ran(&sandbox, &["keystore", "migrate", "--to", "command"]);
    works(&sandbox);
    let lab = format!("tcp://{}?password=planted-pw", daemon.address);
    let lab = [
        "remote",
        "add",
        "lab",
        &lab,
        "--no-check",
        "--store",
        "command",
    ];
    ran(&sandbox, &lab);
    assert_eq!(ran(&sandbox, &["-r", "lab", "ls", "--json"]), "[]\n");

    let kept = || {
        let files = files(&sandbox, "home/.password-store");
        let items = files.iter().filter(|(path, _)| path.contains("/paseo/r_"));
        items.count()
    };
    assert_eq!(kept(), 2);
    let own = sandbox.read(FILE);
    assert!(!own.contains("planted-pw") && !own.contains(SERVER_ID));
    // Without its key the item stays shut, and the remote says why.
    script("gpgconf --kill all; mv $HOME/.gnupg $HOME/gone");
    let shut = sandbox.run(&["-r", "lab", "ls"]);
    shut.failed(9, "pass");
    shut.says_none_of(&["planted-pw"]);
    script("gpgconf --kill all; rm -rf $HOME/.gnupg; mv $HOME/gone $HOME/.gnupg");
    for name in ["lab", "work"] {
        ran(&sandbox, &["remote", "rm", name]);
    }
    assert_eq!(kept(), 0);
    script("gpgconf --kill all");
}

#[test]
fn a_person_makes_a_vault_and_opens_it() {
    let mut sandbox = Sandbox::new();
    sandbox.set("PASEO_KEYSTORE", "vault");
    let program = binary().to_str().unwrap();
    let mut adding = Terminal::start(
        &sandbox,
        program,
        &["remote", "add", "work", "--no-check"],
        "PASEO_BATCH",
    );
    adding.wait_for("(not shown): ");
    adding.type_in(&format!("{}\r", link()));
    adding.wait_for("New passphrase for the vault: ");
    adding.type_in("long horse stall\r");
    adding.wait_for("The same once more: ");
    adding.type_in("long horse stall\r");
    let (status, shown) = adding.end();
    assert_eq!(status, 0, "{shown}");
    assert!(!shown.contains("horse"), "{shown}");
    // What was typed just now is not asked for again, until somebody wants that.
    sandbox.run(&["-r", "work", "ls"]).failed(6, "127.0.0.1:9");
    ran(&sandbox, &["keystore", "lock"]);
    let mut using = Terminal::start(&sandbox, program, &["-r", "work", "ls"], "PASEO_BATCH");
    using.wait_for("Passphrase of the vault: ");
    using.type_in("mule\r");
    using.wait_for("Wrong. Passphrase of the vault: ");
    using.type_in("long horse stall\r");
    let (status, shown) = using.end();
    assert_eq!(status, 6, "{shown}");
}

#[test]
fn a_person_is_asked_once_for_many_remotes() {
    let mut sandbox = with_passphrase();
    for name in ["a", "b", "c"] {
        let address = format!("tcp://127.0.0.1:9?password=planted-{name}");
        let add = ["remote", "add", name, &address, "--no-check"];
        ran(&sandbox, &[&add[..], &["--store", "vault"]].concat());
    }
    sandbox.set("PASEO_VAULT_PASSPHRASE_FILE", "");
    let program = binary().to_str().unwrap();
    let start = || Terminal::start(&sandbox, program, &["-r", "a,b,c", "ls"], "PASEO_BATCH");
    let mut opening = start();
    opening.wait_for("Passphrase of the vault: ");
    opening.type_in(&format!("{PASSPHRASE}\r"));
    let (status, shown) = opening.end();
    assert_eq!(status, 6, "{shown}");
    assert!(!shown.contains("Passphrase of the vault"), "{shown}");
    ran(&sandbox, &["keystore", "lock"]);
    // Who does not know it is not asked three times for each.
    let mut guessing = start();
    for question in ["Passphrase", "Wrong. Passphrase", "Wrong. Passphrase"] {
        guessing.wait_for(&format!("{question} of the vault: "));
        guessing.type_in("mule\r");
    }
    let (status, shown) = guessing.end();
    assert_eq!(status, 9, "{shown}");
    assert!(!shown.contains("Passphrase of the vault"), "{shown}");
    assert_eq!(shown.matches("is wrong").count(), 3, "{shown}");
}

#[test]
fn a_program_of_the_user_keeps_secrets() {
    let sandbox = with_work();
    sandbox.write("keeper", "f=$HOME/kept-$2\ncase $1 in get) cat $f;; put) cat >$f; env >$f.env;; delete) rm -f $f;; esac\n");
    let keeper = sandbox.path("keeper").display().to_string();
    let own = sandbox.read(FILE);
    let argv = |op: &str| format!("{op} = ['sh', '{keeper}', '{op}', '{{id}}']\n");
    let stores = format!(
        "{own}\n[stores.command]\nabsent = 1\n{}{}{}",
        argv("get"),
        argv("put"),
        argv("delete")
    );
    private(&sandbox, FILE, &stores);
    let mut sandbox = sandbox;
    sandbox.set("PASEO_VAULT_PASSPHRASE", PASSPHRASE);
    sandbox.set("PASEO_RELAY_OFFER", "");
    ran(&sandbox, &["keystore", "migrate", "--to", "command"]);
    works(&sandbox);
    let kept = files(&sandbox, "home");
    let kept: Vec<_> = kept
        .iter()
        .filter(|(path, _)| path.contains("kept-r_"))
        .collect();
    // Those of the probe have gone, but for what the script wrote beside them.
    let items: Vec<_> = kept
        .iter()
        .filter(|(path, _)| !path.ends_with(".env"))
        .collect();
    assert_eq!(items.len(), 1);
    assert!(String::from_utf8_lossy(&items[0].1).contains(SERVER_ID));
    for (path, env) in kept.iter().filter(|(path, _)| path.ends_with(".env")) {
        assert!(!String::from_utf8_lossy(env).contains(PASSPHRASE), "{path}");
    }
    ran(&sandbox, &["remote", "rm", "work"]);
    // Whoever can change the file could run anything.
    let mode = std::process::Command::new("chmod")
        .arg("666")
        .arg(sandbox.path(FILE))
        .status();
    assert!(mode.unwrap().success());
    let add = [
        "remote",
        "add",
        "x",
        "-",
        "--no-check",
        "--store",
        "command",
    ];
    sandbox
        .run_with(&add, &offer())
        .failed(9, "others can change remotes.toml");
}

#[test]
fn migrations_and_rotations_killed_at_every_step_lose_nothing() {
    let plain = with_passphrase();
    let sealed = with_passphrase();
    ran(&sealed, &["keystore", "migrate", "--to", "vault"]);
    let secrets_of = |sandbox: &Sandbox| {
        let vault = sandbox.path(VAULT);
        (
            sandbox.read(FILE),
            vault.exists().then(|| sandbox.read(VAULT)),
        )
    };
    for (start, args) in [
        (&plain, &["keystore", "migrate", "--to", "vault"][..]),
        (&sealed, &["keystore", "rekey"]),
        (&sealed, &["keystore", "migrate", "--to", "file"]),
    ] {
        let (old_file, old_vault) = secrets_of(start);
        kill_at_each_step(start, args, |sandbox, _| {
            works(sandbox);
            // Which secret is used stands in the file; with which key it is sealed, in the vault.
            let (file, vault) = secrets_of(sandbox);
            match file == old_file && (args[1] == "migrate" || vault == old_vault) {
                true => State::Old,
                false => State::New,
            }
        });
    }
}

/// The passphrase of a vault that was made before there was a least length.
#[derive(Debug)]
struct Old;

impl paseo::secret::Passphrase for Old {
    fn existing(
        &self,
        _: bool,
    ) -> Result<paseo::secret::Secret<String>, paseo::secret::StoreError> {
        Ok("x".into())
    }

    fn new_one(&self) -> Result<paseo::secret::Secret<String>, paseo::secret::StoreError> {
        self.existing(false)
    }

    fn is_interactive(&self) -> bool {
        false
    }
}

#[test]
fn a_short_passphrase_is_refused_and_an_old_one_opens_its_vault() {
    use paseo::secret::SecretStore;
    let mut sandbox = with_work();
    let bundle = ["remote", "export", "work", "--passphrase"];
    for short in [
        "x",
        "12345678901",
        "äöüäöüäöüäö",
        "long horse ",
        "           x",
    ] {
        sandbox.set("PASEO_VAULT_PASSPHRASE", short);
        sandbox.set("PASEO_BUNDLE_PASSPHRASE", short);
        let refused = sandbox.run(&["keystore", "migrate", "--to", "vault"]);
        refused.failed(2, "at least 12 characters");
        assert!(!sandbox.path(VAULT).exists());
        sandbox.run(&bundle).failed(2, "at least 12 characters");
    }
    sandbox.set("PASEO_BUNDLE_PASSPHRASE", "äöüäöüäöüäöü");
    assert_eq!(sandbox.run(&bundle).status, 0);

    let vault = paseo::secret::VaultStore::new(sandbox.path(VAULT), std::sync::Arc::new(Old));
    let vault = vault.with_cost(paseo::secret::Cost::LEAST);
    vault.unlock().unwrap();
    sandbox.set("PASEO_VAULT_PASSPHRASE", "x");
    ran(&sandbox, &["keystore", "migrate", "--to", "vault"]);
    ran(&sandbox, &["keystore", "rekey"]);
    works(&sandbox);
    let refused = sandbox.run(&["keystore", "passwd"]);
    refused.failed(2, "at least 12 characters");
    works(&sandbox);
}
