//! A daemon that chooses ids, titles, providers and modes to be run by a shell, and Tab in every shell.

use std::process::Command;

use serde_json::{Value, json};

use crate::completion::{bash, sandbox, zsh};
use crate::fake_daemon::FakeDaemon;
use crate::sandbox::{Sandbox, binary};
use crate::terminal::Terminal;
use crate::tool::is_missing;

/// Each would make a file `pwned` in some shell, or become an option, or act on the terminal.
const HOSTILE: [&str; 19] = [
    UNIQUE,
    "a$(touch${IFS}pwned)",
    "a`touch pwned`",
    "a;touch pwned;",
    "a|touch pwned",
    "a&touch pwned",
    "a\ntouch pwned\n",
    "(touch pwned)",
    "$(Set-Content pwned x)",
    "' ; touch pwned ; '",
    "\" ; touch pwned ; \"",
    "*",
    "~",
    "--exec=touch pwned",
    "-x",
    "a\u{1b}[2Jb",
    "a\u{202e}b",
    "a\u{3164}b",
    "work:0a1b2c3d",
];
/// The only one that begins so: a shell puts it into the line at once.
const UNIQUE: &str = "unique$(touch${IFS}pwned)";
/// What is offered of them.
const GOOD: &str = "0a1b2c3d-good";
const SHELLS: [&str; 6] = ["bash", "elvish", "fish", "nushell", "powershell", "zsh"];

/// A remote `near` whose daemon is hostile, and whose lists are in the cache.
fn world() -> (Sandbox, FakeDaemon) {
    let daemon = FakeDaemon::start("srv_near", &[], |request| {
        let all = || HOSTILE.iter().chain(&[GOOD]);
        match request["type"].as_str() {
            Some("fetch_agents_request") => {
                let agent = |id: &&str| {
                    json!({ "agent": {
                    "id": id, "title": HOSTILE.concat(), "provider": "mock", "status": "idle", "cwd": "/w",
                    "createdAt": "2026-11-22T12:00:00Z", "updatedAt": "2026-11-22T12:00:00Z" } })
                };
                json!({ "entries": all().map(agent).collect::<Vec<_>>(),
                    "pageInfo": { "hasMore": false, "nextCursor": null, "prevCursor": null } })
            }
            Some("list_terminals_request") => {
                let terminal = |id: &&str| json!({ "id": id, "name": HOSTILE.concat() });
                json!({ "terminals": all().map(terminal).collect::<Vec<_>>() })
            }
            Some("get_providers_snapshot_request") => {
                let mode = |id: &&str| json!({ "id": id, "label": HOSTILE.concat() });
                let provider = |id: &&str| {
                    json!({ "provider": id, "label": HOSTILE.concat(), "status": "ready", "enabled": true,
                        "modes": all().map(mode).collect::<Vec<_>>(), "models": [] })
                };
                json!({ "entries": all().map(provider).collect::<Vec<_>>(), "generatedAt": "2026-11-22T12:00:00Z" })
            }
            _ => Value::Null,
        }
    });
    let sandbox = sandbox();
    let file = "home/.config/paseo/remotes.toml";
    let near = format!("\n[remotes.near]\nurl = 'tcp://{}'\n", daemon.address);
    sandbox.write(file, &(sandbox.read(file) + &near));
    for list in [
        &["ls"][..],
        &["terminal", "ls", "--all"],
        &["provider", "ls"],
    ] {
        let ran = sandbox.run(&[&["-r", "near"], list].concat());
        assert_eq!(ran.status, 0, "{ran:?}");
    }
    for shell in SHELLS {
        let printed = sandbox.run(&["completion", shell]);
        sandbox.write(&format!("stub.{shell}"), &printed.stdout);
    }
    (sandbox, daemon)
}

/// The lines that complete a name which the daemon chose: agents, terminals, providers, modes.
const LINES: [&str; 4] = [
    "-r near logs ",
    "-r near terminal kill ",
    "-r near run --provider ",
    "-r near run --mode ",
];

