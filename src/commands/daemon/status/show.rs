//! The status of a daemon as the official CLI shows it: names, order and colours are its own.

use anstyle::AnsiColor;
use serde_json::{Map, Value, json};

use crate::commands::permission_words::permission_words;
use crate::output::{Cell, Column, Output, Row, Table};

/// Version of this program.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How a daemon is. Fields of the machine are absent for a daemon on another one.
#[derive(Debug, Default)]
pub(super) struct Status {
    /// The name of a saved remote.
    pub(super) remote: Option<String>,
    pub(super) near: Option<Near>,
    pub(super) connected_daemon: &'static str,
    pub(super) listen: Option<String>,
    pub(super) relay: Option<Relay>,
    pub(super) hostname: Option<String>,
    pub(super) pid: Option<u32>,
    pub(super) started_at: Option<String>,
    pub(super) daemon_node: Option<String>,
    pub(super) daemon_version: Option<String>,
    /// What this connection may do, where the daemon says it.
    pub(super) permissions: Option<Vec<String>>,
    /// `None`: nobody knows.
    pub(super) providers: Option<Vec<Provider>>,
    pub(super) notes: Vec<String>,
}

/// Whether a daemon is at a relay, and at which.
#[derive(Debug)]
pub(super) struct Relay(Option<String>);

impl Relay {
    pub(super) fn new(enabled: bool, tls: bool, endpoint: &str) -> Self {
        let scheme = if tls { "wss" } else { "ws" };
        Self(enabled.then(|| format!("{scheme}://{endpoint}")))
    }

    /// Returns the word of the official CLI.
    fn word(&self) -> &str {
        self.0.as_deref().unwrap_or("disabled")
    }
}

/// What can only be said of the daemon of this machine.
#[derive(Debug)]
pub(super) struct Near {
    pub(super) local_daemon: &'static str,
    pub(super) home: String,
    pub(super) owner: Option<String>,
    /// The user whose process it is.
    pub(super) owner_id: Option<u32>,
    /// Where official daemons log …
    pub(super) log_path: String,
    /// … and whether one has.
    pub(super) has_log: bool,
    pub(super) desktop_managed: bool,
}

/// Something that runs agents.
#[derive(Debug)]
pub(super) struct Provider {
    pub(super) label: String,
    pub(super) path: Option<String>,
    pub(super) version: Option<String>,
    /// `daemon` when the daemon said it; absent when it was looked for here.
    pub(super) source: Option<&'static str>,
}

impl Status {
    /// Makes the output.
    pub(super) fn output(self) -> Output {
        let program = std::env::current_exe().unwrap_or_default();
        let program = program.display().to_string();
        let row = |(key, value): (String, Cell)| Row {
            id: key.clone(),
            cells: vec![key.into(), value],
            json: Value::Null,
        };
        let mut rows: Vec<Row> = self.rows(&program).into_iter().map(row).collect();
        // The data is one object, however many rows show it.
        if let Some(first) = rows.first_mut() {
            first.json = self.data(&program);
        }
        Output::Item(Table {
            columns: vec![Column("KEY", 0), Column("VALUE", 0)],
            rows,
        })
    }

    fn data(&self, program: &str) -> Value {
        let mut data = Map::new();
        let mut put = |key: &str, value: Value| drop(data.insert(key.to_owned(), value));
        put("remote", json!(self.remote));
        if let Some(near) = &self.near {
            put("localDaemon", json!(near.local_daemon));
        }
        put("connectedDaemon", json!(self.connected_daemon));
        if let Some(near) = &self.near {
            put("home", json!(near.home));
        }
        put("listen", json!(self.listen));
        put("relay", json!(self.relay.as_ref().map(Relay::word)));
        put("hostname", json!(self.hostname));
        put("pid", json!(self.pid));
        put("startedAt", json!(self.started_at));
        if let Some(near) = &self.near {
            put("owner", json!(near.owner));
            put("logPath", json!(near.log_path));
        }
        put("daemonNode", json!(self.daemon_node_word()));
        put("cliNode", json!(program));
        put("cliVersion", json!(VERSION));
        put("daemonVersion", json!(self.daemon_version));
        if let Some(near) = &self.near {
            put("desktopManaged", json!(near.desktop_managed));
        }
        if let Some(providers) = &self.providers {
            put("providers", providers.iter().map(Provider::data).collect());
        }
        if !self.notes.is_empty() {
            put("note", json!(self.note()));
        }
        let relay = self.relay.as_ref();
        put("relayEnabled", json!(relay.map(|it| it.0.is_some())));
        put("relayUrl", json!(relay.and_then(|it| it.0.as_ref())));
        put("daemonNodePath", json!(self.daemon_node));
        put("notes", json!(self.notes));
        let near = self.near.as_ref();
        put("ownerId", json!(near.and_then(|near| near.owner_id)));
        put("permissions", json!(self.permissions));
        data.into()
    }

