//! A connection through the system's ssh: `ssh -W host:port destination`, its pipes as a byte stream.
//!
//! ssh proves who the machine is and encrypts; its own settings (`~/.ssh/config`, agents, jump hosts) apply.

use std::fmt;
use std::pin::Pin;
use std::process::Stdio;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, Join, ReadBuf};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use crate::protocol::relay::Endpoint;
use crate::subprocess;

/// Where an official daemon listens on its own machine.
const DAEMON: &str = "127.0.0.1:6767";
/// How much of what ssh says is looked at, in bytes.
const MAX_SAID: u64 = 4 * 1024;

/// Where ssh goes: `[user@]host[:port]`, where `host` may be an alias of `~/.ssh/config`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshHost {
    destination: String,
    port: Option<u16>,
}

/// Not a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a destination of ssh is [user@]host[:port]")]
pub struct SshHostError;

impl FromStr for SshHost {
    type Err = SshHostError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (destination, port) = match text.split_once(':') {
            Some((destination, port)) => {
                let port = port.parse().ok().filter(|port| *port > 0);
                (destination, Some(port.ok_or(SshHostError)?))
            }
            None => (text, None),
        };
        let word = |text: &str| {
            // One that begins with a hyphen would be an option.
            !text.is_empty()
                && !text.starts_with('-')
                && text
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        let valid = match destination.split_once('@') {
            Some((user, host)) => word(user) && word(host),
            None => word(destination),
        };
        match valid && destination.len() <= 255 {
            true => Ok(Self {
                destination: destination.to_owned(),
                port,
            }),
            false => Err(SshHostError),
        }
    }
}

impl fmt::Display for SshHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.destination),
            None => f.write_str(&self.destination),
        }
    }
}

/// A running ssh. It ends when this is dropped.
pub(super) struct SshStream {
    io: Join<ChildStdout, ChildStdin>,
    _child: Child,
}

/// What ssh has said so far.
#[derive(Clone, Default)]
pub(super) struct Said(Arc<Mutex<Vec<u8>>>);

/// Starts ssh. It says nothing when it is connected: the other end has to answer.
pub(super) fn start(
    host: &SshHost,
    timeout: Duration,
    may_prompt: bool,
) -> std::io::Result<(SshStream, Said)> {
    let mut command = subprocess::command("ssh");
    let seconds = timeout.as_secs().max(1);
    command
        .args(["-T", "-o", &format!("ConnectTimeout={seconds}")])
        .args(["-W", DAEMON]);
    if !may_prompt {
        command.args(["-o", "BatchMode=yes"]);
    }
    if let Some(port) = host.port {
        command.args(["-p", &port.to_string()]);
    }
    command.arg("--").arg(&host.destination);
    let mut command = Command::from(command);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let lost = || std::io::Error::from(std::io::ErrorKind::BrokenPipe);
    let stdin = child.stdin.take().ok_or_else(lost)?;
    let stdout = child.stdout.take().ok_or_else(lost)?;
    let said = Said::default();
    if let Some(stderr) = child.stderr.take() {
        tokio::spawn(said.clone().listen(stderr));
    }
    let io = tokio::io::join(stdout, stdin);
    Ok((SshStream { io, _child: child }, said))
}

/// The name that the daemon is asked under.
pub(super) fn daemon() -> Endpoint {
    DAEMON.parse().expect("a fixed name and port")
}

impl Said {
    /// Keeps the beginning, and reads the rest away, so that ssh never waits.
    async fn listen(self, stderr: ChildStderr) {
        let mut kept = Vec::new();
        let mut beginning = stderr.take(MAX_SAID);
        while let Ok(1..) = beginning.read_buf(&mut kept).await {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = kept.clone();
        }
        let _ = tokio::io::copy(&mut beginning.into_inner(), &mut tokio::io::sink()).await;
    }

    /// Returns the last line.
    pub(super) fn last_line(&self) -> Option<String> {
        let said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&said);
        let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
        Some(line.trim().to_owned())
    }
}

impl AsyncRead for SshStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for SshStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations() {
        for text in ["tower", "me@tower", "me@tower.example:2222", "my_host-1"] {
            assert_eq!(text.parse::<SshHost>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "-oProxyCommand=x",
            "me@-x",
            "@x",
            "x@",
            "a b",
            "x:0",
            "x:y",
            "x;id",
            "a@b@c",
            "$(id)",
        ] {
            assert_eq!(text.parse::<SshHost>(), Err(SshHostError), "{text}");
        }
    }
}
