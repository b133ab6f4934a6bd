//! The built-in daemon: sessions, agents that are commands, timelines, workspaces.
//!
//! It listens on an address of its own, dials a relay through [`crate::host`], or both. What it keeps
//! lies under `builtin/` of its home, so that it can share the home of an official daemon, but never
//! at the same time: `paseo.pid` names the one that runs.

mod agents;
mod agreements;
mod changes;
mod clock;
mod connection;
mod core;
mod dispatch;
mod handlers;
mod hub;
mod outbox;
mod paging;
mod processes;
mod providers;
mod schedules;
mod scripts;
mod settings;
mod store;
mod terminals;
mod timeline;
mod workspaces;

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

pub use processes::guard;
#[cfg(any(test, fuzzing))]
pub(crate) use providers::fuzz_acp;
pub use providers::{AgentKind, AgentSpec, AgentSpecError};
pub use settings::{Reread, Settings};

use self::agreements::Agreements;
use self::core::{Core, Parts};
use self::hub::Arrival;
use crate::e2ee::{PublicKey, Responder, Standing};
use crate::files::FileError;
use crate::host::{Handler, Host, Relay};
use crate::listen::{self, Guest, Listen, Listener, Names, Password, RelayGate};
use crate::pairing::{
    ClaimError, Home, HomeError, LocalCredential, PidFile, PidGuard, RelayConfig, this_machine,
};
use crate::protocol::daemon_permission::DaemonPermission;
use crate::protocol::relay::ServerId;
use crate::protocol::session::{APP_VERSION, PROTOCOL_VERSION};
use crate::protocol::terminals::RESTORE_MODES;
use crate::secret::Secret;
use crate::transport::Transport;
use crate::transport::budget::Budget;
use processes::Processes;
use store::{Store, lock};
use terminals::Terminals;
#[cfg(any(test, fuzzing))]
pub(crate) use terminals::fuzz_screen;

/// How long a relay that is left may still carry answers.
const GOODBYE: Duration = Duration::from_millis(250);
/// How long turns may take to end when the daemon does.
const END_GRACE: Duration = Duration::from_secs(12);

/// What a daemon is to be.
#[derive(Debug)]
pub struct Config {
    /// Where its identity and what it keeps lie.
    pub home: Home,
    /// The id that the relay routes by, instead of the home's.
    pub server_id: Option<Secret<String>>,
    /// Where to listen for direct connections.
    pub listen: Option<Listen>,
    /// The relay; dialled when it is enabled.
    pub relay: Option<RelayConfig>,
    /// PEM file of authorities that are trusted beside the platform's, for the relay.
    pub ca_file: Option<PathBuf>,
    /// The part of an offer link before `/#offer=`.
    pub app_url: String,
    /// The password for direct connections.
    pub password: Option<Password>,
    /// Names beside those that every daemon answers to, and web pages that may connect.
    pub names: Names,
    /// What it runs, beside the built-in `echo`.
    pub agents: Vec<AgentSpec>,
    /// Program and arguments of a process that runs [`guard`] on its standard input; it ends the agents'
    /// processes when this one is killed. Empty for none.
    pub guard: Vec<OsString>,
    /// The home directory of the user, which `~` stands for in the directories that clients name.
    pub user_home: Option<PathBuf>,
    /// What runs in terminals that name no program.
    pub shell: OsString,
    /// How its configuration is read again; without it a reload changes nothing.
    pub reread: Option<Reread>,
}

/// Why a daemon could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Another daemon has the home.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// The home cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// What it keeps cannot be opened.
    #[error(transparent)]
    Store(#[from] FileError),
    /// The listener cannot be opened.
    #[error("cannot listen on {at}")]
    Listen {
        /// The address or path.
        at: String,
        /// Why.
        source: io::Error,
    },
    /// Others than this machine could connect, and there is no password.
    #[error("an address beyond this machine needs a password")]
    PasswordNeeded,
    /// Two agents have one name.
    #[error("there are two agents with the name {0}")]
    Duplicate(String),
}

/// Who a daemon is.
#[derive(Debug)]
struct Identity {
    server_id: ServerId,
    public_key: PublicKey,
}

