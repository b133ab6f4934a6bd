//! `paseo demo`: everything once, on loopback, in a throw-away home.
//!
//! The relay and the built-in daemon run in this process, on free ports. Each step is printed as the command
//! line that it is, and is run as a child of this very binary, over real sockets.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;

use anstyle::Style;
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::{CommandResult, Context, Outcome};
use crate::daemon::{self, Daemon};
use crate::env;
use crate::error::{CommandError, Exit};
use crate::files;
use crate::listen::{Listen, Names};
use crate::output;
use crate::pairing::{Home, RelayConfig};
use crate::protocol::relay::Endpoint;
use crate::relay;
use crate::subprocess;

/// Largest file that is shown, in bytes.
const MAX_SHOWN_BYTES: u64 = 64 * 1024;

/// Arguments of `paseo demo`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Leave relay and daemon running, and say how to use them
    #[arg(long)]
    pub keep: bool,
}

/// Shows the way from a pairing offer to an agent's answer.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let dir = TempDir::with_prefix("paseo-demo-")
        .map_err(|e| failed("no temporary directory").because(e))?;
    let world = World::start(dir.path())?;
    let stage = Stage {
        dir: dir.path(),
        world: &world,
        color: context.output.color,
    };
    output::note("A relay and a daemon run in this process. Everything below is a real command.\n");

    stage.say("On the daemon's machine: make an offer, readable only by you.");
    stage.paseo(&["daemon", "pair", "--save", "offer.json"])?;
    stage.say("On yours: import it under a name. (--store file, because a throw-away home has no keyring.)");
    stage.paseo(&["remote", "add", "work", "offer.json", "--store", "file"])?;
    stage.say("From now on its name is enough.");
    let cwd = dir.path().display().to_string();
    stage.paseo(&[
        "-r",
        "work",
        "run",
        "--provider",
        "echo",
        "--cwd",
        &cwd,
        "--title",
        "First agent",
        "hello from far away",
    ])?;
    stage.paseo(&["-r", "work", "ls"])?;
    let agents = stage.capture(&["-r", "work", "ls", "-q"])?;
    let agent = agents
        .lines()
        .next()
        .ok_or_else(|| failed("the daemon lists no agent"))?;
    stage.paseo(&["-r", "work", "logs", agent])?;
    stage.say("What is on disk of it grants nothing: the keys are elsewhere.");
    stage.show("remotes.toml", &dir.path().join("config/remotes.toml"))?;

    if args.keep {
        stage.wait()?;
    }
    Ok(Outcome::default())
}

fn failed(message: impl Into<String>) -> CommandError {
    CommandError::new("DEMO_FAILED", Exit::Failed, message)
}

