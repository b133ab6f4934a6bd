//! `paseo ls`: the agents of a daemon.

use std::collections::BTreeMap;

use anstyle::AnsiColor;
use jiff::Timestamp;
use serde::Serialize;

use super::directory;
use super::exact::Exact;
use super::known::{self, Known};
use crate::commands::{CommandResult, Context};
use crate::env;
use crate::error::CommandError;
use crate::order;
use crate::output::{Cell, Column, Output, Row, Table};
use crate::protocol::agents::{AgentFilter, AgentSnapshot, FetchAgents};

/// Arguments of `paseo ls`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Show archived agents too
    #[arg(short, long)]
    pub all: bool,

    /// Show agents across all directories, also of archived workspaces and projects
    #[arg(short, long)]
    pub global: bool,

    /// Only agents with this label; repeat for more, all must match
    #[arg(long, value_name = "KEY=VALUE")]
    pub label: Vec<String>,

    /// Only agents with this thinking option
    #[arg(long, value_name = "ID")]
    pub thinking: Option<String>,
}

impl Args {
    fn request(&self) -> Result<FetchAgents, CommandError> {
        if self
            .thinking
            .as_deref()
            .is_some_and(|id| id.trim().is_empty())
        {
            return Err(CommandError::usage(
                "INVALID_THINKING_OPTION",
                "the thinking option is blank",
            ));
        }
        let labels: BTreeMap<_, _> = self
            .label
            .iter()
            .filter_map(|label| label.split_once('='))
            .collect();
        let labels = labels
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()));
        let filter = AgentFilter {
            labels: (!self.label.is_empty()).then(|| labels.collect()),
            include_archived: self.all.then_some(true),
            thinking_option_id: self.thinking.as_deref().map(|id| id.trim().to_owned()),
            ..AgentFilter::default()
        };
        Ok(FetchAgents {
            // The active scope hides archived agents whatever the filter says, so `-a` must drop it.
            scope: (!self.all && !self.global).then(|| "active".to_owned()),
            filter: (filter != AgentFilter::default()).then_some(filter),
            page: directory::first_page(),
            ..FetchAgents::default()
        })
    }
}

/// Lists agents by what they do (work, wait, anything else), and each kind by age, new to old.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let request = args.request()?;
    let home = context.env.text(env::HOME).unwrap_or_default();
    let now = Timestamp::now();
    let (mut agents, mut seen) = (Vec::new(), Vec::new());
    context
        .with_daemon_and(&request, async |daemon, first| {
            let take = |agent| {
                seen.push(Known::from(&agent));
                agents.push(Listed::new(agent, home, now));
            };
            Ok(directory::each(daemon, &request, first, take).await?)
        })
        .map_err(|error| error.or_code("LIST_AGENTS_FAILED"))?;
    if request.filter.is_none() {
        known::remember(context, &seen);
    }
    order::sort_by(&mut agents, |a, b| {
        status_rank(&a.status)
            .cmp(&status_rank(&b.status))
            .then_with(|| b.created_at.cmp(&a.created_at))
    });
    Ok(Output::List(Table {
        columns: COLUMNS.to_vec(),
        rows: agents.into_iter().map(Listed::into_row).collect(),
    })
    .into())
}

const COLUMNS: [Column; 7] = [
    Column("AGENT ID", 12),
    Column("NAME", 20),
    Column("PROVIDER", 15),
    Column("THINKING", 12),
    Column("STATUS", 10),
    Column("CWD", 30),
    Column("CREATED", 15),
];

/// An agent as `paseo ls` shows it: the official fields, and the exact ones.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    id: String,
    short_id: String,
    name: String,
    provider: String,
    thinking: String,
    status: String,
    cwd: String,
    created: String,
    #[serde(flatten)]
    exact: Exact,
    #[serde(skip)]
    created_at: String,
}

impl Listed {
    fn new(agent: AgentSnapshot, home: &str, now: Timestamp) -> Self {
        Self {
            exact: Exact::from(&agent),
            short_id: short_id(&agent.id),
            name: agent
                .title
                .clone()
                .filter(|title| !title.is_empty())
                .unwrap_or_else(|| "-".to_owned()),
            provider: provider(&agent),
            thinking: agent
                .effective_thinking_option_id
                .clone()
                .or_else(|| agent.thinking_option_id.clone())
                .unwrap_or_else(|| "auto".to_owned()),
            cwd: below_home(&agent.cwd, home),
            created: age(&agent.created_at, now),
            id: agent.id,
            status: agent.status,
            created_at: agent.created_at,
        }
    }

    fn into_row(self) -> Row {
        let status = match self.status.as_str() {
            "running" => Cell::colored("running", AnsiColor::Green),
            "idle" => Cell::colored("idle", AnsiColor::Yellow),
            "error" => Cell::colored("error", AnsiColor::Red),
            other => other.into(),
        };
        let cells = vec![
            self.short_id.as_str().into(),
            self.name.as_str().into(),
            self.provider.as_str().into(),
            self.thinking.as_str().into(),
            status,
            self.cwd.as_str().into(),
            self.created.as_str().into(),
        ];
        Row::new(self.short_id.clone(), cells, &self)
    }
}

