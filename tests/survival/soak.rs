//! A relay, a daemon and many clients for a long time, with something going wrong all the time. What must hold:
//! every client shows every item once and in order, none is stuck at the end, and without clients the servers have
//! as few descriptors and as little memory as they had long before.
//!
//! CI has a short form. The long one: `PASEO_TEST_SOAK=20m PASEO_TEST_CLIENTS=200`, with `--nocapture` for its
//! figures. `PASEO_TEST_SEED=N` gives other faults.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};

use crate::road::{Road, Way};
use crate::watcher::{Item, Watcher, told};
use crate::world::{World, until};

/// Clients on one road, and clients of one agent.
const TOGETHER: usize = 10;
/// How long the roads are closed before the servers are looked at.
const CALM: Duration = Duration::from_secs(2);
/// What an idle server may have more at the end than long before, in KiB: what an allocator keeps moves by some
/// MiB, and the daemon has more to remember.
const MORE_KIB: usize = 16 * 1024;
/// … and in descriptors: a file that is open at the moment.
const MORE_DESCRIPTORS: usize = 4;
/// Most descriptors and memory of a client.
const CLIENT: Idle = Idle {
    descriptors: 32,
    kib: 64 * 1024,
};
/// Connections that say half of something, at most.
const MAX_HALVES: usize = 40;

/// Picks by chance (xorshift).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

/// What a process has.
#[derive(Debug, Clone, Copy)]
struct Idle {
    descriptors: usize,
    kib: usize,
}

impl Idle {
    fn of(pid: u32) -> Self {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.unwrap().split_whitespace().nth(1).unwrap();
        Self {
            // Nobody but root may look.
            descriptors: std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count),
            kib: kib.parse().unwrap(),
        }
    }
}

/// The relay and the daemon without clients.
#[derive(Debug, Clone, Copy)]
struct Quiet {
    relay: Idle,
    daemon: Idle,
}

/// A client, and which agent it shows over which road.
struct Client {
    watcher: Watcher,
    agent: usize,
    road: usize,
}

struct Soak {
    world: World,
    roads: Vec<Road>,
    agents: Vec<String>,
    clients: Vec<Client>,
    halves: Vec<TcpStream>,
    chance: Chance,
    /// How often each fault was there.
    happened: std::collections::BTreeMap<&'static str, usize>,
}

impl Soak {
    fn start(clients: usize, seed: u64) -> Self {
        let world = World::with_backbone();
        let groups = clients.div_ceil(TOGETHER);
        let roads: Vec<_> = (0..groups).map(|_| Road::to(world.relay_at)).collect();
        for (n, road) in roads.iter().enumerate() {
            world.saves(&format!("work{n}"), road.port);
        }
        let agents = (0..groups).map(|_| world.agent("items 1")).collect();
        let mut soak = Self {
            world,
            roads,
            agents,
            clients: Vec::new(),
            halves: Vec::new(),
            chance: Chance(seed.max(1)),
            happened: Default::default(),
        };
        for n in 0..clients {
            // Those on one road show different agents.
            let (road, agent) = (n / TOGETHER, n % groups);
            let client = soak.client(road, agent);
            soak.clients.push(client);
        }
        soak
    }

    fn client(&self, road: usize, agent: usize) -> Client {
        let remote = format!("work{road}");
        let id = self.agents[agent].as_str();
        let attach = ["-r", &remote, "attach", id, "--json"];
        let logs = [
            "-r", &remote, "logs", id, "-f", "--tail", "100000", "--json",
        ];
        let args: &[&str] = match agent % 2 {
            0 => &attach,
            _ => &logs,
        };
        Client {
            watcher: Watcher::start(&self.world, args),
            agent,
            road,
        }
    }

