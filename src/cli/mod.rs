//! The command line: the arguments that every command takes, and the tree of commands.

mod misuse;
mod typed;

use std::ffi::OsString;
use std::time::Duration;

pub use misuse::{misused, wanted_format};
pub use typed::no_command;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue};
use clap::{ArgAction, Args, CommandFactory, FromArgMatches, Parser};

use crate::commands::{Command, Reference};
use crate::complete;
use crate::duration;
use crate::output::Format;
use crate::remote::Via;
use crate::secret::Secret;
use crate::spelling::closest;

/// ssh for coding agents: drive a paseo daemon from anywhere
#[derive(Debug, Parser)]
#[command(
    name = "paseo",
    disable_version_flag = true,
    subcommand_required = false,
    arg_required_else_help = true,
    infer_long_args = false,
    max_term_width = 100
)]
pub struct Cli {
    /// Arguments of every command.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// The command.
    #[command(subcommand)]
    pub command: Option<Command>,
}

impl Cli {
    /// Parses a command line.
    pub fn parse_words(argv: &[OsString]) -> Result<Parsed, clap::Error> {
        let mut tree = Self::command_tree();
        let matches = tree.try_get_matches_from_mut(argv);
        let matches = matches.map_err(|error| suggest(error, &tree, argv))?;
        let cli = Self::from_arg_matches(&matches).map_err(|error| error.format(&mut tree))?;
        let mut words: Vec<&str> = Vec::new();
        let mut last = &matches;
        while let Some((word, below)) = last.subcommand() {
            words.push(word);
            last = below;
        }
        // Of another type are all other arguments.
        let named = |id: &clap::Id| last.try_get_many::<Reference>(id.as_str()).ok().flatten();
        let references = last.ids().filter_map(named).flatten().cloned();
        let only_asks_version = typed::only_asks_version(&tree, &matches);
        Ok(Parsed {
            only_asks_version,
            words: words.join(" "),
            references: references.collect(),
            cli,
        })
    }

    /// Returns the clap command, for the generators of completions and documents.
    pub fn command_tree() -> clap::Command {
        typed::as_official(Self::command())
    }
}

/// A command line, and what is to be known of it beside its arguments.
#[derive(Debug)]
pub struct Parsed {
    /// The arguments.
    pub cli: Cli,
    /// The words of the command: `agent ls`.
    pub words: String,
    /// The agents and the like that it names.
    pub references: Vec<Reference>,
    /// Whether it holds nothing but `-v` or `--version`.
    pub only_asks_version: bool,
}

/// Arguments of every command, before or after its name.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// Talk to the daemon of this saved remote, or of several: a,b or @tag or 'web-*' or all
    #[arg(short, long, global = true, value_name = "NAME", add = complete::targets())]
    pub remote: Option<String>,

    /// Talk to the daemon of this pairing offer: a link, base64url, JSON, a file of one, or - for stdin
    // Without a value it is the official flag of `daemon pair`; elsewhere an empty offer, which is refused.
    #[arg(long, global = true, value_name = "OFFER", value_parser = secret)]
    #[arg(num_args = 0..=1, default_missing_value = "")]
    pub relay: Option<Secret<String>>,

    /// Talk to this daemon: host:port, tcp://host:port?ssl=true&password=…, unix:///path, or an offer link
    #[arg(long, global = true, value_name = "TARGET", value_parser = secret)]
    pub host: Option<Secret<String>>,

    /// Form of the output: table, json or yaml
    #[arg(short = 'o', long, global = true, value_name = "FORMAT", add = complete::words(&["table", "json", "yaml"]))]
    pub format: Option<Format>,

    /// The same as --format json
    #[arg(long, global = true)]
    pub json: bool,

    /// Print ids only
    #[arg(short, long, global = true)]
    pub quiet: bool,

    /// Leave the headers of tables out
    #[arg(long, global = true)]
    pub no_headers: bool,

    /// Never colour
    #[arg(long, global = true)]
    pub no_color: bool,

    /// Limit for connecting, such as 10s
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration::parse)]
    pub connect_timeout: Option<Duration>,

    /// Take this road to the daemon and no other: direct, relay, unix or ssh
    #[arg(long, global = true, value_name = "ROAD", hide_possible_values = true)]
    #[arg(value_parser = PossibleValuesParser::new(["direct", "relay", "unix", "ssh"]).try_map(|word| word.parse::<Via>()))]
    pub via: Option<Via>,

    /// Keep connections to the remote ready for the next commands, so long after the last one; 0 does not
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration::parse)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "10m")]
    pub persist: Option<Duration>,

    /// Connect over IPv4 only
    #[arg(short = '4', long, global = true, conflicts_with = "ipv6")]
    pub ipv4: bool,

    /// Connect over IPv6 only
    #[arg(short = '6', long, global = true)]
    pub ipv6: bool,

    /// Never prompt
    #[arg(long, global = true)]
    pub batch: bool,

    /// Do not ask: before a change on a protected remote, before all agents go, before a daemon elsewhere ends
    #[arg(long, global = true)]
    pub yes: bool,

    /// Tell what happens, on stderr; repeat for more. Without a command: print the version
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,

    /// Print the version; with -v also what it was built from
    #[arg(long, global = true)]
    pub version: bool,
}

