//! Child processes, and what becomes of those that they start.
//!
//! Each has a process group of its own, which is killed when its handle goes: at the end of a turn,
//! when an agent is archived, when the daemon stops. What a child leaves running in its group ends with
//! it. Against a daemon that is killed there is the [`guard()`], a process that ends the groups it was
//! told of when the daemon's end of its pipe closes. `PR_SET_PDEATHSIG` would reach the child alone
//! and not what it started, on Linux only, and through `unsafe` code.
//!
//! A process that leaves its group, as `setsid` does, goes on after the turn and ends with the daemon: on
//! Linux the guard finds it by a variable that agents and scripts inherit. Elsewhere, and with another
//! environment, it outlives the daemon. Programs of terminals are a person's and have no such variable:
//! those that leave their session, such as tmux, stay.

mod guard;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use super::store::lock;
use crate::subprocess;
pub use guard::guard;
use guard::{Change, Group};

/// How long a child may go on after SIGTERM.
const GRACE: Duration = Duration::from_secs(3);

/// Starts children and knows which groups are alive.
#[derive(Debug)]
pub(super) struct Processes {
    /// Program and arguments of the guard.
    command: Vec<OsString>,
    /// What the guard finds those by that have left their groups.
    mark: String,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    guard: Option<std::process::Child>,
    groups: BTreeSet<Group>,
}

impl Processes {
    /// Takes program and arguments of the guard, without which children outlive a daemon that is
    /// killed. The guard is started with the first child.
    pub(super) fn new(command: Vec<OsString>) -> Arc<Self> {
        Arc::new(Self {
            command,
            mark: uuid::Uuid::new_v4().to_string(),
            inner: Mutex::default(),
        })
    }

    /// Starts a child in a group of its own. Call it within a runtime.
    pub(super) fn spawn(self: &Arc<Self>, mut command: Command) -> io::Result<Running> {
        command.kill_on_drop(true).env(guard::MARK, &self.mark);
        #[cfg(unix)]
        command.process_group(0);
        Ok(self.adopt(command.spawn()?))
    }

    /// Starts a child on a terminal of its own, which makes it the leader of a session and a group.
    pub(super) fn spawn_on(
        self: &Arc<Self>,
        mut command: Command,
        terminal: pty_process::Pts,
    ) -> Result<Running, pty_process::Error> {
        command.kill_on_drop(true);
        let child = pty_process::Command::from(command).spawn(terminal)?;
        Ok(self.adopt(child))
    }

    fn adopt(self: &Arc<Self>, child: Child) -> Running {
        let group = child.id().and_then(Group::new);
        if let Some(group) = group {
            self.tell(Change::Started(group));
        }
        Running {
            child,
            group,
            processes: Arc::clone(self),
        }
    }

    fn tell(&self, change: Change) {
        let mut inner = lock(&self.inner);
        match change {
            Change::Started(group) => inner.groups.insert(group),
            Change::Ended(group) => inner.groups.remove(&group),
        };
        if self.command.is_empty() {
            return;
        }
        let told = inner.guard.as_mut().is_some_and(|guard| {
            let pipe = guard.stdin.as_mut();
            pipe.is_some_and(|pipe| writeln!(pipe, "{change}").is_ok())
        });
        if !told && let Err(error) = self.restart(&mut inner) {
            tracing::warn!(%error, "children will outlive this daemon if it is killed");
        }
    }

    /// Starts a guard and tells it everything.
    fn restart(&self, inner: &mut Inner) -> io::Result<()> {
        if let Some(mut old) = inner.guard.take() {
            // It ended by itself; this only takes its status.
            old.kill()?;
            old.wait()?;
        }
        let mut words = self.command.iter();
        let mut command = subprocess::command(words.next().unwrap_or(&OsString::new()));
        command
            .args(words)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // Ctrl-C on the daemon's terminal is not for the guard.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut guard = command.spawn()?;
        if let Some(pipe) = &mut guard.stdin {
            writeln!(pipe, "{}", self.mark)?;
            for group in &inner.groups {
                writeln!(pipe, "{}", Change::Started(*group))?;
            }
        }
        inner.guard = Some(guard);
        Ok(())
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        if let Some(mut guard) = lock(&self.inner).guard.take() {
            drop(guard.stdin.take());
            // Every child has gone; those that have left their groups end within its patience.
            let _ = guard.wait();
        }
    }
}

/// A child that runs. Dropped, it and what it started are killed.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    group: Option<Group>,
    processes: Arc<Processes>,
}

impl Running {
    /// The other end of its standard input, once.
    pub(super) fn stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// The other end of its standard output, once.
    pub(super) fn stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// The other end of its standard error, once.
    pub(super) fn stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// Waits for its end, and ends what it left behind.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await;
        self.kill();
        status
    }

    /// Waits for its end alone. What it left behind goes on until [`Running::end`].
    pub(super) async fn leader(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Asks it and what it started to end; after [`GRACE`] nobody is asked. Returns how it ended.
    pub(super) async fn end(&mut self) -> io::Result<ExitStatus> {
        if let Some(group) = self.group {
            group.ask();
        }
        let ended = tokio::time::timeout(GRACE, self.child.wait()).await;
        self.kill();
        match ended {
            Ok(status) => status,
            Err(_) => {
                self.child.kill().await?;
                self.child.wait().await
            }
        }
    }

    fn kill(&mut self) {
        if let Some(group) = self.group.take() {
            group.kill();
            self.processes.tell(Change::Ended(group));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}
