//! The handlers of requests, by subject. Each takes a request apart, has the core do the work, and
//! puts the reply together.

mod agents;
mod daemon;
mod permissions;
mod projects;
mod providers;
mod schedules;
mod scripts;
mod terminals;
mod timeline;
mod workspaces;
mod worktrees;

use std::sync::Arc;

use super::core::Core;
use super::hub::Membership;
use crate::transport::Frame;

/// Takes a message that is never answered; false when it is not one.
pub(super) async fn notice(core: &Arc<Core>, socket: &Membership, kind: &str, text: &str) -> bool {
    terminals::notice(core, socket, kind, text).await
}

/// Takes a frame of bytes.
pub(super) async fn bytes(core: &Arc<Core>, socket: &Membership, frame: Frame) {
    terminals::bytes(core, socket, frame).await;
}
