//! Pages that name tests name tests that there are.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The names of all functions that are tests, in sources and tests.
fn tests() -> BTreeSet<String> {
    fn walk(dir: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let lines: Vec<&str> = text.lines().map(str::trim).collect();
                for (at, line) in lines.iter().enumerate() {
                    let rest = line.strip_prefix("async fn ").or(line.strip_prefix("fn "));
                    let above = lines[at.saturating_sub(4)..at].iter();
                    let is_test = above.clone().any(|line| {
                        line.starts_with("#[test]") || line.starts_with("#[tokio::test")
                    });
                    // Properties take arguments and stand in a block of proptest.
                    let is_test = is_test && rest.is_some();
                    if is_test {
                        let name = rest.unwrap().split('(').next().unwrap();
                        found.insert(name.to_owned());
                    }
                }
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeSet::new();
    for dir in ["src", "tests"] {
        walk(&root.join(dir), &mut found);
    }
    found
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
    let tests = tests();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/reliability.md")).unwrap();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| ")).collect();
    let mut checked = 0;
    for row in rows {
        let holds = row.trim_end_matches('|').rsplit(" | ").next().unwrap();
        for name in named(holds) {
            assert!(
                tests.contains(&name),
                "docs/reliability.md names `{name}`, and there is no such test"
            );
            checked += 1;
        }
    }
    assert!(checked > 30, "only {checked} tests are named");
    let page = fs::read_to_string(root.join("docs/security.md")).unwrap();
    let actors = page.split("## Who can do what").nth(1).unwrap();
    let actors = actors.split("\n## ").next().unwrap();
    let names = named(actors);
    assert!(names.len() > 15, "only {names:?}");
    for name in names {
        assert!(
            tests.contains(&name),
            "docs/security.md names `{name}`, and there is no such test"
        );
    }
}
