//! Agents that are commands: the prompt goes in on standard input, or in place of `{prompt}` in the
//! arguments; what comes out on standard output is the answer; the exit status is the outcome.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command as Process;
use tokio::time::{Instant, timeout_at};

use super::{Description, Feed, Outcome, Prompt, Provider, Session, SessionSpec, Stopped};
use crate::daemon::processes::{Processes, Running};
use crate::protocol::providers::Model;
use crate::subprocess;

/// What stands for the prompt in an argument.
const PLACEHOLDER: &str = "{prompt}";
/// Bytes of output of one turn; more ends it.
const MAX_OUTPUT_BYTES: usize = 16 * 1024 * 1024;
/// Bytes of standard error that are kept, the last ones, to explain a failure.
const MAX_STDERR_BYTES: usize = 4 * 1024;
/// Bytes of one piece of the answer.
const PIECE_BYTES: usize = 16 * 1024;
/// How long a piece may gather more output before it is shown.
const GATHER: Duration = Duration::from_millis(30);

/// An agent that is a command.
#[derive(Debug)]
pub(in crate::daemon) struct Command {
    description: Arc<Description>,
    argv: Arc<[String]>,
    processes: Arc<Processes>,
}

impl Command {
    /// Makes a provider `name` out of a program and its arguments.
    pub(in crate::daemon) fn new(name: &str, argv: Vec<String>, processes: Arc<Processes>) -> Self {
        let program = argv.first().cloned().unwrap_or_default();
        Self {
            description: Arc::new(Description {
                id: name.to_owned(),
                label: name.to_owned(),
                description: format!("Runs {program} for each prompt"),
                models: vec![Model {
                    provider: name.to_owned(),
                    id: "default".to_owned(),
                    label: "Default".to_owned(),
                    is_default: Some(true),
                    ..Model::default()
                }],
                diagnostic: format!("{name} (command)\n  Program: {program}"),
                ..Description::default()
            }),
            argv: argv.into(),
            processes,
        }
    }
}

impl Provider for Command {
    fn describe(&self) -> Arc<Description> {
        let program = self.argv.first().map_or("", String::as_str);
        if subprocess::is_there(program) {
            return Arc::clone(&self.description);
        }
        // Looked for each time: it may have been installed meanwhile.
        let place = match program.contains('/') {
            true => "",
            false => " on the daemon's PATH",
        };
        let error = Some(format!("there is no program `{program}`{place}"));
        Arc::new(Description {
            error,
            missing: true,
            ..Description::clone(&self.description)
        })
    }

    fn session(&self, spec: SessionSpec) -> Box<dyn Session> {
        Box::new(CommandSession {
            argv: Arc::clone(&self.argv),
            processes: Arc::clone(&self.processes),
            spec,
        })
    }
}

struct CommandSession {
    argv: Arc<[String]>,
    processes: Arc<Processes>,
    spec: SessionSpec,
}

impl Session for CommandSession {
    fn turn<'a>(&'a mut self, prompt: Prompt, feed: Feed) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let mut child = match self.start(&prompt.text) {
                Ok(child) => child,
                Err(error) => {
                    let program = self.argv.first().map_or("", String::as_str);
                    return failed(format!("cannot start {program}: {error}"), None);
                }
            };
            let ended = tokio::select! {
                ended = drive(&mut child, &prompt.text, self.takes_stdin(), &feed) => ended,
                () = feed.stopped() => Err(Ended::Stopped),
            };
            match ended {
                Ok(outcome) => outcome,
                Err(Ended::Stopped) => {
                    // Lost or ended, it is gone.
                    let _ = child.end().await;
                    Outcome::Canceled
                }
                Err(Ended::TooMuch) => {
                    // Lost or ended, it is gone.
                    let _ = child.end().await;
                    failed(
                        format!("the command wrote more than {MAX_OUTPUT_BYTES} bytes"),
                        Some("output_limit".to_owned()),
                    )
                }
                Err(Ended::Lost(error)) => failed(format!("the command was lost: {error}"), None),
            }
        })
    }
}

impl CommandSession {
    fn takes_stdin(&self) -> bool {
        !self.argv.iter().any(|arg| arg.contains(PLACEHOLDER))
    }

