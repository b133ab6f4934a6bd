//! From what the user typed to where to connect: the selection of a daemon, looked up.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

#[cfg(unix)]
use super::keystore::key_process::KeyProcess;
use super::network::Between;
use super::race::{self, Way};
use super::{Context, passphrase};
use crate::client::{ConnectError, PasswordFault};
use crate::complete::{Cache, Kind};
use crate::duration;
use crate::env::{self, Env};
use crate::error::CommandError;
use crate::files;
use crate::output;
use crate::pairing::{Home, Offer, OfferSource, Overrides};
use crate::remote::{
    Address, Asked, Choice, Host, LocalHints, Options, RemoteName, RemotesFile, Rule, Selected,
    Selection, Selector, Via, offer_target,
};
use crate::secret::{Secret, Stores};
use crate::target::Target;
use crate::transport::Stopwatch;

/// How long the OS keyring may take where somebody can see a dialogue and answer it.
const KEYRING_BUDGET: Duration = Duration::from_secs(120);
/// … and where nobody can.
const KEYRING_BUDGET_UNATTENDED: Duration = Duration::from_secs(1);

/// Returns the secret stores of this environment. Touches none of them.
pub(super) fn stores(env: &Env, batch: bool) -> Stores {
    // One that cannot be read has ended the command before.
    let asked = limit(env, env::PASEO_KEYSTORE_TIMEOUT).ok().flatten();
    let dir = env.config_dir();
    let command = move || {
        let file = RemotesFile::load(dir.as_deref()).map_err(|error| error.to_string())?;
        if is_exposed(file.path()) {
            return Err("others can change remotes.toml, so its command is not run".to_owned());
        }
        let spec = file.command_store().cloned();
        spec.ok_or_else(|| "remotes.toml has no [stores.command]".to_owned())
    };
    let stores = Stores::new(env.data_dir(), asked.unwrap_or(keyring_budget()))
        .with_passphrase(Arc::new(passphrase::Asker::new(
            env,
            batch,
            &passphrase::VAULT,
        )))
        .with_command(Arc::new(command));
    #[cfg(unix)]
    let stores = stores.with_holder(Arc::new(KeyProcess::new(env)));
    match std::io::stderr().is_terminal() {
        true => stores.telling(|| {
            output::note("waiting for the keyring to be unlocked … (Ctrl-C ends it)");
        }),
        false => stores,
    }
}

/// Returns the limit that a variable sets.
fn limit(env: &Env, name: &'static str) -> Result<Option<Duration>, CommandError> {
    let limit = env.text(name).map(duration::parse).transpose();
    // The value is not repeated: somebody may have put a link into the wrong variable.
    limit.map_err(|_| {
        let message = format!("{name} is not a duration such as 10s, of at most 36500d");
        CommandError::usage("INVALID_TIMEOUT", message)
    })
}

/// Refuses variables that could only be ignored: texts that are not UTF-8, and limits that are no durations.
pub fn check_variables(env: &Env) -> Result<(), CommandError> {
    if let Some(name) = env.not_text() {
        let message = format!("the variable {name} is not UTF-8 text");
        let error = CommandError::usage("INVALID_VARIABLE", message);
        return Err(error.hint(format!("set it again, or unset it: unset {name}")));
    }
    for name in [env::PASEO_KEYSTORE_TIMEOUT, env::PASEO_CONNECT_TIMEOUT] {
        limit(env, name)?;
    }
    Ok(())
}

/// Returns whether others can change a file.
#[cfg(unix)]
fn is_exposed(path: Option<&Path>) -> bool {
    use std::os::unix::fs::MetadataExt;
    let found = path.and_then(|path| std::fs::metadata(path).ok());
    found.is_some_and(|found| found.mode() & 0o022 != 0)
}

#[cfg(not(unix))]
fn is_exposed(_path: Option<&Path>) -> bool {
    false
}

/// Returns how long the OS keyring may take when nothing says otherwise.
pub(super) fn keyring_budget() -> Duration {
    match std::io::stderr().is_terminal() {
        true => KEYRING_BUDGET,
        false => KEYRING_BUDGET_UNATTENDED,
    }
}

/// Where a selection leads.
#[derive(Debug, Clone)]
pub(super) struct Resolved {
    /// The roads, at least one, in the order of trying.
    pub(super) ways: Vec<Way>,
    /// How to travel on them.
    pub(super) plan: Plan,
}

/// What holds on every road.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// Limit of the environment or the remote for everything up to an open WebSocket.
    pub(super) connect_timeout: Option<Duration>,
    /// Proxies and the like.
    pub(super) between: Between,
    /// Notes how long each step takes.
    pub(super) watch: Stopwatch,
    /// Whether an absent daemon may be waited for.
    pub(super) waits: bool,
    /// Whether a person is told what is waited for.
    pub(super) tells: bool,
    /// Whether nothing may be changed there.
    pub(super) read_only: bool,
    /// Where connections are ready, or are to be.
    #[cfg(unix)]
    pub(super) warm: Option<super::warm::Warm>,
    /// The home of the daemon, where a command names one.
    pub(super) home: Option<Home>,
    /// The id that a daemon must have which does not prove its key.
    pub(super) server_id: Option<Secret<String>>,
    /// The saved remote that is connected to.
    pub(super) remote: Option<RemoteName>,
}

