//! `paseo config check`: whether `remotes.toml` can be used. Opens no secret store.

use serde_json::json;

use super::lint::{Warning, lint};
use crate::commands::{CommandResult, Context};
use crate::error::{CommandError, Exit, Hop};
use crate::output::{self, Format, Output};

/// Arguments of `paseo config check`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Fail on warnings too
    #[arg(long)]
    pub strict: bool,
}

/// Reads the file and fails with everything that is wrong in it; warns of what weakens something.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let file = context.remotes()?;
    let count = file.remotes().count();
    let path = file.path().map(|path| path.display().to_string());
    let warnings = lint(context, &file);
    let lines: Vec<String> = warnings
        .iter()
        .map(|warning| line(path.as_deref().unwrap_or_default(), warning))
        .collect();
    if args.strict && !warnings.is_empty() {
        return Err(
            CommandError::new("CONFIG_WARNING", Exit::Config, lines.join("\n"))
                .at(Hop::Config)
                .hint("without --strict these are warnings"),
        );
    }
    // As data they are in it.
    if context.output.format == Format::Table {
        lines.iter().for_each(|line| output::note(line));
    }
    let included = file.included_files();
    let text = match (&path, included) {
        (Some(path), 0) => format!("{path}: valid, {count} remotes"),
        (Some(path), _) => format!("{path}: valid, {count} remotes, {included} files included"),
        (None, _) => "no directory for settings is known, so there are no remotes".to_owned(),
    };
    Ok(Output::Text {
        text,
        json: json!({
            "path": path,
            "valid": true,
            "remotes": count,
            "included": included,
            "warnings": warnings,
        }),
    }
    .into())
}

fn line(path: &str, warning: &Warning) -> String {
    match warning.line {
        None => format!("{path}: warning: {}", warning.message),
        Some(line) => format!("{path}:{line}: warning: {}", warning.message),
    }
}