    /// Lets some agents work, and something go wrong meanwhile, for so long.
    fn runs(&mut self, time: Duration, restarts: bool) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            for _ in 0..self.agents.len().div_ceil(5) {
                let agent = self.chance.below(self.agents.len());
                self.prompt(agent, "every 150 items 12");
            }
            self.fault(restarts);
            sleep(Duration::from_millis(self.chance.below(3000) as u64));
        }
    }

    /// A prompt that comes while the daemon restarts is lost, like the turn that it would have been.
    fn prompt(&self, agent: usize, words: &str) {
        let send = ["send", &self.agents[agent], words, "--no-wait"];
        let _ = self.world.run(&send);
    }

    fn fault(&mut self, restarts: bool) {
        let road = self.chance.below(self.roads.len());
        let millis = 200 + self.chance.below(4000) as u64;
        let name = match self.chance.below(if restarts { 14 } else { 12 }) {
            0 => self.road_is(road, Way::Cut, millis, "a road is closed"),
            1 => self.road_is(road, Way::Dead, millis, "a road is silent"),
            2 => self.road_is(road, Way::Dead, 22_000, "a road is half open"),
            3 => self.road_is(road, Way::Slow(2048), millis, "a road is slow"),
            4 => self.road_is(road, Way::Loses(5), millis, "a road loses frames"),
            5 => self.road_is(road, Way::Damages(7), millis, "a road damages frames"),
            6 => {
                self.roads[road].cut();
                "all of a road are dropped"
            }
            7 => {
                let backbone = self.world.backbone.as_ref().unwrap();
                backbone.cut();
                "the daemon is dropped"
            }
            8 => {
                let backbone = self.world.backbone.as_ref().unwrap();
                backbone.becomes(Way::Dead);
                sleep(Duration::from_millis(millis));
                backbone.becomes(Way::Whole);
                "the daemon is silent"
            }
            9 => {
                let n = self.chance.below(self.clients.len());
                let Client { road, agent, .. } = self.clients[n];
                // What replaces it is started first; dropping kills.
                self.clients[n] = self.client(road, agent);
                "a client is killed"
            }
            10 => {
                let n = self.chance.below(self.clients.len());
                let pid = self.clients[n].watcher.pid();
                kill_process(pid, Signal::STOP).unwrap();
                // It does not read meanwhile.
                let agent = self.clients[n].agent;
                self.prompt(agent, "items 500");
                sleep(Duration::from_millis(millis));
                kill_process(pid, Signal::CONT).unwrap();
                "a client stops reading"
            }
            11 => {
                self.half();
                "somebody says half of something"
            }
            12 => {
                self.world.restart_relay();
                "the relay is killed"
            }
            _ => {
                self.world.kill_daemon();
                sleep(Duration::from_millis(millis));
                self.world.start_daemon();
                "the daemon is killed"
            }
        };
        *self.happened.entry(name).or_default() += 1;
    }

    fn road_is(&self, road: usize, way: Way, millis: u64, name: &'static str) -> &'static str {
        self.roads[road].becomes(way);
        sleep(Duration::from_millis(millis));
        self.roads[road].becomes(Way::Whole);
        name
    }

    /// A stranger at the relay, who stays.
    fn half(&mut self) {
        let said = match self.chance.below(3) {
            0 => "",
            1 => "GET /ws?serverId=srv_stranger&role=client&v=2 HTTP/1.1\r\nhost: x\r\n",
            _ => concat!(
                "GET /ws?serverId=srv_stranger&role=client&v=2 HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\n",
                "upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\u{1}"
            ),
        };
        let mut stream = TcpStream::connect(self.world.relay_at).unwrap();
        let _ = stream.write_all(said.as_bytes());
        self.halves.push(stream);
        if self.halves.len() > MAX_HALVES {
            self.halves.remove(0);
        }
    }

    /// Closes all roads, and looks at the servers without clients.
    fn quiet(&mut self, before: Option<Quiet>) -> Quiet {
        self.halves.clear();
        self.roads.iter().for_each(|road| road.becomes(Way::Cut));
        let relay_at = self.world.relay_at;
        // Of the daemon there is the control socket only.
        until("the relay lets all clients go", || {
            sockets(relay_at) == Some(1)
        });
        sleep(CALM);
        let most = |of: fn(Quiet) -> Idle| before.map_or(usize::MAX, |quiet| of(quiet).descriptors);
        let (relay, daemon) = (self.world.relay_pid(), self.world.daemon_pid());
        until("descriptors are given back", || {
            Idle::of(relay).descriptors
                <= most(|quiet| quiet.relay).saturating_add(MORE_DESCRIPTORS)
                && Idle::of(daemon).descriptors
                    <= most(|quiet| quiet.daemon).saturating_add(MORE_DESCRIPTORS)
        });
        let quiet = Quiet {
            relay: Idle::of(relay),
            daemon: Idle::of(daemon),
        };
        self.roads.iter().for_each(|road| road.becomes(Way::Whole));
        quiet
    }

    /// The last word of every agent reaches every client, and what came before it was whole.
    fn all_have_seen_everything(&self) -> usize {
        for n in 0..self.agents.len() {
            let send = ["send", &self.agents[n], "items 1 emit 1 tool"];
            let sent = self.world.run(&send);
            assert!(sent.status.success(), "{sent:?}");
        }
        let is_item = |(_, text): &Item| text.starts_with("item ");
        let told = |agent: &String| told(&self.world, agent).into_iter().filter(is_item);
        let truth: Vec<Vec<Item>> = self
            .agents
            .iter()
            .map(|agent| told(agent).collect())
            .collect();
        for (n, client) in self.clients.iter().enumerate() {
            let truth = &truth[client.agent];
            let seen =
                || -> Vec<Item> { client.watcher.items().into_iter().filter(is_item).collect() };
            let what = || format!("client {n} has seen the end: {}", client.watcher.said());
            until(&what(), || seen().last() == truth.last());
            let seen = seen();
            let odd = seen.iter().zip(truth).find(|(seen, truth)| seen != truth);
            let counts = (seen.len(), truth.len());
            assert!(
                odd.is_none() && counts.0 == counts.1,
                "client {n}: {odd:?}, {counts:?}"
            );
            let has = Idle::of(client.watcher.pid().as_raw_nonzero().get() as u32);
            assert!(
                has.descriptors <= CLIENT.descriptors && has.kib <= CLIENT.kib,
                "client {n} has {has:?}"
            );
        }
        truth.iter().map(Vec::len).sum()
    }
}

