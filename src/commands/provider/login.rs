//! `paseo provider login`: log in to an agent, on the daemon's machine.

use std::time::Duration;

use serde_json::json;

use crate::client::CallError;
use crate::commands::{CommandResult, Context, Reference};
use crate::complete;
use crate::error::{CommandError, Exit, Hop};
use crate::output::Output;
use crate::protocol::providers::{ListLogins, LogIn, Login, LoginWay};

/// An agent is started to be asked.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long somebody may take to log in, perhaps in a browser, and a little more than the daemon waits.
const LOGIN: Duration = Duration::from_secs(630);

/// Arguments of `paseo provider login`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The provider
    #[arg(add = complete::providers())]
    pub provider: Reference,

    /// Way to log in, by its id [default: the only one]
    #[arg(long, value_name = "ID")]
    pub method: Option<String>,
}

/// Logs in to an agent: in a terminal of that machine where the agent asks for one, else by itself.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let provider = args.provider.on(context).to_owned();
    let request = ListLogins {
        provider: provider.clone(),
    };
    let reply = context
        .with_daemon(async |daemon| {
            let reply = daemon.call_within(&request, Some(PATIENCE)).await;
            reply.map_err(unknown)
        })
        .map_err(|error| error.or_code("PROVIDER_ERROR"))?;
    if let Some(error) = reply.error {
        return Err(failed(format!("cannot log in to {provider}: {error}")));
    }
    let login = choose(&provider, reply.methods, args.method.as_deref())?;
    match login.way {
        LoginWay::Terminal { command } => in_terminal(context, &provider, command),
        LoginWay::Variables { names } => {
            let names = names.join(", ");
            let message = format!("'{}' logs in by variables of the environment", login.name);
            Err(failed(message).hint(format!(
                "set {names} where that daemon is started, and restart it"
            )))
        }
        LoginWay::Agent => {
            let request = LogIn {
                provider: provider.clone(),
                method_id: login.id.clone(),
            };
            let reply = context.with_daemon(async |daemon| {
                Ok(daemon.call_within(&request, Some(LOGIN)).await?)
            })?;
            if let Some(error) = reply.error {
                return Err(failed(format!("cannot log in to {provider}: {error}")));
            }
            let text = format!("Logged in to {provider}: {}", login.name);
            let json = json!({ "provider": provider, "method": login.id });
            Ok(Output::Text { json, text }.into())
        }
    }
}

#[cfg(unix)]
fn in_terminal(context: &Context, provider: &str, command: Vec<String>) -> CommandResult {
    crate::commands::terminal::program::run(context, &format!("{provider} login"), command)
}

#[cfg(not(unix))]
fn in_terminal(_: &Context, _: &str, command: Vec<String>) -> CommandResult {
    let message = "this login needs a terminal, which this system cannot share";
    let run = command.join(" ");
    Err(failed(message.to_owned()).hint(format!("run on the daemon's machine: {run}")))
}

fn failed(message: String) -> CommandError {
    CommandError::new("PROVIDER_LOGIN_FAILED", Exit::Failed, message).at(Hop::Daemon)
}

/// Official daemons have no such request.
fn unknown(error: CallError) -> CommandError {
    match error {
        CallError::Refused(refusal) if refusal.code.as_deref() == Some("unknown_schema") => {
            let message = "this daemon cannot log in to agents";
            CommandError::new("DAEMON_UPDATE_REQUIRED", Exit::Incompatible, message)
                .at(Hop::Daemon)
                .hint("log in with the agent's own command, in: paseo shell")
        }
        error => error.into(),
    }
}

/// Picks the way that is meant: the one that is named, else the only one.
fn choose(provider: &str, ways: Vec<Login>, named: Option<&str>) -> Result<Login, CommandError> {
    let listed = |ways: &[Login]| {
        let ways = ways.iter().map(|way| format!("{} ({})", way.id, way.name));
        ways.collect::<Vec<_>>().join(", ")
    };
    if ways.is_empty() {
        return Err(
            failed(format!("{provider} offers no way to log in")).hint(format!(
                "see what it lacks with: paseo provider diagnostic {provider}"
            )),
        );
    }
    let all = listed(&ways);
    let fits = |way: &Login| named.is_none_or(|id| way.id == id);
    let mut fitting: Vec<_> = ways.into_iter().filter(fits).collect();
    match (fitting.pop(), fitting.is_empty(), named) {
        (Some(way), true, _) => Ok(way),
        (_, _, Some(id)) => Err(CommandError::usage(
            "NO_SUCH_METHOD",
            format!("{provider} has no way to log in '{id}'"),
        )
        .hint(format!("use one of: {all}"))),
        (_, _, None) => Err(CommandError::usage(
            "MISSING_ARGUMENT",
            format!("{provider} has several ways to log in"),
        )
        .hint(format!("choose one with --method: {all}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_only_way_needs_no_name() {
        let way = |id: &str| Login {
            id: id.to_owned(),
            name: id.to_uppercase(),
            description: None,
            way: LoginWay::Agent,
        };
        let chosen = |ways: &[&str], named: Option<&str>| {
            let ways = ways.iter().map(|id| way(id)).collect();
            let chosen = choose("p", ways, named);
            chosen.map(|way| way.id).map_err(|error| error.code)
        };
        assert_eq!(chosen(&["a"], None).unwrap(), "a");
        assert_eq!(chosen(&["a", "b"], Some("b")).unwrap(), "b");
        assert_eq!(chosen(&["a", "b"], None).unwrap_err(), "MISSING_ARGUMENT");
        assert_eq!(chosen(&["a"], Some("c")).unwrap_err(), "NO_SUCH_METHOD");
        assert_eq!(chosen(&[], None).unwrap_err(), "PROVIDER_LOGIN_FAILED");
    }
}
