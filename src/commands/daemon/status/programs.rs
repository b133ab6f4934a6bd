//! Programs of this machine: those that run agents, and the one that a process is.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::time::timeout;

use super::show::Provider;
use crate::env::{self, Env};
use crate::subprocess::{self, is_program};

/// How long a program may think about its version.
const VERSION_LIMIT: Duration = Duration::from_secs(5);

/// Programs that the official CLI looks for, and what it calls them.
const KNOWN: [(&str, &str); 3] = [
    ("claude", "Claude"),
    ("codex", "Codex"),
    ("opencode", "OpenCode"),
];

/// Returns what to call a provider.
pub(super) fn label(provider: &str) -> String {
    let known = KNOWN.iter().find(|(program, _)| *program == provider);
    known.map_or(provider, |(_, label)| label).to_owned()
}

/// Looks for the usual providers on PATH, and asks each for its version. Call it within a runtime.
pub(super) async fn look(env: &Env) -> Vec<Provider> {
    let dirs = env.path(env::PATH).unwrap_or_default();
    let mut providers = Vec::new();
    for (program, label) in KNOWN {
        let mut files = std::env::split_paths(&dirs).map(|dir| dir.join(program));
        let found = files.find(|file| is_program(file));
        providers.push(Provider {
            label: label.to_owned(),
            version: match &found {
                Some(found) => version(found).await,
                None => None,
            },
            path: found.map(|found| found.display().to_string()),
            source: None,
        });
    }
    providers
}

async fn version(program: &Path) -> Option<String> {
    let mut command = tokio::process::Command::from(subprocess::command(program));
    command
        .arg("--version")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let output = timeout(VERSION_LIMIT, command.output()).await.ok()?.ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

/// Returns the program of a process, where the system tells it.
pub(super) fn of_process(pid: u32) -> Option<String> {
    let program = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    Some(program.display().to_string())
}