/// A daemon that is ready; [`Daemon::run`] sets it going.
#[derive(Debug)]
pub struct Daemon {
    core: Arc<Core>,
    listener: Option<Listener>,
    responder: Responder,
    ca_file: Option<PathBuf>,
    local_addr: Option<SocketAddr>,
    // Removed before the claim, which keeps another daemon from writing its own.
    _local: LocalCredential,
    _claim: PidGuard,
}

impl Daemon {
    /// Claims the home, loads what is kept there, and opens the listener. Call it within a runtime.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let is_local = config.listen.as_ref().is_none_or(Listen::is_local);
        if config.password.is_none() && !is_local {
            return Err(StartError::PasswordNeeded);
        }
        let mut claim = config.home.claim(PidFile {
            pid: std::process::id(),
            started_at: clock::now(),
            hostname: this_machine(),
            uid: uid(),
            listen: None,
            desktop_managed: false,
            process: None,
        })?;
        let local = config.home.make_local_credential()?;
        let secret = config.home.secret_key()?;
        let server_id = config.home.server_id(config.server_id.as_ref())?;
        let server_id = ServerId::new(server_id.expose()).map_err(|_| HomeError::ServerId {
            path: config.home.dir().join("server-id"),
        })?;
        let identity = Identity {
            server_id: server_id.clone(),
            public_key: secret.public_key(),
        };
        let processes = Processes::new(config.guard);
        let providers = providers::all(config.agents, &processes)?;
        let store = Store::open(config.home.dir())?;
        let agreements = Agreements::open(store.root())?;
        let core = Core::new(Parts {
            store,
            home: config.home.dir().to_owned(),
            user_home: config.user_home,
            identity,
            settings: Settings {
                relay: config.relay,
                app_url: config.app_url,
                password: config.password,
                names: config.names,
                listen: config
                    .listen
                    .as_ref()
                    .map(Listen::to_string)
                    .unwrap_or_default(),
            },
            reread: config.reread,
            providers,
            terminals: Terminals::new(Arc::clone(&processes), config.shell),
            processes,
        })?;
        let listener = match &config.listen {
            Some(listen) => {
                let opened = Listener::open(listen).await;
                let opened = opened.map_err(|source| StartError::Listen {
                    at: listen.to_string(),
                    source,
                })?;
                Some(opened.with_local_credential(local.token().clone()))
            }
            None => None,
        };
        let local_addr = listener.as_ref().and_then(Listener::local_addr);
        let listening = listener.as_ref().map(Listener::to_string);
        if let Some(listening) = listening {
            claim.listening(listening.clone())?;
            *lock(&core.listen) = Some(listening);
        }
        let relay = core.settings.borrow().relay.clone();
        let relay = relay.filter(|relay| relay.enabled);
        tracing::info!(
            listen = core.listening(),
            relay = relay.map(|relay| relay.endpoint.to_string()),
            "the daemon is ready"
        );
        Ok(Self {
            core,
            listener,
            responder: Responder::new(secret).remembering(Arc::new(agreements)),
            ca_file: config.ca_file,
            local_addr,
            _local: local,
            _claim: claim,
        })
    }

    /// Where it listens over TCP.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.local_addr
    }

    /// Runs until `shutdown` resolves or a client asks for the end; stops all turns and saves.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let core = &self.core;
        let listening = async {
            match self.listener {
                Some(listener) => {
                    let service = Arc::new(Direct(Arc::clone(core)));
                    listener.run(service, core.access.subscribe()).await;
                }
                None => std::future::pending().await,
            }
        };
        let gate = RelayGate::new(core.access.subscribe(), self._local.token().clone());
        let hosting = host_for_ever(core, gate, self.responder, self.ca_file);
        let mut stop = core.stop.subscribe();
        tokio::select! {
            () = listening => {}
            () = hosting => {}
            () = core.show_workspaces() => {}
            () = core.run_schedules() => {}
            () = shutdown => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
        core.stop.send_replace(true);
        // Turns that do not end in time are dropped, and found open at the next start.
        let _ = tokio::time::timeout(END_GRACE, core.stop_all()).await;
        core.end_tasks().await;
        core.store.flush().await;
    }
}

