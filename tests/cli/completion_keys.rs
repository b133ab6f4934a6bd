//! What a person presses, and the line that stands there then: in Bash, Zsh and fish as they are without any setting.

use serde_json::{Value, json};

use crate::completion::sandbox;
use crate::fake_daemon::FakeDaemon;
use crate::sandbox::Sandbox;
use crate::terminal::Terminal;
use crate::tool::is_missing;

/// A line that is typed, and what Tab makes of it.
const PRESSED: [(&str, &str); 38] = [
    // Words with = : @ and a comma, where Bash breaks them by default.
    ("paseo --remote=wo", "paseo --remote=work "),
    ("paseo --remote=@g", "paseo --remote=@gpu "),
    ("paseo -r @gp", "paseo -r @gpu "),
    ("paseo -r @", "paseo -r @gpu "),
    ("paseo -rwo", "paseo -rwork "),
    ("paseo -r work,@gp", "paseo -r work,@gpu "),
    ("paseo --remote=work,la", "paseo --remote=work,lab "),
    ("paseo -r @gpu,wo", "paseo -r @gpu,work "),
    ("paseo ls --format=ta", "paseo ls --format=table "),
    ("paseo ls -o ya", "paseo ls -o yaml "),
    (
        "paseo --remote=near logs e2",
        "paseo --remote=near logs e2aaaaaa-1 ",
    ),
    ("paseo logs near:e2", "paseo logs near:e2aaaaaa-1 "),
    (
        "paseo wait near:e2aaaaaa-1 near:w",
        "paseo wait near:e2aaaaaa-1 near:w1bbbbbb-2 ",
    ),
    (
        "paseo terminal kill near:",
        "paseo terminal kill near:term-77 ",
    ),
    // Lists: not again what is there.
    ("paseo -r al", "paseo -r all "),
    (
        "paseo -r work,lab,near,local,",
        "paseo -r work,lab,near,local,@gpu ",
    ),
    (
        "paseo -r lab,near,local,@gpu,",
        "paseo -r lab,near,local,@gpu,work ",
    ),
    ("paseo remote use al", "paseo remote use al"),
    // Values, where one is meant, and options, where one is begun.
    (
        "paseo -r near terminal kill ",
        "paseo -r near terminal kill term-77 ",
    ),
    (
        "paseo -r near terminal kill --remot",
        "paseo -r near terminal kill --remote ",
    ),
    ("paseo -r near ls ", "paseo -r near ls "),
    (
        "paseo --host 127.0.0.1:9 logs ",
        "paseo --host 127.0.0.1:9 logs ",
    ),
    // Agents that wait, and titles.
    (
        "paseo -r near permit allow ",
        "paseo -r near permit allow w1bbbbbb-2 ",
    ),
    (
        "paseo permit deny near:",
        "paseo permit deny near:w1bbbbbb-2 ",
    ),
    (
        "paseo -r near logs Fix",
        "paseo -r near logs Fix\\ the\\ build ",
    ),
    (
        "paseo -r near logs Fix\\ th",
        "paseo -r near logs Fix\\ the\\ build ",
    ),
    (
        "paseo -r near logs \"Fix t",
        "paseo -r near logs \"Fix the build\" ",
    ),
    (
        "paseo -r near logs 'Fix t",
        "paseo -r near logs 'Fix the build' ",
    ),
    (
        "paseo -r near logs Don",
        "paseo -r near logs Don\\'t\\ \\(ever\\)\\ stop ",
    ),
    ("paseo -r near logs Tön", "paseo -r near logs Töne "),
    // What an agent waits for.
    (
        "paseo -r near permit allow w1bbbbbb-2 ",
        "paseo -r near permit allow w1bbbbbb-2 req-1 ",
    ),
    (
        "paseo -r near permit deny w1bbb r",
        "paseo -r near permit deny w1bbb req-1 ",
    ),
    (
        "paseo permit deny near:w1bbbbbb-2 r",
        "paseo permit deny near:w1bbbbbb-2 req-1 ",
    ),
    // Quotes.
    ("paseo --remote=\"wo", "paseo --remote=\"work\" "),
    (
        "paseo -r \"near\" logs e2",
        "paseo -r \"near\" logs e2aaaaaa-1 ",
    ),
    // More follows at once.
    (
        "paseo remote set lab desc",
        "paseo remote set lab description=",
    ),
    ("paseo whi", "paseo which "),
    ("true; paseo --remote=wo", "true; paseo --remote=work "),
];

