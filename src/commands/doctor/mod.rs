//! `paseo doctor`: named checks on the way from the settings to a daemon, each with what helps.

mod bundle;
mod leftovers;
mod local;
mod remote;

use std::path::PathBuf;

use anstyle::AnsiColor;
use serde::Serialize;

use crate::commands::{CommandResult, Context, Outcome};
use crate::complete;
use crate::error::{CommandError, Exit};
use crate::output::{self, Cell, Column, Output, Row, Table};

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

/// A line of the report.
#[derive(Debug, Serialize)]
struct Check {
    check: &'static str,
    result: Verdict,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Pass,
    Warn,
    Fail,
    Skip,
}

/// The report, in the order of the checks.
#[derive(Debug, Default)]
struct Report(Vec<Check>);

impl Report {
    fn add(&mut self, check: &'static str, result: Verdict, detail: impl Into<String>) {
        self.0.push(Check {
            check,
            result,
            detail: detail.into(),
            fix: None,
        });
    }

    /// Adds a check that is not well, and what helps.
    fn advise(
        &mut self,
        check: &'static str,
        result: Verdict,
        detail: impl Into<String>,
        fix: &str,
    ) {
        self.add(check, result, detail);
        if let Some(last) = self.0.last_mut() {
            last.fix = Some(fix.to_owned());
        }
    }

    /// Adds a check that failed with an error.
    fn failed(&mut self, check: &'static str, error: &CommandError) {
        let mut detail = error.message.clone();
        for cause in error.causes() {
            detail = format!("{detail}: {cause}");
        }
        self.add(check, Verdict::Fail, detail);
        if let Some(last) = self.0.last_mut() {
            last.fix.clone_from(&error.hint);
        }
    }

    /// Returns whether any check ended like this.
    fn has(&self, verdict: Verdict) -> bool {
        self.0.iter().any(|check| check.result == verdict)
    }
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
    let exit = match report.has(Verdict::Fail) {
        true => Exit::Failed,
        false => Exit::Ok,
    };
    Ok(Outcome {
        output: table(&report),
        exit,
        ..Outcome::default()
    })
}

fn table(report: &Report) -> Output {
    let row = |check: &Check| {
        let (word, color) = match check.result {
            Verdict::Pass => ("pass", AnsiColor::Green),
            Verdict::Warn => ("warn", AnsiColor::Yellow),
            Verdict::Fail => ("fail", AnsiColor::Red),
            Verdict::Skip => ("skip", AnsiColor::BrightBlack),
        };
        let detail = match &check.fix {
            Some(fix) => format!("{} → {fix}", check.detail),
            None => check.detail.clone(),
        };
        let cells = vec![
            check.check.into(),
            Cell::colored(word, color),
            detail.into(),
        ];
        Row::new(check.check, cells, check)
    };
    Output::List(Table {
        columns: vec![Column("CHECK", 0), Column("RESULT", 0), Column("DETAIL", 0)],
        rows: report.0.iter().map(row).collect(),
    })
}
