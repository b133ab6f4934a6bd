//! What a connection may do with its daemon, as `server_info` says from 0.7 on (`docs/protocol.md`, "What a connection may
//! do"). Only connections of a hub have fewer than all.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Code of an `rpc_error`: the connection lacks the permission.
pub const ACCESS_DENIED: &str = "access_denied";

/// A permission of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum DaemonPermission {
    DaemonRead,
    DaemonManage,
    TunnelManage,
    AccessManage,
    WorkspaceRead,
    WorkspaceWrite,
    WorkspaceManage,
    AutomationManage,
    HubExecute,
}

use DaemonPermission::{
    AccessManage, AutomationManage, DaemonManage, DaemonRead, HubExecute, TunnelManage,
    WorkspaceManage, WorkspaceRead, WorkspaceWrite,
};

impl DaemonPermission {
    /// Every one, in the order in which daemons name them.
    pub const ALL: [Self; 9] = [
        DaemonRead,
        DaemonManage,
        TunnelManage,
        AccessManage,
        WorkspaceRead,
        WorkspaceWrite,
        WorkspaceManage,
        AutomationManage,
        HubExecute,
    ];

    /// Returns its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            DaemonRead => "daemon.read",
            DaemonManage => "daemon.manage",
            TunnelManage => "tunnel.manage",
            AccessManage => "access.manage",
            WorkspaceRead => "workspace.read",
            WorkspaceWrite => "workspace.write",
            WorkspaceManage => "workspace.manage",
            AutomationManage => "automation.manage",
            HubExecute => "hub.execute",
        }
    }

    /// Returns what a request needs. `None`: not known here, so the daemon has to say.
    pub fn for_request(kind: &str) -> Option<Self> {
        exact(kind).or_else(|| by_prefix(kind))
    }
}

fn exact(kind: &str) -> Option<DaemonPermission> {
    Some(match kind {
        "ping"
        | "daemon.get_status.request"
        | "get_daemon_config_request"
        | "get_providers_snapshot_request"
        | "refresh_providers_snapshot_request"
        | "list_available_providers_request"
        | "list_provider_models_request"
        | "list_provider_modes_request"
        | "list_provider_features_request"
        | "list_commands_request"
        | "provider_diagnostic_request"
        | "provider.usage.list.request"
        | "usage.list_reports.request" => DaemonRead,
        "daemon.config.reload.request"
        | "set_daemon_config_request"
        | "restart_server_request"
        | "shutdown_server_request" => DaemonManage,
        "daemon.get_pairing_offer.request" => AccessManage,
        "wait_for_finish_request"
        | "fetch_agent_request"
        | "fetch_agents_request"
        | "fetch_agent_timeline_request"
        | "fetch_workspaces_request"
        | "fetch_recent_provider_sessions_request"
        | "agent.timeline.set_subscription.request"
        | "agent.timeline.search.request"
        | "agent.timeline.list_prompts.request"
        | "agent.fork_context.request"
        | "checkout_status_request"
        | "checkout.diff.get.request"
        | "subscribe_checkout_diff_request"
        | "unsubscribe_checkout_diff_request"
        | "file_explorer_request"
        | "file_download_token_request"
        | "list_terminals_request"
        | "subscribe_terminal_request"
        | "subscribe_terminals_request"
        | "unsubscribe_terminal_request"
        | "unsubscribe_terminals_request"
        | "capture_terminal_request"
        | "paseo_worktree_list_request"
        | "project.list.request"
        | "workspace.script.list.request"
        | "chat/inspect"
        | "chat/list"
        | "chat/read"
        | "chat/wait" => WorkspaceRead,
        "agent.create.request"
        | "agent.config.apply.request"
        | "agent.detach.request"
        | "agent.rewind.request"
        | "agent_permission_response"
        | "archive_agent_request"
        | "cancel_agent_request"
        | "clear_agent_attention"
        | "create_agent_request"
        | "create_terminal_request"
        | "delete_agent_request"
        | "import_agent_request"
        | "kill_terminal_request"
        | "refresh_agent_request"
        | "resume_agent_request"
        | "send_agent_message_request"
        | "set_agent_mode_request"
        | "set_agent_model_request"
        | "set_agent_thinking_request"
        | "set_agent_feature_request"
        | "terminal_input"
        | "update_agent_request"
        | "workspace.mark_unread.request"
        | "workspace.script.start.request"
        | "workspace.script.stop.request"
        | "workspace.setup.run.request"
        | "file.upload.request"
        | "fs.file.write.request"
        | "chat/create"
        | "chat/delete"
        | "chat/post" => WorkspaceWrite,
        "archive_workspace_request"
        | "close_items_request"
        | "create_paseo_worktree_request"
        | "open_project_request"
        | "paseo_worktree_archive_request"
        | "project.add.request"
        | "project.github.clone.request"
        | "project.remove.request"
        | "project.rename.request"
        | "workspace.create.request"
        | "workspace.pin.set.request"
        | "workspace.title.set.request"
        | "workspace.label.assignment.set.request" => WorkspaceManage,
        _ => return None,
    })
}