/// Zsh takes a quote back that is no longer needed.
const IN_ZSH: (&str, &str) = ("paseo --remote=\"wo", "paseo --remote=work ");

/// What two Tabs show after `paseo -r `.
const ALL_TARGETS: [&str; 6] = ["lab", "near", "work", "local", "all", "@gpu"];

/// A sandbox with `near`, whose daemon has two agents, one of which waits, and a terminal; all is in the cache.
fn world() -> (Sandbox, FakeDaemon) {
    let daemon = FakeDaemon::start("srv_near", &[], |request| match request["type"].as_str() {
        Some("fetch_agents_request") => json!({
            "entries": [agent("e2aaaaaa-1", "Fix the build", &[]), agent("w1bbbbbb-2", "Look: a colon", &[
                json!({ "id": "req-1", "provider": "mock", "name": "Bash", "kind": "tool" }),
            ]), agent("c3cccccc-3", "Don't (ever) stop", &[]), agent("t5eeeeee-5", "Töne", &[])],
            "pageInfo": { "hasMore": false, "nextCursor": null, "prevCursor": null },
        }),
        Some("list_terminals_request") => {
            json!({ "terminals": [{ "id": "term-77", "name": "make" }] })
        }
        _ => json!({}),
    });
    let mut sandbox = sandbox();
    // Keys that are no ASCII want it.
    sandbox.set("LC_ALL", "C.UTF-8");
    assert_eq!(sandbox.run(&["remote", "set", "lab", "tags=gpu"]).status, 0);
    let file = "home/.config/paseo/remotes.toml";
    let near = format!("\n[remotes.near]\nurl = 'tcp://{}'\n", daemon.address);
    sandbox.write(file, &(sandbox.read(file) + &near));
    fill(&sandbox);
    (sandbox, daemon)
}

/// Fills the lists that Tab is answered from.
fn fill(sandbox: &Sandbox) {
    for list in [&["ls"][..], &["terminal", "ls", "--all"]] {
        let ran = sandbox.run(&[&["-r", "near"], list].concat());
        assert_eq!(ran.status, 0, "{ran:?}");
    }
}

fn agent(id: &str, title: &str, pending: &[Value]) -> Value {
    json!({ "agent": {
        "id": id, "title": title, "provider": "mock", "status": "idle", "cwd": "/w",
        "pendingPermissions": pending,
        "createdAt": "2026-11-22T12:00:00Z", "updatedAt": "2026-11-22T12:00:00Z",
    }})
}

/// Starts a shell that says its line on Control-X, once it has run some lines.
fn start(sandbox: &Sandbox, shell: &str, setup: &str) -> Terminal {
    let (args, show): (&[&str], _) = match shell {
        "bash" => (
            &["--norc", "-i"],
            "shown() { echo \"<$READLINE_LINE>\"; }; bind -x '\"\\C-x\": shown'; PS1='ready''> '",
        ),
        "zsh" => (
            &["-f", "-i"],
            "show() { print -r -- \"<$BUFFER>\" }; zle -N show; bindkey '^X' show; PS1='ready'; PS1+='> '",
        ),
        _ => (
            &["--no-config", "-i"],
            "bind \\cx 'echo \"<\"(commandline)\">\"'; function fish_prompt; echo -n ready'> '; end",
        ),
    };
    let mut terminal = Terminal::start(sandbox, shell, args, "");
    sandbox.write("rc", &format!("{setup}\n{show}\n"));
    terminal.type_in("source ./rc\r");
    terminal.wait_for("ready> ");
    terminal
}

