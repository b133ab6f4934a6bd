//! `paseo forward`: a remote daemon as a listener on this machine.

mod stdio;

use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use tokio::sync::watch;

use super::context::Road;
use super::listen_names::ListenNames;
use super::runtime::run_async;
use super::secret_source::SecretSource;
use super::stop_signal::stop_signal;
use super::{CommandResult, Context};
use crate::client::DaemonClient;
use crate::error::{CommandError, Exit, Hop};
use crate::forward::Forward;
use crate::listen::{self, Access, Listen, Listener, Password};
use crate::output::{self, Format, Output, Stream};
use crate::protocol::admission::is_token;
use crate::secret::Secret;

/// What is escaped in the query of an address: what a shell or a URL would take for something else.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');
/// Bytes of a password that is made for one run.
const PASSWORD_BYTES: usize = 24;

/// Arguments of `paseo forward`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to listen: ADDRESS:PORT, a port, or the path of a socket
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub listen: Listen,

    /// Serve one connection on standard input and output, as a proxy command
    #[arg(long, conflicts_with = "listen")]
    pub stdio: bool,

    /// File with the password for clients, or - for stdin (default: one is made for each run)
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<SecretSource>,

    /// Let in your programs without a password
    ///
    /// On Linux those of other users are refused. Elsewhere every program of this machine is let in.
    #[arg(long, conflicts_with = "password_file")]
    pub no_password: bool,

    /// Names of the listener, and of web pages that may connect.
    #[command(flatten)]
    pub names: ListenNames,
}

/// Forwards until it is stopped.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    if args.no_password && !args.listen.is_local() {
        return Err(
            CommandError::password_needed().hint("omit --no-password, or listen on 127.0.0.1")
        );
    }
    let password = password(args)?;
    let resolved = context.resolve(&context.selection()?)?;
    run_async(async {
        // Once, to say at the start what is wrong.
        let (road, daemon, _) = context.connect(&resolved, None).await?;
        let name = name(&daemon);
        road.finish(daemon, async |_| Ok(())).await?;
        if args.stdio {
            let Road {
                target, settings, ..
            } = road;
            let service = Arc::new(Forward::new(target, settings));
            let (stream, written) = stdio::open();
            let own: Arc<dyn listen::Service> = service.clone();
            listen::serve_stream(stream, own).await;
            let _ = tokio::task::spawn_blocking(|| written.join()).await;
            if let Some(failure) = service.take_failure() {
                return Err(failure.into());
            }
        } else {
            listen(context, args, password, road, &name).await?;
        }
        Ok(Output::Nothing.into())
    })
}

/// Whom the frames go to, for a person.
fn name(daemon: &DaemonClient) -> String {
    let server = daemon.server();
    let host = server.hostname.as_deref().unwrap_or("the daemon");
    match &server.version {
        Some(version) => format!("{host} ({version})"),
        None => host.to_owned(),
    }
}

async fn listen(
    context: &Context,
    args: &Args,
    password: Option<Secret<String>>,
    road: Road,
    name: &str,
) -> Result<(), CommandError> {
    let stop = stop_signal()?;
    let listener = Listener::open(&args.listen).await.map_err(|error| {
        let message = format!("cannot listen on {}", args.listen);
        CommandError::new("LISTEN_FAILED", Exit::Failed, message)
            .at(Hop::Config)
            .because(error)
            .hint("give another address: paseo forward --listen 127.0.0.1:0")
    })?;
    tell(context, name, &listener, password.as_ref()).await?;
    let Road {
        target, settings, ..
    } = road;
    let service = Arc::new(Forward::new(target, settings));
    let (_unchanged, access) = watch::channel(Access {
        password: password.map(Password::Plain),
        names: args.names.clone().into(),
        ..Access::default()
    });
    tokio::select! {
        () = listener.open_where_users_are_not_told().run(service, access) => {}
        () = stop => {}
    }
    Ok(())
}

/// A socket file is for its owner only, and the official clients have no password in its address.
fn password(args: &Args) -> Result<Option<Secret<String>>, CommandError> {
    if let Some(source) = &args.password_file {
        let password = source.password()?;
        if !is_token(password.expose()) {
            output::note(
                "clients before 0.10 cannot send this password; for them use letters, digits, - and _",
            );
        }
        return Ok(Some(password));
    }
    if args.no_password || matches!(args.listen, Listen::Unix(_)) {
        return Ok(None);
    }
    let mut bytes = [0; PASSWORD_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| {
        CommandError::internal("the system gives no random bytes").because(error)
    })?;
    let text = base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes);
    Ok(Some(Secret::new(text)))
}

/// Says where the daemon is now. The password is for whoever reads standard output, as nobody else could use
/// what is forwarded.
async fn tell(
    context: &Context,
    name: &str,
    listener: &Listener,
    password: Option<&Secret<String>>,
) -> Result<(), CommandError> {
    let host = match (listener.local_addr(), password) {
        (Some(addr), Some(password)) => {
            let password = utf8_percent_encode(password.expose(), QUERY);
            format!("tcp://{addr}?password={password}")
        }
        (Some(addr), None) => addr.to_string(),
        (None, _) => format!("unix://{listener}"),
    };
    let stream = Stream::start(&context.output);
    // Nobody has to read it: the forwarding goes on.
    let _ = match context.output.format {
        Format::Table => {
            let text = match context.output.quiet {
                true => format!("{host}\n"),
                false => format!(
                    "{name} is at {listener} now. Ctrl-C ends it. For other programs:\n\n  export PASEO_HOST='{host}'\n\n"
                ),
            };
            stream.text(&text).await
        }
        _ => {
            let line = json!({
                "listen": listener.to_string(),
                "host": host,
                "password": password.map(|password| password.expose().as_str()),
                "daemon": name,
            });
            stream.json_line(&line).await
        }
    };
    stream.finish().await.map_err(|error| {
        CommandError::new(
            "OUTPUT_FAILED",
            Exit::Failed,
            "the output cannot be written",
        )
        .because(error)
    })
}
