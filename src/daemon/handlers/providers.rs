//! Providers.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use tokio::time::timeout;

use crate::daemon::clock::now;
use crate::daemon::core::Core;
use crate::daemon::dispatch::{Call, Refusal, Serve};
use crate::daemon::providers::{Description, Provider};
use crate::protocol::providers::{
    DiagnoseProvider, FetchSessions, GetProviders, ListLogins, ListModels, LogIn, LoggedIn, Logins,
    Models, ProviderDiagnostic, Providers, RecentSession, RecentSessions,
};

/// Sessions that one answer lists.
const MAX_SESSIONS: usize = 500;
/// How long a list waits for agents that were never started.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a question about one of them waits, which is less than its client does.
const ONE: Duration = Duration::from_secs(80);

fn listed(core: &Core) -> Providers {
    let now = now();
    let providers = core.providers.values();
    Providers {
        entries: providers.map(|p| p.describe().entry(&now)).collect(),
        generated_at: now,
    }
}

/// Returns what is known of a provider, once it has answered.
async fn known(provider: &dyn Provider) -> Arc<Description> {
    // Then nothing is known of it.
    let late = timeout(ONE, provider.look()).await.is_err();
    let known = provider.describe();
    match late && known.error.is_none() {
        true => Arc::new(Description {
            error: Some("not known yet: the agent has not answered".to_owned()),
            ..Description::clone(&known)
        }),
        false => known,
    }
}

impl Serve for GetProviders {
    async fn serve(self, call: &Call) -> Result<Providers, Refusal> {
        let core = &call.core;
        let all = join_all(core.providers.values().map(|provider| provider.look()));
        // Those that take longer are told to be loading, and shown when they have answered.
        let late = timeout(PATIENCE, all).await.is_err();
        if late {
            let behind = Arc::clone(core);
            core.spawn(async move {
                join_all(behind.providers.values().map(|provider| provider.look())).await;
                behind
                    .hub
                    .broadcast("providers_snapshot_update", &listed(&behind));
            });
        }
        Ok(listed(core))
    }
}

impl Serve for ListModels {
    async fn serve(self, call: &Call) -> Result<Models, Refusal> {
        let (models, error) = match call.core.provider(&self.provider) {
            Ok(provider) => {
                let known = known(&*provider).await;
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

impl Serve for FetchSessions {
    async fn serve(self, call: &Call) -> Result<RecentSessions, Refusal> {
        let named = |id: &&String| {
            let wanted = self.providers.as_ref();
            wanted.is_none_or(|wanted| wanted.contains(id))
        };
        let core = &call.core;
        let asked = core.providers.iter().filter(|(id, _)| named(id));
        let asked = asked.map(|(_, provider)| provider.sessions(self.cwd.as_deref()));
        let asked: Vec<_> = asked.collect();
        let told: Vec<_> = futures_util::stream::iter(asked)
            .buffered(2)
            .collect()
            .await;
        let mut entries: Vec<RecentSession> = Vec::new();
        for sessions in told.into_iter().flatten() {
            match sessions {
                Ok(sessions) => entries.extend(sessions),
                // Of several, the others still have theirs.
                Err(error) if self.providers.as_ref().is_some_and(|it| it.len() == 1) => {
                    return Err(Refusal::Failed(error));
                }
                Err(error) => call.log(&format!("Failed to list sessions: {error}")),
            }
        }
        let since = self.since.unwrap_or_default();
        entries.retain(|session| session.last_activity_at >= since);
        let all = entries.len();
        entries
            .retain(|session| !core.has_session(&session.provider_id, &session.provider_handle_id));
        let imported = (all - entries.len()) as u64;
        entries.sort_by(|a, b| b.last_activity_at.cmp(&a.last_activity_at));
        let limit = self.limit.and_then(|limit| limit.try_into().ok());
        entries.truncate(limit.unwrap_or(MAX_SESSIONS).min(MAX_SESSIONS));
        Ok(RecentSessions {
            entries,
            filtered_already_imported_count: Some(imported),
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
                let known = known(&*provider).await;
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
