//! Terminals.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::json;

use crate::daemon::core::Core;
use crate::daemon::dispatch::{Call, Refusal, Serve};
use crate::daemon::hub::Membership;
use crate::daemon::store::lock;
use crate::daemon::terminals::{Directory, Live, without_cwd};
use crate::protocol::session::Notice;
use crate::protocol::terminals::{
    CaptureTerminal, CapturedTerminal, CreateTerminal, CreatedTerminal, FollowTerminals, INPUT,
    InputMessage, KillTerminal, KilledTerminal, ListTerminals, RESIZE, SubscribeTerminal,
    SubscribedTerminal, Terminal, TerminalInput, Terminals, UnfollowTerminals, UnsubscribeTerminal,
};
use crate::transport::Frame;

impl Serve for ListTerminals {
    async fn serve(self, call: &Call) -> Result<Terminals, Refusal> {
        let directory = self.cwd.clone().map(|cwd| Directory {
            cwd,
            workspace_id: self.workspace_id,
        });
        let terminals = call.core.terminals.list(directory.as_ref());
        Ok(Terminals {
            cwd: self.cwd,
            terminals: without_cwd(terminals),
        })
    }
}

impl Serve for CreateTerminal {
    async fn serve(mut self, call: &Call) -> Result<CreatedTerminal, Refusal> {
        if let Some(agent) = self.agent_id {
            return Ok(refused(format!(
                "this daemon starts no terminals for agents, such as {agent}"
            )));
        }
        let workspace_id = {
            let workspaces = call.core.workspaces();
            let asked = self.workspace_id.take();
            asked.or_else(|| workspaces.at(&self.cwd).map(|found| found.id.clone()))
        };
        let Some(workspace_id) = workspace_id else {
            return Ok(refused("workspaceId is required".to_owned()));
        };
        if !call.core.workspaces().is_active(Some(&workspace_id)) {
            return Ok(refused(format!("Workspace not found: {workspace_id}")));
        }
        Ok(match call.core.start_terminal(self, workspace_id) {
            Ok(live) => CreatedTerminal {
                terminal: Some(live.shown()),
                error: None,
            },
            Err(error) => refused(error.to_string()),
        })
    }
}

fn refused(error: String) -> CreatedTerminal {
    CreatedTerminal {
        terminal: None,
        error: Some(error),
    }
}

impl Serve for CaptureTerminal {
    async fn serve(self, call: &Call) -> Result<CapturedTerminal, Refusal> {
        let ansi = self.strip_ansi == Some(false);
        let live = call.core.terminals.get(&self.terminal_id);
        let captured = live.map(|live| live.capture(self.start, self.end, ansi));
        let (lines, total_lines) = captured.unwrap_or_default();
        Ok(CapturedTerminal {
            terminal_id: self.terminal_id,
            lines,
            total_lines,
        })
    }
}

impl Serve for KillTerminal {
    async fn serve(self, call: &Call) -> Result<KilledTerminal, Refusal> {
        if let Some(live) = call.core.terminals.get(&self.terminal_id) {
            live.kill();
        }
        Ok(KilledTerminal {
            terminal_id: self.terminal_id,
            success: true,
        })
    }
}

impl Serve for SubscribeTerminal {
    async fn serve(self, call: &Call) -> Result<SubscribedTerminal, Refusal> {
        let terminal_id = self.terminal_id;
        let refused = |error: &str| SubscribedTerminal {
            terminal_id: terminal_id.clone(),
            slot: None,
            error: Some(error.to_owned()),
        };
        let Some(live) = call.core.terminals.get(&terminal_id) else {
            return Ok(refused("Terminal not found"));
        };
        let Some((slot, shows)) = live.look(&call.socket, self.restore) else {
            return Ok(refused("this connection follows too many terminals"));
        };
        // The screen must not come before the slot is known.
        call.afterwards(shows);
        Ok(SubscribedTerminal {
            terminal_id,
            slot: Some(slot),
            error: None,
        })
    }
}

/// Takes a message that is never answered; false when it is not one.
pub(super) async fn notice(core: &Arc<Core>, socket: &Membership, kind: &str, text: &str) -> bool {
    match kind {
        TerminalInput::TYPE => {
            if let Some(input) = read::<TerminalInput>(text)
                && let Some(live) = core.terminals.get(&input.terminal_id)
            {
                put(&live, socket, input.message).await;
            }
        }
        UnsubscribeTerminal::TYPE => {
            if let Some(live) = read::<UnsubscribeTerminal>(text)
                .and_then(|asked| core.terminals.get(&asked.terminal_id))
            {
                live.look_away(socket);
            }
        }
        FollowTerminals::TYPE => {
            if let Some(FollowTerminals { cwd, workspace_id }) = read(text) {
                let directory = Directory { cwd, workspace_id };
                let terminals = without_cwd(core.terminals.list(Some(&directory)));
                changed(socket, &directory.cwd, &terminals);
                lock(&socket.terminals).follow(directory);
            }
        }
        UnfollowTerminals::TYPE => {
            if let Some(UnfollowTerminals { cwd, workspace_id }) = read(text) {
                lock(&socket.terminals).forget(&Directory { cwd, workspace_id });
            }
        }
        _ => return false,
    }
    true
}

fn changed(socket: &Membership, cwd: &str, terminals: &[Terminal]) {
    socket.send(
        "terminals_changed",
        &json!({ "cwd": cwd, "terminals": terminals }),
    );
}

/// A notice that makes no sense is none: nobody would hear of it.
fn read<N: Notice + DeserializeOwned>(text: &str) -> Option<N> {
    serde_json::from_str(text).ok()
}

async fn put(live: &Live, socket: &Membership, message: InputMessage) {
    match message {
        InputMessage::Input { data } => live.type_in(data.into_bytes()).await,
        InputMessage::Resize(resize) => live.resize(socket, &resize),
        // The official daemon has no use for it either.
        InputMessage::Mouse { .. } => {}
    }
}

/// Takes a frame of bytes. Slots that nobody has are ignored, as the protocol asks.
pub(super) async fn bytes(core: &Arc<Core>, socket: &Membership, frame: Frame) {
    let bytes = match &frame {
        Frame::Text(text) => text.as_bytes(),
        Frame::Binary(bytes) => bytes,
    };
    let [opcode, slot, content @ ..] = bytes else {
        return;
    };
    let terminal_id = lock(&socket.terminals).terminal(*slot).cloned();
    let Some(live) = terminal_id.and_then(|id| core.terminals.get(&id)) else {
        return;
    };
    match *opcode {
        INPUT => live.type_in(content.to_vec()).await,
        RESIZE => {
            if let Ok(resize) = serde_json::from_slice(content) {
                live.resize(socket, &resize);
            }
        }
        _ => {}
    }
}
