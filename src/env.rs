//! Every environment variable that the program reads, each a constant with its meaning.
//!
//! The environment is read once, into an [`Env`], which is passed on. Nothing else reads it
//! (`clippy.toml` forbids that), so tests and fuzzers decide what the program sees.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Name of the remote to talk to, like `-r`.
pub const PASEO_REMOTE: &str = "PASEO_REMOTE";
/// A pairing offer (link, base64url, JSON, or a file of either) to talk to, like `--relay`. Secret.
pub const PASEO_RELAY_OFFER: &str = "PASEO_RELAY_OFFER";
/// An ad-hoc target in the grammar of the official CLI, like `--host`. May hold a secret.
pub const PASEO_HOST: &str = "PASEO_HOST";
/// Password of a `--host`, `PASEO_HOST` or local target; never sent to a saved remote. Secret.
pub const PASEO_PASSWORD: &str = "PASEO_PASSWORD";
/// Set inside an agent: its id. Commands then talk to the local daemon that launched it.
pub const PASEO_AGENT_ID: &str = "PASEO_AGENT_ID";
/// Set inside an agent's terminal: the workspace it belongs to.
pub const PASEO_WORKSPACE_ID: &str = "PASEO_WORKSPACE_ID";
/// Home of the daemon on this machine; `~/.paseo` when unset.
pub const PASEO_HOME: &str = "PASEO_HOME";
/// Directory of `remotes.toml`; `$XDG_CONFIG_HOME/paseo` when unset.
pub const PASEO_CONFIG_DIR: &str = "PASEO_CONFIG_DIR";
/// Secret store for new remotes: `keyring`, `vault`, `command` or `file`.
pub const PASEO_KEYSTORE: &str = "PASEO_KEYSTORE";
/// Seconds that all calls to the OS keyring together may take.
pub const PASEO_KEYSTORE_TIMEOUT: &str = "PASEO_KEYSTORE_TIMEOUT";
/// Passphrase of the vault. Secret.
pub const PASEO_VAULT_PASSPHRASE: &str = "PASEO_VAULT_PASSPHRASE";
/// Private file with the passphrase of the vault.
pub const PASEO_VAULT_PASSPHRASE_FILE: &str = "PASEO_VAULT_PASSPHRASE_FILE";
/// Passphrase of bundles of remotes (`remote export`, `remote import`). Secret.
pub const PASEO_BUNDLE_PASSPHRASE: &str = "PASEO_BUNDLE_PASSPHRASE";
/// Private file with the passphrase of bundles.
pub const PASEO_BUNDLE_PASSPHRASE_FILE: &str = "PASEO_BUNDLE_PASSPHRASE_FILE";
/// Program that asks for the passphrase of the vault or of a bundle, and writes it to stdout.
pub const PASEO_ASKPASS: &str = "PASEO_ASKPASS";
/// Limit for everything up to an open WebSocket, such as `10s`.
pub const PASEO_CONNECT_TIMEOUT: &str = "PASEO_CONNECT_TIMEOUT";
/// Set by the shell that asks for completions, to its name.
pub const PASEO_COMPLETE: &str = "PASEO_COMPLETE";
/// Which word a shell completes; the scripts of `clap_complete` set it.
pub const COMPLETE_INDEX: &str = "_CLAP_COMPLETE_INDEX";
/// What a shell wants between candidates; the scripts of `clap_complete` set it.
pub const COMPLETE_SEPARATOR: &str = "_CLAP_IFS";
/// Set for a command that is handed to the official CLI: by which process, and to which program.
pub const PASEO_HANDED_OVER: &str = "PASEO_HANDED_OVER";
/// When set, nothing prompts; `0` and `false` are as unset here and below.
pub const PASEO_BATCH: &str = "PASEO_BATCH";
/// Set by most CI systems. Connections are not kept ready there, unless `--persist` says so.
pub const CI: &str = "CI";
/// When set, no warm connection is used or kept.
pub const PASEO_NO_MUX: &str = "PASEO_NO_MUX";
/// `official` restores the exit codes of the official CLI (0 or 1).
pub const PASEO_COMPAT: &str = "PASEO_COMPAT";
/// PEM file of certificate authorities, added to those of the platform.
pub const PASEO_CA_FILE: &str = "PASEO_CA_FILE";
/// Proxy of connections with TLS, such as `http://proxy:3128`. May hold a secret. `HTTPS_PROXY` too.
pub const HTTPS_PROXY: [&str; 2] = ["https_proxy", "HTTPS_PROXY"];
/// Proxy of all other connections, and of those with TLS when there is no other. `ALL_PROXY` too.
pub const ALL_PROXY: [&str; 2] = ["all_proxy", "ALL_PROXY"];
/// Hosts that are reached without these. `NO_PROXY` too.
pub const NO_PROXY: [&str; 2] = ["no_proxy", "NO_PROXY"];
/// Log filter, in the syntax of `tracing`.
pub const PASEO_LOG: &str = "PASEO_LOG";
/// Overrides the listen address in the daemon home's `config.json`.
pub const PASEO_LISTEN: &str = "PASEO_LISTEN";
/// Port to listen on, behind `PASEO_LISTEN`.
pub const PORT: &str = "PORT";
/// Overrides the daemon's server id. Secret.
pub const PASEO_SERVER_ID: &str = "PASEO_SERVER_ID";
/// Begins the name of every setting of `relay serve`: the flag `--held-frames` is
/// `PASEO_RELAY_HELD_FRAMES`.
pub const PASEO_RELAY_PREFIX: &str = "PASEO_RELAY_";
/// Whether the daemon dials the relay and allows pairing (`1`, `true`, `yes`, `on`).
pub const PASEO_RELAY_ENABLED: &str = "PASEO_RELAY_ENABLED";
/// `host:port` where the daemon dials its relay, or a URL.
pub const PASEO_RELAY_ENDPOINT: &str = "PASEO_RELAY_ENDPOINT";
/// Whether the daemon dials its relay with TLS.
pub const PASEO_RELAY_USE_TLS: &str = "PASEO_RELAY_USE_TLS";
/// `host:port` of the relay as offers name it, or a URL.
pub const PASEO_RELAY_PUBLIC_ENDPOINT: &str = "PASEO_RELAY_PUBLIC_ENDPOINT";
/// Whether offers say that the relay speaks TLS.
pub const PASEO_RELAY_PUBLIC_USE_TLS: &str = "PASEO_RELAY_PUBLIC_USE_TLS";
/// Token of a private relay, for `daemon run`, `daemon pair` and `relay check`. Saved remotes have their
/// own. Secret.
pub const PASEO_RELAY_TOKEN: &str = "PASEO_RELAY_TOKEN";
/// `Host` values that the daemon answers to beside the usual ones, with commas in between; `true` is all.
pub const PASEO_HOSTNAMES: &str = "PASEO_HOSTNAMES";
/// The same, behind `PASEO_HOSTNAMES`.
pub const PASEO_ALLOWED_HOSTS: &str = "PASEO_ALLOWED_HOSTS";
/// Origins of web pages that may connect to the daemon, with commas in between.
pub const PASEO_CORS_ORIGINS: &str = "PASEO_CORS_ORIGINS";
/// The part of an offer link before `/#offer=`.
pub const PASEO_APP_BASE_URL: &str = "PASEO_APP_BASE_URL";
/// No colour when set to anything (no-color.org).
pub const NO_COLOR: &str = "NO_COLOR";
/// Colour even without a terminal; never with `0` or `false`.
pub const FORCE_COLOR: &str = "FORCE_COLOR";
/// `dumb` means a terminal without colour or cursor movement.
pub const TERM: &str = "TERM";
/// Set by tmux, around the programs in it.
pub const TMUX: &str = "TMUX";
/// Width of the terminal in cells, where it cannot be asked.
pub const COLUMNS: &str = "COLUMNS";
/// The user's editor for whole screens; comes before `EDITOR`.
pub const VISUAL: &str = "VISUAL";
/// The user's editor.
pub const EDITOR: &str = "EDITOR";
/// The user's shell, for the terminals of the built-in daemon.
pub const SHELL: &str = "SHELL";
/// Where programs are looked for.
pub const PATH: &str = "PATH";
/// Settings of glibc, read when a program starts.
pub const GLIBC_TUNABLES: &str = "GLIBC_TUNABLES";
/// The user's home directory.
pub const HOME: &str = "HOME";
/// Directory of zsh's start files; the home directory when unset.
pub const ZDOTDIR: &str = "ZDOTDIR";
/// Base of per-user settings; `~/.config` when unset.
pub const XDG_CONFIG_HOME: &str = "XDG_CONFIG_HOME";
/// Base of per-user data; `~/.local/share` when unset.
pub const XDG_DATA_HOME: &str = "XDG_DATA_HOME";
/// Base of per-user state; `~/.local/state` when unset.
pub const XDG_STATE_HOME: &str = "XDG_STATE_HOME";
/// Base of per-user caches; `~/.cache` when unset.
pub const XDG_CACHE_HOME: &str = "XDG_CACHE_HOME";
/// Base of per-user sockets and locks, gone when the user logs out.
pub const XDG_RUNTIME_DIR: &str = "XDG_RUNTIME_DIR";

