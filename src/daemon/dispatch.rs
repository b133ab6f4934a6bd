//! From a message to the handler of its type, and back to a reply.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::agents::AgentError;
use super::connection::invalid;
use super::core::Core;
use super::hub::{Membership, Socket};
use super::store::{StoreError, lock};
use crate::e2ee::Freshness;
use crate::protocol::daemon::{
    GetConfig, GetPairingOffer, GetStatus, ReloadConfig, Restart, SetConfig, Shutdown,
};
use crate::protocol::lifecycle::{
    ArchiveAgent, CancelAgent, ClearAttention, CreateAgent, DeleteAgent, DetachAgent, FetchAgent,
    ImportAgent, RefreshAgent, SendMessage, SetFeature, SetMode, SetThinking, UpdateAgent,
    WaitForFinish,
};
use crate::protocol::permissions::AnswerPermission;
use crate::protocol::providers::{
    DiagnoseProvider, FetchSessions, GetProviders, ListLogins, ListModels, LogIn,
};
use crate::protocol::schedules::{
    CreateSchedule, DeleteSchedule, InspectSchedule, ListSchedules, PauseSchedule, ResumeSchedule,
    RunSchedule, ScheduleLogs, UpdateSchedule,
};
use crate::protocol::scripts::{ListScripts, StartScript, StopScript};
use crate::protocol::session::{Ping, Request, RpcError};
use crate::protocol::terminals::{
    CaptureTerminal, CreateTerminal, KillTerminal, ListTerminals, SubscribeTerminal,
};
use crate::protocol::timeline::{FetchTimeline, SubscribeTimelines};
use crate::protocol::workspaces::{
    AddProject, ArchiveWorkspace, ArchiveWorktree, CloneRepository, CreateWorkspace,
    CreateWorktree, FetchWorkspaces, ListProjects, ListWorktrees, OpenProject, RemoveProject,
    RenameProject, RenameWorkspace,
};
use crate::protocol::{agents::FetchAgents, session::APP_VERSION};
use crate::transport::Frame;

/// A request on its way through its handler.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// What all sessions share.
    pub(super) core: Arc<Core>,
    /// Who asked.
    pub(super) socket: Arc<Socket>,
    /// The id that the client chose.
    pub(super) request_id: String,
    /// The message type.
    kind: String,
    /// Told once the reply is in line.
    after: Arc<Mutex<Option<Arc<Notify>>>>,
}

/// Why a request gets no reply of its own type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Of a type we do not know, or malformed.
    Schema,
    /// The handler failed.
    Failed(String),
    /// A code of its own, and a sentence.
    Coded(&'static str, String),
}

impl Refusal {
    /// A change in a frame that may be a recording.
    fn replayable(freshness: Freshness) -> Self {
        match freshness {
            Freshness::Unrecorded => Self::Coded(
                "connection_not_recorded",
                "this daemon cannot write to its disk, so it cannot tell this connection from a recording: it only \
                 answers what changes nothing"
                    .to_owned(),
            ),
            _ => Self::Coded(
                "connection_not_fresh",
                "the request left before this connection was known to be no recording".to_owned(),
            ),
        }
    }
}

impl From<AgentError> for Refusal {
    fn from(error: AgentError) -> Self {
        match error {
            AgentError::Store(error) => error.into(),
            _ => Self::Failed(error.to_string()),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Coded("storage_failed", error.to_string())
    }
}

/// How a request is served.
pub(super) trait Serve:
    Request<Reply: Serialize> + DeserializeOwned + Send + 'static
{
    /// Does the work.
    fn serve(self, call: &Call) -> impl Future<Output = Result<Self::Reply, Refusal>> + Send;
}

/// What every session message has.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    request_id: Option<Cow<'a, str>>,
}

