//! What `relay serve` can be told: one struct is the flags, the keys of the settings file, and the
//! environment variables. A flag `--held-frames` is the key `held-frames` and the variable
//! `PASEO_RELAY_HELD_FRAMES`; a flag beats a variable, a variable beats the file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytesize::ByteSize;
use clap::{Args, CommandFactory, FromArgMatches, Parser, ValueEnum};

use crate::duration;
use crate::env::{Env, PASEO_RELAY_PREFIX};
use crate::error::{CommandError, Exit};
use crate::listen;
use crate::output::trace::LogFormat;
use crate::protocol::relay::RelayAddress;
use crate::relay::{Claim, ClusterConfig, Config, Limits, Lists, TlsFiles};
use crate::spelling::closest;

/// Largest settings file, in bytes.
const MAX_FILE_BYTES: u64 = 256 * 1024;

/// One layer of settings.
#[derive(Debug, Clone, Default, Args)]
pub struct Settings {
    /// Address and port to listen on; a port alone is on 127.0.0.1, 0 takes a free one [default: 127.0.0.1:8787]
    #[arg(long, value_name = "ADDR:PORT", value_parser = listen::socket_addr)]
    pub listen: Option<SocketAddr>,

    /// Where others reach this relay, for the settings that are printed
    #[arg(long, value_name = "HOST:PORT")]
    pub public_endpoint: Option<RelayAddress>,

    /// Whether others reach it with TLS [default: whether it speaks TLS, or the port is 443]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub public_use_tls: Option<bool>,

    /// Speak TLS with this certificate chain (PEM); read again when it changes
    #[arg(long, value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,

    /// Private key of the certificate (PEM)
    #[arg(long, value_name = "FILE")]
    pub tls_key: Option<PathBuf>,

    /// Take the peer's address from the last entry of X-Forwarded-For: a reverse proxy is in front
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub trust_proxy: Option<bool>,

    /// Which daemon keeps a server id that two want: newest, or first while it answers a ping [default: newest]
    #[arg(long, value_name = "WHO", help_heading = "Access")]
    pub claim: Option<ClaimBy>,

    /// Serve only the server ids in this file: one per line, or sha256: and its hash in hex
    #[arg(long, value_name = "FILE", help_heading = "Access")]
    pub allow_servers: Option<PathBuf>,

    /// Ask every socket for one of the tokens in this file, one per line
    #[arg(long, value_name = "FILE", help_heading = "Access")]
    pub token_file: Option<PathBuf>,

    /// How the log is written: text, or json with one object per line [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<LogAs>,

    /// NATS servers of the relay's other nodes: nats://host:port, tls://host:port, with commas between them
    #[arg(long, value_name = "URLS")]
    pub cluster: Option<Hidden>,

    /// Largest message that passes [default: 32MiB]
    #[arg(long, value_name = "SIZE", help_heading = "Limits")]
    pub message_size: Option<ByteSize>,

    /// What may wait for one socket before its peer has to wait [default: 1MiB]
    #[arg(long, value_name = "SIZE", help_heading = "Limits")]
    pub socket_queue: Option<ByteSize>,

    /// What may wait for a daemon and all its clients together [default: 128MiB]
    #[arg(long, value_name = "SIZE", help_heading = "Limits")]
    pub session_queue: Option<ByteSize>,

    /// What may wait for one address (IPv6: a /64), except loopback; 0 is no limit [default: total / 4]
    #[arg(long, value_name = "SIZE", help_heading = "Limits")]
    pub address_queue: Option<ByteSize>,

    /// What may wait in all queues together [default: 1GiB]
    #[arg(long, value_name = "SIZE", help_heading = "Limits")]
    pub total_queue: Option<ByteSize>,

    /// Frames kept per client for an absent daemon, the newest ones [default: 200]
    #[arg(long, value_name = "COUNT", help_heading = "Limits")]
    pub held_frames: Option<usize>,

    /// What is kept per client for an absent daemon [default: 33MiB]
    #[arg(long, value_name = "SIZE", help_heading = "Limits")]
    pub held_size: Option<ByteSize>,

    /// What is kept for all absent daemons together [default: total / 16]
    #[arg(long, value_name = "SIZE", help_heading = "Limits")]
    pub held_total: Option<ByteSize>,

    /// Sockets in all [default: 100000]
    #[arg(long, value_name = "COUNT", help_heading = "Limits")]
    pub sockets: Option<usize>,

