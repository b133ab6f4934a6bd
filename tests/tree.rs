//! Holds what is true of every command: its help, and the arguments that all of them take.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use clap::Command;
use paseo::cli::Cli;

/// Calls `check` with the words and the definition of every command that has no commands below it.
fn each_leaf(command: &Command, words: &str, check: &mut impl FnMut(&str, &Command)) {
    let mut below = command
        .get_subcommands()
        .filter(|c| c.get_name() != "help")
        .peekable();
    if below.peek().is_none() {
        return check(words, command);
    }
    for command in below {
        each_leaf(command, &format!("{words} {}", command.get_name()), check);
    }
}

fn tree() -> Command {
    let mut tree = Cli::command_tree();
    tree.build();
    tree
}

#[test]
fn every_command_takes_the_global_arguments() {
    let mut seen = 0;
    each_leaf(&tree(), "paseo", &mut |words, command| {
        seen += 1;
        let has = |long, short| {
            command
                .get_arguments()
                .any(|arg| arg.get_long() == Some(long) && arg.get_short() == short)
        };
        assert!(has("remote", Some('r')), "{words} takes no -r");
        assert!(has("json", None), "{words} takes no --json");
        assert!(has("quiet", Some('q')), "{words} takes no -q");
    });
    assert!(seen > 50, "only {seen} commands");
}

#[test]
fn every_command_and_argument_has_help() {
    each_leaf(&tree(), "paseo", &mut |words, command| {
        assert!(
            command.get_about().is_some(),
            "{words} says nothing of itself"
        );
        for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
            assert!(
                arg.get_help().is_some(),
                "{words}: {} has no help",
                arg.get_id()
            );
        }
    });
}

/// The words of the official CLI, so that none is lost.
#[test]
fn the_official_commands_are_there() {
    let tree = tree();
    let official = "clone reload; provider ls models diagnostic; project create ls rename delete; \
        workspace create ls rename archive; worktree ls create archive; script ls start stop; \
        schedule create ls inspect logs pause resume run-once update delete; \
        heartbeat create update delete; terminal ls create capture send-keys kill; \
        daemon pair reload start status stop restart set-password; onboard; start; status; restart; plugin; hub; speech; hooks";
    for group in official.split(';').map(str::trim) {
        let mut words = group.split_whitespace();
        let first = words.next().unwrap();
        let found = tree
            .find_subcommand(first)
            .unwrap_or_else(|| panic!("{first}"));
        if first == "clone" {
            assert!(words.all(|word| tree.find_subcommand(word).is_some()));
            continue;
        }
        for word in words {
            assert!(found.find_subcommand(word).is_some(), "{first} {word}");
        }
    }
}

/// What a command does to a daemon is told in one table, for every command and for no other.
#[test]
fn every_command_says_what_it_does_to_a_daemon() {
    let table = paseo::commands::effect::EFFECTS;
    let mut told: Vec<String> = table.iter().map(|(words, _)| (*words).to_owned()).collect();
    let mut there = Vec::new();
    each_leaf(&tree(), "", &mut |words, _| {
        there.push(words.trim_start().to_owned());
    });
    told.sort();
    there.sort();
    assert_eq!(told, there);
}

/// What is wrong with the arguments of a command. Only this one is built, not the tree of all.
fn refused(command: &Command, args: &[&str]) -> Option<clap::error::ErrorKind> {
    let argv = std::iter::once("paseo").chain(args.iter().copied());
    let parsed = command.clone().try_get_matches_from(argv);
    parsed.err().map(|error| error.kind())
}

#[test]
fn an_option_may_be_repeated_in_every_command() {
    use clap::error::ErrorKind::ArgumentConflict;
    let mut seen = 0;
    each_leaf(&tree(), "paseo", &mut |words, command| {
        for arg in command.get_arguments() {
            let Some(long) = arg.get_long().filter(|long| *long != "help") else {
                continue;
            };
            let option = format!("--{long}");
            let possible = arg.get_possible_values();
            let value = possible.first().map_or("1", |value| value.get_name());
            let glued = format!("{option}={value}");
            let twice = match arg.get_action().takes_values() {
                true => vec![glued.as_str(), glued.as_str()],
                false => vec![option.as_str(), option.as_str()],
            };
            let once = refused(command, &twice[1..]);
            let twice = refused(command, &twice);
            assert_eq!(once, twice, "{words} {option}");
            assert!(
                once.is_some() || twice != Some(ArgumentConflict),
                "{words} {option}"
            );
            seen += 1;
        }
    });
    assert!(seen > 500, "only {seen} options");
}

#[test]
fn free_text_may_begin_with_a_dash_in_every_option() {
    use clap::error::ErrorKind::{InvalidValue, UnknownArgument};
    let mut seen = 0;
    each_leaf(&tree(), "paseo", &mut |words, command| {
        for arg in command.get_arguments() {
            let kind = arg.get_value_parser().type_id();
            let free = kind == std::any::TypeId::of::<String>()
                || kind == std::any::TypeId::of::<std::path::PathBuf>();
            let Some(long) = arg.get_long().filter(|_| free && !arg.is_global_set()) else {
                continue;
            };
            let required = arg.get_num_args().is_none_or(|n| n.min_values() > 0);
            if !arg.get_action().takes_values() || !required {
                continue;
            }
            for value in ["- x", "-x", "--x", "-", "--json", "-r"] {
                let refused = refused(command, &[&format!("--{long}"), value]);
                let misread = [Some(InvalidValue), Some(UnknownArgument)].contains(&refused);
                assert!(!misread, "{words} --{long} {value}: {refused:?}");
            }
            seen += 1;
        }
    });
    assert!(seen > 100, "only {seen} options");
}

#[test]
fn an_argument_too_many_is_an_error_in_every_command() {
    use clap::error::ErrorKind::UnknownArgument;
    let mut seen = 0;
    each_leaf(&tree(), "paseo", &mut |words, command| {
        let mut positionals = command.get_positionals();
        if positionals.any(|arg| arg.get_num_args().is_some_and(|n| n.max_values() > 1)) {
            return;
        }
        // The first ones may be wrong in another way, of which clap tells first.
        let refused = refused(command, &["1", "1", "1", "1", "1", "1"]);
        assert!(refused.is_some(), "{words} takes six arguments");
        seen += usize::from(refused == Some(UnknownArgument));
    });
    assert!(seen > 80, "only {seen} commands");
}

/// A heading of flags that commands share must not be that of the flags behind them.
#[test]
fn only_flags_of_worktrees_stand_below_worktree() {
    let of_worktrees = [
        "worktree_slug",
        "new_branch",
        "base",
        "branch",
        "pr_number",
        "forge",
    ];
    let tree = Cli::command_tree();
    let (mut commands, mut seen, mut others) = (vec![&tree], 0, 0);
    while let Some(command) = commands.pop() {
        commands.extend(command.get_subcommands());
        for arg in command.get_arguments() {
            let below = arg.get_help_heading() == Some("Worktree");
            let expected = of_worktrees.contains(&arg.get_id().as_str());
            let shared = matches!(command.get_name(), "run" | "create");
            assert!(
                !below || expected,
                "{}: {}",
                command.get_name(),
                arg.get_id()
            );
            seen += usize::from(below);
            others += usize::from(shared && !below);
        }
    }
    assert!(seen >= 12 && others >= 10, "{seen} {others}");
}
