//! Reports of named checks: `doctor`, `relay check`.

use anstyle::AnsiColor;
use serde::Serialize;

use super::Outcome;
use crate::error::{CommandError, Exit};
use crate::output::{Cell, Column, Format, Output, Row, Settings, Table};

/// A line of the report.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    check: &'static str,
    result: Verdict,
    detail: String,
    fix: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Pass,
    Warn,
    Fail,
    Skip,
}

/// What was checked, in that order.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report(Vec<Check>);

impl Report {
    pub(super) fn add(&mut self, check: &'static str, result: Verdict, detail: impl Into<String>) {
        self.0.push(Check {
            check,
            result,
            detail: detail.into(),
            fix: None,
        });
    }

    /// Adds a check that is not well, and what helps.
    pub(super) fn advise(
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
    pub(super) fn failed(&mut self, check: &'static str, error: &CommandError) {
        let mut detail = error.message.clone();
        for cause in error.causes() {
            detail = format!("{detail}: {cause}");
        }
        self.add(check, Verdict::Fail, detail);
        if let Some(last) = self.0.last_mut() {
            last.fix.clone_from(&error.hint);
        }
    }

    /// Forgets what was said of a check.
    pub(super) fn retract(&mut self, check: &'static str) {
        self.0.retain(|earlier| earlier.check != check);
    }

    /// Returns the report as what a command ends with: it failed when a check did. For people, checks that were skipped
    /// for one reason share a line; data name each.
    pub(super) fn outcome(&self, settings: &Settings) -> Outcome {
        let failed = self.0.iter().any(|check| check.result == Verdict::Fail);
        Outcome {
            output: Output::List(Table {
                columns: vec![Column("CHECK", 0), Column("RESULT", 0), Column("DETAIL", 0)],
                rows: match settings.format == Format::Table && !settings.quiet {
                    true => self.0.chunk_by(Check::is_skipped_like).map(line).collect(),
                    false => self.0.iter().map(Check::row).collect(),
                },
            }),
            exit: if failed { Exit::Failed } else { Exit::Ok },
            ..Outcome::default()
        }
    }
}

/// Makes one line of checks that end alike.
fn line(checks: &[Check]) -> Row {
    let mut row = checks[0].row();
    if let [_, _, ..] = checks {
        let names: Vec<&str> = checks.iter().map(|check| check.check).collect();
        row.cells[0] = names.join(", ").into();
    }
    row
}

impl Check {
    fn is_skipped_like(&self, next: &Self) -> bool {
        let skipped = |check: &Self| check.result == Verdict::Skip && check.fix.is_none();
        skipped(self) && skipped(next) && self.detail == next.detail
    }

    fn row(&self) -> Row {
        let (word, color) = match self.result {
            Verdict::Pass => ("pass", AnsiColor::Green),
            Verdict::Warn => ("warn", AnsiColor::Yellow),
            Verdict::Fail => ("fail", AnsiColor::Red),
            Verdict::Skip => ("skip", AnsiColor::BrightBlack),
        };
        let detail = match &self.fix {
            Some(fix) => format!("{} → {fix}", self.detail),
            None => self.detail.clone(),
        };
        let cells = vec![self.check.into(), Cell::colored(word, color), detail.into()];
        Row::new(self.check, cells, self)
    }
}