    /// Sockets of a daemon and all its clients [default: 2000]
    #[arg(long, value_name = "COUNT", help_heading = "Limits")]
    pub sockets_per_session: Option<usize>,

    /// Sockets of one address (IPv6: of a /64), loopback excepted; 0 is no limit [default: 4000]
    #[arg(long, value_name = "COUNT", help_heading = "Limits")]
    pub sockets_per_address: Option<usize>,

    /// New sockets per second of one address, loopback excepted; 0 is no limit [default: 500]
    #[arg(long, value_name = "COUNT", help_heading = "Limits")]
    pub rate_per_address: Option<u32>,

    /// Time for a request and its upgrade [default: 10s]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, help_heading = "Limits")]
    pub handshake_timeout: Option<Duration>,

    /// Silence after which a peer is pinged, and after as much again closed [default: 45s]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, help_heading = "Limits")]
    pub ping_after: Option<Duration>,

    /// Time without progress after which a peer that does not read is closed [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, help_heading = "Limits")]
    pub stall_timeout: Option<Duration>,

    /// Time for closing all sockets when the relay stops [default: 20s]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, help_heading = "Limits")]
    pub drain_timeout: Option<Duration>,
}

/// The settings as a command of their own, which reads the layers that are no command line.
#[derive(Debug, Parser)]
#[command(
    no_binary_name = true,
    disable_help_flag = true,
    args_override_self = true
)]
struct Layer {
    #[command(flatten)]
    settings: Settings,
}

impl Settings {
    /// Puts the layers together: the command line, the environment, a file.
    pub fn layered(self, env: &Env, file: Option<&Path>) -> Result<Self, CommandError> {
        let file = match file {
            Some(path) => Self::from_file(path)?,
            None => Self::default(),
        };
        Ok(self.or(Self::from_env(env)?).or(file))
    }

    fn from_env(env: &Env) -> Result<Self, CommandError> {
        let mut words = Vec::new();
        for name in names() {
            let variable = PASEO_RELAY_PREFIX.to_owned() + &name.to_uppercase().replace('-', "_");
            if let Some(value) = env.text(&variable) {
                let value = match env.path(&variable).filter(|_| value.starts_with("~/")) {
                    Some(path) => path.display().to_string(),
                    None => value.to_owned(),
                };
                let word = format!("--{name}={value}");
                parse(std::slice::from_ref(&word)).map_err(|error| {
                    CommandError::usage("INVALID_SETTING", format!("{variable}: {error}"))
                })?;
                words.push(word);
            }
        }
        parse(&words).map_err(|error| CommandError::usage("INVALID_SETTING", error))
    }

    fn from_file(path: &Path) -> Result<Self, CommandError> {
        let shown = path.display();
        let invalid = |why: String| CommandError::new("INVALID_SETTING", Exit::Config, why);
        let bytes = crate::files::read(path, MAX_FILE_BYTES)?
            .ok_or_else(|| invalid(format!("{shown} does not exist")))?;
        let table: toml::Table = toml::from_slice(&bytes)
            .map_err(|error| invalid(format!("{shown} is not valid TOML")).because(error))?;
        let known: Vec<String> = names().collect();
        let mut words = Vec::new();
        for (key, value) in table {
            if !known.contains(&key) {
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                let error = invalid(format!("{shown}: unknown key {key:?}"));
                return Err(match closest(&key, &known) {
                    Some(near) => error.hint(format!("did you mean {near:?}?")),
                    None => error,
                });
            }
            let value = match value {
                toml::Value::String(text) => text,
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::Boolean(switch) => switch.to_string(),
                _ => {
                    return Err(invalid(format!(
                        "{shown}: {key} is no text, number or switch"
                    )));
                }
            };
            let word = format!("--{key}={value}");
            parse(std::slice::from_ref(&word))
                .map_err(|error| invalid(format!("{shown}: {key}: {error}")))?;
            words.push(word);
        }
        parse(&words).map_err(invalid)
    }

    /// Takes from `lower` what is not set here.
    fn or(self, lower: Self) -> Self {
        macro_rules! or {
            ($($field:ident),* $(,)?) => { Self { $($field: self.$field.or(lower.$field)),* } };
        }
        or!(
            listen,
            public_endpoint,
            public_use_tls,
            tls_cert,
            tls_key,
            trust_proxy,
            claim,
            allow_servers,
            token_file,
            log_format,
            cluster,
            message_size,
            socket_queue,
            session_queue,
            address_queue,
            total_queue,
            held_frames,
            held_size,
            held_total,
            sockets,
            sockets_per_session,
            sockets_per_address,
            rate_per_address,
            handshake_timeout,
            ping_after,
            stall_timeout,
            drain_timeout,
        )
    }

