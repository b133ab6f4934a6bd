//! The commands: the enum of them, and dispatch. One file per verb: its arguments, then `run`.

pub mod agent;
pub mod chat;
pub mod clone;
pub mod completion;
pub mod config;
mod context;
pub mod daemon;
mod daemon_password;
pub mod demo;
pub mod doctor;
pub mod effect;
pub mod empty;
mod exact;
mod failure;
mod feature;
pub mod forward;
mod guard;
pub mod handover;
pub mod heartbeat;
#[cfg(unix)]
mod holder;
pub mod inbox;
mod isolation;
pub mod keystore;
mod lifeline;
pub mod listen_names;
pub mod loops;
pub mod man;
mod model;
#[cfg(unix)]
pub mod mux;
mod network;
mod pairs;
mod passphrase;
mod permission;
mod permission_words;
pub mod permit;
pub mod ping;
mod place;
pub mod project;
mod prompt;
pub mod provider;
mod race;
mod reference;
pub mod relay;
mod relay_token;
pub mod remote;
mod rename;
mod report;
mod runtime;
pub mod schedule;
pub mod script;
pub mod secret_source;
mod selection;
mod several;
mod signals;
mod stop_signal;
mod suggestion;
pub mod terminal;
#[cfg(unix)]
pub mod top;
mod value;
#[cfg(unix)]
mod warm;
pub mod which;
pub mod workspace;
pub mod worktree;

use std::sync::Arc;

use clap::Subcommand;

pub use context::Context;
pub use reference::Reference;
pub use selection::check_variables;

use crate::error::{CommandError, Exit};
use crate::output::Output;
use crate::output::trace::Unasked;
use several::{Form, Spread};

/// What a command ends with.
pub type CommandResult = Result<Outcome, CommandError>;

/// The data of a command that did its work, and the exit status that tells of the agent.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The data.
    pub output: Output,
    /// [`Exit::Ok`], unless the agent it was about failed or waits for somebody.
    pub exit: Exit,
    /// The exit status of a program on the other machine, in place of `exit`.
    pub status: Option<u8>,
    /// Lines for stderr, behind the data: what failed, of several.
    pub failures: Vec<String>,
    /// What failed, where there are data that say it too.
    pub error: Option<Box<CommandError>>,
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        Self {
            output,
            ..Self::default()
        }
    }
}

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List agents
    Ls(agent::ls::Args),
    /// Start an agent on a prompt
    Run(Box<agent::run::Args>),
    /// Take over a session that a provider already has
    Import(agent::import::Args),
    /// See what an agent does, as it does it
    Attach(agent::attach::Args),
    /// Print what an agent said and did
    Logs(agent::logs::Args),
    /// Send another prompt to an agent
    Send(agent::send::Args),
    /// Wait until an agent is no longer running
    Wait(agent::wait::Args),
    /// Interrupt running agents
    Stop(agent::stop::Args),
    /// Remove agents for good
    Delete(agent::delete::Args),
    /// Show all about an agent
    Inspect(agent::inspect::Args),
    /// Put an agent out of the way; it can be brought back
    Archive(agent::archive::Args),
    /// Clone a repository on the daemon's machine
    Clone(clone::Args),
    /// Manage agents
    #[command(subcommand)]
    Agent(agent::Command),
    /// Show what runs agents, and its models
    #[command(subcommand)]
    Provider(provider::Command),
    /// Manage projects
    #[command(subcommand)]
    Project(project::Command),
    /// Manage workspaces
    #[command(subcommand)]
    Workspace(workspace::Command),
    /// Manage terminals
    #[command(subcommand)]
    Terminal(terminal::Command),
    /// Open a shell on the daemon's machine
    #[cfg(unix)]
    Shell(terminal::shell::Args),
    /// Leave messages in rooms (daemons of 0.1.65)
    #[command(subcommand, hide = true)]
    Chat(chat::Command),
    /// Run a prompt again and again (daemons of 0.1.65)
    #[command(subcommand, hide = true)]
    Loop(loops::Command),
    /// Run prompts by the clock
    #[command(subcommand)]
    Schedule(schedule::Command),
    /// Prompt this agent by the clock
    #[command(subcommand)]
    Heartbeat(heartbeat::Command),
    /// Manage the worktrees that a daemon made
    #[command(subcommand, hide = true)]
    Worktree(worktree::Command),
    /// Show how a daemon is
    Status(daemon::status::Args),
    /// Let a daemon start anew
    Restart(Box<daemon::restart::Args>),
    /// Read the daemon's configuration again
    Reload(daemon::reload::Args),
    /// Set the official daemon up (official CLI)
    #[command(hide = true)]
    Onboard(handover::Args),
    /// Start the official daemon (official CLI)
    #[command(hide = true)]
    Start(handover::Args),
    /// Manage plugins of the official daemon (official CLI)
    #[command(hide = true)]
    Plugin(handover::Args),
    /// Manage Paseo Hub (official CLI)
    #[command(hide = true)]
    Hub(handover::Args),
    /// Speech (official CLI)
    #[command(hide = true)]
    Speech(handover::Args),
    /// Open the desktop app (official CLI)
    #[command(hide = true)]
    Open(handover::Args),
    /// Note what an agent's hook tells (official CLI)
    #[command(hide = true)]
    Hooks(handover::Args),
    /// Run the scripts of a workspace
    #[command(subcommand)]
    Script(script::Command),
    /// Look after the daemon of this machine
    #[command(subcommand)]
    Daemon(daemon::Command),
    /// Run the meeting point of daemons and clients
    #[command(subcommand)]
    Relay(relay::Command),
    /// Manage saved remotes: daemons by name
    #[command(subcommand)]
    Remote(remote::Command),
    /// Look after the stores of secrets
    #[command(subcommand)]
    Keystore(keystore::Command),
    /// Look after the connections that are kept ready
    #[cfg(unix)]
    #[command(subcommand)]
    Mux(mux::Command),
    /// Show which daemon a command would talk to, and why
    Which(which::Args),
    /// Answer agents that ask before they go on
    #[command(subcommand)]
    Permit(permit::Command),
    /// See what waits for a person, on all remotes, and answer it
    Inbox(inbox::Args),
    /// Show the agents of all remotes live, on the whole screen, with keys for what they need
    #[cfg(unix)]
    Top(top::Args),
    /// Make a remote daemon appear on this machine, for the official CLI, the web UI and other programs
    Forward(forward::Args),
    /// Check settings, stores and the way to a daemon, and say what helps
    Doctor(doctor::Args),
    /// Measure every step of a connection
    Ping(ping::Args),
    /// Check the settings
    #[command(subcommand)]
    Config(config::Command),
    /// Show everything once, on loopback, in a throw-away home
    Demo(demo::Args),
    /// Print the manual, or install its pages
    Man(man::Args),
    /// Print the completion script of a shell
    Completion(completion::Args),
}

