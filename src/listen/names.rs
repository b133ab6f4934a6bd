//! Which names a listener answers to, and which web pages may connect to it.

use std::net::IpAddr;

/// The official app, which is let in with the password.
const APP_ORIGIN: &str = "https://app.paseo.sh";

/// Names beside those that every listener has. An entry `*` allows every name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// `Host` values, without a port. One that begins with a dot is a domain and all names below it.
    pub hosts: Vec<String>,
    /// `Origin` values of web pages.
    pub origins: Vec<String>,
}

impl Names {
    /// Returns whether a request names this listener. Without this, the DNS of a stranger could point a name of theirs
    /// here, and their web page would reach the daemon. Addresses and `localhost` cannot be pointed anywhere. A listener
    /// without a password is on loopback, so it is asked for as `localhost` or a loopback address.
    pub(super) fn has_host(&self, host: &str, password: bool) -> bool {
        let name = name(host).to_ascii_lowercase();
        let listed = |entry: &String| {
            let entry = entry.to_ascii_lowercase();
            match entry.strip_prefix('.') {
                Some(domain) => name == domain || name.ends_with(&entry),
                None => entry == "*" || name == entry,
            }
        };
        let own = match name.parse::<IpAddr>() {
            Ok(ip) => password || ip.to_canonical().is_loopback(),
            Err(_) => name == "localhost" || password && is_local(&name),
        };
        own || self.hosts.iter().any(listed)
    }

    /// Returns whether a web page may connect to a listener that was asked for as `host`. The password keeps out the
    /// pages that a person has not given it to; where there is none, a page must be named.
    pub(super) fn has_origin(&self, origin: &str, host: &str, password: bool) -> bool {
        let same = |entry: &String| entry == "*" || entry.eq_ignore_ascii_case(origin);
        if self.origins.iter().any(same) {
            return true;
        }
        let Some((scheme, rest)) = origin.split_once("://") else {
            return false;
        };
        // A mobile app takes the address of the daemon for its own origin.
        let own = rest.eq_ignore_ascii_case(host) || scheme == "http" && is_local(name(rest));
        password && (origin == APP_ORIGIN || own)
    }
}

/// Takes the port away.
fn name(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    }
}

fn is_local(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost") || name == "127.0.0.1"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(hosts: &[&str], origins: &[&str]) -> Names {
        let own = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect();
        Names {
            hosts: own(hosts),
            origins: own(origins),
        }
    }

    #[test]
    fn only_names_of_this_machine_addresses_and_named_ones_are_hosts() {
        let none = Names::default();
        for host in [
            "localhost",
            "localhost:6767",
            "LOCALHOST:6767",
            "127.0.0.1:1",
            "127.8.8.8",
            "[::1]:6767",
            "[::ffff:127.0.0.1]:6767",
        ] {
            assert!(none.has_host(host, true), "{host}");
            assert!(none.has_host(host, false), "{host}");
        }
        let strangers = ["example.org", "localhost.example.org:80", "", "xlocalhost"];
        for host in strangers {
            assert!(!none.has_host(host, true), "{host}");
            assert!(names(&["*"], &[]).has_host(host, true), "{host}");
        }
        let some = names(&["tower.lan", ".example.org"], &[]);
        for host in ["Tower.lan:6767", "example.org", "a.b.example.org:80"] {
            assert!(
                some.has_host(host, true) && some.has_host(host, false),
                "{host}"
            );
        }
        for host in ["a.tower.lan", "badexample.org", "example.org.evil"] {
            assert!(!some.has_host(host, true), "{host}");
        }
    }

    #[test]
    fn without_a_password_only_loopback_is_a_host() {
        let none = Names::default();
        for host in [
            "a.localhost",
            "10.0.0.1:6767",
            "192.168.1.5",
            "0.0.0.0:6767",
            "[2001:db8::1]:6767",
            "[::]",
            "[::ffff:10.0.0.1]:1",
        ] {
            assert!(none.has_host(host, true), "{host}");
            assert!(!none.has_host(host, false), "{host}");
        }
        assert!(names(&["192.168.1.5"], &[]).has_host("192.168.1.5:6767", false));
        assert!(names(&["*"], &[]).has_host("10.0.0.1", false));
    }

    #[test]
    fn without_a_password_only_named_pages_may_connect() {
        let may =
            |names: &Names, origin, password| names.has_origin(origin, "10.0.0.1:6767", password);
        let none = Names::default();
        for origin in [
            "https://app.paseo.sh",
            "http://localhost:8081",
            "http://127.0.0.1",
            "http://10.0.0.1:6767",
        ] {
            assert!(may(&none, origin, true), "{origin}");
            assert!(!may(&none, origin, false), "{origin}");
        }
        for origin in [
            "https://evil.example",
            "http://localhost.evil.example",
            "http://10.0.0.1",
            "null",
            "",
        ] {
            assert!(!may(&none, origin, true), "{origin}");
        }
        let app = names(&[], &["https://app.paseo.sh"]);
        assert!(may(&app, "https://app.paseo.sh", false));
        assert!(!may(&app, "http://localhost:8081", false));
        assert!(may(&names(&[], &["*"]), "null", false));
    }
}
