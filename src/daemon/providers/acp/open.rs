//! How a session is opened: the process, `initialize`, and a session that is new or goes on.

use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::process::Command;

use super::Shared;
use super::mcp;
use super::peer::Peer;
use super::schema::{Initialized, SessionInfo, SessionState, Sessions, VERSION};
use super::talk::{Failure, LIMIT, Talk};
use crate::daemon::providers::SessionSpec;
use crate::subprocess;

/// Pages of sessions that are read of one agent.
const MAX_PAGES: usize = 50;
/// How long somebody may take to log in, perhaps in a browser.
const LOGIN: Duration = Duration::from_secs(600);

/// Why a session of an agent cannot go on.
#[derive(Debug)]
pub(super) struct NotContinued(pub(super) String);

/// Starts the process of an agent and greets it.
pub(super) async fn start(shared: &Arc<Shared>, spec: &SessionSpec) -> Result<Talk, Failure> {
    let mut argv = shared.argv.iter();
    let program = argv.next().cloned().unwrap_or_default();
    let mut command = Command::from(subprocess::command(&program));
    command
        .args(argv)
        .current_dir(&spec.cwd)
        .envs(&spec.env)
        .env("PASEO_AGENT_ID", &spec.agent_id);
    let peer = Peer::start(&shared.processes, command)
        .map_err(|source| Failure::Start { program, source })?;
    let mut talk = Talk::new(peer, Arc::clone(shared));
    let method = "initialize";
    let params = json!({
        "protocolVersion": VERSION,
        "clientCapabilities": {
            "fs": { "readTextFile": false, "writeTextFile": false },
            "terminal": false,
            "auth": { "terminal": true },
            // What `auth.terminal` was called before it had a place of its own.
            "_meta": { "terminal-auth": true },
        },
        "clientInfo": { "name": "paseo", "version": env!("CARGO_PKG_VERSION") },
    });
    let info: Initialized = ask(&mut talk, method, params).await?;
    if info.protocol_version != VERSION {
        let version = info.protocol_version;
        let error = format!("the agent speaks version {version} of ACP, not {VERSION}");
        return Err(Failure::Refused(error));
    }
    talk.can = info.agent_capabilities;
    talk.logins = info.auth_methods;
    talk.name = info
        .agent_info
        .map(|info| format!("{} {}", info.name, info.version));
    Ok(talk)
}

/// Has an agent log in.
pub(super) async fn log_in(
    shared: &Arc<Shared>,
    spec: &SessionSpec,
    way: &str,
) -> Result<(), Failure> {
    let mut talk = start(shared, spec).await?;
    if !talk.logins.iter().any(|known| known.id == way) {
        let known: Vec<_> = talk.logins.iter().map(|known| known.id.as_str()).collect();
        let error = format!(
            "the agent has no way to log in '{way}', but: {}",
            known.join(", ")
        );
        return Err(Failure::Refused(error));
    }
    let method = "authenticate";
    let params = json!({ "methodId": way });
    match talk.call(method, params, None, Some(LOGIN)).await? {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::Refused(format!("the login failed: {error}"))),
    }
}

/// Opens a session without history.
pub(super) async fn new(talk: &mut Talk, spec: &SessionSpec) -> Result<(), Failure> {
    let method = "session/new";
    let params = params(talk, spec, None)?;
    let state: SessionState = ask(talk, method, params).await?;
    talk.session = state.session_id.clone().ok_or(Failure::Answer(method))?;
    talk.offers.learn(state);
    Ok(())
}

/// Ends a session that nobody has used, in every way that the agent has, so that it is in no list of its sessions.
pub(super) async fn forget(talk: &mut Talk) -> Result<(), Failure> {
    let can = &talk.can.session_capabilities;
    let ways = [
        ("session/close", can.close.is_some()),
        ("session/delete", can.delete.is_some()),
    ];
    for (method, _) in ways.into_iter().filter(|(_, offered)| *offered) {
        let params = json!({ "sessionId": talk.session });
        // A refusal leaves the other way.
        let _ = talk.call(method, params, None, Some(LIMIT)).await?;
    }
    Ok(())
}

/// Asks an agent for the sessions that it has kept, newest first as it orders them.
pub(super) async fn sessions(
    talk: &mut Talk,
    cwd: Option<&str>,
) -> Result<Vec<SessionInfo>, Failure> {
    let mut found = Vec::new();
    let mut cursor = None;
    for _ in 0..MAX_PAGES {
        let mut params = json!({});
        if let Some(cwd) = cwd {
            params["cwd"] = json!(cwd);
        }
        if let Some(cursor) = cursor.take() {
            params["cursor"] = json!(cursor);
        }
        let page: Sessions = ask(talk, "session/list", params).await?;
        found.extend(page.sessions);
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok(found)
}

/// Goes on with a session, in the first of the agent's ways that works.
pub(super) async fn go_on(
    talk: &mut Talk,
    spec: &SessionSpec,
    id: &str,
) -> Result<Result<(), NotContinued>, Failure> {
    let ways = [
        (
            "session/resume",
            talk.can.session_capabilities.resume.is_some(),
        ),
        ("session/load", talk.can.load_session),
    ];
    let mut refusals = Vec::new();
    for (method, _) in ways.into_iter().filter(|(_, offered)| *offered) {
        let params = params(talk, spec, Some(id))?;
        match talk.call(method, params, None, Some(LIMIT)).await? {
            Ok(answer) => {
                talk.session = id.to_owned();
                let state = serde_json::from_str::<Option<SessionState>>(answer.get());
                talk.offers.learn(state.ok().flatten().unwrap_or_default());
                return Ok(Ok(()));
            }
            // Whoever logs in has the session again.
            Err(error) if error.asks_for_login() => return Err(talk.refused(method, error)),
            Err(error) => refusals.push(format!("{method}: {error}")),
        }
    }
    if refusals.is_empty() {
        refusals.push("it can neither resume nor load one".to_owned());
    }
    Ok(Err(NotContinued(refusals.join("; "))))
}

/// Asks for something that the agent must answer in time; a refusal is a failure.
pub(super) async fn ask<T: DeserializeOwned>(
    talk: &mut Talk,
    method: &'static str,
    params: Value,
) -> Result<T, Failure> {
    let answer = talk.call(method, params, None, Some(LIMIT)).await?;
    talk.read(method, answer)
}

/// The arguments of what opens a session.
pub(super) fn params(
    talk: &Talk,
    spec: &SessionSpec,
    session: Option<&str>,
) -> Result<Value, Failure> {
    let servers = mcp::servers(&spec.mcp_servers, &talk.can.mcp_capabilities)?;
    let mut params = json!({ "cwd": spec.cwd, "mcpServers": servers });
    if let Some(session) = session {
        params["sessionId"] = json!(session);
    }
    Ok(params)
}
