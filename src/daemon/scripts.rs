//! Scripts and services of a workspace, as its `paseo.json` names them.
//!
//! Each runs in a process group and not in a terminal, ends with the daemon, and is known until then.
//! Nothing proxies a service: it has a port of this machine, and that is all.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use tokio::process::Command;
use tokio::sync::watch;

use super::core::Core;
use super::processes::Running;
use crate::files;
use crate::protocol::scripts::Script;
use crate::subprocess;

/// Largest `paseo.json`, in bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// Scripts that are known at once.
const MAX_SCRIPTS: usize = 128;

/// Why a script was not started or stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ScriptError {
    /// There is no such workspace.
    #[error("Workspace not found: {0}")]
    NoWorkspace(String),
    /// The file does not name it.
    #[error("Script '{0}' is not configured in paseo.json")]
    Unknown(String),
    /// It runs already.
    #[error("Script '{0}' is already running")]
    Running(String),
    /// There are too many.
    #[error("this daemon runs at most {MAX_SCRIPTS} scripts")]
    TooMany,
    /// It cannot be started.
    #[error("Script '{name}' cannot be started: {error}")]
    Start {
        /// Its name.
        name: String,
        /// Why.
        error: String,
    },
}

/// The scripts that were started, by workspace and name.
#[derive(Debug, Default)]
pub(super) struct Scripts(BTreeMap<(String, String), Started>);

/// A script that was started.
#[derive(Debug)]
struct Started {
    port: Option<u16>,
    stop: watch::Sender<bool>,
    /// `None` while it runs.
    end: watch::Receiver<Option<End>>,
}

/// How it ended.
#[derive(Debug, Clone, Copy)]
struct End {
    code: Option<i64>,
}

impl Started {
    fn runs(&self) -> bool {
        self.end.borrow().is_none()
    }
}

/// A script as the file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Configured {
    name: String,
    command: String,
    service: bool,
    port: Option<u16>,
}

/// Reads the scripts of a directory; what makes no sense is left out.
fn configured(dir: &Path) -> Vec<Configured> {
    let path = dir.join("paseo.json");
    let text = files::read(&path, MAX_FILE_BYTES).ok().flatten();
    let file: Value = serde_json::from_slice(&text.unwrap_or_default()).unwrap_or_default();
    let none = Map::new();
    let scripts = file["scripts"].as_object().unwrap_or(&none);
    let read = |(name, entry): (&String, &Value)| {
        let command = entry["command"].as_str().map(str::trim);
        Some(Configured {
            name: name.clone(),
            command: command.filter(|command| !command.is_empty())?.to_owned(),
            service: entry["type"] == "service",
            port: entry["port"].as_u64().and_then(|port| port.try_into().ok()),
        })
    };
    scripts.iter().filter_map(read).collect()
}

impl Configured {
    fn show(&self, started: Option<&Started>) -> Script {
        let end = started.and_then(|started| *started.end.borrow());
        let runs = started.is_some_and(Started::runs);
        Script {
            script_name: self.name.clone(),
            kind: if self.service { "service" } else { "script" }.to_owned(),
            hostname: self.name.clone(),
            port: started.and_then(|started| started.port),
            lifecycle: if runs { "running" } else { "stopped" }.to_owned(),
            exit_code: end.and_then(|end| end.code),
            ..Script::default()
        }
    }

    fn command(&self, dir: &str, port: Option<u16>) -> Command {
        let mut command = Command::from(subprocess::command("sh"));
        command
            .args(["-c", &self.command])
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Some(port) = port {
            command
                .env("HOST", "127.0.0.1")
                .env("PORT", port.to_string())
                .env("PASEO_PORT", port.to_string());
        }
        command
    }
}

/// A port that nobody has at this moment.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

impl Core {
    /// All scripts of a workspace.
    pub(super) fn scripts_of(&self, workspace: &str) -> Result<Vec<Script>, ScriptError> {
        let dir = self.script_dir(workspace)?;
        let started = self.scripts();
        let key = |name: &str| (workspace.to_owned(), name.to_owned());
        let all = configured(Path::new(&dir)).into_iter();
        Ok(all
            .map(|script| script.show(started.0.get(&key(&script.name))))
            .collect())
    }

    fn script_dir(&self, workspace: &str) -> Result<String, ScriptError> {
        let workspaces = self.workspaces();
        let found = workspaces
            .get(workspace)
            .filter(|w| w.archived_at.is_none());
        let found = found.ok_or_else(|| ScriptError::NoWorkspace(workspace.to_owned()))?;
        Ok(found.directory.clone())
    }

    fn script(&self, workspace: &str, name: &str) -> Result<Script, ScriptError> {
        let mut all = self.scripts_of(workspace)?.into_iter();
        let found = all.find(|script| script.script_name == name);
        found.ok_or_else(|| ScriptError::Unknown(name.to_owned()))
    }

