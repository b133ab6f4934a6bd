//! Whether the provider of a run exists, before anything is made for it.

use std::time::Duration;

use super::DOING;
use crate::client::DaemonClient;
use crate::error::CommandError;
use crate::protocol::providers::GetProviders;
use crate::spelling::closest;

/// How long the daemon may take to list its providers. It refuses an unknown one later, in any case.
const PATIENCE: Duration = Duration::from_secs(2);

/// Refuses a provider that the daemon does not list. A daemon that does not say in time is believed to have it.
pub(super) async fn check(daemon: &DaemonClient, provider: &str) -> Result<(), CommandError> {
    let request = GetProviders::default();
    let Ok(listed) = daemon.call_within(&request, Some(PATIENCE)).await else {
        return Ok(());
    };
    let names: Vec<&str> = listed
        .entries
        .iter()
        .map(|entry| entry.provider.as_str())
        .collect();
    if names.is_empty() || names.contains(&provider) {
        return Ok(());
    }
    // The words of the daemon.
    let error = DOING.refused(&format!("Provider {provider} is not configured"));
    let hint = "see the providers with: paseo provider ls";
    Err(error.hint(match closest(provider, &names) {
        Some(word) => format!("did you mean `{word}`? {hint}"),
        None => hint.to_owned(),
    }))
}
