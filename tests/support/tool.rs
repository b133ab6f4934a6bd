//! Programs that a test needs and a machine may not have.

/// Returns whether a program is not in the PATH, so that its test must be skipped; that is told in one line. In CI, which
/// installs all of them, it is a failure.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests have no other access to PATH, and a skip is told"
)]
pub(crate) fn is_missing(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|dir| dir.join(tool).is_file()) {
        return false;
    }
    assert!(std::env::var_os("CI").is_none(), "{tool} is not installed");
    println!("skipped: {tool} is not installed");
    true
}
