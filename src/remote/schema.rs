//! The keys of `remotes.toml` and what they mean (`docs/remotes.md`).

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use toml_edit::TableLike;

use super::name::RemoteName;
use super::network::{self, ELSEWHERE, NETWORK, NetworkOptions, PROXY, ROADS};
use super::problem::Problem;
use super::profile::{
    DirMapping, DirectRoute, Guard, Options, RelayRoute, Remote, Route, SecretRef,
};
use super::reader::{Problems, Reader};
use super::value::{duration, duration_or_zero, end_of, required, timestamp};
use crate::e2ee::Fingerprint;
use crate::protocol::relay::Endpoint;
use crate::secret::CommandSpec;
use crate::spelling::{closest, did_you_mean};

/// The version of the file that this program writes; it reads newer ones as far as it knows them.
pub(super) const VERSION: i64 = 1;

const ROOT: &[&str] = &[
    "version",
    "default",
    "defaults",
    "include",
    "blocked",
    "stores",
    "recipient",
    "remotes",
];
/// What an included file may say: nothing that holds for the remotes of other files.
const INCLUDED: &[&str] = &["version", "include", "blocked", "remotes"];
/// What only the user's own file may say.
const OWN: &[&str] = &["default", "defaults", "stores", "recipient"];
const STORES: &[&str] = &["command", "vault"];
const VAULT: &[&str] = &["keep"];
const COMMAND: &[&str] = &["get", "put", "delete", "json", "absent", "timeout"];
/// How long a call of the user's program may take: time to type a passphrase.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(60);
const DEFAULTS: &[&str] = &[
    "connect_timeout",
    "cwd",
    "persist",
    "proxy",
    "ca_file",
    "family",
    "headers",
];
const REMOTE: &[&str] = &[
    "description",
    "tags",
    "fingerprint",
    "secret",
    "relay",
    "url",
    "connect_timeout",
    "cwd",
    "persist",
    "dirs",
    "readonly",
    "protected",
    "expires",
    "added",
    "proxy",
    "ca_file",
    "family",
    "headers",
    "direct",
    "unix",
    "ssh",
];
const RELAY: &[&str] = &["endpoint", "tls"];
const SECRET: &[&str] = &["store", "id"];
const DIR: &[&str] = &["local", "remote"];
/// Words that are no keys and no secrets either.
const WORDS: &[&str] = &["true", "false", "keyring", "vault", "command", "file"];

/// Returns whether a word is one of this file format's, or a slip of the finger away from one.
pub(super) fn is_near_known(word: &str) -> bool {
    let known = [
        ROOT, DEFAULTS, STORES, COMMAND, VAULT, REMOTE, RELAY, SECRET, DIR, NETWORK, ROADS, PROXY,
        ELSEWHERE, WORDS,
    ];
    known.iter().any(|words| closest(word, words).is_some())
}

/// Returns a key at the top of the file, or of a remote.
pub(super) fn key(word: &str) -> Option<&'static str> {
    let keys = ROOT.iter().chain(REMOTE).copied();
    keys.into_iter().find(|key| *key == word)
}

/// What a file says.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Contents {
    /// [`VERSION`] when the file names none.
    pub(super) version: i64,
    /// The default remote and the bytes that name it.
    pub(super) default: Option<(RemoteName, Range<usize>)>,
    pub(super) defaults: Options,
    pub(super) remotes: BTreeMap<RemoteName, Remote>,
    /// The bytes of each remote's name, where it is defined.
    pub(super) spans: BTreeMap<RemoteName, Range<usize>>,
    /// Files that belong to it.
    pub(super) includes: Vec<Include>,
    /// Keys that no connection is made to.
    pub(super) blocked: Vec<Fingerprint>,
    /// How the user's program of secrets is called.
    pub(super) command: Option<CommandSpec>,
    /// How long a typed passphrase of the vault is good for; zero is not at all.
    pub(super) vault_keep: Option<Duration>,
    /// Where the key is that bundles for this machine are sealed for.
    pub(super) recipient: Option<SecretRef>,
}

/// Files that a file includes: a path, perhaps with wildcards, and the bytes that name it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Include {
    pub(super) pattern: String,
    pub(super) span: Range<usize>,
}

