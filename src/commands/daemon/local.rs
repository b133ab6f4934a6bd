//! The daemon of a home on this machine: what its files say of it, and whether it is the one that answers.

use std::path::PathBuf;
use std::time::Duration;

use crate::client::{self, ConnectError, DaemonClient, PasswordFault};
use crate::commands::Context;
use crate::commands::context::Road;
use crate::env;
use crate::error::{CommandError, Exit, Hop};
use crate::pairing::{DaemonConfig, Home, Overrides, PidFile, Standing};
use crate::remote::{Choice, Host};
use crate::secret::Secret;
use crate::target::Target;
use crate::transport::DialError;

/// A daemon on this machine answers at once, or it does not run.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1500);

/// What the files of a home say.
pub(super) struct Local {
    pub(super) home: Home,
    pub(super) config: DaemonConfig,
    pub(super) pid: Option<PidFile>,
}

/// Who answers where the daemon of a home listens.
pub(super) enum Answer {
    /// The daemon of this home.
    Ours(Road, DaemonClient),
    /// Another one, which is none of our business.
    Foreign(Road, DaemonClient),
    /// One that requires a password, or another one than was sent.
    Locked(PasswordFault),
    /// Nobody.
    Nobody,
    /// Nobody was asked: the address cannot be used.
    NoAddress,
}

impl Local {
    /// Reads the files of a home. The environment of this process says nothing about a daemon that was
    /// started in another one, unless `overrides` brings it in.
    pub(super) fn read(
        context: &Context,
        named: Option<&PathBuf>,
        overrides: &Overrides,
    ) -> Result<Self, CommandError> {
        let home = super::home(context, named)?;
        let config = home.config(overrides)?;
        let pid = home.pid()?;
        Ok(Self { home, config, pid })
    }

    /// Returns the process, if it is the daemon, or may be.
    pub(super) fn alive(&self) -> Option<u32> {
        let pid = self.pid.as_ref()?;
        let standing = self.home.standing(pid);
        matches!(standing, Standing::Runs | Standing::Unknown).then_some(pid.pid)
    }

    /// Returns the process that a signal may go to: the daemon for sure, on this machine. `None` when there
    /// is nothing to signal.
    pub(super) fn to_signal(&self) -> Result<Option<u32>, String> {
        let Some(pid) = self.pid.as_ref() else {
            return Ok(None);
        };
        match self.home.standing(pid) {
            Standing::Runs => Ok(Some(pid.pid)),
            Standing::Gone => Ok(None),
            Standing::Unknown => Err(format!(
                "this system cannot tell whether process {} is the daemon; check it, then stop it yourself",
                pid.pid
            )),
            Standing::Elsewhere { host } => Err(format!(
                "the pid file belongs to the machine {host}; stop the daemon there"
            )),
        }
    }

    /// Returns where the daemon says that it listens, else where it is told to.
    pub(super) fn listen(&self) -> &str {
        let noted = self.pid.as_ref().and_then(|pid| pid.listen.as_deref());
        noted.unwrap_or(&self.config.listen)
    }

    /// Connects to where the daemon listens, and compares the server id with that of the home: before a
    /// change, that is what keeps it from another daemon. Call it within a runtime.
    pub(super) async fn ask(&self, context: &Context) -> Result<Answer, CommandError> {
        let Ok(target) = target(context, self.listen()) else {
            return Ok(Answer::NoAddress);
        };
        let mut resolved = context.plan_for(target)?;
        resolved.plan.connect_timeout = Some(CONNECT_TIMEOUT);
        resolved.plan.home = Some(self.home.clone());
        let road = context.road(&resolved.ways[0], &resolved.plan)?;
        match client::connect(&road.target, &road.settings).await {
            Ok(daemon) => {
                let kept = self.home.known_server_id()?;
                // A daemon may have been told an id, as this command then is.
                let given = context.env.text(env::PASEO_SERVER_ID).map(str::trim);
                let kept = kept.as_ref().map(|id| id.expose().as_str());
                let answers = Some(daemon.server().server_id.as_str());
                let same = kept == answers || given == answers;
                Ok(match same {
                    true => Answer::Ours(road, daemon),
                    false => Answer::Foreign(road, daemon),
                })
            }
            Err(ConnectError::Password(fault)) => Ok(Answer::Locked(fault)),
            Err(
                error @ ConnectError::Dial(
                    DialError::OtherUser { .. } | DialError::OwnerUnreadable { .. },
                ),
            ) => Err(error.into()),
            Err(_) => Ok(Answer::Nobody),
        }
    }
}

/// Returns whether a command is about the daemon of this machine: its home is named, or nothing is selected.
pub(super) fn is_meant(context: &Context, home: Option<&PathBuf>) -> Result<bool, CommandError> {
    let global = &context.global;
    let relay = global
        .relay
        .as_ref()
        .is_some_and(|it| !it.expose().is_empty());
    if home.is_some() && (global.remote.is_some() || global.host.is_some() || relay) {
        let message = "--home names a daemon of this machine, and another one is selected too";
        return Err(CommandError::usage("TARGET_AMBIGUOUS", message).hint("give one of the two"));
    }
    Ok(home.is_some() || matches!(context.selection()?.choice, Choice::Local))
}

/// Parses where a daemon listens.
pub(super) fn target(context: &Context, listen: &str) -> Result<Target, CommandError> {
    let password = context.env.text(env::PASEO_PASSWORD).map(Secret::from);
    match listen.parse() {
        Ok(Host::Daemon { address, .. }) => Ok(address.target(password)),
        _ => Err(CommandError::new(
            "LISTEN_INVALID",
            Exit::Config,
            "the address where the daemon listens cannot be used",
        )
        .at(Hop::Config)
        .hint("check daemon.listen in the home's config.json, and PASEO_LISTEN")),
    }
}
