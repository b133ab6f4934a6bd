//! A scripted agent for tests and demonstrations: it does what the words of the prompt say, in their
//! order, and needs nothing but this process.
//!
//! | word | what it does |
//! |---|---|
//! | `think` | reasons, in two pieces |
//! | `tool` | reads a file: a tool call that runs and completes |
//! | `todo` | writes a list of things to do |
//! | `ask` | asks before it runs a tool, unless the mode is `auto` |
//! | `question` | asks a question with an answer in `updatedInput` |
//! | `plan` | asks whether a plan is good |
//! | `emit N` | says N pieces |
//! | `items N` | makes N items that do not fold: a long timeline |
//! | `every N` | takes N milliseconds for each piece and item from here on |
//! | `modes` | has a further mode, `late`, and is in it |
//! | `wait` | waits until it is stopped |
//! | `fail` | fails |
//! | `settings` | says mode, model, thinking option and number of pictures |
//!
//! At the end it says `Done.`

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::feed::{Report, Settings, Stopped};
use super::{Description, Feed, Outcome, Prompt, Provider, Session, SessionSpec};
use crate::protocol::agents::{Mode, PermissionAction, PermissionRequest};
use crate::protocol::permissions::PermissionAnswer;
use crate::protocol::providers::{Model, ThinkingOption};
use crate::protocol::timeline::{TimelineItem, TodoItem, ToolCall, ToolStatus};

/// Mode in which it does not ask.
const AUTO: &str = "auto";
/// Most pieces or items of one word.
const MAX_COUNT: usize = 100_000;

/// A scripted agent.
#[derive(Debug)]
pub(super) struct Mock(Arc<Description>);

impl Mock {
    /// Makes a provider with this name.
    pub(super) fn new(name: &str) -> Self {
        Self(Arc::new(Description {
            id: name.to_owned(),
            label: "Mock".to_owned(),
            description: "Scripted: does what the words of the prompt say".to_owned(),
            models: [("mock-1", true), ("mock-2", false)]
                .map(|(id, default)| model(name, id, default))
                .into(),
            modes: [("ask", "Ask before tools"), (AUTO, "No questions")]
                .map(|(id, about)| mode(id, about))
                .into(),
            default_mode: Some("ask".to_owned()),
            open_modes: false,
            own_defaults: false,
            error: None,
            missing: false,
            diagnostic: format!("{name} (mock)\n  Scripted, needs nothing"),
        }))
    }
}

fn model(provider: &str, id: &str, default: bool) -> Model {
    let thinking = |id: &str, label: &str| ThinkingOption {
        id: id.to_owned(),
        label: label.to_owned(),
        ..ThinkingOption::default()
    };
    Model {
        provider: provider.to_owned(),
        id: id.to_owned(),
        label: id.replace("mock-", "Mock "),
        is_default: default.then_some(true),
        thinking_options: Some(vec![thinking("low", "Low"), thinking("high", "High")]),
        default_thinking_option_id: Some("low".to_owned()),
        ..Model::default()
    }
}

fn mode(id: &str, about: &str) -> Mode {
    let mut label = id.to_owned();
    label[..1].make_ascii_uppercase();
    Mode {
        id: id.to_owned(),
        label,
        description: Some(about.to_owned()),
        other: Default::default(),
    }
}

impl Provider for Mock {
    fn describe(&self) -> Arc<Description> {
        Arc::clone(&self.0)
    }

    fn session(&self, spec: SessionSpec) -> Box<dyn Session> {
        Box::new(MockSession {
            provider: self.0.id.clone(),
            session_id: spec.session_id,
        })
    }
}

struct MockSession {
    provider: String,
    session_id: Option<String>,
}

