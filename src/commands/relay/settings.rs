//! What `relay serve` can be told: one struct is the flags, the keys of the settings file, and the
//! environment variables. A flag `--held-frames` is the key `held-frames` and the variable
//! `PASEO_RELAY_HELD_FRAMES`; a flag beats a variable, a variable beats the file.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use bytesize::ByteSize;
use clap::{Args, CommandFactory, FromArgMatches, Parser};

use crate::env::{Env, PASEO_RELAY_PREFIX};
use crate::error::{CommandError, Exit};
use crate::relay::{Config, Limits};

/// Largest settings file, in bytes.
const MAX_FILE_BYTES: u64 = 256 * 1024;

/// One layer of settings.
#[derive(Debug, Clone, Default, Args)]
pub struct Settings {
    /// Address and port to listen on; port 0 takes a free one [default: 127.0.0.1:8787]
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<SocketAddr>,

    /// Largest message that passes [default: 32MiB]
    #[arg(long, value_name = "SIZE", help_heading = "Limits")]
    pub message_size: Option<ByteSize>,

    /// What may wait for one socket before its peer has to wait [default: 1MiB]
    #[arg(long, value_name = "SIZE", help_heading = "Limits")]
    pub socket_queue: Option<ByteSize>,

    /// What may wait in all queues together [default: 1GiB]
    #[arg(long, value_name = "SIZE", help_heading = "Limits")]
    pub total_queue: Option<ByteSize>,

    /// Frames kept per client for an absent daemon, the newest ones [default: 200]
    #[arg(long, value_name = "COUNT", help_heading = "Limits")]
    pub held_frames: Option<usize>,

    /// What is kept per client for an absent daemon [default: 33MiB]
    #[arg(long, value_name = "SIZE", help_heading = "Limits")]
    pub held_size: Option<ByteSize>,

    /// Sockets in all [default: 100000]
    #[arg(long, value_name = "COUNT", help_heading = "Limits")]
    pub sockets: Option<usize>,

    /// Time for a request and its upgrade [default: 10s]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, help_heading = "Limits")]
    pub handshake_timeout: Option<Duration>,

    /// Silence after which a peer is pinged, and after as much again closed [default: 45s]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, help_heading = "Limits")]
    pub ping_after: Option<Duration>,

    /// Time without progress after which a peer that does not read is closed [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, help_heading = "Limits")]
    pub stall_timeout: Option<Duration>,

    /// Time for closing all sockets when the relay stops [default: 20s]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, help_heading = "Limits")]
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
                let error = invalid(format!("{shown}: unknown key {key:?}"));
                return Err(match nearest(&key, &known) {
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
            message_size,
            socket_queue,
            total_queue,
            held_frames,
            held_size,
            sockets,
            handshake_timeout,
            ping_after,
            stall_timeout,
            drain_timeout,
        )
    }

    /// Turns the settings into those of the relay.
    pub fn into_config(self) -> Config {
        let config = Config::default();
        let limits = config.limits;
        let bytes = |size: Option<ByteSize>, default| {
            size.map_or(default, |size| {
                usize::try_from(size.as_u64()).unwrap_or(usize::MAX)
            })
        };
        Config {
            listen: self.listen.unwrap_or(config.listen),
            limits: Limits {
                message_bytes: bytes(self.message_size, limits.message_bytes),
                queue_bytes: bytes(self.socket_queue, limits.queue_bytes),
                total_bytes: bytes(self.total_queue, limits.total_bytes),
                held_frames: self.held_frames.unwrap_or(limits.held_frames),
                held_bytes: bytes(self.held_size, limits.held_bytes),
                sockets: self.sockets.unwrap_or(limits.sockets),
                handshake: self.handshake_timeout.unwrap_or(limits.handshake),
                ping: self.ping_after.unwrap_or(limits.ping),
                stall: self.stall_timeout.unwrap_or(limits.stall),
                drain: self.drain_timeout.unwrap_or(limits.drain),
                ..limits
            },
        }
    }
}

/// Returns the long names of all settings.
fn names() -> impl Iterator<Item = String> {
    let command = Layer::command();
    let names: Vec<_> = command
        .get_arguments()
        .filter_map(|a| a.get_long())
        .map(str::to_owned)
        .collect();
    names.into_iter()
}

fn parse(words: &[String]) -> Result<Settings, String> {
    let matches = Layer::command().try_get_matches_from(words);
    let layer = matches.and_then(|matches| Layer::from_arg_matches(&matches));
    layer.map(|layer| layer.settings).map_err(|error| {
        // The first line says what is wrong with which value; the rest is about the command line.
        let text = error.render().to_string();
        let line = text.lines().next().unwrap_or_default();
        line.trim_start_matches("error: ").to_owned()
    })
}

fn nearest<'a>(key: &str, known: &'a [String]) -> Option<&'a String> {
    let distance = |name: &&String| strsim::damerau_levenshtein(name, key);
    known
        .iter()
        .min_by_key(distance)
        .filter(|name| distance(name) <= 3)
}
