//! `paseo completion`: the lines that a shell needs to complete paseo's command lines.

use clap::ValueEnum;
use serde_json::json;

use super::{CommandResult, Context};
use crate::output::Output;

/// Arguments of `paseo completion`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell
    pub shell: Shell,
}

/// A shell that can complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
    Elvish,
    Powershell,
}

impl Shell {
    /// Returns the file of `completions/` for this shell. It asks the binary at every start of the
    /// shell, so it never falls behind.
    pub fn stub(self) -> &'static str {
        match self {
            Self::Bash => include_str!("../../completions/paseo.bash"),
            Self::Zsh => include_str!("../../completions/_paseo"),
            Self::Fish => include_str!("../../completions/paseo.fish"),
            Self::Elvish => include_str!("../../completions/paseo.elv"),
            Self::Powershell => include_str!("../../completions/paseo.ps1"),
        }
    }
}

/// Prints the file for a shell.
pub fn run(_context: &Context, args: &Args) -> CommandResult {
    let script = args.shell.stub();
    Ok(Output::Text {
        text: script.trim_end().to_owned(),
        json: json!({ "script": script }),
    }
    .into())
}
