//! Files that are made from the program equal what it would make now. `PASEO_BLESS=1` rewrites them.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test stops at the first surprise, and is told by a variable to rewrite"
)]

use std::fmt::Write;
use std::path::Path;

use paseo::cli::Cli;

const HEAD: &str = "# Commands

Made from the program by `PASEO_BLESS=1 cargo test --test generated`; do not edit.

Every command takes the global options, before or after its name. Data goes to stdout, everything else to
stderr. The exit status is told in the README; `-v` tells the steps of a connection. `--json` prints JSON, whose fields
are listed on a [page of their own](json.md).

";

fn check(path: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("PASEO_BLESS").is_some() {
        std::fs::write(&path, expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let at = found
        .lines()
        .zip(expected.lines())
        .position(|(a, b)| a != b);
    assert!(
        found == expected,
        "{} is out of date at line {}; run: PASEO_BLESS=1 cargo test --test generated",
        path.display(),
        at.map_or(0, |n| n + 1)
    );
}

/// Describes a command and those below it.
fn describe(out: &mut String, command: &mut clap::Command, path: &str) {
    let globals: Vec<_> = command
        .get_arguments()
        .filter(|a| a.is_global_set())
        .map(|a| a.get_id().clone())
        .collect();
    let is_root = !path.contains(' ');
    // The global options are told once, at the top.
    let mut shown = command.clone().bin_name(path).term_width(96);
    if !is_root {
        for id in globals {
            shown = shown.mut_arg(id, |arg| arg.hide(true));
        }
    }
    let help = shown.render_long_help().to_string();
    let help: String = help
        .lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect();
    write!(out, "## {path}\n\n```text\n{}\n```\n\n", help.trim_end()).unwrap();
    for child in command
        .get_subcommands_mut()
        .filter(|c| c.get_name() != "help" && !c.is_hide_set())
    {
        let path = format!("{path} {}", child.get_name());
        describe(out, child, &path);
    }
}

#[test]
fn the_reference_of_commands() {
    let mut tree = Cli::command_tree();
    tree.build();
    let mut text = HEAD.to_owned();
    describe(&mut text, &mut tree, "paseo");
    check("docs/cli.md", &(text.trim_end().to_owned() + "\n"));
}

#[test]
fn the_readme_shows_every_exit_status() {
    let readme =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    for status in (0..=14).chain([70]) {
        assert!(
            readme.contains(&format!("| {status} |")),
            "README.md does not tell exit status {status}"
        );
    }
}
