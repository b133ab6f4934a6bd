//! Terminals: programs on ptys of this machine, shown to whoever asks.
//!
//! A program writes as fast as its slowest reader takes, as on any terminal. A reader that takes nothing for
//! [`live::PATIENCE`] is left behind: it gets no output until there is room again, and then the screen.

#[cfg(any(test, fuzzing))]
mod fuzz;
mod live;
mod screen;
mod slots;

use std::ffi::OsString;
use std::sync::{Arc, Mutex};

use serde_json::json;

#[cfg(any(test, fuzzing))]
pub(crate) use fuzz::screen as fuzz_screen;
pub(super) use live::Live;
pub(super) use slots::{Directory, Slots};

use super::core::Core;
use super::processes::Processes;
use super::store::lock;
use crate::protocol::terminals::{CreateTerminal, Size, Terminal};
use crate::subprocess;

/// Terminals at once.
const MAX_TERMINALS: usize = 128;
/// The size of a terminal that nobody has given one.
const USUAL: Size = Size { rows: 24, cols: 80 };

/// Why there is no terminal.
#[derive(Debug, thiserror::Error)]
pub(super) enum TerminalError {
    /// There are too many.
    #[error("this daemon keeps at most {MAX_TERMINALS} terminals")]
    TooMany,
    /// The system cannot make one, or the program does not start.
    #[error("the terminal cannot be started: {0}")]
    Start(String),
}

/// All terminals, oldest first.
#[derive(Debug)]
pub(super) struct Terminals {
    all: Mutex<Vec<Arc<Live>>>,
    processes: Arc<Processes>,
    shell: OsString,
}

impl Terminals {
    /// Starts with none; `shell` is what runs in those that name no program.
    pub(super) fn new(processes: Arc<Processes>, shell: OsString) -> Self {
        Self {
            all: Mutex::default(),
            processes,
            shell,
        }
    }

    /// The terminal with this id.
    pub(super) fn get(&self, id: &str) -> Option<Arc<Live>> {
        lock(&self.all).iter().find(|live| live.id == id).cloned()
    }

    /// Those of a directory, or all.
    pub(super) fn list(&self, of: Option<&Directory>) -> Vec<Terminal> {
        let all: Vec<_> = lock(&self.all).clone();
        let shown = all.iter().map(|live| live.shown());
        shown
            .filter(|terminal| of.is_none_or(|directory| directory.holds(terminal)))
            .collect()
    }

    /// Ends those of a workspace.
    pub(super) fn kill_all_of(&self, workspace_id: &str) {
        let all: Vec<_> = lock(&self.all).clone();
        let its = |live: &&Arc<Live>| live.workspace_id == workspace_id;
        all.iter().filter(its).for_each(|live| live.kill());
    }
}

impl Core {
    /// Starts a terminal in a workspace.
    pub(super) fn start_terminal(
        self: &Arc<Self>,
        asked: CreateTerminal,
        workspace_id: String,
    ) -> Result<Arc<Live>, TerminalError> {
        let terminals = &self.terminals;
        if lock(&terminals.all).len() >= MAX_TERMINALS {
            return Err(TerminalError::TooMany);
        }
        let program = asked.command.as_ref().map(OsString::from);
        let program = program.as_ref().unwrap_or(&terminals.shell);
        let mut command = tokio::process::Command::from(subprocess::command(program));
        command
            .args(asked.args.iter().flatten())
            .current_dir(&asked.cwd)
            .env("TERM", "xterm-256color")
            .env("COLORTERM", "truecolor")
            .env("PASEO_WORKSPACE_ID", &workspace_id)
            .env_remove("COLUMNS")
            .env_remove("LINES");
        let failed = |error: &dyn std::fmt::Display| TerminalError::Start(error.to_string());
        let size = asked.size.unwrap_or(USUAL);
        let screen = screen::Screen::new(size);
        let (pty, pts) = pty_process::open().map_err(|error| failed(&error))?;
        let Size { rows, cols } = screen.size();
        pty.resize(pty_process::Size::new(rows, cols))
            .map_err(|error| failed(&error))?;
        let running = terminals.processes.spawn_on(command, pts);
        let running = running.map_err(|error| failed(&error))?;
        let name = asked.name.filter(|name| !name.trim().is_empty());
        let (live, task) = Live::new(live::New {
            name: name.unwrap_or_else(|| self.free_name(&asked.cwd)),
            cwd: asked.cwd,
            workspace_id,
            program: asked.command,
            screen,
        });
        lock(&terminals.all).push(Arc::clone(&live));
        self.terminals_changed(&live.shown());
        let core = Arc::clone(self);
        self.spawn(async move {
            let id = task.live().id.clone();
            let shown = task.live().shown();
            let mut stop = core.stop.subscribe();
            let mut running = task.run(pty, running, &mut stop).await;
            lock(&core.terminals.all).retain(|live| live.id != id);
            core.terminals_changed(&shown);
            if let Some(running) = &mut running {
                // Its end is certain in any case: what does not go is killed.
                let _ = running.end().await;
            }
        });
        Ok(live)
    }

    /// Tells who follows its directory that a terminal came, changed or went.
    fn terminals_changed(&self, changed: &Terminal) {
        for socket in self.hub.sockets() {
            let directories = lock(&socket.terminals).directories().to_vec();
            for directory in directories.iter().filter(|known| known.holds(changed)) {
                let terminals = self.terminals.list(Some(directory));
                let payload = json!({ "cwd": directory.cwd, "terminals": without_cwd(terminals) });
                socket.send("terminals_changed", &payload);
            }
        }
    }

    fn free_name(&self, cwd: &str) -> String {
        let taken: Vec<_> = lock(&self.terminals.all)
            .iter()
            .filter(|live| live.cwd == cwd)
            .map(|live| live.name.clone())
            .collect();
        let names = (1..).map(|number| format!("Terminal {number}"));
        names
            .into_iter()
            .find(|name| !taken.contains(name))
            .unwrap_or_default()
    }
}

/// As lists have them: the directory stands beside the list.
pub(super) fn without_cwd(mut terminals: Vec<Terminal>) -> Vec<Terminal> {
    for terminal in &mut terminals {
        terminal.cwd = None;
    }
    terminals
}
