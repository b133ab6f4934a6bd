//! Completion in real shells.

use std::process::Command;

use crate::remotes::with_work;
use crate::sandbox::{Sandbox, binary};
use crate::terminal::Terminal;
use crate::tool::{is_missing, tell_skipped};

/// A sandbox with the remotes `work` and `lab`, and `paseo` on the path.
pub(crate) fn sandbox() -> Sandbox {
    let mut sandbox = with_work();
    let args = [
        "remote",
        "add",
        "lab",
        "tcp://127.0.0.1:9",
        "--no-check",
        "--description",
        "the lab",
    ];
    assert_eq!(sandbox.run(&args).status, 0);
    let dir = binary().parent().unwrap().display();
    sandbox.set("PATH", &format!("{dir}:/usr/bin:/bin"));
    sandbox
}

/// The stub of a shell, in the sandbox.
fn stub(sandbox: &Sandbox, shell: &str, name: &str) {
    let printed = sandbox.run(&["completion", shell]);
    assert_eq!(printed.status, 0, "{printed:?}");
    sandbox.write(name, &printed.stdout);
}

pub(crate) fn bash(sandbox: &Sandbox, words: &str) -> Vec<String> {
    let script = format!(
        "source ./stub; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
         COMP_LINE=\"${{COMP_WORDS[*]}}\"; COMP_POINT=${{#COMP_LINE}}; $(complete -p paseo | sed 's/.*-F \\([^ ]*\\) .*/\\1/') paseo \"${{COMP_WORDS[-1]}}\" x; \
         printf '%s\\n' \"${{COMPREPLY[@]}}\""
    );
    let ran = sandbox
        .command("bash".as_ref())
        .args(["--norc", "-c", &script])
        .output()
        .unwrap();
    assert!(
        ran.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    String::from_utf8(ran.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

#[test]
fn bash_completes_commands_options_and_remotes() {
    if is_missing("bash") {
        return;
    }
    let sandbox = sandbox();
    stub(&sandbox, "bash", "stub");
    // All that `-r` takes: somebody who does not know `all` and tags finds them here.
    assert_eq!(
        bash(&sandbox, "paseo -r ''"),
        ["lab", "work", "local", "all"]
    );
    assert_eq!(bash(&sandbox, "paseo --remote l"), ["lab", "local"]);
    assert_eq!(
        sandbox.run(&["remote", "set", "lab", "tags=prod"]).status,
        0
    );
    assert_eq!(bash(&sandbox, "paseo -r @"), ["@prod"]);
    assert_eq!(bash(&sandbox, "paseo -r work,@p"), ["@prod"]);
    assert_eq!(bash(&sandbox, "paseo -r al"), ["all"]);
    assert_eq!(bash(&sandbox, "paseo remote show w"), ["work"]);
    assert_eq!(bash(&sandbox, "paseo -r work remote sh"), ["show"]);
    assert_eq!(bash(&sandbox, "paseo ls -o y"), ["yaml"]);
    assert_eq!(bash(&sandbox, "paseo ls --no-h"), ["--no-headers"]);
}

fn fish(sandbox: &Sandbox, line: &str) -> Vec<String> {
    let script = format!("source ./stub; complete -C '{line}'");
    let ran = sandbox
        .command("fish".as_ref())
        .args(["--no-config", "-c", &script])
        .output()
        .unwrap();
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    String::from_utf8(ran.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

#[test]
fn fish_completes_with_descriptions() {
    if is_missing("fish") {
        return;
    }
    let sandbox = sandbox();
    stub(&sandbox, "fish", "stub");
    let expected = [
        "lab\tthe lab",
        "work",
        "local\tthe daemon on this machine",
        "all\tevery saved remote",
    ];
    assert_eq!(fish(&sandbox, "paseo -r "), expected);
    assert_eq!(fish(&sandbox, "paseo remote use w"), ["work"]);
    assert_eq!(fish(&sandbox, "paseo whi").len(), 1);
}

#[test]
fn elvish_completes_from_what_its_file_says() {
    if is_missing("elvish") {
        return;
    }
    let sandbox = sandbox();
    stub(&sandbox, "elvish", "stub.elv");
    let mut elvish = Terminal::start(&sandbox, "elvish", &["-norc"], "");
    elvish.type_in("eval (slurp <stub.elv); use str\r");
    for (words, found) in [
        ("paseo -r ''", "lab,work,local,all"),
        ("paseo remote show w", "work"),
        ("paseo whi", "which"),
    ] {
        elvish.type_in(&format!(
            "print '<'(str:join , [($edit:completion:arg-completer[paseo] {words})])'>'\r"
        ));
        elvish.wait_for(&format!("<{found}>"));
    }
}

/// What the completer of nushell gives for a line, as JSON, after some lines of configuration.
fn nushell(sandbox: &Sandbox, nu: &str, config: &str, words: &str) -> String {
    let script =
        format!("{config}; do $env.config.completions.external.completer {words} | to json -r");
    let mut command = sandbox.command(nu.as_ref());
    let ran = command.args(["-n", "-c", &script]).output().unwrap();
    assert!(ran.stderr.is_empty(), "{ran:?}");
    String::from_utf8(ran.stdout).unwrap().trim_end().to_owned()
}

#[test]
fn nushell_completes_and_leaves_other_commands_to_their_completer() {
    let found = Command::new("sh").args(["-c", "command -v nu"]).output();
    let nu = String::from_utf8(found.unwrap().stdout).unwrap();
    let nu = nu.trim();
    // The one shell that CI cannot install: Debian has no package of it.
    if nu.is_empty() {
        return tell_skipped("nu is not installed");
    }
    let sandbox = sandbox();
    stub(&sandbox, "nushell", "paseo.nu");
    let work = r#"[{"value":"work","description":""}]"#;
    let lab = r#"[{"value":"lab","description":"the lab"}]"#;
    assert_eq!(nushell(&sandbox, nu, "use paseo.nu", "[paseo -r w]"), work);
    let shown = nushell(&sandbox, nu, "source paseo.nu", "[paseo remote show la]");
    assert_eq!(shown, lab);
    assert_eq!(nushell(&sandbox, nu, "use paseo.nu", "[git a]"), "null");
    // Who has a completer keeps it.
    let theirs = "$env.config.completions.external.completer = {|spans| [theirs]}; use paseo.nu";
    assert_eq!(nushell(&sandbox, nu, theirs, "[git a]"), r#"["theirs"]"#);
    assert_eq!(nushell(&sandbox, nu, theirs, "[paseo -r w]"), work);
}

/// Starts a zsh that shows its line on Control-X.
pub(crate) fn zsh(sandbox: &Sandbox, setup: &str) -> Terminal {
    let mut zsh = Terminal::start(sandbox, "zsh", &["-f", "-i"], "");
    zsh.type_in(&format!(
        "autoload -U compinit; {setup}; show() {{ print -r -- \"<$BUFFER>\" }}; zle -N show; \
         bindkey '^X' show; PS1='ready'; PS1+='> '\n"
    ));
    zsh.wait_for("ready> ");
    zsh
}

#[test]
fn zsh_completes_when_the_stub_is_sourced_and_when_it_is_found() {
    if is_missing("zsh") {
        return;
    }
    let sandbox = sandbox();
    stub(&sandbox, "zsh", "found/_paseo");
    for setup in [
        "compinit -u; source found/_paseo",
        "fpath+=(found); compinit -u",
    ] {
        let mut zsh = zsh(&sandbox, setup);
        for (typed, completed) in [
            ("paseo -r wo", "paseo -r work "),
            ("paseo remote show la", "paseo remote show lab "),
            ("paseo whi", "paseo which "),
        ] {
            zsh.type_in(&format!("{typed}\t\x18"));
            zsh.wait_for(&format!("<{completed}>"));
            zsh.type_in("\x15");
        }
    }
}

#[test]
fn the_files_of_the_repository_are_what_is_printed() {
    let sandbox = Sandbox::new();
    for (shell, file) in [
        ("bash", "paseo.bash"),
        ("zsh", "_paseo"),
        ("fish", "paseo.fish"),
        ("elvish", "paseo.elv"),
        ("powershell", "paseo.ps1"),
        ("nushell", "paseo.nu"),
    ] {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/completions");
        let checked_in = std::fs::read_to_string(format!("{path}/{file}")).unwrap();
        assert_eq!(sandbox.run(&["completion", shell]).stdout, checked_in);
        // The module for nushell asks in fish's words: the library has none for it.
        if shell == "nushell" {
            continue;
        }
        let asked = sandbox
            .command(binary().as_os_str())
            .env("PASEO_COMPLETE", shell)
            .output()
            .unwrap();
        assert!(asked.status.success() && asked.stdout.len() > 50, "{shell}");
    }
}

#[test]
fn a_broken_file_and_an_unknown_shell_give_no_noise() {
    let sandbox = with_work();
    sandbox.write("home/.config/paseo/remotes.toml", "[broken");
    for (shell, expected) in [
        ("fish", "local\tthe daemon on this machine\n"),
        ("tcsh", ""),
    ] {
        let mut command = sandbox.command(binary().as_os_str());
        let asked = command
            .env("PASEO_COMPLETE", shell)
            .args(["--", "paseo", "-r", ""])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(asked.stdout).unwrap(), expected);
        assert!(asked.status.success() && asked.stderr.is_empty());
    }
}

/// What must be quick and cannot leak: these open no socket, and read no secret.
#[test]
fn names_come_from_the_file_alone() {
    if is_missing("strace") {
        return;
    }
    let sandbox = sandbox();
    let trace = |shell: &str, args: &[&str]| {
        let mut strace = sandbox.command("strace".as_ref());
        strace.args(["-f", "-qq", "-o", "trace", "-e", "trace=%network,%file"]);
        strace.arg(binary()).args(args);
        if !shell.is_empty() {
            strace.env("PASEO_COMPLETE", shell);
        }
        let ran = strace.output().unwrap();
        assert!(ran.status.success() && !ran.stdout.is_empty(), "{args:?}");
        let calls = sandbox.read("trace");
        assert!(calls.contains("remotes.toml"), "{calls}");
        for call in calls.lines() {
            let forbidden = ["socket(", "connect(", "/secrets", "dbus"];
            assert!(
                !forbidden.iter().any(|what| call.contains(what)),
                "{args:?}: {call}"
            );
        }
    };
    for args in [
        &["remote", "ls"][..],
        &["remote", "show", "work"],
        &["which"],
    ] {
        trace("", args);
    }
    trace("fish", &["--", "paseo", "-r", ""]);
    trace("fish", &["--", "paseo", "remote", "show", ""]);
}