    /// Returns the program of the daemon, or the word that the official CLI has for none.
    fn daemon_node_word(&self) -> Option<&str> {
        let none = self.near.as_ref().map(|near| match near.local_daemon {
            "running" | "unresponsive" => "unknown",
            _ => "-",
        });
        self.daemon_node.as_deref().or(none)
    }

    fn note(&self) -> String {
        self.notes.join("; ")
    }

    fn rows(&self, program: &str) -> Vec<(String, Cell)> {
        let text = |value: &Option<String>| Cell::from(value.as_deref().unwrap_or("-"));
        let mut rows = Vec::new();
        let mut row = |key: &str, value: Cell| rows.push((key.to_owned(), value));
        if let Some(remote) = &self.remote {
            row("Remote", remote.as_str().into());
        }
        if let Some(near) = &self.near {
            let color = match near.local_daemon {
                "running" => AnsiColor::Green,
                "unresponsive" => AnsiColor::Yellow,
                _ => AnsiColor::Red,
            };
            row("Local Daemon", Cell::colored(near.local_daemon, color));
        }
        let color = match self.connected_daemon {
            "reachable" => AnsiColor::Green,
            "not_probed" | "auth_required" => AnsiColor::Yellow,
            _ => AnsiColor::Red,
        };
        row(
            "Connected Daemon",
            Cell::colored(self.connected_daemon, color),
        );
        if let Some(near) = &self.near {
            row("Home", near.home.as_str().into());
        }
        row("Listen", text(&self.listen));
        let relay = self.relay.as_ref().map(|relay| relay.word().to_owned());
        row("Relay", text(&relay));
        row("Hostname", text(&self.hostname));
        row("PID", text(&self.pid.map(|pid| pid.to_string())));
        row("Started", text(&self.started_at));
        if let Some(near) = &self.near {
            row("Owner", text(&near.owner));
            row("Logs", text(&near.has_log.then(|| near.log_path.clone())));
        }
        row("Daemon Node", self.daemon_node_word().unwrap_or("-").into());
        row("CLI Node", program.into());
        row("CLI", VERSION.into());
        row("Daemon Version", text(&self.daemon_version));
        if let Some(permissions) = &self.permissions {
            row("Permissions", permission_words(permissions).into());
        }
        if !self.notes.is_empty() {
            row("Note", self.note().into());
        }
        if let Some(providers) = &self.providers {
            row("", "".into());
            row("Providers", "".into());
            for provider in providers {
                row(&format!("  {}", provider.label), provider.cell());
            }
        }
        rows
    }
}

impl Provider {
    fn data(&self) -> Value {
        let mut data = json!({ "label": self.label, "path": self.path, "version": self.version });
        if let Some(source) = self.source {
            data["source"] = json!(source);
        }
        data["isAvailable"] = json!(self.path.is_some());
        data
    }

    fn cell(&self) -> Cell {
        let by = if self.source.is_some() {
            " (daemon)"
        } else {
            ""
        };
        match (&self.path, &self.version) {
            (None, _) => Cell::colored(format!("not found{by}"), AnsiColor::Red),
            (Some(path), _) if self.source.is_some() => {
                Cell::colored(format!("{path}{by}"), AnsiColor::Green)
            }
            (Some(path), Some(version)) => {
                Cell::colored(format!("{path} ({version})"), AnsiColor::Green)
            }
            (Some(path), None) => {
                Cell::colored(format!("{path} (--version failed)"), AnsiColor::Yellow)
            }
        }
    }
}
