//! What all sessions share.
//!
//! Locks are taken in one order: agents, workspaces, hub; none is held across an await.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::Identity;
use super::agents::{Agent, AgentError, Agents};
use super::changes::Changes;
use super::hub::{Arrival, Hub};
use super::processes::Processes;
use super::providers::Provider;
use super::schedules::Schedules;
use super::scripts::Scripts;
use super::settings::{Reread, Settings};
use super::store::{Kept, Store, StoreError, lock};
use super::terminals::Terminals;
use super::workspaces::{WorkspaceRecord, Workspaces};
use crate::files::FileError;
use crate::listen::Access;
use crate::protocol::agents::AgentEntry;
use crate::protocol::lifecycle::AgentUpdate;
use crate::protocol::workspaces::{Workspace, WorkspaceUpdate};
use crate::transport::budget::Budget;

/// Changes of a workspace within this time are told once.
const WORKSPACE_PAUSE: Duration = Duration::from_millis(50);

/// How long connections may take to say goodbye.
const GOODBYE: Duration = Duration::from_millis(500);
/// What all connections of a route may hold together, in bytes: four messages of the greatest size.
const BUDGET_BYTES: usize = 128 * 1024 * 1024;

/// What all sessions share.
pub(super) struct Core {
    pub(super) home: PathBuf,
    user_home: Option<PathBuf>,
    pub(super) identity: Identity,
    pub(super) settings: watch::Sender<Settings>,
    /// What the settings ask of direct connections, as the listener reads it.
    pub(super) access: watch::Sender<Access>,
    /// What all direct connections together may hold …
    direct: Budget,
    /// … and those that come through a relay: what it makes up costs no direct client anything.
    relayed: Budget,
    pub(super) reread: Option<Reread>,
    /// Where it listens, once it does.
    pub(super) listen: Mutex<Option<String>>,
    pub(super) started_at: String,
    pub(super) store: Store,
    pub(super) hub: Arc<Hub>,
    pub(super) providers: BTreeMap<String, Arc<dyn Provider>>,
    pub(super) terminals: Terminals,
    agents: Mutex<Agents>,
    workspaces: Mutex<Workspaces>,
    schedules: Mutex<Schedules>,
    scripts: Mutex<Scripts>,
    pub(super) processes: Arc<Processes>,
    /// Told when schedules have changed.
    pub(super) replan: Notify,
    /// Workspaces whose status may have changed.
    stirred: Mutex<BTreeSet<String>>,
    stir: Notify,
    tasks: Mutex<JoinSet<()>>,
    pub(super) changes: Arc<Changes>,
    /// Set when the daemon is to end.
    pub(super) stop: watch::Sender<bool>,
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Core")
    }
}

/// What a core is made of.
pub(super) struct Parts {
    pub(super) home: PathBuf,
    pub(super) user_home: Option<PathBuf>,
    pub(super) identity: Identity,
    pub(super) settings: Settings,
    pub(super) reread: Option<Reread>,
    pub(super) store: Store,
    pub(super) providers: Vec<Arc<dyn Provider>>,
    pub(super) terminals: Terminals,
    pub(super) processes: Arc<Processes>,
}

impl Core {
    /// Loads what an earlier process stored.
    pub(super) fn new(parts: Parts) -> Result<Arc<Self>, FileError> {
        let providers = parts.providers.into_iter();
        let core = Self {
            agents: Mutex::new(Agents::load(&parts.store)?),
            workspaces: Mutex::new(parts.store.load(Kept::Workspaces)?.unwrap_or_default()),
            schedules: Mutex::new(Schedules::load(&parts.store)?),
            replan: Notify::new(),
            terminals: parts.terminals,
            scripts: Mutex::default(),
            processes: parts.processes,
            home: parts.home,
            user_home: parts.user_home,
            identity: parts.identity,
            access: watch::Sender::new(parts.settings.access()),
            direct: Budget::new(BUDGET_BYTES),
            relayed: Budget::new(BUDGET_BYTES),
            settings: watch::Sender::new(parts.settings),
            reread: parts.reread,
            listen: Mutex::default(),
            started_at: super::clock::now(),
            store: parts.store,
            hub: Arc::default(),
            providers: providers.map(|p| (p.describe().id.clone(), p)).collect(),
            stirred: Mutex::default(),
            stir: Notify::new(),
            tasks: Mutex::default(),
            changes: Arc::default(),
            stop: watch::Sender::new(false),
        };
        core.recover();
        let chosen = core.chosen()?;
        core.settings
            .send_modify(|settings| *settings = settings.clone().with(&chosen));
        Ok(Arc::new(core))
    }

    /// What the connections of a route may hold together.
    pub(super) fn budget(&self, arrival: Arrival) -> &Budget {
        match arrival {
            Arrival::Direct => &self.direct,
            Arrival::Relay => &self.relayed,
        }
    }

    /// Returns a directory that a client names: a leading `~` is the home of the daemon's user, as in official daemons.
    pub(super) fn directory(&self, named: &str) -> String {
        let below = match named.strip_prefix('~') {
            Some(below) if below.is_empty() || below.starts_with('/') => below,
            _ => return named.to_owned(),
        };
        match &self.user_home {
            Some(home) => format!("{}{below}", home.display()),
            None => named.to_owned(),
        }
    }

