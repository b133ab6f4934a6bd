//! Session messages: what a daemon takes from clients, and a client from daemons.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::protocol::session::{
    Correlation, Envelope, Hello, Message, Request, RpcError, ServerInfo,
};
use crate::protocol::terminals::TerminalExit;
use crate::protocol::{
    agents::*, chat::*, daemon::*, lifecycle::*, permissions::*, providers::*, schedules::*,
    scripts::*, session::Ping, terminals::*, timeline::*, workspaces::*,
};

/// A frame, read as either side reads it. What is read can be written, and read again.
pub(crate) fn session(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    again::<Hello>(text);
    let Ok(envelope) = serde_json::from_str::<Envelope<'_>>(text) else {
        return;
    };
    let Some(message) = envelope.message else {
        return;
    };
    as_request(message.get());
    let Ok(message) = serde_json::from_str::<Message<'_>>(message.get()) else {
        return;
    };
    let Some(payload) = message.payload else {
        return;
    };
    let _ = serde_json::from_str::<Correlation<'_>>(payload.get());
    again::<RpcError>(payload.get());
    again::<ServerInfo>(payload.get());
    again::<TerminalExit>(payload.get());
    as_reply(&message.kind, payload.get());
}

/// What can be written once can be read and written again.
fn again<T: DeserializeOwned + Serialize>(text: &str) {
    if let Ok(value) = serde_json::from_str::<T>(text) {
        let written = serde_json::to_string(&value).expect("what was read can be written");
        let read: T = serde_json::from_str(&written).expect("what was written can be read");
        assert_eq!(serde_json::to_string(&read).ok(), Some(written));
    }
}

macro_rules! requests {
    ($($request:ty),* $(,)?) => {
        fn as_request(text: &str) {
            $(again::<$request>(text);)*
        }

        fn as_reply(kind: &str, text: &str) {
            $(if kind == <$request as Request>::REPLY {
                let _ = serde_json::from_str::<<$request as Request>::Reply>(text);
            })*
        }
    };
}

requests! {
    FetchAgents, CreateRoom, ListRooms, InspectRoom, DeleteRoom, PostMessage, ReadMessages, WaitForMessages,
    GetStatus, GetPairingOffer, ReloadConfig, GetConfig, SetConfig, Restart, Shutdown, CreateAgent, ImportAgent,
    FetchAgent, WaitForFinish, SendMessage, CancelAgent, ArchiveAgent, DeleteAgent, UpdateAgent, SetMode,
    SetThinking, SetFeature, RefreshAgent, ClearAttention, DetachAgent, AnswerPermission, GetProviders, ListModels,
    DiagnoseProvider, FetchSessions, ListLogins, LogIn, CreateSchedule, ListSchedules, InspectSchedule, ScheduleLogs, PauseSchedule, ResumeSchedule,
    RunSchedule, UpdateSchedule, DeleteSchedule, ListScripts, StartScript, StopScript, Ping, ListTerminals,
    CreateTerminal, CaptureTerminal, KillTerminal, SubscribeTerminal, FetchTimeline, SubscribeTimelines,
    FetchWorkspaces, CreateWorkspace, OpenProject, RenameWorkspace, ArchiveWorkspace, ListProjects, AddProject,
    RenameProject, RemoveProject, CreateWorktree, ListWorktrees, ArchiveWorktree, CloneRepository,
}