/// The sockets of a relay, by its own count.
fn sockets(relay: std::net::SocketAddr) -> Option<usize> {
    let mut stream = TcpStream::connect(relay).ok()?;
    let request = "GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let line = answer
        .lines()
        .find(|line| line.starts_with("paseo_relay_active_websockets "))?;
    line.split_whitespace().last()?.parse().ok()
}

fn asked(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[test]
fn many_clients_for_a_long_time() {
    let time = asked("PASEO_TEST_SOAK").map_or(Duration::from_secs(20), |time| {
        time.parse::<humantime::Duration>().unwrap().into()
    });
    let clients = asked("PASEO_TEST_CLIENTS").map_or(20, |count| count.parse().unwrap());
    let seed = asked("PASEO_TEST_SEED").map_or(7, |seed| seed.parse().unwrap());
    let began = Instant::now();
    let mut soak = Soak::start(clients, seed);
    // The first part ends with the processes that are looked at, after everything has happened to them once.
    soak.runs(time * 2 / 5, true);
    let before = soak.quiet(None);
    soak.runs(time * 3 / 5, false);
    let after = soak.quiet(Some(before));
    let items = soak.all_have_seen_everything();
    println!(
        "{clients} clients, {items} items, {:?}\nat first {before:?}\nat last {after:?}\n{:#?}",
        began.elapsed(),
        soak.happened
    );
    for (name, before, after) in [
        ("relay", before.relay, after.relay),
        ("daemon", before.daemon, after.daemon),
    ] {
        let most = before.kib + MORE_KIB;
        assert!(after.kib <= most, "{name}: {before:?}, then {after:?}");
    }
}
