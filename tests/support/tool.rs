//! Programs that a test needs and a machine may not have.

use std::io::Write;

/// Returns whether a program is not in the PATH, so that the test must be skipped. In CI, which installs all of them, that is a
/// failure.
#[expect(
    clippy::disallowed_methods,
    reason = "tests have no other access to PATH and CI"
)]
pub(crate) fn is_missing(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|dir| dir.join(tool).is_file()) {
        return false;
    }
    assert!(std::env::var_os("CI").is_none(), "{tool} is not installed");
    let test = std::thread::current();
    let test = test.name().unwrap_or("a test");
    // Not by a macro: what a passing test prints with one is not shown.
    let told = writeln!(std::io::stderr(), "skipped {test}: {tool} is not installed");
    told.is_ok()
}
