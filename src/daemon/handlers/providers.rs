//! Providers.

use futures_util::future::join_all;

use crate::daemon::clock::now;
use crate::daemon::dispatch::{Call, Refusal, Serve};
use crate::protocol::providers::{
    DiagnoseProvider, GetProviders, ListLogins, ListModels, LogIn, LoggedIn, Logins, Models,
    ProviderDiagnostic, Providers,
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

impl Serve for ListLogins {
    async fn serve(self, call: &Call) -> Result<Logins, Refusal> {
        let known = match call.core.provider(&self.provider) {
            Ok(provider) => provider.logins().await,
            Err(error) => Err(error.to_string()),
        };
        let error = known.as_ref().err().cloned();
        Ok(Logins {
            provider: self.provider,
            methods: known.unwrap_or_default(),
            error,
        })
    }
}

impl Serve for LogIn {
    async fn serve(self, call: &Call) -> Result<LoggedIn, Refusal> {
        let done = match call.core.provider(&self.provider) {
            Ok(provider) => provider.log_in(&self.method_id).await,
            Err(error) => Err(error.to_string()),
        };
        Ok(LoggedIn {
            provider: self.provider,
            error: done.err(),
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
