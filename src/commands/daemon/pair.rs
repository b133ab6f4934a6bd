//! `paseo daemon pair`: the pairing offer of the daemon of this machine.
//!
//! A daemon that runs is asked, once it has shown to be the one of this home; otherwise the offer is made
//! of the files of the home.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::local;
use crate::client::DaemonClient;
use crate::commands::runtime::run_async;
use crate::commands::{CommandResult, Context};
use crate::env;
use crate::error::{CommandError, Exit, Hop};
use crate::files::{self, FileError};
use crate::output::{self, Output};
use crate::pairing::{DaemonConfig, Home, Offer, Overrides, PidFile, Standing};
use crate::protocol::daemon::{GetPairingOffer, SetConfig};
use crate::qr;
use crate::secret::Secret;

/// A daemon on this machine answers at once, or it does not run.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1500);

/// Feature of daemons that can be asked for their offer: from 0.5.0 on.
const STATUS_FEATURE: &str = "daemonStatusRpc";
/// Feature of daemons whose relay can be turned on.
const RELAY_FEATURE: &str = "relayConfig";

/// Arguments of `paseo daemon pair`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Home of the daemon [default: $PASEO_HOME, then ~/.paseo]
    #[arg(long, value_name = "DIR")]
    pub home: Option<PathBuf>,

    /// Write the offer into a new private file instead of showing it
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,

    /// Write the QR code into a new private file (.svg or .png) instead of showing it
    #[arg(long, value_name = "FILE", value_parser = picture)]
    pub qr: Option<Picture>,

    /// Let --save and --qr replace a file
    #[arg(long)]
    pub force: bool,
}

/// A file for a QR code.
#[derive(Debug, Clone)]
pub struct Picture {
    pub(in crate::commands) path: PathBuf,
    pub(in crate::commands) draw: fn(&qr::Code) -> Vec<u8>,
}

/// Takes the name of a picture file.
pub(in crate::commands) fn picture(text: &str) -> Result<Picture, &'static str> {
    let path = PathBuf::from(text);
    let draw: fn(&qr::Code) -> Vec<u8> = match path.extension().and_then(|it| it.to_str()) {
        Some("svg") => |code| code.svg().into_bytes(),
        Some("png") => qr::Code::png,
        _ => return Err("the name must end in .svg or .png"),
    };
    Ok(Picture { path, draw })
}

/// Shows the pairing offer, or writes it into files.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let enable_relay = relay_switch(context)?;
    let home = super::home(context, args.home.as_ref())?;
    let overrides = Overrides::from(&context.env);
    let mut config = home.config(&overrides)?;
    config.relay.token = context.relay_token(None)?;
    let asked = ask(context, &home, &config, &overrides, enable_relay)?;
    let pairing = match asked {
        Some(pairing) => pairing,
        None if enable_relay && !config.relay.enabled => return Err(not_running()),
        None if !config.relay.enabled => return Err(relay_disabled(context)),
        None => {
            let offer = home.offer(&config, &overrides)?;
            let link = offer.to_link(&config.app_url);
            Pairing { offer, link }
        }
    };
    if args.save.is_some() || args.qr.is_some() {
        return pairing.write(args);
    }
    Ok(pairing.show(context).into())
}

/// Returns whether `--relay` stands alone, as the official flag of this command.
fn relay_switch(context: &Context) -> Result<bool, CommandError> {
    let global = &context.global;
    let relay = global.relay.as_ref().map(|offer| offer.expose().as_str());
    if global.remote.is_some() || global.host.is_some() || relay.is_some_and(|it| !it.is_empty()) {
        return Err(
            CommandError::usage("LOCAL_ONLY", "a daemon is paired on its own machine")
                .hint("run this there; or, for a daemon that is saved here: paseo remote export"),
        );
    }
    Ok(relay.is_some())
}

/// An offer and its link. The link of a running daemon is its own.
struct Pairing {
    offer: Offer,
    link: Secret<String>,
}

