//! `paseo chat post`, `read`, `wait`.

use std::collections::HashMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::room::missing;
use crate::client::DaemonClient;
use crate::commands::agent::directory;
use crate::commands::failure::Doing;
use crate::commands::{CommandResult, Context, Reference, feature, prompt};
use crate::duration;
use crate::env;
use crate::error::CommandError;
use crate::output::Output;
use crate::protocol::agents::{AgentFilter, FetchAgents};
use crate::protocol::chat::{
    ChatMessage, ChatMessages, PostMessage, ReadMessages, WaitForMessages,
};

/// Who writes, when it is no agent.
const NO_AGENT: &str = "manual";

/// What the reply may take beyond the wait itself.
const MARGIN: Duration = Duration::from_secs(5);

/// Arguments of `paseo chat post`
#[derive(Debug, clap::Args)]
pub struct PostArgs {
    /// Name or id of the room
    #[arg(value_name = "name-or-id")]
    pub room: Reference,

    /// The text, or - for stdin; @ and an agent's id tells that agent
    #[arg(value_name = "message")]
    pub message: String,

    /// Id of the message that this one answers
    #[arg(long, value_name = "ID")]
    pub reply_to: Option<String>,
}

/// Arguments of `paseo chat read`
#[derive(Debug, clap::Args)]
pub struct ReadArgs {
    /// Name or id of the room
    #[arg(value_name = "name-or-id")]
    pub room: Reference,

    /// The newest so many
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub limit: Option<String>,

    /// Not older than this: 10m, or a time such as 2026-11-22T13:30:00Z
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,

    /// Only of this agent
    #[arg(long, value_name = "ID")]
    pub agent: Option<String>,
}

/// Arguments of `paseo chat wait`
#[derive(Debug, clap::Args)]
pub struct WaitArgs {
    /// Name or id of the room
    #[arg(value_name = "name-or-id")]
    pub room: Reference,

    /// Longest time to wait, such as 30s [default: no limit]
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    pub timeout: Option<String>,
}

/// Writes a message, as the agent that runs this command if one does.
pub(super) fn post(context: &Context, args: &PostArgs) -> CommandResult {
    let doing = Doing {
        code: "CHAT_POST_FAILED",
        what: "Failed to post chat message",
    };
    let author = context
        .env
        .text(env::PASEO_AGENT_ID)
        .map_or(NO_AGENT, str::trim);
    let request = PostMessage {
        room: args.room.on(context).to_owned(),
        body: prompt::of_text(context, &args.message)?.into_owned(),
        author_agent_id: Some(author.to_owned()),
        reply_to_message_id: args.reply_to.clone(),
    };
    let (json, text, id) = context.with_daemon(async |daemon| {
        feature::require_old(daemon, super::ROOMS)?;
        let reply = daemon.call(&request).await;
        let reply = reply.map_err(|error| doing.error(error))?;
        let message = reply.message.ok_or_else(|| missing(doing, reply.error))?;
        let shown = Shown::new(daemon, &[message]).await?;
        Ok((
            shown.data.into_iter().next().unwrap_or_default(),
            shown.text,
            shown.ids,
        ))
    })?;
    Ok(styled(context, text, id, json).into())
}

/// Prints messages, oldest first.
pub(super) fn read(context: &Context, args: &ReadArgs) -> CommandResult {
    let doing = Doing {
        code: "CHAT_READ_FAILED",
        what: "Failed to read chat messages",
    };
    let request = ReadMessages {
        room: args.room.on(context).to_owned(),
        limit: args.limit.as_deref().map(limit).transpose()?,
        since: args.since.as_deref().map(since).transpose()?,
        author_agent_id: args.agent.clone(),
    };
    let shown = context.with_daemon(async |daemon| {
        feature::require_old(daemon, super::ROOMS)?;
        let reply = daemon
            .call(&request)
            .await
            .map_err(|error| doing.error(error))?;
        Shown::reply(daemon, reply, doing).await
    })?;
    Ok(shown.list(context).into())
}

/// Waits for messages that are newer than the newest there is; none when the time is over.
pub(super) fn wait(context: &Context, args: &WaitArgs) -> CommandResult {
    let doing = Doing {
        code: "CHAT_WAIT_FAILED",
        what: "Failed to wait for chat messages",
    };
    let timeout = args.timeout.as_deref().filter(|text| !text.is_empty());
    let invalid = |error: duration::DurationError| {
        CommandError::usage("INVALID_TIMEOUT", "Invalid timeout value").hint(error.to_string())
    };
    let timeout = timeout
        .map(duration::parse_positive)
        .transpose()
        .map_err(invalid)?;
    let newest = ReadMessages {
        room: args.room.on(context).to_owned(),
        limit: Some(1),
        ..ReadMessages::default()
    };
    let shown = context.with_daemon(async |daemon| {
        feature::require_old(daemon, super::ROOMS)?;
        let newest = daemon
            .call(&newest)
            .await
            .map_err(|error| doing.error(error))?;
        let request = WaitForMessages {
            room: args.room.on(context).to_owned(),
            after_message_id: newest.messages.into_iter().next().map(|message| message.id),
            timeout_ms: timeout.map(|limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)),
        };
        let limit = timeout.map(|limit| limit.saturating_add(MARGIN));
        let reply = daemon.call_within(&request, limit).await;
        Shown::reply(daemon, reply.map_err(|error| doing.error(error))?, doing).await
    })?;
    Ok(shown.list(context).into())
}

