//! `paseo remote import`: the remotes of bundles, offers and lists, all of them or none.

use std::path::PathBuf;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Serialize;

use super::ls::Listed;
use super::parcel::{self, Named, Parcel};
use super::recipient;
use super::repair::accept;
use super::source::choose_store;
use crate::commands::guard::refuse_blocked;
use crate::commands::passphrase::{self, Asker};
use crate::commands::{CommandResult, Context};
use crate::complete;
use crate::error::{CommandError, Exit};
use crate::output::{self, Column, Output, Row, Table};
use crate::remote::{
    Bundle, BundleError, Guard, NameError, Options, Remote, RemoteName, RemotesFile, SealedBundle,
    SecretRef,
};
use crate::secret::{Cost, SecretId, StoreKind};

/// How often a person may mistype a passphrase.
const ATTEMPTS: usize = 3;

/// Most work for the passphrases of all bundles together.
const MAX_WORK: u64 = 4 * Cost::MAX_WORK;

/// Arguments of `paseo remote import`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A bundle, a file with an offer, a list of links (each line a name and a link), a directory of such
    /// files, or - for stdin
    #[arg(required = true, value_name = "FILE", value_hint = clap::ValueHint::AnyPath)]
    pub files: Vec<PathBuf>,

    /// Import a remote under another name; repeat for more
    #[arg(long = "rename", value_name = "OLD=NEW")]
    pub renames: Vec<Rename>,

    /// Replace remotes whose name is taken
    #[arg(long, conflicts_with = "if_absent")]
    pub force: bool,

    /// Leave remotes out whose name is taken
    #[arg(long)]
    pub if_absent: bool,

    /// Import daemons that are already saved under another name
    #[arg(long)]
    pub again: bool,

    /// Where to keep the secrets: keyring, vault, command or file
    #[arg(long, value_name = "STORE", add = complete::words(&["keyring", "vault", "command", "file"]))]
    pub store: Option<StoreKind>,
}

/// A remote's name in the bundle, and the one that it is to have here.
#[derive(Debug, Clone)]
pub struct Rename {
    old: RemoteName,
    new: RemoteName,
}

/// Why a text is none.
#[derive(Debug, thiserror::Error)]
pub enum RenameError {
    /// No equals sign.
    #[error("a new name is given as OLD=NEW")]
    NoPair,
    /// One of the two.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl FromStr for Rename {
    type Err = RenameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (old, new) = text.split_once('=').ok_or(RenameError::NoPair)?;
        Ok(Self {
            old: old.parse()?,
            new: new.parse()?,
        })
    }
}

#[derive(Debug, Serialize)]
struct Imported {
    #[serde(flatten)]
    remote: Listed,
    result: &'static str,
}

/// Imports. Nothing is opened before it is sure that the secrets can be kept, and nothing is changed before
/// everything is read.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let file = context.remotes()?;
    let parcels: Result<Vec<_>, _> = args.files.iter().map(|path| parcel::read(path)).collect();
    let parcels = parcels?;
    refuse_costly(parcels.iter().flatten())?;
    let store = choose_store(context, args.store)?;
    let mut bundle = Bundle::default();
    for parcel in parcels.into_iter().flatten() {
        bundle.append(match parcel {
            Parcel::Sealed(sealed) => open(context, &sealed)?,
            Parcel::Plain(sources) => plain(sources),
        });
    }
    rename(&mut bundle, &args.renames)?;
    bundle.keep_in(store);
    refuse_duplicates(&bundle)?;
    let left_out = settle(&file, &mut bundle, args)?;
    let replaced = replaced(context, &file, &bundle)?;
    let (file, deleted) = context.keeper().import(&bundle, &replaced)?;
    if let Err(error) = deleted {
        output::note(&format!(
            "the secret of a remote that was replaced is still stored: {error}"
        ));
    }
    if !context.is_batch() && !bundle.remotes().is_empty() {
        output::note("to see whether they work: paseo remote check");
    }
    Ok(report(&file, &bundle, &replaced, left_out).into())
}

/// Each bundle is within its bounds; there may be many.
fn refuse_costly<'a>(parcels: impl Iterator<Item = &'a Parcel>) -> Result<(), CommandError> {
    let work = |parcel: &Parcel| match parcel {
        Parcel::Sealed(sealed) => sealed.work(),
        Parcel::Plain(_) => 0,
    };
    match parcels.map(work).sum::<u64>() > MAX_WORK {
        false => Ok(()),
        true => {
            let message = "the passphrases of these bundles take too much time together";
            Err(CommandError::usage("BUNDLE_COST", message).hint("import fewer bundles at once"))
        }
    }
}

/// Opens a bundle, with the key of this machine if that fits, else with a passphrase.
fn open(context: &Context, sealed: &SealedBundle) -> Result<Bundle, CommandError> {
    if sealed.takes_recipient() {
        let opened = match recipient::key(context)? {
            Some(key) => sealed.open_with_key(&key),
            None => Err(BundleError::NotForUs),
        };
        match opened {
            Err(BundleError::NotForUs) if sealed.takes_passphrase() => {}
            opened => return Ok(opened?),
        }
    }
    let asker = Asker::new(&context.env, context.is_batch(), &passphrase::BUNDLE);
    for attempt in 0..ATTEMPTS {
        let passphrase = asker.existing(attempt > 0)?;
        match sealed.open_with_passphrase(&passphrase) {
            Err(BundleError::WrongPassphrase) if asker.is_interactive() => {}
            opened => return Ok(opened?),
        }
    }
    Err(BundleError::WrongPassphrase.into())
}