impl Plan {
    /// Makes an error of one about connecting to this target, with a hint that fits it.
    pub(super) fn error(&self, error: ConnectError, target: &Target) -> CommandError {
        let fault = match &error {
            ConnectError::Password(fault) => Some(*fault),
            _ => None,
        };
        let error = CommandError::from(error);
        let Some(PasswordFault::Required | PasswordFault::Incorrect) = fault else {
            return error;
        };
        match (&self.remote, target) {
            (Some(name), _) => error.hint(format!("set it: paseo remote set {name} password")),
            (None, Target::Relay { .. }) => error.hint(
                "save the daemon, and its password is asked for and kept: paseo remote add NAME",
            ),
            (None, _) => error,
        }
    }
}

impl Context {
    /// Reads `remotes.toml`.
    pub fn remotes(&self) -> Result<RemotesFile, CommandError> {
        Ok(RemotesFile::load(self.env.config_dir().as_deref())?)
    }

    /// Returns which daemon the command is for, and why. Opens no secret store.
    pub fn selection(&self) -> Result<Selection, CommandError> {
        let dir = self.env.config_dir();
        Ok(self
            .selector()
            .select(|| RemotesFile::load(dir.as_deref()))?)
    }

    /// Returns which daemons, where there may be several.
    pub(super) fn selected(&self) -> Result<Selected, CommandError> {
        let dir = self.env.config_dir();
        let load = || RemotesFile::load(dir.as_deref());
        Ok(self.selector().select_all(load)?)
    }

    /// Returns whether something names a daemon, before the default does.
    pub(super) fn names_a_daemon(&self) -> bool {
        self.selector().is_told()
    }

    fn selector(&self) -> Selector {
        let secret = |name| self.env.text(name).map(Secret::from);
        Selector {
            flags: Asked {
                remote: self.global.remote.clone(),
                relay: self.global.relay.clone(),
                host: self.global.host.clone(),
            },
            variables: Asked {
                remote: self.env.text(env::PASEO_REMOTE).map(str::to_owned),
                relay: secret(env::PASEO_RELAY_OFFER),
                host: secret(env::PASEO_HOST),
            },
            inside_agent: self.env.is_set(env::PASEO_AGENT_ID),
        }
    }

    /// Looks a selection up: reads the secret of a remote, or an offer.
    pub(super) fn resolve(&self, selection: &Selection) -> Result<Resolved, CommandError> {
        if let Some(resolved) = self.part.resolved() {
            return Ok(resolved);
        }
        self.warn_of_argv(selection);
        warn_of_file(selection);
        let (mut options, mut read_only) = (Options::default(), false);
        let mut ways = match &selection.choice {
            Choice::Remote(remote) => {
                let file = self.remotes()?;
                self.admit(&file, remote)?;
                options = file.options(remote);
                read_only = remote.guard.readonly;
                let roads = remote.resolve_roads(&self.stores)?.into_iter();
                let way = |(n, target)| Way {
                    target,
                    own: n == 0,
                    guess: false,
                };
                roads.enumerate().map(way).collect()
            }
            Choice::Offer(text) => vec![Way::only(self.offered(&read_offer(text)?)?)],
            Choice::Host(Host::Offer(link)) => {
                vec![Way::only(self.offered(&Offer::parse(link.expose())?)?)]
            }
            Choice::Host(Host::Daemon { address, password }) => {
                let password = password.clone().or_else(|| self.password());
                vec![Way::only(address.target(password))]
            }
            Choice::Local => {
                let candidates = self.local_addresses().into_iter();
                let way = |address: Address| Way {
                    guess: true,
                    ..Way::only(address.target(self.password()))
                };
                candidates.map(way).collect()
            }
        };
        let mut plan = self.plan(&options, &ways)?;
        plan.read_only = read_only;
        if let Choice::Remote(remote) = &selection.choice {
            plan.remote = Some(remote.name.clone());
        }
        #[cfg(unix)]
        if let Choice::Remote(remote) = &selection.choice {
            plan.warm = self.warm(remote, &options);
        }
        self.force_road(&mut ways)?;
        race::sort(&mut ways);
        Ok(Resolved { ways, plan })
    }