/// Asks the daemon that runs in this home; `None` when none does, or when it is too old to be asked.
fn ask(
    context: &Context,
    home: &Home,
    config: &DaemonConfig,
    overrides: &Overrides,
    enable_relay: bool,
) -> Result<Option<Pairing>, CommandError> {
    let pid = home.pid()?;
    let runs = |pid: &PidFile| matches!(home.standing(pid), Standing::Runs | Standing::Unknown);
    let alive = pid.as_ref().is_some_and(runs);
    let listen = pid.and_then(|pid| pid.listen).filter(|_| alive);
    let target = local::target(context, listen.as_deref().unwrap_or(&config.listen))?;
    let server_id = home.server_id(overrides.server_id.as_ref())?;
    let mut resolved = context.plan_for(target)?;
    resolved.plan.connect_timeout = Some(CONNECT_TIMEOUT);
    resolved.plan.home = Some(home.clone());
    let answer = run_async(async {
        let (road, daemon, _) = context.connect(&resolved, None).await?;
        road.finish(daemon, async |daemon: &DaemonClient| {
            if !server_id.is(&daemon.server().server_id) {
                return Err(other_home());
            }
            offer_of(context, daemon, enable_relay).await
        })
        .await
    });
    match answer {
        Err(error) if !alive && is_absence(&error) => Ok(None),
        other => other,
    }
}

/// Nothing answers at the address, or nothing that is a daemon.
fn is_absence(error: &CommandError) -> bool {
    matches!(
        error.exit,
        Exit::Unreachable | Exit::Timeout | Exit::DaemonOffline
    )
}

async fn offer_of(
    context: &Context,
    daemon: &DaemonClient,
    enable_relay: bool,
) -> Result<Option<Pairing>, CommandError> {
    let server = daemon.server();
    if !server.has(STATUS_FEATURE) {
        return if enable_relay {
            Err(too_old())
        } else {
            Ok(None)
        };
    }
    if enable_relay && server.has(RELAY_FEATURE) {
        let config = json!({ "relay": { "enabled": true } });
        daemon.call(&SetConfig { config }).await?;
    }
    let answer = daemon.call(&GetPairingOffer {}).await?;
    if !answer.relay_enabled {
        return Err(relay_disabled(context));
    }
    let offer = Offer::parse(&answer.url).map_err(|error| {
        CommandError::new(
            "PROTOCOL_ERROR",
            Exit::Incompatible,
            "the daemon's pairing offer cannot be read",
        )
        .at(Hop::Protocol)
        .because(error)
        .hint("update paseo: the daemon may be newer")
    })?;
    Ok(Some(Pairing {
        offer,
        link: Secret::new(answer.url),
    }))
}

impl Pairing {
    /// Writes the files. The link then appears nowhere else.
    fn write(&self, args: &Args) -> CommandResult {
        let key = self.offer.daemon_key.fingerprint();
        let (fingerprint, words) = (key.to_string(), key.words());
        let mut rows = Vec::new();
        let mut json = json!({ "relayEnabled": true, "saved": null, "picture": null });
        let mut write = |key: &str, path: &Path, content: &[u8]| {
            put(path, content, args.force)?;
            let path = path.display().to_string();
            json[key] = json!(path);
            rows.push((key.to_owned(), path));
            Ok::<_, CommandError>(())
        };
        if let Some(path) = &args.save {
            let offer = Secret::new(format!("{}\n", self.offer.to_json().expose()));
            write("saved", path, offer.expose().as_bytes())?;
        }
        if let Some(picture) = &args.qr {
            let code = qr::Code::of(self.link.expose()).ok_or_else(too_long_for_qr)?;
            write("picture", &picture.path, &(picture.draw)(&code))?;
        }
        json["fingerprint"] = json!(fingerprint);
        json["fingerprintWords"] = json!(words);
        rows.push(("fingerprint".to_owned(), fingerprint));
        rows.push(("in words".to_owned(), words));
        Ok(Output::Record { rows, json }.into())
    }

