//! What can be read and is still worth a word: settings that weaken something, or cannot be meant.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::commands::Context;
use crate::order;
use crate::remote::{Address, Remote, RemotesFile, Route, ValueSource};
use crate::secret::StoreKind;

/// One warning.
#[derive(Debug, PartialEq, Eq, serde::Serialize)]
pub(in crate::commands) struct Warning {
    /// The line, counted from 1; `None` for the file as a whole.
    pub(in crate::commands) line: Option<usize>,
    pub(in crate::commands) message: String,
}

/// Returns the warnings about a file, in its order. Opens no secret store.
pub(in crate::commands) fn lint(context: &Context, file: &RemotesFile) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut add = |line: Option<usize>, message: String| warnings.push(Warning { line, message });
    for message in exposed(context) {
        add(None, message);
    }
    if file.is_newer() {
        let message = "a newer program wrote this file: what it added is not known here";
        add(None, message.to_owned());
    }
    for (name, place) in file.shadowed() {
        let (path, line) = (place.path.display(), place.line);
        let message = format!("`{name}` in {path}:{line} is not used: another one comes before it");
        add(None, message);
    }
    let mut daemons = BTreeMap::new();
    for remote in file.remotes() {
        let name = &remote.name;
        let line = file.line_of(name);
        for message in weak(remote) {
            add(line, format!("`{name}`: {message}"));
        }
        if let Some(fingerprint) = remote.fingerprint()
            && let Some(other) = daemons.insert(fingerprint.to_string(), name)
        {
            add(line, format!("`{other}` and `{name}` are the same daemon"));
        }
    }
    order::sort_by_key(&mut warnings, |warning| warning.line);
    warnings
}

fn weak(remote: &Remote) -> Vec<&'static str> {
    let mut found = Vec::new();
    match &remote.route {
        Route::Relay(relay) if !relay.tls && !is_loopback(relay.endpoint.host()) => {
            found.push("without TLS, the network to the relay sees the server id");
        }
        Route::Direct(direct) => {
            if let Address::Tcp {
                endpoint,
                tls: false,
            } = &direct.address
                && !is_loopback(endpoint.host())
            {
                found.push(match &direct.secret {
                    Some(_) => "without TLS, the network sees the password and everything else",
                    None => "without TLS, the network sees everything",
                });
            }
        }
        Route::Relay(_) => {}
    }
    if remote.options.network.headers.iter().any(|(name, source)| {
        let name = name.to_ascii_lowercase();
        let secret = ["auth", "cookie", "token", "secret", "key", "password"];
        matches!(source, ValueSource::Text(_)) && secret.iter().any(|word| name.contains(word))
    }) {
        found.push("a header's value may be a secret; name { env = … } or { command = … }");
    }
    if remote.secret().is_some_and(|s| s.store == StoreKind::File) {
        found.push("its secret is kept in a file that is not encrypted");
    }
    found
}

/// Returns whether a host is this machine: the name `localhost`, or a loopback address.
pub(in crate::commands) fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whoever can change the file decides where commands go.
#[cfg(unix)]
fn exposed(context: &Context) -> Vec<String> {
    use std::os::unix::fs::MetadataExt;
    let Some(dir) = context.env.config_dir() else {
        return Vec::new();
    };
    [dir.join(crate::remote::FILE_NAME), dir]
        .iter()
        .filter_map(|path| {
            let mode = std::fs::metadata(path).ok()?.mode();
            let fix = if path.is_dir() { "700" } else { "600" };
            (mode & 0o022 != 0).then(|| {
                let path = path.display();
                format!("others can change {path}; take that away with: chmod {fix} '{path}'")
            })
        })
        .collect()
}

#[cfg(not(unix))]
fn exposed(_context: &Context) -> Vec<String> {
    Vec::new()
}
