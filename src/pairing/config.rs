//! `config.json` of the daemon's home: the keys that matter for reaching the daemon.

use serde::Deserialize;

use crate::env::{self, Env};
use crate::protocol::relay::{Endpoint, EndpointError, RelayAddress};
use crate::secret::{RelayToken, Secret};

/// Where the daemon listens unless told otherwise.
const DEFAULT_LISTEN: &str = "127.0.0.1:6767";
/// The part of an offer link before `/#offer=`.
const DEFAULT_APP_URL: &str = "https://app.paseo.sh";

/// How a daemon can be reached, with everything filled in.
#[derive(Debug, Clone)]
pub struct DaemonConfig {
    /// `host:port`, a port, a path, or `unix://` and a path.
    pub listen: String,
    /// The daemon's relay.
    pub relay: RelayConfig,
    /// The part of an offer link before `/#offer=`.
    pub app_url: String,
    /// bcrypt hash of the password for direct connections.
    pub password_hash: Option<Secret<String>>,
    /// `Host` values beside the usual ones; `*` is any, `.domain` all names below it.
    pub hosts: Vec<String>,
    /// `Origin` values of web pages that may connect; `*` is any.
    pub origins: Vec<String>,
}

/// The relay of a daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayConfig {
    /// Whether the daemon dials it and may be paired.
    pub enabled: bool,
    /// Where the daemon dials.
    pub endpoint: Endpoint,
    /// Whether the daemon dials with TLS.
    pub use_tls: bool,
    /// Where clients dial: what an offer says.
    pub public_endpoint: Endpoint,
    /// Whether clients dial with TLS: what an offer says.
    pub public_use_tls: bool,
    /// Whether clients must show the daemon's password there, too.
    pub require_password: bool,
    /// What a private relay wants to see. Never in `config.json`: official daemons refuse unknown keys.
    pub token: Option<RelayToken>,
}

/// What the environment says instead of `config.json`; absent fields change nothing.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `PASEO_LISTEN`, else `PORT`.
    pub listen: Option<String>,
    /// `PASEO_SERVER_ID`.
    pub server_id: Option<Secret<String>>,
    /// `PASEO_RELAY_ENABLED`.
    pub relay_enabled: Option<bool>,
    /// `PASEO_RELAY_ENDPOINT`.
    pub relay_endpoint: Option<String>,
    /// `PASEO_RELAY_USE_TLS`.
    pub relay_use_tls: Option<bool>,
    /// `PASEO_RELAY_PUBLIC_ENDPOINT`.
    pub relay_public_endpoint: Option<String>,
    /// `PASEO_RELAY_PUBLIC_USE_TLS`.
    pub relay_public_use_tls: Option<bool>,
    /// `PASEO_APP_BASE_URL`.
    pub app_url: Option<String>,
    /// `PASEO_HOSTNAMES`, else `PASEO_ALLOWED_HOSTS`.
    pub hosts: Option<Vec<String>>,
    /// `PASEO_CORS_ORIGINS`.
    pub origins: Option<Vec<String>>,
}

impl From<&Env> for Overrides {
    fn from(env: &Env) -> Self {
        let text = |name| env.text(name).map(|text| text.trim().to_owned());
        Self {
            listen: text(env::PASEO_LISTEN).or_else(|| text(env::PORT)),
            server_id: text(env::PASEO_SERVER_ID).map(Secret::new),
            relay_enabled: env.switch(env::PASEO_RELAY_ENABLED),
            relay_endpoint: text(env::PASEO_RELAY_ENDPOINT),
            relay_use_tls: env.switch(env::PASEO_RELAY_USE_TLS),
            relay_public_endpoint: text(env::PASEO_RELAY_PUBLIC_ENDPOINT),
            relay_public_use_tls: env.switch(env::PASEO_RELAY_PUBLIC_USE_TLS),
            app_url: text(env::PASEO_APP_BASE_URL),
            hosts: text(env::PASEO_HOSTNAMES)
                .or_else(|| text(env::PASEO_ALLOWED_HOSTS))
                .map(|hosts| match hosts.as_str() {
                    "true" => vec!["*".to_owned()],
                    hosts => list(hosts),
                }),
            origins: text(env::PASEO_CORS_ORIGINS).map(|origins| list(&origins)),
        }
    }
}

