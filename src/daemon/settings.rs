//! What can change while the daemon runs: relay, password, address of the app.
//!
//! It comes from the command line, the environment and `config.json`, which is read again on request;
//! what a client has set lies in a record of our own and comes before `config.json`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::core::Core;
use super::store::{Kept, StoreError};
use crate::files::FileError;
use crate::listen::{Access, Names, Password};
use crate::pairing::{HomeError, RelayConfig};
use crate::protocol::daemon::ReloadedConfig;

/// What can change while the daemon runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The relay; dialled when it is enabled.
    pub relay: Option<RelayConfig>,
    /// The part of an offer link before `/#offer=`.
    pub app_url: String,
    /// The password for direct connections.
    pub password: Option<Password>,
    /// Names that the daemon answers to, and web pages that may connect.
    pub names: Names,
    /// Where it listens, as it is configured; a change waits for a restart.
    pub listen: String,
}

/// Reads the settings again.
#[derive(Clone)]
pub struct Reread(pub Arc<dyn Fn() -> Result<Settings, HomeError> + Send + Sync>);

impl std::fmt::Debug for Reread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reread")
    }
}

/// What a client has set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Chosen {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    relay_enabled: Option<bool>,
}

impl Settings {
    /// Returns what is asked of direct connections.
    pub(super) fn access(&self) -> Access {
        Access {
            password: self.password.clone(),
            names: self.names.clone(),
            relay_requires_password: self
                .relay
                .as_ref()
                .is_some_and(|relay| relay.require_password),
        }
    }

    /// Puts what a client has chosen on top.
    pub(super) fn with(mut self, chosen: &Chosen) -> Self {
        if let (Some(relay), Some(enabled)) = (&mut self.relay, chosen.relay_enabled) {
            relay.enabled = enabled;
        }
        self
    }
}

impl Core {
    /// What a client has chosen, now or before an earlier end.
    pub(super) fn chosen(&self) -> Result<Chosen, FileError> {
        Ok(self.store.load(Kept::Settings)?.unwrap_or_default())
    }

    /// Reads `config.json` again and puts it into force; returns what changed.
    pub(super) async fn reload(&self) -> Result<ReloadedConfig, HomeError> {
        let Some(reread) = &self.reread else {
            return Ok(ReloadedConfig::default());
        };
        let new = (reread.0)()?.with(&self.chosen()?);
        let old = self.settings.borrow().clone();
        let mut reloaded = ReloadedConfig::default();
        for (path, changed) in [
            ("daemon.relay", new.relay != old.relay),
            ("app.baseUrl", new.app_url != old.app_url),
            ("daemon.auth.password", new.password != old.password),
            ("daemon.hostnames", new.names.hosts != old.names.hosts),
            ("daemon.cors", new.names.origins != old.names.origins),
        ] {
            if changed {
                reloaded.applied_paths.push(path.to_owned());
            }
        }
        if new.listen != old.listen {
            reloaded
                .restart_required_paths
                .push("daemon.listen".to_owned());
        }
        let listen = old.listen;
        self.access.send_replace(new.access());
        self.settings.send_replace(Settings { listen, ..new });
        Ok(reloaded)
    }

    /// Takes what a client sets; keys that cannot be changed are passed over. Returns whether anything
    /// changed.
    pub(super) async fn set_config(&self, patch: &Value) -> Result<bool, StoreError> {
        let Some(enabled) = patch["relay"]["enabled"].as_bool() else {
            return Ok(false);
        };
        let _alone = self.store.alone(Kept::Settings).await;
        let before = self.chosen().map_err(|error| StoreError::file(&error))?;
        let chosen = Chosen {
            relay_enabled: Some(enabled),
        };
        self.store.save(Kept::Settings, &chosen);
        if let Err(error) = self.store.saved(&[Kept::Settings]).await {
            self.store.save(Kept::Settings, &before);
            return Err(error);
        }
        Ok(self.settings.send_if_modified(|settings| {
            let new = settings.clone().with(&chosen);
            let changes = new != *settings;
            *settings = new;
            changes
        }))
    }
}