impl Session for MockSession {
    fn turn<'a>(&'a mut self, prompt: Prompt, feed: Feed) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let script = Script {
                provider: &self.provider,
                feed: &feed,
                message: uuid::Uuid::new_v4().to_string(),
                images: prompt.images.len(),
            };
            if self.session_id.is_none() {
                let id = uuid::Uuid::new_v4().to_string();
                self.session_id = Some(id.clone());
                if feed.report(Report::Session(id)).await.is_err() {
                    return Outcome::Canceled;
                }
            }
            match script.run(&prompt.text).await {
                Ok(outcome) => outcome,
                Err(Stopped) => Outcome::Canceled,
            }
        })
    }

    fn import<'a>(&'a mut self, _: Feed) -> BoxFuture<'a, Outcome> {
        // It goes on with any session, and has nothing to tell of it.
        Box::pin(std::future::ready(Outcome::Completed { usage: None }))
    }
}

struct Script<'a> {
    provider: &'a str,
    feed: &'a Feed,
    message: String,
    images: usize,
}

impl Script<'_> {
    async fn run(&self, prompt: &str) -> Result<Outcome, Stopped> {
        let mut words = prompt.split_whitespace().peekable();
        let mut pace = Duration::ZERO;
        while let Some(word) = words.next() {
            let number = words.peek().and_then(|word| word.parse::<usize>().ok());
            let count = number.unwrap_or(1).min(MAX_COUNT);
            match word {
                "think" => {
                    self.think("Thinking about it. ").await?;
                    self.think("Decided.").await?;
                }
                "tool" => self.tool().await?,
                "todo" => self.todo().await?,
                "ask" => self.permission().await?,
                "question" => self.question().await?,
                "plan" => self.plan().await?,
                "emit" => {
                    for piece in 1..=count {
                        self.say(&format!("piece {piece} ")).await?;
                        self.rest(pace).await?;
                    }
                }
                "items" => {
                    for item in 1..=count {
                        let message = format!("{}-{item}", self.message);
                        self.feed.say(&format!("item {item}"), &message).await?;
                        self.rest(pace).await?;
                    }
                }
                "every" => pace = Duration::from_millis(count as u64),
                "modes" => {
                    let modes = vec![mode("ask", "Ask before tools"), mode("late", "Came later")];
                    let in_force = Settings {
                        mode: Some("late".to_owned()),
                        ..Settings::default()
                    };
                    let told = Report::Settings {
                        modes,
                        features: Vec::new(),
                        in_force,
                    };
                    self.feed.report(told).await?;
                }
                "wait" => {
                    self.feed.stopped().await;
                    return Err(Stopped);
                }
                "fail" => {
                    return Ok(Outcome::Failed {
                        error: "a failure was asked for".to_owned(),
                        code: Some("mock".to_owned()),
                    });
                }
                "settings" => {
                    let text = self.settings();
                    self.say(&text).await?;
                }
                _ => {}
            }
        }
        self.say("Done.").await?;
        Ok(Outcome::Completed {
            usage: Some(json!({ "inputTokens": prompt.len(), "outputTokens": 1 })),
        })
    }

    async fn say(&self, text: &str) -> Result<(), Stopped> {
        self.feed.say(text, &self.message).await
    }

    async fn think(&self, text: &str) -> Result<(), Stopped> {
        let text = text.to_owned();
        self.feed.item(TimelineItem::Reasoning { text }).await
    }

    /// Takes its time, unless it is stopped meanwhile.
    async fn rest(&self, time: Duration) -> Result<(), Stopped> {
        tokio::select! {
            biased;
            () = self.feed.stopped() => Err(Stopped),
            () = tokio::time::sleep(time) => Ok(()),
        }
    }

    fn settings(&self) -> String {
        let settings = self.feed.settings().borrow().clone();
        let or_none = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
        format!(
            "mode {}, model {}, thinking {}, pictures {}. ",
            or_none(settings.mode),
            or_none(settings.model),
            or_none(settings.thinking),
            self.images
        )
    }

    async fn tool(&self) -> Result<(), Stopped> {
        let id = uuid::Uuid::new_v4().to_string();
        let mut detail = json!({ "type": "read", "filePath": "/etc/hostname" });
        self.call(&id, "read", &detail, ToolStatus::Running).await?;
        detail["content"] = json!("box\n");
        self.call(&id, "read", &detail, ToolStatus::Completed).await
    }

    async fn call(
        &self,
        id: &str,
        name: &str,
        detail: &Value,
        status: ToolStatus,
    ) -> Result<(), Stopped> {
        let error = match status {
            ToolStatus::Failed => json!("denied"),
            _ => Value::Null,
        };
        self.feed
            .item(TimelineItem::ToolCall(ToolCall {
                call_id: id.to_owned(),
                name: name.to_owned(),
                detail: detail.clone(),
                metadata: None,
                status,
                error,
            }))
            .await
    }

    async fn todo(&self) -> Result<(), Stopped> {
        let item = |text: &str, completed| TodoItem {
            text: text.to_owned(),
            completed,
            id: None,
            status: None,
            active_form: None,
        };
        let items = vec![item("look", true), item("leap", false)];
        self.feed.item(TimelineItem::Todo { items }).await
    }

    async fn permission(&self) -> Result<(), Stopped> {
        let id = uuid::Uuid::new_v4().to_string();
        let detail = json!({ "type": "shell", "command": "echo hi > out.txt" });
        self.call(&id, "execute", &detail, ToolStatus::Running)
            .await?;
        let asks = self.feed.settings().borrow().mode.as_deref() != Some(AUTO);
        let answer = if asks {
            let mut request = self.request("execute", "tool", "echo hi > out.txt");
            request.detail = Some(detail.clone());
            request.actions = Some(vec![action("allow", "Allow once"), action("deny", "Deny")]);
            self.feed.ask(request).await?
        } else {
            PermissionAnswer::Allow {
                selected_action_id: None,
                updated_input: None,
                updated_permissions: None,
            }
        };
        let status = match answer {
            PermissionAnswer::Allow { .. } => ToolStatus::Completed,
            PermissionAnswer::Deny { .. } => ToolStatus::Failed,
        };
        self.call(&id, "execute", &detail, status).await
    }

    async fn question(&self) -> Result<(), Stopped> {
        let mut request = self.request("question", "question", "Which surface?");
        request.input = Some(json!({ "questions": [{
            "question": "Which surface?",
            "header": "surface",
            "options": [{ "label": "App" }, { "label": "CLI" }],
            "multiSelect": false,
        }] }));
        let said = match self.feed.ask(request).await? {
            PermissionAnswer::Allow { updated_input, .. } => {
                format!("answered {}. ", updated_input.unwrap_or_default())
            }
            PermissionAnswer::Deny { .. } => "not answered. ".to_owned(),
        };
        self.say(&said).await
    }

    async fn plan(&self) -> Result<(), Stopped> {
        let mut request = self.request("plan", "plan", "Plan");
        request.input = Some(json!({ "plan": "1. look\n2. leap" }));
        request.actions = Some(vec![action("allow", "Implement"), action("deny", "Reject")]);
        let said = match self.feed.ask(request).await? {
            PermissionAnswer::Allow { .. } => "plan accepted. ",
            PermissionAnswer::Deny { .. } => "plan rejected. ",
        };
        self.say(said).await
    }

    fn request(&self, name: &str, kind: &str, title: &str) -> PermissionRequest {
        PermissionRequest {
            id: uuid::Uuid::new_v4().to_string(),
            provider: self.provider.to_owned(),
            name: name.to_owned(),
            kind: kind.to_owned(),
            title: Some(title.to_owned()),
            description: None,
            input: None,
            detail: None,
            actions: None,
            other: Default::default(),
        }
    }
}

fn action(behavior: &str, label: &str) -> PermissionAction {
    PermissionAction {
        id: behavior.to_owned(),
        label: label.to_owned(),
        behavior: behavior.to_owned(),
        other: Default::default(),
    }
}
