//! Bookings stay exact whoever is evicted, and small holders stay.

use proptest::prelude::*;

use super::*;
use crate::relay::holder::Wait;

fn ledger(total: usize, held: usize) -> Arc<Ledger> {
    let limits = Limits {
        total_bytes: total,
        held_total_bytes: held,
        session_bytes: total,
        address_bytes: 0,
        ..Limits::default()
    };
    Arc::new(Ledger::new(&limits))
}

fn open(ledger: &Arc<Ledger>, n: u64) -> Arc<Holder> {
    ledger.open(SocketId(n), ServerId::new(&format!("s{n}")).unwrap(), None)
}

#[test]
fn a_small_holder_gets_room_from_the_biggest() {
    let ledger = ledger(1000, 1000);
    let (small, big) = (open(&ledger, 1), open(&ledger, 2));
    assert!(small.take(Wait::Queued, 10) && big.take(Wait::Queued, 900));
    assert!(small.take(Wait::Queued, 100));
    assert!(big.is_evicted() && !small.is_evicted());
    assert_eq!(ledger.used(), 110);
    // What it gives back later was written off.
    big.give(Wait::Queued, 900);
    assert!(!big.take(Wait::Queued, 1));
    assert_eq!(ledger.used(), 110);
}

#[test]
fn the_biggest_goes_when_it_asks_itself() {
    let ledger = ledger(1000, 1000);
    let (small, big) = (open(&ledger, 1), open(&ledger, 2));
    assert!(small.take(Wait::Queued, 100) && big.take(Wait::Queued, 800));
    assert!(!big.take(Wait::Queued, 101));
    assert_eq!(ledger.used(), 100);
}

#[test]
fn what_is_held_has_a_share_of_its_own() {
    let ledger = ledger(1000, 100);
    let (queued, hog, small) = (open(&ledger, 1), open(&ledger, 2), open(&ledger, 3));
    assert!(queued.take(Wait::Queued, 800) && hog.take(Wait::Held, 95));
    assert!(small.take(Wait::Held, 6));
    assert!(hog.is_evicted() && !queued.is_evicted());
    assert_eq!((ledger.held(), ledger.used()), (6, 806));
}

#[test]
fn a_site_has_a_limit_and_loopback_none() {
    let limits = Limits {
        address_bytes: 100,
        ..Limits::default()
    };
    let ledger = Arc::new(Ledger::new(&limits));
    let site = Site::beyond_loopback([192, 0, 2, 1].into());
    let server = |n: u64| ServerId::new(&format!("s{n}")).unwrap();
    let (small, big) = (
        ledger.open(SocketId(1), server(1), site),
        ledger.open(SocketId(2), server(2), site),
    );
    assert!(small.take(Wait::Queued, 30) && big.take(Wait::Queued, 60));
    assert!(small.take(Wait::Queued, 20) && big.is_evicted());
    assert!(open(&ledger, 3).take(Wait::Queued, 1000));
}

#[test]
fn accounts_end_with_their_last_socket() {
    let ledger = ledger(1000, 1000);
    let (one, two) = (open(&ledger, 1), open(&ledger, 2));
    one.take(Wait::Queued, 5);
    one.give(Wait::Queued, 5);
    for holder in [one, two] {
        assert!(!ledger.is_empty());
        holder.leave();
    }
    assert!(ledger.is_empty());
}

/// Whoever comes while the biggest holders are looked for does not wait for the end of that.
#[test]
fn a_search_keeps_nobody_out() {
    let ledger = ledger(1000, 1000);
    let (small, big) = (open(&ledger, 1), open(&ledger, 2));
    assert!(small.take(Wait::Queued, 10) && big.take(Wait::Queued, 950));
    // The search stops here, as at any holder whose task is at work.
    let at_work = big.booked.lock().unwrap();
    let asks = std::thread::spawn(move || small.take(Wait::Queued, 100));
    let (opened, told) = std::sync::mpsc::channel();
    let comes = Arc::clone(&ledger);
    std::thread::spawn(move || {
        while comes.used() <= 1000 {
            std::thread::yield_now();
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
        opened.send(open(&comes, 3)).unwrap();
    });
    let came = told.recv_timeout(std::time::Duration::from_secs(20));
    assert!(came.is_ok());
    drop(at_work);
    assert!(asks.join().unwrap() && big.is_evicted());
}

proptest! {
    /// Whatever is booked and given back: no account is ever wrong, no limit passed afterwards, and none is evicted
    /// while a bigger one stays.
    #[test]
    fn bookings_add_up(steps in prop::collection::vec((0..6_usize, any::<bool>(), 1..400_usize), 0..200)) {
        let ledger = ledger(1000, 300);
        let holders: Vec<_> = (0..6).map(|n| open(&ledger, n)).collect();
        let mut booked = [[0; 2]; 6];
        for (n, held, bytes) in steps {
            let (wait, slot) = if held { (Wait::Held, 1) } else { (Wait::Queued, 0) };
            let before: Vec<_> = holders.iter().map(|holder| holder.is_evicted()).collect();
            if booked[n][slot] >= bytes {
                holders[n].give(wait, bytes);
                booked[n][slot] -= bytes;
            } else {
                holders[n].take(wait, bytes);
                booked[n][slot] += bytes;
            }
            let size = |n: usize| booked[n][0] + booked[n][1];
            for gone in (0..6).filter(|n| !before[*n] && holders[*n].is_evicted()) {
                // It was the biggest of all, or held the most.
                let bigger = |n: &usize| {
                    !holders[*n].is_evicted() && size(*n) > size(gone) && booked[*n][1] > booked[gone][1]
                };
                prop_assert!(!(0..6).any(|n| bigger(&n)));
            }
            let stay = |n: &usize| !holders[*n].is_evicted();
            let total: usize = (0..6).filter(stay).map(size).sum();
            prop_assert_eq!(ledger.used(), total);
            prop_assert!(total <= 1000 && ledger.held() <= 300);
        }
    }
}