/// Presses everything of the table.
fn presses(shell: &str, setup: &str) {
    if is_missing(shell) {
        return;
    }
    let (sandbox, _daemon) = world();
    let mut terminal = start(&sandbox, shell, setup);
    let mut wrong = Vec::new();
    for (typed, expected) in PRESSED {
        let expected = match (shell, typed) {
            ("zsh", typed) if typed == IN_ZSH.0 => IN_ZSH.1,
            _ => expected,
        };
        // What waits is known for a minute only.
        if typed.contains("permit") {
            fill(&sandbox);
        }
        terminal.type_in(&format!("{typed}\t\x18"));
        terminal.wait_for("<");
        let line = terminal.wait_for(">");
        if line != format!("{expected}>") {
            wrong.push((typed, line));
        }
        terminal.type_in("\x15");
    }
    assert!(wrong.is_empty(), "{shell}: {wrong:#?}");
    // Each shell has its own order. The list of fish is not drawn on a plain terminal.
    terminal.type_in(match shell {
        "fish" => "complete -C 'paseo -r '; echo e''nd\r",
        _ => "paseo -r \t\t\x15echo e''nd\r",
    });
    let shown = terminal.wait_for("end");
    for name in ALL_TARGETS {
        assert!(shown.contains(name), "{shell}: no {name} in {shown}");
    }
}

#[test]
fn keys_in_bash() {
    presses("bash", "source <(paseo completion bash)");
}

#[test]
fn keys_in_zsh() {
    presses(
        "zsh",
        "autoload -U compinit; compinit -u; source <(paseo completion zsh)",
    );
}

#[test]
fn keys_in_fish() {
    presses("fish", "paseo completion fish | source");
}

/// Some people let Bash break words elsewhere, or not at all.
#[test]
fn bash_with_other_word_breaks() {
    if is_missing("bash") {
        return;
    }
    let (sandbox, _daemon) = world();
    for breaks in [
        "$' \\t\\n'",
        "$' \\t\\n='",
        "$' \\t\\n\"\\'><=;|&(:'",
        "$' \\t\\n:@'",
    ] {
        let setup = format!("source <(paseo completion bash); COMP_WORDBREAKS={breaks}");
        let mut bash = start(&sandbox, "bash", &setup);
        for (typed, expected) in [
            ("paseo --remote=wo", "paseo --remote=work "),
            ("paseo -r work,@gp", "paseo -r work,@gpu "),
            ("paseo logs near:e2", "paseo logs near:e2aaaaaa-1 "),
        ] {
            bash.type_in(&format!("{typed}\t\x18"));
            bash.wait_for(&format!("<{expected}>"));
            bash.type_in("\x15");
        }
    }
}

/// The order in which a start file runs `compinit` and us is nobody's to know.
#[test]
fn zsh_completes_whenever_compinit_runs() {
    if is_missing("zsh") {
        return;
    }
    let (sandbox, _daemon) = world();
    let (stub, init) = (
        "source <(paseo completion zsh)",
        "autoload -U compinit; compinit -u",
    );
    for setup in [
        format!("{stub}; {init}"),
        format!("{init}; {stub}"),
        format!("{init}; {stub}; {init}"),
        format!("{stub}; {stub}; {init}"),
        format!("setopt no_unset; {stub}; {init}"),
        format!("setopt sh_word_split no_nomatch; {stub}; {init}"),
        format!("mkdir -p f; paseo completion zsh >f/_paseo; fpath+=(f); {init}"),
        format!("mkdir -p f; paseo completion zsh >f/_paseo; fpath+=(f); {init}; {stub}"),
        format!(
            "{stub}; precmd_functions+=(late); late() {{ {init}; precmd_functions=(${{precmd_functions:#late}}) }}"
        ),
        format!("{stub}; set -o noclobber; {init}"),
    ] {
        let mut zsh = Terminal::start(&sandbox, "zsh", &["-f", "-i"], "");
        sandbox.write(
            "rc",
            &format!(
                "{setup}\nshow() {{ print -r -- \"<$BUFFER>\" }}; zle -N show; bindkey '^X' show\n\
                 PS1='ready'; PS1+='> '\n"
            ),
        );
        zsh.type_in("source ./rc\n");
        let said = zsh.wait_for("ready> ");
        for harm in ["not found", "rror", "compdef", "not set"] {
            assert!(!said.contains(harm), "{setup}: {said}");
        }
        // What comes with the first prompt is there at the second.
        zsh.type_in("\n");
        zsh.wait_for("ready> ");
        zsh.type_in("paseo -r wo\t\x18");
        zsh.wait_for("<paseo -r work >");
    }
    // Who has no compinit at all is told nothing.
    let mut zsh = start(&sandbox, "zsh", stub);
    zsh.type_in("echo do''ne\n");
    let said = zsh.wait_for("done");
    assert!(!said.contains("compdef"), "{said}");
}
