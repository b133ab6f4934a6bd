//! The keys of a remote that say what lies between: `proxy`, `ca_file`, `family`, `headers`; and the other
//! roads to the same daemon: `direct`, `unix`, `ssh`.
//!
//! The file can be published, so what may be secret in a header or at a proxy is not in it: it comes from
//! a variable (`{ env = "NAME" }`) or a command (`{ command = ["pass", "show", "x"] }`).

use toml_edit::{Array, InlineTable, Table, Value, value};

use super::host::Address;
use super::reader::Reader;
use crate::spelling::{closest, did_you_mean};
use crate::transport::{Family, Header, Proxy, SshHost};

/// Keys of a remote and of `[defaults]`.
pub(super) const NETWORK: &[&str] = &["proxy", "ca_file", "family", "headers"];
/// Keys of a remote.
pub(super) const ROADS: &[&str] = &["direct", "unix", "ssh"];
/// Keys inside `proxy`.
pub(super) const PROXY: &[&str] = &["url", "user", "password"];
/// Keys inside a value that is elsewhere.
pub(super) const ELSEWHERE: &[&str] = &["env", "command"];
/// No proxy, whatever the environment says.
const NO_PROXY: &str = "none";

/// What lies between this machine and the other end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkOptions {
    /// The proxy; `None`: what the environment says.
    pub proxy: Option<ProxyOption>,
    /// PEM file of further authorities; may begin with `~`.
    pub ca_file: Option<String>,
    /// Which addresses a name may resolve to.
    pub family: Option<Family>,
    /// Headers of the upgrade request.
    pub headers: Vec<(String, ValueSource)>,
}

/// The proxy of a remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyOption {
    /// `"none"`.
    Off,
    /// A URL without a password.
    Url(String),
    /// A URL, and how to log in there.
    Login {
        /// The URL.
        url: String,
        /// The user.
        user: String,
        /// The password.
        password: ValueSource,
    },
}

impl ProxyOption {
    fn is_elsewhere(&self) -> bool {
        match self {
            Self::Off | Self::Url(_) => false,
            Self::Login { password, .. } => !matches!(password, ValueSource::Text(_)),
        }
    }
}

/// A text, or where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueSource {
    /// The text itself: no secret.
    Text(String),
    /// A variable of the environment.
    Env(String),
    /// What a command prints.
    Command(Vec<String>),
}

impl NetworkOptions {
    /// Fills what is absent from `defaults`. Headers are not mixed: those of the remote, or the others.
    pub(super) fn or(self, defaults: &Self) -> Self {
        Self {
            proxy: self.proxy.or_else(|| defaults.proxy.clone()),
            ca_file: self.ca_file.or_else(|| defaults.ca_file.clone()),
            family: self.family.or(defaults.family),
            headers: match self.headers.is_empty() {
                true => defaults.headers.clone(),
                false => self.headers,
            },
        }
    }

    /// Returns whether connecting runs a program that the file names.
    pub(super) fn runs_commands(&self) -> bool {
        let login = match &self.proxy {
            Some(ProxyOption::Login { password, .. }) => Some(password),
            _ => None,
        };
        let mut sources = self.headers.iter().map(|(_, source)| source).chain(login);
        sources.any(|source| matches!(source, ValueSource::Command(_)))
    }

    /// Takes out what a variable or a program of this machine would have to give, and returns the keys of it.
    pub(super) fn take_elsewhere(&mut self) -> Vec<String> {
        let mut taken = Vec::new();
        if self.proxy.as_ref().is_some_and(ProxyOption::is_elsewhere) {
            self.proxy = None;
            taken.push("proxy".to_owned());
        }
        self.headers.retain(|(name, source)| {
            let stays = matches!(source, ValueSource::Text(_));
            if !stays {
                taken.push(format!("headers.{name}"));
            }
            stays
        });
        taken
    }

    pub(super) fn read(table: &Reader<'_>, newer: bool) -> Self {
        Self {
            proxy: proxy(table, newer),
            ca_file: table.text("ca_file").map(str::to_owned),
            family: table.parsed("family"),
            headers: headers(table, newer),
        }
    }

    pub(super) fn write(&self, table: &mut Table) {
        match &self.proxy {
            None => {}
            Some(ProxyOption::Off) => drop(table.insert("proxy", value(NO_PROXY))),
            Some(ProxyOption::Url(url)) => drop(table.insert("proxy", value(url))),
            Some(ProxyOption::Login {
                url,
                user,
                password,
            }) => {
                let mut proxy = InlineTable::from_iter([("url", url), ("user", user)]);
                proxy.insert("password", password.to_toml());
                table.insert("proxy", value(proxy));
            }
        }
        if let Some(ca_file) = &self.ca_file {
            table.insert("ca_file", value(ca_file));
        }
        if let Some(family) = self.family {
            table.insert("family", value(family.as_str()));
        }
        if !self.headers.is_empty() {
            let headers = self.headers.iter();
            let headers = headers.map(|(name, source)| (name.as_str(), source.to_toml()));
            table.insert("headers", value(InlineTable::from_iter(headers)));
        }
    }
}

