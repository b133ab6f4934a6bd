//! `paseo daemon reload`, `paseo reload`: read the configuration again.

use crate::commands::{CommandResult, Context, failure, feature};
use crate::output::Output;
use crate::protocol::daemon::{ReloadConfig, ReloadedConfig};

/// Arguments of `paseo daemon reload`
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Lets the daemon read its configuration again, without a restart.
pub fn run(context: &Context, _: &Args) -> CommandResult {
    let reloaded = context
        .with_daemon(async |daemon| {
            let code = "DAEMON_UPDATE_REQUIRED";
            feature::require(
                daemon,
                "daemonConfigReload",
                code,
                "reload its configuration",
            )?;
            Ok(daemon.call(&ReloadConfig {}).await?)
        })
        .map_err(failure::of("DAEMON_RELOAD_FAILED"))?;
    Ok(Output::Text {
        text: match context.output.quiet {
            true => "daemon-config".to_owned(),
            false => words(&reloaded),
        },
        json: serde_json::to_value(&reloaded).expect("lists of texts always serialise"),
    }
    .into())
}

fn words(reloaded: &ReloadedConfig) -> String {
    let mut lines = vec!["Configuration reloaded.".to_owned()];
    let indented = |paths: &[String]| {
        paths
            .iter()
            .map(|path| format!("  {path}"))
            .collect::<Vec<_>>()
    };
    if !reloaded.restart_required_paths.is_empty() {
        lines.push("\nOnly in force when the daemon is started anew:".to_owned());
        lines.extend(indented(&reloaded.restart_required_paths));
        lines.push("\nRun: paseo daemon restart".to_owned());
    }
    if !reloaded.override_controlled_paths.is_empty() {
        lines.push(
            "\nNot taken from the file, as the daemon was started with other values:".to_owned(),
        );
        lines.extend(indented(&reloaded.override_controlled_paths));
    }
    lines.join("\n")
}
