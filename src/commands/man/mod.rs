//! `paseo man`: the manual pages, made from the command line itself and from `docs/remotes.md`.

mod roff;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{CommandResult, Context};
use crate::cli::Cli;
use crate::error::{CommandError, Exit};
use crate::output::Output;

/// The text of paseo-remotes(5).
const REMOTES: &str = include_str!("../../../docs/remotes.md");

/// Arguments of `paseo man`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write all pages below this directory, such as ~/.local/share/man
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub install: Option<PathBuf>,
}

/// A page: its section, file name and text.
struct Page {
    section: u8,
    name: String,
    text: Vec<u8>,
}

/// Prints paseo(1), or writes every page into `man1` and `man5` of a directory.
pub fn run(_context: &Context, args: &Args) -> CommandResult {
    let pages = pages().map_err(|error| {
        CommandError::internal("the manual pages cannot be made").because(error)
    })?;
    let Some(dir) = &args.install else {
        let first = pages.first().map(|page| page.text.as_slice());
        let text = String::from_utf8_lossy(first.unwrap_or_default()).into_owned();
        let json = json!({ "page": text });
        return Ok(Output::Text { text, json }.into());
    };
    for page in &pages {
        write(dir, page)?;
    }
    let (count, shown) = (pages.len(), dir.display().to_string());
    Ok(Output::Text {
        text: format!("{count} pages are in {shown}; try: man -M '{shown}' paseo"),
        json: json!({ "directory": shown, "pages": count }),
    }
    .into())
}

fn write(dir: &Path, page: &Page) -> Result<(), CommandError> {
    let dir = dir.join(format!("man{}", page.section));
    let path = dir.join(&page.name);
    let written = fs::create_dir_all(&dir).and_then(|()| fs::write(&path, &page.text));
    written.map_err(|error| {
        let message = format!("{} cannot be written", path.display());
        CommandError::new("FILE_ERROR", Exit::Failed, message).because(error)
    })
}

fn pages() -> std::io::Result<Vec<Page>> {
    let mut tree = Cli::command_tree().disable_help_subcommand(true);
    tree.build();
    let mut pages = Vec::new();
    add(tree, "paseo", &mut pages)?;
    pages.push(Page {
        section: 5,
        name: "paseo-remotes.5".to_owned(),
        text: roff::page("PASEO-REMOTES", 5, "paseo-remotes", REMOTES).into_bytes(),
    });
    Ok(pages)
}

/// Adds the page of a command, and those of the commands below it.
fn add(command: clap::Command, name: &str, pages: &mut Vec<Page>) -> std::io::Result<()> {
    for child in command
        .get_subcommands()
        .filter(|child| !child.is_hide_set())
    {
        let name = format!("{name}-{}", child.get_name());
        add(child.clone(), &name, pages)?;
    }
    let mut text = Vec::new();
    let version = env!("CARGO_PKG_VERSION");
    let command = command.name(name.to_owned()).version(version);
    clap_mangen::Man::new(command).render(&mut text)?;
    let page = Page {
        section: 1,
        name: format!("{name}.1"),
        text,
    };
    match name {
        "paseo" => pages.insert(0, page),
        _ => pages.push(page),
    }
    Ok(())
}