/// Names with commas in between.
fn list(text: &str) -> Vec<String> {
    let names = text
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

/// What is wrong with `config.json` or what overrides it. No value is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Not JSON, or a key of the wrong type.
    #[error("line {line}, column {column} is not what belongs there")]
    Syntax {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// Made by a newer daemon.
    #[error("its version is not 1")]
    Version,
    /// An endpoint is not host and port.
    #[error("the {0} endpoint of the relay cannot be used")]
    Endpoint(&'static str, #[source] EndpointError),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct File {
    version: Option<u64>,
    daemon: Daemon,
    app: App,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Daemon {
    listen: Option<String>,
    relay: Relay,
    auth: Auth,
    hostnames: Option<Hostnames>,
    cors: Cors,
}

/// `true` for all.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Hostnames {
    All(bool),
    Some(Vec<String>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Cors {
    allowed_origins: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Relay {
    enabled: Option<bool>,
    endpoint: Option<String>,
    use_tls: Option<bool>,
    public_endpoint: Option<String>,
    public_use_tls: Option<bool>,
    require_password: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Auth {
    password: Option<String>,
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Auth([secret])")
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct App {
    base_url: Option<String>,
}

impl DaemonConfig {
    /// Resolves what is written (`None`: no file), what overrides it, and the defaults.
    pub fn resolve(file: Option<&[u8]>, overrides: &Overrides) -> Result<Self, ConfigError> {
        // The relay is on when an existing file does not mention it, but the file that the official
        // daemon writes when there is none turns it off.
        let enabled_unless_said = file.is_some();
        let file = match file {
            Some(bytes) => parse(bytes)?,
            None => File::default(),
        };
        let relay = relay(&file.daemon.relay, overrides, enabled_unless_said)?;
        let listen = overrides.listen.clone().or(file.daemon.listen);
        let app_url = overrides.app_url.clone().or(file.app.base_url);
        Ok(Self {
            listen: listen.unwrap_or_else(|| DEFAULT_LISTEN.to_owned()),
            relay,
            app_url: app_url.unwrap_or_else(|| DEFAULT_APP_URL.to_owned()),
            password_hash: file.daemon.auth.password.map(Secret::new),
            hosts: overrides
                .hosts
                .clone()
                .unwrap_or_else(|| match file.daemon.hostnames {
                    Some(Hostnames::All(true)) => vec!["*".to_owned()],
                    Some(Hostnames::Some(hosts)) => hosts,
                    Some(Hostnames::All(false)) | None => Vec::new(),
                }),
            origins: overrides
                .origins
                .clone()
                .or(file.daemon.cors.allowed_origins)
                .unwrap_or_default(),
        })
    }
}

fn parse(bytes: &[u8]) -> Result<File, ConfigError> {
    // The message of the parser may repeat a value; its position does not.
    let file: File = serde_json::from_slice(bytes).map_err(|error| ConfigError::Syntax {
        line: error.line(),
        column: error.column(),
    })?;
    match file.version {
        None | Some(1) => Ok(file),
        Some(_) => Err(ConfigError::Version),
    }
}

fn relay(file: &Relay, env: &Overrides, enabled: bool) -> Result<RelayConfig, ConfigError> {
    let address = |which, text: &str| -> Result<RelayAddress, ConfigError> {
        text.parse()
            .map_err(|_| ConfigError::Endpoint(which, EndpointError))
    };
    let endpoint = env.relay_endpoint.as_ref().or(file.endpoint.as_ref());
    let endpoint = endpoint.map_or(Endpoint::OFFICIAL, String::as_str);
    let private = address("private", endpoint)?;
    let public = env.relay_public_endpoint.as_ref();
    let public = public.or(file.public_endpoint.as_ref());
    let public = public.map(|public| address("public", public)).transpose()?;
    // A setting of its own says more than the scheme of an address.
    let use_tls = env.relay_use_tls.or(file.use_tls).or(private.tls);
    let use_tls = use_tls.unwrap_or(endpoint == Endpoint::OFFICIAL);
    let public_tls = env.relay_public_use_tls.or(file.public_use_tls);
    let public_tls = public_tls.or(public.as_ref().and_then(|public| public.tls));
    Ok(RelayConfig {
        enabled: env.relay_enabled.or(file.enabled).unwrap_or(enabled),
        public_endpoint: public.map_or(private.endpoint.clone(), |public| public.endpoint),
        endpoint: private.endpoint,
        use_tls,
        public_use_tls: public_tls.unwrap_or(use_tls),
        require_password: file.require_password.unwrap_or_default(),
        token: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(file: &str, overrides: &Overrides) -> DaemonConfig {
        DaemonConfig::resolve(Some(file.as_bytes()), overrides).unwrap()
    }

    #[test]
    fn defaults_are_the_official_ones() {
        let none = DaemonConfig::resolve(None, &Overrides::default()).unwrap();
        assert!(!none.relay.enabled);
        let empty = resolve("{}", &Overrides::default());
        assert!(empty.relay.enabled && empty.relay.use_tls && empty.relay.public_use_tls);
        assert_eq!(
            empty.relay.public_endpoint.to_string(),
            "relay.paseo.sh:443"
        );
        assert_eq!(empty.listen, "127.0.0.1:6767");
        assert_eq!(empty.app_url, "https://app.paseo.sh");
    }

    #[test]
    fn the_file_of_0_5_0_is_understood() {
        let official = r#"{"version":1,"daemon":{"listen":"127.0.0.1:6767","cors":{"allowedOrigins":["https://app.paseo.sh"]},"relay":{"enabled":false}},"app":{"baseUrl":"https://app.paseo.sh"}}"#;
        let config = resolve(official, &Overrides::default());
        assert!(!config.relay.enabled);
        assert_eq!(config.origins, ["https://app.paseo.sh"]);
        assert!(config.hosts.is_empty());
    }

    #[test]
    fn hosts_and_origins_are_lists_or_everything() {
        let file = r#"{"daemon":{"hostnames":["tower.lan"],"cors":{"allowedOrigins":null}}}"#;
        let config = resolve(file, &Overrides::default());
        assert_eq!(config.hosts, ["tower.lan"]);
        assert!(config.origins.is_empty());
        let all = resolve(r#"{"daemon":{"hostnames":true}}"#, &Overrides::default());
        assert_eq!(all.hosts, ["*"]);
        let overrides = Overrides {
            hosts: Some(list(" a.lan, ,.b.lan")),
            origins: Some(list("http://c.lan")),
            ..Overrides::default()
        };
        let config = resolve(file, &overrides);
        assert_eq!(config.hosts, ["a.lan", ".b.lan"]);
        assert_eq!(config.origins, ["http://c.lan"]);
    }

    #[test]
    fn public_follows_private_and_the_environment_wins() {
        let file = r#"{"daemon":{"relay":{"endpoint":"10.0.0.1:8787","publicUseTls":true},"auth":{"password":"$2b$12$x"}}}"#;
        let config = resolve(file, &Overrides::default());
        assert_eq!(config.relay.public_endpoint, config.relay.endpoint);
        assert_eq!(
            (config.relay.use_tls, config.relay.public_use_tls),
            (false, true)
        );
        assert!(!format!("{config:?}").contains("$2b$") && !config.relay.require_password);
        let requires = r#"{"daemon":{"relay":{"requirePassword":true}}}"#;
        assert!(
            resolve(requires, &Overrides::default())
                .relay
                .require_password
        );

        let overrides = Overrides {
            listen: Some("7000".into()),
            relay_enabled: Some(false),
            relay_public_endpoint: Some("pub.example.org:443".into()),
            relay_public_use_tls: Some(false),
            app_url: Some("https://my.app/".into()),
            ..Overrides::default()
        };
        let config = resolve(file, &overrides);
        assert_eq!(config.relay.endpoint.to_string(), "10.0.0.1:8787");
        assert_eq!(
            config.relay.public_endpoint.to_string(),
            "pub.example.org:443"
        );
        assert!(!config.relay.enabled && !config.relay.public_use_tls);
        assert_eq!(
            (config.listen.as_str(), config.app_url.as_str()),
            ("7000", "https://my.app/")
        );
    }

    #[test]
    fn relays_may_be_urls() {
        for (private, public, tls) in [
            ("10.0.0.1:8787", None, (false, false)),
            ("ws://10.0.0.1:8787/", None, (false, false)),
            ("wss://10.0.0.1:8787", None, (true, true)),
            ("wss://10.0.0.1:8787/ws", Some("ws://h:80"), (true, false)),
            ("10.0.0.1:8787", Some("https://h/"), (false, true)),
        ] {
            let overrides = Overrides {
                relay_endpoint: Some(private.to_owned()),
                relay_public_endpoint: public.map(str::to_owned),
                ..Overrides::default()
            };
            let relay = resolve("{}", &overrides).relay;
            assert_eq!(relay.endpoint.to_string(), "10.0.0.1:8787");
            assert_eq!((relay.use_tls, relay.public_use_tls), tls, "{private}");
            let overrides = Overrides {
                relay_use_tls: Some(true),
                ..overrides
            };
            assert!(resolve("{}", &overrides).relay.use_tls, "{private}");
        }
    }

    #[test]
    fn faults_have_a_position_and_no_value() {
        let fault = |file: &str| {
            DaemonConfig::resolve(Some(file.as_bytes()), &Overrides::default()).unwrap_err()
        };
        let syntax = fault("{\n \"daemon\": {\"auth\": \"hunter2\"}}");
        assert!(matches!(syntax, ConfigError::Syntax { line: 2, .. }));
        assert!(!syntax.to_string().contains("hunter2"));
        assert_eq!(fault(r#"{"version":2}"#), ConfigError::Version);
        let endpoint = fault(r#"{"daemon":{"relay":{"endpoint":"ftp://x:1"}}}"#);
        assert!(matches!(endpoint, ConfigError::Endpoint("private", _)));
    }
}
