//! What people type that clap alone reads in another way than the official CLI, or than they mean it.

use std::any::TypeId;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

use super::GlobalArgs;
use crate::error::CommandError;
use crate::output;
use crate::secret::Secret;

/// Options whose values may be secret, and what stands for a value in messages.
const SECRET: [(&str, &str); 2] = [("--host", "TARGET"), ("--relay", "OFFER")];

/// Options of every command that take the next word as their value.
const TAKE_A_WORD: [&str; 8] = [
    "-r",
    "--remote",
    "--host",
    "--relay",
    "-o",
    "--format",
    "--connect-timeout",
    "--via",
];

/// Makes a tree of commands read options as the official CLI does: of a repeated option the last value counts, and an
/// option that takes free text takes the next word whatever it begins with.
pub(super) fn as_official(command: Command) -> Command {
    let lenient = |arg: Arg| match takes_free_text(&arg) {
        true => arg.allow_hyphen_values(true),
        false => arg,
    };
    let command = command.args_override_self(true).mut_args(lenient);
    command.mut_subcommands(as_official)
}

/// A global option or an optional value takes no such word: the words behind it are the command's.
fn takes_free_text(arg: &Arg) -> bool {
    let kind = arg.get_value_parser().type_id();
    let free = [
        TypeId::of::<String>(),
        TypeId::of::<Secret<String>>(),
        TypeId::of::<PathBuf>(),
        TypeId::of::<OsString>(),
    ];
    let optional = arg.get_num_args().is_some_and(|n| n.min_values() == 0);
    !arg.is_positional()
        && !arg.is_global_set()
        && arg.get_action().takes_values()
        && !optional
        && free.iter().any(|free| kind == *free)
}

/// Returns whether the arguments are nothing but `-v`, which the official CLI answers with its version.
pub(super) fn only_asks_version(tree: &Command, matches: &ArgMatches) -> bool {
    // Global options of a command are known above it as well.
    if matches.subcommand_name().is_some() {
        return false;
    }
    // Not all ids of the matches: those of groups are among them.
    let is_typed =
        |arg: &&Arg| matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
    let mut typed = tree.get_arguments().filter(is_typed).peekable();
    typed.peek().is_some() && typed.all(|arg| arg.get_id() == "verbose")
}

/// Returns what is wrong with a line that holds options and no command, and what was probably meant. Repeats no value
/// that may be secret.
pub fn no_command(argv: &[OsString], commands: &Command, global: &GlobalArgs) -> CommandError {
    let words: Vec<String> = argv
        .iter()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let usage = |message: String| CommandError::usage("COMMAND_MISSING", message);
    for (option, value) in words.iter().zip(words.iter().skip(1)) {
        let takes = TAKE_A_WORD.contains(&option.as_str());
        if takes && commands.find_subcommand(value).is_some() {
            let message = format!("no command: {option} takes `{value}` as its value");
            return usage(message).hint(format!("give its value first: paseo {option} … {value}"));
        }
    }
    if words.iter().all(|word| word == "--") {
        return usage("no command given".to_owned()).hint("list the commands with: paseo --help");
    }
    let mut meant = vec!["paseo".to_owned()];
    let mut last = "";
    for word in words.iter().filter(|word| *word != "--") {
        let place = |(option, place): &(&str, &str)| {
            let glued = word
                .strip_prefix(option)
                .is_some_and(|rest| rest.starts_with('='));
            match (last == *option && !word.starts_with('-'), glued) {
                (true, _) => Some((*place).to_owned()),
                (_, true) => Some(format!("{option}={place}")),
                _ => None,
            }
        };
        let shown = SECRET.iter().find_map(place);
        meant.push(shown.unwrap_or_else(|| output::shell_word(word).into_owned()));
        last = word;
    }
    let likely = match global.remote {
        Some(_) => "ls` or `shell",
        None => "ls",
    };
    let hint = format!("add one, such as `{likely}`: {} ls", meant.join(" "));
    usage("no command given".to_owned()).hint(hint)
}
