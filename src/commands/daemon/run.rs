//! `paseo daemon run`: the built-in daemon.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::commands::relay_token::TokenSource;
use crate::commands::stop_signal::stop_signal;
use crate::commands::{CommandResult, Context};
use crate::daemon::{AgentSpec, Config, Daemon};
use crate::env;
use crate::error::CommandError;
use crate::listen::{Listen, Password};
use crate::output::Output;
use crate::pairing::{Home, Overrides, RelayConfig};
use crate::protocol::relay::Endpoint;

/// Arguments of `paseo daemon run`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The daemon's home directory (default: PASEO_HOME, then ~/.paseo)
    #[arg(long, value_name = "DIR")]
    pub home: Option<PathBuf>,

    /// Where to listen: ADDRESS:PORT, a port, or the path of a socket (default: the home's config.json,
    /// then 127.0.0.1:6767)
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<Listen>,

    /// File with the token of a private relay, or - for stdin (default: PASEO_RELAY_TOKEN)
    ///
    /// It becomes part of the pairing offer, because clients need it as well.
    #[arg(long, value_name = "FILE")]
    pub relay_token: Option<TokenSource>,

    /// An agent to offer, beside the built-in `echo`; repeat for more
    ///
    /// COMMAND runs once for each prompt, which it gets on standard input, or in place of {prompt} in its
    /// arguments. Its standard output is the answer. `acp:COMMAND` is an agent that speaks ACP (Agent Client
    /// Protocol) over its standard streams, and runs as long as its session. `mock:` is a scripted agent for
    /// trying things out.
    #[arg(long = "agent", value_name = "NAME=COMMAND")]
    pub agents: Vec<AgentSpec>,
}

/// Runs the daemon until it is stopped.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let relay = relay(context)?;
    let home = super::home(context, args.home.as_ref())?;
    let overrides = Overrides::from(&context.env);
    let config = config(context, args, home, &overrides, relay)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            CommandError::internal("the asynchronous runtime cannot start").because(error)
        })?;
    runtime.block_on(async {
        // Caught from here on, so that a stop during the start removes what the start has made.
        let stop = stop_signal()?;
        let daemon = Daemon::start(config).await?;
        daemon.run(stop).await;
        Ok(Output::Nothing.into())
    })
}

fn config(
    context: &Context,
    args: &Args,
    home: Home,
    overrides: &Overrides,
    relay: Option<Endpoint>,
) -> Result<Config, CommandError> {
    let known = home.config(overrides)?;
    let listen = match &args.listen {
        Some(listen) => listen.clone(),
        None => known.listen.parse().map_err(|error| {
            CommandError::usage("LISTEN_INVALID", "the configured address is none")
                .because(error)
                .hint("name another one with --listen")
        })?,
    };
    let token = context.relay_token(args.relay_token.as_ref())?;
    let relay = match relay {
        Some(endpoint) => {
            let tls = endpoint.uses_tls(overrides.relay_use_tls);
            RelayConfig {
                enabled: true,
                endpoint: endpoint.clone(),
                use_tls: tls,
                public_endpoint: endpoint,
                public_use_tls: tls,
                token,
            }
        }
        None => RelayConfig {
            token,
            ..known.relay
        },
    };
    let plain = context.env.text(env::PASEO_PASSWORD);
    let plain = plain.map(|password| Password::Plain(password.into()));
    Ok(Config {
        home,
        server_id: overrides.server_id.clone(),
        listen: Some(listen),
        relay: Some(relay),
        ca_file: context.env.path(env::PASEO_CA_FILE),
        app_url: known.app_url,
        password: plain.or(known.password_hash.map(Password::Bcrypt)),
        agents: args.agents.clone(),
        guard: super::guard::command(),
        shell: shell(&context.env),
        hidden: &env::SECRETS,
    })
}

/// What terminals run.
fn shell(env: &env::Env) -> OsString {
    let shell = env.text(env::SHELL).filter(|shell| !shell.is_empty());
    shell.unwrap_or("/bin/sh").into()
}

/// The relay to dial. Its flag is the one that elsewhere takes an offer, and here an endpoint.
fn relay(context: &Context) -> Result<Option<Endpoint>, CommandError> {
    let global = &context.global;
    if global.remote.is_some() || global.host.is_some() {
        return Err(CommandError::usage(
            "LOCAL_ONLY",
            "a daemon is run on its own machine",
        ));
    }
    let Some(relay) = &global.relay else {
        return Ok(None);
    };
    let endpoint = relay.expose().parse().map_err(|error| {
        CommandError::usage(
            "RELAY_INVALID",
            "--relay takes the relay's host and port here",
        )
        .because(error)
        .hint("for example: paseo daemon run --relay relay.paseo.sh:443")
    })?;
    Ok(Some(endpoint))
}
