//! The daemon itself.

use serde_json::{Value, json};

use crate::daemon::dispatch::{Call, Refusal, Serve};
use crate::pairing::Offer;
use crate::protocol::daemon::{
    DaemonConfig, DaemonStatus, GetConfig, GetPairingOffer, GetStatus, PairingOffer,
    ProviderStatus, RelayStatus, ReloadConfig, ReloadedConfig, Restart, SetConfig, Shutdown,
    Stopping,
};
use crate::protocol::session::APP_VERSION;
use crate::qr;
use crate::secret::Secret;

impl Serve for GetStatus {
    async fn serve(self, call: &Call) -> Result<DaemonStatus, Refusal> {
        let core = &call.core;
        let settings = core.settings.borrow().clone();
        let program = std::env::current_exe().unwrap_or_default();
        let providers = core.providers.values().map(|provider| provider.describe());
        Ok(DaemonStatus {
            server_id: core.identity.server_id.as_str().to_owned(),
            version: Some(APP_VERSION.to_owned()),
            pid: std::process::id(),
            node_path: program.to_string_lossy().into_owned(),
            started_at: Some(core.started_at.clone()),
            listen: core.listening(),
            problems: core.store.problems(),
            relay: settings.relay.as_ref().map(|relay| RelayStatus {
                enabled: relay.enabled,
                endpoint: relay.endpoint.to_string(),
                public_endpoint: relay.public_endpoint.to_string(),
                use_tls: relay.use_tls,
                public_use_tls: relay.public_use_tls,
            }),
            providers: providers
                .map(|provider| ProviderStatus {
                    provider: provider.id.clone(),
                    available: provider.error.is_none(),
                    error: provider.error.clone(),
                })
                .collect(),
        })
    }
}

impl Serve for GetPairingOffer {
    async fn serve(self, call: &Call) -> Result<PairingOffer, Refusal> {
        let core = &call.core;
        let settings = core.settings.borrow().clone();
        let relay = settings.relay.as_ref().filter(|relay| relay.enabled);
        let link = relay.map(|relay| {
            let server_id = Secret::new(core.identity.server_id.as_str().to_owned());
            let endpoint = relay.public_endpoint.clone();
            let tls = Some(relay.public_use_tls);
            let mut offer = Offer::new(server_id, core.identity.public_key, endpoint, tls);
            offer.relay_token = relay.token.clone();
            offer.to_link(&settings.app_url)
        });
        // As official daemons send it, for any terminal; one that is too narrow breaks it there as well.
        let code = link.as_ref().and_then(|link| qr::Code::of(link.expose()));
        Ok(PairingOffer {
            relay_enabled: link.is_some(),
            qr: code.and_then(|code| code.blocks(usize::MAX, true)),
            url: link.map_or_else(String::new, |link| link.expose().clone()),
        })
    }
}

impl Serve for ReloadConfig {
    async fn serve(self, call: &Call) -> Result<ReloadedConfig, Refusal> {
        let reloaded = call.core.reload().await;
        let reloaded = reloaded.map_err(|error| Refusal::Failed(error.to_string()))?;
        if !reloaded.applied_paths.is_empty() {
            tell(call);
        }
        Ok(reloaded)
    }
}

impl Serve for GetConfig {
    async fn serve(self, call: &Call) -> Result<DaemonConfig, Refusal> {
        let config = config(call);
        Ok(DaemonConfig { config })
    }
}

impl Serve for SetConfig {
    async fn serve(self, call: &Call) -> Result<DaemonConfig, Refusal> {
        // Keys that cannot be changed are ignored, and the reply tells what holds.
        if call.core.set_config(&self.config).await? {
            tell(call);
        }
        let config = config(call);
        Ok(DaemonConfig { config })
    }
}

/// Tells everybody that the configuration has changed.
fn tell(call: &Call) {
    let news = json!({ "status": "daemon_config_changed", "config": config(call) });
    call.core.hub.broadcast("status", &news);
}

fn config(call: &Call) -> Value {
    let settings = call.core.settings.borrow().clone();
    let enabled = settings.relay.as_ref().is_some_and(|relay| relay.enabled);
    json!({
        "relay": { "enabled": enabled },
        "mcp": { "enabled": false, "injectIntoAgents": false },
        "hostnames": settings.names.hosts,
        "cors": { "allowedOrigins": settings.names.origins },
        "app": { "baseUrl": settings.app_url },
        "browserTools": { "enabled": false },
        "providers": {},
        "metadataGeneration": { "providers": [] },
        "autoArchiveAfterMerge": false,
        "enableTerminalAgentHooks": false,
        "appendSystemPrompt": "",
    })
}

impl Serve for Restart {
    async fn serve(self, _: &Call) -> Result<Stopping, Refusal> {
        let error = "this daemon has no supervisor to start it again".to_owned();
        Err(Refusal::Failed(error))
    }
}

impl Serve for Shutdown {
    async fn serve(self, call: &Call) -> Result<Stopping, Refusal> {
        call.core.stop.send_replace(true);
        Ok(Stopping::ShutdownRequested {
            client_id: call.socket.client_id.clone(),
        })
    }
}