/// The relay and the daemon, on a thread of their own. They stop when this is dropped.
struct World {
    relay: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl World {
    fn start(dir: &Path) -> Result<Self, CommandError> {
        let (started, wait) = mpsc::sync_channel(1);
        let (stop, stopped) = oneshot::channel();
        let home = dir.join("daemon");
        let thread = thread::spawn(move || {
            let result = super::runtime::run_async(async {
                let (relay, daemon) = open(home).await?;
                let _ = started.send(Ok(relay.local_addr()));
                let (relay_stop, relay_stopped) = oneshot::channel::<()>();
                let daemon = async {
                    daemon.run(async { drop(stopped.await) }).await;
                    drop(relay_stop);
                };
                tokio::join!(relay.run(async { drop(relay_stopped.await) }), daemon);
                Ok(())
            });
            if let Err(error) = result {
                let _ = started.send(Err(error));
            }
        });
        let relay = wait
            .recv()
            .map_err(|_| CommandError::internal("relay and daemon did not start"))??;
        Ok(Self {
            relay,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for World {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It cannot have panicked and left something behind: the directory goes next.
            let _ = thread.join();
        }
    }
}

async fn open(home: PathBuf) -> Result<(relay::Server, Daemon), CommandError> {
    let config = relay::Config {
        listen: ([127, 0, 0, 1], 0).into(),
        ..relay::Config::default()
    };
    let relay = relay::Server::bind(config)?;
    let port = relay.local_addr().port();
    let endpoint =
        Endpoint::new("127.0.0.1", port).map_err(|e| failed("the relay has no port").because(e))?;
    let config = daemon::Config {
        home: Home::new(home),
        server_id: None,
        listen: Some(Listen::Tcp(([127, 0, 0, 1], 0).into())),
        relay: Some(RelayConfig {
            enabled: true,
            endpoint: endpoint.clone(),
            use_tls: false,
            public_endpoint: endpoint,
            public_use_tls: false,
            require_password: false,
            token: None,
        }),
        ca_file: None,
        app_url: "https://app.paseo.sh".to_owned(),
        password: None,
        names: Names::default(),
        agents: Vec::new(),
        guard: Vec::new(),
        user_home: None,
        shell: "/bin/sh".into(),
        reread: None,
    };
    Ok((relay, Daemon::start(config).await?))
}

/// Where commands are shown and run.
struct Stage<'a> {
    dir: &'a Path,
    world: &'a World,
    color: bool,
}

impl Stage<'_> {
    fn say(&self, text: &str) {
        let dim = Style::new().dimmed();
        output::write_stderr(&format!(
            "{}\n",
            output::styled(&format!("# {text}"), dim, self.color)
        ));
    }

    /// Shows a command line and runs it; what it prints is shown too.
    fn paseo(&self, args: &[&str]) -> Result<(), CommandError> {
        self.show_line(&format!("paseo {}", line(args)));
        let status = self.child(args).status().map_err(|e| cannot_run(args, e))?;
        output::write_stderr("\n");
        succeeded(args, status)
    }

    /// Runs a command without showing it, and returns what it prints.
    fn capture(&self, args: &[&str]) -> Result<String, CommandError> {
        let output = self
            .child(args)
            .stderr(Stdio::inherit())
            .output()
            .map_err(|e| cannot_run(args, e))?;
        succeeded(args, output.status)?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn show(&self, name: &str, path: &Path) -> Result<(), CommandError> {
        self.show_line(&format!("cat ~/.config/paseo/{name}"));
        let text = files::read_given_text(path, MAX_SHOWN_BYTES)
            .map_err(|e| failed(format!("no {name}")).because(e))?;
        output::write_stdout(&text).map_err(|e| failed("stdout cannot be written").because(e))
    }

    fn show_line(&self, text: &str) {
        let bold = Style::new().bold();
        output::write_stderr(&format!(
            "{}\n",
            output::styled(&format!("$ {text}"), bold, self.color)
        ));
    }

    fn child(&self, args: &[&str]) -> Command {
        let program = std::env::current_exe().unwrap_or_else(|_| "paseo".into());
        let mut command = subprocess::command(program);
        command
            .args(args)
            .current_dir(self.dir)
            .stdin(Stdio::null())
            .env_clear()
            .envs(self.variables());
        command
    }

    /// The whole environment of a child: nothing of this user's is read or written.
    fn variables(&self) -> [(&'static str, PathBuf); 7] {
        [
            (env::HOME, self.dir.join("me")),
            (env::PASEO_HOME, self.dir.join("daemon")),
            (env::PASEO_CONFIG_DIR, self.dir.join("config")),
            (env::XDG_STATE_HOME, self.dir.join("state")),
            (env::PASEO_RELAY_ENABLED, "1".into()),
            (
                env::PASEO_RELAY_ENDPOINT,
                self.world.relay.to_string().into(),
            ),
            (env::PASEO_RELAY_USE_TLS, "0".into()),
        ]
    }

    /// Says how to go on, and waits for the end.
    fn wait(&self) -> Result<(), CommandError> {
        let variables = self
            .variables()
            .map(|(name, value)| format!("{name}='{}'", value.display()));
        self.say("Everything stays up until Ctrl-C. In another terminal:");
        output::write_stderr(&format!(
            "export {}\npaseo -r work ls\n",
            variables.join(" ")
        ));
        super::runtime::run_async(async {
            super::signals::ctrl_c()
                .await
                .map_err(|e| failed("signals cannot be received").because(e))
        })
    }
}

fn cannot_run(args: &[&str], error: io::Error) -> CommandError {
    failed(format!("`paseo {}` cannot be run", line(args))).because(error)
}

fn succeeded(args: &[&str], status: ExitStatus) -> Result<(), CommandError> {
    if status.success() {
        Ok(())
    } else {
        Err(failed(format!(
            "`paseo {}` ended with {status}",
            line(args)
        )))
    }
}

/// Writes a command line as one would type it.
fn line(args: &[&str]) -> String {
    let quoted = |arg: &&str| match arg.contains(' ') {
        true => format!("'{arg}'"),
        false => (*arg).to_owned(),
    };
    args.iter().map(quoted).collect::<Vec<_>>().join(" ")
}
