//! `attach --json` and `logs -f --json` lose nothing and double nothing, whatever happens to their connection.
//!
//! `PASEO_TEST_ITEMS=5000` makes the agent say as much as the long form of the test wants; CI has a tenth of that.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};

use crate::road::Way;
use crate::watcher::{Watcher, told};
use crate::world::{PATIENCE, World, until, until_within};

/// What happens while the agent works.
pub(crate) enum Fault {
    /// The connection is reset so many times.
    Drops(usize),
    /// The road is like this for so many milliseconds.
    Becomes(Way, u64),
    /// The same, and then its connections end.
    BecomesAndEnds(Way, u64),
    /// So many of a hundred packets are lost, for so many milliseconds.
    LosesPackets(u32, u64),
    /// The road ends without a word, and the clock goes so far forward.
    SleepsByTheClock(Duration),
    /// This process stands still for so many milliseconds, and the road changes meanwhile.
    Sleeps(u64, Way),
    RelayRestarts,
    DaemonRestarts,
}

fn count() -> usize {
    let asked = std::env::var("PASEO_TEST_ITEMS").ok();
    asked.map_or(500, |count| count.parse().unwrap())
}

/// Runs a script of faults against a command while an agent works; compares with the daemon's timeline.
pub(crate) fn survives(name: &str, command: &[&str], faults: &[Fault]) {
    survives_in(&mut World::new(), name, &["-r", "work"], command, faults);
}

/// The same in a world, where `reach` are the words that lead to the daemon.
pub(crate) fn survives_in(
    world: &mut World,
    name: &str,
    reach: &[&str],
    command: &[&str],
    faults: &[Fault],
) {
    let count = count();
    // So that it takes three seconds at least.
    let every = 3000usize.div_ceil(count).max(1);
    let agent = world.agent(&format!("every {every} items {count}"));
    let args = [
        reach,
        &[command[0], agent.as_str()],
        &command[1..],
        &["--json"],
    ]
    .concat();
    let watcher = Watcher::start(world, &args);
    until("it watches", || watcher.has("item 20"));
    let mut last = "Done.";
    for fault in faults {
        happens(world, &watcher, fault);
        if matches!(fault, Fault::DaemonRestarts) {
            // The turn has ended with the daemon.
            world.json(&[
                "send",
                &agent,
                &format!("every {every} items {count} emit 1"),
                "--no-wait",
            ]);
            last = "piece 1 Done.";
        }
    }
    let finished = || {
        let joined: String = watcher
            .items()
            .iter()
            .map(|(_, text)| text.as_str())
            .collect();
        joined.ends_with(last)
    };
    // The long form may take longer, too.
    let patience = PATIENCE.max(Duration::from_millis(100) * count as u32);
    let missed = || {
        let seen = watcher.items().len();
        format!("{name}: it sees the end; {seen} items; {}", watcher.said())
    };
    until_within(patience, missed, finished);
    // The truth, row by row: items do not fold.
    let is_item = |(_, text): &(String, String)| text.starts_with("item ");
    let truth: Vec<_> = told(world, &agent).into_iter().filter(is_item).collect();
    let seen: Vec<_> = watcher.items().into_iter().filter(is_item).collect();
    let mut times = BTreeMap::new();
    for item in &seen {
        *times.entry(item).or_insert(0) += 1;
    }
    let doubled: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
    let lost: Vec<_> = truth
        .iter()
        .filter(|item| !times.contains_key(item))
        .collect();
    assert!(
        doubled.is_empty() && lost.is_empty(),
        "{name}: doubled {doubled:?}, lost {lost:?}"
    );
    assert_eq!(seen, truth, "{name}: in order; {}", watcher.said());
    if faults.iter().any(ends_connections) {
        let told = || watcher.said().contains("connected again after");
        until(&format!("{name}: it tells of it"), told);
    }
}

fn ends_connections(fault: &Fault) -> bool {
    !matches!(
        fault,
        Fault::Becomes(
            Way::Slow(_)
                | Way::Late(_)
                | Way::Crumbs(_)
                | Way::Dead
                | Way::Loses(_)
                | Way::Swaps(_),
            _
        ) | Fault::Sleeps(_, Way::Whole)
            | Fault::LosesPackets(..)
    )
}

