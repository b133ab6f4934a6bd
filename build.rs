//! Tells a release which commit it is made of. The same sources give the same program: nothing of the machine or
//! the time of the build goes in.
//!
//! A build for development does not ask: it would be compiled anew after each commit.

#![allow(
    clippy::disallowed_methods,
    reason = "a build script is told by variables"
)]

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=PASEO_BUILD_COMMIT");
    // Who builds from a tarball says it; who has the repository need not.
    let given = std::env::var("PASEO_BUILD_COMMIT").ok();
    let is_release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let commit = given.or_else(|| is_release.then(commit)?);
    println!(
        "cargo::rustc-env=PASEO_COMMIT={}",
        commit.unwrap_or_default()
    );
}

/// The commit of the work tree; nothing without git, or where there is no repository.
fn commit() -> Option<String> {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    // Sources of a package may lie in somebody else's repository.
    let root = std::fs::canonicalize(git(&["rev-parse", "--show-toplevel"])?).ok()?;
    if root != std::fs::canonicalize(env!("CARGO_MANIFEST_DIR")).ok()? {
        return None;
    }
    // The reflog grows with each commit and checkout.
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    println!("cargo::rerun-if-changed={log}");
    git(&["rev-parse", "HEAD"])
}