fn status_rank(status: &str) -> u8 {
    match status {
        "running" => 0,
        "idle" => 1,
        _ => 2,
    }
}

/// Returns the first seven characters of an agent's id.
pub(in crate::commands) fn short_id(id: &str) -> String {
    id.chars().take(7).collect()
}

/// Returns `provider/model`; no model when there is none to speak of.
fn provider(agent: &AgentSnapshot) -> String {
    match model(agent) {
        Some(model) => format!("{}/{model}", agent.provider),
        None => agent.provider.clone(),
    }
}

/// Returns the model in force, else the chosen one; `None` when it is the provider's default.
pub(super) fn model(agent: &AgentSnapshot) -> Option<&str> {
    let runtime = agent
        .runtime_info
        .as_ref()
        .and_then(|info| info.model.as_deref());
    let named = |model: &&str| !model.is_empty() && !model.eq_ignore_ascii_case("default");
    [runtime, agent.model.as_deref()]
        .into_iter()
        .flatten()
        .map(str::trim)
        .find(named)
}

/// Shortens the home directory, and paths below it, to `~`.
pub(in crate::commands) fn below_home(path: &str, home: &str) -> String {
    match path.strip_prefix(home) {
        Some(rest) if !home.is_empty() && (rest.is_empty() || rest.starts_with('/')) => {
            format!("~{rest}")
        }
        _ => path.to_owned(),
    }
}

/// Returns how long ago a time was, in the words of the official CLI.
pub(in crate::commands) fn age(time: &str, now: Timestamp) -> String {
    let Ok(time) = time.parse::<Timestamp>() else {
        return String::new();
    };
    match now.duration_since(time).as_secs() {
        seconds if seconds < 60 => "just now".to_owned(),
        seconds if seconds < 3600 => format!("{} minutes ago", seconds / 60),
        seconds if seconds < 86_400 => format!("{} hours ago", seconds / 3600),
        seconds => format!("{} days ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn agent(fields: &serde_json::Value) -> AgentSnapshot {
        let mut agent = json!({
            "id": "4daff7e7-efd6-4346-a11b-2a63904a556f", "provider": "mock", "cwd": "/home/me/src",
            "createdAt": "2026-11-22T13:29:26.017Z", "status": "idle"
        });
        agent
            .as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        serde_json::from_value(agent).unwrap()
    }

    fn args(words: &[&str]) -> Args {
        #[derive(clap::Parser)]
        struct Wrapper {
            #[command(flatten)]
            args: Args,
        }
        let words = std::iter::once("ls").chain(words.iter().copied());
        <Wrapper as clap::Parser>::try_parse_from(words)
            .unwrap()
            .args
    }

    fn request(words: &[&str]) -> serde_json::Value {
        serde_json::to_value(args(words).request().unwrap()).unwrap()
    }

    #[test]
    fn requests_are_those_of_the_official_cli_but_for_paging() {
        let page = json!({ "limit": 200 });
        assert_eq!(request(&[]), json!({ "scope": "active", "page": page }));
        assert_eq!(
            request(&["-a", "-g"]),
            json!({ "filter": { "includeArchived": true }, "page": page })
        );
        assert_eq!(request(&["-a"]), request(&["-ag"]));
        let labels = [
            "--label",
            "x=1=2",
            "--label",
            "team=core",
            "--label",
            "ignored",
        ];
        let expected = json!({ "x": "1=2", "team": "core" });
        assert_eq!(request(&labels)["filter"]["labels"], expected);
        assert_eq!(
            args(&["--thinking", " "]).request().unwrap_err().code,
            "INVALID_THINKING_OPTION"
        );
    }

    #[test]
    fn models_are_shown_when_there_is_something_to_say() {
        let shown = |fields| provider(&agent(&fields));
        assert_eq!(
            shown(json!({ "model": "m", "runtimeInfo": { "model": "r" } })),
            "mock/r"
        );
        assert_eq!(shown(json!({ "model": "m" })), "mock/m");
        assert_eq!(shown(json!({ "model": "default" })), "mock");
        assert_eq!(shown(json!({ "model": null })), "mock");
    }

    #[test]
    fn only_the_home_itself_becomes_a_tilde() {
        assert_eq!(below_home("/home/me/src", "/home/me"), "~/src");
        assert_eq!(below_home("/home/me", "/home/me"), "~");
        assert_eq!(below_home("/home/me2", "/home/me"), "/home/me2");
        assert_eq!(below_home("/x", ""), "/x");
    }

    #[test]
    fn ages_are_the_words_of_the_official_cli() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = at("2026-11-22T12:00:00Z");
        for (time, words) in [
            ("2026-11-22T11:59:30Z", "just now"),
            ("2026-11-22T12:05:00Z", "just now"),
            ("2026-11-22T11:59:00Z", "1 minutes ago"),
            ("2026-11-22T09:00:00Z", "3 hours ago"),
            ("2026-11-20T09:00:00Z", "2 days ago"),
            ("yesterday", ""),
        ] {
            assert_eq!(age(time, now), words);
        }
    }
}