/// Adds the word that was meant where clap has none: its own measure finds no two letters that changed places,
/// and its `help` does not look.
fn suggest(mut error: clap::Error, tree: &clap::Command, argv: &[OsString]) -> clap::Error {
    let word = |kind| match error.get(kind) {
        Some(ContextValue::String(word)) => Some(word.as_str()),
        _ => None,
    };
    let (value, command) = (
        word(ContextKind::InvalidValue),
        word(ContextKind::InvalidSubcommand),
    );
    let meant = match (value, error.get(ContextKind::ValidValue), command) {
        (Some(word), Some(ContextValue::Strings(valid)), _) => {
            let valid: Vec<&str> = valid.iter().map(String::as_str).collect();
            let meant = closest(word, &valid).map(str::to_owned);
            meant.map(|word| (ContextKind::SuggestedValue, ContextValue::String(word)))
        }
        (_, _, Some(word)) => {
            // `help remote ad` is about the same tree.
            let words = argv.iter().filter_map(|word| word.to_str());
            let words = words.filter(|word| *word != "help");
            let deepest = words.fold(tree, |at, word| at.find_subcommand(word).unwrap_or(at));
            let valid: Vec<&str> = deepest.get_subcommands().map(|c| c.get_name()).collect();
            let meant = closest(word, &valid).map(str::to_owned);
            meant.map(|word| {
                (
                    ContextKind::SuggestedSubcommand,
                    ContextValue::Strings(vec![word]),
                )
            })
        }
        _ => None,
    };
    if let Some((kind, value)) = meant.filter(|(kind, _)| error.get(*kind).is_none()) {
        error.insert(kind, value);
    }
    error
}

fn secret(text: &str) -> Result<Secret<String>, std::convert::Infallible> {
    Ok(Secret::from(text))
}

/// Takes whatever may be secret out of clap's own message about a wrong command line, because that
/// message quotes what the user typed.
pub fn redact(message: &str, argv: &[String]) -> String {
    let mut message = message.to_owned();
    for word in argv.iter().filter(|word| may_be_secret(word)) {
        message = message.replace(word.as_str(), "[secret]");
        // clap quotes `--flag=value` in two parts.
        if let Some((_, value)) = word
            .split_once('=')
            .filter(|(flag, _)| flag.starts_with('-'))
        {
            message = message.replace(value, "[secret]");
        }
    }
    message
}

/// Says it in the words that scripts of the official CLI look for, and begins as every error does.
pub fn reword(message: &str) -> String {
    let message = match message.strip_prefix("error: ") {
        Some(message) => format!("Error: {message}"),
        None => message.to_owned(),
    };
    message
        .replacen("unexpected argument '-", "unknown option '-", 1)
        .replacen("unrecognized subcommand", "unknown command", 1)
}

fn may_be_secret(word: &str) -> bool {
    const LONGEST_ORDINARY: usize = 40;
    word.contains("offer=")
        || word.contains("password")
        || word.contains("srv_")
        || word.contains('{')
        || word
            .split(|c: char| !(c.is_ascii_alphanumeric() || "-_+/=".contains(c)))
            .any(|run| run.len() > LONGEST_ORDINARY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_tree_is_sound() {
        Cli::command_tree().debug_assert();
    }

    /// A command's own argument with the name of a global one must have its type: clap hands it up.
    #[test]
    fn no_argument_is_mistaken_for_a_global_one() {
        fn walk(command: &clap::Command, globals: &[(clap::Id, String)]) {
            for arg in command.get_arguments() {
                let parser = format!("{:?}", arg.get_value_parser().type_id());
                for (id, expected) in globals {
                    assert!(
                        arg.get_id() != id || parser == *expected,
                        "{}: {id}",
                        command.get_name()
                    );
                }
            }
            command
                .get_subcommands()
                .for_each(|child| walk(child, globals));
        }
        let tree = Cli::command_tree();
        let globals: Vec<_> = tree
            .get_arguments()
            .filter(|arg| arg.is_global_set())
            .map(|arg| {
                (
                    arg.get_id().clone(),
                    format!("{:?}", arg.get_value_parser().type_id()),
                )
            })
            .collect();
        walk(&tree, &globals);
    }

    #[test]
    fn a_pasted_link_is_not_repeated() {
        let argv = [
            "paseo",
            "ls",
            "https://app.paseo.sh/#offer=abc",
            "--x=https://a/#offer=def",
        ];
        let argv = argv.map(str::to_owned);
        let message =
            "unexpected argument 'https://app.paseo.sh/#offer=abc', 'https://a/#offer=def'";
        assert_eq!(
            redact(message, &argv),
            "unexpected argument '[secret]', '[secret]'"
        );
    }
}