    fn show(&self, context: &Context) -> Output {
        let link = self.link.expose();
        let fingerprint = self.offer.daemon_key.fingerprint();
        let code = qr::Code::of(link);
        // As in the official output, where the width does not matter.
        let always = code.as_ref().and_then(|code| code.blocks(usize::MAX, true));
        let json = json!({
            "relayEnabled": true,
            "url": link,
            "qr": always,
            "connectionUri": self.offer.to_uri().expose(),
            "fingerprint": fingerprint.to_string(),
            "fingerprintWords": fingerprint.words(),
            "saved": null,
            "picture": null,
        });
        let mut text = String::new();
        if context.output.terminal {
            text = format!("\nScan to pair:\n{}\n", scan(context, code.as_ref()));
        }
        text.push_str(&format!(
            "Pairing link:\n{link}\n\nFingerprint, which the other side must show too:\n{fingerprint}\n{}\n",
            fingerprint.words()
        ));
        if context.output.terminal && !context.output.quiet {
            text.push_str(
                "\nWhoever has the link or the code controls this daemon as you do, until its key is replaced.\n",
            );
        }
        Output::Styled {
            text,
            id: link.clone(),
            json,
        }
    }
}

/// Returns the code for this terminal, or a line that says why there is none.
pub(in crate::commands) fn scan(context: &Context, code: Option<&qr::Code>) -> String {
    let columns =
        output::terminal_columns().or_else(|| context.env.text(env::COLUMNS)?.trim().parse().ok());
    match (code, columns) {
        (None, _) => "No QR code: the link is too long for one.\n".to_owned(),
        (_, None) => "No QR code: the width of the terminal is not known.\n".to_owned(),
        (Some(code), Some(columns)) => {
            code.blocks(columns, context.output.color)
                .unwrap_or_else(|| {
                    format!(
                        "QR code not shown: it needs {} columns, this terminal has {columns}. \
                     Make it wider, or use --qr FILE.png.\n",
                        code.least_columns()
                    )
                })
        }
    }
}

/// Writes a private file, never over another one unless forced.
pub(in crate::commands) fn put(
    path: &Path,
    content: &[u8],
    force: bool,
) -> Result<(), CommandError> {
    if let Some(tree) = git_work_tree(path) {
        output::note(&format!(
            "Warning: {} is inside the git work tree {}: it is a secret, do not commit it",
            path.display(),
            tree.display()
        ));
    }
    put_public(path, content, force)
}

/// The same for a file that may be anywhere.
pub(in crate::commands) fn put_public(
    path: &Path,
    content: &[u8],
    force: bool,
) -> Result<(), CommandError> {
    files::export(path, content, force).map_err(|error| match error {
        FileError::Exists { .. } => {
            CommandError::new("FILE_EXISTS", Exit::Failed, error.to_string())
                .hint("replace it with --force, or choose another name")
        }
        other => other.into(),
    })
}

/// Returns the root of the git work tree that a file would be in.
fn git_work_tree(path: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    let dir = path.parent()?.canonicalize().ok()?;
    let root = dir.ancestors().find(|dir| dir.join(".git").exists())?;
    Some(root.to_owned())
}

fn relay_disabled(context: &Context) -> CommandError {
    // The code is that of the official CLI, which scripts look for.
    let action = match context.output.format {
        output::Format::Json => "turn it on with: paseo daemon pair --relay --json",
        _ => "turn it on with: paseo daemon pair --relay",
    };
    CommandError::new(
        "RELAY_DISABLED",
        Exit::Failed,
        "Relay pairing is disabled for this daemon.",
    )
    .hint(action)
    .flat()
}

fn not_running() -> CommandError {
    CommandError::new(
        "DAEMON_NOT_RUNNING",
        Exit::DaemonOffline,
        "the relay of a daemon that does not run cannot be turned on",
    )
    .hint("start the daemon first; or set daemon.relay.enabled in the home's config.json")
}

fn other_home() -> CommandError {
    CommandError::new(
        "DAEMON_OF_OTHER_HOME",
        Exit::Config,
        "the daemon that answers belongs to a different Paseo home",
    )
    .hint("check --home, PASEO_HOME, and where the daemon of this home listens")
}

fn too_old() -> CommandError {
    CommandError::new(
        "UNSUPPORTED",
        Exit::Incompatible,
        "the running daemon cannot turn its relay on",
    )
    .hint("update the daemon; or set daemon.relay.enabled in its config.json and restart it")
}

pub(in crate::commands) fn too_long_for_qr() -> CommandError {
    CommandError::new(
        "QR_TOO_LONG",
        Exit::Failed,
        "the link is too long for a QR code",
    )
}
