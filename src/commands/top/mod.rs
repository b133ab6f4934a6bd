//! `paseo top`: the agents of all remotes, live, on the whole screen.

mod feed;
mod keys;
mod model;
mod request;
mod rows;
mod view;

use std::io::{self, IsTerminal, Write};
use std::process::Stdio;
use std::time::Instant;

use tokio::io::unix::AsyncFd;
use tokio::signal::unix::{Signal, SignalKind};

use feed::{Feed, Questions};
use model::{Action, Model, Target};
use view::{Screen, View, screen_size};

use super::runtime::run_async;
use super::several::{self, Spread};
use super::signals::catch;
use super::{CommandResult, Context, Outcome};
use crate::env;
use crate::error::CommandError;
use crate::output::{self, Format};
use crate::subprocess;
use crate::tty::Characters;

/// Arguments of `paseo top`
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Shows the agents of all remotes, unless `-r` or the like says which, until somebody leaves.
pub fn run(context: &Context) -> CommandResult {
    let sees = io::stdin().is_terminal() && context.output.moves;
    if !sees || context.output.format != Format::Table {
        let message = "top needs a terminal that can move its cursor";
        let refused = CommandError::usage("TERMINAL_NEEDED", message);
        return Err(refused.hint("paseo -r all ls, or paseo inbox"));
    }
    let context = context.about(several::everywhere(context)?);
    let parts = match several::spread(&context, &[])? {
        Spread::One(context) => vec![(named(&context)?, Ok(context.unattended()))],
        Spread::Several(branches) => {
            let part = |branch: several::Branch| (branch.label.to_string(), branch.context);
            branches.into_iter().map(part).collect()
        }
    };
    let (feed, questions) = Feed::of(parts);
    run_async(async {
        let failed = |error| CommandError::internal("the terminal cannot be used").because(error);
        let top = Top {
            context: &context,
            feed,
            screen: Screen::enter().map_err(failed)?,
            signals: Signals::new().map_err(failed)?,
        };
        top.until_left(questions).await.map_err(failed)
    })?;
    Ok(Outcome::default())
}

/// Returns the name of the only remote. What has none would have to be told to the commands that keys start, with its
/// secret in their arguments or environment.
fn named(context: &Context) -> Result<String, CommandError> {
    let selection = context.selection()?;
    let name = selection.choice.name().map(str::to_owned);
    name.ok_or_else(|| {
        let message = "top shows saved remotes, not an offer or a host";
        let refused = CommandError::usage("REMOTE_NEEDED", message);
        refused.hint("save it with paseo remote add")
    })
}

/// The signals that mean something here.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
    resize: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: catch(SignalKind::interrupt())?,
            terminate: catch(SignalKind::terminate())?,
            hang_up: catch(SignalKind::hangup())?,
            resize: catch(SignalKind::window_change())?,
        })
    }

    /// Waits until somebody wants this process to end.
    async fn end(terminate: &mut Signal, hang_up: &mut Signal) {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    }
}

/// Whether it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Stay,
    Leave,
}

struct Top<'a> {
    context: &'a Context,
    feed: Feed,
    screen: Screen,
    signals: Signals,
}