fn by_prefix(kind: &str) -> Option<DaemonPermission> {
    let families = [
        ("schedule/", AutomationManage),
        ("loop/", AutomationManage),
        ("plugin.", DaemonManage),
        ("agent.provider_subagents.", WorkspaceRead),
        ("checkout.commits.", WorkspaceRead),
        ("fs.entry.", WorkspaceWrite),
        ("hub.execution.", HubExecute),
    ];
    let family = families.iter().find(|(prefix, _)| kind.starts_with(prefix));
    family.map(|(_, permission)| *permission)
}

/// Reads the names that a daemon gives; `None`: it gives none, and anything is allowed that it does not refuse.
pub(super) fn names<'de, D>(from: D) -> Result<Option<Vec<String>>, D::Error>
where
    D: Deserializer<'de>,
{
    let Value::Array(names) = Value::deserialize(from)? else {
        return Ok(None);
    };
    let text = |name: Value| match name {
        Value::String(name) => Some(name),
        _ => None,
    };
    Ok(Some(names.into_iter().filter_map(text).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::session::ServerInfo;

    #[test]
    fn a_daemon_says_what_a_connection_may_do() {
        let info = |permissions: &str| -> ServerInfo {
            let text = format!(r#"{{"serverId":"s"{permissions}}}"#);
            serde_json::from_str(&text).unwrap()
        };
        let held = |permissions: &str| {
            let info = info(permissions);
            DaemonPermission::ALL.map(|it| info.permits(it))
        };
        for everything in [
            "",
            r#","permissions":null"#,
            r#","permissions":7"#,
            r#","permissions":["a.new.one"]"#,
        ] {
            assert_eq!(held(everything), [true; 9], "{everything}");
        }
        assert_eq!(held(r#","permissions":[]"#), [false; 9]);
        let some = held(r#","permissions":["workspace.read","a.new.one",7,"hub.execute"]"#);
        let names = DaemonPermission::ALL.iter().zip(some);
        let names: Vec<_> = names
            .filter(|(_, held)| *held)
            .map(|(it, _)| it.as_str())
            .collect();
        assert_eq!(names, ["workspace.read", "hub.execute"]);
    }

    #[test]
    fn every_kind_of_request_has_its_permission() {
        for (kind, permission) in [
            ("ping", Some(DaemonRead)),
            ("shutdown_server_request", Some(DaemonManage)),
            ("daemon.get_pairing_offer.request", Some(AccessManage)),
            ("fetch_agents_request", Some(WorkspaceRead)),
            ("send_agent_message_request", Some(WorkspaceWrite)),
            ("workspace.create.request", Some(WorkspaceManage)),
            ("schedule/run-once", Some(AutomationManage)),
            ("a.new.request", None),
        ] {
            assert_eq!(DaemonPermission::for_request(kind), permission, "{kind}");
        }
    }
}