/// Reads the user's own file. `included` are the names of the remotes in the files that it includes.
pub(super) fn read(
    root: &dyn TableLike,
    included: &[&RemoteName],
) -> Result<Contents, Vec<Problem>> {
    read_root(root, ROOT, included)
}

/// Reads an included file.
pub(super) fn read_included(root: &dyn TableLike) -> Result<Contents, Vec<Problem>> {
    read_root(root, INCLUDED, &[])
}

/// Returns what a file includes, as far as that can be told.
pub(super) fn includes(root: &dyn TableLike) -> Vec<Include> {
    let problems = Problems::default();
    read_includes(&Reader::new(root, None, &[], true, &problems))
}

fn read_root(
    root: &dyn TableLike,
    known: &[&str],
    included: &[&RemoteName],
) -> Result<Contents, Vec<Problem>> {
    let problems = Problems::default();
    let version = Reader::new(root, None, ROOT, true, &problems).number("version");
    let newer = version.is_some_and(|version| version > VERSION);
    let root = Reader::new(root, None, ROOT, newer, &problems);
    if version.is_some_and(|version| version < 1) {
        root.reject("version", format!("must be {VERSION}"));
    }
    for key in OWN
        .iter()
        .filter(|key| !known.contains(key) && root.has(key))
    {
        root.reject(
            key,
            "belongs in remotes.toml itself, not in an included file",
        );
    }
    let mut contents = Contents {
        version: version.unwrap_or(VERSION),
        includes: read_includes(&root),
        blocked: fingerprints(&root, "blocked"),
        ..Contents::default()
    };
    if let Some(defaults) = root.table("defaults", DEFAULTS, newer) {
        contents.defaults = options(&defaults, newer);
    }
    if let Some(stores) = root.table("stores", STORES, newer) {
        let command = stores.table("command", COMMAND, newer);
        contents.command = command.and_then(|command| command_spec(&command));
        let vault = stores.table("vault", VAULT, newer);
        contents.vault_keep = vault.and_then(|vault| duration_or_zero(&vault, "keep"));
    }
    let recipient = root.table("recipient", SECRET, newer);
    contents.recipient = recipient.and_then(|recipient| secret_ref(&recipient));
    // Each table inside is checked on its own, so no key is unknown here.
    if let Some(remotes) = root.table("remotes", &[], true) {
        read_remotes(&remotes, newer, &problems, &mut contents);
    }
    read_default(&root, included, &mut contents);
    let problems = problems.into_vec();
    if problems.is_empty() {
        Ok(contents)
    } else {
        Err(problems)
    }
}

fn read_remotes(remotes: &Reader<'_>, newer: bool, problems: &Problems, contents: &mut Contents) {
    for (key, span, table) in remotes.children() {
        let name = match key.parse::<RemoteName>() {
            Ok(name) => name,
            Err(why) => {
                problems.add(Problem::new(why.to_string(), span));
                continue;
            }
        };
        contents.spans.insert(name.clone(), span.clone());
        let Some(table) = table else {
            problems.add(Problem::new("a remote must be a table", span));
            continue;
        };
        let reader = Reader::new(table, Some(span), REMOTE, newer, problems);
        if let Some(remote) = read_remote(name, &reader, newer) {
            contents.remotes.insert(remote.name.clone(), remote);
        }
    }
}

fn read_includes(root: &Reader<'_>) -> Vec<Include> {
    let span = root.key_span("include");
    let patterns = root.texts("include").into_iter();
    let include = |pattern| Include {
        pattern,
        span: span.clone(),
    };
    patterns.map(include).collect()
}

fn fingerprints(table: &Reader<'_>, key: &str) -> Vec<Fingerprint> {
    let parse = |text: String| text.parse().map_err(|why| table.reject(key, why)).ok();
    table.texts(key).into_iter().filter_map(parse).collect()
}

/// The default must name a remote, or be `local`, which is the same as none.
fn read_default(root: &Reader<'_>, included: &[&RemoteName], contents: &mut Contents) {
    let Some(text) = root.text("default") else {
        return;
    };
    if text == RemoteName::LOCAL {
        return;
    }
    let known = contents.spans.keys().chain(included.iter().copied());
    let known: Vec<&str> = known.map(RemoteName::as_str).collect();
    match text.parse::<RemoteName>() {
        Ok(name) if known.contains(&name.as_str()) => {
            contents.default = Some((name, root.key_span("default")));
        }
        Ok(_) => {
            let why = did_you_mean("there is no such remote", closest(text, &known));
            root.reject("default", why);
        }
        Err(why) => root.reject("default", why),
    }
}

