//! The process that holds the key of an unlocked vault, seen from a command: where its socket is, what it is asked, and
//! how it is started and ended.

use std::error::Error;
use std::fmt;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::commands::holder::{self, Holder};
use crate::env::Env;
use crate::error::{CommandError, Exit};
use crate::output;
use crate::remote::RemotesFile;
use crate::secret::{KeyHolder, LockedKey, Secret, VaultStore};
use crate::subprocess;
use crate::transport::check_socket_path;

/// Asks for the key: 32 bytes.
pub(super) const KEY: u8 = b'k';
/// Asks how long it is still held: milliseconds, 64 bits, little-endian.
pub(super) const TIME: u8 = b't';

/// How long an answer may take. A process that is stuck counts as none.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);
/// How long a start may take.
const START_LIMIT: Duration = Duration::from_secs(10);

/// How long a typed passphrase is good for when nothing else is set: about as long as with `sudo` and `gpg-agent`.
pub(super) const USUAL_TIME: Duration = Duration::from_secs(15 * 60);

/// Ending of the socket's name.
const SOCKET: &str = "vault";

/// The process for the vault of this environment.
pub(in crate::commands) struct KeyProcess {
    data_dir: Option<PathBuf>,
    runtime_dir: Option<PathBuf>,
    config_dir: Option<PathBuf>,
    /// `None` where no directory for it is known.
    socket: OnceLock<Option<PathBuf>>,
}

impl fmt::Debug for KeyProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyProcess").finish_non_exhaustive()
    }
}

impl KeyProcess {
    /// Touches nothing.
    pub(in crate::commands) fn new(env: &Env) -> Self {
        Self {
            data_dir: env.data_dir(),
            runtime_dir: env.runtime_dir(),
            config_dir: env.config_dir(),
            socket: OnceLock::new(),
        }
    }

    /// Returns where it listens: each vault has a process of its own.
    fn known_socket(&self) -> Option<&PathBuf> {
        let named = || {
            let data_dir = self.data_dir.clone()?;
            let data_dir = data_dir.canonicalize().unwrap_or(data_dir);
            let vault = format!("vault {}", data_dir.join(VaultStore::FILE).display());
            Some(holder::socket_in(
                self.runtime_dir.as_ref()?,
                &vault,
                SOCKET,
            ))
        };
        self.socket.get_or_init(named).as_ref()
    }

    /// The same, for whoever needs it.
    pub(super) fn socket(&self) -> Result<&PathBuf, CommandError> {
        self.known_socket().ok_or_else(|| {
            let message = "no directory for sockets is known";
            let error = CommandError::new("DIRECTORY_MISSING", Exit::Config, message);
            error.hint("set HOME or XDG_RUNTIME_DIR")
        })
    }

    /// Returns how long a typed passphrase is good for; zero is not at all.
    pub(super) fn time(&self) -> Duration {
        let file = RemotesFile::load(self.config_dir.as_deref()).ok();
        let set = file.and_then(|file| file.vault_keep());
        set.unwrap_or(USUAL_TIME)
    }

    /// Finds it.
    pub(super) fn find(&self) -> Option<Holder> {
        let socket = self.known_socket()?;
        // In any other directory somebody else may listen.
        if !holder::is_private(socket.parent()?) {
            return None;
        }
        Holder::at(socket)
    }

    /// Returns how long the key is still held; `None` when none is.
    pub(super) fn time_left(&self) -> Option<Duration> {
        let mut answer = [0; 8];
        ask(self.find()?, TIME, &mut answer).ok()?;
        Some(Duration::from_millis(u64::from_le_bytes(answer)))
    }

    /// Finds out whether a key could be held.
    pub(super) fn check(&self) -> Result<(), CommandError> {
        let socket = self.socket()?;
        holder::prepare_dir(socket)?;
        check_socket_path(socket).map_err(|error| {
            not_held(error).hint("set XDG_RUNTIME_DIR to a directory with a shorter path")
        })?;
        // That it is not swapped is a promise.
        LockedKey::filled(|_| Ok(()))
            .map(drop)
            .map_err(|error| not_held(error).hint("allow this user to lock memory: ulimit -l 64"))
    }

    /// Holds a key for so long, in place of the one that is held.
    pub(super) fn start(&self, key: &Secret<[u8; 32]>, time: Duration) -> Result<(), CommandError> {
        self.check()?;
        let mut process = spawn(time).map_err(not_held)?;
        // Through a pipe: other programs can see arguments and variables.
        if let Some(mut stdin) = process.stdin.take() {
            stdin.write_all(key.expose()).map_err(not_held)?;
        }
        self.wait_for(&mut process)
    }

    /// Waits until the process holds the key: the next command shall not ask again.
    fn wait_for(&self, process: &mut Child) -> Result<(), CommandError> {
        let end = Instant::now() + START_LIMIT;
        while Instant::now() < end {
            let found = self.find().map(|found| found.pid.as_raw_nonzero().get());
            if found.is_some_and(|pid| u32::try_from(pid) == Ok(process.id())) {
                return Ok(());
            }
            if let Some(status) = process.try_wait().map_err(not_held)? {
                return Err(not_held(format!("its process ended with {status}")));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = process.kill();
        Err(not_held("its process does not answer"))
    }
}

impl KeyHolder for KeyProcess {
    fn held(&self) -> Option<Secret<[u8; 32]>> {
        let found = self.find()?;
        let mut asked = Ok(());
        let key = Secret::filled(|key| asked = ask(found, KEY, key));
        match asked {
            Ok(()) => Some(key),
            Err(error) => {
                tracing::info!(%error, "no key of the vault");
                None
            }
        }
    }

    fn hold(&self, key: &Secret<[u8; 32]>) {
        let time = self.time();
        if time.is_zero() {
            return;
        }
        match self.start(key, time) {
            Ok(()) => output::note(&format!(
                "the vault stays unlocked for {}; to lock it: paseo keystore lock",
                humantime::format_duration(time)
            )),
            Err(error) => tracing::info!(?error, "the vault does not stay unlocked"),
        }
    }

    fn replace(&self, key: &Secret<[u8; 32]>) -> bool {
        let Some(left) = self.time_left().filter(|left| !left.is_zero()) else {
            return false;
        };
        if let Err(error) = self.start(key, left) {
            tracing::info!(?error, "the vault does not stay unlocked");
        }
        true
    }
}

/// Asks one thing.
fn ask(holder: Holder, what: u8, answer: &mut [u8]) -> io::Result<()> {
    let mut stream = holder.stream;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    stream.set_write_timeout(Some(ANSWER_LIMIT))?;
    stream.write_all(&[what])?;
    stream.read_exact(answer)
}

/// Starts the process. It gets no secret but the key.
fn spawn(time: Duration) -> io::Result<Child> {
    let mut command = subprocess::ours_without_secrets()?;
    command
        .args(["--batch", "keystore", "hold"])
        .arg(format!("--for={}ms", time.as_millis()))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // It must not keep a file system busy.
    command.current_dir("/").spawn()
}

fn not_held(cause: impl Into<Box<dyn Error + Send + Sync>>) -> CommandError {
    let message = "the vault cannot be kept unlocked";
    CommandError::new("VAULT_NOT_HELD", Exit::Failed, message).because(cause)
}