/// What a shell is answered, whichever it is.
fn answered(sandbox: &Sandbox, shell: &str, line: &str) -> Vec<String> {
    let words: Vec<&str> = line.split(' ').collect();
    let mut command = sandbox.command(binary().as_os_str());
    command
        .env("PASEO_COMPLETE", shell)
        .env("_CLAP_COMPLETE_INDEX", words.len().to_string())
        .args(["--", "paseo"])
        .args(&words);
    let ran = command.output().unwrap();
    let text = String::from_utf8(ran.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn no_shell_is_offered_what_it_would_run() {
    let (sandbox, _daemon) = world();
    for shell in SHELLS {
        for line in LINES {
            let lines = answered(&sandbox, shell, line);
            let all = lines.join("\n");
            assert!(all.contains(GOOD), "{shell} {line}: {all}");
            for line in lines {
                // Beside the value there is what is said about it, for people.
                let value = match shell {
                    // There a colon of the value is escaped.
                    "zsh" => line
                        .replace("\\:", "/")
                        .split(':')
                        .next()
                        .unwrap()
                        .to_owned(),
                    _ => line.split('\t').next().unwrap().to_owned(),
                };
                let plain = |c: char| c.is_ascii_alphanumeric() || "._:/@+-".contains(c);
                assert!(value.chars().all(plain), "{shell}: {line:?}");
                // Options are offered, but no others than ours.
                assert!(
                    !["-x", "--exec"].contains(&value.as_str()),
                    "{shell}: {line:?}"
                );
                for harm in ['\u{1b}', '\u{202e}', '\u{3164}'] {
                    assert!(!line.contains(harm), "{shell}: {line:?}");
                }
            }
        }
    }
}

/// A file name is the work of others, too.
#[test]
fn no_shell_that_quotes_nothing_is_offered_a_file_to_run() {
    let (sandbox, _daemon) = world();
    std::fs::create_dir(sandbox.path("cwd")).unwrap();
    for name in ["good.txt", "a$(touch pwned)", "a b"] {
        sandbox.write(&format!("cwd/{name}"), "");
    }
    for shell in ["bash", "nushell", "powershell"] {
        let lines = answered(&sandbox, shell, "remote import cwd/");
        let text = lines.join("\n");
        assert!(
            text.contains("cwd/good.txt") && !text.contains("touch"),
            "{shell}: {text}"
        );
    }
}

/// PowerShell is not in Debian: what its script does is read.
#[test]
fn the_script_of_powershell_evaluates_nothing() {
    let (sandbox, _daemon) = world();
    let mut command = sandbox.command(binary().as_os_str());
    let registered = command
        .env("PASEO_COMPLETE", "powershell")
        .output()
        .unwrap();
    let registered = String::from_utf8(registered.stdout).unwrap();
    for script in [sandbox.read("stub.powershell"), registered] {
        assert!(script.contains("& paseo -- @words"), "{script}");
        for evaluates in ["Invoke-Expression", "iex", "Create(", "@\""] {
            assert!(!script.contains(evaluates), "{evaluates}: {script}");
        }
    }
    let found = Command::new("sh").args(["-c", "command -v pwsh"]).output();
    if found.is_ok_and(|found| found.status.success()) {
        let script = "$null = . ./stub.powershell; \
            (TabExpansion2 'paseo -r near logs $(Set-Content pwned x) ' 44).CompletionMatches.CompletionText; \
            (TabExpansion2 'paseo -r near logs ' 19).CompletionMatches.CompletionText";
        let mut pwsh = sandbox.command("pwsh".as_ref());
        let ran = pwsh
            .args(["-NoProfile", "-Command", script])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert!(text.contains(GOOD) && !text.contains('$'), "{ran:?}");
        assert!(!sandbox.path("pwned").exists());
    }
}

#[test]
fn bash_runs_nothing() {
    if is_missing("bash") {
        return;
    }
    let (sandbox, _daemon) = world();
    sandbox.write("stub", &sandbox.read("stub.bash"));
    for line in LINES {
        let found = bash(&sandbox, &format!("paseo {line}''"));
        let values: Vec<_> = found.iter().filter(|it| !it.starts_with("--")).collect();
        assert!(values.contains(&&GOOD.to_owned()), "{line}: {found:?}");
        let harmless = |it: &&String| !it.contains(['$', '`', ';', '*', '\u{1b}', ' ']);
        assert!(values.iter().all(harmless), "{line}: {found:?}");
    }
    // With a person who presses Tab, and then Enter.
    sandbox.write(
        "rc",
        "source ./stub; paseo() { echo \"got <$*>\"; }; PS1='ready''> '\n",
    );
    let mut shell = Terminal::start(&sandbox, "bash", &["--rcfile", "rc", "-i"], "");
    shell.wait_for("ready> ");
    for typed in ["u\t", "u\t\t", "0\t"] {
        shell.type_in(&format!("paseo -r near logs {typed}\r"));
        let shown = shell.wait_for("got <-r near logs ");
        assert!(!shown.contains("pwned"), "{shown}");
        shell.wait_for("ready> ");
    }
    shell.type_in("exit\r");
    shell.end();
    assert!(!sandbox.path("pwned").exists());
}

#[test]
fn zsh_runs_nothing() {
    if is_missing("zsh") {
        return;
    }
    let (sandbox, _daemon) = world();
    let mut zsh = zsh(&sandbox, "compinit -u; source stub.zsh");
    for line in LINES {
        zsh.type_in(&format!("paseo {line}0\t\x18"));
        zsh.wait_for(&format!("<paseo {line}{GOOD} >"));
        zsh.type_in("\x15");
        // Nothing begins so.
        zsh.type_in(&format!("paseo {line}a\t\x18"));
        zsh.wait_for(&format!("<paseo {line}a>"));
        zsh.type_in("\x15");
    }
    assert!(!sandbox.path("pwned").exists());
}

#[test]
fn fish_runs_nothing() {
    if is_missing("fish") {
        return;
    }
    let (sandbox, _daemon) = world();
    for line in LINES {
        let script = format!("source ./stub.fish; complete -C 'paseo {line}'");
        let mut fish = sandbox.command("fish".as_ref());
        let ran = fish.args(["--no-config", "-c", &script]).output().unwrap();
        let text = String::from_utf8(ran.stdout).unwrap();
        let values: Vec<_> = text
            .lines()
            .filter_map(|line| line.split('\t').next())
            .collect();
        assert!(values.contains(&GOOD), "{text}");
        assert!(
            values
                .iter()
                .all(|it| !it.contains(['$', '`', ';', '*', ' '])),
            "{text}"
        );
        assert!(
            !text.contains(['\u{1b}', '\u{202e}', '\u{3164}']),
            "{text:?}"
        );
    }
    assert!(!sandbox.path("pwned").exists());
}

#[test]
fn elvish_runs_nothing() {
    if is_missing("elvish") {
        return;
    }
    let (sandbox, _daemon) = world();
    let mut elvish = Terminal::start(&sandbox, "elvish", &["-norc"], "");
    elvish.type_in("eval (slurp <stub.elvish); use str\r");
    for line in LINES {
        elvish.type_in(&format!(
            "print '<'(str:join , [($edit:completion:arg-completer[paseo] paseo {line}0)])'>'\r"
        ));
        elvish.wait_for(&format!("<{GOOD}>"));
        elvish.type_in(&format!(
            "print '<'(str:join , [($edit:completion:arg-completer[paseo] paseo {line}a)])'>'\r"
        ));
        elvish.wait_for("<>");
    }
    assert!(!sandbox.path("pwned").exists());
}
