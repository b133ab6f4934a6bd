//! Tests that cannot run everywhere: what they need, and that they are skipped without it.

use std::io::Write;

/// Returns whether a program is not in the PATH, so that the test must be skipped.
pub(crate) fn is_missing(tool: &str) -> bool {
    let path = variable("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|dir| dir.join(tool).is_file()) {
        return false;
    }
    skip(&format!("{tool} is not installed"));
    true
}

/// Says that a test, or the rest of it, is skipped. In CI, which has all that tests need, that is a failure.
pub(crate) fn skip(why: &str) {
    assert!(variable("CI").is_none(), "skipped in CI: {why}");
    tell_skipped(why);
}

/// The same for what CI cannot have.
pub(crate) fn tell_skipped(why: &str) {
    let test = std::thread::current();
    let test = test.name().unwrap_or("a test");
    // Not by a macro: what a passing test prints with one is not shown.
    // Where nobody reads stderr, nobody is told.
    let _ = writeln!(std::io::stderr(), "skipped {test}: {why}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests have no other access to PATH and CI"
)]
fn variable(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name)
}