/// Stays connected to the relay that is set, and to none while it is off.
async fn host_for_ever(
    core: &Arc<Core>,
    gate: RelayGate,
    responder: Responder,
    ca_file: Option<PathBuf>,
) {
    let mut settings = core.settings.subscribe();
    let at = |relay: &RelayConfig| Relay {
        endpoint: relay.endpoint.clone(),
        tls: relay.use_tls,
        token: relay.token.clone(),
        ca_file: ca_file.clone(),
    };
    let Some(first) = settings.borrow().relay.as_ref().map(at) else {
        return std::future::pending().await;
    };
    let host = Host::new(first, core.identity.server_id.clone(), responder);
    loop {
        let relay = settings.borrow_and_update().relay.clone();
        let hosting = async {
            match relay.as_ref().filter(|relay| relay.enabled) {
                Some(relay) => {
                    let relayed = Relayed {
                        core: Arc::clone(core),
                        gate: gate.clone(),
                    };
                    host.at(at(relay)).run(Arc::new(relayed)).await;
                }
                None => std::future::pending().await,
            }
        };
        let changed = async {
            // The sender lives as long as the core.
            while settings.changed().await.is_ok() && settings.borrow().relay == relay {}
            // Who asked for it over this relay still gets the answer.
            tokio::time::sleep(GOODBYE).await;
        };
        tokio::select! {
            () = hosting => {}
            () = changed => {}
        }
    }
}

/// Hands direct connections to sessions.
#[derive(Debug)]
struct Direct(Arc<Core>);

impl listen::Service for Direct {
    fn status(&self) -> Option<Value> {
        Some(json!({
            "status": "server_info",
            "serverId": self.0.identity.server_id.as_str(),
            "hostname": this_machine(),
            "version": APP_VERSION,
            "listen": self.0.listening(),
        }))
    }

    fn budget(&self) -> Budget {
        self.0.budget(Arrival::Direct).clone()
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.0.spawn(task);
    }

    fn serve(&self, transport: Transport, guest: Guest) -> BoxFuture<'static, ()> {
        let core = Arc::clone(&self.0);
        let (arrival, standing) = (Arrival::Direct, Standing::direct());
        Box::pin(connection::serve(core, transport, guest, arrival, standing))
    }
}

/// … and those that came through a relay.
#[derive(Debug)]
struct Relayed {
    core: Arc<Core>,
    gate: RelayGate,
}

impl Handler for Relayed {
    fn budget(&self) -> Budget {
        self.core.budget(Arrival::Relay).clone()
    }

    fn serve(&self, transport: Transport, standing: Standing) -> BoxFuture<'static, ()> {
        let (core, guest) = (Arc::clone(&self.core), self.gate.guest());
        let arrival = Arrival::Relay;
        Box::pin(connection::serve(core, transport, guest, arrival, standing))
    }
}

fn uid() -> u32 {
    #[cfg(unix)]
    {
        rustix::process::getuid().as_raw()
    }
    #[cfg(not(unix))]
    {
        0
    }
}

/// What this daemon can do, in the protocol's words.
const FEATURES: &[&str] = &[
    "providersSnapshot",
    "daemonStatusRpc",
    "daemonConfigReload",
    "workspaceMultiplicity",
    "projectList",
    "projectAdd",
    "projectRemove",
    "projectGithubClone",
    "agentDetach",
    "agentThinkingUpdate",
    "selectiveAgentTimeline",
    RESTORE_MODES,
    "workspaceScriptManagement",
    "relayConfig",
];

/// What it says of itself after each hello.
fn server_info(core: &Core) -> Value {
    let features: Map<String, Value> = FEATURES
        .iter()
        .map(|feature| ((*feature).to_owned(), Value::Bool(true)))
        .collect();
    json!({
        "status": "server_info",
        "protocolVersion": PROTOCOL_VERSION,
        "serverId": core.identity.server_id.as_str(),
        "hostname": this_machine(),
        "version": APP_VERSION,
        "permissions": DaemonPermission::ALL.map(DaemonPermission::as_str),
        "desktopManaged": false,
        "features": features,
    })
}
