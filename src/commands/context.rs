//! What every command works with, and the one place where all parts meet.

use std::io::IsTerminal;
use std::time::Duration;

use crate::cli::GlobalArgs;
use crate::client::{self, DaemonClient};
use crate::env::{self, Env};
use crate::error::CommandError;
use crate::output::{self, Format};
use crate::protocol::session::Request;
use crate::secret::Secret;
use crate::state::{ClientId, DaemonState};
use crate::target::Target;

/// Limit for everything up to an open WebSocket.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Limit from there to a daemon that has introduced itself.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(6);

/// Environment, arguments of every command, and how to print.
#[derive(Debug)]
pub struct Context {
    /// The environment.
    pub env: Env,
    /// The arguments that every command takes.
    pub global: GlobalArgs,
    /// How to print.
    pub output: output::Settings,
}

impl Context {
    /// Puts together what every command works with. Reads nothing but its arguments.
    pub fn new(env: &Env, global: &GlobalArgs) -> Self {
        let terminal = std::io::stdout().is_terminal();
        let format = if global.json {
            Format::Json
        } else {
            global.format.unwrap_or_default()
        };
        let color = !global.no_color
            && !env.is_set(env::NO_COLOR)
            && (env.is_set(env::FORCE_COLOR) || (terminal && env.text(env::TERM) != Some("dumb")));
        let output = output::Settings {
            format,
            quiet: global.quiet,
            headers: !global.no_headers,
            color,
            terminal,
        };
        Self {
            env: env.clone(),
            global: global.clone(),
            output,
        }
    }

    /// Returns whether nobody is there to answer a prompt.
    pub fn is_batch(&self) -> bool {
        self.global.batch || self.env.is_set(env::PASEO_BATCH) || !std::io::stdin().is_terminal()
    }

    /// Returns the daemon that the command is for.
    pub fn target(&self) -> Result<Target, CommandError> {
        let host = self
            .global
            .host
            .as_ref()
            .map_or("127.0.0.1:6767", |host| host.expose());
        let endpoint = host
            .parse()
            .map_err(|_| CommandError::usage("INVALID_TARGET", "the target is not host:port"))?;
        Ok(Target::Tcp {
            endpoint,
            tls: false,
            password: self.env.text(env::PASEO_PASSWORD).map(Secret::from),
        })
    }

    /// Connects to the selected daemon and does something with it.
    pub fn with_daemon<T>(
        &self,
        work: impl AsyncFnOnce(&DaemonClient) -> Result<T, CommandError>,
    ) -> Result<T, CommandError> {
        let road = self.road()?;
        run_async(async {
            let daemon = client::connect(&road.target, &road.settings).await?;
            road.finish(daemon, work).await
        })
    }

    /// The same, with a reading request that leaves together with the session hello where that is safe:
    /// its reply then costs no further round trip.
    pub fn with_daemon_and<R: Request, T>(
        &self,
        opening: &R,
        work: impl AsyncFnOnce(&DaemonClient, R::Reply) -> Result<T, CommandError>,
    ) -> Result<T, CommandError> {
        let road = self.road()?;
        run_async(async {
            let connecting = client::connect_and_call(&road.target, &road.settings, opening);
            let (daemon, reply) = connecting.await?;
            road.finish(daemon, async |daemon: &DaemonClient| {
                let reply = reply.wait(Some(client::REPLY_TIMEOUT)).await?;
                work(daemon, reply).await
            })
            .await
        })
    }

    fn road(&self) -> Result<Road, CommandError> {
        let target = self.target()?;
        let state = DaemonState::of(&target, self.env.state_dir().as_deref());
        let client_id = state.client_id();
        let settings = client::Settings {
            client_id: client_id.as_str().to_owned(),
            connect_timeout: self.global.connect_timeout.unwrap_or(CONNECT_TIMEOUT),
            handshake_timeout: HANDSHAKE_TIMEOUT,
            ca_file: self.env.path(env::PASEO_CA_FILE),
            pipelined: matches!(target, Target::Relay { .. }) && state.pipelines(),
        };
        Ok(Road {
            target,
            state,
            settings,
            _client_id: client_id,
        })
    }
}

/// A daemon, and how to get to it. Holds the session's id for as long as the command runs.
struct Road {
    target: Target,
    state: DaemonState,
    settings: client::Settings,
    _client_id: ClientId,
}

impl Road {
    async fn finish<T>(
        &self,
        daemon: DaemonClient,
        work: impl AsyncFnOnce(&DaemonClient) -> Result<T, CommandError>,
    ) -> Result<T, CommandError> {
        if let (Target::Relay { .. }, Some(version)) = (&self.target, &daemon.server().version) {
            self.state.saw_version(version);
        }
        let result = work(&daemon).await;
        daemon.close().await;
        result
    }
}

/// Runs the asynchronous part of a command. Everything before it is blocking code: the keyring must
/// never be called from inside a runtime.
pub(super) fn run_async<T>(
    work: impl Future<Output = Result<T, CommandError>>,
) -> Result<T, CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            CommandError::internal("the asynchronous runtime cannot start").because(error)
        })?;
    let result = runtime.block_on(work);
    // A name lookup that hangs would hold up an ordinary shutdown.
    runtime.shutdown_background();
    result
}
