//! `paseo daemon guard`: what [`crate::daemon::guard`] runs in.

use std::ffi::OsString;

use crate::commands::Outcome;
use crate::output::Output;

/// Program and arguments of this command, as `daemon run` starts it. Without a path to this program
/// there is no guard.
pub(super) fn command() -> Vec<OsString> {
    // The link stays good when the program's file is replaced by a newer version.
    let link = std::path::Path::new("/proc/self/exe");
    let program = match link.exists() {
        true => Ok(link.to_owned()),
        false => std::env::current_exe(),
    };
    program.map_or_else(
        |_| Vec::new(),
        |program| vec![program.into(), "daemon".into(), "guard".into()],
    )
}

/// Runs until the daemon at the other end of standard input is gone.
pub(super) fn run() -> Outcome {
    crate::daemon::guard(std::io::stdin().lock());
    Output::Nothing.into()
}