impl Command {
    /// Returns what it tells of what happens when nobody asks for it.
    pub fn tells_unasked(&self) -> Unasked {
        match self {
            Self::Daemon(command) if command.is_server() => Unasked::Steps,
            _ => Unasked::Nothing,
        }
    }

    /// Returns the remote that it names itself.
    fn remote(&self) -> Option<&str> {
        match self {
            Self::Doctor(args) => args.name.as_deref(),
            Self::Ping(args) => args.name.as_deref(),
            _ => None,
        }
    }

    /// Returns whether it makes something of several remotes by itself.
    fn picks_remotes(&self) -> bool {
        match self {
            #[cfg(unix)]
            Self::Top(_) => true,
            _ => matches!(self, Self::Remote(_) | Self::Inbox(_)),
        }
    }

    /// Returns whether it is about one daemon, because somebody sits before it.
    fn wants_one(&self) -> bool {
        match self {
            Self::Forward(_) => true,
            #[cfg(unix)]
            Self::Shell(_) => true,
            Self::Terminal(command) => command.is_session(),
            Self::Provider(command) => command.is_session(),
            _ => false,
        }
    }

    /// Returns how it ends, for those that run beside it.
    fn form(&self) -> Form {
        let command = match self {
            Self::Agent(command) => command,
            Self::Attach(_) => return Form::Endless,
            Self::Logs(args) => return args.form(),
            Self::Wait(args) => return args.form(),
            Self::Loop(loops::Command::Logs(_)) => return Form::Lines,
            _ => return Form::Table,
        };
        match command {
            agent::Command::Attach(_) => Form::Endless,
            agent::Command::Logs(args) => args.form(),
            agent::Command::Wait(args) => args.form(),
            _ => Form::Table,
        }
    }

    /// Returns whether it starts its log by itself, because its settings say how.
    pub fn logs_by_settings(&self) -> bool {
        matches!(self, Self::Relay(command) if command.logs_by_settings())
    }
}

