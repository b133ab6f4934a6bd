//! The conversation with an agent that runs: requests, and what comes in between.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::Shared;
use super::login::{AuthMethod, LoginRequired};
use super::offers::{Offers, Setting, Wish};
use super::peer::{Lost, Peer};
use super::permission;
use super::rpc::{self, Incoming, RpcError};
use super::schema::{self, AskPermission, Capabilities, SessionState, Update};
use super::updates::Updates;
use crate::daemon::providers::{Feed, Report, Settings, Stopped};
use crate::protocol::timeline::TimelineItem;

/// How long an agent may take for anything but a turn. Some load themselves from the network first.
pub(super) const LIMIT: Duration = Duration::from_secs(60);
/// How long it may take to end a turn that is cancelled.
const CANCEL_GRACE: Duration = Duration::from_secs(5);
/// Questions that may wait; more are answered with a cancellation.
const MAX_ASKED: usize = 64;

/// Why a question is refused unasked.
const TOO_LARGE: &str = "what the tool would do is too large, or too deep, to be shown";

/// Why a conversation is over.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// It was stopped from outside.
    #[error("the turn was stopped")]
    Stopped,
    /// The agent is gone or of no use.
    #[error(transparent)]
    Lost(#[from] Lost),
    /// It cannot be started.
    #[error("cannot start {program}: {source}")]
    Start {
        /// What was to run.
        program: String,
        /// Why not.
        source: std::io::Error,
    },
    /// It takes too long.
    #[error("the agent did not answer {method} within {} s{}", .limit.as_secs(), last_line(.stderr))]
    Overdue {
        /// What it was asked.
        method: &'static str,
        /// How long it had.
        limit: Duration,
        /// The last line of its standard error.
        stderr: Option<String>,
    },
    /// It answers what makes no sense.
    #[error("the agent's answer to {0} makes no sense")]
    Answer(&'static str),
    /// It refuses.
    #[error("{0}")]
    Refused(String),
    /// It refuses before somebody has logged in.
    #[error(transparent)]
    Login(Box<LoginRequired>),
}

fn last_line(stderr: &Option<String>) -> String {
    let line = stderr.as_ref();
    line.map_or_else(String::new, |line| {
        format!("; its last line on stderr: {line}")
    })
}

impl From<Stopped> for Failure {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

/// What an agent answers to a request.
pub(super) type Answer = Result<Box<RawValue>, RpcError>;

/// A session with an agent that runs.
#[derive(Debug)]
pub(super) struct Talk {
    pub(super) peer: Peer,
    shared: Arc<Shared>,
    /// What the agent calls itself.
    pub(super) name: Option<String>,
    /// The agent's name of the session; empty before there is one.
    pub(super) session: String,
    pub(super) offers: Offers,
    pub(super) can: Capabilities,
    /// How to log in to it.
    pub(super) logins: Vec<AuthMethod>,
    /// What it is asked to do just now; an echo of it is no news.
    pub(super) prompt: Option<String>,
    /// It has said something that people can read.
    pub(super) has_said: bool,
    /// How full the context is, as last told.
    pub(super) context: Option<schema::ContextUsage>,
}

/// What happens during a request.
enum Event {
    Incoming(Incoming),
    Answered(Value, Value),
    Flush,
    Stop,
    Settings,
    Overdue,
}

/// What a request needs while it is under way.
struct Exchange<'a> {
    feed: Option<&'a Feed>,
    updates: Updates,
    asked: FuturesUnordered<BoxFuture<'a, (Value, Value)>>,
    changes: HashMap<u64, Wish>,
    /// It has been said that the agent asks for what it was told it would not get.
    told: bool,
}

impl Talk {
    /// Makes a conversation in which nothing was said yet.
    pub(super) fn new(peer: Peer, shared: Arc<Shared>) -> Self {
        Self {
            peer,
            shared,
            name: None,
            session: String::new(),
            offers: Offers::default(),
            can: Capabilities::default(),
            logins: Vec::new(),
            prompt: None,
            has_said: false,
            context: None,
        }
    }

    /// Reads an answer; a refusal is a failure.
    pub(super) fn read<T: DeserializeOwned>(
        &self,
        method: &'static str,
        answer: Answer,
    ) -> Result<T, Failure> {
        match answer {
            Ok(value) => serde_json::from_str(value.get()).map_err(|_| Failure::Answer(method)),
            Err(error) => Err(self.refused(method, error)),
        }
    }

    /// Returns what a refusal means.
    pub(super) fn refused(&self, method: &str, refusal: RpcError) -> Failure {
        if !refusal.asks_for_login() {
            return Failure::Refused(format!("the agent refuses {method}: {refusal}"));
        }
        let login = LoginRequired {
            provider: self.shared.name.clone(),
            argv: self.shared.argv.clone(),
            refusal,
            ways: self.logins.clone(),
        };
        Failure::Login(Box::new(login.complete()))
    }

    /// Sends a request and waits for the answer. With a feed, everything that the agent tells
    /// meanwhile is shown there, people may answer and change settings, and a stop cancels the turn;
    /// without one it is passed over. There is no limit of time with `limit` `None`.
    pub(super) async fn call(
        &mut self,
        method: &'static str,
        params: Value,
        feed: Option<&Feed>,
        limit: Option<Duration>,
    ) -> Result<Answer, Failure> {
        let id = self.peer.request(method, params)?;
        let mut exchange = Exchange {
            feed,
            updates: Updates::answering(self.prompt.clone()),
            asked: FuturesUnordered::new(),
            changes: HashMap::new(),
            told: false,
        };
        let mut settings = feed.map(Feed::settings);
        let mut deadline = limit.map(|limit| Instant::now() + limit);
        let mut stopping = false;
        loop {
            let event = tokio::select! {
                incoming = self.peer.next() => Event::Incoming(incoming?),
                Some((id, answer)) = exchange.asked.next(), if !exchange.asked.is_empty() => {
                    Event::Answered(id, answer)
                }
                () = at(exchange.updates.due()) => Event::Flush,
                () = stopped(feed), if !stopping => Event::Stop,
                () = changed(&mut settings) => Event::Settings,
                () = at(deadline) => Event::Overdue,
            };
            match event {
                Event::Incoming(Incoming::Response { id: of, result }) if of == id => {
                    exchange.flush().await?;
                    return Ok(result.map_err(|error| RpcError {
                        stderr: self.peer.last_words(),
                        ..error
                    }));
                }
                Event::Incoming(incoming) => self.incoming(incoming, &mut exchange).await?,
                Event::Answered(id, answer) => self.peer.send(rpc::result(id, answer))?,
                Event::Flush => exchange.flush().await?,
                Event::Stop => {
                    stopping = true;
                    deadline = Some(Instant::now() + CANCEL_GRACE);
                    let params = json!({ "sessionId": self.session });
                    self.peer
                        .send(rpc::notification("session/cancel", params))?;
                }
                Event::Settings => {
                    let wanted = settings.as_ref().map(|settings| settings.borrow().clone());
                    self.change(&wanted.unwrap_or_default(), &mut exchange)?;
                }
                Event::Overdue if stopping => return Err(Failure::Stopped),
                Event::Overdue => {
                    let stderr = self.peer.last_words();
                    return Err(Failure::Overdue {
                        method,
                        limit: limit.unwrap_or(LIMIT),
                        stderr,
                    });
                }
            }
        }
    }

    async fn incoming(
        &mut self,
        incoming: Incoming,
        exchange: &mut Exchange<'_>,
    ) -> Result<(), Failure> {
        match incoming {
            Incoming::Notification { method, params } if method == "session/update" => {
                match schema::update(&params) {
                    Some(update) => self.update(update, exchange).await,
                    None => Ok(()),
                }
            }
            // Of no interest to us.
            Incoming::Notification { .. } => Ok(()),
            Incoming::Request { id, method, params } if method == "session/request_permission" => {
                self.asked(id, &params, exchange).await
            }
            Incoming::Request { id, method, .. } => {
                let ours = ["fs/", "terminal/"];
                if ours.iter().any(|part| method.starts_with(part)) && !exchange.told {
                    exchange.told = true;
                    let message = format!(
                        "refused {method}: the agent was told that it must use its own files and terminals"
                    );
                    exchange.flush().await?;
                    exchange.show(vec![TimelineItem::Error { message }]).await?;
                }
                let refusal = rpc::refusal(id, rpc::NO_METHOD, "this client does not do that");
                Ok(self.peer.send(refusal)?)
            }
            Incoming::Response { id, result } => match exchange.changes.remove(&id) {
                Some(wish) => self.changed(wish, result, exchange).await,
                // An answer to nothing, or too late.
                None => Ok(()),
            },
        }
    }

    async fn update(&mut self, update: Update, exchange: &mut Exchange<'_>) -> Result<(), Failure> {
        match update {
            Update::Mode(mode) => self.offers.set(Wish {
                setting: Setting::Mode,
                value: mode.current_mode_id.into(),
            }),
            Update::Config(state) => self.offers.learn(state),
            Update::Usage(usage) => {
                self.context = Some(usage);
                return Ok(());
            }
            Update::Info(info) => {
                let title = info.title.filter(|title| !title.trim().is_empty());
                if let (Some(title), Some(feed)) = (title, exchange.feed) {
                    feed.report(Report::Title(title)).await?;
                }
                return Ok(());
            }
            update => {
                self.has_said = true;
                return exchange.take(update).await;
            }
        }
        self.tell(exchange.feed).await
    }

    /// Tells what is chosen.
    pub(super) async fn tell(&self, feed: Option<&Feed>) -> Result<(), Failure> {
        let Some(feed) = feed else { return Ok(()) };
        let told = Report::Settings {
            modes: self.offers.modes(),
            features: self.offers.features(),
            in_force: self.offers.in_force(),
        };
        Ok(feed.report(told).await?)
    }

    async fn asked(
        &mut self,
        id: Value,
        params: &RawValue,
        exchange: &mut Exchange<'_>,
    ) -> Result<(), Failure> {
        let Ok(asked) = serde_json::from_str::<AskPermission>(params.get()) else {
            let refusal = rpc::refusal(id, rpc::BAD_PARAMS, "no tool call in it");
            return Ok(self.peer.send(refusal)?);
        };
        let feed = exchange.feed.filter(|_| exchange.asked.len() < MAX_ASKED);
        let Some(feed) = feed else {
            return Ok(self.peer.send(rpc::result(id, permission::canceled()))?);
        };
        let tool = exchange.updates.known(&asked.tool_call);
        exchange
            .take(Update::Tool(Box::new(asked.tool_call)))
            .await?;
        exchange.flush().await?;
        let Some(question) = permission::question(&tool, &asked.options) else {
            let message = format!("refused a request of the agent: {TOO_LARGE}");
            feed.item(TimelineItem::Error { message }).await?;
            let refusal = permission::refused(&asked.options);
            return Ok(self.peer.send(rpc::result(id, refusal))?);
        };
        exchange.asked.push(Box::pin(async move {
            let answer = feed.ask(question).await;
            (id, permission::outcome(answer, &asked.options))
        }));
        Ok(())
    }

    /// Asks the agent for what people want by now.
    fn change(&mut self, wanted: &Settings, exchange: &mut Exchange<'_>) -> Result<(), Failure> {
        for wish in Wish::all(wanted) {
            if !self.offers.holds(&wish) && self.offers.has(&wish) {
                let (method, params) = self.offers.request(&self.session, &wish);
                let id = self.peer.request(method, params)?;
                exchange.changes.insert(id, wish);
            }
        }
        Ok(())
    }

    /// Notes what became of a change.
    async fn changed(
        &mut self,
        wish: Wish,
        answer: Answer,
        exchange: &mut Exchange<'_>,
    ) -> Result<(), Failure> {
        match answer {
            Ok(state) => self.learn(wish, &state),
            Err(error) => {
                let (noun, value) = (wish.setting.noun(), wish.text());
                let message = format!("the agent refuses {noun} '{value}': {error}");
                if let Some(feed) = exchange.feed {
                    feed.item(TimelineItem::Error { message }).await?;
                }
            }
        }
        self.tell(exchange.feed).await
    }

    fn learn(&mut self, wish: Wish, state: &RawValue) {
        self.offers.set(wish);
        if let Ok(state) = serde_json::from_str::<SessionState>(state.get()) {
            self.offers.learn(state);
        }
    }

    /// Sets what people want before a turn. What the agent does not offer is refused.
    pub(super) async fn apply(&mut self, wanted: &Settings) -> Result<(), Failure> {
        for wish in Wish::all(wanted) {
            if self.offers.holds(&wish) {
                continue;
            }
            let (noun, value) = (wish.setting.noun(), wish.text());
            if !self.offers.has(&wish) {
                let ids = self.offers.choices(&wish.setting);
                let ids = if ids.is_empty() {
                    "none".to_owned()
                } else {
                    ids.join(", ")
                };
                let error = format!("the agent has no {noun} '{value}', but: {ids}");
                return Err(Failure::Refused(error));
            }
            let (method, params) = self.offers.request(&self.session, &wish);
            match self.call(method, params, None, Some(LIMIT)).await? {
                Ok(state) => self.learn(wish, &state),
                Err(error) => {
                    let error = format!("the agent refuses {noun} '{value}': {error}");
                    return Err(Failure::Refused(error));
                }
            }
        }
        Ok(())
    }
}

impl Exchange<'_> {
    async fn take(&mut self, update: Update) -> Result<(), Failure> {
        match self.feed {
            Some(_) => {
                let items = self.updates.take(update);
                self.show(items).await
            }
            None => Ok(()),
        }
    }

    async fn flush(&mut self) -> Result<(), Failure> {
        let items = self.updates.flush();
        self.show(items).await
    }

    async fn show(&mut self, items: Vec<TimelineItem>) -> Result<(), Failure> {
        if let Some(feed) = self.feed {
            for item in items {
                feed.item(item).await?;
            }
        }
        Ok(())
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

async fn stopped(feed: Option<&Feed>) {
    match feed {
        Some(feed) => feed.stopped().await,
        None => std::future::pending().await,
    }
}

async fn changed(settings: &mut Option<watch::Receiver<Settings>>) {
    if let Some(receiver) = settings
        && receiver.changed().await.is_ok()
    {
        return;
    }
    // Nobody can change them any more.
    std::future::pending().await
}
