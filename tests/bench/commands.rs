//! Whole commands, from start to the end of the process: `cargo bench --bench commands`. `ls` goes through our relay to
//! our daemon. Prints the peak memory of `ls` (with GNU time) and the size of the binary, too.
//!
//! With `PASEO_BENCH_OFFER` naming a file with an offer, `ls` is measured against that daemon; with
//! `PASEO_BENCH_OFFICIAL` naming an official `paseo`, that one is measured beside.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench stops at the first surprise, prints, and is told by variables what is there"
)]

mod world;

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};

use crate::world::{World, link, paseo, succeed, succeed_official};

/// Ten remotes, none of which needs a secret to be listed.
fn write_remotes(dir: &Path) {
    let mut text = String::from("version = 1\n");
    for n in 0..10 {
        text +=
            &format!("\n[remotes.box{n}]\nurl = \"tcp://10.0.0.{n}:6767\"\ntags = [\"prod\"]\n");
    }
    std::fs::write(dir.join("remotes.toml"), text).unwrap();
}

/// Passes bytes on between clients and the relay, and knows when the last ones came to a client.
struct Passage {
    address: String,
    arrived: Arc<Mutex<Instant>>,
}

impl Passage {
    fn before(relay: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let arrived = Arc::new(Mutex::new(Instant::now()));
        let (told, relay) = (Arc::clone(&arrived), relay.to_owned());
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (mut client, mut relay) =
                    (client.unwrap(), TcpStream::connect(&relay).unwrap());
                let (mut up, mut down) = (client.try_clone().unwrap(), relay.try_clone().unwrap());
                client.set_nodelay(true).unwrap();
                relay.set_nodelay(true).unwrap();
                std::thread::spawn(move || std::io::copy(&mut up, &mut relay));
                let told = Arc::clone(&told);
                std::thread::spawn(move || {
                    let mut buffer = [0; 16 * 1024];
                    while let Ok(length @ 1..) = down.read(&mut buffer) {
                        *told.lock().unwrap() = Instant::now();
                        if client.write_all(&buffer[..length]).is_err() {
                            break;
                        }
                    }
                });
            }
        });
        Self { address, arrived }
    }
}

/// An agent that says what is written into a pipe, and somebody who watches it.
struct Watched {
    pipe: File,
    attach: Child,
    passage: Passage,
}

impl Watched {
    /// `relay` is the address in the offer.
    fn start(home: &Path, offer: &str, relay: &str) -> Self {
        let path = home.join("pipe");
        let made = Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        let cwd = home.to_str().unwrap();
        let run = ["run", "-d", "-q", "--provider", "pipe", "--cwd", cwd];
        let ran = paseo(home, &[&run[..], &["hi", "--relay", offer]].concat())
            .output()
            .unwrap();
        assert!(ran.status.success(), "{ran:?}");
        let id = String::from_utf8(ran.stdout).unwrap();
        let pipe = File::options().write(true).open(path).unwrap();
        let passage = Passage::before(relay);
        let through = home.join("passage.json");
        let text = std::fs::read_to_string(offer).unwrap();
        std::fs::write(&through, text.replace(relay, &passage.address)).unwrap();
        let through = through.to_str().unwrap();
        let mut attach = paseo(home, &["attach", id.trim(), "--relay", through]);
        let attach = attach.stdout(Stdio::piped()).spawn().unwrap();
        let mut watched = Self {
            pipe,
            attach,
            passage,
        };
        watched.say(b'.'); // the first one may be history
        watched
    }

    /// Has the agent say a byte after a pause, and waits until it is shown. Returns how long that took, and how much
    /// of it passed after the byte had come to the client's socket.
    fn say_after_a_pause(&mut self, byte: u8) -> (Duration, Duration) {
        std::thread::sleep(PAUSE);
        let said = Instant::now();
        self.say(byte);
        (
            said.elapsed(),
            self.passage.arrived.lock().unwrap().elapsed(),
        )
    }

