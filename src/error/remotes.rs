//! Errors about remotes, their secrets and offers.

use std::error::Error;

use super::{CommandError, Exit, Hop};
use crate::files::FileError;
use crate::pairing::{OfferError, PictureError, SourceError};
use crate::remote::{
    BundleError, ConfigError, Holder, HostError, Invalid, KeepError, NameError, ResolveError,
    SelectError, SettingError, SeveralError, UnknownRemote,
};
use crate::secret::{RelayTokenError, StoreError, StoreKind, StoreKindError};

/// Makes an error out of a leaf's, with its causes.
fn wrap<E: Error + Send + Sync + 'static>(
    code: &'static str,
    exit: Exit,
    error: E,
) -> CommandError {
    let made = CommandError::new(code, exit, error.to_string());
    match error.source() {
        Some(_) => made.because(error),
        None => made,
    }
}

/// What helps when a new passphrase is too short.
pub(crate) const LONGER_PASSPHRASE: &str =
    "four or five random words are hard to guess and easy to remember";

/// What helps when something is no offer.
const GET_AN_OFFER: &str = "on the daemon's machine, get an offer with: paseo daemon pair";

/// What helps when the key of this recipient is gone.
const NEW_RECIPIENT: &str =
    "make another key, and have the bundle sealed for it, with: paseo remote recipient --new";

impl From<BundleError> for CommandError {
    fn from(error: BundleError) -> Self {
        match error {
            BundleError::WrongPassphrase => wrap("BUNDLE_PASSPHRASE", Exit::Auth, error)
                .hint("try again; the file is whole, so it is not damaged"),
            BundleError::NotForUs => wrap("BUNDLE_NOT_FOR_US", Exit::Auth, error)
                .hint("ask the sender to seal it for your key: paseo remote recipient"),
            BundleError::Newer => {
                wrap("BUNDLE_NEWER", Exit::Incompatible, error).hint("update paseo")
            }
            BundleError::Cost => wrap("BUNDLE_COST", Exit::Failed, error)
                .hint("ask the sender to seal it for your key: paseo remote recipient"),
            BundleError::TooLarge => {
                wrap("BUNDLE_TOO_LARGE", Exit::Failed, error).hint("export fewer remotes at once")
            }
            BundleError::Other | BundleError::Locks => wrap("INVALID_BUNDLE", Exit::Usage, error),
            other => wrap("BUNDLE_DAMAGED", Exit::Failed, other)
                .hint("have it sent again, or export it again"),
        }
    }
}

impl From<OfferError> for CommandError {
    fn from(error: OfferError) -> Self {
        wrap("INVALID_OFFER", Exit::Usage, error).hint(GET_AN_OFFER)
    }
}

impl From<SourceError> for CommandError {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Offer(error) => error.into(),
            SourceError::File(error) => error.into(),
            other => wrap("INVALID_OFFER", Exit::Usage, other).hint(GET_AN_OFFER),
        }
    }
}

impl From<PictureError> for CommandError {
    fn from(error: PictureError) -> Self {
        match error {
            PictureError::File(error) => error.into(),
            PictureError::Several(_) => wrap("INVALID_PICTURE", Exit::Usage, error)
                .hint("cut the picture down to the one that is meant"),
            other => wrap("INVALID_PICTURE", Exit::Usage, other)
                .hint("take a screenshot (PNG) of the code that this shows: paseo daemon pair"),
        }
    }
}

impl From<NameError> for CommandError {
    fn from(error: NameError) -> Self {
        wrap("INVALID_NAME", Exit::Usage, error)
    }
}

impl From<HostError> for CommandError {
    fn from(error: HostError) -> Self {
        wrap("INVALID_TARGET", Exit::Usage, error)
    }
}

impl From<StoreKindError> for CommandError {
    fn from(error: StoreKindError) -> Self {
        wrap("INVALID_STORE", Exit::Usage, error)
    }
}

