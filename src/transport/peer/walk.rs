//! One walk through the system's sockets for all who wait for one.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::{Connection, Owner, Unknown};

/// Lookups, of which each is answered by a walk that began after it was asked for: an earlier one may have passed the
/// place where the connection stands now. At most one walk goes on at a time, and answers all who waited for its beginning.
#[derive(Debug)]
pub(super) struct Walks {
    walk: fn(&[Connection]) -> Vec<Owner>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    waiting: Vec<Waiter>,
    walking: bool,
}

#[derive(Debug)]
struct Waiter {
    connection: Connection,
    answer: oneshot::Sender<Owner>,
}

/// The thread that walks.
struct Walker {
    walks: &'static Walks,
    /// Nobody waits any more, and the next who asks begins another walk.
    is_done: bool,
}

impl Walks {
    pub(super) const fn new(walk: fn(&[Connection]) -> Vec<Owner>) -> Self {
        Self {
            walk,
            state: Mutex::new(State {
                waiting: Vec::new(),
                walking: false,
            }),
        }
    }

    /// Returns who owns the other end of a connection.
    pub(super) async fn look_up(&'static self, connection: Connection) -> Owner {
        let (sender, answer) = oneshot::channel();
        let is_first = {
            let mut state = self.state();
            state.waiting.push(Waiter {
                connection,
                answer: sender,
            });
            !std::mem::replace(&mut state.walking, true)
        };
        if is_first {
            let walker = Walker {
                walks: self,
                is_done: false,
            };
            tokio::task::spawn_blocking(move || walker.run());
        }
        answer.await.unwrap_or(Owner::Unknown(Unknown::Unreadable))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Walker {
    /// Walks for as long as there is somebody who waits.
    fn run(mut self) {
        loop {
            let mut waiting = {
                let mut state = self.walks.state();
                state.waiting.retain(|waiter| !waiter.answer.is_closed());
                state.walking = !state.waiting.is_empty();
                self.is_done = !state.walking;
                std::mem::take(&mut state.waiting)
            };
            if self.is_done {
                return;
            }
            let connections: Vec<_> = waiting.iter().map(|waiter| waiter.connection).collect();
            for (waiter, owner) in waiting.drain(..).zip((self.walks.walk)(&connections)) {
                // Who asked may have gone.
                let _ = waiter.answer.send(owner);
            }
        }
    }
}

impl Drop for Walker {
    fn drop(&mut self) {
        if !self.is_done {
            // The runtime has ended before the walk: who waits is told that there is no answer, and may ask again.
            let mut state = self.walks.state();
            state.walking = false;
            state.waiting.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use futures_util::future::join_all;

    use super::*;

    fn connection(port: u16) -> Connection {
        Connection {
            local: ([127, 0, 0, 1], 1).into(),
            peer: ([127, 0, 0, 1], port).into(),
        }
    }

    #[tokio::test]
    async fn many_lookups_at_once_are_two_walks() {
        static WALKED: AtomicUsize = AtomicUsize::new(0);
        static SLOW: Walks = Walks::new(|connections| {
            WALKED.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(200));
            let port = |connection: &Connection| connection.peer.port();
            let uid = |connection| Owner::User(port(connection).into());
            connections.iter().map(uid).collect()
        });
        let all = (1..=200).map(|port| SLOW.look_up(connection(port)));
        let owners = join_all(all).await;
        let expected: Vec<_> = (1..=200).map(Owner::User).collect();
        assert_eq!(owners, expected);
        // The first walk may begin before all have asked.
        assert!(WALKED.load(Ordering::SeqCst) <= 2);
        assert_eq!(SLOW.look_up(connection(7)).await, Owner::User(7));
    }

    #[test]
    fn a_walk_that_never_begins_keeps_nobody_waiting() {
        static LOST: Walks = Walks::new(|connections| vec![Owner::User(1); connections.len()]);
        // What a runtime does that ends before it has a thread for it.
        LOST.state().walking = true;
        let (answer, mut told) = oneshot::channel();
        let connection = connection(1);
        LOST.state().waiting.push(Waiter { connection, answer });
        drop(Walker {
            walks: &LOST,
            is_done: false,
        });
        assert!(told.try_recv().is_err());
        assert!(!LOST.state().walking);
    }
}
