//! The token of a private relay: from a file, standard input, or the environment.

use super::Context;
use super::secret_source::{SecretSource, Wanted};
use crate::env;
use crate::error::CommandError;
use crate::secret::{RelayToken, Secret};

const WANTED: Wanted = Wanted {
    code: "INVALID_RELAY_TOKEN",
    name: "the relay token",
};

impl SecretSource {
    /// Reads the token of a relay.
    pub(super) fn relay_token(&self) -> Result<RelayToken, CommandError> {
        let text = Secret::new(String::from_utf8_lossy(&self.read(&WANTED)?).into_owned());
        Ok(RelayToken::new(text.expose())?)
    }
}

impl Context {
    /// Returns the token for the relay that this command is about: the one that is named, else that of
    /// the environment.
    pub(super) fn relay_token(
        &self,
        source: Option<&SecretSource>,
    ) -> Result<Option<RelayToken>, CommandError> {
        match (source, self.env.text(env::PASEO_RELAY_TOKEN)) {
            (Some(source), _) => source.relay_token().map(Some),
            (None, Some(text)) => Ok(Some(RelayToken::new(text)?)),
            (None, None) => Ok(None),
        }
    }
}