/// Variables that hold secrets: `subprocess` keeps them from every program that does not need them.
pub const SECRETS: [&str; 7] = [
    PASEO_VAULT_PASSPHRASE,
    PASEO_BUNDLE_PASSPHRASE,
    PASEO_RELAY_OFFER,
    PASEO_HOST,
    PASEO_PASSWORD,
    PASEO_SERVER_ID,
    PASEO_RELAY_TOKEN,
];

/// Variables with the path of a file, which need not be UTF-8.
const PATHS: [&str; 7] = [
    PASEO_HOME,
    PASEO_CONFIG_DIR,
    PASEO_VAULT_PASSPHRASE_FILE,
    PASEO_BUNDLE_PASSPHRASE_FILE,
    PASEO_ASKPASS,
    PASEO_CA_FILE,
    PASEO_HANDED_OVER,
];

/// What users without a home directory have as `HOME`.
const NO_HOME: &str = "/dev/null";

/// A snapshot of the environment.
#[derive(Clone, Default)]
pub struct Env {
    vars: BTreeMap<OsString, OsString>,
}

impl std::fmt::Debug for Env {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Env")
            .field("variables", &self.vars.len())
            .finish()
    }
}

impl Env {
    /// Reads the environment of this process.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the environment"
    )]
    pub fn from_process() -> Self {
        Self {
            vars: std::env::vars_os().collect(),
        }
    }

    /// Makes an environment out of pairs, for tests.
    pub fn from_pairs<K: Into<OsString>, V: Into<OsString>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        Self {
            vars: pairs
                .into_iter()
                .map(|(k, v)| (k.into(), v.into()))
                .collect(),
        }
    }

    /// Returns the text of a variable, without the blanks and the CR that files with settings leave around it. A
    /// password may begin with blanks. Unset and blank are `None`; so is what is not UTF-8, which [`Env::not_text`] finds
    /// first.
    pub fn text(&self, name: &str) -> Option<&str> {
        let value = self.vars.get(OsStr::new(name))?.to_str()?.trim_end();
        let value = match name {
            PASEO_PASSWORD => value,
            _ => value.trim_start(),
        };
        (!value.is_empty()).then_some(value)
    }

    /// Returns a passphrase as it stands in a variable: every blank belongs to it, as in a file and at a prompt. Only one
    /// line end behind it does not. Unset and blank are `None`.
    pub fn passphrase(&self, name: &str) -> Option<&str> {
        let value = self.vars.get(OsStr::new(name))?.to_str()?;
        (!value.trim().is_empty()).then(|| without_line_end(value))
    }

    /// Returns a variable as a path, without blanks around it, and with `~` expanded in those of ours: no shell does
    /// that in a file with settings. Unset and blank are `None`.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        let path = trimmed_path(self.vars.get(OsStr::new(name))?)?;
        match name.starts_with("PASEO_") {
            true => self.expand_home(path),
            false => Some(path),
        }
    }

    /// Returns whether a variable is set to anything but blanks.
    pub fn is_set(&self, name: &str) -> bool {
        let value = self.vars.get(OsStr::new(name));
        value.is_some_and(|value| trimmed_path(value).is_some())
    }

    /// Returns whether a variable turns something on: it is set, and to nothing that says no.
    pub fn is_on(&self, name: &str) -> bool {
        let off = |text: &str| ["0", "false", "no", "off"].contains(&text.to_lowercase().as_str());
        self.is_set(name) && !self.text(name).is_some_and(off)
    }

    /// Returns the first variable with a text that we would have to ignore, because it is not UTF-8.
    pub fn not_text(&self) -> Option<&str> {
        let is_text = |name: &&str| {
            let other = [HTTPS_PROXY, ALL_PROXY, NO_PROXY].concat();
            let ours = name.starts_with("PASEO_") && !PATHS.contains(name);
            ours || other.contains(name) || [VISUAL, EDITOR, PORT].contains(name)
        };
        let unreadable = self
            .vars
            .iter()
            .filter(|(_, value)| value.to_str().is_none());
        let mut names = unreadable.filter_map(|(name, _)| name.to_str());
        names.find(is_text)
    }

    /// Returns a switch: `1`, `true`, `yes`, `on` are true, any other text false, unset `None`.
    pub fn switch(&self, name: &str) -> Option<bool> {
        let value = self.text(name)?.to_ascii_lowercase();
        Some(matches!(value.as_str(), "1" | "true" | "yes" | "on"))
    }

    /// Returns the names of the variables that are set and that we read, without their values.
    pub fn names_of_ours(&self) -> Vec<String> {
        let names = self.vars.keys().filter_map(|name| name.to_str());
        let ours = |name: &&str| {
            let other = [HTTPS_PROXY, ALL_PROXY, NO_PROXY].concat();
            name.starts_with("PASEO_") || name.starts_with("XDG_") || other.contains(name)
        };
        names.filter(ours).map(str::to_owned).collect()
    }

    /// Returns the user's home directory, if the environment names one.
    pub fn home(&self) -> Option<PathBuf> {
        self.path(HOME).filter(|home| home != Path::new(NO_HOME))
    }

    /// Returns the directory of `remotes.toml`: `$PASEO_CONFIG_DIR`, else `$XDG_CONFIG_HOME/paseo`,
    /// else `~/.config/paseo` (on macOS too).
    pub fn config_dir(&self) -> Option<PathBuf> {
        self.path(PASEO_CONFIG_DIR)
            .or_else(|| self.xdg(XDG_CONFIG_HOME, ".config"))
    }

    /// Returns the directory of the secret files: `$XDG_DATA_HOME/paseo`, else `~/.local/share/paseo`.
    /// Not that of settings, which people publish with their dotfiles.
    pub fn data_dir(&self) -> Option<PathBuf> {
        self.xdg(XDG_DATA_HOME, ".local/share")
    }

    /// Returns the directory of state that may be lost: `$XDG_STATE_HOME/paseo`, else `~/.local/state/paseo`.
    pub fn state_dir(&self) -> Option<PathBuf> {
        self.xdg(XDG_STATE_HOME, ".local/state")
    }

    /// Returns the directory of what can be asked for again: `$XDG_CACHE_HOME/paseo`, else `~/.cache/paseo`.
    pub fn cache_dir(&self) -> Option<PathBuf> {
        self.xdg(XDG_CACHE_HOME, ".cache")
    }

    /// Returns the directory of sockets: `$XDG_RUNTIME_DIR/paseo`, else `run` below that of state.
    pub fn runtime_dir(&self) -> Option<PathBuf> {
        let base = self.path(XDG_RUNTIME_DIR).filter(|path| path.is_absolute());
        match base {
            Some(base) => Some(base.join("paseo")),
            None => Some(self.state_dir()?.join("run")),
        }
    }

    /// Returns the home of the daemon on this machine: `$PASEO_HOME` (`~` expanded), else `~/.paseo`.
    pub fn paseo_home(&self) -> Option<PathBuf> {
        match self.is_set(PASEO_HOME) {
            true => self.path(PASEO_HOME),
            false => Some(self.home()?.join(".paseo")),
        }
    }

    /// Replaces a leading `~` by the home directory; `None` when that is unknown.
    pub fn expand_home(&self, path: PathBuf) -> Option<PathBuf> {
        match path.strip_prefix("~") {
            Ok(rest) => Some(self.home()?.join(rest)),
            Err(_) => Some(path),
        }
    }

    fn xdg(&self, base: &str, below_home: &str) -> Option<PathBuf> {
        // The XDG specification: a relative path is invalid and to be ignored.
        let base = self.path(base).filter(|path| path.is_absolute());
        base.or_else(|| Some(self.home()?.join(below_home)))
            .map(|base| base.join("paseo"))
    }
}

