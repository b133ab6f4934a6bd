//! What a saved remote may be used for: `readonly`, `protected`, `expires`, and keys that are blocked.

use std::time::Duration;

use jiff::Timestamp;

use super::Context;
use super::effect::Effect;
use crate::e2ee::Fingerprint;
use crate::error::{CommandError, Exit, Hop};
use crate::output;
use crate::remote::{Remote, RemotesFile};

/// How long before its end a remote tells of it.
const SOON: Duration = Duration::from_secs(7 * 24 * 60 * 60);

impl Context {
    /// Refuses what a remote may not be used for. Asks before a change where that is wanted. Comes before
    /// any secret is read.
    pub(super) fn admit(&self, file: &RemotesFile, remote: &Remote) -> Result<(), CommandError> {
        if let Some(fingerprint) = remote.fingerprint() {
            refuse_blocked(file, fingerprint)?;
        }
        let guard = &remote.guard;
        if let Some(expires) = guard.expires {
            in_time(remote, expires, Timestamp::now())?;
        }
        if guard.readonly && self.effect == Effect::Changes {
            return Err(read_only(remote));
        }
        let may_change = matches!(self.effect, Effect::Changes | Effect::Either);
        if guard.protected && may_change {
            self.confirm(remote)?;
        }
        Ok(())
    }

    /// The same for a key that no remote has, such as that of an offer.
    pub(super) fn admit_key(&self, fingerprint: Fingerprint) -> Result<(), CommandError> {
        refuse_blocked(&self.remotes()?, fingerprint)
    }

    fn confirm(&self, remote: &Remote) -> Result<(), CommandError> {
        let name = &remote.name;
        let question = format!("`{name}` is protected. Change something there?");
        self.agrees(&question, || {
            let message = format!("`{name}` is protected: changes there want to be confirmed");
            let refused = CommandError::usage("CONFIRMATION_NEEDED", message).at(Hop::Config);
            refused.hint("if it is meant, add --yes")
        })
    }
}

/// Refuses a key that nobody may connect to.
pub(super) fn refuse_blocked(
    file: &RemotesFile,
    fingerprint: Fingerprint,
) -> Result<(), CommandError> {
    if !file.is_blocked(fingerprint) {
        return Ok(());
    }
    let message = format!("the daemon's key is blocked: {fingerprint}");
    Err(CommandError::new("KEY_BLOCKED", Exit::Trust, message)
        .at(Hop::Key)
        .hint(format!(
            "if it can be trusted again: paseo remote unblock {fingerprint}"
        )))
}

/// The words for a change on a remote that is for reading.
fn read_only(remote: &Remote) -> CommandError {
    let name = &remote.name;
    let message = format!("`{name}` is read-only, and this command changes something there");
    CommandError::new("REMOTE_READ_ONLY", Exit::Failed, message)
        .at(Hop::Config)
        .hint(format!("to allow it: paseo remote unset {name} readonly"))
}

fn in_time(remote: &Remote, expires: Timestamp, now: Timestamp) -> Result<(), CommandError> {
    let name = &remote.name;
    let left = Duration::try_from(expires.duration_since(now)).unwrap_or_default();
    if left.is_zero() {
        let message = format!("`{name}` has expired at {expires}");
        return Err(CommandError::new("REMOTE_EXPIRED", Exit::Trust, message)
            .at(Hop::Config)
            .hint(format!(
                "if it is still wanted: paseo remote set {name} expires=DATE"
            )));
    }
    if left < SOON {
        let hours = left.as_secs() / 3600;
        let left = match hours {
            0 => "less than an hour".to_owned(),
            1..48 => format!("{hours} h"),
            _ => format!("{} days", hours / 24),
        };
        output::note(&format!("`{name}` expires in {left}, at {expires}"));
    }
    Ok(())
}
