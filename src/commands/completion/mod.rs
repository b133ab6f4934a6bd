//! `paseo completion`: the lines that a shell needs to complete paseo's command lines.

mod install;

use clap::{Subcommand, ValueEnum};
use serde_json::json;

use super::{CommandResult, Context};
use crate::error::CommandError;
use crate::output::Output;

/// Arguments of `paseo completion`
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Args {
    /// The shell
    #[arg(required = true)]
    pub shell: Option<Shell>,

    /// What to do with it, besides printing.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do with the lines of a shell.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Set a shell up: shows what will change, and asks
    Install(install::Args),
    /// Take it back
    Uninstall(install::Args),
}

/// A shell that can complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
    Elvish,
    Nushell,
    Powershell,
}

impl Shell {
    /// Returns the file of `completions/` for this shell. It asks the binary at every start of the
    /// shell, so it never falls behind.
    pub fn stub(self) -> &'static str {
        match self {
            Self::Bash => include_str!("../../../completions/paseo.bash"),
            Self::Zsh => include_str!("../../../completions/_paseo"),
            Self::Fish => include_str!("../../../completions/paseo.fish"),
            Self::Elvish => include_str!("../../../completions/paseo.elv"),
            Self::Nushell => include_str!("../../../completions/paseo.nu"),
            Self::Powershell => include_str!("../../../completions/paseo.ps1"),
        }
    }
}

/// Prints the file for a shell, or sets the shell up.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let script = match (&args.command, args.shell) {
        (Some(Command::Install(args)), _) => return install::install(context, args),
        (Some(Command::Uninstall(args)), _) => return install::uninstall(context, args),
        (None, Some(shell)) => shell.stub(),
        (None, None) => return Err(CommandError::usage("SHELL_MISSING", "no shell is named")),
    };
    Ok(Output::Text {
        text: script.trim_end().to_owned(),
        json: json!({ "script": script }),
    }
    .into())
}
