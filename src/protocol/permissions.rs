//! Answers to agents that ask (`docs/protocol.md`, "Permissions").

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::agents::PermissionRequest;

/// What a person answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "behavior",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub enum PermissionAnswer {
    /// Go on.
    Allow {
        /// One of the choices; without it the first that allows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        selected_action_id: Option<String>,
        /// Replaces the tool's input, or answers the questions.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        updated_input: Option<Value>,
        /// Rules for the time after.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        updated_permissions: Option<Value>,
    },
    /// Do not.
    Deny {
        /// One of the choices; without it the first that denies.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        selected_action_id: Option<String>,
        /// Why, for the agent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
        /// Whether to end the turn as well.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        interrupt: Option<bool>,
    },
}

/// `agent_permission_response`. Its `requestId` is the id of the permission request. There is no
/// reply of its own: [`PermissionResolved`] tells all sessions, after the agent went on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswerPermission {
    /// Full id.
    pub agent_id: String,
    /// The answer.
    pub response: PermissionAnswer,
}

/// `agent_permission_resolved`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PermissionResolved {
    /// Full id.
    pub agent_id: String,
    /// Id of the permission request.
    pub request_id: String,
    /// The answer.
    pub resolution: PermissionAnswer,
}

/// `agent_permission_request`: an agent waits for a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PermissionAsked {
    /// Full id.
    pub agent_id: String,
    /// What it asks.
    pub request: PermissionRequest,
}

requests! {
    changes AnswerPermission: "agent_permission_response" => "agent_permission_resolved" PermissionResolved;
}
