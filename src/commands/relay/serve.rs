//! `paseo relay serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde_json::json;

use super::address::of_this_machine;
use super::allocator;
use super::settings::Settings;
use super::system;
use crate::commands::stop_signal::stop_signal;
use crate::commands::{CommandResult, Context};
use crate::env;
use crate::error::{CommandError, Exit};
use crate::output::trace::{LogFormat, Unasked};
use crate::output::{self, Output};
use crate::protocol::relay::{Endpoint, RelayAddress};
use crate::relay::Server;

/// Run a relay
///
/// Prints what daemons need to know to use it, as `daemon.relay` in their config.json. Stops on SIGTERM
/// or Ctrl-C: tells everybody to come back, and ends within half a minute. SIGHUP reads certificate, key
/// and lists again. Takes its socket from systemd when that has one for it.
///
/// Every flag is also a key of the settings file and an environment variable: --held-frames is
/// held-frames and PASEO_RELAY_HELD_FRAMES.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Settings file (TOML): its keys are the names of these flags, without the dashes in front
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    #[expect(
        missing_docs,
        reason = "a doc comment here would replace the command's"
    )]
    #[command(flatten)]
    pub settings: Settings,
}

/// How many files the relay has open at least, before the first socket.
const FILES: u64 = 32;

pub(super) fn run(context: &Context, args: &Args) -> CommandResult {
    allocator::settle(context);
    let settings = args.settings.clone();
    let settings = settings.layered(&context.env, args.config.as_deref())?;
    output::trace::start(
        context.env.text(env::PASEO_LOG),
        context.global.verbose,
        Unasked::Warnings,
        settings
            .log_format
            .map_or_else(LogFormat::default, LogFormat::from),
    );
    let public = settings.public_endpoint.clone();
    if public.as_ref().is_some_and(RelayAddress::is_everywhere) {
        return Err(unknown_endpoint(
            "--public-endpoint is every address of this machine",
        ));
    }
    let public_tls = settings.public_use_tls;
    let asked = settings.sockets.is_some();
    let config = settings.into_config(context.env.path(env::PASEO_CA_FILE))?;
    let tls = config.tls.is_some();
    system::take_descriptors(config.limits.sockets, asked);
    crate::commands::runtime::may_open(FILES)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            CommandError::internal("the asynchronous runtime cannot start").because(error)
        })?;
    runtime.block_on(async {
        let server = match system::listener()? {
            Some(listener) => Server::from_listener(listener, config)?,
            None => Server::bind(config)?,
        };
        let stop = stop_signal()?;
        system::reload_on_signal(server.reload())?;
        let address = server.local_addr();
        let public_tls = public_tls.or(public.as_ref().and_then(|public| public.tls));
        let endpoint = match public {
            Some(public) => Some(public.endpoint),
            None => reachable(address),
        };
        let usual = endpoint
            .as_ref()
            .is_some_and(|endpoint| endpoint.port() == 443);
        let public_tls = public_tls.unwrap_or(tls || usual);
        let printed = introduction(address, tls, endpoint.as_ref(), public_tls);
        output::print(&printed, &context.output).map_err(|error| {
            let what = "stdout cannot be written";
            CommandError::new("OUTPUT_FAILED", Exit::Failed, what).because(error)
        })?;
        system::notify_ready();
        server
            .run(async {
                stop.await;
                system::notify_stopping();
            })
            .await;
        Ok(Output::Nothing.into())
    })
}

/// Returns where others reach a listener, when nothing says so. A machine that starts has no network yet, so that is no
/// reason to end.
fn reachable(listener: SocketAddr) -> Option<Endpoint> {
    if !listener.ip().to_canonical().is_unspecified() {
        return listener.to_string().parse().ok();
    }
    let here = of_this_machine(listener.port());
    output::note(&match &here {
        Some(here) => format!(
            "Others reach this relay at {here}, an address of this machine. If it has a name, or is behind NAT, set \
             --public-endpoint HOST:PORT."
        ),
        None => "This machine has no address that others reach. Set --public-endpoint HOST:PORT."
            .to_owned(),
    });
    here
}

fn unknown_endpoint(why: &str) -> CommandError {
    let message = "cannot tell where others reach this relay";
    let error = CommandError::usage("PUBLIC_ENDPOINT_UNKNOWN", message).because(why);
    error.hint("give its name or address: --public-endpoint HOST:PORT")
}

/// What a daemon's `config.json` and its offers have to say about this relay.
fn introduction(
    listen: SocketAddr,
    tls: bool,
    endpoint: Option<&Endpoint>,
    public_tls: bool,
) -> Output {
    let endpoint = endpoint.map(Endpoint::to_string);
    let relay = json!({
        "enabled": true,
        "endpoint": endpoint,
        "useTls": public_tls,
        "publicEndpoint": endpoint,
        "publicUseTls": public_tls,
    });
    let scheme = if tls { "wss" } else { "ws" };
    Output::Record {
        rows: vec![
            ("listening".to_owned(), format!("{scheme}://{listen}")),
            ("daemon.relay".to_owned(), relay.to_string()),
        ],
        json: json!({ "listen": listen.to_string(), "tls": tls, "relay": relay }),
    }
}
