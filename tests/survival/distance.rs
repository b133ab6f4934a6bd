//! What commands cost in round trips: counted with a distance that is long beside everything else.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::delay::delayed;
use crate::mux::holder;
use crate::world::{World, until};

/// From client to relay and back, and from relay to daemon and back.
const HOP: Duration = Duration::from_millis(300);

/// From client to daemon and back.
const END_TO_END: Duration = Duration::from_millis(600);

/// Until both are at the relay: a round trip for the client's TCP and half of one for its upgrade; half of one until
/// the daemon knows, one for its TCP and half for its upgrade.
const SET_UP: Duration = Duration::from_millis(1050);

/// Runs a command, and returns what it took.
fn timed(world: &World, args: &[&str]) -> Duration {
    let mut command = world.command(args);
    command.stdout(Stdio::null());
    let start = Instant::now();
    assert!(command.status().unwrap().success());
    start.elapsed()
}

/// The best of a few: a busy machine makes it longer, and nothing makes it shorter.
fn best(world: &World, args: &[&str]) -> Duration {
    (0..3).map(|_| timed(world, args)).min().unwrap()
}

#[test]
fn a_command_costs_the_set_up_and_one_round_trip_and_a_warm_one_the_round_trip() {
    let world = World::apart(|relay| delayed(relay, HOP));
    let cold = best(&world, &["-r", "work", "ls"]);
    println!("cold: {cold:?}");
    let trips = cold.saturating_sub(SET_UP).as_secs_f64() / END_TO_END.as_secs_f64();
    // Of the round trip the way up to the relay is over before the set-up is.
    assert!(
        (0.7..1.7).contains(&trips),
        "cold: {cold:?}, {trips} round trips"
    );

    let warm = &["-r", "work", "ls", "--persist=5m"];
    timed(&world, warm);
    until("connections are ready", || {
        holder(&world).is_some_and(|holder| holder["holder"]["ready"].as_u64() >= Some(2))
    });
    let warm = best(&world, warm);
    println!("warm: {warm:?}");
    let trips = warm.as_secs_f64() / END_TO_END.as_secs_f64();
    assert!(
        (0.95..1.9).contains(&trips),
        "warm: {warm:?}, {trips} round trips"
    );
}
