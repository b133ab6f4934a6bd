//! What every command works with, and the one place where all parts meet.

use std::io::IsTerminal;
use std::rc::Rc;
use std::sync::{Arc, Once};
use std::time::Duration;

use futures_util::future::LocalBoxFuture;

use super::effect::Effect;
use super::race::{self, Failed, Way};
use super::runtime::{ended, run_async};
use super::selection::{self, Plan, Resolved};
use super::several::Part;
use crate::cli::GlobalArgs;
use crate::client::{self, ConnectError, DaemonClient};
use crate::env::{self, Env};
use crate::error::CommandError;
use crate::output::{self, Format, Progress};
use crate::pairing::Home;
use crate::protocol::relay::Endpoint;
use crate::protocol::session::Request;
use crate::secret::{Secret, Stores};
use crate::state::{ClientId, DaemonState};
use crate::target::Target;
use crate::transport::DialError;
use crate::transport::peer::Unknown;

/// Limit for everything up to an open WebSocket.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Limit from there to a daemon that has introduced itself.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(6);

/// What a person learns who was asked and did not want it.
pub(super) const SKIPS: &str = "--yes skips this question";

/// A connection that takes longer is worth a line on a terminal.
const WORTH_TELLING: Duration = Duration::from_secs(3);

/// Environment, arguments of every command, and how to print.
#[derive(Debug, Clone)]
pub struct Context {
    /// The environment.
    pub env: Env,
    /// The arguments that every command takes.
    pub global: GlobalArgs,
    /// How to print.
    pub output: output::Settings,
    /// Where secrets are.
    pub stores: Arc<Stores>,
    /// What the command does to its daemon.
    pub effect: Effect,
    /// Which part of a command for several daemons this is about.
    pub(super) part: Part,
}

impl Context {
    /// Puts together what every command works with. Reads nothing but its arguments.
    pub fn new(env: &Env, global: &GlobalArgs, effect: Effect) -> Self {
        let terminal = std::io::stdout().is_terminal();
        let format = if global.json {
            Format::Json
        } else {
            global.format.unwrap_or_default()
        };
        let allowed = match env.is_set(env::FORCE_COLOR) {
            true => env.is_on(env::FORCE_COLOR),
            false => terminal && env.text(env::TERM) != Some("dumb"),
        };
        let color = allowed && !global.no_color && !env.is_set(env::NO_COLOR);
        let output = output::Settings {
            format,
            quiet: global.quiet,
            headers: !global.no_headers,
            color,
            terminal,
            moves: terminal && env.text(env::TERM).is_some_and(|term| term != "dumb"),
            columns: terminal.then(output::terminal_columns).flatten(),
            label: None,
        };
        Self {
            env: env.clone(),
            global: global.clone(),
            output,
            stores: Arc::new(selection::stores(env, is_batch(env, global))),
            effect,
            part: Part::default(),
        }
    }

    /// Returns this context about the remote that a command names, as if it were given with `-r`.
    pub(super) fn about(&self, name: Option<&str>) -> Self {
        let mut about = self.clone();
        if let Some(name) = name {
            about.global.remote = Some(name.to_owned());
        }
        about
    }

    /// Returns this context for a part of a command.
    pub(super) fn with_part(self, part: Part) -> Self {
        Self { part, ..self }
    }

    /// Returns this context for where nobody can be asked, because others run beside it.
    pub(super) fn unattended(mut self) -> Self {
        self.global.batch = true;
        self
    }

    /// Returns whether the user has limited the time for connecting.
    pub(super) fn has_limit(&self, resolved: &Resolved) -> bool {
        self.global.connect_timeout.is_some() || resolved.plan.connect_timeout.is_some()
    }

    /// Returns the line that tells a person what is waited for; none where it would not be the only one.
    pub(super) fn progress(&self) -> Option<Progress> {
        match self.part.is_alone() {
            true => Progress::on_terminal(self.env.text(env::TERM)),
            false => None,
        }
    }

    /// Returns whether nobody is there to answer a prompt.
    pub fn is_batch(&self) -> bool {
        is_batch(&self.env, &self.global)
    }

    /// Refuses a change with `refused` unless it is meant: said with `--yes`, or now. Who is asked and does not want it
    /// has cancelled it.
    pub(super) fn agrees(
        &self,
        question: &str,
        refused: impl FnOnce() -> CommandError,
    ) -> Result<(), CommandError> {
        if self.global.yes {
            return Ok(());
        }
        if self.is_batch() {
            return Err(refused());
        }
        match output::ask_yes(question) {
            Ok(true) => Ok(()),
            _ => Err(refused().cancelled().hint(SKIPS)),
        }
    }

    /// Returns whether somebody sees what is waited for, and can end it.
    fn may_wait(&self) -> bool {
        !self.is_batch() && std::io::stderr().is_terminal()
    }

