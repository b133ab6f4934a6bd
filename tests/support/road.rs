//! A road between a client and a relay that can be broken in every way that roads break.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How a road carries what comes from the daemon's side. What the client sends goes through, unless the road is
/// dead.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(dead_code, reason = "not every test needs every fault")]
pub(crate) enum Way {
    /// As it is.
    #[default]
    Whole,
    /// Nothing any more, in neither direction, and nobody is told.
    Dead,
    /// New connections are refused, and old ones are cut.
    Cut,
    /// So many bytes in a second.
    Slow(usize),
    /// Each piece late by so many milliseconds.
    Late(u64),
    /// In pieces of so many bytes.
    Crumbs(usize),
    /// Without every n-th frame.
    Loses(usize),
    /// With every n-th frame twice.
    Doubles(usize),
    /// With every n-th frame behind the next one.
    Swaps(usize),
    /// With a bit of every n-th frame changed.
    Damages(usize),
    /// Accepts connections, and then says nothing.
    Mute,
    /// With a close frame of this code instead of the next frame.
    Closes(u16),
}

struct State {
    way: Mutex<Way>,
    open: Mutex<Vec<TcpStream>>,
    carried: AtomicUsize,
    accepted: AtomicUsize,
}

/// The road.
pub(crate) struct Road {
    pub(crate) port: u16,
    state: Arc<State>,
}

#[allow(dead_code, reason = "not every test asks everything")]
impl Road {
    /// Leads to an address.
    pub(crate) fn to(address: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            way: Mutex::default(),
            open: Mutex::default(),
            carried: AtomicUsize::new(0),
            accepted: AtomicUsize::new(0),
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().map(Result::unwrap) {
                shared.accepted.fetch_add(1, Ordering::Relaxed);
                let state = Arc::clone(&shared);
                thread::spawn(move || state.carry(client, address));
            }
        });
        Self { port, state }
    }

    /// Makes an offer, as JSON, lead over the road.
    pub(crate) fn offer(&self, offer: &str) -> String {
        let mut offer: serde_json::Value = serde_json::from_str(offer).unwrap();
        offer["relay"]["endpoint"] = format!("127.0.0.1:{}", self.port).into();
        offer.to_string()
    }

    /// From now on it is like this.
    pub(crate) fn becomes(&self, way: Way) {
        *self.state.way.lock().unwrap() = way;
        if way == Way::Cut {
            self.cut();
        }
    }

    /// Ends every connection, by a reset for one that still has something to say.
    pub(crate) fn cut(&self) {
        for stream in self.state.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Bytes that came from the daemon's side.
    pub(crate) fn carried(&self) -> usize {
        self.state.carried.load(Ordering::Relaxed)
    }

    /// Connections that were opened.
    pub(crate) fn accepted(&self) -> usize {
        self.state.accepted.load(Ordering::Relaxed)
    }
}

impl State {
    fn way(&self) -> Way {
        *self.way.lock().unwrap()
    }

    fn carry(self: Arc<Self>, client: TcpStream, address: SocketAddr) {
        if self.way() == Way::Cut {
            return;
        }
        let Ok(relay) = TcpStream::connect(address) else {
            return;
        };
        for stream in [&client, &relay] {
            stream.set_nodelay(true).unwrap();
            self.open.lock().unwrap().push(stream.try_clone().unwrap());
        }
        let (from, mut to) = (client.try_clone().unwrap(), relay.try_clone().unwrap());
        let state = Arc::clone(&self);
        let up = thread::spawn(move || {
            let _ = state.upwards(from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
        });
        let _ = self.downwards(relay, &client);
        // A dead road does not tell of its end.
        if self.way() != Way::Dead {
            let _ = client.shutdown(Shutdown::Both);
        }
        up.join().unwrap();
    }

    fn upwards(&self, mut from: TcpStream, to: &mut TcpStream) -> std::io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        loop {
            let length = from.read(&mut buffer)?;
            if length == 0 {
                return Ok(());
            }
            self.wait_while_dead();
            to.write_all(&buffer[..length])?;
        }
    }

    /// What is on a dead road arrives when the road comes back, as retransmission would have it.
    fn wait_while_dead(&self) {
        while matches!(self.way(), Way::Dead | Way::Mute) {
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn downwards(&self, mut from: TcpStream, mut to: &TcpStream) -> std::io::Result<()> {
        let mut frames = Frames::default();
        let mut buffer = [0; 16 * 1024];
        loop {
            let length = from.read(&mut buffer)?;
            if length == 0 {
                return Ok(());
            }
            self.carried.fetch_add(length, Ordering::Relaxed);
            self.wait_while_dead();
            let whole = frames.take(&buffer[..length]);
            match self.way() {
                Way::Slow(rate) => {
                    for piece in whole.concat().chunks(rate.div_ceil(20)) {
                        to.write_all(piece)?;
                        thread::sleep(Duration::from_millis(50));
                    }
                }
                Way::Late(millis) => {
                    thread::sleep(Duration::from_millis(millis));
                    to.write_all(&whole.concat())?;
                }
                Way::Crumbs(size) => {
                    for piece in whole.concat().chunks(size) {
                        to.write_all(piece)?;
                    }
                }
                Way::Closes(code) => {
                    let [high, low] = code.to_be_bytes();
                    to.write_all(&[0x88, 2, high, low])?;
                    return Ok(());
                }
                way => to.write_all(&frames.changed(way, whole).concat())?,
            }
        }
    }
}

/// Cuts a stream into an HTTP head and the frames of a WebSocket (RFC 6455 section 5.2), as a server sends them.
#[derive(Default)]
struct Frames {
    rest: Vec<u8>,
    upgraded: bool,
    count: usize,
    held: Option<Vec<u8>>,
}

impl Frames {
    /// Returns what is whole now.
    fn take(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        self.rest.extend(bytes);
        let mut whole = Vec::new();
        while let Some(length) = self.length() {
            whole.push(self.rest.drain(..length).collect());
            self.upgraded = true;
        }
        whole
    }

    fn length(&self) -> Option<usize> {
        if !self.upgraded {
            let end = self.rest.windows(4).position(|four| four == b"\r\n\r\n");
            return end.map(|at| at + 4);
        }
        let short = usize::from(*self.rest.get(1)? & 0x7f);
        let (head, length) = match short {
            126 => (4, self.number(2, 2)?),
            127 => (10, self.number(2, 8)?),
            length => (2, length),
        };
        (self.rest.len() >= head + length).then_some(head + length)
    }

    fn number(&self, from: usize, bytes: usize) -> Option<usize> {
        let digits = self.rest.get(from..from + bytes)?;
        Some(
            digits
                .iter()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte)),
        )
    }

    /// Applies the faults of a way to frames.
    fn changed(&mut self, way: Way, frames: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        for mut frame in frames {
            self.count += 1;
            let count = self.count;
            let hit = move |n: usize| count.is_multiple_of(n);
            match way {
                Way::Loses(n) if hit(n) => continue,
                Way::Doubles(n) if hit(n) => out.push(frame.clone()),
                Way::Swaps(n) if hit(n) => {
                    self.held = Some(frame);
                    continue;
                }
                // Text stays text: a wrong frame would be noticed by anybody.
                Way::Damages(n) if hit(n) && frame.len() > 2 => {
                    if let Some(last) = frame.last_mut() {
                        *last ^= 1;
                    }
                }
                _ => {}
            }
            out.push(frame);
            out.extend(self.held.take());
        }
        out
    }
}
