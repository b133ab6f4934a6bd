//! `paseo completion install` and `uninstall`: a file of our own where the shell looks for such files, else
//! a marked block in the shell's start file.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::Shell;
use crate::commands::{CommandResult, Context};
use crate::env;
use crate::error::{CommandError, Exit};
use crate::files;
use crate::output::{self, Output};

/// The first line of the block.
const BEGIN: &str = "# >>> paseo completion >>>";
/// The last line of the block.
const END: &str = "# <<< paseo completion <<<";
/// Largest start file in bytes.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Arguments of `paseo completion install` and `uninstall`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell
    pub shell: Shell,

    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
}

/// Where a shell takes completions from.
enum Place {
    /// A file that is ours.
    File(PathBuf),
    /// A block in a start file, and its line.
    Block(PathBuf, &'static str),
}

/// A change of a file: the whole text before and after; `None` where there is no file.
struct Change {
    path: PathBuf,
    before: Option<String>,
    after: Option<String>,
    /// The lines that come or go.
    lines: String,
}

pub(super) fn install(context: &Context, args: &Args) -> CommandResult {
    let change = match place(context, args.shell)? {
        Place::File(path) => Change {
            before: read(&path)?,
            after: Some(args.shell.stub().to_owned()),
            lines: args.shell.stub().to_owned(),
            path,
        },
        Place::Block(path, line) => {
            let block = format!("{BEGIN}\n{line}\n{END}\n");
            let before = read(&path)?;
            let mut after = without_block(before.as_deref().unwrap_or_default(), &path)?;
            if !after.is_empty() && !after.ends_with('\n') {
                after.push('\n');
            }
            after.push_str(&block);
            Change {
                path,
                before,
                after: Some(after),
                lines: block,
            }
        }
    };
    apply(context, args, change, "+")
}

pub(super) fn uninstall(context: &Context, args: &Args) -> CommandResult {
    let change = match place(context, args.shell)? {
        Place::File(path) => {
            let before = read(&path)?;
            // A file that somebody has changed is no longer ours.
            if before
                .as_deref()
                .is_some_and(|text| text != args.shell.stub())
            {
                let message = format!("{} has been changed; remove it by hand", path.display());
                return Err(CommandError::new("FILE_CHANGED", Exit::Failed, message));
            }
            Change {
                lines: before.clone().unwrap_or_default(),
                before,
                after: None,
                path,
            }
        }
        Place::Block(path, line) => {
            let before = read(&path)?;
            let after = before.as_deref().map(|text| without_block(text, &path));
            Change {
                path,
                after: after.transpose()?,
                before,
                lines: format!("{BEGIN}\n{line}\n{END}\n"),
            }
        }
    };
    apply(context, args, change, "-")
}

/// Shows a change, asks, and makes it.
fn apply(context: &Context, args: &Args, change: Change, sign: &str) -> CommandResult {
    let path = change.path.display().to_string();
    if change.before == change.after {
        return Ok(done(format!("{path} stays as it is"), &path, false));
    }
    output::note(&path);
    for line in change.lines.lines() {
        output::note(&format!("{sign} {line}"));
    }
    if !args.yes {
        if context.is_batch() {
            let message = "somebody has to agree to this change";
            return Err(CommandError::usage("CONFIRMATION_NEEDED", message).hint("add --yes"));
        }
        let asked = output::ask_yes("Make this change?").map_err(|error| {
            let message = "the terminal cannot be asked";
            CommandError::new("PROMPT_FAILED", Exit::Failed, message).because(error)
        })?;
        if !asked {
            return Ok(done(
                "cancelled (--yes skips this question)".to_owned(),
                &path,
                false,
            ));
        }
    }
    match &change.after {
        Some(text) => write(&change.path, text)?,
        None => drop(files::remove(&change.path)?),
    }
    Ok(done(
        format!("changed {path}; start a new shell"),
        &path,
        true,
    ))
}

fn done(text: String, path: &str, changed: bool) -> crate::commands::Outcome {
    let json = json!({ "path": path, "changed": changed });
    Output::Text { text, json }.into()
}

fn place(context: &Context, shell: Shell) -> Result<Place, CommandError> {
    let env = &context.env;
    let none = || CommandError::new("NO_HOME", Exit::Config, "no home directory is known");
    let home = env.home().ok_or_else(none)?;
    let config = env
        .path(env::XDG_CONFIG_HOME)
        .unwrap_or_else(|| home.join(".config"));
    Ok(match shell {
        Shell::Bash => Place::Block(
            home.join(".bashrc"),
            "command -v paseo >/dev/null && source <(paseo completion bash)",
        ),
        Shell::Zsh => Place::Block(
            env.path(env::ZDOTDIR).unwrap_or(home).join(".zshrc"),
            "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }\n\
             (( $+commands[paseo] )) && source <(paseo completion zsh)",
        ),
        Shell::Fish => Place::File(config.join("fish/completions/paseo.fish")),
        Shell::Nushell => Place::File(config.join("nushell/autoload/paseo.nu")),
        Shell::Elvish => Place::Block(
            config.join("elvish/rc.elv"),
            "eval (paseo completion elvish | slurp)",
        ),
        Shell::Powershell => Place::Block(
            config.join("powershell/Microsoft.PowerShell_profile.ps1"),
            "paseo completion powershell | Out-String | Invoke-Expression",
        ),
    })
}

fn read(path: &Path) -> Result<Option<String>, CommandError> {
    let Some(bytes) = files::read(path, MAX_BYTES)? else {
        return Ok(None);
    };
    String::from_utf8(bytes).map(Some).map_err(|_| {
        let message = format!("{} is not UTF-8 text", path.display());
        CommandError::new("FILE_ERROR", Exit::Failed, message)
    })
}

/// Replaces a file in one step; its owner and mode stay.
fn write(path: &Path, text: &str) -> Result<(), CommandError> {
    if let Some(dir) = path.parent() {
        files::create_private_dir(dir)?;
    }
    Ok(files::rewrite(path, text.as_bytes(), MAX_BYTES)?)
}

/// Returns a text without our block. One that does not end is left alone: what follows may be the user's.
fn without_block(text: &str, path: &Path) -> Result<String, CommandError> {
    let mut kept = String::new();
    let mut inside = false;
    for line in text.split_inclusive('\n') {
        match (inside, line.trim_end()) {
            (false, BEGIN) => inside = true,
            (true, END) => inside = false,
            (false, _) => kept.push_str(line),
            (true, _) => {}
        }
    }
    match inside {
        false => Ok(kept),
        true => {
            let message = format!("the block of paseo in {} does not end", path.display());
            Err(CommandError::new("FILE_CHANGED", Exit::Failed, message)
                .hint("remove it by hand, then try again"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_block_goes() {
        let path = Path::new("x");
        let text = format!("a\n{BEGIN}\nx\n{END}\nb");
        assert_eq!(without_block(&text, path).unwrap(), "a\nb");
        assert_eq!(without_block("a\nb", path).unwrap(), "a\nb");
        assert!(without_block(&format!("a\n{BEGIN}\nb\n"), path).is_err());
    }
}
