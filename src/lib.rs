//! ssh for coding agents: the library behind the `paseo` binary.
//!
//! # The way of `paseo -r work ls`
//!
//! argv → [`cli::Cli`] and [`env::Env`] → a selection → a saved remote in `remotes.toml` → its secret out of
//! a [`secret`] store → [`target::Target`] → [`transport::Transport`] → [`e2ee`] channel →
//! [`client::DaemonClient`] → a request of [`protocol`] → rows → [`output::Output`] → bytes on stdout. Each
//! step takes a value and gives a more resolved one; none asks a question upwards.
//!
//! # The modules
//!
//! | module | what it is |
//! |---|---|
//! | [`cli`], [`commands`], [`complete`] | arguments, one file per verb, completion |
//! | `backoff` | the waits between tries |
//! | [`duration`] | durations as people give them |
//! | `order` | the sort of lists, compiled once |
//! | [`output`], [`error`] | everything that is printed |
//! | [`qr`] | QR codes of links |
//! | [`tty`] | the terminal of an interactive session |
//! | [`mod@env`], [`files`] | everything that is read from and written to this machine |
//! | [`spelling`] | the word that was meant |
//! | [`secret`], [`target`] | what a connection needs, looked up |
//! | [`protocol`] | what is on the wire |
//! | [`transport`], [`e2ee`], [`client`] | from an address to a session with a daemon |
//! | [`host`], [`daemon`] | the other side: a daemon at a relay, and what it runs |
//! | [`listen`], [`forward`] | clients of this machine, and a remote daemon as if it were here |
//! | [`relay`] | the meeting point of clients and daemons |
//!
//! `docs/architecture.md` has the table of who may import whom; `tests/layering.rs` holds it.

mod backoff;
pub mod cli;
pub mod client;
pub mod commands;
pub mod complete;
pub mod daemon;
pub mod duration;
pub mod e2ee;
pub mod env;
pub mod error;
pub mod files;
pub mod forward;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod host;
pub mod listen;
mod order;
pub mod output;
pub mod pairing;
pub mod protocol;
pub mod qr;
pub mod relay;
pub mod remote;
pub mod secret;
mod site;
pub mod spelling;
pub mod state;
pub mod subprocess;
pub mod target;
pub mod transport;
#[cfg(unix)]
pub mod tty;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;

use clap::error::ErrorKind;

use crate::cli::{Cli, Parsed};
use crate::commands::{Context, Outcome};
use crate::env::Env;
use crate::error::{CommandError, Exit};
use crate::output::Format;

/// Runs the program: parses `argv`, does what it says, prints, and returns the exit status.
pub fn run(argv: impl IntoIterator<Item = OsString>, env: &Env) -> ExitCode {
    keep_memory_private();
    let argv: Vec<OsString> = argv.into_iter().collect();
    if env.is_set(env::PASEO_COMPLETE) && complete::answer(&argv, Cli::command_tree) {
        return ExitCode::SUCCESS;
    }
    let official = env.text(env::PASEO_COMPAT) == Some("official");
    let Parsed {
        cli,
        words,
        references,
        only_asks_version,
    } = match Cli::parse_words(&argv) {
        Ok(parsed) => parsed,
        Err(error) => return explain(&error, &argv, official),
    };
    if cli.global.version || only_asks_version {
        return print_version(cli.global.version && cli.global.verbose > 0);
    }
    let context = Context::new(env, &cli.global, commands::effect::of(&words));
    let Some(command) = cli.command else {
        let error = cli::no_command(&argv, &Cli::command_tree(), &cli.global);
        return fail(&error, &context, official);
    };
    if let Err(error) = commands::check_variables(env) {
        return fail(&error, &context, official);
    }
    if !command.logs_by_settings() {
        output::trace::start(
            env.text(env::PASEO_LOG),
            cli.global.verbose,
            command.tells_unasked(),
            output::trace::LogFormat::Text,
        );
    }
    match commands::dispatch(&context, command, &references)
        .and_then(|outcome| print(outcome, &context, &words))
    {
        Ok((_, Some(status))) => ExitCode::from(status),
        // The official CLI tells nothing of the agent by its exit code; a signal is the shell's matter.
        Ok((exit, None)) if official && exit != Exit::Interrupted => ExitCode::SUCCESS,
        Ok((exit, None)) => ExitCode::from(exit.status(false)),
        Err(error) => fail(&error, &context, official),
    }
}

fn fail(error: &CommandError, context: &Context, official: bool) -> ExitCode {
    output::write_stderr(&error::render(error, &context.output, official));
    ExitCode::from(error.exit.status(official))
}

/// Memory holds secrets: a crash leaves no core file, and no other process of the same user may attach and
/// read. Children are as usual again: the one is for them to raise, the other ends with `exec`.
fn keep_memory_private() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let maximum = getrlimit(Resource::Core).maximum;
        let none = Rlimit {
            current: Some(0),
            maximum,
        };
        // Where that is refused, nothing is worse than before.
        let _ = setrlimit(Resource::Core, none);
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

fn print(
    outcome: Outcome,
    context: &Context,
    words: &str,
) -> Result<(Exit, Option<u8>), CommandError> {
    output::print(&outcome.output, &context.output).map_err(not_printed)?;
    if outcome.failures.is_empty() {
        let text = || commands::empty::text(context, words);
        output::note_empty(&outcome.output, &context.output, text);
    }
    for line in &outcome.failures {
        output::write_stderr(&format!("{line}\n"));
    }
    if let Some(error) = &outcome.error {
        let official = context.env.text(env::PASEO_COMPAT) == Some("official");
        output::write_stderr(&error::render(error, &context.output, official));
    }
    Ok((outcome.exit, outcome.status))
}

fn not_printed(error: std::io::Error) -> CommandError {
    CommandError::new("OUTPUT_FAILED", Exit::Failed, "stdout cannot be written").because(error)
}

/// Prints text that is no command's.
fn show(text: &str) -> ExitCode {
    match output::write_stdout(text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let settings = output::Settings::default();
            output::write_stderr(&error::render(&not_printed(error), &settings, false));
            ExitCode::FAILURE
        }
    }
}

/// The bare version, as the official CLI prints it; in full also what it was built from.
fn print_version(in_full: bool) -> ExitCode {
    let mut text = concat!(env!("CARGO_PKG_VERSION"), "\n").to_owned();
    if in_full {
        let commit = match env!("PASEO_COMMIT") {
            "" => "unknown",
            commit => commit,
        };
        let (arch, os) = (std::env::consts::ARCH, std::env::consts::OS);
        let official = protocol::session::APP_VERSION;
        text.push_str(&format!(
            "commit {commit}\nfor {arch}-{os}\nfollows the official {official}\n"
        ));
    }
    show(&text)
}

/// Prints clap's answer to a wrong command line, or the help that was asked for.
fn explain(error: &clap::Error, argv: &[OsString], official: bool) -> ExitCode {
    let asked = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    if asked {
        return show(&error.render().to_string());
    }
    let argv: Vec<String> = argv
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let text = cli::reword(&cli::redact(&error.render().to_string(), &argv));
    let text = match cli::wanted_format(&argv) {
        Format::Table => output::safe_text(&text, std::io::stderr().is_terminal()).into_owned(),
        format => {
            let settings = output::Settings {
                format,
                ..output::Settings::default()
            };
            error::render(&cli::misused(&text), &settings, official)
        }
    };
    output::write_stderr(&text);
    ExitCode::from(Exit::Usage.status(official))
}
