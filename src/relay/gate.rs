//! How many sockets an address may have, and how many new ones per second.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::refusal::Refusal;
use crate::site::Site;

/// Addresses that are kept before those that have nothing here any more are forgotten.
const SWEEP_AT: usize = 1024;

/// Counts per address. Loopback is not counted: it is the reverse proxy of the same machine.
#[derive(Debug)]
pub(super) struct Gate {
    sockets: usize,
    per_second: u32,
    visitors: Mutex<Visitors>,
}

#[derive(Debug, Default)]
struct Visitors {
    known: HashMap<Site, Visitor>,
    sweep_at: usize,
}

#[derive(Debug)]
struct Visitor {
    sockets: usize,
    /// New sockets that it may still open, at `at`; grows by `per_second` up to the same number.
    tokens: f64,
    at: Instant,
}

/// A connection's entry in the count, until it is dropped.
#[derive(Debug)]
pub(super) struct Visit {
    gate: Arc<Gate>,
    site: Option<Site>,
}

impl Gate {
    /// Makes a gate; 0 is no limit.
    pub(super) fn new(sockets: usize, per_second: u32) -> Self {
        Self {
            sockets,
            per_second,
            visitors: Mutex::default(),
        }
    }

    /// Lets a new connection of this address in, or not.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr) -> Result<Visit, Refusal> {
        let limited = self.sockets > 0 || self.per_second > 0;
        let site = Site::beyond_loopback(address).filter(|_| limited);
        if let Some(site) = site {
            self.count(site)?;
        }
        Ok(Visit {
            gate: Arc::clone(self),
            site,
        })
    }

    fn count(&self, site: Site) -> Result<(), Refusal> {
        let rate = f64::from(self.per_second);
        let now = Instant::now();
        let mut visitors = self.lock();
        visitors.sweep(now);
        let visitor = visitors.known.entry(site).or_insert(Visitor {
            sockets: 0,
            tokens: rate,
            at: now,
        });
        visitor.tokens = (visitor.tokens + rate * (now - visitor.at).as_secs_f64()).min(rate);
        visitor.at = now;
        if self.per_second > 0 && visitor.tokens < 1.0 {
            return Err(Refusal::Rate);
        }
        if self.sockets > 0 && visitor.sockets >= self.sockets {
            return Err(Refusal::Address);
        }
        visitor.tokens -= 1.0;
        visitor.sockets += 1;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Visitors> {
        self.visitors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Visitors {
    /// Forgets who has no socket and all tokens again, once there are many.
    fn sweep(&mut self, now: Instant) {
        if self.known.len() >= self.sweep_at.max(SWEEP_AT) {
            self.known
                .retain(|_, v| v.sockets > 0 || (now - v.at).as_secs() < 1);
            self.sweep_at = self.known.len() * 2;
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let Some(site) = self.site else { return };
        if let Some(visitor) = self.gate.lock().known.get_mut(&site) {
            visitor.sockets -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_address_has_its_number_of_sockets_and_its_rate() {
        let gate = Arc::new(Gate::new(3, 2));
        let one: IpAddr = "192.0.2.1".parse().unwrap();
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        let first = gate.enter(one).unwrap();
        let _second = gate.enter(mapped).unwrap();
        assert_eq!(gate.enter(one).unwrap_err(), Refusal::Rate);
        assert!(gate.enter("192.0.2.2".parse().unwrap()).is_ok());
        tokio::time::advance(Duration::from_secs(1)).await;
        let _third = gate.enter(one).unwrap();
        assert_eq!(gate.enter(one).unwrap_err(), Refusal::Address);
        drop(first);
        assert!(gate.enter(one).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_site_counts_as_one_and_loopback_as_none() {
        let gate = Arc::new(Gate::new(1, 100));
        let _first = gate.enter("2001:db8:0:1::1".parse().unwrap()).unwrap();
        let same = gate.enter("2001:db8:0:1:ffff::2".parse().unwrap());
        assert_eq!(same.unwrap_err(), Refusal::Address);
        assert!(gate.enter("2001:db8:0:2::1".parse().unwrap()).is_ok());
        let visits: Vec<_> = (0..10)
            .map(|_| gate.enter("::1".parse().unwrap()))
            .collect();
        assert!(visits.iter().all(Result::is_ok));
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_left_are_forgotten() {
        let gate = Arc::new(Gate::new(1, 100));
        for i in 0..100_000_u32 {
            if i % 1000 == 0 {
                tokio::time::advance(Duration::from_secs(1)).await;
            }
            let address = std::net::Ipv4Addr::from_bits(0xc000_0000 + i);
            drop(gate.enter(address.into()).unwrap());
        }
        assert!(gate.lock().known.len() <= 2 * SWEEP_AT + 2000);
    }
}