/// Runs a command, on every daemon that the command line names. `references` are all that it names of them.
pub fn dispatch(context: &Context, command: Command, references: &[Reference]) -> CommandResult {
    if let (Some(name), Some(flag)) = (command.remote(), &context.global.remote)
        && name != flag
    {
        let message = "the name and --remote are two different remotes";
        return Err(
            CommandError::usage("TARGET_AMBIGUOUS", message).hint("leave one of the two out")
        );
    }
    let context = context.about(command.remote());
    if context.effect == effect::Effect::Local || command.picks_remotes() {
        return run(&context, &command);
    }
    if command.wants_one() {
        return match several::spread(&context, references)? {
            Spread::One(context) => run_on(&context, &command),
            Spread::Several(_) => {
                let message = "this command takes one daemon and one thing of it";
                let refused = CommandError::usage("ONE_REMOTE_WANTED", message);
                Err(refused.hint("name one remote with -r"))
            }
        };
    }
    if matches!(command, Command::Doctor(_)) && context.selected().is_err() {
        // What stands in the way of a selection is what it looks for.
        return run_on(&context, &command);
    }
    let form = command.form();
    let work = move |context: &Context| run_on(context, &command);
    several::each(&context, references, form, Arc::new(work))
}

/// Runs a command on one daemon.
fn run_on(context: &Context, command: &Command) -> CommandResult {
    let result = run(context, command);
    if context.effect == effect::Effect::Changes {
        context.forget_lists();
    }
    result
        .map(|outcome| Outcome {
            error: outcome
                .error
                .map(|error| Box::new(suggestion::aimed(context, *error))),
            ..outcome
        })
        .map_err(|error| suggestion::aimed(context, error))
        .map_err(|error| suggestion::naming_remotes(context, error))
}

fn run(context: &Context, command: &Command) -> CommandResult {
    match command {
        Command::Ls(args) => agent::ls::run(context, args),
        Command::Run(args) => agent::run::run(context, args),
        Command::Import(args) => agent::import::run(context, args),
        Command::Attach(args) => agent::attach::run(context, args),
        Command::Logs(args) => agent::logs::run(context, args),
        Command::Send(args) => agent::send::run(context, args),
        Command::Wait(args) => agent::wait::run(context, args),
        Command::Stop(args) => agent::stop::run(context, args),
        Command::Delete(args) => agent::delete::run(context, args),
        Command::Inspect(args) => agent::inspect::run(context, args),
        Command::Archive(args) => agent::archive::run(context, args),
        Command::Clone(args) => clone::run(context, args),
        Command::Agent(command) => agent::dispatch(context, command),
        Command::Provider(command) => provider::dispatch(context, command),
        Command::Project(command) => project::dispatch(context, command),
        Command::Workspace(command) => workspace::dispatch(context, command),
        Command::Terminal(command) => terminal::dispatch(context, command),
        #[cfg(unix)]
        Command::Shell(args) => terminal::shell::run(context, args),
        Command::Chat(command) => chat::dispatch(context, command),
        Command::Loop(command) => loops::dispatch(context, command),
        Command::Schedule(command) => schedule::dispatch(context, command),
        Command::Heartbeat(command) => heartbeat::dispatch(context, command),
        Command::Worktree(command) => worktree::dispatch(context, command),
        Command::Status(args) => daemon::status::run(context, args),
        Command::Restart(args) => daemon::restart::run(context, args),
        Command::Reload(args) => daemon::reload::run(context, args),
        Command::Onboard(args) => handover::run(context, &["onboard"], args),
        Command::Start(args) => handover::run(context, &["start"], args),
        Command::Plugin(args) => handover::run(context, &["plugin"], args),
        Command::Hub(args) => handover::run(context, &["hub"], args),
        Command::Speech(args) => handover::run(context, &["speech"], args),
        Command::Open(args) => handover::run(context, &["open"], args),
        Command::Hooks(args) => handover::run(context, &["hooks"], args),
        Command::Script(command) => script::dispatch(context, command),
        Command::Daemon(command) => daemon::dispatch(context, command),
        Command::Relay(command) => relay::dispatch(context, command),
        Command::Remote(command) => remote::dispatch(context, command),
        Command::Keystore(command) => keystore::dispatch(context, command),
        #[cfg(unix)]
        Command::Mux(command) => mux::dispatch(context, command),
        Command::Which(args) => which::run(context, args),
        Command::Permit(command) => permit::dispatch(context, command),
        Command::Inbox(args) => inbox::run(context, args),
        #[cfg(unix)]
        Command::Top(_) => top::run(context),
        Command::Forward(args) => forward::run(context, args),
        Command::Doctor(args) => doctor::run(context, args),
        Command::Ping(args) => ping::run(context, args),
        Command::Config(command) => config::dispatch(context, command),
        Command::Demo(args) => demo::run(context, args),
        Command::Man(args) => man::run(context, args),
        Command::Completion(args) => completion::run(context, args),
    }
}
