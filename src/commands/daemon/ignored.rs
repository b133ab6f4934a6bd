//! Signals that were ignored when the daemon was started: `nohup` ignores SIGHUP, a shell SIGQUIT of what is in the
//! background.

/// Lets programs that the daemon starts hear them again; the daemon itself goes on ignoring them. What is ignored stays
/// so in a child, and what is caught does not (execve(2)), so a terminal that closes would not end what runs in it.
/// Call it within a runtime.
pub(super) fn catch() {
    #[cfg(target_os = "linux")]
    {
        use tokio::signal::unix::SignalKind;

        use crate::commands::signals::catch;
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        for kind in [SignalKind::hangup(), SignalKind::quit()] {
            let is_ignored = mask.unwrap_or_default() >> (kind.as_raw_value() - 1) & 1 == 1;
            // It stays caught when what would tell of it is dropped.
            if is_ignored && let Err(error) = catch(kind) {
                tracing::warn!(%error, "programs in terminals may outlive them");
            }
        }
    }
}
