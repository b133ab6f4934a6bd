//! An address on this machine where clients connect directly, over TCP or a Unix socket, with or without a password.
//! What their WebSockets are connected to is the [`Service`]'s: the built-in daemon, or a remote one
//! ([`crate::forward`]).

mod address;
mod gate;
mod guesses;
mod http;
mod lobby;
mod names;
mod password;
#[cfg(unix)]
mod unix;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;

pub use address::{ListenError, socket_addr};
pub use gate::{Access, Credential, Guest, Refused, RelayGate, reject};
pub use names::Names;
pub use password::Password;
#[cfg(unix)]
pub use unix::{UnixSocket, inode};

use self::gate::{Gate, Visitor};
use self::lobby::{Lobby, Peer};
use crate::secret::Secret;
use crate::transport::Transport;
use crate::transport::budget::Budget;
use crate::transport::peer::{Owner, Unknown};

/// What stands behind a listener.
pub trait Service: Send + Sync + 'static {
    /// Returns what `GET /api/status` tells those who may come in; `None` for nothing.
    fn status(&self) -> Option<Value>;

    /// Returns what all its connections together may hold.
    fn budget(&self) -> Budget;

    /// Runs a task for a connection, for as long as the service lives.
    fn spawn(&self, task: BoxFuture<'static, ()>);

    /// Serves the WebSocket of a client until either side ends. It must let the guest in ([`Guest::admit`]) before it
    /// does anything for the client; until then the guest may be sent away at any time.
    fn serve(&self, transport: Transport, guest: Guest) -> BoxFuture<'static, ()>;
}

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// TCP; port 0 is any.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

impl Listen {
    /// Returns whether only programs of this machine can connect.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(addr) => addr.ip().to_canonical().is_loopback(),
            Self::Unix(_) => true,
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(addr) => addr.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// An open listener. Displays as the address or path that clients use.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    at: Listen,
    /// Whose connections to a Unix socket are taken; `None`: everybody's who may open it.
    owner: Option<u32>,
    /// Admits like the password.
    local: Option<Secret<String>>,
    /// Without a password, whether to let in those whose user the system cannot tell.
    trusts_unknown: bool,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixSocket),
}

impl Listener {
    /// Opens it. The file of a Unix socket is for its owner only, and replaces one that nobody listens on.
    pub async fn open(listen: &Listen) -> io::Result<Self> {
        match listen {
            Listen::Tcp(addr) => {
                let listener = TcpListener::bind(addr).await?;
                let at = Listen::Tcp(listener.local_addr()?);
                Ok(Self::new(Socket::Tcp(listener), at))
            }
            #[cfg(unix)]
            Listen::Unix(path) => {
                let socket = Socket::Unix(UnixSocket::open(path)?);
                Ok(Self::new(socket, listen.clone()))
            }
            #[cfg(not(unix))]
            Listen::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    fn new(socket: Socket, at: Listen) -> Self {
        Self {
            socket,
            at,
            owner: None,
            local: None,
            trusts_unknown: false,
        }
    }

    /// Lets those in who show this, too: it lies in a file that only the same user can read.
    #[must_use]
    pub fn with_local_credential(mut self, token: Secret<String>) -> Self {
        self.local = Some(token);
        self
    }

    /// Without a password, lets every program of this machine in on systems that do not tell whose it is.
    #[must_use]
    pub fn open_where_users_are_not_told(mut self) -> Self {
        self.trusts_unknown = true;
        self
    }

    /// From now on refuses the connections of other users, root's too, to a Unix socket.
    #[cfg(unix)]
    #[must_use]
    pub fn for_its_owner(mut self) -> Self {
        self.owner = Some(rustix::process::geteuid().as_raw());
        self
    }

    /// Where it listens over TCP.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match &self.at {
            Listen::Tcp(addr) => Some(*addr),
            Listen::Unix(_) => None,
        }
    }

    /// Accepts connections for ever. What is asked of clients may change meanwhile, for those who come after.
    pub async fn run(self, service: Arc<dyn Service>, access: watch::Receiver<Access>) {
        http::run(self, service, access).await;
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.at.fmt(f)
    }
}

/// Serves the one connection that a byte stream is, such as standard input and output.
pub async fn serve_stream<S>(stream: S, service: Arc<dyn Service>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // Whoever has started this process has its streams.
    let gate = Gate::new(watch::Sender::default().subscribe(), None, true);
    let visitor = Visitor {
        owner: Owner::Unknown(Unknown::NotTold),
        peer: Peer::Unknown,
        place: Arc::new(Lobby::new().enter(Peer::Unknown)),
    };
    http::serve(http::Door::new(service, gate), visitor, stream).await;
}