    /// The agents.
    pub(super) fn agents(&self) -> MutexGuard<'_, Agents> {
        lock(&self.agents)
    }

    /// The workspaces.
    pub(super) fn workspaces(&self) -> MutexGuard<'_, Workspaces> {
        lock(&self.workspaces)
    }

    /// Changes the workspaces, and returns once that is on the disk; else takes it back.
    pub(super) async fn change_workspaces<T: Send>(
        &self,
        change: impl FnOnce(&mut Workspaces) -> T + Send,
    ) -> Result<T, StoreError> {
        let _alone = self.store.alone(Kept::Workspaces).await;
        let (before, after, done) = {
            let mut workspaces = self.workspaces();
            let before = workspaces.clone();
            let done = change(&mut workspaces);
            if *workspaces != before {
                self.store.save(Kept::Workspaces, &*workspaces);
            }
            (before, workspaces.clone(), done)
        };
        if let Err(error) = self.store.saved(&[Kept::Workspaces]).await {
            let mut workspaces = self.workspaces();
            workspaces.take_back(&before, &after);
            self.store.save(Kept::Workspaces, &*workspaces);
            return Err(error);
        }
        Ok(done)
    }

    /// The schedules; taken alone, with no other lock held.
    pub(super) fn schedules(&self) -> MutexGuard<'_, Schedules> {
        lock(&self.schedules)
    }

    /// The scripts that were started; taken after the workspaces, if both are.
    pub(super) fn scripts(&self) -> MutexGuard<'_, Scripts> {
        lock(&self.scripts)
    }

    /// The provider with this id.
    pub(super) fn provider(&self, id: &str) -> Result<Arc<dyn Provider>, AgentError> {
        let found = self.providers.get(id).map(Arc::clone);
        found.ok_or_else(|| AgentError::Invalid(format!("Provider {id} is not configured")))
    }

    /// Runs something that ends with the daemon at the latest.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = lock(&self.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    /// Lets connections say goodbye, and ends what [`Core::spawn`] runs.
    pub(super) async fn end_tasks(&self) {
        let mut tasks = std::mem::take(&mut *lock(&self.tasks));
        let all = async { while tasks.join_next().await.is_some() {} };
        // Who is slow is dropped with the set.
        let _ = tokio::time::timeout(GOODBYE, all).await;
    }

    /// Where it listens.
    pub(super) fn listening(&self) -> Option<String> {
        lock(&self.listen).clone()
    }

    /// Tells who watches that an agent changed.
    pub(super) fn announce(&self, agent: &Agent) {
        if self.hub.agents_are_watched() {
            let entry = AgentEntry {
                project: self.placement(agent),
                agent: agent.snapshot(),
            };
            self.hub
                .agent_changed(&AgentUpdate::Upsert(Box::new(entry)));
        }
        if let Some(workspace) = &agent.record.workspace_id {
            self.stir(workspace);
        }
    }

    /// Has a workspace shown again soon.
    pub(super) fn stir(&self, workspace: &str) {
        if self.hub.workspaces_are_watched() {
            lock(&self.stirred).insert(workspace.to_owned());
            self.stir.notify_one();
        }
    }

    /// Shows workspaces that changed, for ever.
    pub(super) async fn show_workspaces(&self) {
        loop {
            self.stir.notified().await;
            tokio::time::sleep(WORKSPACE_PAUSE).await;
            for id in std::mem::take(&mut *lock(&self.stirred)) {
                let update = match self.workspace(&id) {
                    Some(workspace) => WorkspaceUpdate::Upsert {
                        workspace: Box::new(workspace),
                    },
                    None => WorkspaceUpdate::Remove { id },
                };
                self.hub.workspace_changed(&update);
            }
        }
    }

    /// An active workspace as clients see it.
    pub(super) fn workspace(&self, id: &str) -> Option<Workspace> {
        let statuses = self.workspace_statuses();
        let workspaces = self.workspaces();
        let record = workspaces.get(id).filter(|w| w.archived_at.is_none())?;
        Some(shown(&workspaces, record, &statuses))
    }

    /// What the agents make of their workspaces.
    pub(super) fn workspace_statuses(&self) -> BTreeMap<String, &'static str> {
        let mut statuses = BTreeMap::new();
        for agent in self.agents().iter() {
            let Some(id) = &agent.record.workspace_id else {
                continue;
            };
            let status = agent.workspace_status();
            let known = statuses.entry(id.clone()).or_insert(status);
            if rank(status) < rank(known) {
                *known = status;
            }
        }
        statuses
    }
}

/// A workspace as clients see it.
pub(super) fn shown(
    workspaces: &Workspaces,
    record: &WorkspaceRecord,
    statuses: &BTreeMap<String, &'static str>,
) -> Workspace {
    let status = statuses.get(&record.id).copied().unwrap_or("done");
    workspaces.placements().workspace(record, status)
}

/// What counts most comes first.
pub(super) fn rank(status: &str) -> usize {
    const ORDER: [&str; 5] = ["needs_input", "failed", "running", "attention", "done"];
    ORDER
        .iter()
        .position(|known| *known == status)
        .unwrap_or(ORDER.len())
}
