//! Answers of people.

use crate::daemon::agents::AgentError;
use crate::daemon::dispatch::{Call, Refusal, Serve};
use crate::protocol::permissions::{AnswerPermission, PermissionResolved};

impl Serve for AnswerPermission {
    async fn serve(self, call: &Call) -> Result<PermissionResolved, Refusal> {
        if uuid::Uuid::try_parse(&self.agent_id).is_err() {
            let error = "a UUID is wanted as agentId".to_owned();
            return Err(AgentError::Invalid(error).into());
        }
        let core = &call.core;
        let resolved = core.answer(&self.agent_id, &call.request_id, self.response)?;
        core.hub
            .broadcast_but(&call.socket, "agent_permission_resolved", &resolved);
        Ok(resolved)
    }
}
