//! A program that is run for its answer: no shell, a deadline, a limit on what is read.

use std::io::{self, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::Secret;

/// How often a program that has closed its output is asked whether it has ended.
const POLL: Duration = Duration::from_millis(5);

/// What a program gave.
pub(super) struct Answer {
    pub(super) status: ExitStatus,
    pub(super) output: Secret<Vec<u8>>,
}

/// Why it gave nothing.
#[derive(Debug)]
pub(super) enum RunError {
    /// It cannot be run.
    Io(io::Error),
    /// It took too long, and was killed.
    TimedOut,
    /// It said more than an item can be.
    TooLong,
}

/// Runs a command with bytes on stdin, and returns what it writes to stdout, at most `limit` bytes. Its stderr
/// is the terminal's, so that it can ask there, and nobody's otherwise.
pub(super) fn run(
    command: &mut Command,
    input: &Secret<Vec<u8>>,
    limit: usize,
    patience: Duration,
) -> Result<Answer, RunError> {
    let deadline = Instant::now() + patience;
    let stderr = match io::IsTerminal::is_terminal(&io::stderr()) {
        true => Stdio::inherit(),
        false => Stdio::null(),
    };
    let child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .map_err(RunError::Io)?;
    let mut child = Running(child);
    let (stdin, stdout) = (child.0.stdin.take(), child.0.stdout.take());
    let (input, (sender, output)) = (input.clone(), mpsc::sync_channel(1));
    // Threads, because a program may write before it has read, or keep a pipe open for ever. They are left
    // behind at the deadline.
    let _ = thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(input.expose())));
    let _ = thread::spawn(move || {
        let mut read = zeroize::Zeroizing::new(Vec::with_capacity(limit + 1));
        let result = match stdout {
            Some(stdout) => stdout.take(limit as u64 + 1).read_to_end(&mut read),
            None => Ok(0),
        };
        let _ = sender.send(result.map(|_| Secret::new(std::mem::take(&mut *read))));
    });
    let left = deadline.saturating_duration_since(Instant::now());
    let output = output.recv_timeout(left).map_err(|_| RunError::TimedOut)?;
    let output = output.map_err(RunError::Io)?;
    if output.expose().len() > limit {
        return Err(RunError::TooLong);
    }
    Ok(Answer {
        status: child.end(deadline)?,
        output,
    })
}

/// A program that is killed when nobody waits for it any more.
struct Running(Child);

impl Running {
    fn end(&mut self, deadline: Instant) -> Result<ExitStatus, RunError> {
        loop {
            match self.0.try_wait().map_err(RunError::Io)? {
                Some(status) => return Ok(status),
                None if Instant::now() >= deadline => return Err(RunError::TimedOut),
                None => thread::sleep(POLL),
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.0.try_wait() {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}
