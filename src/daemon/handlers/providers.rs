//! Providers.

use futures_util::future::join_all;

use crate::daemon::clock::now;
use crate::daemon::dispatch::{Call, Refusal, Serve};
use crate::protocol::providers::{
    DiagnoseProvider, GetProviders, ListModels, Models, ProviderDiagnostic, Providers,
};

impl Serve for GetProviders {
    async fn serve(self, call: &Call) -> Result<Providers, Refusal> {
        let providers = call.core.providers.values();
        join_all(providers.clone().map(|provider| provider.look())).await;
        let now = now();
        Ok(Providers {
            entries: providers.map(|p| p.describe().entry(&now)).collect(),
            generated_at: now,
        })
    }
}

impl Serve for ListModels {
    async fn serve(self, call: &Call) -> Result<Models, Refusal> {
        let (models, error) = match call.core.provider(&self.provider) {
            Ok(provider) => {
                provider.look().await;
                let known = provider.describe();
                let models = known.error.is_none().then(|| known.models.clone());
                (models, known.error.clone())
            }
            Err(error) => (None, Some(error.to_string())),
        };
        Ok(Models {
            provider: self.provider,
            models,
            error,
            fetched_at: now(),
        })
    }
}

impl Serve for DiagnoseProvider {
    async fn serve(self, call: &Call) -> Result<ProviderDiagnostic, Refusal> {
        let diagnostic = match call.core.provider(&self.provider) {
            Ok(provider) => {
                provider.look().await;
                let known = provider.describe();
                match &known.error {
                    Some(error) => format!("{}\n  Error: {error}", known.diagnostic),
                    None => known.diagnostic.clone(),
                }
            }
            Err(error) => error.to_string(),
        };
        Ok(ProviderDiagnostic {
            provider: self.provider,
            diagnostic,
        })
    }
}