impl Top<'_> {
    async fn until_left(mut self, questions: Questions) -> io::Result<()> {
        let view = View {
            color: self.context.output.color,
            home: self.context.env.text(env::HOME).unwrap_or_default(),
        };
        let mut model = Model::new();
        let mut characters = Characters::default();
        let mut stdin = keys()?;
        let mut questions = Some(questions);
        loop {
            {
                let remotes = self.feed.remotes();
                let size = screen_size();
                model.settle(&remotes, size);
                view.paint(&model, &remotes, size)?;
            }
            if let Some(questions) = questions.take() {
                questions.ask()?;
            }
            let arms_at = model.arms_at();
            let Signals {
                interrupt,
                terminate,
                hang_up,
                resize,
            } = &mut self.signals;
            let typed = tokio::select! {
                typed = typed(&stdin) => typed?,
                () = self.feed.changed() => continue,
                () = at(arms_at) => {
                    // What was typed before the request could be read is no answer.
                    output::forget_typed();
                    model.arm();
                    continue;
                }
                _ = resize.recv() => continue,
                _ = interrupt.recv() => return Ok(()),
                () = Signals::end(terminate, hang_up) => return Ok(()),
            };
            if typed.is_empty() {
                return Ok(());
            }
            let typed = characters.whole(typed);
            let typed = keys::keys(&String::from_utf8_lossy(&typed));
            let action = model.typed(&self.feed.remotes(), &typed);
            match action {
                Action::Nothing => continue,
                Action::Quit => return Ok(()),
                Action::Run(..) | Action::Send(..) => {}
            }
            // Whether there is something to read must be found out anew: the other program read it.
            drop(stdin);
            let next = match action {
                Action::Send(target, text) => self.send(&target, &text).await?,
                Action::Run(remote, words) => self.away(remote, &words).await?,
                Action::Nothing | Action::Quit => Next::Stay,
            };
            if next == Next::Leave {
                return Ok(());
            }
            stdin = keys()?;
        }
    }

    /// Gives an agent a message. It goes by a private file: arguments can be read by every user.
    async fn send(&mut self, target: &Target, text: &str) -> io::Result<Next> {
        let mut file = tempfile::Builder::new().prefix("paseo-").tempfile()?;
        file.write_all(text.as_bytes())?;
        let path = file.path().display().to_string();
        let words = [
            "send",
            "--no-wait",
            "--prompt-file",
            &path,
            "--",
            &target.agent,
        ];
        let words: Vec<_> = words.map(str::to_owned).into();
        self.away(target.remote, &words).await
    }

    /// Runs a command of this program on the terminal, with all its guards and prompts, and comes back.
    async fn away(&mut self, remote: usize, words: &[String]) -> io::Result<Next> {
        let name = self
            .feed
            .remotes()
            .get(remote)
            .map(|remote| remote.name.clone());
        let mut command = subprocess::ours()?;
        command.arg(format!("--remote={}", name.unwrap_or_default()));
        command.args(self.flags()).args(words);
        let mut command = tokio::process::Command::from(command);
        command.stdin(Stdio::inherit()).kill_on_drop(true);
        self.screen.leave();
        let Signals {
            interrupt,
            terminate,
            hang_up,
            ..
        } = &mut self.signals;
        let mut child = command.spawn()?;
        // Ctrl-C is for the other program, also when that has ended by it already.
        let status = loop {
            tokio::select! {
                biased;
                _ = interrupt.recv() => {}
                status = child.wait() => break status?,
                () = Signals::end(terminate, hang_up) => return Ok(Next::Leave),
            }
        };
        if !status.success() {
            output::note("Enter leads back to the list");
            let stdin = keys()?;
            tokio::select! {
                _ = typed(&stdin) => {}
                _ = interrupt.recv() => {}
                () = Signals::end(terminate, hang_up) => return Ok(Next::Leave),
            }
        }
        self.screen.again()?;
        Ok(Next::Stay)
    }

    /// Returns the global options that hold for what is started too.
    fn flags(&self) -> Vec<String> {
        let global = &self.context.global;
        let mut flags = Vec::new();
        let switches = [
            (global.no_color, "--no-color"),
            (global.ipv4, "-4"),
            (global.ipv6, "-6"),
            (global.yes, "--yes"),
            (global.batch, "--batch"),
        ];
        let switches = switches.into_iter().filter(|(set, _)| *set);
        flags.extend(switches.map(|(_, flag)| flag.to_owned()));
        if let Some(limit) = global.connect_timeout {
            let limit = humantime::format_duration(limit);
            flags.push(format!("--connect-timeout={limit}"));
        }
        if let Some(via) = global.via {
            flags.push(format!("--via={via}"));
        }
        flags
    }
}

/// Waits until then, or for ever.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}

/// Returns stdin, to be waited for.
#[expect(
    deprecated,
    reason = "its successor takes no safe code, for descriptors that may be closed; stdin stays open"
)]
fn keys() -> io::Result<Keys> {
    AsyncFd::new(rustix::stdio::stdin())
}

type Keys = AsyncFd<rustix::fd::BorrowedFd<'static>>;

/// Waits for keys, and takes what was typed at once; nothing at the end of the input.
async fn typed(keys: &Keys) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; 16 * 1024];
    let mut ready = keys.readable().await?;
    let length = rustix::io::read(keys.get_ref(), &mut buffer)?;
    ready.clear_ready();
    buffer.truncate(length);
    Ok(buffer)
}