/// Takes away the line end that files and programs put behind a text.
pub fn without_line_end(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

/// Returns a path without blanks and CR around it, if anything is left.
fn trimmed_path(value: &OsStr) -> Option<PathBuf> {
    let trimmed = match value.to_str() {
        Some(text) => PathBuf::from(text.trim()),
        None => trimmed_bytes(value),
    };
    (!trimmed.as_os_str().is_empty()).then_some(trimmed)
}

#[cfg(unix)]
fn trimmed_bytes(value: &OsStr) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(OsStr::from_bytes(value.as_bytes().trim_ascii()))
}

#[cfg(not(unix))]
fn trimmed_bytes(value: &OsStr) -> PathBuf {
    PathBuf::from(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_files_with_settings_leave_around_a_value_is_no_part_of_it() {
        for (typed, text) in [
            ("work\r", Some("work")),
            ("work ", Some("work")),
            (" work\r\n", Some("work")),
            ("\twork\t", Some("work")),
            ("work lab", Some("work lab")),
            ("\r", None),
            (" \t ", None),
            ("", None),
            ("\r\n", None),
            ("wörk \r", Some("wörk")),
        ] {
            for name in [PASEO_REMOTE, PASEO_HOST, PASEO_RELAY_TOKEN, COLUMNS, EDITOR] {
                let env = Env::from_pairs([(name, typed)]);
                assert_eq!(env.text(name), text, "{name}={typed:?}");
                assert_eq!(env.is_set(name), text.is_some(), "{name}={typed:?}");
            }
            for name in [HOME, PASEO_HOME, PASEO_CONFIG_DIR, PASEO_CA_FILE, PATH] {
                let env = Env::from_pairs([(name, typed)]);
                assert_eq!(env.path(name), text.map(PathBuf::from), "{name}={typed:?}");
            }
        }
        let env = Env::from_pairs([(PASEO_PASSWORD, " pass word \r")]);
        assert_eq!(env.text(PASEO_PASSWORD), Some(" pass word"));
    }

    #[test]
    fn a_passphrase_is_taken_as_it_stands_but_for_one_line_end() {
        for (value, passphrase) in [
            ("long horse", Some("long horse")),
            ("long horse ", Some("long horse ")),
            ("  long horse", Some("  long horse")),
            ("\tlong horse\t", Some("\tlong horse\t")),
            ("long horse\n", Some("long horse")),
            ("long horse\r\n", Some("long horse")),
            ("long horse\r", Some("long horse")),
            ("long horse \r\n", Some("long horse ")),
            ("long horse\n\n", Some("long horse\n")),
            ("\u{a0}long horse\u{3000}", Some("\u{a0}long horse\u{3000}")),
            ("   ", None),
            ("\r\n", None),
            ("", None),
        ] {
            for name in [PASEO_VAULT_PASSPHRASE, PASEO_BUNDLE_PASSPHRASE] {
                let env = Env::from_pairs([(name, value)]);
                assert_eq!(env.passphrase(name), passphrase, "{name}={value:?}");
            }
        }
    }

    #[test]
    fn a_tilde_is_the_home_in_every_path_of_ours() {
        for name in PATHS {
            for (value, path) in [
                ("~/x", Some("/h/x")),
                ("~", Some("/h")),
                ("~/x\r", Some("/h/x")),
                ("/~/x", Some("/~/x")),
                ("~x", Some("~x")),
            ] {
                let env = Env::from_pairs([(HOME, "/h"), (name, value)]);
                assert_eq!(env.path(name), path.map(PathBuf::from), "{name}={value}");
            }
            let homeless = Env::from_pairs([(name, "~/x")]);
            assert_eq!(homeless.path(name), None, "{name}");
        }
        let env = Env::from_pairs([(HOME, "/h"), (PASEO_CONFIG_DIR, "~/c"), (PASEO_HOME, "~/p")]);
        assert_eq!(env.config_dir(), Some("/h/c".into()));
        assert_eq!(env.paseo_home(), Some("/h/p".into()));
    }

    #[test]
    fn words_that_say_no_turn_nothing_on() {
        for off in [
            "", " ", "0", "false", "False", "FALSE", "no", "off", "0\r", " false ",
        ] {
            let env = Env::from_pairs([(CI, off)]);
            assert!(!env.is_on(CI), "{off:?}");
        }
        for on in [
            "1", "true", "yes", "on", "2", "3", "anything", "1\r", "00", "github",
        ] {
            let env = Env::from_pairs([(CI, on)]);
            assert!(env.is_on(CI), "{on:?}");
        }
    }

    #[test]
    fn a_home_that_is_none_is_none() {
        let env = Env::from_pairs([(HOME, "/dev/null")]);
        let dirs = [
            env.home(),
            env.config_dir(),
            env.data_dir(),
            env.state_dir(),
        ];
        assert_eq!(dirs, [const { None }; 4]);
        assert_eq!((env.paseo_home(), env.runtime_dir()), (None, None));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_not_utf_8_is_found() {
        use std::os::unix::ffi::OsStringExt;
        let odd = || OsString::from_vec(b"/x\xff".to_vec());
        let text = [
            PASEO_REMOTE,
            PASEO_RELAY_OFFER,
            PASEO_HOST,
            PASEO_PASSWORD,
            PASEO_KEYSTORE,
            PASEO_LOG,
            PASEO_CONNECT_TIMEOUT,
            PASEO_VAULT_PASSPHRASE,
            "PASEO_RELAY_LISTEN",
            "https_proxy",
            "NO_PROXY",
            EDITOR,
        ];
        for name in text {
            let env = Env::from_pairs([(OsString::from(name), odd())]);
            assert_eq!(env.not_text(), Some(name));
        }
        for name in PATHS
            .into_iter()
            .chain([HOME, PATH, XDG_CONFIG_HOME, TERM, "OTHER"])
        {
            let env = Env::from_pairs([(OsString::from(name), odd())]);
            assert_eq!(env.not_text(), None, "{name}");
            assert_eq!(env.path(name), Some(PathBuf::from(odd())), "{name}");
        }
    }

    #[test]
    fn blank_is_unset() {
        let env = Env::from_pairs([(PASEO_REMOTE, "  "), (PASEO_HOST, "h:1")]);
        assert_eq!(env.text(PASEO_REMOTE), None);
        assert_eq!(env.text(PASEO_HOST), Some("h:1"));
    }

    #[test]
    fn directories_follow_xdg() {
        let env = Env::from_pairs([(HOME, "/h"), (XDG_STATE_HOME, "relative")]);
        assert_eq!(env.config_dir(), Some("/h/.config/paseo".into()));
        assert_eq!(env.state_dir(), Some("/h/.local/state/paseo".into()));
        let env = Env::from_pairs([(HOME, "/h"), (XDG_CONFIG_HOME, "/x"), (PASEO_HOME, "~/p")]);
        assert_eq!(env.config_dir(), Some("/x/paseo".into()));
        assert_eq!(env.paseo_home(), Some("/h/p".into()));
    }

    #[test]
    fn debug_shows_no_value() {
        let env = Env::from_pairs([(PASEO_PASSWORD, "hunter2")]);
        assert!(!format!("{env:?}").contains("hunter2"));
    }
}