impl From<SettingError> for CommandError {
    fn from(error: SettingError) -> Self {
        let hint = match error {
            SettingError::InFile("fingerprint" | "secret") => {
                "for a new pairing: paseo remote repair NAME; by hand: paseo remote edit"
            }
            SettingError::Secret(_) => "to be asked for it: paseo remote set NAME password",
            SettingError::InFile(_) => "change it in the file: paseo remote edit",
            SettingError::Unknown(None) => "the keys that can be set: paseo remote set --help",
            _ => "for example: paseo remote set work cwd=/home/me/src",
        };
        let made = wrap("INVALID_SETTING", Exit::Usage, error);
        match error {
            SettingError::Toml { .. } | SettingError::Unknown(Some(_)) => made,
            _ => made.hint(hint),
        }
    }
}

impl From<UnknownRemote> for CommandError {
    fn from(error: UnknownRemote) -> Self {
        let hint = match &error.suggestion {
            Some(name) => format!("did you mean `{name}`?"),
            None => "list the remotes with: paseo remote ls".to_owned(),
        };
        wrap("REMOTE_NOT_FOUND", Exit::NotFound, error).hint(hint)
    }
}

impl From<Invalid> for CommandError {
    fn from(error: Invalid) -> Self {
        wrap("CONFIG_INVALID", Exit::Config, error).at(Hop::Config)
    }
}

impl From<ConfigError> for CommandError {
    fn from(error: ConfigError) -> Self {
        match error {
            ConfigError::File(error) => error.into(),
            ConfigError::Invalid(error) => error.into(),
            ConfigError::Unknown(error) => error.into(),
            ConfigError::Newer { .. } => wrap("CONFIG_NEWER", Exit::Config, error)
                .at(Hop::Config)
                .hint("update paseo"),
            ConfigError::Exists(_) => wrap("REMOTE_EXISTS", Exit::Failed, error)
                .hint("choose another name, or remove that one with: paseo remote rm"),
            ConfigError::Included { .. } => wrap("REMOTE_INCLUDED", Exit::Config, error)
                .at(Hop::Config)
                .hint("change that file; or save the daemon here too, under a name of its own"),
            ConfigError::Changed(_) => wrap("CONFIG_CHANGED", Exit::Failed, error).at(Hop::Config),
            ConfigError::NoDirectory => wrap("CONFIG_MISSING", Exit::Config, error)
                .at(Hop::Config)
                .hint("set HOME or PASEO_CONFIG_DIR"),
            other => wrap("CONFIG_INVALID", Exit::Config, other).at(Hop::Config),
        }
    }
}

impl From<SelectError> for CommandError {
    fn from(error: SelectError) -> Self {
        match error {
            SelectError::Ambiguous(..) => {
                wrap("TARGET_AMBIGUOUS", Exit::Usage, error).hint("leave one of the two out")
            }
            SelectError::Host { .. } => CommandError::usage("INVALID_TARGET", error.to_string())
                .hint("to use a saved remote, name it with --remote; paseo remote ls lists them"),
            SelectError::Several(_) => CommandError::usage("ONE_REMOTE_WANTED", error.to_string())
                .hint("name one remote with -r"),
            SelectError::Nobody(error) => error.into(),
            SelectError::Config(error) => error.into(),
        }
    }
}

impl From<SeveralError> for CommandError {
    fn from(error: SeveralError) -> Self {
        const LIST: &str = "list the remotes and their tags with: paseo remote ls";
        match error {
            SeveralError::Unknown(error) => error.into(),
            SeveralError::Malformed => CommandError::usage("INVALID_REMOTES", error.to_string())
                .hint("for example: -r work,lab or -r @prod or -r 'web-*' or -r all"),
            SeveralError::NoneSaved => {
                CommandError::new("REMOTE_NOT_FOUND", Exit::NotFound, error.to_string())
                    .hint("save one with: paseo remote add NAME")
            }
            SeveralError::Tag {
                suggestion: Some(ref tag),
                ..
            } => CommandError::new("REMOTE_NOT_FOUND", Exit::NotFound, error.to_string())
                .hint(format!("did you mean `@{tag}`?")),
            error => {
                CommandError::new("REMOTE_NOT_FOUND", Exit::NotFound, error.to_string()).hint(LIST)
            }
        }
    }
}

