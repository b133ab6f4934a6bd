//! A session of an ACP agent: from its start over its turns.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::process::Command;

use super::Shared;
use super::offers::Offers;
use super::peer::Peer;
use super::rpc::{AUTH_REQUIRED, RpcError};
use super::schema::{Initialized, Prompted, SessionState, VERSION};
use super::talk::{Answer, Failure, LIMIT, Talk};
use crate::daemon::providers::{Feed, Outcome, Prompt, Report, Session, SessionSpec};
use crate::protocol::timeline::TimelineItem;
use crate::subprocess;

/// A session; its process is started when it is needed, and again when it has died.
pub(super) struct AcpSession {
    shared: Arc<Shared>,
    spec: SessionSpec,
    talk: Option<Talk>,
}

impl AcpSession {
    /// Makes a session; nothing runs yet.
    pub(super) fn new(shared: Arc<Shared>, spec: SessionSpec) -> Self {
        Self {
            shared,
            spec,
            talk: None,
        }
    }

    /// Starts the agent and a session without history, to see what it offers.
    pub(super) async fn look(&self) -> Result<(String, Offers), Failure> {
        let (mut talk, info) = self.start().await?;
        let state = new_session(&mut talk, &self.spec, &info).await?;
        talk.offers.learn(state);
        let name = info
            .agent_info
            .map(|info| format!("{} {}", info.name, info.version));
        Ok((name.unwrap_or_default(), talk.offers))
    }

    async fn start(&self) -> Result<(Talk, Initialized), Failure> {
        let mut argv = self.shared.argv.iter();
        let program = argv.next().cloned().unwrap_or_default();
        let mut command = Command::from(subprocess::command(&program));
        command
            .args(argv)
            .current_dir(&self.spec.cwd)
            .envs(&self.spec.env)
            .env("PASEO_AGENT_ID", &self.spec.agent_id);
        let peer = Peer::start(&self.shared.processes, command)
            .map_err(|source| Failure::Start { program, source })?;
        let mut talk = Talk {
            peer,
            session: String::new(),
            offers: Offers::default(),
            can: Default::default(),
            context: None,
        };
        let params = json!({
            "protocolVersion": VERSION,
            "clientCapabilities": {
                "fs": { "readTextFile": false, "writeTextFile": false },
                "terminal": false,
            },
            "clientInfo": { "name": "paseo", "version": env!("CARGO_PKG_VERSION") },
        });
        let answer = talk.call("initialize", params, None, Some(LIMIT)).await?;
        let info: Initialized = read("initialize", answer, &[])?;
        if info.protocol_version != VERSION {
            let version = info.protocol_version;
            let error = format!("the agent speaks version {version} of ACP, not {VERSION}");
            return Err(Failure::Refused(error));
        }
        talk.can = info.agent_capabilities.clone();
        Ok((talk, info))
    }

    /// Starts the agent and goes on with its session, if it has one and the agent can.
    async fn open(&mut self, feed: &Feed) -> Result<Talk, Failure> {
        let (mut talk, info) = self.start().await?;
        let mut state = None;
        if let Some(id) = &self.spec.session_id {
            let method = match (&talk.can.session_capabilities.resume, talk.can.load_session) {
                (Some(_), _) => Some("session/resume"),
                (None, true) => Some("session/load"),
                (None, false) => None,
            };
            let why = match method {
                Some(method) => {
                    let params = self.params(Some(id));
                    match talk.call(method, params, None, Some(LIMIT)).await? {
                        Ok(answer) => {
                            talk.session = id.clone();
                            state = serde_json::from_str(answer.get()).ok().or(state);
                            state.get_or_insert_default();
                            None
                        }
                        Err(error) => Some(error.to_string()),
                    }
                }
                None => Some("it cannot load one".to_owned()),
            };
            if let Some(why) = why {
                let message = format!(
                    "the agent did not find its earlier session again ({why}); \
                     it goes on without memory of it"
                );
                feed.item(TimelineItem::Error { message }).await?;
            }
        }
        let state: SessionState = match state {
            Some(state) => state,
            None => new_session(&mut talk, &self.spec, &info).await?,
        };
        talk.offers.learn(state);
        if self.spec.session_id.as_ref() != Some(&talk.session) {
            self.spec.session_id = Some(talk.session.clone());
            feed.report(Report::Session(talk.session.clone())).await?;
        }
        self.shared.learn(&talk.offers);
        Ok(talk)
    }

    fn params(&self, session: Option<&str>) -> Value {
        params(&self.spec, session)
    }

    /// The agent, started when need be, with everything set as people want it.
    async fn ready(&mut self, feed: &Feed) -> Result<Talk, Failure> {
        let mut talk = match self.talk.take().filter(|talk| talk.peer.is_alive()) {
            Some(talk) => talk,
            None => self.open(feed).await?,
        };
        let wanted = feed.settings().borrow().clone();
        talk.apply(&wanted).await?;
        talk.tell(Some(feed)).await?;
        Ok(talk)
    }

