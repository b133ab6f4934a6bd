//! The checks of this machine: settings, permissions.

use std::path::{Path, PathBuf};

use super::leftovers;
use crate::commands::Context;
use crate::commands::config::lint::lint;
use crate::commands::report::{Report, Verdict};
use crate::error::CommandError;
use crate::remote::FILE_NAME;

pub(super) fn check(context: &Context, report: &mut Report) {
    report.add(
        "program",
        Verdict::Pass,
        concat!("paseo ", env!("CARGO_PKG_VERSION")),
    );
    config(context, report);
    permissions(context, report);
    leftovers::check(context, report);
}

fn config(context: &Context, report: &mut Report) {
    let file = match context.remotes() {
        Ok(file) => file,
        Err(error) => return report.failed("config", &error),
    };
    let warnings = lint(context, &file);
    let Some(path) = file.path().map(|path| path.display().to_string()) else {
        let fix = "set HOME or PASEO_CONFIG_DIR";
        return report.advise("config", Verdict::Warn, "no directory is known", fix);
    };
    let count = file.remotes().count();
    if warnings.is_empty() {
        return report.add("config", Verdict::Pass, format!("{path}, {count} remotes"));
    }
    let lines: Vec<String> = warnings
        .into_iter()
        .map(|warning| warning.message)
        .collect();
    let fix = "paseo config check says where; see paseo-remotes(5)";
    report.advise("config", Verdict::Warn, lines.join("; "), fix);
}

fn permissions(context: &Context, report: &mut Report) {
    let directories: Vec<PathBuf> = [
        context.env.config_dir().map(|dir| dir.join(FILE_NAME)),
        context.env.config_dir(),
        context.env.data_dir().map(|dir| dir.join("secrets")),
        context.env.state_dir(),
    ]
    .into_iter()
    .flatten()
    .collect();
    let exposed: Vec<String> = directories
        .iter()
        .filter_map(|path| too_open(path))
        .collect();
    match exposed.is_empty() {
        true => report.add(
            "permissions",
            Verdict::Pass,
            "only you can change your files",
        ),
        false => {
            let detail = format!("others have access: {}", exposed.join(", "));
            let fix = "chmod -R go= on what is named";
            report.advise("permissions", Verdict::Fail, detail, fix);
        }
    }
}

/// Settings may be read by others, secrets may not.
#[cfg(unix)]
fn too_open(path: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let mode = std::fs::metadata(path).ok()?.mode();
    let forbidden = if path.ends_with("secrets") {
        0o077
    } else {
        0o022
    };
    (mode & forbidden != 0).then(|| format!("{} ({:o})", path.display(), mode & 0o777))
}

#[cfg(not(unix))]
fn too_open(_path: &Path) -> Option<String> {
    None
}

/// Tells whether the environment would send a connection through a proxy.
pub(super) fn proxy_words(
    found: Result<Option<(crate::transport::Proxy, &'static str)>, CommandError>,
    report: &mut Report,
) {
    match found {
        Ok(Some((proxy, name))) => {
            report.add("proxy", Verdict::Pass, format!("{proxy}, from {name}"));
        }
        Ok(None) => report.add("proxy", Verdict::Pass, "none"),
        Err(error) => report.failed("proxy", &error),
    }
}
