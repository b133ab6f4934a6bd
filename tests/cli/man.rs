//! `paseo man`.

use std::process::{Command, Stdio};

use crate::sandbox::Sandbox;
use crate::tool::is_missing;

/// Every command that is shown has its page, and every page is one that groff reads without a complaint.
#[test]
fn every_command_has_a_page_that_can_be_read() {
    let sandbox = Sandbox::new();
    let installed = sandbox.run(&["man", "--install", "man"]);
    assert_eq!(installed.status, 0, "{installed:?}");
    let mut expected = vec!["paseo.1".to_owned()];
    fn walk(command: &clap::Command, name: &str, found: &mut Vec<String>) {
        let shown = |c: &&clap::Command| !c.is_hide_set() && c.get_name() != "help";
        for child in command.get_subcommands().filter(shown) {
            let name = format!("{name}-{}", child.get_name());
            found.push(format!("{name}.1"));
            walk(child, &name, found);
        }
    }
    let mut tree = paseo::cli::Cli::command_tree();
    tree.build();
    walk(&tree, "paseo", &mut expected);
    expected.sort();
    let pages = std::fs::read_dir(sandbox.path("man/man1")).unwrap();
    let mut found: Vec<_> = pages
        .map(|page| page.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    assert_eq!(found, expected);
    let remotes = sandbox.read("man/man5/paseo-remotes.5");
    for part in [".SH NAME", "connect_timeout", ".SH ROADS", "ca_file"] {
        assert!(remotes.contains(part), "{part}");
    }
    let first = sandbox.run(&["man"]).stdout;
    assert_eq!(
        first.trim_end(),
        sandbox.read("man/man1/paseo.1").trim_end()
    );
    if is_missing("groff") {
        return;
    }
    for name in found
        .iter()
        .map(|name| format!("man1/{name}"))
        .chain(["man5/paseo-remotes.5".to_owned()])
    {
        let read = Command::new("groff")
            .args(["-man", "-Tutf8", "-Wall", "-wmac", "-wescape", "-wmissing"])
            .arg(sandbox.path(&format!("man/{name}")))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let complaints = String::from_utf8_lossy(&read.stderr);
        assert!(
            read.status.success() && complaints.is_empty(),
            "{name}: {complaints}"
        );
        assert!(read.stdout.len() > 100, "{name} is empty");
    }
}