fn read_remote(name: RemoteName, table: &Reader<'_>, newer: bool) -> Option<Remote> {
    let dirs = table.tables("dirs", DIR, newer);
    let remote = Remote {
        name,
        description: table.text("description").map(str::to_owned),
        tags: tags(table),
        options: options(table, newer),
        roads: network::roads(table),
        dirs: dirs.iter().filter_map(dir_mapping).collect(),
        guard: Guard {
            readonly: table.flag("readonly").unwrap_or_default(),
            protected: table.flag("protected").unwrap_or_default(),
            expires: end_of(table, "expires"),
        },
        added: timestamp(table, "added"),
        route: route(table, newer)?,
    };
    Some(remote)
}

fn route(table: &Reader<'_>, newer: bool) -> Option<Route> {
    let secret = table.table("secret", SECRET, newer);
    let secret = match secret {
        Some(secret) => Some(secret_ref(&secret)?),
        None => None,
    };
    let fingerprint: Option<Fingerprint> = table.parsed("fingerprint");
    let relay = table.table("relay", RELAY, newer);
    let url = table.text("url");
    match (relay, url) {
        (Some(relay), None) => {
            let endpoint: Endpoint = required(&relay, "endpoint", relay.parsed("endpoint"))?;
            Some(Route::Relay(RelayRoute {
                tls: endpoint.uses_tls(relay.flag("tls")),
                endpoint,
                fingerprint: required(table, "fingerprint", fingerprint)?,
                secret: required(table, "secret", secret)?,
            }))
        }
        (None, Some(_)) => {
            if fingerprint.is_some() {
                table.reject("fingerprint", "a remote with a `url` has no key to check");
            }
            Some(Route::Direct(DirectRoute {
                address: table.parsed("url")?,
                secret,
            }))
        }
        (Some(_), Some(_)) => {
            table.reject("url", "a remote has either `relay` or `url`, not both");
            None
        }
        (None, None) => {
            if !table.has("relay") && !table.has("url") {
                table.reject_table("a remote needs `relay` or `url`");
            }
            None
        }
    }
}

fn secret_ref(table: &Reader<'_>) -> Option<SecretRef> {
    let (store, id) = (table.parsed("store"), table.parsed("id"));
    Some(SecretRef {
        store: required(table, "store", store)?,
        id: required(table, "id", id)?,
    })
}

fn command_spec(table: &Reader<'_>) -> Option<CommandSpec> {
    let words = |key| {
        let words = table.texts(key);
        if table.has(key) && words.is_empty() {
            table.reject(key, "must be a program and its arguments");
        }
        (!words.is_empty()).then_some(words)
    };
    let (get, put, delete) = (words("get"), words("put"), words("delete"));
    let absent = table.number("absent").map(i32::try_from).transpose();
    let absent = absent.map_err(|_| table.reject("absent", "must be an exit status"));
    Some(CommandSpec {
        get: required(table, "get", get)?,
        put,
        delete,
        json: table.flag("json").unwrap_or_default(),
        absent: absent.ok()?,
        timeout: duration(table, "timeout").unwrap_or(COMMAND_TIMEOUT),
    })
}

fn options(table: &Reader<'_>, newer: bool) -> Options {
    Options {
        connect_timeout: duration(table, "connect_timeout"),
        cwd: table.text("cwd").map(str::to_owned),
        persist: duration_or_zero(table, "persist"),
        network: NetworkOptions::read(table, newer),
    }
}

fn tags(table: &Reader<'_>) -> Vec<String> {
    let tags = table.texts("tags");
    if tags.iter().any(|tag| tag.parse::<RemoteName>().is_err()) {
        table.reject("tags", "a tag is spelled like a remote's name");
    }
    tags
}

fn dir_mapping(table: &Reader<'_>) -> Option<DirMapping> {
    let (local, remote) = (table.text("local"), table.text("remote"));
    Some(DirMapping {
        local: required(table, "local", local)?.to_owned(),
        remote: required(table, "remote", remote)?.to_owned(),
    })
}
