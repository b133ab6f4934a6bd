//! Completion of what a daemon knows, without network and stores for what it does not, and setting shells up.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::{Value, json};

use crate::completion::{bash, sandbox, zsh};
use crate::fake_daemon::FakeDaemon;
use crate::sandbox::{Sandbox, binary};
use crate::tool::is_missing;

/// A daemon with two agents, one terminal and a provider, as the remote `near`.
fn with_daemon(sandbox: &mut Sandbox) -> FakeDaemon {
    let daemon = FakeDaemon::start("srv_near", &[], |request| match request["type"].as_str() {
        Some("fetch_agents_request") => json!({
            "entries": [agent("0a1b2c3d-1", "Fix the\nbuild"), agent("ffff0000-2", "")],
            "pageInfo": { "hasMore": false, "nextCursor": null, "prevCursor": null },
        }),
        Some("list_terminals_request") => {
            json!({ "terminals": [{ "id": "term-77", "name": "make" }] })
        }
        _ => json!({}),
    });
    let near = format!("\n[remotes.near]\nurl = 'tcp://{}'\n", daemon.address);
    let file = "home/.config/paseo/remotes.toml";
    sandbox.write(file, &format!("{}{near}", sandbox.read(file)));
    daemon
}

fn agent(id: &str, title: &str) -> Value {
    json!({ "agent": {
        "id": id, "title": title, "provider": "mock", "status": "idle", "cwd": "/w",
        "createdAt": "2026-11-22T12:00:00Z", "updatedAt": "2026-11-22T12:00:00Z",
    }})
}

/// Asks as fish does.
fn asked(sandbox: &Sandbox, words: &[&str]) -> String {
    let mut command = sandbox.command(binary().as_os_str());
    command.env("PASEO_COMPLETE", "fish").args(["--", "paseo"]);
    let asked = command.args(words).output().unwrap();
    assert!(
        asked.status.success() && asked.stderr.is_empty(),
        "{asked:?}"
    );
    // Options are offered beside values; here it is about values.
    let text = String::from_utf8(asked.stdout).unwrap();
    let values = text.lines().filter(|line| !line.starts_with("--"));
    values.map(|line| format!("{line}\n")).collect()
}

#[test]
fn agents_and_terminals_come_from_a_cache_that_one_attempt_fills() {
    let mut sandbox = sandbox();
    let daemon = with_daemon(&mut sandbox);
    let expected = "0a1b2c3d-1\tFix the build\nffff0000-2\n";
    // Under load the attempt may be too late, and then the command itself fills the cache.
    let first = asked(&sandbox, &["-r", "near", "logs", ""]);
    assert!(first == expected || first.is_empty(), "{first}");
    assert_eq!(sandbox.run(&["-r", "near", "ls"]).status, 0);
    let requests = daemon.requests().len();
    for words in [
        &["-r", "near", "logs", ""][..],
        &["--remote=near", "permit", "allow", ""],
        &["agent", "inspect", "-r", "near", ""],
    ] {
        assert_eq!(asked(&sandbox, words), expected, "{words:?}");
    }
    assert_eq!(
        sandbox
            .run(&["-r", "near", "terminal", "ls", "--all"])
            .status,
        0
    );
    assert_eq!(
        asked(&sandbox, &["-r", "near", "terminal", "kill", ""]),
        "term-77\tmake\n"
    );
    assert_eq!(
        daemon.requests().len(),
        requests + 1,
        "completion asked although it knew"
    );
    // Private, found without a secret, and without one inside.
    for (path, content) in crate::remotes::files(&sandbox, "home/.cache") {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{path}");
        assert!(!path.contains("srv_") && !String::from_utf8_lossy(&content).contains("srv_"));
    }
    // A change makes the list old; and so does time.
    let cached = || {
        !crate::remotes::files(&sandbox, "home/.cache")
            .iter()
            .any(|(path, _)| path.ends_with("agents"))
    };
    sandbox.run(&["-r", "near", "stop", "0a1b2c3d-1"]);
    assert!(cached(), "the list is still there");
    assert_eq!(sandbox.run(&["-r", "near", "ls"]).status, 0);
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(601);
    for (path, _) in crate::remotes::files(&sandbox, "home/.cache") {
        let file = std::fs::File::options().append(true).open(&path).unwrap();
        file.set_modified(if path.ends_with("agents") {
            old
        } else {
            std::time::SystemTime::now()
        })
        .unwrap();
    }
    let requests = daemon.requests().len();
    asked(&sandbox, &["-r", "near", "logs", ""]);
    assert!(daemon.requests().len() >= requests);
}

/// A daemon that never answers costs a moment, once; a store that would have to be opened is not.
#[test]
fn no_answer_is_no_candidates_and_nobody_asks_twice() {
    let mut sandbox = sandbox();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let file = "home/.config/paseo/remotes.toml";
    let with = format!(
        "{}\n[remotes.silent]\nurl = 'tcp://{address}'\n\
         [remotes.locked]\nurl = 'tcp://{address}'\nsecret = {{ store = 'keyring', id = 'r_0123456789abcdef' }}\n",
        sandbox.read(file)
    );
    sandbox.write(file, &with);
    sandbox.set("PASEO_KEYSTORE_TIMEOUT", "30");
    assert_eq!(asked(&sandbox, &["-r", "silent", "logs", ""]), "");
    silent.set_nonblocking(true).unwrap();
    let connections = || std::iter::from_fn(|| silent.accept().ok()).count();
    connections();
    assert_eq!(asked(&sandbox, &["-r", "silent", "logs", ""]), "");
    assert_eq!(asked(&sandbox, &["-r", "locked", "logs", ""]), "");
    assert_eq!(connections(), 0);
}

