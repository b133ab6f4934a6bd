//! The checks of the way to a daemon: its secret, then every hop of one connection.

use super::local::proxy_words;
use crate::client::DaemonClient;
use crate::commands::Context;
use crate::commands::permission_words::permission_words;
use crate::commands::report::{Report, Verdict};
use crate::commands::runtime::run_async;
use crate::commands::selection::Resolved;
use crate::error::{CommandError, Hop};
use crate::protocol::session::{Ping, Pong};
use crate::remote::{Choice, Selection};
use crate::target::Target;
use crate::transport::Stopwatch;

/// The hops of a connection, in their order, with the words of errors and of the stopwatch.
const HOPS: [(&str, &[Hop], &str); 7] = [
    ("name", &[Hop::Dns], "dns"),
    ("tcp", &[Hop::Tcp, Hop::Proxy, Hop::Ssh], "tcp"),
    ("tls", &[Hop::Tls], "tls"),
    ("relay", &[Hop::Relay], "upgrade"),
    ("presence", &[Hop::Presence], "e2ee"),
    ("key", &[Hop::Key], "e2ee"),
    (
        "session",
        &[Hop::Auth, Hop::Protocol, Hop::Daemon],
        "session",
    ),
];
/// Why a check was not done.
const FAILED_BEFORE: &str = "an earlier check failed";
/// Clocks that differ by more than this are worth a word, in milliseconds.
const CLOCK_MS: i64 = 30_000;
/// The oldest daemon that is tested against.
const OLDEST: (u32, u32, u32) = (0, 1, 65);

pub(super) fn check(context: &Context, report: &mut Report) {
    let Some(selection) = selected(context, report) else {
        return skip_from(0, report);
    };
    let Some(mut resolved) = secret(context, &selection, report) else {
        return skip_from(0, report);
    };
    proxy(context, &resolved, report);
    resolved.plan.watch = Stopwatch::running();
    resolved.plan.waits = false;
    let watch = resolved.plan.watch.clone();
    let mut found = None;
    let connected = run_async(async {
        let (road, daemon, _) = context.connect(&resolved, None).await?;
        let before = jiff::Timestamp::now().as_millisecond();
        let pong = daemon.call(&Ping::default()).await;
        found = Some(Found {
            road: road.target.to_string(),
            relay: matches!(road.target, Target::Relay { .. }),
            version: daemon.server().version.clone(),
            permissions: daemon.server().permissions.clone(),
            clock: pong.map(|pong| skew(&pong, before)),
        });
        road.finish(daemon, async |_: &DaemonClient| Ok(())).await
    });
    let laps = watch.take();
    let took = |hop: &str| {
        let lap = laps.iter().find(|(name, _)| *name == hop);
        lap.map(|(_, time)| format!("{:.1} ms", time.as_secs_f64() * 1000.0))
    };
    match (connected, found) {
        (_, Some(found)) => {
            for (check, _, lap) in HOPS {
                match took(lap) {
                    Some(time) => report.add(check, Verdict::Pass, time),
                    None => report.add(check, Verdict::Skip, "not on this road"),
                }
            }
            report.add("road", Verdict::Pass, found.road.clone());
            daemon(&found, report);
        }
        (Err(error), None) => failed_at(&error, &took, report),
        (Ok(()), None) => {}
    }
}

/// What a connection told.
struct Found {
    road: String,
    relay: bool,
    version: Option<String>,
    permissions: Option<Vec<String>>,
    clock: Result<i64, crate::client::CallError>,
}

fn selected(context: &Context, report: &mut Report) -> Option<Selection> {
    match context.selection() {
        Ok(selection) => {
            let name = match &selection.choice {
                Choice::Remote(remote) => remote.name.to_string(),
                Choice::Offer(_) => "an offer".to_owned(),
                Choice::Host(_) => "a host".to_owned(),
                Choice::Local => "local".to_owned(),
            };
            let detail = format!("{name}, because of {}", selection.rule);
            report.add("daemon", Verdict::Pass, detail);
            Some(selection)
        }
        Err(error) => {
            report.failed("daemon", &error);
            None
        }
    }
}

fn secret(context: &Context, selection: &Selection, report: &mut Report) -> Option<Resolved> {
    let store = match &selection.choice {
        Choice::Remote(remote) => remote.secret().map(|secret| secret.store.as_str()),
        _ => None,
    };
    match context.resolve(selection) {
        Ok(resolved) => {
            let own = resolved.ways.iter().find(|way| way.own);
            let has_password = own.is_some_and(|way| way.target.password().is_some());
            let what = match has_password {
                true => "read, with the daemon's password,",
                false => "read",
            };
            let detail = match store {
                Some(store) => format!("{what} from {store}"),
                None => "none is needed".to_owned(),
            };
            report.add("secret", Verdict::Pass, detail);
            Some(resolved)
        }
        Err(error) => {
            report.failed("secret", &error);
            None
        }
    }
}