/// Makes remotes of offers and addresses. Whatever has no name is named after its key.
fn plain(sources: Vec<Named>) -> Bundle {
    let mut bundle = Bundle::default();
    for (name, source) in sources {
        let (route, item) = source.route(SecretRef {
            // Chosen later, for all of them.
            store: StoreKind::File,
            id: SecretId::random(),
        });
        let mut remote = Remote {
            name: RemoteName::of_words("daemon"),
            description: None,
            tags: Vec::new(),
            route,
            roads: Vec::new(),
            options: Options::default(),
            dirs: Vec::new(),
            guard: Guard::default(),
            added: Some(Timestamp::now()),
        };
        let of_key = remote
            .fingerprint()
            .map(|key| RemoteName::of_words(&key.words()));
        remote.name = name.or(of_key).unwrap_or(remote.name);
        bundle.push(remote, item);
    }
    bundle
}

fn rename(bundle: &mut Bundle, renames: &[Rename]) -> Result<(), CommandError> {
    for rename in renames {
        if !bundle
            .remotes()
            .iter()
            .any(|remote| remote.name == rename.old)
        {
            let names: Vec<&str> = bundle.remotes().iter().map(|r| r.name.as_str()).collect();
            let message = format!("there is no `{}` in what is imported", rename.old);
            return Err(
                CommandError::new("REMOTE_NOT_FOUND", Exit::NotFound, message)
                    .hint(format!("there are: {}", names.join(", "))),
            );
        }
    }
    bundle.rename(|name| {
        let rename = renames.iter().find(|rename| rename.old == *name);
        rename.map(|rename| rename.new.clone())
    });
    Ok(())
}

fn refuse_duplicates(bundle: &Bundle) -> Result<(), CommandError> {
    let remotes = bundle.remotes();
    for (n, remote) in remotes.iter().enumerate() {
        if remotes[..n].iter().any(|other| other.name == remote.name) {
            let message = format!("two of what is imported are called `{}`", remote.name);
            return Err(CommandError::usage("NAME_TWICE", message)
                .hint("import them one after the other, with --rename"));
        }
    }
    Ok(())
}

/// Takes out what is to be left out, and refuses what collides with what is there: everything at once, so
/// that it can be settled at once. Returns what was taken out.
fn settle(
    file: &RemotesFile,
    bundle: &mut Bundle,
    args: &Args,
) -> Result<Vec<Listed>, CommandError> {
    let taken = |remote: &&Remote| file.get(remote.name.as_str()).is_ok();
    let mut left_out = Vec::new();
    if args.if_absent {
        let present = bundle.remotes().iter().filter(taken);
        left_out = present.map(|remote| Listed::new(remote, false)).collect();
        bundle.retain(|remote| file.get(remote.name.as_str()).is_err());
    }
    let mut collisions = Vec::new();
    for remote in bundle.remotes() {
        if let Some(fingerprint) = remote.fingerprint() {
            refuse_blocked(file, fingerprint)?;
        }
        let known = remote
            .fingerprint()
            .and_then(|key| file.with_fingerprint(key));
        if taken(&remote) {
            if !args.force {
                collisions.push(format!("`{}` is taken", remote.name));
            }
        } else if let Some(known) = known.filter(|_| !args.again) {
            let (name, known) = (&remote.name, &known.name);
            collisions.push(format!(
                "the daemon of `{name}` is already saved as `{known}`"
            ));
        }
    }
    match collisions.is_empty() {
        true => Ok(left_out),
        false => Err(CommandError::new("REMOTE_EXISTS", Exit::Failed, collisions.join("; ")).hint(
            "nothing is imported; --rename OLD=NEW, --force (replaces), --if-absent (leaves out) and \
             --again (a daemon twice) settle it",
        )),
    }
}

/// Returns the remotes that are replaced. Another key for a known name has to be wanted.
fn replaced<'a>(
    context: &Context,
    file: &'a RemotesFile,
    bundle: &Bundle,
) -> Result<Vec<&'a Remote>, CommandError> {
    let mut replaced = Vec::new();
    for new in bundle.remotes() {
        let Ok(old) = file.get(new.name.as_str()) else {
            continue;
        };
        if let Some(key) = old
            .fingerprint()
            .filter(|key| Some(*key) != new.fingerprint())
            && !context.global.yes
        {
            accept(context, &old.name, key, new.fingerprint())?;
        }
        replaced.push(old);
    }
    Ok(replaced)
}

fn report(
    file: &RemotesFile,
    bundle: &Bundle,
    replaced: &[&Remote],
    left_out: Vec<Listed>,
) -> Output {
    let default = file.default().map(|(name, _)| name);
    let added = bundle.remotes().iter().map(|remote| Imported {
        remote: Listed::new(remote, default == Some(&remote.name)),
        result: match replaced.iter().any(|old| old.name == remote.name) {
            true => "replaced",
            false => "added",
        },
    });
    let left_out = left_out.into_iter().map(|remote| Imported {
        remote,
        result: "left out",
    });
    let row = |imported: Imported| {
        let remote = &imported.remote;
        let cells = vec![
            remote.name.as_str().into(),
            imported.result.into(),
            remote.way().into(),
            remote.fingerprint.as_deref().unwrap_or("-").into(),
            remote.store_words().into(),
        ];
        Row::new(remote.name.clone(), cells, &imported)
    };
    Output::List(Table {
        columns: ["NAME", "RESULT", "VIA", "FINGERPRINT", "STORE"]
            .map(|name| Column(name, 0))
            .to_vec(),
        rows: added.chain(left_out).map(row).collect(),
    })
}
