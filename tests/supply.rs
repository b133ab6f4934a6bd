//! What is built in: licences, bans, versions that are there twice, sources. `deny.toml` is the list; `cargo deny`
//! reads the same one before a release, and has the advisories beside it.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test stops at the first surprise"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// A crate that is part of a program of ours, on any platform.
struct Crate {
    name: String,
    version: String,
    licence: String,
    source: Option<String>,
    rust: Option<String>,
}

/// Everything that is built in, on all platforms; what only tests need is left out.
fn built_in() -> Vec<Crate> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let list = |value: &Value| value.as_array().unwrap().clone();
    let nodes = list(&metadata["resolve"]["nodes"]);
    let nodes: BTreeMap<&str, &Value> = nodes
        .iter()
        .map(|node| (node["id"].as_str().unwrap(), node))
        .collect();
    let mut reached = BTreeSet::new();
    let mut pending = vec![metadata["resolve"]["root"].as_str().unwrap().to_owned()];
    while let Some(id) = pending.pop() {
        if !reached.insert(id.clone()) {
            continue;
        }
        for dependency in list(&nodes[id.as_str()]["deps"]) {
            if list(&dependency["dep_kinds"])
                .iter()
                .any(|kind| kind["kind"] != "dev")
            {
                pending.push(dependency["pkg"].as_str().unwrap().to_owned());
            }
        }
    }
    let text = |value: &Value| value.as_str().map(str::to_owned);
    list(&metadata["packages"])
        .iter()
        .filter(|package| reached.contains(package["id"].as_str().unwrap()))
        .map(|package| Crate {
            name: text(&package["name"]).unwrap(),
            version: text(&package["version"]).unwrap(),
            licence: text(&package["license"]).unwrap_or_default(),
            source: text(&package["source"]),
            rust: text(&package["rust_version"]),
        })
        .collect()
}

fn rules() -> toml::Table {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/deny.toml");
    std::fs::read_to_string(path).unwrap().parse().unwrap()
}

/// The `crate` of each entry of a list of `[bans]`.
fn crates<'a>(rules: &'a toml::Table, list: &str) -> Vec<&'a str> {
    let entries = rules["bans"][list].as_array().unwrap();
    entries
        .iter()
        .map(|entry| entry["crate"].as_str().unwrap())
        .collect()
}

/// Whether an SPDX expression (or the older form with a slash) can be kept by keeping allowed licences.
fn is_allowed(expression: &str, allowed: &[&str]) -> bool {
    let expression = expression.replace('/', " OR ");
    // In SPDX, AND binds closer; brackets change that, and none of ours nest.
    let factors = |text: &str| {
        text.split(" AND ")
            .all(|part| allowed.contains(&part.trim()))
    };
    if let Some((group, rest)) = expression
        .strip_prefix('(')
        .and_then(|text| text.split_once(')'))
    {
        let rest = rest.trim().trim_start_matches("AND").trim();
        return is_allowed(group, allowed) && (rest.is_empty() || is_allowed(rest, allowed));
    }
    expression.split(" OR ").any(factors)
}

#[test]
fn licences_bans_versions_and_sources_are_those_of_deny_toml() {
    let (rules, crates_there) = (rules(), built_in());
    assert!(
        crates_there.len() > 200,
        "only {} crates",
        crates_there.len()
    );
    let allowed = rules["licenses"]["allow"].as_array().unwrap();
    let allowed: Vec<&str> = allowed
        .iter()
        .map(|licence| licence.as_str().unwrap())
        .collect();
    let (denied, skipped) = (crates(&rules, "deny"), crates(&rules, "skip"));
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for Crate {
        name,
        version,
        licence,
        source,
        ..
    } in &crates_there
    {
        assert!(is_allowed(licence, &allowed), "{name} {version}: {licence}");
        assert!(!denied.contains(&name.as_str()), "{name} is banned");
        if name != "paseo" {
            let crates_io = "registry+https://github.com/rust-lang/crates.io-index";
            assert_eq!(source.as_deref(), Some(crates_io), "{name}");
        }
        if !skipped.contains(&format!("{name}@{version}").as_str()) {
            versions.entry(name).or_default().push(version);
        }
    }
    versions.retain(|_, versions| versions.len() > 1);
    assert!(
        versions.is_empty(),
        "twice, and not explained in deny.toml: {versions:?}"
    );
    for skipped in skipped {
        let is_there = |found: &Crate| format!("{}@{}", found.name, found.version) == skipped;
        assert!(
            crates_there.iter().any(is_there),
            "{skipped} is explained, and not there"
        );
    }
}

/// Nothing that is built in needs a newer compiler than we say.
#[test]
fn the_oldest_compiler_is_the_one_that_is_named() {
    let number = |version: &str| -> Vec<u32> {
        version
            .split('.')
            .map(|part| part.parse().unwrap())
            .collect()
    };
    let ours = number(env!("CARGO_PKG_RUST_VERSION"));
    for Crate { name, rust, .. } in built_in() {
        let needs = rust.map_or_else(Vec::new, |rust| number(&rust)[..2].to_vec());
        assert!(needs <= ours, "{name} needs Rust {needs:?}");
    }
}

#[test]
fn expressions_are_read_as_spdx_has_them() {
    let allowed = ["MIT", "ISC", "Apache-2.0"];
    for (expression, is) in [
        ("MIT", true),
        ("GPL-3.0 OR MIT", true),
        ("Apache-2.0/MIT", true),
        ("Apache-2.0 AND ISC", true),
        ("MIT AND GPL-3.0", false),
        ("(MIT OR GPL-3.0) AND ISC", true),
        ("(MIT OR GPL-3.0) AND GPL-3.0", false),
        ("", false),
    ] {
        assert_eq!(is_allowed(expression, &allowed), is, "{expression}");
    }
}

/// CI builds the fuzz targets with a lock of their own, in its last step.
#[test]
fn the_lock_of_the_fuzz_targets_knows_every_crate() {
    let table = |path: &str| -> toml::Table {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        std::fs::read_to_string(path).unwrap().parse().unwrap()
    };
    let manifest = table("Cargo.toml");
    let targets = manifest["target"].as_table().unwrap().values();
    let everywhere = toml::Value::Table(manifest.clone());
    let tables = targets.chain([&everywhere]);
    let mut wanted = BTreeSet::new();
    for dependencies in tables.filter_map(|table| table.get("dependencies")) {
        for (name, how) in dependencies.as_table().unwrap() {
            if how.get("optional").is_none() {
                let renamed = how.get("package").and_then(toml::Value::as_str);
                wanted.insert(renamed.unwrap_or(name).to_owned());
            }
        }
    }
    let lock = table("tests/fuzz/Cargo.lock");
    let packages = lock["package"].as_array().unwrap();
    let ours = packages
        .iter()
        .find(|p| p["name"].as_str() == Some("paseo"));
    let known = ours.unwrap()["dependencies"].as_array().unwrap().iter();
    let known: BTreeSet<String> = known
        .map(|name| name.as_str().unwrap().split(' ').next().unwrap().to_owned())
        .collect();
    let missing: Vec<_> = wanted.difference(&known).collect();
    assert!(wanted.len() > 40, "{}", wanted.len());
    assert!(
        missing.is_empty(),
        "cargo metadata --manifest-path tests/fuzz/Cargo.toml adds {missing:?}"
    );
}
