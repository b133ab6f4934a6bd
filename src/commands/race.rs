//! Several roads to one daemon, raced: each starts at its time, or as soon as those before it have failed,
//! and the first session wins.

use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::{Instant, sleep_until};

use crate::order;
use crate::remote::Via;
use crate::target::Target;

/// What a relay gives a direct road: its own set-up takes longer than that.
const HEAD_START: Duration = Duration::from_millis(150);
/// What the others give ssh: a process, and perhaps somebody who has to touch a key.
const BEFORE_SSH: Duration = Duration::from_secs(1);

/// A road that may be taken.
#[derive(Debug, Clone)]
pub(super) struct Way {
    /// Where it leads.
    pub(super) target: Target,
    /// Whether it is the address of the remote itself, and not one of its other roads.
    pub(super) own: bool,
    /// Whether it is only tried when those before it cannot be dialled.
    pub(super) guess: bool,
}

impl Way {
    /// The one road.
    pub(super) fn only(target: Target) -> Self {
        Self {
            target,
            own: true,
            guess: false,
        }
    }

    /// When it starts, after the beginning of the race; `None`: when the others have failed.
    fn start(&self, first: bool) -> Option<Duration> {
        match Via::of(&self.target) {
            _ if first => Some(Duration::ZERO),
            _ if self.guess => None,
            Via::Unix | Via::Direct => Some(Duration::ZERO),
            Via::Relay => Some(HEAD_START),
            Via::Ssh => Some(BEFORE_SSH),
        }
    }
}

/// Puts roads in the order in which they start.
pub(super) fn sort(ways: &mut Vec<Way>) {
    if ways.iter().any(|way| !way.guess) {
        order::sort_by_key(ways, |way| way.start(false));
    }
}

/// How one road ended without a session.
pub(super) enum Failed<E> {
    /// The others may still get there.
    Here(E),
    /// No other may be tried.
    All(E),
}

/// Runs the race. `take` connects on the road with an index. Every error is returned, in the order of the
/// roads, when none gets there.
pub(super) async fn race<'a, T, E>(
    ways: &[Way],
    take: &dyn Fn(usize) -> LocalBoxFuture<'a, Result<T, Failed<E>>>,
) -> Result<(usize, T), Vec<(usize, E)>> {
    let begin = Instant::now();
    let mut next = 0;
    let mut running = FuturesUnordered::new();
    let mut errors = Vec::new();
    let attempt = |index: usize| {
        let taking = take(index);
        async move { (index, taking.await) }
    };
    loop {
        if running.is_empty() {
            if next == ways.len() {
                order::sort_by_key(&mut errors, |(index, _)| *index);
                return Err(errors);
            }
            running.push(attempt(next));
            next += 1;
        }
        let start = ways.get(next).and_then(|way| way.start(false));
        tokio::select! {
            Some((index, result)) = running.next() => match result {
                Ok(session) => return Ok((index, session)),
                Err(Failed::Here(error)) => errors.push((index, error)),
                Err(Failed::All(error)) => return Err(vec![(index, error)]),
            },
            () = sleep_until(begin + start.unwrap_or_default()), if start.is_some() => {
                running.push(attempt(next));
                next += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(via: Via) -> Way {
        let target = match via {
            Via::Unix => Target::Unix {
                path: "/s".into(),
                password: None,
            },
            Via::Direct => Target::Tcp {
                endpoint: "h:1".parse().unwrap(),
                tls: false,
                password: None,
            },
            Via::Ssh | Via::Relay => Target::Ssh {
                host: "h".parse().unwrap(),
                password: None,
            },
        };
        Way {
            target,
            own: false,
            guess: false,
        }
    }

    /// Runs a race in which each road takes this long and then succeeds, or not.
    async fn run(roads: &[(Via, u64, bool)]) -> (Result<usize, usize>, u128) {
        let ways: Vec<Way> = roads.iter().map(|(via, ..)| way(*via)).collect();
        let start = Instant::now();
        let times: Vec<(u64, bool)> = roads.iter().map(|(_, ms, ok)| (*ms, *ok)).collect();
        let take = |index: usize| -> LocalBoxFuture<'static, Result<(), Failed<()>>> {
            let (ms, ok) = times[index];
            Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                if ok { Ok(()) } else { Err(Failed::Here(())) }
            })
        };
        let result = race(&ways, &take).await;
        let result = result.map(|(index, ())| index);
        (
            result.map_err(|errors| errors.len()),
            start.elapsed().as_millis(),
        )
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_session_wins_and_failures_make_room() {
        let (direct, ssh) = (Via::Direct, Via::Ssh);
        assert_eq!(
            run(&[(direct, 50, true), (ssh, 1, true)]).await,
            (Ok(0), 50)
        );
        // A slow road goes on while the next one runs.
        assert_eq!(
            run(&[(direct, 1100, true), (ssh, 500, true)]).await,
            (Ok(0), 1100)
        );
        assert_eq!(
            run(&[(direct, 60_000, true), (ssh, 500, true)]).await,
            (Ok(1), 1500)
        );
        // A failure starts the next one at once.
        assert_eq!(
            run(&[(direct, 20, false), (ssh, 5, true)]).await,
            (Ok(1), 25)
        );
        assert_eq!(
            run(&[(direct, 20, false), (ssh, 5, false)]).await,
            (Err(2), 25)
        );
    }
}
