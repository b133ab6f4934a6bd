//! Telling people that an agent wants them.

use serde_json::{Value, json};

use super::{Agent, Attention};
use crate::daemon::clock::now;
use crate::daemon::core::Core;
use crate::protocol::timeline::{AgentStream, StreamEvent};

impl Core {
    /// Marks an agent for attention and says so.
    pub(super) fn attention(&self, agent: &mut Agent, reason: &str) {
        let since = now();
        agent.record.attention = Some(Attention {
            reason: reason.to_owned(),
            since: since.clone(),
        });
        let notification = self.notification(agent, reason);
        self.hub.attention(AgentStream {
            agent_id: agent.record.id.clone(),
            event: StreamEvent::AttentionRequired {
                provider: agent.record.provider.clone(),
                reason: reason.to_owned(),
                timestamp: since.clone(),
                should_notify: false,
                notification: Some(notification),
            },
            timestamp: since,
            seq: None,
            epoch: None,
        });
    }

    fn notification(&self, agent: &Agent, reason: &str) -> Value {
        let (title, body) = match reason {
            "permission" => {
                let asked = agent.asked.last().map(|asked| &asked.request);
                let line = asked.and_then(|r| r.title.clone().or(Some(r.name.clone())));
                ("Agent needs permission", line.unwrap_or_default())
            }
            "error" => ("Agent needs attention", "Encountered an error.".to_owned()),
            _ => {
                let timeline = agent.rows.as_ref().map(|rows| &rows.0);
                let said = timeline.and_then(|timeline| timeline.last_message());
                ("Agent finished", shorten(&said.unwrap_or_default(), 200))
            }
        };
        let mut data = json!({
            "serverId": self.identity.server_id.as_str(),
            "agentId": agent.record.id,
            "reason": reason,
        });
        if let Some(workspace) = &agent.record.workspace_id {
            data["workspaceId"] = json!(workspace);
        }
        json!({ "title": title, "body": body, "data": data })
    }
}

/// Cuts off what is too long, and shows that.
pub(in crate::daemon) fn shorten(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((cut, _)) => format!("{}…", text[..cut].trim_end()),
        None => text.to_owned(),
    }
}