    /// Tells a person that a secret in a command line stays somewhere.
    fn warn_of_argv(&self, selection: &Selection) {
        let is_secret = match &selection.choice {
            Choice::Offer(text) => matches!(
                OfferSource::from_arg(text.expose()),
                OfferSource::Text(_) | OfferSource::Bare(_)
            ),
            Choice::Host(Host::Offer(_)) => true,
            Choice::Host(Host::Daemon { password, .. }) => password.is_some(),
            Choice::Remote(_) | Choice::Local => false,
        };
        if is_secret && matches!(selection.rule, Rule::Flag(_)) && !self.is_batch() {
            output::note(
                "the secret is in your shell's history now; `paseo remote add NAME` keeps it elsewhere",
            );
        }
    }

    /// Returns how to travel to a target that is no remote yet.
    pub(super) fn plan_for(&self, target: Target) -> Result<Resolved, CommandError> {
        let ways = vec![Way::only(target)];
        let plan = self.plan(&Options::default(), &ways)?;
        Ok(Resolved { ways, plan })
    }

    fn plan(&self, options: &Options, ways: &[Way]) -> Result<Plan, CommandError> {
        let from_variable = limit(&self.env, env::PASEO_CONNECT_TIMEOUT)?;
        let connect_timeout = from_variable.or(options.connect_timeout);
        let server_id = ways.iter().find_map(|way| match &way.target {
            Target::Relay { server_id, .. } => Some(server_id.clone()),
            _ => None,
        });
        Ok(Plan {
            connect_timeout,
            between: self.between(&options.network)?,
            watch: Stopwatch::default(),
            waits: true,
            tells: true,
            read_only: false,
            #[cfg(unix)]
            warm: None,
            home: None,
            server_id,
            remote: None,
        })
    }

    /// Leaves only the road that `--via` names.
    fn force_road(&self, ways: &mut Vec<Way>) -> Result<(), CommandError> {
        let Some(via) = self.global.via else {
            return Ok(());
        };
        let there: Vec<&str> = ways
            .iter()
            .map(|way| Via::of(&way.target).as_str())
            .collect();
        let there = there.join(", ");
        ways.retain(|way| Via::of(&way.target) == via);
        match ways.is_empty() {
            false => Ok(()),
            true => {
                let message = format!("there is no road `{via}` to this daemon, only: {there}");
                Err(CommandError::usage("NO_SUCH_ROAD", message))
            }
        }
    }

    /// Returns where an offer leads, unless its key is blocked.
    fn offered(&self, offer: &Offer) -> Result<Target, CommandError> {
        self.admit_key(offer.daemon_key.fingerprint())?;
        Ok(offer_target(offer))
    }

    /// Remembers a list of the selected daemon for completion.
    pub(super) fn remember(&self, kind: Kind, list: &mut dyn Iterator<Item = (&str, &str)>) {
        if let Ok(selection) = self.selection() {
            Cache::of(&self.env, &selection).write(kind, list);
        }
    }

    /// Forgets the lists that a change may have made old.
    pub(super) fn forget_lists(&self) {
        if let Ok(selection) = self.selection() {
            let cache = Cache::of(&self.env, &selection);
            for kind in [
                Kind::Agents,
                Kind::Titles,
                Kind::Waiting,
                Kind::Requests,
                Kind::Terminals,
            ] {
                cache.forget(kind);
            }
        }
    }

    /// Returns where the daemon of this machine may listen, in the order of trying.
    pub fn local_addresses(&self) -> Vec<Address> {
        let text = |name| self.env.text(name).map(str::to_owned);
        let home = self.env.paseo_home().map(Home::new);
        // What cannot be read gives no hint; the usual port is tried in any case.
        let running = home.as_ref().and_then(|home| home.pid().ok().flatten());
        let config = home.and_then(|home| home.config(&Overrides::default()).ok());
        let hints = LocalHints {
            listen: text(env::PASEO_LISTEN),
            port: text(env::PORT),
            running: running.and_then(|running| running.listen),
            configured: config.map(|config| config.listen),
        };
        hints.candidates()
    }

    /// The password for targets that are no saved remotes. Those have their own, or none: this one must
    /// not reach a machine that it was not meant for.
    fn password(&self) -> Option<Secret<String>> {
        self.env.text(env::PASEO_PASSWORD).map(Secret::from)
    }
}

/// Says that others can read the file that the offer comes from.
fn warn_of_file(selection: &Selection) {
    let Choice::Offer(text) = &selection.choice else {
        return;
    };
    if let OfferSource::File(path) = OfferSource::from_arg(text.expose())
        && let Some(mode) = files::exposed(&path)
    {
        output::note(&format!(
            "{} can be read by others (mode {mode:04o}) and grants full control; make it private: chmod 600 {}",
            path.display(),
            output::shell_operand(&path.to_string_lossy()),
        ));
    }
}

/// Reads the offer of `--relay`: the text itself, a file, or `-`.
fn read_offer(text: &Secret<String>) -> Result<Offer, CommandError> {
    Ok(OfferSource::from_arg(text.expose()).read(std::io::stdin().lock())?)
}
