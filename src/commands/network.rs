//! From settings to what lies between: proxies, authorities, headers, address family.

use super::Context;
use super::config::lint::is_loopback;
use crate::env;
use crate::error::{CommandError, Exit, Hop};
use crate::protocol::relay::Endpoint;
use crate::remote::{NetworkOptions, ProxyOption};
use crate::secret::Secret;
use crate::target::Target;
use crate::transport::{Family, Header, Network, NoProxy, Proxy};

/// What lies between, before the other end is known.
#[derive(Debug, Clone)]
pub(super) struct Between {
    network: Network,
    proxy: Choice,
}

/// Which proxy.
#[derive(Debug, Clone)]
enum Choice {
    /// Whatever the environment says for the other end.
    Environment,
    /// None.
    Off,
    /// The remote's own, whatever the environment says.
    Own(Proxy),
}

impl Context {
    /// Puts together what a remote's settings, the command line and the environment say. Variables are
    /// read and commands run here, before the asynchronous runtime starts.
    pub(super) fn between(&self, options: &NetworkOptions) -> Result<Between, CommandError> {
        let mut ca_files: Vec<_> = self.env.path(env::PASEO_CA_FILE).into_iter().collect();
        if let Some(path) = &options.ca_file {
            let path = std::path::PathBuf::from(path);
            ca_files.push(self.env.expand_home(path.clone()).unwrap_or(path));
        }
        let mut headers = Vec::new();
        for (name, source) in &options.headers {
            let value = self.value(&format!("the header {name}"), source)?;
            let header = Header::new(name, &value);
            headers
                .push(header.map_err(|why| invalid("HEADER_INVALID", format!("{name}: {why}")))?);
        }
        let proxy = match &options.proxy {
            None => Choice::Environment,
            Some(ProxyOption::Off) => Choice::Off,
            Some(ProxyOption::Url(url)) => Choice::Own(parse("the remote", url)?),
            Some(ProxyOption::Login {
                url,
                user,
                password,
            }) => {
                let password = self.value("the proxy's password", password)?;
                let user = Secret::from(user.as_str());
                Choice::Own(parse("the remote", url)?.with_login(user, password))
            }
        };
        Ok(Between {
            network: Network {
                proxy: None,
                ca_files,
                headers,
                family: self.family().or(options.family).unwrap_or_default(),
                may_prompt: !self.is_batch(),
            },
            proxy,
        })
    }

    /// Returns what lies between here and an endpoint that is no remote's.
    pub(super) fn network(&self, endpoint: &Endpoint, tls: bool) -> Result<Network, CommandError> {
        let between = self.between(&NetworkOptions::default())?;
        between.before(self, Some((endpoint, tls)))
    }

    fn family(&self) -> Option<Family> {
        match (self.global.ipv4, self.global.ipv6) {
            (true, _) => Some(Family::V4),
            (_, true) => Some(Family::V6),
            _ => None,
        }
    }

    /// Returns the proxy that the environment names for an endpoint, and the variable. This machine
    /// itself is always reached straight.
    pub(super) fn environment_proxy(
        &self,
        endpoint: &Endpoint,
        tls: bool,
    ) -> Result<Option<(Proxy, &'static str)>, CommandError> {
        let first = |names: [&'static str; 2]| {
            let found = |name| Some((self.env.text(name)?, name));
            names.into_iter().find_map(found)
        };
        let named = match tls {
            true => first(env::HTTPS_PROXY).or_else(|| first(env::ALL_PROXY)),
            false => first(env::ALL_PROXY),
        };
        let Some((url, name)) = named else {
            return Ok(None);
        };
        let exceptions = first(env::NO_PROXY).map(|(list, _)| NoProxy::parse(list));
        if is_loopback(endpoint.host()) || exceptions.is_some_and(|list| list.names(endpoint)) {
            return Ok(None);
        }
        Ok(Some((parse(name, url)?, name)))
    }
}

impl Between {
    /// Returns what lies before a target. The headers are for the remote's own address only.
    pub(super) fn on_the_way_to(
        &self,
        context: &Context,
        target: &Target,
        own: bool,
    ) -> Result<Network, CommandError> {
        let endpoint = match target {
            Target::Relay { relay, tls, .. } => Some((relay, *tls)),
            Target::Tcp { endpoint, tls, .. } => Some((endpoint, *tls)),
            Target::Unix { .. } | Target::Ssh { .. } => None,
        };
        let mut network = self.before(context, endpoint)?;
        if !own {
            network.headers.clear();
        }
        Ok(network)
    }

    fn before(
        &self,
        context: &Context,
        endpoint: Option<(&Endpoint, bool)>,
    ) -> Result<Network, CommandError> {
        let proxy = match (&self.proxy, endpoint) {
            (Choice::Own(proxy), _) => Some(proxy.clone()),
            (Choice::Environment, Some((endpoint, tls))) => {
                let named = context.environment_proxy(endpoint, tls)?;
                named.map(|(proxy, _)| proxy)
            }
            _ => None,
        };
        Ok(Network {
            proxy,
            ..self.network.clone()
        })
    }
}

fn parse(origin: &str, url: &str) -> Result<Proxy, CommandError> {
    url.parse()
        .map_err(|why| invalid("PROXY_INVALID", format!("the proxy of {origin}: {why}")))
}

fn invalid(code: &'static str, message: String) -> CommandError {
    CommandError::new(code, Exit::Config, message).at(Hop::Config)
}
