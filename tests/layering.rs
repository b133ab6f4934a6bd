//! Holds the table of who may import whom (`docs/architecture.md`), and the rules on file sizes and output.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Module → what it may import of ours. `main` and `lib` may import anything.
const TABLE: &[(&str, &[&str])] = &[
    ("backoff", &[]),
    ("duration", &[]),
    ("env", &[]),
    ("files", &[]),
    ("protocol", &[]),
    ("order", &[]),
    ("site", &[]),
    ("qr", &[]),
    ("spelling", &[]),
    ("output", &["spelling"]),
    ("subprocess", &["env"]),
    ("tty", &["protocol"]),
    ("secret", &["files", "spelling", "subprocess"]),
    (
        "transport",
        &["files", "protocol", "secret", "spelling", "subprocess"],
    ),
    ("e2ee", &["protocol", "transport"]),
    ("pairing", &["e2ee", "env", "files", "protocol", "secret"]),
    ("target", &["e2ee", "protocol", "secret", "transport"]),
    ("state", &["files", "target"]),
    (
        "remote",
        &[
            "duration",
            "e2ee",
            "env",
            "files",
            "order",
            "pairing",
            "protocol",
            "secret",
            "spelling",
            "target",
            "transport",
        ],
    ),
    (
        "client",
        &["e2ee", "protocol", "secret", "target", "transport"],
    ),
    (
        "complete",
        &["env", "files", "output", "remote", "secret", "subprocess"],
    ),
    ("listen", &["protocol", "secret", "site", "transport"]),
    (
        "forward",
        &[
            "backoff",
            "client",
            "listen",
            "protocol",
            "target",
            "transport",
        ],
    ),
    (
        "fuzz",
        &[
            "daemon",
            "e2ee",
            "pairing",
            "protocol",
            "relay",
            "remote",
            "secret",
            "transport",
            "tty",
        ],
    ),
    ("relay", &["backoff", "files", "protocol", "site"]),
    (
        "host",
        &["backoff", "e2ee", "protocol", "secret", "transport"],
    ),
    (
        "daemon",
        &[
            "e2ee",
            "files",
            "host",
            "listen",
            "order",
            "pairing",
            "protocol",
            "qr",
            "secret",
            "subprocess",
            "transport",
        ],
    ),
    (
        "error",
        &[
            "client",
            "daemon",
            "e2ee",
            "files",
            "forward",
            "output",
            "pairing",
            "protocol",
            "relay",
            "remote",
            "secret",
            "transport",
        ],
    ),
    (
        "commands",
        &[
            "backoff",
            "cli",
            "complete",
            "client",
            "daemon",
            "duration",
            "e2ee",
            "env",
            "error",
            "files",
            "forward",
            "listen",
            "order",
            "output",
            "pairing",
            "protocol",
            "qr",
            "relay",
            "remote",
            "secret",
            "spelling",
            "state",
            "subprocess",
            "target",
            "transport",
            "tty",
        ],
    ),
    (
        "cli",
        &[
            "commands", "complete", "duration", "env", "error", "output", "remote", "secret",
            "spelling",
        ],
    ),
];

/// Longest file, tests included. A file that needs more stands here with its reason.
const LONGEST: usize = 600;

fn sources() -> Vec<PathBuf> {
    fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => walk(&path, found),
                false if path.extension().is_some_and(|e| e == "rs") => found.push(path),
                false => {}
            }
        }
    }
    let mut found = Vec::new();
    walk(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut found,
    );
    found.sort();
    found
}