impl From<RelayTokenError> for CommandError {
    fn from(error: RelayTokenError) -> Self {
        wrap("INVALID_RELAY_TOKEN", Exit::Usage, error)
    }
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        let keystore = |code, error| wrap(code, Exit::Keystore, error).at(Hop::Keystore);
        match error {
            StoreError::File(error) => Self::from(error).at(Hop::Keystore),
            StoreError::Locked {
                store: StoreKind::Vault,
            }
            | StoreError::NoPassphrase { .. } => keystore("VAULT_LOCKED", error).hint(
                "its passphrase comes from a terminal, PASEO_VAULT_PASSPHRASE_FILE or PASEO_ASKPASS",
            ),
            StoreError::ShortPassphrase { .. } => {
                wrap("PASSPHRASE_TOO_SHORT", Exit::Usage, error).hint(LONGER_PASSPHRASE)
            }
            StoreError::WrongPassphrase { .. } => keystore("VAULT_PASSPHRASE", error)
                .hint("try again; the file is whole, so it is not damaged"),
            StoreError::Damaged { .. } => keystore("VAULT_DAMAGED", error).hint(
                "bring the file back from a backup, or pair again with: paseo remote repair",
            ),
            StoreError::Locked { .. } => keystore("KEYSTORE_LOCKED", error)
                .retryable()
                .hint("unlock the keyring, then try again"),
            StoreError::TimedOut { .. } => keystore("KEYSTORE_TIMEOUT", error)
                .retryable()
                .hint("unlock the keyring, or allow more time with PASEO_KEYSTORE_TIMEOUT=60"),
            StoreError::NoCollection { .. } => keystore("KEYSTORE_NO_COLLECTION", error).hint(
                "make a default keyring, for example with seahorse; or use another store: PASEO_KEYSTORE=vault",
            ),
            StoreError::Unavailable {
                store: StoreKind::Keyring,
                ..
            } => keystore("KEYSTORE_UNAVAILABLE", error)
                .hint("start a keyring, or use another store: PASEO_KEYSTORE=vault"),
            StoreError::Unavailable { .. } => keystore("KEYSTORE_UNAVAILABLE", error),
            other => keystore("KEYSTORE_FAILED", other),
        }
    }
}

impl From<KeepError> for CommandError {
    fn from(error: KeepError) -> Self {
        match error {
            KeepError::Config(error) => error.into(),
            KeepError::Store(error) => error.into(),
            KeepError::Missing(ref holder) => {
                let hint = match holder {
                    Holder::Remote(name) => {
                        format!("pair it again with: paseo remote repair {name}")
                    }
                    Holder::Recipient => NEW_RECIPIENT.to_owned(),
                };
                wrap("SECRET_MISSING", Exit::Keystore, error)
                    .at(Hop::Keystore)
                    .hint(hint)
            }
            KeepError::Changed(_) => wrap("CONFIG_CHANGED", Exit::Failed, error).at(Hop::Config),
        }
    }
}

impl From<ResolveError> for CommandError {
    fn from(error: ResolveError) -> Self {
        let name = match &error {
            ResolveError::Missing { remote, .. }
            | ResolveError::Damaged { remote, .. }
            | ResolveError::Fingerprint { remote, .. } => remote.to_string(),
            _ => String::new(),
        };
        let again = format!("pair it again with: paseo remote repair {name}");
        match error {
            ResolveError::Store(error) => error.into(),
            ResolveError::Missing { .. } => wrap("SECRET_MISSING", Exit::Keystore, error)
                .at(Hop::Keystore)
                .hint(again),
            ResolveError::Damaged { .. } => wrap("SECRET_DAMAGED", Exit::Keystore, error)
                .at(Hop::Keystore)
                .hint(again),
            other => wrap("FINGERPRINT_MISMATCH", Exit::Trust, other)
                .at(Hop::Key)
                .hint("do not go on unless you know who changed it; then pair again"),
        }
    }
}

impl From<FileError> for CommandError {
    fn from(error: FileError) -> Self {
        let hint = match &error {
            FileError::Exposed { path, .. } => Some(format!(
                "whoever could read it may have done so; to use it nevertheless: chmod 600 '{}'",
                path.display()
            )),
            FileError::Dangling { .. } => {
                Some("restore the file it leads to, or remove the link".to_owned())
            }
            FileError::Unconfirmed { .. } => Some(
                "after a power failure the old file may be back; check the disk, then the file"
                    .to_owned(),
            ),
            _ => None,
        };
        let made = wrap("FILE_ERROR", Exit::Config, error).at(Hop::Config);
        match hint {
            Some(hint) => made.hint(hint),
            None => made,
        }
    }
}
