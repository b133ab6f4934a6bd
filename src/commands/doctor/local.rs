//! The checks of this machine: settings, permissions, what killed commands left behind.

use std::path::{Path, PathBuf};

use super::{Report, Verdict};
use crate::commands::Context;
use crate::commands::config::lint::lint;
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
    leftovers(context, report);
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
    let fix = "see docs/remotes.md";
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

/// Every secret that a killed command may have left in a store has a note.
fn leftovers(context: &Context, report: &mut Report) {
    let dir = context.env.state_dir().map(|dir| dir.join("unfinished"));
    let notes = dir.and_then(|dir| std::fs::read_dir(dir).ok());
    let names: Vec<String> = notes
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .collect();
    if !names.is_empty() {
        let detail = format!("changes that were cut short left: {}", names.join(", "));
        let fix = "the next `paseo remote add` or `rm` deletes them";
        return report.advise("leftovers", Verdict::Warn, detail, fix);
    }
    let orphans = orphans(context);
    if orphans.is_empty() {
        return report.add("leftovers", Verdict::Pass, "no change was cut short");
    }
    let detail = format!("no remote uses these secrets: {}", orphans.join(", "));
    let fix = "if no other settings directory uses them, delete them";
    report.advise("leftovers", Verdict::Warn, detail, fix);
}

/// Returns the ids of secrets in files and in the vault that nothing in `remotes.toml` names. Keyrings and
/// programs cannot be listed.
fn orphans(context: &Context) -> Vec<String> {
    let (Some(dir), Ok(file)) = (context.env.data_dir(), context.remotes()) else {
        return Vec::new();
    };
    let used = |id: &str| {
        let mut secrets = file.secrets();
        secrets.any(|secret| secret.id.as_str() == id)
    };
    let entries = std::fs::read_dir(dir.join("secrets")).ok();
    let names = entries.into_iter().flatten().filter_map(|entry| {
        let name = entry.ok()?.file_name().to_string_lossy().into_owned();
        name.starts_with("r_").then_some(name)
    });
    let vault = context.stores.vault().and_then(|vault| vault.ids());
    let sealed = vault.unwrap_or_default().into_iter();
    let sealed = sealed.map(|id| id.to_string());
    names.chain(sealed).filter(|id| !used(id)).collect()
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
