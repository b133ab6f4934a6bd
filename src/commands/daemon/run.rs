//! `paseo daemon run`: the built-in daemon.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::commands::listen_names::ListenNames;
use crate::commands::runtime;
use crate::commands::secret_source::SecretSource;
use crate::commands::stop_signal::stop_signal;
use crate::commands::{CommandResult, Context};
use crate::daemon::{AgentSpec, Config, Daemon, Reread, Settings};
use crate::env;
use crate::error::CommandError;
use crate::listen::{Listen, Names, Password};
use crate::output::{self, Output};
use crate::pairing::{Home, HomeError, Overrides, RelayConfig};
use crate::protocol::relay::RelayAddress;
use crate::secret::RelayToken;

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
    pub relay_token: Option<SecretSource>,

    /// Names of the listener, and of web pages that may connect.
    #[command(flatten)]
    pub names: ListenNames,

    /// An agent to offer, beside the built-in `echo`; repeat for more
    ///
    /// COMMAND runs once for each prompt, which it gets on standard input, or in place of {prompt} in its
    /// arguments. Its standard output is the answer. `acp:COMMAND` is an agent that speaks ACP (Agent Client
    /// Protocol) over its standard streams, and runs as long as its session. `mock:` is a scripted agent for
    /// trying things out.
    #[arg(long = "agent", value_name = "NAME=COMMAND")]
    pub agents: Vec<AgentSpec>,
}

/// How many files the daemon has open at least, before the first agent.
const FILES: u64 = 64;

/// Runs the daemon until it is stopped.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let relay = relay(context)?;
    let home = super::home(context, args.home.as_ref())?;
    let overrides = Overrides::from(&context.env);
    for spec in &args.agents {
        if let Some(word) = spec.shell_word() {
            let name = &spec.name;
            output::note(&format!(
                "Agent `{name}`: no shell runs its command, so `{word}` is passed on as it is. For a shell: --agent \
                 {name}='sh -c \"…\"'"
            ));
        }
    }
    let config = config(context, args, home, &overrides, relay)?;
    let runtime = runtime::current_thread(FILES)?;
    runtime.block_on(async {
        // Caught from here on, so that a stop during the start removes what the start has made.
        let stop = stop_signal()?;
        super::ignored::catch();
        let first_steps = first_steps(&config, args.home.as_deref());
        let daemon = Daemon::start(config).await?;
        output::note(&first_steps);
        daemon.run(stop).await;
        Ok(Output::Nothing.into())
    })
}

fn config(
    context: &Context,
    args: &Args,
    home: Home,
    overrides: &Overrides,
    relay: Option<RelayAddress>,
) -> Result<Config, CommandError> {
    let plain = context.env.text(env::PASEO_PASSWORD);
    let fixed = Fixed {
        listen: args.listen.clone(),
        relay,
        token: context.relay_token(args.relay_token.as_ref())?,
        password: plain
            .filter(|password| !password.trim().is_empty())
            .map(|password| Password::Plain(password.into())),
        names: args.names.clone(),
        overrides: overrides.clone(),
    };
    let settings = fixed.settings(&home)?;
    let listen = settings.listen.parse().map_err(|error| {
        CommandError::usage("LISTEN_INVALID", "the configured address is none")
            .because(error)
            .hint("name another one with --listen")
    })?;
    let again = home.clone();
    Ok(Config {
        home,
        server_id: overrides.server_id.clone(),
        listen: Some(listen),
        relay: settings.relay,
        ca_file: context.env.path(env::PASEO_CA_FILE),
        app_url: settings.app_url,
        password: settings.password,
        names: settings.names,
        agents: args.agents.clone(),
        guard: super::guard::command(),
        user_home: context.env.path(env::HOME),
        shell: shell(&context.env),
        reread: Some(Reread(Arc::new(move || fixed.settings(&again)))),
    })
}

/// Returns how another machine gets in: with a relay by pairing, and without one not at all yet.
fn first_steps(config: &Config, home: Option<&Path>) -> String {
    let home = home.map(|home| {
        format!(
            " --home {}",
            output::shell_word(&home.display().to_string())
        )
    });
    let home = home.unwrap_or_default();
    match config.relay.as_ref().is_some_and(|relay| relay.enabled) {
        true => format!("to let another machine in: paseo daemon pair{home}"),
        false => format!(
            "no relay is set, so only this machine can connect; for others, start it again with a relay: \
             paseo daemon run{home} --relay relay.paseo.sh:443"
        ),
    }
}

/// What terminals run.
fn shell(env: &env::Env) -> OsString {
    let shell = env.path(env::SHELL);
    shell.unwrap_or_else(|| "/bin/sh".into()).into()
}

/// What command line and environment say, which holds as long as the process.
struct Fixed {
    listen: Option<Listen>,
    relay: Option<RelayAddress>,
    token: Option<RelayToken>,
    password: Option<Password>,
    names: ListenNames,
    overrides: Overrides,
}

impl Fixed {
    /// Puts it on top of what the home's `config.json` says now.
    fn settings(&self, home: &Home) -> Result<Settings, HomeError> {
        let known = home.config(&self.overrides)?;
        let token = self.token.clone();
        let relay = match &self.relay {
            Some(RelayAddress { endpoint, tls }) => {
                let tls = endpoint.uses_tls(tls.or(self.overrides.relay_use_tls));
                RelayConfig {
                    enabled: true,
                    endpoint: endpoint.clone(),
                    use_tls: tls,
                    public_endpoint: endpoint.clone(),
                    public_use_tls: tls,
                    require_password: known.relay.require_password,
                    token,
                }
            }
            None => RelayConfig {
                token,
                ..known.relay
            },
        };
        let hash = known.password_hash.map(Password::Bcrypt);
        let given = self.names.clone();
        Ok(Settings {
            relay: Some(relay),
            app_url: known.app_url,
            password: self.password.clone().or(hash),
            names: Names {
                hosts: [known.hosts, given.hosts].concat(),
                origins: [known.origins, given.origins].concat(),
            },
            listen: self.listen.as_ref().map_or(known.listen, Listen::to_string),
        })
    }
}

/// The relay to dial. Its flag is the one that elsewhere takes an offer, and here an endpoint.
fn relay(context: &Context) -> Result<Option<RelayAddress>, CommandError> {
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
    let invalid = |why: String| {
        CommandError::usage(
            "RELAY_INVALID",
            "--relay takes the relay's host and port here",
        )
        .because(why)
        .hint("for example: paseo daemon run --relay relay.paseo.sh:443")
    };
    let address: RelayAddress = relay.expose().parse().map_err(invalid)?;
    if address.is_everywhere() {
        return Err(invalid(
            "clients cannot connect to every address of a machine".to_owned(),
        ));
    }
    Ok(Some(address))
}
