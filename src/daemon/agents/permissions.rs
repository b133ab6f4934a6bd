//! Questions of agents, and their answers.

use tokio::sync::oneshot;

use super::{Agent, AgentError, Asked};
use crate::daemon::core::Core;
use crate::protocol::agents::PermissionRequest;
use crate::protocol::permissions::{PermissionAnswer, PermissionAsked, PermissionResolved};
use crate::protocol::timeline::StreamEvent;

/// Questions of one agent that may wait; more are refused.
const MAX_ASKED: usize = 64;

impl Core {
    /// An agent asks; the answer goes back through `answer`, whose loss means no.
    pub(super) fn asked(
        &self,
        agent: &mut Agent,
        request: PermissionRequest,
        answer: oneshot::Sender<PermissionAnswer>,
    ) {
        if agent.asked.len() >= MAX_ASKED {
            return;
        }
        agent.asked.push(Asked {
            request: request.clone(),
            answer,
        });
        let id = agent.record.id.clone();
        let event = StreamEvent::PermissionRequested {
            provider: agent.record.provider.clone(),
            request: Box::new(request.clone()),
        };
        self.stream(&id, event);
        let asked = PermissionAsked {
            agent_id: id,
            request,
        };
        self.hub.broadcast("agent_permission_request", &asked);
        self.attention(agent, "permission");
        self.touch(agent);
    }

    /// A person answers.
    pub(in crate::daemon) fn answer(
        &self,
        id: &str,
        request_id: &str,
        resolution: PermissionAnswer,
    ) -> Result<PermissionResolved, AgentError> {
        let mut agents = self.agents();
        let agent = agents.get_mut(id)?;
        let at = agent
            .asked
            .iter()
            .position(|asked| asked.request.id == request_id)
            .ok_or_else(|| {
                AgentError::Invalid(format!("no such permission request: {request_id}"))
            })?;
        let asked = agent.asked.remove(at);
        let interrupts = matches!(
            resolution,
            PermissionAnswer::Deny {
                interrupt: Some(true),
                ..
            }
        );
        // The turn may have ended just now, and then nobody needs the answer.
        let _ = asked.answer.send(resolution.clone());
        if interrupts && let Some(turn) = &agent.turn {
            turn.stop.send_replace(true);
        }
        if agent.asked.is_empty() {
            agent.record.attention = None;
        }
        let event = StreamEvent::PermissionResolved {
            provider: agent.record.provider.clone(),
            request_id: request_id.to_owned(),
            resolution: resolution.clone(),
        };
        self.stream(id, event);
        self.touch(agent);
        Ok(PermissionResolved {
            agent_id: id.to_owned(),
            request_id: request_id.to_owned(),
            resolution,
        })
    }
}