    /// Connects to the selected daemon and does something with it.
    pub fn with_daemon<T>(
        &self,
        work: impl AsyncFnOnce(&DaemonClient) -> Result<T, CommandError>,
    ) -> Result<T, CommandError> {
        let mut result = None;
        let slot = &mut result;
        let work = |daemon: Rc<DaemonClient>, _| -> LocalBoxFuture<'_, ()> {
            Box::pin(async move { *slot = Some(work(&daemon).await) })
        };
        self.on_daemon(None, Box::new(work))?;
        ended(result)
    }

    /// The same, with a reading request that leaves together with the session hello where that is safe:
    /// its reply then costs no further round trip.
    pub fn with_daemon_and<R: Request, T>(
        &self,
        opening: &R,
        work: impl AsyncFnOnce(&DaemonClient, R::Reply) -> Result<T, CommandError>,
    ) -> Result<T, CommandError> {
        let early = client::Early::new(opening);
        let mut result = None;
        let slot = &mut result;
        let work = async |daemon: &DaemonClient, reply: Option<client::EarlyReply>| {
            let reply = match reply {
                Some(reply) => reply.to(opening),
                None => daemon.start(opening).await?,
            };
            work(daemon, reply.wait(Some(client::REPLY_TIMEOUT)).await?).await
        };
        let work = |daemon: Rc<DaemonClient>, reply| -> LocalBoxFuture<'_, ()> {
            Box::pin(async move { *slot = Some(work(&daemon, reply).await) })
        };
        self.on_daemon(Some(&early), Box::new(work))?;
        ended(result)
    }

    /// Connects, works, and says goodbye. Not generic, and the work is boxed, so that this is compiled once and not
    /// into each command.
    fn on_daemon(&self, early: Option<&client::Early>, work: Work<'_>) -> Result<(), CommandError> {
        let resolved = self.resolve(&self.selection()?)?;
        run_async(async {
            let (road, daemon, reply) = self.session(&resolved, early).await?;
            road.note_version(&daemon);
            let daemon = Rc::new(daemon);
            work(Rc::clone(&daemon), reply).await;
            daemon.close().await;
            Ok(())
        })
    }

    /// Opens a session: over a connection that is ready, else over a new one. Boxed, so that it is compiled once
    /// and not into each command.
    pub(super) fn session<'a>(
        &'a self,
        resolved: &'a Resolved,
        early: Option<&'a client::Early>,
    ) -> LocalBoxFuture<'a, Result<Opened, CommandError>> {
        Box::pin(async move {
            #[cfg(unix)]
            if let Some(warm) = &resolved.plan.warm
                && let Some(way) = resolved.ways.first()
            {
                let road = self.road(way, &resolved.plan)?;
                if let Some(daemon) = warm.connect(&road.settings).await {
                    return Ok((road, daemon, None));
                }
                let connected = self.connect(resolved, early).await?;
                warm.start();
                return Ok(connected);
            }
            self.connect(resolved, early).await
        })
    }

    /// Connects on the first road that leads there. When none does, the error of the remote's own address
    /// counts, else the first one's: the others are guesses.
    pub(super) async fn connect(
        &self,
        resolved: &Resolved,
        early: Option<&client::Early>,
    ) -> Result<Opened, CommandError> {
        let ways = &resolved.ways;
        let mut roads = Vec::new();
        for way in ways {
            roads.push(self.road(way, &resolved.plan)?);
        }
        let take = |index: usize| -> Taking<'_> {
            let (road, way) = (&roads[index], &ways[index]);
            Box::pin(async move {
                let connecting = client::connect_early(&road.target, &road.settings, early);
                connecting.await.map_err(|error| sort_out(error, way.guess))
            })
        };
        let told = resolved.plan.tells && self.part.is_alone() && std::io::stderr().is_terminal();
        let raced = patiently(ways, told, race::race(ways, &take)).await;
        let errors = match raced {
            Ok((index, (daemon, reply))) => {
                let road = roads.swap_remove(index);
                tracing::info!(target = %road.target, "on the road");
                self.part.connected();
                return Ok((road, daemon, reply));
            }
            Err(errors) => errors,
        };
        let own = |(index, _): &(usize, _)| ways[*index].own && !ways[*index].guess;
        let at = errors.iter().position(own).unwrap_or(0);
        Err(match errors.into_iter().nth(at) {
            Some((index, error)) => resolved.plan.error(error, &ways[index].target),
            None => CommandError::internal("there is no target to try"),
        })
    }

    /// Returns how to get to a target. The remote's own limit gives way to that of the command line.
    pub(super) fn road(&self, way: &Way, plan: &Plan) -> Result<Road, CommandError> {
        let target = way.target.clone();
        let state = DaemonState::of(&target, self.env.state_dir().as_deref());
        let client_id = state.client_id();
        let connect_timeout = self.global.connect_timeout.or(plan.connect_timeout);
        let settings = client::Settings {
            client_id: client_id.as_str().to_owned(),
            connect_timeout: connect_timeout.unwrap_or(CONNECT_TIMEOUT),
            handshake_timeout: HANDSHAKE_TIMEOUT,
            network: plan.between.on_the_way_to(self, &target, way.own)?,
            watch: plan.watch.clone(),
            server_id: plan.server_id.clone(),
            on_absent: match plan.tells {
                true => (plan.waits && self.may_wait()).then_some(tell_absence),
                false => plan.waits.then_some(|_, _| {}),
            },
            local_credential: self.local_credential(plan, &target),
            on_unknown_owner: Some(tell_unknown_owner),
            read_only: plan.read_only,
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

impl Context {
    /// Returns what shows the daemon of a home on this machine that we are its user; for no other daemon, and where a
    /// password is known that one counts.
    fn local_credential(&self, plan: &Plan, target: &Target) -> Option<Secret<String>> {
        let is_local = match target {
            Target::Tcp { tls, password, .. } => !tls && password.is_none(),
            Target::Unix { password, .. } => password.is_none(),
            Target::Relay { .. } | Target::Ssh { .. } => false,
        };
        let home = plan
            .home
            .clone()
            .or_else(|| Some(Home::new(self.env.paseo_home()?)));
        home.filter(|_| is_local)?
            .local_credential(&target.to_string())
    }
}

/// What a command does with its daemon.
type Work<'a> =
    Box<dyn FnOnce(Rc<DaemonClient>, Option<client::EarlyReply>) -> LocalBoxFuture<'a, ()> + 'a>;

/// An open session, the road to it, and the reply that is on its way where a request left early.
pub(super) type Opened = (Road, DaemonClient, Option<client::EarlyReply>);

/// A road that is being taken.
type Taking<'a> =
    LocalBoxFuture<'a, Result<(DaemonClient, Option<client::EarlyReply>), Failed<ConnectError>>>;

/// Returns whether other roads may be tried after an error. A key that is proven to be another ends everything: what
/// stands in the daemon's place must not choose the road.
fn sort_out(error: ConnectError, guess: bool) -> Failed<ConnectError> {
    match error {
        ConnectError::WrongKey { .. } | ConnectError::NotSealed(_) | ConnectError::Channel(_) => {
            Failed::All(error)
        }
        // Of several addresses of this machine's daemon, the one that somebody has taken is worth telling.
        ConnectError::Dial(DialError::OtherUser { .. } | DialError::OwnerUnreadable { .. })
            if guess =>
        {
            Failed::All(error)
        }
        ConnectError::Dial(_) => Failed::Here(error),
        _ if guess => Failed::All(error),
        _ => Failed::Here(error),
    }
}

fn is_batch(env: &Env, global: &GlobalArgs) -> bool {
    global.batch || env.is_on(env::PASEO_BATCH) || !std::io::stdin().is_terminal()
}

/// A daemon, and how to get to it. Holds the session's id for as long as the command runs.
pub(super) struct Road {
    pub(super) target: Target,
    state: DaemonState,
    pub(super) settings: client::Settings,
    _client_id: ClientId,
}

impl Road {
    pub(super) async fn finish<T>(
        &self,
        daemon: DaemonClient,
        work: impl AsyncFnOnce(&DaemonClient) -> Result<T, CommandError>,
    ) -> Result<T, CommandError> {
        self.note_version(&daemon);
        let result = work(&daemon).await;
        daemon.close().await;
        result
    }

    /// Remembers which version the daemon has.
    pub(super) fn note_version(&self, daemon: &DaemonClient) {
        if let (Target::Relay { .. }, Some(version)) = (&self.target, &daemon.server().version) {
            self.state.saw_version(version);
        }
    }
}

fn tell_absence(relay: &Endpoint, patience: Duration) {
    let seconds = Duration::from_secs(patience.as_secs().max(1));
    let patience = humantime::format_duration(seconds);
    output::note(&format!(
        "the daemon is not connected to the relay {relay}; waiting for it, at most {patience} …"
    ));
}

/// Says once in a command that a password goes where nobody knows who listens.
fn tell_unknown_owner(address: &str, why: Unknown) {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        output::note(&format!(
            "cannot check which user listens at {address} ({why}); sending the password anyway"
        ));
    });
}

/// Tells a person who waits what for.
async fn patiently<T>(ways: &[Way], told: bool, connecting: impl Future<Output = T>) -> T {
    tokio::pin!(connecting);
    tokio::select! {
        connected = &mut connecting => return connected,
        () = tokio::time::sleep(WORTH_TELLING), if told => {}
    }
    let own = ways.iter().find(|way| way.own).or(ways.first());
    if let Some(Way { target, .. }) = own {
        output::note(&format!("still waiting for the daemon behind {target} …"));
    }
    connecting.await
}
