//! `paseo remote show -G`: every setting that holds for a remote, and where each comes from. Opens no
//! secret store.

use std::path::Path;

use serde::Serialize;

use crate::commands::{CommandResult, Context};
use crate::env;
use crate::output::{Column, Output, Row, Table};
use crate::remote::{Address, ProxyOption, Remote, RemotesFile, Route, Written};

/// A setting that holds.
#[derive(Debug, Serialize)]
struct Effective {
    key: String,
    value: String,
    origin: &'static str,
    /// The file and line, the variable, or the flag.
    from: Option<String>,
}

/// A setting that several sources may have: flag, environment, remote, `[defaults]`, built-in, in this
/// order.
struct Layered<'a> {
    key: &'a str,
    flag: Option<(&'a str, String)>,
    variable: Option<(&'a str, String)>,
    built_in: Option<String>,
}

pub(super) fn show(context: &Context, file: &RemotesFile, remote: &Remote) -> CommandResult {
    let rows = settings(context, file, remote);
    let row = |row: &Effective| {
        let origin = row.from.as_deref().unwrap_or(row.origin);
        let cells = vec![
            row.key.as_str().into(),
            row.value.as_str().into(),
            origin.into(),
        ];
        Row::new(row.key.clone(), cells, row)
    };
    Ok(Output::List(Table {
        columns: vec![Column("KEY", 0), Column("VALUE", 0), Column("ORIGIN", 0)],
        rows: rows.iter().map(row).collect(),
    })
    .into())
}

fn settings(context: &Context, file: &RemotesFile, remote: &Remote) -> Vec<Effective> {
    let own = file.path();
    let found = file.place_of(&remote.name);
    // That of an included remote is another one.
    let path = found.map_or(own, |found| Some(found.path.as_path()));
    let line = found.map(|found| found.line);
    let line = line.or_else(|| file.line_of(&remote.name));
    let in_file = |path, written: &Written| Effective {
        key: written.key.clone(),
        value: shown(written),
        origin: "file",
        from: Some(place(path, written.line)),
    };
    let mut rows = vec![Effective {
        key: "name".to_owned(),
        value: remote.name.to_string(),
        origin: "file",
        from: line.map(|line| place(path, line)),
    }];
    let written = file.written(&remote.name);
    rows.extend(written.iter().map(|written| in_file(path, written)));
    for written in file.written_defaults() {
        if !rows.iter().any(|row| row.key == written.key) {
            rows.push(in_file(own, &written));
        }
    }
    for layered in layers(context, file, remote) {
        layered.settle(&mut rows);
    }
    rows
}

/// The text of a header may be a secret in the wrong place.
fn shown(written: &Written) -> String {
    let elsewhere = written.key.ends_with(".env") || written.key.ends_with(".command");
    match written.key.starts_with("headers.") && !elsewhere {
        true => "(not shown)".to_owned(),
        false => written.value.clone(),
    }
}

fn place(path: Option<&Path>, line: usize) -> String {
    match path {
        Some(path) => format!("{}:{line}", path.display()),
        None => format!("line {line}"),
    }
}

fn layers<'a>(context: &'a Context, file: &RemotesFile, remote: &Remote) -> Vec<Layered<'a>> {
    let duration = |time| humantime::format_duration(time).to_string();
    let variable = |name| Some((name, context.env.text(name)?.trim().to_owned()));
    let flag = context.global.connect_timeout;
    let family = [
        (context.global.ipv4, "--ipv4"),
        (context.global.ipv6, "--ipv6"),
    ];
    let family = family.into_iter().find(|(given, _)| *given);
    let mut layers = vec![Layered {
        key: "connect_timeout",
        flag: flag.map(|time| ("--connect-timeout", duration(time))),
        variable: variable(env::PASEO_CONNECT_TIMEOUT),
        built_in: Some(duration(crate::commands::context::CONNECT_TIMEOUT)),
    }];
    let persist = context.global.persist;
    layers.push(Layered {
        key: "persist",
        flag: persist.map(|time| ("--persist", duration(time))),
        variable: None,
        built_in: Some("0".to_owned()),
    });
    if let Route::Relay(relay) = &remote.route {
        layers.push(Layered::built_in("relay.tls", relay.tls.to_string()));
    }
    layers.push(Layered {
        key: "ca_file",
        flag: None,
        variable: variable(env::PASEO_CA_FILE),
        built_in: None,
    });
    layers.push(Layered {
        key: "family",
        flag: family.map(|(_, flag)| (flag, flag.trim_start_matches('-').to_owned())),
        variable: None,
        built_in: Some("any".to_owned()),
    });
    layers.push(Layered {
        key: "proxy",
        flag: None,
        // The remote's own comes before that of the environment.
        variable: own_proxy(file, remote)
            .is_none()
            .then(|| named_proxy(context, remote))
            .flatten(),
        built_in: Some("none".to_owned()),
    });
    layers.push(Layered {
        key: "via",
        flag: context.global.via.map(|via| ("--via", via.to_string())),
        variable: None,
        built_in: Some("the first road that leads there".to_owned()),
    });
    layers.push(Layered {
        key: "keystore_timeout",
        flag: None,
        variable: variable(env::PASEO_KEYSTORE_TIMEOUT),
        built_in: Some(duration(crate::commands::selection::keyring_budget())),
    });
    layers
}

fn own_proxy(file: &RemotesFile, remote: &Remote) -> Option<ProxyOption> {
    file.options(remote).network.proxy
}

/// The proxy that the environment names for a remote, without its login. One that is wrong is shown as
/// such: connecting will tell more.
fn named_proxy(context: &Context, remote: &Remote) -> Option<(&'static str, String)> {
    let (endpoint, tls) = match &remote.route {
        Route::Relay(relay) => (&relay.endpoint, relay.tls),
        Route::Direct(direct) => match &direct.address {
            Address::Tcp { endpoint, tls } => (endpoint, *tls),
            _ => return None,
        },
    };
    match context.environment_proxy(endpoint, tls) {
        Ok(named) => named.map(|(proxy, name)| (name, proxy.to_string())),
        Err(_) => Some((crate::env::HTTPS_PROXY[1], "not a proxy".to_owned())),
    }
}

impl Layered<'_> {
    fn built_in(key: &'static str, value: String) -> Self {
        Self {
            key,
            flag: None,
            variable: None,
            built_in: Some(value),
        }
    }

    /// Puts itself in place of what the file says when it comes before that, or there is nothing.
    fn settle(self, rows: &mut Vec<Effective>) {
        let above = match (self.flag, self.variable) {
            (Some((name, value)), _) => Some(("flag", name, value)),
            (None, Some((name, value))) => Some(("environment", name, value)),
            (None, None) => None,
        };
        let inside = format!("{}.", self.key);
        let is_own = |row: &Effective| row.key == self.key || row.key.starts_with(&inside);
        let at = rows.iter().position(is_own);
        let row = match (above, at, self.built_in) {
            (Some((origin, name, value)), _, _) => Effective {
                key: self.key.to_owned(),
                value,
                origin,
                from: Some(name.to_owned()),
            },
            (None, None, Some(value)) => Effective {
                key: self.key.to_owned(),
                value,
                origin: "default",
                from: None,
            },
            (None, _, _) => return,
        };
        match at {
            Some(at) => rows[at] = row,
            None => rows.push(row),
        }
    }
}
