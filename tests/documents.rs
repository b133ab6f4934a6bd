//! Pages that name tests name tests that there are.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The names of all functions below a directory that are tests.
fn tests(dir: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            tests_of(&fs::read_to_string(&path).unwrap(), found);
        }
    }
}

/// A test is a function whose attributes, which stand right above it, say so; or a line of `scripts!`, with its name
/// before a colon.
fn tests_of(text: &str, found: &mut BTreeSet<String>) {
    let (mut is_test, mut scripts) = (false, false);
    for line in text.lines().map(str::trim) {
        if scripts && let Some((name, _)) = line.split_once(": ") {
            found.insert(name.to_owned());
        }
        scripts = line == "scripts! {" || (scripts && line != "}");
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some(rest) = line.strip_prefix("async fn ").or(line.strip_prefix("fn ")) {
            if is_test {
                found.extend(rest.split('(').next().map(str::to_owned));
            }
            is_test = false;
        }
    }
}

/// The names in code that look like those of tests: words joined by underscores, in the columns and sentences
/// that say what holds something.
fn named(page: &str) -> Vec<String> {
    let words = page.split('`').skip(1).step_by(2);
    let is_name = |word: &&str| {
        word.matches('_').count() >= 1
            && word
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    words.filter(is_name).map(str::to_owned).collect()
}

#[test]
fn every_test_that_is_named_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut there = BTreeSet::new();
    tests(&root.join("src"), &mut there);
    tests(&root.join("tests"), &mut there);
    let read = |page: &str| fs::read_to_string(root.join(page)).unwrap();
    // The last column of each table.
    let reliability = read("docs/reliability.md");
    let rows = reliability.lines().filter(|line| line.starts_with("| "));
    let holds = rows.filter_map(|row| row.trim_end_matches('|').rsplit(" | ").next());
    let mut names: Vec<String> = holds.flat_map(named).collect();
    assert!(names.len() > 30, "only {names:?}");
    let security = read("docs/security.md");
    let actors = security.split("## Who can do what").nth(1).unwrap();
    let shown = named(actors.split("\n## ").next().unwrap());
    assert!(shown.len() > 15, "only {shown:?}");
    names.extend(shown);
    for name in names {
        assert!(
            there.contains(&name),
            "`{name}` is named, and there is no such test"
        );
    }
}

/// On the registry, `paseo` is another project's crate.
#[test]
fn no_document_installs_a_crate_that_is_not_ours() {
    fn walk(path: &Path, check: &mut impl FnMut(&Path, &str)) {
        if path.is_dir() {
            let entries = fs::read_dir(path).unwrap();
            entries.for_each(|entry| walk(&entry.unwrap().path(), check));
        } else if let Ok(text) = fs::read_to_string(path) {
            check(path, &text);
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for place in ["README.md", "CHANGELOG.md", "docs", "completions", "src"] {
        walk(&root.join(place), &mut |path, text| {
            seen += 1;
            for line in text.lines() {
                let install = ["cargo install", "cargo add", "cargo binstall"];
                let command = install.iter().find_map(|verb| line.split_once(verb));
                let words = command.map_or("", |(_, rest)| rest);
                let words = words.split(['&', '`', '#', '"']).take(1);
                let words: Vec<&str> = words.flat_map(str::split_whitespace).collect();
                let ours = words.iter().any(|word| ["--path", "--git"].contains(word));
                let path = path.display();
                assert!(ours || !words.contains(&"paseo"), "{path}: {line}");
                let registry = [
                    "crates.io/crates/paseo",
                    "docs.rs/paseo",
                    "lib.rs/crates/paseo",
                ];
                assert!(
                    !registry.iter().any(|url| line.contains(url)),
                    "{path}: {line}"
                );
            }
        });
    }
    assert!(seen > 100, "only {seen} files");
}
