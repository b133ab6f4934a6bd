//! What killed commands left behind: secrets that nothing uses, and files that were being written.

use std::path::Path;

use crate::commands::Context;
use crate::commands::report::{Report, Verdict};
use crate::files;
use crate::remote::{RemotesFile, SecretRef};
use crate::secret::StoreKind;

/// Looks at the notes of changes, at the stores that can be listed, and at the directories that are
/// written to. Needs no passphrase.
pub(super) fn check(context: &Context, report: &mut Report) {
    let Ok(file) = context.remotes() else {
        let detail = "without remotes.toml nobody knows what is used";
        return report.add("leftovers", Verdict::Skip, detail);
    };
    let noted = context.keeper().unfinished(&file);
    let mut unused = stored(context);
    unused.retain(|secret| !noted.contains(secret) && !file.uses(secret));
    let staged = staged(context, &file);

    let mut found = Vec::new();
    if !noted.is_empty() {
        found.push(format!("changes that were cut short left {}", list(&noted)));
    }
    if !staged.is_empty() {
        found.push(format!("files were being written: {}", staged.join(", ")));
    }
    if !unused.is_empty() {
        found.push(format!("nothing uses these secrets: {}", list(&unused)));
    }
    let fix = match unused.is_empty() {
        true => "the next `paseo remote add` or `rm` deletes them",
        false => "delete the secrets, unless other settings use them",
    };
    match found.is_empty() {
        true => report.add("leftovers", Verdict::Pass, "no change was cut short"),
        false => report.advise("leftovers", Verdict::Warn, found.join("; "), fix),
    }
}

/// Returns the secrets in files and in the vault. Keyrings and programs cannot be listed.
fn stored(context: &Context) -> Vec<SecretRef> {
    let Some(dir) = context.env.data_dir() else {
        return Vec::new();
    };
    let entries = std::fs::read_dir(dir.join("secrets")).ok();
    let names = entries.into_iter().flatten().flatten();
    let plain = names.filter_map(|entry| {
        let id = entry.file_name().to_str()?.parse().ok()?;
        let store = StoreKind::File;
        Some(SecretRef { store, id })
    });
    let vault = context.stores.vault().and_then(|vault| vault.ids());
    let store = StoreKind::Vault;
    let sealed = vault.unwrap_or_default().into_iter();
    plain
        .chain(sealed.map(|id| SecretRef { store, id }))
        .collect()
}

/// Returns the files that writers have not brought to their end, wherever secrets may be in them.
fn staged(context: &Context, file: &RemotesFile) -> Vec<String> {
    let data = context.env.data_dir();
    let secrets = data.as_ref().map(|dir| dir.join("secrets"));
    let notes = context.keeper().notes_dir().map(Path::to_owned);
    let dirs = [data, secrets, notes].into_iter().flatten();
    let beside = dirs.filter_map(|dir| files::staged_in(&dir).ok()).flatten();
    let own = file.path().and_then(|path| files::staged_for(path).ok());
    let staged = own.into_iter().flatten().chain(beside);
    staged.map(|path| path.display().to_string()).collect()
}

fn list(secrets: &[SecretRef]) -> String {
    let words = secrets.iter();
    let words = words.map(|secret| format!("{} ({})", secret.id, secret.store));
    words.collect::<Vec<_>>().join(", ")
}
