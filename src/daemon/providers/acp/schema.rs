//! What we read of ACP, version 1. Agents differ, and the protocol grows: an optional field of a wrong
//! shape counts as absent, a list leaves out what makes no sense in it, and fields that the current
//! schema has dropped but agents still send (`models`) are read as well.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::lenient::{Whole, bounded, lenient, list};
use super::login::AuthMethod;

/// The version of ACP.
pub(super) const VERSION: u64 = 1;

/// Reply to `initialize`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Initialized {
    pub(super) protocol_version: u64,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) agent_capabilities: Capabilities,
    #[serde(default, deserialize_with = "list")]
    pub(super) auth_methods: Vec<AuthMethod>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) agent_info: Option<AgentInfo>,
}

/// What an agent can do.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Capabilities {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) load_session: bool,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) prompt_capabilities: PromptCapabilities,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) mcp_capabilities: McpCapabilities,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) session_capabilities: SessionCapabilities,
}

/// How an agent reaches MCP servers, beside programs that it starts.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct McpCapabilities {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) http: bool,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) sse: bool,
}

/// What may be in a prompt beside text.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct PromptCapabilities {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) image: bool,
}

/// What else an agent does with sessions.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct SessionCapabilities {
    /// There when it can go on with a session without telling its history.
    #[serde(default, deserialize_with = "bounded")]
    pub(super) resume: Option<Value>,
    /// There when it can end a session.
    #[serde(default, deserialize_with = "bounded")]
    pub(super) close: Option<Value>,
    /// There when it can forget a session.
    #[serde(default, deserialize_with = "bounded")]
    pub(super) delete: Option<Value>,
    /// There when it can tell its sessions.
    #[serde(default, deserialize_with = "bounded")]
    pub(super) list: Option<Value>,
}

/// What an agent calls itself.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct AgentInfo {
    pub(super) name: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) version: String,
}

/// Reply to `session/new`, `session/load`, `session/resume` and `session/set_config_option`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SessionState {
    /// Only of a new session.
    #[serde(default, deserialize_with = "lenient")]
    pub(super) session_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) modes: Option<Modes>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) models: Option<Models>,
    #[serde(default, deserialize_with = "list")]
    pub(super) config_options: Vec<ConfigOption>,
}

/// The modes of a session.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Modes {
    pub(super) current_mode_id: String,
    #[serde(default, deserialize_with = "list")]
    pub(super) available_modes: Vec<ModeInfo>,
}

/// A mode.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ModeInfo {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) description: Option<String>,
}

/// The models of a session, in agents from before configuration options.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Models {
    pub(super) current_model_id: String,
    #[serde(default, deserialize_with = "list")]
    pub(super) available_models: Vec<ModelInfo>,
}

/// A model.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ModelInfo {
    pub(super) model_id: String,
    pub(super) name: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) description: Option<String>,
}

/// Something that can be chosen.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConfigOption {
    pub(super) id: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) name: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) description: Option<String>,
    /// `mode`, `model`, `thought_level`, …; agents have their own as well.
    #[serde(default, deserialize_with = "lenient")]
    pub(super) category: Option<String>,
    /// Text, or for a switch true or false.
    #[serde(default, deserialize_with = "lenient")]
    pub(super) current_value: Value,
    #[serde(default, deserialize_with = "list")]
    pub(super) options: Vec<Choice>,
}

impl ConfigOption {
    /// Its values, without their groups.
    pub(super) fn choices(&self) -> Vec<Choice> {
        let groups = self.options.clone().into_iter();
        let choices = groups.flat_map(|mut choice| {
            let members = std::mem::take(&mut choice.options);
            let alone = choice.value.is_some().then_some(choice);
            alone.into_iter().chain(members)
        });
        choices.filter(|choice| choice.value.is_some()).collect()
    }
}

/// A value to choose, or a group of them.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Choice {
    /// Absent in a group.
    #[serde(default, deserialize_with = "lenient")]
    pub(super) value: Option<String>,
    pub(super) name: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) description: Option<String>,
    /// Only in a group.
    #[serde(default, deserialize_with = "list")]
    pub(super) options: Vec<Choice>,
}

/// Reply to `session/prompt`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Prompted {
    pub(super) stop_reason: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) usage: Option<Usage>,
}

/// Tokens of a turn.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Usage {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) output_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) cached_read_tokens: Option<u64>,
}

/// What `session/update` tells.
#[derive(Debug)]
pub(super) enum Update {
    /// A piece of the prompt, when history is told.
    User(Chunk),
    /// A piece of the answer.
    Message(Chunk),
    /// A piece of what it thinks.
    Thought(Chunk),
    /// A tool call, or what changed in one.
    Tool(Box<Tool>),
    /// The whole list of things to do.
    Plan(Plan),
    /// It is in another mode.
    Mode(CurrentMode),
    /// What can be chosen has changed.
    Config(SessionState),
    /// How full its context is.
    Usage(ContextUsage),
    /// What it calls the session.
    Info(SessionInfoUpdate),
    /// Something that people should know.
    Notice(Notice),
    /// It makes its context shorter.
    Compaction(Compaction),
}

/// What changed about a session.
#[derive(Debug, Deserialize)]
pub(super) struct SessionInfoUpdate {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) title: Option<String>,
}

/// Something that people should know.
#[derive(Debug, Deserialize)]
pub(super) struct Notice {
    /// `info`, `warning`, `error`, …
    #[serde(default, deserialize_with = "lenient")]
    pub(super) severity: String,
    pub(super) title: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) description: Option<String>,
}

