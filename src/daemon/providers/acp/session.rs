//! A session of an ACP agent: from its start over its turns.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::json;

use super::ended::{failed, outcome};
use super::open::{self, NotContinued};
use super::schema::{Prompted, SessionState};
use super::talk::{Failure, LIMIT, Talk};
use super::{Shared, open::params};
use crate::daemon::providers::{Feed, Outcome, Prompt, Report, Session, SessionSpec};
use crate::protocol::timeline::TimelineItem;

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

    /// Starts the agent and goes on with its session, if it has one and the agent can.
    async fn open(&mut self, feed: &Feed) -> Result<Talk, Failure> {
        let mut talk = open::start(&self.shared, &self.spec).await?;
        if let Some(id) = &self.spec.session_id {
            match open::go_on(&mut talk, &self.spec, id).await? {
                Ok(()) => return Ok(talk),
                Err(NotContinued(why)) => {
                    let message = format!(
                        "the agent did not find its earlier session again ({why}); \
                         it goes on without memory of it"
                    );
                    feed.item(TimelineItem::Error { message }).await?;
                }
            }
        }
        open::new(&mut talk, &self.spec).await?;
        // Here alone: what another session came back with is no default.
        self.shared.learn(&talk.offers);
        self.spec.session_id = Some(talk.session.clone());
        feed.report(Report::Session(talk.session.clone())).await?;
        Ok(talk)
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
        let method = "session/prompt";
        let params = json!({ "sessionId": talk.session, "prompt": blocks });
        talk.prompt = Some(prompt.text);
        let answer = talk.call(method, params, Some(feed), None).await?;
        talk.prompt = None;
        let outcome = match talk.read::<Prompted>(method, answer) {
            Ok(prompted) => outcome(prompted, &talk),
            Err(failure) => failed(&failure),
        };
        self.talk = Some(talk);
        Ok(outcome)
    }

    async fn load(&mut self, feed: &Feed) -> Result<Outcome, Failure> {
        let id = self.spec.session_id.clone().unwrap_or_default();
        let mut talk = open::start(&self.shared, &self.spec).await?;
        if !talk.can.load_session {
            let error = "the agent cannot load sessions".to_owned();
            return Err(Failure::Refused(error));
        }
        // Some agents make up a session under an id that they do not know.
        let listed = talk.can.session_capabilities.list.is_some();
        if listed {
            let mut known = open::sessions(&mut talk, None).await?.into_iter();
            if !known.any(|session| session.session_id == id) {
                return Err(Failure::Refused(unknown(&id)));
            }
        }
        let method = "session/load";
        let params = params(&talk, &self.spec, Some(&id))?;
        let answer = talk.call(method, params, Some(feed), Some(LIMIT)).await?;
        let state: Option<SessionState> = talk.read(method, answer)?;
        if !listed && !talk.has_said {
            return Err(Failure::Refused(unknown(&id)));
        }
        talk.session = id;
        talk.offers.learn(state.unwrap_or_default());
        talk.tell(Some(feed)).await?;
        self.talk = Some(talk);
        Ok(Outcome::Completed { usage: None })
    }
}

fn unknown(id: &str) -> String {
    format!("the agent has no such session '{id}', or nothing was said in it")
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