    /// Turns the settings into those of the relay. The authorities are trusted beside the platform's.
    pub fn into_config(self, ca_file: Option<PathBuf>) -> Result<Config, CommandError> {
        let default = Config::default();
        let limits = self.limits(default.limits);
        let tls = match (self.tls_cert, self.tls_key) {
            (Some(certificates), Some(key)) => Some(TlsFiles { certificates, key }),
            (None, None) => None,
            _ => {
                let why = "TLS needs both a certificate and its key";
                return Err(CommandError::usage("INVALID_SETTING", why)
                    .hint("give --tls-cert and --tls-key"));
            }
        };
        Ok(Config {
            listen: self.listen.unwrap_or(default.listen),
            limits,
            tls,
            trust_proxy: self.trust_proxy.unwrap_or(default.trust_proxy),
            claim: self.claim.map_or(default.claim, Claim::from),
            lists: Lists {
                servers: self.allow_servers,
                tokens: self.token_file,
            },
            cluster: self.cluster.map(|servers| ClusterConfig {
                servers: servers.0,
                ca_file,
            }),
        })
    }

    fn limits(&self, default: Limits) -> Limits {
        let bytes = |size: Option<ByteSize>, default| {
            let size = size.map(|size| usize::try_from(size.as_u64()).unwrap_or(usize::MAX));
            size.unwrap_or(default)
        };
        let total = bytes(self.total_queue, default.total_bytes);
        Limits {
            message_bytes: bytes(self.message_size, default.message_bytes),
            queue_bytes: bytes(self.socket_queue, default.queue_bytes),
            session_bytes: bytes(self.session_queue, default.session_bytes),
            address_bytes: bytes(self.address_queue, total / 4),
            total_bytes: total,
            held_frames: self.held_frames.unwrap_or(default.held_frames),
            held_bytes: bytes(self.held_size, default.held_bytes),
            held_total_bytes: bytes(self.held_total, total / 16),
            sockets: self.sockets.unwrap_or(default.sockets),
            sockets_per_session: self
                .sockets_per_session
                .unwrap_or(default.sockets_per_session),
            sockets_per_address: self
                .sockets_per_address
                .unwrap_or(default.sockets_per_address),
            rate_per_address: self.rate_per_address.unwrap_or(default.rate_per_address),
            handshake: self.handshake_timeout.unwrap_or(default.handshake),
            ping: self.ping_after.unwrap_or(default.ping),
            stall: self.stall_timeout.unwrap_or(default.stall),
            drain: self.drain_timeout.unwrap_or(default.drain),
            ..default
        }
    }
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogAs {
    /// Lines for people
    Text,
    /// JSON objects
    Json,
}

impl From<LogAs> for LogFormat {
    fn from(format: LogAs) -> Self {
        match format {
            LogAs::Text => Self::Text,
            LogAs::Json => Self::Json,
        }
    }
}

/// A text that may hold a password.
#[derive(Clone)]
pub struct Hidden(String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[hidden]")
    }
}

impl Hidden {
    /// Returns the text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Hidden {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// Which daemon keeps a server id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ClaimBy {
    /// The one that came last, as at the official relay
    Newest,
    /// The one that came first, as long as it answers a ping
    First,
}

impl From<ClaimBy> for Claim {
    fn from(claim: ClaimBy) -> Self {
        match claim {
            ClaimBy::Newest => Self::Newest,
            ClaimBy::First => Self::First,
        }
    }
}

/// Returns the long names of all settings.
pub(super) fn names() -> impl Iterator<Item = String> {
    let command = Layer::command();
    let names: Vec<_> = command
        .get_arguments()
        .filter_map(|a| a.get_long())
        .map(str::to_owned)
        .collect();
    names.into_iter()
}

pub(super) fn parse(words: &[String]) -> Result<Settings, String> {
    let matches = Layer::command().try_get_matches_from(words);
    let layer = matches.and_then(|matches| Layer::from_arg_matches(&matches));
    layer.map(|layer| layer.settings).map_err(|error| {
        // The first line says what is wrong with which value; the rest is about the command line.
        let text = error.render().to_string();
        let line = text.lines().next().unwrap_or_default();
        line.trim_start_matches("error: ").to_owned()
    })
}
