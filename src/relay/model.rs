//! Property tests of hub, registry, pipes and queues together: any sequence of what sockets can do,
//! against a model that knows only the rules of `docs/protocol.md`. No runtime, no clock.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;

use super::Limits;
use super::frame::Frame;
use super::hub::{Attached, Hub, Kind};
use super::outbox::Next;
use super::outgoing::Outgoing;
use super::pipe::Passed;
use crate::protocol::relay::{
    Close, ConnectQuery, ConnectionId, PRESENCE_ONLINE, RelayToDaemon, Role, Seat, ServerId,
};

/// What a socket does. Sockets are picked by index, modulo how many there are.
#[derive(Debug, Clone)]
enum Step {
    Attach {
        server: u8,
        seat: u8,
        id: u8,
        told: bool,
    },
    Detach(usize),
    Send(usize),
    Nudge(usize),
    Reset(usize),
    Read(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..3_u8, 0..5_u8, 0..3_u8, any::<bool>())
            .prop_map(|(server, seat, id, told)| Step::Attach { server, seat, id, told }),
        2 => any::<usize>().prop_map(Step::Detach),
        6 => any::<usize>().prop_map(Step::Send),
        1 => any::<usize>().prop_map(Step::Nudge),
        1 => any::<usize>().prop_map(Step::Reset),
        3 => any::<usize>().prop_map(Step::Read),
    ];
    prop::collection::vec(step, 0..120)
}

/// A socket as its task would hold it, and what it has seen.
struct Socket {
    attached: Attached,
    server: u8,
    seat: Seat,
    sent: u32,
    /// Number of the last frame from each sender.
    seen: HashMap<u64, u32>,
    told: Vec<RelayToDaemon>,
    online: Option<bool>,
}

struct World {
    hub: Arc<Hub>,
    open: Vec<Socket>,
    closed: HashSet<u64>,
}

impl World {
    fn new() -> Self {
        Self {
            hub: Arc::new(Hub::new(Limits::default())),
            open: Vec::new(),
            closed: HashSet::new(),
        }
    }

    /// What a client was `told` may be out of date when it gets its seat.
    fn attach(&mut self, server: u8, seat: u8, id: u8, told: bool) {
        let id = ConnectionId::new(&format!("id{id}")).unwrap();
        let seat = match seat {
            0 => Seat::Legacy(Role::Server),
            1 => Seat::Legacy(Role::Client),
            2 => Seat::Control,
            3 => Seat::Data(id),
            _ => Seat::Client(Some(id)),
        };
        let query = ConnectQuery {
            server: ServerId::new(&format!("s{server}")).unwrap(),
            seat: seat.clone(),
        };
        self.open.push(Socket {
            attached: self.hub.attach(query, None, Some(told)),
            server,
            seat,
            sent: 0,
            seen: HashMap::new(),
            told: Vec::new(),
            online: Some(told),
        });
    }

    /// Reads all that a socket has; returns whether it was closed.
    fn read(&mut self, index: usize) -> Result<Option<Close>, TestCaseError> {
        let cx = Context::from_waker(Waker::noop());
        loop {
            let socket = &mut self.open[index];
            let mut out = Outgoing::default();
            let end = match socket.attached.outbox.poll_next(&cx, &mut out) {
                Poll::Pending => return Ok(None),
                Poll::Ready(Next::Close(why)) => Some(why),
                Poll::Ready(Next::Frames) => None,
            };
            let frames = out.drain();
            let sent = super::wire::Sent {
                cost: frames.iter().map(Frame::cost).sum(),
                bytes: 1,
                timed: None,
            };
            socket.attached.outbox.sent(&sent);
            for frame in frames {
                self.check(index, &frame)?;
            }
            if end.is_some() {
                return Ok(end);
            }
        }
    }

    /// A frame names its sender, where it sat, and its number: it must come from the other side of
    /// the same connection, once, and in order.
    fn check(&mut self, index: usize, frame: &Frame) -> Result<(), TestCaseError> {
        if frame.kind == super::frame::Kind::Ping {
            return self.check_presence(index, &frame.body);
        }
        let text = std::str::from_utf8(&frame.body).unwrap();
        let socket = &mut self.open[index];
        if socket.seat == Seat::Control {
            socket.told.push(RelayToDaemon::parse(text));
            return Ok(());
        }
        let fields: Vec<&str> = text.split('|').collect();
        let [sender, server, seat, number] = fields[..] else {
            return Err(TestCaseError::fail(text.to_owned()));
        };
        prop_assert_eq!(server, socket.server.to_string(), "another daemon's frame");
        let expected = match &socket.seat {
            Seat::Legacy(Role::Server) => "legacy client".to_owned(),
            Seat::Legacy(Role::Client) => "legacy server".to_owned(),
            Seat::Data(id) => format!("client {}", id.as_str()),
            Seat::Client(Some(id)) => format!("data {}", id.as_str()),
            other => return Err(TestCaseError::fail(format!("a frame for {other:?}"))),
        };
        prop_assert_eq!(seat, expected, "from a wrong peer");
        let number: u32 = number.parse().unwrap();
        let last = socket.seen.insert(sender.parse().unwrap(), number);
        prop_assert!(
            last.is_none_or(|last| last < number),
            "out of order or twice"
        );
        Ok(())
    }