    /// Has the agent say a byte, and waits until it is shown.
    fn say(&mut self, byte: u8) {
        self.pipe.write_all(&[byte, b'\n']).unwrap();
        let stdout = self.attach.stdout.as_mut().unwrap();
        let mut shown = [0];
        while shown[0] != byte {
            stdout.read_exact(&mut shown).unwrap();
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.attach.kill();
        let _ = self.attach.wait();
    }
}

/// Longer than a daemon gathers what an agent says in a hurry.
const PAUSE: Duration = Duration::from_millis(50);

/// Prints what is a size, not a time.
fn report_sizes(home: &Path, ls: &[&str]) {
    let binary = std::fs::metadata(env!("CARGO_BIN_EXE_paseo")).unwrap();
    println!(
        "size of the binary: {:.2} MiB",
        binary.len() as f64 / 1024.0 / 1024.0
    );
    let mut time = Command::new("/usr/bin/time");
    time.args(["-f", "%M", env!("CARGO_BIN_EXE_paseo")]);
    let ours = paseo(home, ls);
    time.args(ours.get_args()).env_clear();
    for (name, value) in ours.get_envs() {
        time.env(name, value.unwrap());
    }
    match time.output() {
        Err(_) => println!("peak memory of ls: skipped, /usr/bin/time is not installed"),
        Ok(output) => {
            assert!(output.status.success());
            let told = String::from_utf8_lossy(&output.stderr);
            let kib: f64 = told.trim().parse().unwrap();
            println!("peak memory of ls: {:.1} MiB", kib / 1024.0);
        }
    }
}

fn commands(c: &mut Criterion) {
    let home = tempfile::tempdir().unwrap();
    write_remotes(home.path());
    let mut group = c.benchmark_group("commands");
    group
        .sample_size(30)
        .measurement_time(Duration::from_secs(3));
    group.bench_function("--version", |b| {
        b.iter(|| succeed(paseo(home.path(), &["--version"])))
    });
    group.bench_function("remote ls, 10 remotes", |b| {
        b.iter(|| succeed(paseo(home.path(), &["remote", "ls"])))
    });

    let own = home.path().join("offer.json");
    let (offer, world) = match std::env::var("PASEO_BENCH_OFFER") {
        Ok(offer) => (offer, None),
        Err(_) => {
            let agent = format!("pipe=cat {}/pipe", home.path().display());
            let world = World::start(home.path(), &agent, |relay| relay);
            (own.to_str().unwrap().to_owned(), Some(world))
        }
    };
    let ls = ["ls", "--relay", offer.as_str()];
    group.bench_function("ls through a relay", |b| {
        b.iter(|| succeed(paseo(home.path(), &ls)))
    });
    if let Some(world) = &world {
        let relay = &world.relay.to_string();
        let mut watched = Watched::start(home.path(), &offer, relay);
        let mut bytes = (b'a'..=b'z').cycle();
        let mut said = |count: u64| -> Vec<(Duration, Duration)> {
            let said = (0..count).map(|_| watched.say_after_a_pause(bytes.next().unwrap()));
            said.collect()
        };
        group.bench_function("from the agent's pipe to attach's stdout", |b| {
            b.iter_custom(|count| said(count).iter().map(|(whole, _)| whole).sum())
        });
        group.bench_function("of that, from the client's socket to its stdout", |b| {
            b.iter_custom(|count| said(count).iter().map(|(_, own)| own).sum())
        });
        let ping = ["ping", "-c", "20", "--relay", offer.as_str()];
        let told = paseo(home.path(), &ping).output().unwrap();
        println!(
            "round trips, to compare: {}",
            String::from_utf8_lossy(&told.stdout)
        );
    }
    report_sizes(home.path(), &ls);
    if let Ok(official) = std::env::var("PASEO_BENCH_OFFICIAL") {
        group.sample_size(10);
        let version = || succeed_official(&official, home.path(), &["--version"]);
        group.bench_function("official --version", |b| b.iter(version));
        let link = link(&std::fs::read_to_string(&offer).unwrap());
        let ls = || succeed_official(&official, home.path(), &["ls", "--host", &link]);
        group.bench_function("official ls through a relay", |b| b.iter(ls));
    }
    group.finish();
}

criterion_group!(benches, commands);
criterion_main!(benches);
