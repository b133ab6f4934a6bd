//! What `import` reads: a bundle, an offer, a list of links, or a directory of such files.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::source::{Source, warn_if_exposed};
use crate::error::{CommandError, Exit};
use crate::files;
use crate::pairing::{Offer, OfferError};
use crate::remote::{BundleError, MAX_BUNDLE_BYTES, RemoteName, SealedBundle};

/// Most bytes of all files of a directory.
const MAX_DIRECTORY_BYTES: u64 = 4 * MAX_BUNDLE_BYTES;
/// Most files of a directory.
const MAX_FILES: usize = 256;
/// How a pairing link begins that has nothing before it. Any other `#` begins a comment.
const BARE_LINK: &str = "#offer=";

/// What a file holds.
pub(super) enum Parcel {
    /// A sealed bundle.
    Sealed(SealedBundle),
    /// Offers and addresses, each with the name that it was given.
    Plain(Vec<Named>),
}

/// An offer or an address, and the name that it was given.
pub(super) type Named = (Option<RemoteName>, Source);

/// Reads `-` as standard input, a directory as the files in it, and anything else as a file.
pub(super) fn read(path: &Path) -> Result<Vec<Parcel>, CommandError> {
    if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        let mut stdin = std::io::stdin().lock().take(MAX_BUNDLE_BYTES + 1);
        stdin.read_to_end(&mut bytes).map_err(|error| {
            let message = "standard input cannot be read";
            CommandError::new("INPUT_FAILED", Exit::Failed, message).because(error)
        })?;
        return Ok(vec![
            parse(&bytes, None).map_err(|error| about("standard input", error))?,
        ]);
    }
    let files = match path.is_dir() {
        true => files_in(path)?,
        false => vec![path.to_owned()],
    };
    let mut bytes = 0;
    let mut parcels = Vec::new();
    for file in &files {
        let length = std::fs::metadata(file).map_or(0, |found| found.len());
        bytes += length;
        if bytes > MAX_DIRECTORY_BYTES {
            let message = format!(
                "{} has more than {MAX_DIRECTORY_BYTES} bytes",
                path.display()
            );
            return Err(CommandError::usage("INPUT_TOO_LARGE", message));
        }
        parcels.push(read_file(file)?);
    }
    Ok(parcels)
}

fn read_file(path: &Path) -> Result<Parcel, CommandError> {
    let missing = || {
        let message = format!("there is no file {}", path.display());
        CommandError::usage("FILE_MISSING", message)
            .hint("give a file that paseo remote export or paseo daemon pair --save wrote, or - for stdin")
    };
    let bytes = files::read_given(path, MAX_BUNDLE_BYTES)?.ok_or_else(missing)?;
    // A file with one offer is named after it, if it has a name that a remote may have.
    let name = path
        .file_stem()
        .and_then(|stem| stem.to_str()?.parse().ok());
    let parcel = parse(&bytes, name).map_err(|error| about(&path.display().to_string(), error))?;
    if matches!(parcel, Parcel::Plain(_)) {
        warn_if_exposed(path);
    }
    Ok(parcel)
}

/// Returns the files of a directory by name, hidden ones left out.
fn files_in(dir: &Path) -> Result<Vec<PathBuf>, CommandError> {
    let failed = |error| {
        let message = format!("cannot read {}", dir.display());
        CommandError::new("FILE_ERROR", Exit::Config, message).because(error)
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.is_file() {
            files.push(path);
        }
        if files.len() > MAX_FILES {
            let message = format!("{} has more than {MAX_FILES} files", dir.display());
            return Err(CommandError::usage("TOO_MANY_FILES", message));
        }
    }
    if files.is_empty() {
        let message = format!("there are no files in {}", dir.display());
        return Err(CommandError::usage("FILE_MISSING", message));
    }
    files.sort();
    Ok(files)
}

fn parse(bytes: &[u8], file_name: Option<RemoteName>) -> Result<Parcel, CommandError> {
    if bytes.len() as u64 > MAX_BUNDLE_BYTES {
        let message = format!("more than {MAX_BUNDLE_BYTES} bytes are not read");
        return Err(CommandError::usage("INPUT_TOO_LARGE", message));
    }
    match SealedBundle::parse(bytes) {
        Ok(bundle) => return Ok(Parcel::Sealed(bundle)),
        Err(BundleError::Other) => {}
        Err(error) => return Err(error.into()),
    }
    let single = |name: Option<RemoteName>, offer| {
        Parcel::Plain(vec![(name.or(file_name.clone()), Source::Offer(offer))])
    };
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Ok(single(None, Offer::parse_bytes(bytes)?));
    };
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with('{') {
        return Ok(single(None, Offer::parse(text)?));
    }
    match list(text) {
        Ok(found) => Ok(Parcel::Plain(match <[_; 1]>::try_from(found) {
            Ok([(name, source)]) => vec![(name.or(file_name), source)],
            Err(found) => found,
        })),
        // Where not even the first line belongs to a list, it may be a mail with one link.
        Err(NoList::AtOnce(error)) => match Offer::parse(text) {
            Ok(offer) => Ok(single(name_before_link(text), offer)),
            Err(OfferError::NoOffer) => Err(error),
            Err(error) => Err(error.into()),
        },
        Err(NoList::Later(error)) => Err(error),
    }
}

/// Returns the name that stands before a link which a mail has wrapped over several lines.
fn name_before_link(text: &str) -> Option<RemoteName> {
    let (name, link) = text.trim().split_once(char::is_whitespace)?;
    let linked = link.split_whitespace().next()?;
    match linked.contains(BARE_LINK) {
        true => name.parse().ok(),
        false => None,
    }
}

/// Why a text is no list.
enum NoList {
    /// Its first line is wrong.
    AtOnce(CommandError),
    /// A line behind good ones is wrong.
    Later(CommandError),
}

/// Reads lines of a name and a link or address, or of a link alone.
fn list(text: &str) -> Result<Vec<Named>, NoList> {
    let mut found = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || (line.starts_with('#') && !line.starts_with(BARE_LINK)) {
            continue;
        }
        match entry(line) {
            Ok(named) => found.push(named),
            Err(error) if found.is_empty() => return Err(NoList::AtOnce(at(n, error))),
            Err(error) => return Err(NoList::Later(at(n, error))),
        }
    }
    match found.is_empty() {
        true => Err(NoList::AtOnce(CommandError::usage(
            "OFFER_MISSING",
            "there is no offer in it",
        ))),
        false => Ok(found),
    }
}

/// Reads one line of a list.
fn entry(line: &str) -> Result<Named, CommandError> {
    let (name, link) = match line.split_once(char::is_whitespace) {
        Some((name, link)) => (Some(name.parse::<RemoteName>()?), link.trim()),
        None => (None, line),
    };
    let source = match Source::direct(link)? {
        Some(direct) => direct,
        None => Source::Offer(Offer::parse(link)?),
    };
    Ok((name, source))
}

fn at(line: usize, error: CommandError) -> CommandError {
    about(&format!("line {}", line + 1), error)
}

/// Says what an error is about. No content is repeated.
fn about(what: &str, mut error: CommandError) -> CommandError {
    error.message = format!("{what}: {}", error.message);
    error
}
