//! The built-in agent `echo`: says the prompt again.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{Description, Feed, Outcome, Prompt, Provider, Session, SessionSpec};
use crate::protocol::providers::Model;

/// Says the prompt again.
#[derive(Debug)]
pub(in crate::daemon) struct Echo(Arc<Description>);

impl Echo {
    /// Its id.
    pub(in crate::daemon) const ID: &'static str = "echo";

    /// Makes the provider.
    pub(in crate::daemon) fn new() -> Self {
        Self(Arc::new(Description {
            id: Self::ID.to_owned(),
            label: "Echo".to_owned(),
            description: "Built in: says the prompt again".to_owned(),
            models: vec![Model {
                provider: Self::ID.to_owned(),
                id: Self::ID.to_owned(),
                label: "Echo".to_owned(),
                is_default: Some(true),
                ..Model::default()
            }],
            diagnostic: "Echo\n  Built in, always there".to_owned(),
            ..Description::default()
        }))
    }
}

impl Provider for Echo {
    fn describe(&self) -> Arc<Description> {
        Arc::clone(&self.0)
    }

    fn session(&self, _: SessionSpec) -> Box<dyn Session> {
        Box::new(EchoSession)
    }
}

struct EchoSession;

impl Session for EchoSession {
    fn turn<'a>(&'a mut self, prompt: Prompt, feed: Feed) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let message = uuid::Uuid::new_v4().to_string();
            match feed.say(&prompt.text, &message).await {
                Ok(()) => Outcome::Completed { usage: None },
                Err(_) => Outcome::Canceled,
            }
        })
    }
}