fn happens(world: &mut World, watcher: &Watcher, fault: &Fault) {
    let pause = |millis: u64| thread::sleep(Duration::from_millis(millis));
    match fault {
        Fault::Drops(times) => {
            for _ in 0..*times {
                world.road.cut();
                pause(300);
            }
        }
        Fault::Becomes(way, millis) => {
            world.road.becomes(*way);
            pause(*millis);
            world.road.becomes(Way::Whole);
        }
        Fault::SleepsByTheClock(time) => {
            let uptime = crate::alone::Uptime::take_over();
            // The watcher looks once a second.
            pause(2000);
            world.road.becomes(Way::Dead);
            uptime.jump(*time);
            let asleep = Instant::now();
            until("it notices", || watcher.said().contains("lost"));
            // Without the sleep it would have waited for twenty seconds.
            let noticed = asleep.elapsed();
            assert!(noticed < Duration::from_secs(15), "{noticed:?}");
            world.road.cut();
            world.road.becomes(Way::Whole);
        }
        Fault::LosesPackets(percent, millis) => {
            let losing = crate::alone::Losing::at(world.road.port, *percent);
            pause(*millis);
            drop(losing);
        }
        Fault::BecomesAndEnds(way, millis) => {
            world.road.becomes(*way);
            pause(*millis);
            world.road.cut();
            world.road.becomes(Way::Whole);
        }
        Fault::Sleeps(millis, way) => {
            kill_process(watcher.pid(), Signal::STOP).unwrap();
            world.road.becomes(*way);
            pause(*millis);
            world.road.becomes(Way::Whole);
            kill_process(watcher.pid(), Signal::CONT).unwrap();
        }
        Fault::RelayRestarts => world.restart_relay(),
        Fault::DaemonRestarts => {
            world.kill_daemon();
            pause(300);
            world.start_daemon();
        }
    }
}

const ATTACH: &[&str] = &["attach"];
const LOGS: &[&str] = &["logs", "-f", "--tail", "100000"];

macro_rules! scripts {
    ($($name:ident: $command:expr, [$($fault:expr),* $(,)?];)*) => {$(
        #[test]
        fn $name() {
            survives(stringify!($name), $command, &[$($fault),*]);
        }
    )*};
}

use Fault::{Becomes, BecomesAndEnds, DaemonRestarts, Drops, RelayRestarts, Sleeps};

scripts! {
    nothing_happens: ATTACH, [];
    one_drop: ATTACH, [Drops(1)];
    a_drop_again_and_again: ATTACH, [Drops(5)];
    no_way_for_a_second: ATTACH, [BecomesAndEnds(Way::Cut, 1000)];
    half_open_and_then_closed: ATTACH, [BecomesAndEnds(Way::Dead, 2000)];
    half_open_until_it_is_noticed: ATTACH, [BecomesAndEnds(Way::Dead, 25_000)];
    silent_for_a_while: ATTACH, [Becomes(Way::Dead, 3000)];
    new_connections_hear_nothing: ATTACH, [Drops(1), BecomesAndEnds(Way::Mute, 2000)];
    the_relay_restarts: ATTACH, [RelayRestarts];
    the_relay_restarts_twice: ATTACH, [RelayRestarts, RelayRestarts];
    the_daemon_restarts: ATTACH, [DaemonRestarts];
    relay_and_daemon_restart: ATTACH, [RelayRestarts, DaemonRestarts];
    asleep_while_nothing_happens: ATTACH, [Sleeps(6000, Way::Whole)];
    asleep_while_the_road_ends: ATTACH, [Sleeps(6000, Way::Cut)];
    twenty_kilobytes_a_second: ATTACH, [Becomes(Way::Slow(20 * 1024), 4000)];
    slow_and_then_gone: ATTACH, [BecomesAndEnds(Way::Slow(20 * 1024), 2000)];
    late_by_a_quarter_of_a_second: ATTACH, [Becomes(Way::Late(250), 3000)];
    byte_by_byte: ATTACH, [Becomes(Way::Crumbs(1), 2000)];
    a_fifth_of_the_frames_lost: ATTACH, [Becomes(Way::Loses(5), 1500)];
    half_of_the_frames_lost_and_then_gone: ATTACH, [BecomesAndEnds(Way::Loses(2), 1000)];
    frames_come_twice: ATTACH, [Becomes(Way::Doubles(7), 500)];
    frames_change_places: ATTACH, [Becomes(Way::Swaps(3), 1500)];
    frames_are_damaged: ATTACH, [Becomes(Way::Damages(9), 500)];
    closed_with_1008: ATTACH, [Becomes(Way::Closes(1008), 300)];
    closed_with_1012_again_and_again: ATTACH, [Becomes(Way::Closes(1012), 1500)];
    everything_at_once: ATTACH, [Drops(2), Becomes(Way::Swaps(4), 300), RelayRestarts, Becomes(Way::Loses(6), 300), Drops(1)];
    logs_over_a_drop: LOGS, [Drops(2)];
    logs_over_a_restart: LOGS, [RelayRestarts];
    logs_without_some_frames: LOGS, [Becomes(Way::Loses(5), 1000)];
}