/// Serves a session message. Requests are served in the order in which they come; those that may
/// take long go on in `slow` while the next are served. Dropping it, or `slow`, ends those that only read. Breaks when a
/// change was refused because the connection may be a recording.
pub(super) async fn session(
    core: &Arc<Core>,
    socket: &Membership,
    text: &str,
    freshness: Freshness,
    slow: &mut JoinSet<()>,
) -> ControlFlow<()> {
    let Ok(head) = serde_json::from_str::<Head<'_>>(text) else {
        invalid(socket, "no type");
        return ControlFlow::Continue(());
    };
    // Notices type into terminals, and are answered by nothing.
    if freshness.may_change() && super::handlers::notice(core, socket, &head.kind, text).await {
        return ControlFlow::Continue(());
    }
    // The request whose id may be left out, and that is done all the same.
    let optional = head.kind == CancelAgent::TYPE || head.kind == ClearAttention::TYPE;
    let Some(request_id) = head.request_id.or(optional.then_some(Cow::Borrowed(""))) else {
        invalid(socket, "unknown type, or no requestId");
        return ControlFlow::Continue(());
    };
    let call = Call {
        core: Arc::clone(core),
        socket: Arc::clone(socket),
        request_id: request_id.into_owned(),
        kind: head.kind.into_owned(),
        after: Arc::default(),
    };
    macro_rules! table {
        (at_once: $($quick:ty),*; slowly: $($long:ty),*;) => {
            match call.kind.as_str() {
                $(<$quick as Request>::TYPE => Served::new::<$quick>(false),)*
                $(<$long as Request>::TYPE => Served::new::<$long>(true),)*
                _ => {
                    call.refuse(Refusal::Schema);
                    return ControlFlow::Continue(());
                }
            }
        };
    }
    let served = table! {
        at_once:
            Ping,
            FetchAgents, FetchAgent, CreateAgent, UpdateAgent, SetMode, SetThinking, SetFeature,
            DetachAgent, ClearAttention, FetchTimeline, SubscribeTimelines, AnswerPermission,
            FetchWorkspaces, OpenProject, RenameWorkspace, ListProjects, AddProject,
            RenameProject, RemoveProject, ListWorktrees,
            ListScripts, StartScript,
            CreateSchedule, ListSchedules, InspectSchedule, ScheduleLogs, PauseSchedule,
            ResumeSchedule, UpdateSchedule, DeleteSchedule,
            ListTerminals, CreateTerminal, CaptureTerminal, KillTerminal, SubscribeTerminal,
            GetStatus, GetPairingOffer, ReloadConfig, GetConfig, SetConfig, Restart, Shutdown;
        slowly:
            GetProviders, ListModels, DiagnoseProvider, ListLogins, LogIn, FetchSessions,
            ImportAgent,
            WaitForFinish, SendMessage, CancelAgent, ArchiveAgent, DeleteAgent, RefreshAgent,
            RunSchedule, StopScript,
            CreateWorkspace, ArchiveWorkspace, CreateWorktree, ArchiveWorktree, CloneRepository;
    };
    if served.changes && !freshness.may_change() {
        call.refuse(Refusal::replayable(freshness));
        return ControlFlow::Break(());
    }
    let mut work = (served.serving)(call, text);
    if served.changes {
        let changes = Arc::clone(&core.changes);
        work = Box::pin(async move { changes.finish(work).await });
    }
    match served.takes_long {
        true => drop(slow.spawn(work)),
        false => work.await,
    }
    ControlFlow::Continue(())
}

/// How requests of one type are served.
struct Served {
    /// A pointer and a box, so that what is around the handlers is compiled once and not with each of them.
    serving: fn(Call, &str) -> BoxFuture<'static, ()>,
    /// It is finished when the client has left meanwhile.
    changes: bool,
    /// The next request is served meanwhile.
    takes_long: bool,
}

impl Served {
    fn new<R: Serve>(takes_long: bool) -> Self {
        Self {
            serving: Call::serving::<R>,
            changes: R::MUTATES,
            takes_long,
        }
    }
}

/// Refuses a message because too many are under way.
pub(super) fn busy(socket: &Membership, text: &str) {
    let head = serde_json::from_str::<Head<'_>>(text).ok();
    if let Some((id, kind)) = head.and_then(|head| Some((head.request_id?, head.kind))) {
        socket.send(
            "rpc_error",
            &RpcError {
                request_id: id.into_owned(),
                request_type: Some(kind.into_owned()),
                error: "Too many requests are under way".to_owned(),
                code: Some("busy".to_owned()),
            },
        );
    }
}

/// Takes a frame of bytes.
pub(super) async fn binary(
    core: &Arc<Core>,
    socket: &Membership,
    frame: Frame,
    freshness: Freshness,
) {
    // It may type into a terminal.
    if !freshness.may_change() {
        return invalid(socket, "bytes on a connection that may be a recording");
    }
    // Slots that nobody has are ignored, as the protocol asks.
    super::handlers::bytes(core, socket, frame).await;
}

impl Call {
    /// Reads the request at once, so that nothing holds its text for longer.
    fn serving<R: Serve>(self, text: &str) -> BoxFuture<'static, ()> {
        let request = serde_json::from_str::<R>(text);
        Box::pin(async move {
            let Ok(request) = request else {
                return self.refuse(Refusal::Schema);
            };
            match request.serve(&self).await {
                Ok(reply) => self.reply(R::REPLY, &reply),
                Err(refusal) => self.refuse(refusal),
            }
            if let Some(told) = lock(&self.after).take() {
                told.notify_one();
            }
        })
    }

    fn reply(&self, kind: &str, reply: &impl Serialize) {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Payload<'a, R> {
            request_id: &'a str,
            #[serde(flatten)]
            reply: &'a R,
        }
        let request_id = &self.request_id;
        self.socket.send(kind, &Payload { request_id, reply });
    }

    fn refuse(&self, refusal: Refusal) {
        let (code, error) = match refusal {
            Refusal::Schema => (
                "unknown_schema",
                format!("this daemon ({APP_VERSION}) does not know the request"),
            ),
            Refusal::Failed(error) => ("handler_error", format!("Request failed: {error}")),
            Refusal::Coded(code, error) => (code, error),
        };
        self.socket.send(
            "rpc_error",
            &RpcError {
                request_id: self.request_id.clone(),
                request_type: Some(self.kind.clone()),
                error: error.clone(),
                code: Some(code.to_owned()),
            },
        );
        if code == "handler_error" {
            self.log(&error);
        }
    }

    /// Tells somebody once the reply is in line.
    pub(super) fn afterwards(&self, told: Arc<Notify>) {
        *lock(&self.after) = Some(told);
    }

    /// Tells the client of an error in passing.
    pub(super) fn log(&self, error: &str) {
        self.socket.send(
            "activity_log",
            &json!({
                "id": uuid::Uuid::new_v4().to_string(),
                "timestamp": super::clock::now(),
                "type": "error",
                "content": error,
            }),
        );
    }
}
