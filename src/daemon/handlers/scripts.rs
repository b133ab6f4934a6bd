//! Scripts of workspaces. Refusals stand in the replies.

use crate::daemon::dispatch::{Call, Refusal, Serve};
use crate::daemon::scripts::ScriptError;
use crate::protocol::scripts::{ListScripts, Script, Scripts, StartScript, StopScript};

impl Serve for ListScripts {
    async fn serve(self, call: &Call) -> Result<Scripts, Refusal> {
        let found = call.core.scripts_of(&self.workspace_id);
        Ok(Scripts {
            error: found.as_ref().err().map(ToString::to_string),
            scripts: Some(found.unwrap_or_default()),
            workspace_id: self.workspace_id,
            ..Scripts::default()
        })
    }
}

impl Serve for StartScript {
    async fn serve(self, call: &Call) -> Result<Scripts, Refusal> {
        let started = call
            .core
            .start_script(&self.workspace_id, &self.script_name);
        Ok(one(self.workspace_id, self.script_name, started))
    }
}

impl Serve for StopScript {
    async fn serve(self, call: &Call) -> Result<Scripts, Refusal> {
        let stopped = call.core.stop_script(&self.workspace_id, &self.script_name);
        let stopped = stopped.await;
        Ok(one(self.workspace_id, self.script_name, stopped))
    }
}

fn one(workspace_id: String, name: String, script: Result<Script, ScriptError>) -> Scripts {
    Scripts {
        workspace_id,
        script_name: Some(name),
        error: script.as_ref().err().map(ToString::to_string),
        script: script.ok(),
        scripts: None,
    }
}
