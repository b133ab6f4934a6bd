//! Terminals of the daemon's machine (`docs/protocol.md`, "Terminals"); their bytes travel in binary
//! frames.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::session::Notice;

/// First byte of a binary frame: what a terminal wrote. The second byte is the slot.
pub const OUTPUT: u8 = 0x01;
/// What a person typed.
pub const INPUT: u8 = 0x02;
/// JSON [`Resize`].
pub const RESIZE: u8 = 0x03;
/// JSON `TerminalState`: replaces the whole screen.
pub const SNAPSHOT: u8 = 0x04;
/// ANSI bytes that rebuild the screen.
pub const RESTORE: u8 = 0x05;

/// Content of a [`RESIZE`] frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resize {
    /// Lines.
    pub rows: u16,
    /// Columns.
    pub cols: u16,
    /// `claim` makes this client the owner of the size, `update` counts only from the owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<String>,
}

/// A terminal.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Terminal {
    /// A UUID.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Where it started; only in the reply to [`CreateTerminal`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Its workspace; absent in 0.1.65.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<String>,
    /// What the program set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What happens in it; absent in 0.1.65.
    #[serde(default)]
    pub activity: Option<Value>,
}

/// `list_terminals_request`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListTerminals {
    /// Only those of this directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Only those of this workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<String>,
}

/// Reply to [`ListTerminals`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Terminals {
    /// As asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Those that run.
    pub terminals: Vec<Terminal>,
}

/// `create_terminal_request`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateTerminal {
    /// Absolute.
    pub cwd: String,
    /// Its workspace; not in 0.1.65.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<String>,
    /// Name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Refused by every daemon since 0.5.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// Program to run instead of the shell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Its arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Vec<String>>,
    /// 80 columns of 24 lines when absent; not in 0.1.65.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
}

/// Size of a terminal in cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Lines.
    pub rows: u16,
    /// Columns.
    pub cols: u16,
}

/// Reply to [`CreateTerminal`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CreatedTerminal {
    /// The terminal, or `None` with `error` set.
    pub terminal: Option<Terminal>,
    /// Why there is none.
    pub error: Option<String>,
}

/// `capture_terminal_request`: lines of the scrollback and the screen, counted together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CaptureTerminal {
    /// Full id.
    pub terminal_id: String,
    /// First line; negative counts from the end. The first of the screen when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<i64>,
    /// Last line, inclusive; negative counts from the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<i64>,
    /// Without colours; absent means yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strip_ansi: Option<bool>,
}

/// Reply to [`CaptureTerminal`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CapturedTerminal {
    /// Full id.
    pub terminal_id: String,
    /// The lines; none for an unknown terminal.
    pub lines: Vec<String>,
    /// How many there are.
    pub total_lines: u64,
}

/// `kill_terminal_request`; succeeds for unknown ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KillTerminal {
    /// Full id.
    pub terminal_id: String,
}

/// Reply to [`KillTerminal`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KilledTerminal {
    /// Full id.
    pub terminal_id: String,
    /// Whether it is gone.
    pub success: bool,
}

/// `subscribe_terminal_request`: its bytes from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubscribeTerminal {
    /// Full id.
    pub terminal_id: String,
    /// How to show what is there already; absent asks for a [`SNAPSHOT`]. Not in 0.1.65.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore: Option<Restore>,
}

/// How to show what a terminal holds already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Restore {
    /// `live` (not at all), `visible-snapshot` or `full-snapshot`.
    pub mode: String,
    /// Lines of scrollback at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scrollback_lines: Option<u64>,
    /// Size to take first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
}

/// Reply to [`SubscribeTerminal`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubscribedTerminal {
    /// Full id.
    pub terminal_id: String,
    /// Second byte of its frames; absent with `error` set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<u8>,
    /// Why not.
    pub error: Option<String>,
}

requests! {
    reads ListTerminals: "list_terminals_request" => "list_terminals_response" Terminals;
    changes CreateTerminal: "create_terminal_request" => "create_terminal_response" CreatedTerminal;
    reads CaptureTerminal: "capture_terminal_request" => "capture_terminal_response" CapturedTerminal;
    changes KillTerminal: "kill_terminal_request" => "kill_terminal_response" KilledTerminal;
    reads SubscribeTerminal: "subscribe_terminal_request" => "subscribe_terminal_response" SubscribedTerminal;
}

/// `terminal_input`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TerminalInput {
    /// Full id.
    pub terminal_id: String,
    /// What to put in.
    pub message: InputMessage,
}

/// What to put into a terminal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum InputMessage {
    /// Keys.
    Input {
        /// As the terminal sends them.
        data: String,
    },
    /// Another size.
    Resize(Resize),
    /// The mouse.
    Mouse {
        /// Line from 0.
        row: f64,
        /// Column from 0.
        col: f64,
        /// Which button.
        button: f64,
        /// `down`, `up` or `move`.
        action: String,
    },
}

impl Notice for TerminalInput {
    const TYPE: &'static str = "terminal_input";
}

/// `unsubscribe_terminal_request`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnsubscribeTerminal {
    /// Full id.
    pub terminal_id: String,
}

impl Notice for UnsubscribeTerminal {
    const TYPE: &'static str = "unsubscribe_terminal_request";
}

/// `subscribe_terminals_request`: the terminals of a directory, now and whenever they change
/// (`terminals_changed`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FollowTerminals {
    /// Absolute.
    pub cwd: String,
    /// Only those of this workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<String>,
}

impl Notice for FollowTerminals {
    const TYPE: &'static str = "subscribe_terminals_request";
}

/// `unsubscribe_terminals_request`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnfollowTerminals {
    /// As before.
    pub cwd: String,
    /// As before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<String>,
}

impl Notice for UnfollowTerminals {
    const TYPE: &'static str = "unsubscribe_terminals_request";
}

/// Type of the message that carries [`TerminalExit`].
pub const STREAM_EXIT: &str = "terminal_stream_exit";

/// `terminal_stream_exit`: the program of a subscribed terminal ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TerminalExit {
    /// Full id.
    pub terminal_id: String,
    /// Its exit status, 128 and the number for a signal. Only our own daemon tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<u8>,
}

/// The feature of daemons that know [`Restore`], and who owns the size: of 0.5.0 and newer.
pub const RESTORE_MODES: &str = "terminal-restore-modes";