    /// Starts a script.
    pub(super) fn start_script(
        self: &Arc<Self>,
        workspace: &str,
        name: &str,
    ) -> Result<Script, ScriptError> {
        let dir = self.script_dir(workspace)?;
        let mut all = configured(Path::new(&dir)).into_iter();
        let script = all.find(|script| script.name == name);
        let script = script.ok_or_else(|| ScriptError::Unknown(name.to_owned()))?;
        let key = (workspace.to_owned(), name.to_owned());
        {
            let mut scripts = self.scripts();
            if scripts.0.get(&key).is_some_and(Started::runs) {
                return Err(ScriptError::Running(name.to_owned()));
            }
            if scripts.0.len() >= MAX_SCRIPTS {
                scripts.0.retain(|_, started| started.runs());
            }
            if scripts.0.len() >= MAX_SCRIPTS {
                return Err(ScriptError::TooMany);
            }
            let failed = |error: std::io::Error| ScriptError::Start {
                name: name.to_owned(),
                error: error.to_string(),
            };
            let port = match (script.service, script.port) {
                (true, None) => Some(free_port().map_err(failed)?),
                (_, port) => port,
            };
            let running = self.processes.spawn(script.command(&dir, port));
            let stop = watch::Sender::new(false);
            let (ended, end) = watch::channel(None);
            let follow = follow(
                Arc::clone(self),
                key.0.clone(),
                running.map_err(failed)?,
                stop.subscribe(),
                ended,
            );
            self.spawn(follow);
            scripts.0.insert(key, Started { port, stop, end });
        }
        self.show_scripts(workspace);
        self.script(workspace, name)
    }

    /// Stops a script and waits for its end; one that does not run is no error.
    pub(super) async fn stop_script(
        &self,
        workspace: &str,
        name: &str,
    ) -> Result<Script, ScriptError> {
        let key = (workspace.to_owned(), name.to_owned());
        let end = self.scripts().0.get(&key).map(|started| {
            started.stop.send_replace(true);
            started.end.clone()
        });
        if let Some(mut end) = end {
            // An error means that its end was noted, or that the daemon ends.
            let _ = end.wait_for(Option::is_some).await;
        }
        self.script(workspace, name)
    }

    /// Stops all scripts of a workspace that is archived.
    pub(super) fn stop_scripts(&self, workspace: &str) {
        let scripts = self.scripts();
        for (_, started) in scripts.0.iter().filter(|(key, _)| key.0 == workspace) {
            started.stop.send_replace(true);
        }
    }

    fn show_scripts(&self, workspace: &str) {
        if let Ok(scripts) = self.scripts_of(workspace) {
            let update = json!({ "workspaceId": workspace, "scripts": scripts });
            self.hub.broadcast("script_status_update", &update);
        }
    }
}

/// Waits for the end of a script, or brings it about.
async fn follow(
    core: Arc<Core>,
    workspace: String,
    mut running: Running,
    mut stop: watch::Receiver<bool>,
    ended: watch::Sender<Option<End>>,
) {
    let mut daemon = core.stop.subscribe();
    let stopped = async {
        tokio::select! {
            // An error means that nobody can stop it any more.
            _ = stop.wait_for(|stop| *stop) => {}
            _ = daemon.wait_for(|stop| *stop) => {}
        }
    };
    let code = tokio::select! {
        status = running.wait() => status.ok().and_then(|status| status.code()).map(i64::from),
        // Official daemons say so of a script that was told to end, however it did.
        () = stopped => {
            let _ = running.end().await;
            Some(0)
        }
    };
    ended.send_replace(Some(End { code }));
    core.show_scripts(&workspace);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Vec<Configured> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("paseo.json"), text).unwrap();
        configured(dir.path())
    }

    #[test]
    fn what_makes_no_sense_is_left_out() {
        let text = r#"{"scripts":{"b":{"command":" make "},"a":{"type":"service","command":"serve",
            "port":8080},"c":{},"d":{"command":""},"e":7,"f":{"command":"x","port":70000}}}"#;
        let found = read(text);
        let names: Vec<_> = found.iter().map(|script| script.name.as_str()).collect();
        assert_eq!(names, ["b", "a", "f"]);
        assert_eq!(
            (found[0].command.as_str(), found[0].service),
            ("make", false)
        );
        assert_eq!(
            (found[1].port, found[1].service, found[2].port),
            (Some(8080), true, None)
        );
        assert_eq!(configured(Path::new("/nonexistent")), []);
    }

    proptest! {
        #[test]
        fn any_file_is_answered(text in "\\PC*", name in "\\PC{0,8}") {
            read(&text);
            read(&json!({ "scripts": { name: text } }).to_string());
        }
    }
}