    fn start(&self, prompt: &str) -> std::io::Result<Running> {
        let mut argv = self.argv.iter().map(|arg| arg.replace(PLACEHOLDER, prompt));
        let program = argv.next().unwrap_or_default();
        let mut process = Process::from(subprocess::command(program));
        process
            .args(argv)
            .current_dir(&self.spec.cwd)
            .envs(&self.spec.env)
            .env("PASEO_AGENT_ID", &self.spec.agent_id)
            .stdin(if self.takes_stdin() {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        self.processes.spawn(process)
    }
}

/// Why a command did not run to its end.
enum Ended {
    Stopped,
    TooMuch,
    Lost(std::io::Error),
}

impl From<Stopped> for Ended {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

fn failed(error: String, code: Option<String>) -> Outcome {
    Outcome::Failed { error, code }
}

async fn drive(
    child: &mut Running,
    prompt: &str,
    takes_stdin: bool,
    feed: &Feed,
) -> Result<Outcome, Ended> {
    let stdin = child.stdin().filter(|_| takes_stdin);
    let stdout = child.stdout();
    let stderr = child.stderr();
    let write = async {
        if let Some(mut stdin) = stdin {
            // A command need not read its prompt.
            let _ = stdin.write_all(prompt.as_bytes()).await;
        }
    };
    let ((), said, complaint) = tokio::join!(write, answer(stdout, feed), tail(stderr));
    said?;
    let status = child.wait().await.map_err(Ended::Lost)?;
    if status.success() {
        return Ok(Outcome::Completed { usage: None });
    }
    let complaint = complaint.trim();
    let mut error = format!("the command ended with {status}");
    if !complaint.is_empty() {
        error = format!("{error}: {complaint}");
    }
    Ok(failed(error, status.code().map(|code| code.to_string())))
}

/// Passes standard output on, piece by piece, never cutting a character.
async fn answer(output: Option<impl AsyncRead + Unpin>, feed: &Feed) -> Result<(), Ended> {
    let Some(mut output) = output else {
        return Ok(());
    };
    let message = uuid::Uuid::new_v4().to_string();
    let mut total = 0;
    let mut held: Vec<u8> = Vec::with_capacity(PIECE_BYTES);
    let mut open = true;
    // What comes after a pause is shown at once; what follows it closely gathers until then.
    let mut gathers_until = Instant::now();
    while open {
        let mut waits = None;
        while open && held.len() < PIECE_BYTES {
            let read = output.read_buf(&mut held);
            let read = match waits {
                None => read.await,
                Some(deadline) => match timeout_at(deadline, read).await {
                    Ok(read) => read,
                    Err(_) => break,
                },
            }
            .map_err(Ended::Lost)?;
            total += read;
            if total > MAX_OUTPUT_BYTES {
                return Err(Ended::TooMuch);
            }
            open = read > 0;
            if gathers_until <= Instant::now() {
                break;
            }
            waits = Some(gathers_until);
        }
        gathers_until = Instant::now() + GATHER;
        let text = whole_characters(&mut held, !open);
        if !text.is_empty() {
            feed.say(&text, &message).await?;
        }
    }
    Ok(())
}

/// Takes the text in front; the beginning of a character at the end stays, unless it is the end.
fn whole_characters(held: &mut Vec<u8>, at_end: bool) -> String {
    let cut = match std::str::from_utf8(held) {
        Err(error) if !at_end && error.error_len().is_none() => error.valid_up_to(),
        _ => held.len(),
    };
    let rest = held.split_off(cut);
    let taken = std::mem::replace(held, rest);
    String::from_utf8_lossy(&taken).into_owned()
}

/// Reads to the end and returns the last bytes.
async fn tail(output: Option<impl AsyncRead + Unpin>) -> String {
    let mut kept = Vec::new();
    if let Some(mut output) = output {
        while let Ok(read) = output.read_buf(&mut kept).await
            && read > 0
        {
            let excess = kept.len().saturating_sub(MAX_STDERR_BYTES);
            kept.drain(..excess);
        }
    }
    String::from_utf8_lossy(&kept).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_character_is_cut(text in "\\PC{0,40}", step in 1usize..5) {
            let mut held = Vec::new();
            let mut said = String::new();
            for bytes in text.as_bytes().chunks(step) {
                held.extend_from_slice(bytes);
                said.push_str(&whole_characters(&mut held, false));
                prop_assert!(held.len() < 4);
            }
            said.push_str(&whole_characters(&mut held, true));
            prop_assert_eq!(said, text);
        }
    }
}
