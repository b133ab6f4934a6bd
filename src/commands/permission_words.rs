//! What a connection may do with its daemon, for people.

use crate::protocol::daemon_permission::DaemonPermission;

/// Returns `all`, or the names of what it may do.
pub(super) fn permission_words(held: &[String]) -> String {
    let holds = |permission: &DaemonPermission| held.iter().any(|it| it == permission.as_str());
    match DaemonPermission::ALL.iter().all(holds) {
        true => "all".to_owned(),
        false if held.is_empty() => "none".to_owned(),
        false => held.join(", "),
    }
}