fn module_of(path: &Path) -> String {
    let path = path
        .strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
        .unwrap();
    let first = path.iter().next().unwrap().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// The modules of ours that a file names through `crate::`, comments left out.
fn imports(text: &str) -> BTreeSet<String> {
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n");
    let mut found = BTreeSet::new();
    for part in code.split("crate::").skip(1) {
        let names = match part.strip_prefix('{') {
            Some(list) => list
                .split('}')
                .next()
                .unwrap_or_default()
                .split(',')
                .collect(),
            None => vec![part],
        };
        for name in names {
            found.insert(
                name.trim()
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect(),
            );
        }
    }
    found.remove("");
    found
}

#[test]
fn imports_point_one_way() {
    let table: BTreeMap<_, _> = TABLE.iter().copied().collect();
    let mut wrong = Vec::new();
    for path in sources() {
        let module = module_of(&path);
        if module == "main" || module == "lib" {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let Some(allowed) = table.get(module.as_str()) else {
            wrong.push(format!(
                "{}: the table has no row for `{module}`",
                path.display()
            ));
            continue;
        };
        for import in imports(&text) {
            // Test support inside a module may use any other; production code may not.
            let production = text
                .split("#[cfg(test)]\nmod tests {")
                .next()
                .unwrap_or_default();
            let is_module = table.contains_key(import.as_str());
            if is_module
                && import != module
                && !allowed.contains(&import.as_str())
                && imports(production).contains(&import)
            {
                wrong.push(format!(
                    "{}: `{module}` may not import `{import}`",
                    path.display()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A command that is made elsewhere would hand our secrets, and another repository's `GIT_DIR`, to a program.
#[test]
fn one_module_makes_the_commands_of_programs() {
    let mut wrong = Vec::new();
    for path in sources() {
        if module_of(&path) == "subprocess" {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let production = text.split("#[cfg(test)]").next().unwrap_or_default();
        // Under its own name, another one, or its full path; clap's derive and our providers have their own.
        let makes = |name: &str| production.contains(&format!("{name}::new("));
        let full = makes("process::Command");
        let imported = ["std", "tokio"].iter().any(|from| {
            let plain = [
                format!("use {from}::process::Command;"),
                format!("use {from}::process::{{"),
            ];
            plain.iter().any(|line| production.contains(line))
        });
        let renamed = production.contains("process::Command as Process;");
        if full || (imported && makes("Command")) || (renamed && makes("Process")) {
            wrong.push(path.display().to_string());
        }
    }
    assert!(
        wrong.is_empty(),
        "make them with subprocess::command: {wrong:?}"
    );
}

#[test]
fn the_table_has_no_cycle() {
    // `cli` holds the enum of commands and `commands` reads the global arguments: one pair by design.
    let mut left: BTreeMap<&str, BTreeSet<&str>> = TABLE
        .iter()
        .map(|(module, imports)| (*module, imports.iter().copied().collect()))
        .collect();
    left.get_mut("commands").unwrap().remove("cli");
    while !left.is_empty() {
        let free: Vec<&str> = left
            .iter()
            .filter(|(_, imports)| imports.is_empty())
            .map(|(m, _)| *m)
            .collect();
        assert!(!free.is_empty(), "a cycle among {:?}", left.keys());
        for module in free {
            left.remove(module);
            left.values_mut().for_each(|imports| {
                imports.remove(module);
            });
        }
    }
}

#[test]
fn nobody_reaches_past_the_parent_module() {
    for path in sources() {
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("super::super"), "{}", path.display());
    }
}

#[test]
fn files_stay_small() {
    for path in sources() {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= LONGEST, "{} has {lines} lines", path.display());
    }
}

/// Secrets are compared by `Secret::is`, and by types that use `subtle`. With a word of ours they may be compared in any
/// way: what that tells is no secret.
#[test]
fn secrets_are_compared_in_constant_time() {
    for path in sources() {
        if path.to_string_lossy().ends_with("tests.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let production = text.split("#[cfg(test)]\nmod tests {").next();
        let words = production.unwrap_or_default().split_whitespace();
        let joined = words.collect::<Vec<_>>().join(" ");
        for statement in joined.split([';', '{', '}', ',', '&', '|']) {
            let compares = [" == ", " != "].iter().any(|sign| {
                let mut sides = statement.split(sign).skip(1);
                sides.any(|right| !right.starts_with('"'))
            });
            let secret = statement.replace(' ', "").contains(".expose()");
            assert!(!(compares && secret), "{}: {statement}", path.display());
        }
    }
}

/// Files outside `files` that open a file by its name, each with its reason. `/proc` is read everywhere.
const OPENERS: &[(&str, &str)] = &[
    ("commands/man/mod.rs", "writes manual pages for packagers"),
    ("commands/relay/layers.rs", "tests"),
    ("daemon/agreements.rs", "appends what it has agreed on"),
    ("daemon/store", "appends rows to timelines"),
    ("output/hidden.rs", "opens the terminal"),
    ("transport/peer/table.rs", "reads tables of the kernel"),
    ("transport/user.rs", "reads /etc/passwd"),
];

/// Limits, modes, owners, pipes and links are decided in one place.
#[test]
fn only_files_opens_files() {
    const CALLS: [&str; 12] = [
        "fs::read(",
        "fs::read_to_string(",
        "fs::write(",
        "fs::copy(",
        "fs::rename(",
        "File::open(",
        "File::create(",
        "File::create_new(",
        "File::options(",
        "OpenOptions::new(",
        "pem_file_iter(",
        "from_pem_file(",
    ];
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for path in sources() {
        let name = path
            .strip_prefix(&src)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let is_test = name.ends_with("tests.rs") || name.contains("tests/");
        if module_of(&path) == "files" || module_of(&path) == "fuzz" || is_test {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("mod tests {").next().unwrap();
        let lines: Vec<&str> = code.lines().collect();
        for (n, line) in lines.iter().enumerate() {
            let with_next = lines[n..(n + 2).min(lines.len())].concat();
            let called = |call: &&str| {
                let before = line.find(*call).map(|at| line[..at].chars().next_back());
                before.is_some_and(|before| !before.is_some_and(char::is_alphanumeric))
            };
            let opens = CALLS.iter().any(called);
            if !opens || with_next.contains("\"/proc/") || line.trim_start().starts_with("//") {
                continue;
            }
            if !OPENERS.iter().any(|(opener, _)| name.starts_with(opener)) {
                wrong.push(format!("{name}:{}: {}", n + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What needs `unsafe` comes from libraries. The one word of ours tells `ctor` that its function may run before `main`.
#[test]
fn nothing_is_unsafe() {
    let mut found = Vec::new();
    for path in sources() {
        for (n, line) in std::fs::read_to_string(&path).unwrap().lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let words: Vec<&str> = code
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .collect();
            if words.contains(&"unsafe") || words.contains(&"unsafe_code") {
                found.push(format!("{}:{}: {}", path.display(), n + 1, line.trim()));
            }
        }
    }
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].ends_with("#[ctor::ctor(unsafe)]"), "{found:#?}");
}
