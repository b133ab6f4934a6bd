//! What is saved and where: the offer or address that was given, and the store for its secret.

use std::io;
use std::path::Path;

use crate::commands::Context;
use crate::env;
use crate::error::{CommandError, Exit};
use crate::files;
use crate::output::{self, Hidden};
use crate::pairing::{Offer, OfferSource};
use crate::remote::{
    Address, DirectRoute, Host, KeepError, RelayRoute, Route, SecretRef, offer_item, offer_target,
    password_item,
};
use crate::secret::{RelayToken, Secret, StoreError, StoreKind};
use crate::target::Target;

/// What is to be saved.
pub(super) enum Source {
    Offer(Offer),
    Direct {
        address: Address,
        password: Option<Secret<String>>,
    },
}

impl Source {
    /// Reads what was given, or the code in a picture; `None` when somebody can be asked for it.
    pub(super) fn given(
        context: &Context,
        given: Option<&Secret<String>>,
        picture: Option<&Path>,
    ) -> Result<Option<Self>, CommandError> {
        match (picture, given) {
            (Some(picture), _) => {
                let offer = Offer::in_picture(picture)?;
                warn_if_exposed(picture);
                Ok(Some(Self::Offer(offer)))
            }
            (None, Some(given)) => Self::read(given.expose()).map(Some),
            (None, None) if context.is_batch() => {
                let error = CommandError::usage("OFFER_MISSING", "no pairing offer is given");
                Err(error.hint("give a file, or - and the offer on stdin"))
            }
            (None, None) => Ok(None),
        }
    }

    /// Asks for it: what is pasted is not shown.
    pub(super) fn asked(context: &Context) -> Result<Self, CommandError> {
        let pasted = Hidden::Pasted {
            // Anything else, such as the first line of a mail, may be the beginning of it.
            is_whole: &|text| {
                Offer::parse(text).is_ok() || matches!(Self::direct(text), Ok(Some(_)))
            },
            // Asked of the terminal itself, wherever stdout goes.
            marks: context
                .env
                .text(env::TERM)
                .is_some_and(|term| !term.is_empty() && term != "dumb"),
        };
        let text = output::ask_hidden("Pairing link (not shown)", &pasted);
        Self::read(&text.map_err(not_asked)?)
    }

    /// Reads what was given: an offer in any form, or a direct address.
    fn read(given: &str) -> Result<Self, CommandError> {
        let source = OfferSource::from_arg(given);
        if let OfferSource::Bare(text) = &source
            && let Some(direct) = Self::direct(text.expose())?
        {
            return Ok(direct);
        }
        let offer = source.read(std::io::stdin().lock())?;
        if let OfferSource::File(path) = &source {
            warn_if_exposed(path);
        }
        Ok(Self::Offer(offer))
    }

    /// Returns a direct address; `None` when the text is something else. A path alone is a file that is
    /// not there, not a socket: sockets are written unix:///path.
    pub(super) fn direct(text: &str) -> Result<Option<Self>, CommandError> {
        match text.parse() {
            Ok(Host::Daemon { address, password }) if !text.starts_with(['/', '~']) => {
                Ok(Some(Self::Direct { address, password }))
            }
            Err(error) if text.contains("://") => Err(error.into()),
            _ => Ok(None),
        }
    }

    /// Returns whether it is an address without a password: there is nothing to keep then.
    pub(super) fn keeps_nothing(&self) -> bool {
        matches!(self, Self::Direct { password: None, .. })
    }

    /// Adds the token of the offer's relay.
    pub(super) fn set_relay_token(&mut self, token: RelayToken) -> Result<(), CommandError> {
        match self {
            Self::Offer(offer) => {
                offer.relay_token = Some(token);
                Ok(())
            }
            Self::Direct { .. } => Err(no_relay("this address")),
        }
    }

    /// Adds the daemon's password.
    pub(super) fn set_password(&mut self, new: Secret<String>) {
        let (Self::Offer(Offer { password, .. }) | Self::Direct { password, .. }) = self;
        *password = Some(new);
    }

    /// Returns how a remote leads there, and its secret if there is one, which is to be kept under `secret`.
    pub(super) fn route(&self, secret: SecretRef) -> (Route, Option<Secret<Vec<u8>>>) {
        match self {
            Self::Offer(offer) => {
                let route = RelayRoute {
                    endpoint: offer.relay.clone(),
                    tls: offer.uses_tls(),
                    fingerprint: offer.daemon_key.fingerprint(),
                    secret,
                };
                (Route::Relay(route), Some(offer_item(offer)))
            }
            Self::Direct { address, password } => {
                let route = DirectRoute {
                    address: address.clone(),
                    secret: password.as_ref().map(|_| secret),
                };
                (Route::Direct(route), password.as_ref().map(password_item))
            }
        }
    }

    pub(super) fn target(&self) -> Target {
        match self {
            Self::Offer(offer) => offer_target(offer),
            Self::Direct { address, password } => address.target(password.clone()),
        }
    }
}

/// Says that others may have read an offer. It is no error: the offer is imported once, and kept elsewhere.
pub(super) fn warn_if_exposed(path: &Path) {
    if let Some(mode) = files::exposed(path) {
        output::note(&format!(
            "{} can be read by others (mode {mode:04o}) and grants full control; remove it: rm {}",
            path.display(),
            output::shell_operand(&path.to_string_lossy()),
        ));
    }
}

/// Returns a store that has been seen to work. A worse one than was asked for is never taken unasked.
pub(super) fn choose_store(
    context: &Context,
    asked: Option<StoreKind>,
) -> Result<StoreKind, CommandError> {
    let asked = match (asked, context.env.text(env::PASEO_KEYSTORE)) {
        (Some(store), _) => Some(store),
        (None, Some(name)) => Some(name.trim().parse()?),
        (None, None) => None,
    };
    let error = match context.keeper().choose(asked) {
        Ok(store) => return Ok(store),
        Err(KeepError::Store(error)) => error,
        Err(error) => return Err(error.into()),
    };
    if asked.is_none() && !context.is_batch() {
        return match offer_another(&error)? {
            Some(store) => Ok(context.keeper().choose(Some(store))?),
            None => Err(CommandError::from(error).cancelled()),
        };
    }
    let error = CommandError::from(error);
    Err(match asked {
        None | Some(StoreKind::Keyring) => error.hint(
            "unlock or start the keyring; or keep the secret in a file: encrypted with a passphrase \
             with --store vault, or not encrypted with --store file",
        ),
        Some(_) => error,
    })
}

/// Asks which other store to use; `None` for none.
fn offer_another(error: &StoreError) -> Result<Option<StoreKind>, CommandError> {
    output::note(&error.to_string());
    let choices = [
        (StoreKind::Vault, "a vault, encrypted with a passphrase"),
        (
            StoreKind::File,
            "a file that only you can read, not encrypted",
        ),
    ];
    let texts = choices.map(|(_, text)| text);
    let chosen = output::ask_choice("Where should the secret be kept?", &texts);
    Ok(chosen.map_err(not_asked)?.map(|index| choices[index].0))
}

/// A token was given for something that is not behind a relay.
pub(super) fn no_relay(what: &str) -> CommandError {
    let message = format!("{what} is reached straight, without a relay that could want a token");
    CommandError::usage("NO_RELAY", message)
}

/// The terminal went away.
pub(super) fn not_asked(error: io::Error) -> CommandError {
    let message = "the terminal cannot be asked";
    CommandError::new("PROMPT_FAILED", Exit::Failed, message).because(error)
}