    /// Presence goes to clients only, and changes each time.
    fn check_presence(&mut self, index: usize, body: &[u8]) -> Result<(), TestCaseError> {
        let socket = &mut self.open[index];
        prop_assert!(matches!(socket.seat, Seat::Client(_)));
        let online = body == PRESENCE_ONLINE.as_bytes();
        prop_assert_ne!(socket.online.replace(online), Some(online));
        Ok(())
    }

    fn send(&mut self, index: usize) {
        let socket = &mut self.open[index];
        let seat = match &socket.seat {
            Seat::Legacy(Role::Server) => "legacy server".to_owned(),
            Seat::Legacy(Role::Client) => "legacy client".to_owned(),
            Seat::Data(id) => format!("data {}", id.as_str()),
            Seat::Client(Some(id)) => format!("client {}", id.as_str()),
            _ => return,
        };
        let Kind::Peer(role, pipe) = &socket.attached.kind else {
            return;
        };
        let sender = socket.attached.outbox.id().0;
        socket.sent += 1;
        let text = format!("{sender}|{}|{seat}|{}", socket.server, socket.sent);
        let passed = pipe.pass(*role, &socket.attached.outbox, Frame::text(text));
        assert!(matches!(passed, Passed::On | Passed::Displaced));
    }

    fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        let pick = |index: usize, open: &[Socket]| (!open.is_empty()).then(|| index % open.len());
        match step {
            Step::Attach {
                server,
                seat,
                id,
                told,
            } => self.attach(server, seat, id, told),
            Step::Detach(index) => {
                if let Some(index) = pick(index, &self.open) {
                    self.open.swap_remove(index);
                }
            }
            Step::Send(index) => {
                if let Some(index) = pick(index, &self.open) {
                    self.send(index);
                }
            }
            Step::Nudge(index) => {
                if let Some(index) = pick(index, &self.open) {
                    self.open[index].attached.nudge();
                }
            }
            Step::Reset(index) => {
                if let Some(index) = pick(index, &self.open) {
                    self.open[index].attached.reset();
                }
            }
            Step::Read(index) => {
                if let Some(index) = pick(index, &self.open)
                    && self.read(index)?.is_some()
                {
                    self.open.swap_remove(index);
                }
            }
        }
        self.settle()
    }

    /// Lets the sockets that the relay closed go, until nothing changes; then the rules hold that
    /// do not depend on history.
    fn settle(&mut self) -> Result<(), TestCaseError> {
        let mut index = 0;
        while index < self.open.len() {
            if self.open[index].attached.outbox.closing() {
                prop_assert!(self.read(index)?.is_some());
                let gone = self.open.swap_remove(index);
                self.closed.insert(gone.attached.outbox.id().0);
                index = 0;
            } else {
                index += 1;
            }
        }
        let mut seats = HashSet::new();
        for socket in &self.open {
            let single = !matches!(socket.seat, Seat::Client(_));
            let fresh = seats.insert((socket.server, socket.seat.clone()));
            prop_assert!(fresh || !single, "two sockets in one seat");
        }
        prop_assert_eq!(self.hub.gauges().sockets, self.open.len());
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn frames_reach_their_peers_in_order_and_nothing_is_left(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            world.step(step)?;
        }
        for index in 0..world.open.len() {
            world.read(index)?;
        }
        for client in world.open.iter().filter(|s| matches!(s.seat, Seat::Client(_))) {
            let mut daemons = world.open.iter().filter(|s| s.seat == Seat::Control);
            let online = daemons.any(|daemon| daemon.server == client.server);
            prop_assert_eq!(client.online, Some(online), "told wrong");
        }
        world.open.clear();
        prop_assert!(world.hub.is_empty(), "something is left after the last socket");
        prop_assert_eq!(world.hub.gauges().queued_bytes, 0);
    }

    /// What a control socket was told adds up to the clients that are there.
    #[test]
    fn a_control_socket_knows_the_clients(steps in steps()) {
        let mut world = World::new();
        world.attach(0, 2, 0, false);
        for step in steps {
            // This control socket stays where it is.
            let keeps = match &step {
                Step::Attach { server, seat, .. } => (*server, *seat) != (0, 2),
                Step::Detach(index) | Step::Read(index) => {
                    world.open.get(index % world.open.len()).is_none_or(|s| s.seat != Seat::Control)
                }
                Step::Reset(_) => false,
                Step::Send(_) | Step::Nudge(_) => true,
            };
            if keeps {
                world.step(step)?;
            }
        }
        let control = world.open.iter().position(|s| s.server == 0 && s.seat == Seat::Control);
        let control = control.unwrap();
        world.read(control)?;
        let mut known = HashSet::new();
        for message in &world.open[control].told {
            match message {
                RelayToDaemon::Sync { connection_ids } => {
                    known = connection_ids.iter().cloned().collect();
                }
                RelayToDaemon::Connected { connection_id } => {
                    known.insert(connection_id.clone());
                }
                RelayToDaemon::Disconnected { connection_id } => {
                    prop_assert!(known.remove(connection_id), "told of an end without a start");
                }
                other => prop_assert!(false, "told {other:?}"),
            }
        }
        let there: HashSet<_> = world.open.iter().filter(|s| s.server == 0).filter_map(|s| {
            match &s.seat {
                Seat::Client(Some(id)) => Some(id.clone()),
                _ => None,
            }
        }).collect();
        prop_assert_eq!(known, there);
    }
}