impl ValueSource {
    fn to_toml(&self) -> Value {
        match self {
            Self::Text(text) => text.into(),
            Self::Env(name) => InlineTable::from_iter([("env", name)]).into(),
            Self::Command(argv) => {
                let argv: Array = argv.iter().collect();
                InlineTable::from_iter([("command", argv)]).into()
            }
        }
    }

    fn read(table: &Reader<'_>, key: &str, newer: bool) -> Option<Self> {
        if !table.is_table(key) {
            return table.text(key).map(|text| Self::Text(text.to_owned()));
        }
        let source = table.table(key, ELSEWHERE, newer)?;
        let (name, argv) = (source.text("env"), source.texts("command"));
        match (name, argv.is_empty()) {
            (Some(name), true) => Some(Self::Env(name.to_owned())),
            (None, false) => Some(Self::Command(argv)),
            _ => {
                table.reject(key, "needs either `env` or `command`");
                None
            }
        }
    }
}

fn proxy(table: &Reader<'_>, newer: bool) -> Option<ProxyOption> {
    if !table.is_table("proxy") {
        let url = match table.text("proxy")? {
            NO_PROXY => return Some(ProxyOption::Off),
            url => checked(table, url)?,
        };
        return Some(ProxyOption::Url(url));
    }
    let inner = table.table("proxy", PROXY, newer)?;
    let (url, user) = (inner.text("url"), inner.text("user"));
    let password = ValueSource::read(&inner, "password", newer);
    let (Some(url), Some(user), Some(password)) = (url, user, password) else {
        table.reject("proxy", "needs `url`, `user` and `password`");
        return None;
    };
    if matches!(password, ValueSource::Text(_)) {
        inner.reject(
            "password",
            "would be readable here; name { env = … } or { command = … }",
        );
        return None;
    }
    Some(ProxyOption::Login {
        url: checked(table, url)?,
        user: user.to_owned(),
        password,
    })
}

/// A URL must not hold a password.
fn checked(table: &Reader<'_>, url: &str) -> Option<String> {
    match url.parse::<Proxy>() {
        // Without a scheme it could be the name of a machine.
        Ok(_) if closest(url, &[NO_PROXY]).is_some() => {
            let why = did_you_mean("a proxy is `none` or a URL", Some(NO_PROXY));
            table.reject("proxy", why);
            None
        }
        Ok(proxy) if proxy.has_login() => {
            let why = "user and password do not belong into the URL: they would be readable here";
            table.reject("proxy", why);
            None
        }
        Ok(_) => Some(url.to_owned()),
        Err(why) => {
            table.reject("proxy", why);
            None
        }
    }
}

fn headers(table: &Reader<'_>, newer: bool) -> Vec<(String, ValueSource)> {
    // Each name is checked on its own, so no key is unknown here.
    let Some(headers) = table.table("headers", &[], true) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (name, _, _) in headers.children() {
        if let Err(why) = Header::check_name(&name) {
            headers.reject(&name, why);
        } else if let Some(source) = ValueSource::read(&headers, &name, newer) {
            found.push((name, source));
        }
    }
    found
}

/// Returns the other roads to the daemon of a remote, the quickest first.
pub(super) fn roads(table: &Reader<'_>) -> Vec<Address> {
    let unix = table
        .text("unix")
        .map(|path| Address::Unix { path: path.into() });
    let ssh: Option<SshHost> = table.parsed("ssh");
    let ssh = ssh.map(|host| Address::Ssh { host });
    let direct = table.parsed::<Address>("direct").filter(|address| {
        let tcp = matches!(address, Address::Tcp { .. });
        if !tcp {
            table.reject(
                "direct",
                "is tcp://host:port; there are `unix` and `ssh` too",
            );
        }
        tcp
    });
    [unix, direct, ssh].into_iter().flatten().collect()
}

pub(super) fn write_roads(roads: &[Address], table: &mut Table) {
    for road in roads {
        match road {
            Address::Tcp { .. } => table.insert("direct", value(road.to_string())),
            Address::Unix { path } => table.insert("unix", value(path.display().to_string())),
            Address::Ssh { host } => table.insert("ssh", value(host.to_string())),
        };
    }
}
