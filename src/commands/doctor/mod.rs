//! `paseo doctor`: named checks on the way from the settings to a daemon, each with what helps.

mod bundle;
mod leftovers;
mod local;
mod remote;

use std::path::PathBuf;

use crate::commands::report::Report;
use crate::commands::{CommandResult, Context};
use crate::complete;
use crate::output;

/// Arguments of `paseo doctor`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The remote; without it, the daemon that other commands talk to
    #[arg(add = complete::targets())]
    pub name: Option<String>,

    /// Write the report into a file that can be sent to somebody: no secret is in it
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub bundle: Option<PathBuf>,
}

/// Runs the checks. Those of this machine come first; what follows a failure on the way is skipped.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let mut report = Report::default();
    local::check(context, &mut report);
    remote::check(context, &mut report);
    if let Some(path) = &args.bundle {
        bundle::write(context, &report, path)?;
        output::note(&format!("the report is in {}", path.display()));
    }
    Ok(report.outcome(&context.output))
}
