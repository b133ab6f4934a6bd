//! From what the user typed to where to connect: the selection of a daemon, looked up.

use std::io::IsTerminal;
use std::time::Duration;

use super::Context;
use crate::env::{self, Env};
use crate::error::CommandError;
use crate::pairing::{Home, Offer, OfferSource, Overrides};
use crate::remote::{
    Address, Asked, Choice, Host, LocalHints, Options, RemotesFile, Selection, Selector,
    offer_target,
};
use crate::secret::{Secret, Stores};
use crate::target::Target;

/// How long the OS keyring may take where somebody can see a dialogue and answer it.
const KEYRING_BUDGET: Duration = Duration::from_secs(3);
/// … and where nobody can.
const KEYRING_BUDGET_UNATTENDED: Duration = Duration::from_secs(1);

/// Returns the secret stores of this environment. Touches none of them.
pub(super) fn stores(env: &Env) -> Stores {
    let seconds = env.text(env::PASEO_KEYSTORE_TIMEOUT);
    let seconds = seconds.and_then(|text| text.trim().parse().ok());
    let asked = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    Stores::new(env.data_dir(), asked.unwrap_or(keyring_budget()))
}

/// Returns how long the OS keyring may take when nothing says otherwise.
pub(super) fn keyring_budget() -> Duration {
    match std::io::stderr().is_terminal() {
        true => KEYRING_BUDGET,
        false => KEYRING_BUDGET_UNATTENDED,
    }
}

/// Where a selection leads.
pub(super) struct Resolved {
    /// To be tried in this order; only the local daemon has more than one.
    pub(super) targets: Vec<Target>,
    /// The settings of the remote, if it is one.
    pub(super) options: Options,
    /// Whether nothing may be changed there.
    pub(super) read_only: bool,
}

impl Context {
    /// Reads `remotes.toml`.
    pub fn remotes(&self) -> Result<RemotesFile, CommandError> {
        Ok(RemotesFile::load(self.env.config_dir().as_deref())?)
    }

    /// Returns which daemon the command is for, and why. Opens no secret store.
    pub fn selection(&self) -> Result<Selection, CommandError> {
        let secret = |name| self.env.text(name).map(Secret::from);
        let selector = Selector {
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
        };
        let dir = self.env.config_dir();
        Ok(selector.select(|| RemotesFile::load(dir.as_deref()))?)
    }

    /// Looks a selection up: reads the secret of a remote, or an offer.
    pub(super) fn resolve(&self, selection: &Selection) -> Result<Resolved, CommandError> {
        let (mut options, mut read_only) = (Options::default(), false);
        let targets = match &selection.choice {
            Choice::Remote(remote) => {
                let file = self.remotes()?;
                self.admit(&file, remote)?;
                options = file.options(remote);
                read_only = remote.guard.readonly;
                vec![remote.resolve(&self.stores)?]
            }
            Choice::Offer(text) => vec![self.offered(&read_offer(text)?)?],
            Choice::Host(Host::Offer(link)) => {
                vec![self.offered(&Offer::parse(link.expose())?)?]
            }
            Choice::Host(Host::Daemon { address, password }) => {
                let password = password.clone().or_else(|| self.password());
                vec![address.target(password)]
            }
            Choice::Local => {
                let candidates = self.local_addresses().into_iter();
                let target = |address: Address| address.target(self.password());
                candidates.map(target).collect()
            }
        };
        if let Some(timeout) = self.env.text(env::PASEO_CONNECT_TIMEOUT) {
            let timeout = humantime::parse_duration(timeout.trim());
            options.connect_timeout = Some(timeout.map_err(|_| {
                let message = "PASEO_CONNECT_TIMEOUT is not a duration such as 10s";
                CommandError::usage("INVALID_TIMEOUT", message)
            })?);
        }
        Ok(Resolved {
            targets,
            options,
            read_only,
        })
    }

    /// Returns where an offer leads, unless its key is blocked.
    fn offered(&self, offer: &Offer) -> Result<Target, CommandError> {
        self.admit_key(offer.daemon_key.fingerprint())?;
        Ok(offer_target(offer))
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

/// Reads the offer of `--relay`: the text itself, a file, or `-`.
fn read_offer(text: &Secret<String>) -> Result<Offer, CommandError> {
    Ok(OfferSource::from_arg(text.expose()).read(std::io::stdin().lock())?)
}