fn proxy(context: &Context, resolved: &Resolved, report: &mut Report) {
    let own = resolved.ways.iter().find(|way| way.own);
    let found = match own.map(|way| &way.target) {
        Some(Target::Relay { relay, tls, .. }) => context.environment_proxy(relay, *tls),
        Some(Target::Tcp { endpoint, tls, .. }) => context.environment_proxy(endpoint, *tls),
        _ => Ok(None),
    };
    let own = own.map(|way| {
        resolved
            .plan
            .between
            .on_the_way_to(context, &way.target, true)
    });
    match own {
        Some(Ok(network)) => {
            let named = found.ok().flatten().map(|(_, name)| name);
            let from = named.unwrap_or("the remote");
            proxy_words(Ok(network.proxy.map(|proxy| (proxy, from))), report);
        }
        Some(Err(error)) => proxy_words(Err(error), report),
        None => proxy_words(Ok(None), report),
    }
}

/// What came before the hop that failed is well, what would have come after it was not tried.
fn failed_at(error: &CommandError, took: &dyn Fn(&str) -> Option<String>, report: &mut Report) {
    let is_here = |hops: &[Hop]| error.hop.is_some_and(|hop| hops.contains(&hop));
    let at = HOPS.iter().position(|(_, hops, _)| is_here(hops));
    let at = at.unwrap_or(HOPS.len() - 1);
    for (check, _, lap) in &HOPS[..at] {
        match took(lap) {
            Some(time) => report.add(check, Verdict::Pass, time),
            None => report.add(check, Verdict::Skip, "not on this road"),
        }
    }
    report.failed(HOPS[at].0, error);
    skip_from(at + 1, report);
}

fn skip_from(at: usize, report: &mut Report) {
    for (check, _, _) in &HOPS[at..] {
        report.add(check, Verdict::Skip, FAILED_BEFORE);
    }
    report.add("version", Verdict::Skip, FAILED_BEFORE);
    report.add("access", Verdict::Skip, FAILED_BEFORE);
    report.add("clock", Verdict::Skip, FAILED_BEFORE);
}

fn daemon(found: &Found, report: &mut Report) {
    if !found.relay {
        let detail = "this road has no encryption of its own, and no key to prove";
        report.add("encryption", Verdict::Skip, detail);
    }
    let number = found.version.as_deref().and_then(number);
    match (&found.version, number) {
        (Some(version), Some(number)) if number >= OLDEST => {
            report.add("version", Verdict::Pass, format!("daemon {version}"));
        }
        (Some(version), _) => report.advise(
            "version",
            Verdict::Warn,
            format!("daemon {version} is not one that is tested with"),
            "update the daemon to 0.1.65 or newer",
        ),
        (None, _) => report.add("version", Verdict::Warn, "the daemon does not say"),
    }
    match &found.permissions {
        Some(held) => report.add("access", Verdict::Pass, permission_words(held)),
        None => report.add("access", Verdict::Skip, "daemons before 0.7 do not say"),
    }
    match &found.clock {
        Ok(skew) if skew.abs() <= CLOCK_MS => {
            report.add("clock", Verdict::Pass, format!("{skew} ms apart"));
        }
        Ok(skew) => report.advise(
            "clock",
            Verdict::Warn,
            format!("the daemon's clock is {} s off from this one", skew / 1000),
            "set both clocks by NTP: schedules and ages are off until then",
        ),
        Err(error) => report.failed("clock", &CommandError::from(error.clone())),
    }
}

/// How far the daemon's clock is ahead, give or take the way there.
fn skew(pong: &Pong, before: i64) -> i64 {
    let after = jiff::Timestamp::now().as_millisecond();
    let here = before + (after - before) / 2;
    pong.server_received_at.saturating_sub(here)
}

fn number(version: &str) -> Option<(u32, u32, u32)> {
    let release = version.split(['-', '+']).next()?;
    let mut numbers = release.split('.').map(str::parse);
    Some((
        numbers.next()?.ok()?,
        numbers.next()?.ok()?,
        numbers.next()?.ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(number("0.1.65-beta.5"), Some((0, 1, 65)));
        assert!(number("0.5.0-beta.4") > number("0.1.65"));
        assert_eq!(number("x"), None);
        assert_eq!(number("1.2"), None);
    }
}
