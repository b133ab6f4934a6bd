//! The way of a turn's reports from its provider to the daemon.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};

use crate::protocol::agents::{Feature, Mode, PermissionRequest};
use crate::protocol::permissions::PermissionAnswer;
use crate::protocol::timeline::TimelineItem;

/// Reports that may wait; a provider that is faster waits itself.
const WAITING: usize = 64;

/// Something that a provider tells during a turn.
#[derive(Debug)]
pub(in crate::daemon) enum Report {
    /// An item of the timeline.
    Item(Box<TimelineItem>),
    /// A person must answer.
    Ask(Box<PermissionRequest>, oneshot::Sender<PermissionAnswer>),
    /// The provider's own session.
    Session(String),
    /// What the provider calls the session.
    Title(String),
    /// What can be chosen now, and what is in force, where that is known.
    Settings {
        /// The modes.
        modes: Vec<Mode>,
        /// The options of the agent's own.
        features: Vec<Feature>,
        /// What is in force.
        in_force: Settings,
    },
}

/// What a person may change while the agent runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::daemon) struct Settings {
    /// The mode.
    pub(in crate::daemon) mode: Option<String>,
    /// The model.
    pub(in crate::daemon) model: Option<String>,
    /// The thinking option.
    pub(in crate::daemon) thinking: Option<String>,
    /// The options of the agent's own, by their ids.
    pub(in crate::daemon) features: BTreeMap<String, Value>,
}

/// The turn was stopped, or the daemon no longer listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::daemon) struct Stopped;

/// What a turn reports through, and hears from.
#[derive(Debug, Clone)]
pub(in crate::daemon) struct Feed {
    reports: mpsc::Sender<Report>,
    stop: watch::Receiver<bool>,
    settings: watch::Receiver<Settings>,
}

impl Feed {
    /// Makes a feed and its other end.
    pub(in crate::daemon) fn new(
        stop: watch::Receiver<bool>,
        settings: watch::Receiver<Settings>,
    ) -> (Self, mpsc::Receiver<Report>) {
        let (reports, other) = mpsc::channel(WAITING);
        let feed = Self {
            reports,
            stop,
            settings,
        };
        (feed, other)
    }

    /// Returns once the turn is to end.
    pub(in crate::daemon) async fn stopped(&self) {
        // An error means that nobody can stop it any more, because the daemon forgot the agent.
        let _ = self.stop.clone().wait_for(|stop| *stop).await;
    }

    /// What is set now; changes wake [`watch::Receiver::changed`].
    pub(in crate::daemon) fn settings(&self) -> watch::Receiver<Settings> {
        self.settings.clone()
    }

    /// Reports something.
    pub(in crate::daemon) async fn report(&self, report: Report) -> Result<(), Stopped> {
        self.reports.send(report).await.map_err(|_| Stopped)
    }

    /// Adds an item to the timeline.
    pub(in crate::daemon) async fn item(&self, item: TimelineItem) -> Result<(), Stopped> {
        self.report(Report::Item(Box::new(item))).await
    }

    /// Adds a piece of a message.
    pub(in crate::daemon) async fn say(&self, text: &str, message: &str) -> Result<(), Stopped> {
        self.item(TimelineItem::AssistantMessage {
            text: text.to_owned(),
            message_id: Some(message.to_owned()),
        })
        .await
    }

    /// Asks a person and waits for the answer, or for the turn to be stopped.
    pub(in crate::daemon) async fn ask(
        &self,
        request: PermissionRequest,
    ) -> Result<PermissionAnswer, Stopped> {
        let (answer, answered) = oneshot::channel();
        self.report(Report::Ask(Box::new(request), answer)).await?;
        tokio::select! {
            answer = answered => answer.map_err(|_| Stopped),
            () = self.stopped() => Err(Stopped),
        }
    }
}
