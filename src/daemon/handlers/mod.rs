//! The handlers of requests, by subject. Each takes a request apart, has the core do the work, and
//! puts the reply together.

mod agents;
mod daemon;
mod permissions;
mod projects;
mod providers;
mod schedules;
mod timeline;
mod workspaces;
mod worktrees;

use std::sync::Arc;

use super::core::Core;
use super::hub::Membership;
use crate::transport::Frame;

/// Takes a message that is never answered; false when it is not one.
pub(super) fn notice(_core: &Arc<Core>, _socket: &Membership, _kind: &str, _text: &str) -> bool {
    false
}

/// Takes a frame of bytes.
pub(super) fn bytes(_core: &Arc<Core>, _socket: &Membership, _frame: Frame) {}