/// In a network namespace without interfaces, with a keyring that takes whoever comes, and secrets that
/// block whoever opens them.
#[test]
fn names_need_no_network_and_no_store() {
    let unshare = Command::new("unshare").args(["-rn", "true"]).output();
    let permitted = unshare.is_ok_and(|ran| ran.status.success());
    let mut sandbox = sandbox();
    let bus = sandbox.path("bus");
    let listener = std::os::unix::net::UnixListener::bind(&bus).unwrap();
    listener.set_nonblocking(true).unwrap();
    sandbox.set(
        "DBUS_SESSION_BUS_ADDRESS",
        &format!("unix:path={}", bus.display()),
    );
    let secrets = sandbox.path("home/.local/share/paseo/secrets");
    for entry in std::fs::read_dir(&secrets).unwrap() {
        let path = entry.unwrap().path();
        std::fs::remove_file(&path).unwrap();
        let made = Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
    }
    let file = "home/.config/paseo/remotes.toml";
    let locked = "\n[remotes.locked]\nurl = 'h:1'\nsecret = { store = 'keyring', id = 'r_0123456789abcdef' }\n";
    sandbox.write(file, &format!("{}{locked}", sandbox.read(file)));
    for (shell, args, expected) in [
        ("", &["remote", "ls", "-q"][..], "lab\nlocked\nwork\n"),
        ("", &["which", "-r", "work", "--short"], "work\n"),
        (
            "fish",
            &["--", "paseo", "-r", "l"],
            "lab\tthe lab\nlocked\nlocal\tthe daemon on this machine\n",
        ),
        ("fish", &["--", "paseo", "remote", "show", "w"], "work\n"),
    ] {
        let mut command = match permitted {
            true => {
                let mut command = sandbox.command("unshare".as_ref());
                command.arg("-rn").arg(binary());
                command
            }
            false => sandbox.command(binary().as_os_str()),
        };
        if !shell.is_empty() {
            command.env("PASEO_COMPLETE", shell);
        }
        let ran = command.args(args).output().unwrap();
        assert_eq!(String::from_utf8(ran.stdout).unwrap(), expected, "{args:?}");
    }
    assert!(listener.accept().is_err(), "somebody asked the keyring");
    if !permitted {
        println!("not in a namespace of its own: unshare is not permitted here");
    }
}

#[test]
fn install_shows_the_change_and_can_take_it_back() {
    let sandbox = Sandbox::new();
    sandbox.write("home/.bashrc", "alias ll='ls -l'");
    sandbox
        .run(&["completion", "install", "bash"])
        .failed(2, "add --yes");
    assert_eq!(sandbox.read("home/.bashrc"), "alias ll='ls -l'");
    let installed = sandbox.run(&["completion", "install", "bash", "--yes"]);
    assert_eq!(installed.status, 0, "{installed:?}");
    assert!(
        installed.stderr.contains("+ # >>> paseo completion >>>"),
        "{installed:?}"
    );
    let with = sandbox.read("home/.bashrc");
    assert!(
        with.starts_with("alias ll='ls -l'\n# >>>") && with.contains("paseo completion bash"),
        "{with}"
    );
    // Twice is once.
    assert_eq!(
        sandbox
            .run(&["completion", "install", "bash", "--yes"])
            .status,
        0
    );
    assert_eq!(sandbox.read("home/.bashrc"), with);
    assert_eq!(
        sandbox
            .run(&["completion", "uninstall", "bash", "--yes"])
            .status,
        0
    );
    assert_eq!(sandbox.read("home/.bashrc"), "alias ll='ls -l'\n");

    for (shell, file) in [
        ("fish", "home/.config/fish/completions/paseo.fish"),
        ("nushell", "home/.config/nushell/autoload/paseo.nu"),
    ] {
        assert_eq!(
            sandbox
                .run(&["completion", "install", shell, "--yes"])
                .status,
            0
        );
        assert_eq!(
            sandbox.read(file),
            sandbox.run(&["completion", shell]).stdout
        );
        sandbox.write(file, "mine");
        sandbox
            .run(&["completion", "uninstall", shell, "--yes"])
            .failed(1, "has been changed");
        assert_eq!(
            sandbox
                .run(&["completion", "install", shell, "--yes"])
                .status,
            0
        );
        assert_eq!(
            sandbox
                .run(&["completion", "uninstall", shell, "--yes"])
                .status,
            0
        );
        assert!(!sandbox.path(file).exists());
    }
}

/// What `install` writes works in shells that start with it.
#[test]
fn installed_lines_complete_in_new_shells() {
    let sandbox = sandbox();
    if !is_missing("bash") {
        assert_eq!(
            sandbox
                .run(&["completion", "install", "bash", "--yes"])
                .status,
            0
        );
        std::fs::rename(sandbox.path("home/.bashrc"), sandbox.path("stub")).unwrap();
        assert_eq!(bash(&sandbox, "paseo remote show w"), ["work"]);
    }
    if !is_missing("fish") {
        assert_eq!(
            sandbox
                .run(&["completion", "install", "fish", "--yes"])
                .status,
            0
        );
        let ran = sandbox
            .command("fish".as_ref())
            .args(["-c", "complete -C 'paseo remote use w'"])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&ran.stdout), "work\n", "{ran:?}");
    }
    if !is_missing("zsh") {
        assert_eq!(
            sandbox
                .run(&["completion", "install", "zsh", "--yes"])
                .status,
            0
        );
        let mut zsh = zsh(&sandbox, "source ~/.zshrc");
        zsh.type_in("paseo -r wo\t\x18");
        zsh.wait_for("<paseo -r work >");
    }
}