/// How far a shortening of the context is.
#[derive(Debug, Deserialize)]
pub(super) struct Compaction {
    /// `in_progress`, `completed`, `failed` or `cancelled`.
    #[serde(default, deserialize_with = "lenient")]
    pub(super) status: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) error: Option<String>,
}

/// Reply to `session/list`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sessions {
    #[serde(default, deserialize_with = "list")]
    pub(super) sessions: Vec<SessionInfo>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) next_cursor: Option<String>,
}

/// A session that an agent has kept.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SessionInfo {
    pub(super) session_id: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) cwd: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) title: Option<String>,
    /// ISO 8601.
    #[serde(default, deserialize_with = "lenient")]
    pub(super) updated_at: Option<String>,
}

/// A piece of text, or of something else.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Chunk {
    pub(super) content: Content,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) message_id: Option<String>,
}

/// A block of content.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Content {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) text: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) uri: Option<String>,
    /// Of an embedded resource.
    #[serde(default, deserialize_with = "lenient")]
    pub(super) resource: Option<Resource>,
}

/// A file, or something like it, that came along.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Resource {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) uri: Option<String>,
    /// Absent when it is no text.
    #[serde(default, deserialize_with = "lenient")]
    pub(super) text: Option<String>,
}

/// A tool call, or what changed in one: absent fields stay as they were.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tool {
    pub(super) tool_call_id: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) title: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) name: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) kind: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) status: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) content: Option<ToolContents>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) locations: Option<Locations>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) raw_input: Option<Whole>,
    #[serde(default, deserialize_with = "bounded")]
    pub(super) raw_output: Option<Value>,
    /// Some agents name the tool here alone.
    #[serde(default, rename = "_meta", deserialize_with = "bounded")]
    pub(super) meta: Option<Value>,
}

/// What a tool call shows.
#[derive(Debug, Clone)]
pub(super) struct ToolContents {
    /// The pieces that we can read.
    pub(super) pieces: Vec<ToolContent>,
    /// As the agent wrote it.
    pub(super) whole: Whole,
}

impl<'de> Deserialize<'de> for ToolContents {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let pieces = list(&mut serde_json::Deserializer::from_str(raw.get()));
        Ok(Self {
            pieces: pieces.unwrap_or_default(),
            whole: Whole::of(&raw),
        })
    }
}

/// Where a tool call works.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Locations(#[serde(deserialize_with = "list")] pub(super) Vec<Location>);

/// A piece of what a tool call shows: a block of content, or a change of a file.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolContent {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) content: Option<Content>,
    /// The file that changed.
    #[serde(default, deserialize_with = "lenient")]
    pub(super) path: Option<String>,
    /// Absent for a new file.
    #[serde(default, deserialize_with = "lenient")]
    pub(super) old_text: Option<String>,
    /// What it says now.
    #[serde(default, deserialize_with = "lenient")]
    pub(super) new_text: Option<String>,
}

/// A file.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Location {
    pub(super) path: String,
}

/// Things to do.
#[derive(Debug, Deserialize)]
pub(super) struct Plan {
    #[serde(default, deserialize_with = "list")]
    pub(super) entries: Vec<PlanEntry>,
}

/// A thing to do.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct PlanEntry {
    pub(super) content: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) status: String,
}

/// The mode of a session.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CurrentMode {
    pub(super) current_mode_id: String,
}

/// How full the context is, in tokens.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ContextUsage {
    pub(super) used: u64,
    pub(super) size: u64,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) cost: Option<Cost>,
}

/// What a session has cost so far.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Cost {
    pub(super) amount: f64,
    /// ISO 4217.
    pub(super) currency: String,
}

/// Arguments of `session/request_permission`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AskPermission {
    pub(super) tool_call: Tool,
    #[serde(default, deserialize_with = "list")]
    pub(super) options: Vec<PermissionOption>,
}

/// A choice.
#[derive(Debug, Clone, Deserialize, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PermissionOption {
    pub(super) option_id: String,
    pub(super) name: String,
    /// `allow_once`, `allow_always`, `reject_once` or `reject_always`.
    pub(super) kind: String,
}

/// Reads the arguments of `session/update`; `None` for what is of no interest or makes no sense.
pub(super) fn update(params: &RawValue) -> Option<Update> {
    #[derive(Deserialize)]
    struct Params<'a> {
        #[serde(borrow)]
        update: &'a RawValue,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Tag {
        session_update: String,
    }
    fn read<T: DeserializeOwned>(text: &str) -> Option<T> {
        serde_json::from_str(text).ok()
    }
    let text = serde_json::from_str::<Params<'_>>(params.get())
        .ok()?
        .update
        .get();
    match read::<Tag>(text)?.session_update.as_str() {
        "user_message_chunk" => read(text).map(Update::User),
        "agent_message_chunk" => read(text).map(Update::Message),
        "agent_thought_chunk" => read(text).map(Update::Thought),
        "tool_call" | "tool_call_update" => read(text).map(Update::Tool),
        "plan" => read(text).map(Update::Plan),
        "current_mode_update" => read(text).map(Update::Mode),
        "config_option_update" => read(text).map(Update::Config),
        "usage_update" => read(text).map(Update::Usage),
        "session_info_update" => read(text).map(Update::Info),
        "notice" => read(text).map(Update::Notice),
        "compaction_update" => read(text).map(Update::Compaction),
        _ => None,
    }
}
