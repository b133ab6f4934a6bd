//! `paseo keystore hold`: the process that holds the key of an unlocked vault. It ends when its time is over, when it is
//! told to, and when its socket is gone. The key is in one locked page, and goes from there to commands of its user.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::key_process::{KEY, KeyProcess, TIME};
use crate::client::since_boot;
use crate::commands::holder::{self, Holder, LOOK_EVERY};
use crate::commands::runtime::run_async;
use crate::commands::stop_signal::stop_signal;
use crate::commands::{CommandResult, Context};
use crate::duration;
use crate::error::{CommandError, Exit};
use crate::listen::UnixSocket;
use crate::output::Output;
use crate::secret::LockedKey;

/// How long a command may take for its question.
const QUESTION_LIMIT: Duration = Duration::from_secs(1);
/// Most questions at once.
const AT_ONCE: usize = 32;
/// Pause when the system has no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Arguments of `paseo keystore hold`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How long
    #[arg(long = "for", value_name = "DURATION", value_parser = duration::parse_positive)]
    pub time: Duration,
}

/// Holds the key that comes on stdin.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    // Its time goes on while the machine sleeps.
    let end = since_boot() + args.time;
    // It outlives the terminal.
    let _ = rustix::process::setsid();
    let process = KeyProcess::new(&context.env);
    let socket = process.socket()?;
    holder::prepare_dir(socket)?;
    let key = LockedKey::filled(read).map_err(|error| {
        let message = "no key comes on stdin";
        CommandError::new("NO_KEY", Exit::Usage, message)
            .because(error)
            .hint("commands start this by themselves: paseo keystore unlock")
    })?;
    let key = Arc::new(key);
    if let Some(before) = Holder::at(socket) {
        before.stop();
    }
    run_async(async {
        let stop = stop_signal()?;
        let listener = UnixSocket::open(socket).map_err(|error| {
            let message = "no socket for the key of the vault can be opened";
            CommandError::new("LISTEN_FAILED", Exit::Failed, message).because(error)
        })?;
        tokio::select! {
            () = serve(&listener, &key, end) => {}
            () = over(end) => {}
            () = holder::replaced(Path::new(socket)) => {}
            () = stop => {}
        }
        Ok(Output::Nothing.into())
    })
}

/// Fills the place from stdin, without a buffer in between.
fn read(mut place: &mut [u8]) -> io::Result<()> {
    let stdin = rustix::stdio::stdin();
    if rustix::termios::isatty(stdin) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    while !place.is_empty() {
        match rustix::io::read(stdin, &mut *place)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => place = &mut place[count..],
        }
    }
    Ok(())
}

/// Answers commands of this user for ever. The tasks, and with them the last uses of the key, end with it.
async fn serve(listener: &UnixSocket, key: &Arc<LockedKey>, end: Duration) {
    let mut answering = JoinSet::new();
    loop {
        while answering.try_join_next().is_some() {}
        if answering.len() >= AT_ONCE {
            answering.join_next().await;
        }
        match listener.accept_own().await {
            Ok(stream) => {
                let answer = answer(stream, Arc::clone(key), end);
                answering.spawn(timeout(QUESTION_LIMIT, answer));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Answers one question; what is none gets nothing.
async fn answer(mut stream: UnixStream, key: Arc<LockedKey>, end: Duration) -> io::Result<()> {
    let left = || end.saturating_sub(since_boot());
    match stream.read_u8().await? {
        KEY if !left().is_zero() => stream.write_all(key.expose()).await,
        TIME => {
            let left = u64::try_from(left().as_millis()).unwrap_or(u64::MAX);
            stream.write_all(&left.to_le_bytes()).await
        }
        _ => Ok(()),
    }
}

/// Returns when the time is over.
async fn over(end: Duration) {
    loop {
        let left = end.saturating_sub(since_boot());
        if left.is_zero() {
            return;
        }
        sleep(left.min(LOOK_EVERY)).await;
    }
}
