//! What killed commands left behind: secrets that nothing uses, and files that were being written.

use std::path::Path;

use crate::commands::Context;
use crate::commands::report::{Report, Verdict};
use crate::files;
use crate::remote::{Left, RemotesFile, SecretRef};

/// Looks at the notes of changes, at the stores that can be listed, and at the directories that are
/// written to. Needs no passphrase.
pub(super) fn check(context: &Context, report: &mut Report) {
    let Ok(file) = context.remotes() else {
        let detail = "without remotes.toml nobody knows what is used";
        return report.add("leftovers", Verdict::Skip, detail);
    };
    let noted = context.keeper().unfinished(&file);
    let unused = context.keeper().unused(&file);
    let staged = staged(context, &file);

    let mut found = Vec::new();
    let told = |left: &&Left| left.1.is_ok();
    let (sure, unsure): (Vec<&Left>, Vec<&Left>) = noted.iter().partition(told);
    if !sure.is_empty() {
        let secrets = list(sure.iter().map(|(secret, _)| secret));
        found.push(format!("interrupted commands left the secrets {secrets}"));
    }
    for (secret, error) in &unsure {
        let why = error.as_ref().err().map(ToString::to_string);
        found.push(format!(
            "an interrupted command may have left the secret {secret}: {}",
            why.unwrap_or_default()
        ));
    }
    if !staged.is_empty() {
        found.push(format!("files were being written: {}", staged.join(", ")));
    }
    if !unused.is_empty() {
        found.push(format!("nothing uses these secrets: {}", list(&unused)));
    }
    let damaged = damaged(context);
    if !damaged.is_empty() {
        found.push(format!(
            "damaged files were set aside: {}",
            damaged.join(", ")
        ));
    }
    let fix = match unused.is_empty() {
        true if noted.is_empty() && staged.is_empty() => "remove them once nobody needs them",
        true => "the next `paseo remote add` or `rm` deletes them",
        false => "paseo keystore prune, unless other settings use them",
    };
    match found.is_empty() {
        true => report.add("leftovers", Verdict::Pass, "no change was cut short"),
        false => report.advise("leftovers", Verdict::Warn, found.join("; "), fix),
    }
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

/// Returns the files that were set aside because they were damaged.
fn damaged(context: &Context) -> Vec<String> {
    let daemons = context.env.state_dir().map(|dir| dir.join("daemons"));
    let entries = daemons.and_then(|dir| std::fs::read_dir(dir).ok());
    let daemons = entries.into_iter().flatten().flatten();
    let dirs = daemons
        .map(|entry| entry.path())
        .chain(context.env.state_dir());
    let damaged = dirs.flat_map(|dir| files::damaged_in(&dir));
    damaged.map(|path| path.display().to_string()).collect()
}

fn list<'a>(secrets: impl IntoIterator<Item = &'a SecretRef>) -> String {
    let words = secrets.into_iter().map(SecretRef::to_string);
    words.collect::<Vec<_>>().join(", ")
}
