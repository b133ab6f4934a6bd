//! How glibc's allocator is to behave in a relay: what a storm of connections took goes back to the system when they
//! have gone.
//!
//! By default it does not. Each thread keeps freed pieces for itself and has a heap of its own, and each heap keeps the
//! small ones apart; a few kept pieces at the end of a heap hold all of it. With one heap and nothing kept, resident
//! memory is back where it was (docs/performance.md, with what it costs). glibc reads these settings only when a
//! program starts, so the relay starts once more, in the same process: id, sockets and signals stay as they are.

use crate::commands::Context;

/// The settings, in the syntax of `GLIBC_TUNABLES` (glibc manual, "Memory Allocation Tunables").
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const TUNABLES: &str = "glibc.malloc.arena_max=1:glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0";

/// Starts the program anew with the settings, unless the environment has some of its own. Returns when it already
/// runs with them, and also when it cannot be started anew: it then works all the same.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn settle(context: &Context) {
    use std::os::unix::process::CommandExt;

    use crate::{env, subprocess};

    if context.env.is_set(env::GLIBC_TUNABLES) {
        return;
    }
    let mut args = std::env::args_os();
    if let (Some(name), Ok(program)) = (args.next(), std::env::current_exe()) {
        let error = subprocess::command_with(program, &env::SECRETS)
            .arg0(name)
            .args(args)
            .env(env::GLIBC_TUNABLES, TUNABLES)
            .exec();
        tracing::debug!(%error, "the allocator stays as it is");
    }
}

/// Other allocators give memory back by themselves, or have no such settings.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn settle(_: &Context) {}