    async fn prompt(&mut self, prompt: Prompt, feed: &Feed) -> Result<Outcome, Failure> {
        let mut talk = tokio::select! {
            ready = self.ready(feed) => ready?,
            () = feed.stopped() => return Err(Failure::Stopped),
        };
        if !prompt.images.is_empty() && !talk.can.prompt_capabilities.image {
            self.talk = Some(talk);
            return Err(Failure::Refused("the agent takes no pictures".to_owned()));
        }
        let mut blocks = vec![json!({ "type": "text", "text": prompt.text })];
        blocks.extend(prompt.images.iter().map(
            |image| json!({ "type": "image", "data": image.data, "mimeType": image.mime_type }),
        ));
        let params = json!({ "sessionId": talk.session, "prompt": blocks });
        let answer = talk
            .call("session/prompt", params, Some(feed), None)
            .await?;
        let outcome = match read::<Prompted>("session/prompt", answer, &[]) {
            Ok(prompted) => outcome(prompted, &talk),
            Err(failure) => failed(&failure),
        };
        self.talk = Some(talk);
        Ok(outcome)
    }

    async fn load(&mut self, feed: &Feed) -> Result<Outcome, Failure> {
        let id = self.spec.session_id.clone().unwrap_or_default();
        let (mut talk, _) = self.start().await?;
        if !talk.can.load_session {
            let error = "the agent cannot load sessions".to_owned();
            return Err(Failure::Refused(error));
        }
        let params = self.params(Some(&id));
        let answer = talk
            .call("session/load", params, Some(feed), Some(LIMIT))
            .await?;
        let state: Option<SessionState> = read("session/load", answer, &[])?;
        talk.session = id;
        talk.offers.learn(state.unwrap_or_default());
        talk.tell(Some(feed)).await?;
        self.shared.learn(&talk.offers);
        self.talk = Some(talk);
        Ok(Outcome::Completed { usage: None })
    }
}

fn params(spec: &SessionSpec, session: Option<&str>) -> Value {
    let mut params = json!({ "cwd": spec.cwd, "mcpServers": [] });
    if let Some(session) = session {
        params["sessionId"] = json!(session);
    }
    params
}

async fn new_session(
    talk: &mut Talk,
    spec: &SessionSpec,
    info: &Initialized,
) -> Result<SessionState, Failure> {
    let method = "session/new";
    let answer = talk
        .call(method, params(spec, None), None, Some(LIMIT))
        .await?;
    let ways: Vec<&str> = info
        .auth_methods
        .iter()
        .map(|way| way.name.as_str())
        .collect();
    let state: SessionState = read(method, answer, &ways)?;
    talk.session = state.session_id.clone().ok_or(Failure::Answer(method))?;
    Ok(state)
}

/// Reads an answer; a refusal becomes a sentence.
fn read<T: DeserializeOwned>(
    method: &'static str,
    answer: Answer,
    logins: &[&str],
) -> Result<T, Failure> {
    match answer {
        Ok(value) => serde_json::from_str(value.get()).map_err(|_| Failure::Answer(method)),
        Err(RpcError {
            code: AUTH_REQUIRED,
            message,
        }) => {
            let ways = match logins {
                [] => String::new(),
                ways => format!(" ({})", ways.join(", ")),
            };
            Err(Failure::Refused(format!(
                "the agent wants a login, which is done with the agent itself{ways}: {message}"
            )))
        }
        Err(error) => Err(Failure::Refused(format!(
            "the agent refuses {method}: {error}"
        ))),
    }
}

fn outcome(prompted: Prompted, talk: &Talk) -> Outcome {
    let failed = |error: &str| Outcome::Failed {
        error: error.to_owned(),
        code: Some(prompted.stop_reason.clone()),
    };
    match prompted.stop_reason.as_str() {
        "cancelled" => Outcome::Canceled,
        "refusal" => failed("the agent refuses to go on"),
        "max_tokens" => failed("the agent has used up the tokens of a turn"),
        "max_turn_requests" => failed("the agent has used up the requests of a turn"),
        _ => {
            let mut usage = json!({});
            if let Some(tokens) = &prompted.usage {
                set(&mut usage, "inputTokens", tokens.input_tokens);
                set(&mut usage, "cachedInputTokens", tokens.cached_read_tokens);
                set(&mut usage, "outputTokens", tokens.output_tokens);
            }
            if let Some(context) = talk.context {
                set(&mut usage, "contextWindowMaxTokens", Some(context.size));
                set(&mut usage, "contextWindowUsedTokens", Some(context.used));
            }
            Outcome::Completed {
                usage: (usage != json!({})).then_some(usage),
            }
        }
    }
}

fn set(usage: &mut Value, key: &str, value: Option<u64>) {
    if let Some(value) = value {
        usage[key] = json!(value);
    }
}

fn failed(failure: &Failure) -> Outcome {
    match failure {
        Failure::Stopped => Outcome::Canceled,
        failure => Outcome::Failed {
            error: failure.to_string(),
            code: None,
        },
    }
}

impl Session for AcpSession {
    fn turn<'a>(&'a mut self, prompt: Prompt, feed: Feed) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let outcome = self.prompt(prompt, &feed).await;
            outcome.unwrap_or_else(|failure| failed(&failure))
        })
    }

    fn import<'a>(&'a mut self, feed: Feed) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let outcome = self.load(&feed).await;
            outcome.unwrap_or_else(|failure| failed(&failure))
        })
    }
}