fn limit(text: &str) -> Result<u64, CommandError> {
    let invalid =
        |_| CommandError::usage("INVALID_LIMIT", "Invalid --limit value").hint("give a number");
    text.trim().parse().map_err(invalid)
}

fn since(text: &str) -> Result<String, CommandError> {
    if let Ok(age) = duration::parse_positive(text) {
        let age = SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX);
        let time = Timestamp::now()
            .checked_sub(age)
            .unwrap_or(Timestamp::UNIX_EPOCH);
        return Ok(time.to_string());
    }
    let time = text.trim().parse::<Timestamp>();
    let invalid = |_| {
        CommandError::usage("INVALID_SINCE", "Invalid --since value")
            .hint("give an age such as 10m, or a time such as 2026-11-22T13:30:00Z")
    };
    time.map(|time| time.to_string()).map_err(invalid)
}

/// Messages in all their forms.
struct Shown {
    data: Vec<Value>,
    text: String,
    ids: String,
}

impl Shown {
    async fn reply(
        daemon: &DaemonClient,
        reply: ChatMessages,
        doing: Doing,
    ) -> Result<Self, CommandError> {
        match reply.error {
            Some(why) => Err(doing.refused(&why)),
            None => Self::new(daemon, &reply.messages).await,
        }
    }

    /// Names the agents that wrote them or are mentioned, where there are any.
    async fn new(daemon: &DaemonClient, messages: &[ChatMessage]) -> Result<Self, CommandError> {
        let mut names = HashMap::new();
        if !messages.is_empty() {
            let filter = AgentFilter {
                include_archived: Some(true),
                ..AgentFilter::default()
            };
            let request = FetchAgents {
                filter: Some(filter),
                ..FetchAgents::default()
            };
            for agent in directory::all(daemon, request).await? {
                let title = agent.title.unwrap_or_default().trim().to_owned();
                if !title.is_empty() {
                    names.insert(agent.id, title);
                }
            }
        }
        let blocks: Vec<String> = messages
            .iter()
            .map(|message| block(message, &names))
            .collect();
        let ids: Vec<&str> = messages.iter().map(|message| message.id.as_str()).collect();
        Ok(Self {
            data: messages
                .iter()
                .map(|message| data(message, &names))
                .collect(),
            text: blocks.join("\n\n"),
            ids: ids.join("\n"),
        })
    }

    fn list(self, context: &Context) -> Output {
        styled(context, self.text, self.ids, Value::Array(self.data))
    }
}

/// The official form of a message is a box, which no table can be.
fn styled(context: &Context, text: String, ids: String, json: Value) -> Output {
    let text = match context.output.quiet {
        true => ids,
        false => text,
    };
    Output::Text { text, json }
}

fn labels(message: &ChatMessage, names: &HashMap<String, String>) -> Vec<String> {
    let label = |id: &String| match names.get(id) {
        Some(name) => format!("{name} ({id})"),
        None => id.clone(),
    };
    message.mention_agent_ids.iter().map(label).collect()
}

fn data(message: &ChatMessage, names: &HashMap<String, String>) -> Value {
    json!({
        "id": message.id,
        "author": message.author_agent_id,
        "authorName": names.get(&message.author_agent_id),
        "createdAt": message.created_at,
        "replyTo": message.reply_to_message_id.as_deref().unwrap_or("-"),
        "mentionAgentIds": message.mention_agent_ids,
        "mentionLabels": labels(message, names),
        "body": message.body,
        "replyToMessageId": message.reply_to_message_id,
    })
}

fn block(message: &ChatMessage, names: &HashMap<String, String>) -> String {
    let id = &message.author_agent_id;
    let author = match names.get(id) {
        Some(name) => format!("{name} ({id})"),
        None => id.clone(),
    };
    let time = message
        .created_at
        .replacen('T', " ", 1)
        .replace(".000Z", "Z");
    let mut lines = vec![format!("┌─ {author} ── {time} ── [msg {}]", message.id)];
    if let Some(reply) = &message.reply_to_message_id {
        lines.push(format!("│  reply-to: msg {reply}"));
    }
    let mentioned = labels(message, names).join(", ");
    if !mentioned.is_empty() {
        lines.push(format!("│  mentions: {mentioned}"));
    }
    lines.push("│".to_owned());
    lines.extend(message.body.lines().map(|line| format!("│  {line}")));
    lines.extend(["│".to_owned(), "└─".to_owned()]);
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_a_box() {
        let message: ChatMessage = serde_json::from_value(json!({
            "id": "m1", "authorAgentId": "a", "body": "one\ntwo", "replyToMessageId": "m0",
            "mentionAgentIds": ["b", "c"], "createdAt": "2026-11-22T13:30:00.000Z",
        }))
        .unwrap();
        let names = HashMap::from([("b".to_owned(), "Bee".to_owned())]);
        assert_eq!(
            block(&message, &names),
            "┌─ a ── 2026-11-22 13:30:00Z ── [msg m1]\n│  reply-to: msg m0\n│  mentions: Bee (b), c\n│\n\
             │  one\n│  two\n│\n└─"
        );
        assert_eq!(
            data(&message, &names)["mentionLabels"],
            json!(["Bee (b)", "c"])
        );
    }

    #[test]
    fn a_time_or_an_age() {
        assert!(since("10m").unwrap() < Timestamp::now().to_string());
        assert_eq!(
            since("2026-11-22T13:30:00Z").unwrap(),
            "2026-11-22T13:30:00Z"
        );
        assert_eq!(since("soon").unwrap_err().code, "INVALID_SINCE");
        assert_eq!(limit("x").unwrap_err().code, "INVALID_LIMIT");
    }
}
