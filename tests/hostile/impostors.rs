//! Another daemon answers where the paired one should, on a route where a daemon proves no key: over TCP, a Unix socket
//! and ssh. Whoever dials there asks it nothing and shows nothing of it: a command, one that is measured, one with a
//! connection that is kept ready, and the clients of a forward.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

use serde_json::json;
use tokio_tungstenite::tungstenite::{Message, client};

use crate::holders::{holder, in_place_of, lead, ls};
use crate::honest::Honest;
use crate::process::{Ran, Server, paseo, run};
use crate::stranger::{Asked, IMPOSTOR, Role, Stranger};
use crate::tool::is_missing;

/// The world in which `work` has one more route.
struct World {
    honest: Honest,
    way: Stranger,
    asked: Asked,
    via: &'static str,
}

impl World {
    fn start(via: &'static str) -> Self {
        let honest = Honest::start();
        let way = Stranger::start(Role::Honest(honest.daemon_address.clone()));
        let home = honest.home();
        let value = match via {
            "direct" => format!("direct=tcp://{}", way.address),
            "unix" => {
                let path = home.join("way.sock");
                lead(UnixListener::bind(&path).unwrap(), &way.address);
                format!("unix={}", path.display())
            }
            _ => {
                let (host, port) = way.address.split_once(':').unwrap();
                let ssh = home.join("ssh");
                let script = format!(
                    "#!/bin/bash\nexec 3<>/dev/tcp/{host}/{port}; cat <&3 & exec cat >&3\n"
                );
                fs::write(&ssh, script).unwrap();
                fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).unwrap();
                "ssh=tower".to_owned()
            }
        };
        honest.does(&["remote", "set", "work", &value]);
        Self {
            honest,
            way,
            asked: Arc::default(),
            via,
        }
    }

    fn impostor(&self) -> Role {
        Role::Impostor(Arc::clone(&self.asked))
    }

    fn honest_role(&self) -> Role {
        Role::Honest(self.honest.daemon_address.clone())
    }

    fn command(&self, args: &[&str]) -> Command {
        let home = self.honest.home();
        let mut command = paseo(home, args);
        command.env("PATH", format!("{}:/usr/bin:/bin", home.display()));
        command
    }

    /// Runs a command on the route and no other.
    fn on_the_way(&self, args: &[&str]) -> Ran {
        let args = [&["-r", "work", "--via", self.via, "--json"], args].concat();
        run(&args.join(" "), self.command(&args))
    }

    /// The impostor was asked nothing, and nothing of it was shown.
    fn unseen(&self, what: &str, ran: &Ran) {
        let asked = self.asked.lock().unwrap();
        assert!(asked.is_empty(), "{} {what}: {asked:?}", self.via);
        let shown = format!("{}{}", ran.stdout, ran.stderr);
        assert!(!shown.contains(IMPOSTOR), "{} {what}: {ran:?}", self.via);
    }

    fn refused(&self, what: &str, ran: &Ran) {
        self.unseen(what, ran);
        assert_eq!(ran.status, 5, "{} {what}: {ran:?}", self.via);
        assert!(ran.stderr.contains("OTHER_DAEMON"), "{what}: {ran:?}");
        assert!(!ran.stderr.contains("srv_"), "{what}: {ran:?}");
    }
}

/// Every command that connects once.
fn cold(world: &World) {
    let commands: [&[&str]; 8] = [
        &["ls"],
        &["status"],
        &["ping", "-c1"],
        &[
            "run",
            "-d",
            "--provider",
            "echo",
            "--cwd",
            "/tmp",
            "a prompt",
        ],
        &["attach", "0000000"],
        &["daemon", "stop", "--yes"],
        &["daemon", "restart", "--yes"],
        &["forward", "--stdio"],
    ];
    world.way.becomes(world.honest_role());
    assert_eq!(world.on_the_way(&["ls"]).status, 0);
    world.way.becomes(world.impostor());
    for args in commands {
        world.refused(&args.join(" "), &world.on_the_way(args));
    }
    let ran = world.on_the_way(&["doctor"]);
    world.unseen("doctor", &ran);
    assert_ne!(ran.status, 0, "{ran:?}");
    assert!(
        ran.stdout.contains("another daemon than the paired one"),
        "{ran:?}"
    );
    // The relay leads to the right one, and is taken.
    world.honest.does(&["-r", "work", "ls"]);
    assert!(world.asked.lock().unwrap().is_empty());
}

/// The first connection leads to the paired daemon, and those behind it do not.
fn later(world: &World) {
    world.way.becomes(world.honest_role());
    world.way.becomes_after_one(world.impostor());
    world.refused("ping, later", &world.on_the_way(&["ping", "-c2"]));
}

/// Sessions that are opened ahead, and the socket where they are handed out.
fn warm(world: &World) {
    world.way.becomes(world.honest_role());
    holder(&world.honest, "work");
    world.way.becomes(world.impostor());
    // More than are ready: the rest would be opened now.
    for n in 0..12 {
        let ran = ls(&world.honest, "work");
        world.unseen("a warm connection", &ran);
        assert_eq!(ran.status, 0, "{n}: {ran:?}");
    }
    world.way.becomes(world.honest_role());
    let (_, socket) = holder(&world.honest, "work");
    world.honest.does(&["mux", "stop"]);
    let stranger = Stranger::start(world.impostor());
    lead(in_place_of(&socket), &stranger.address);
    let ran = ls(&world.honest, "work");
    world.unseen("in place of a holder", &ran);
    assert_eq!(ran.status, 0, "{ran:?}");
    let _ = fs::remove_file(&socket);
    world.honest.does(&["mux", "stop"]);
}

/// The clients of a forward: each has a connection of its own.
fn forwarded(world: &World) {
    world.way.becomes(world.honest_role());
    let args = [
        "-r",
        "work",
        "--via",
        world.via,
        "forward",
        "--no-password",
        "--json",
    ];
    let forward = Server::start(world.command(&args), "\"host\":");
    let address = forward.said_after("\"host\":\"");
    let ls = || {
        let args = ["--host", &address, "ls", "--json"];
        run("a client of a forward", world.command(&args))
    };
    assert_eq!(ls().status, 0);
    world.way.becomes(world.impostor());
    let ran = ls();
    world.unseen("a forward", &ran);
    assert_ne!(ran.status, 0, "{ran:?}");
    // One that waits for nothing, as the commands of others may.
    let stream = std::net::TcpStream::connect(&address).unwrap();
    let said = ask_at_once(stream);
    assert!(
        !said.contains(IMPOSTOR) && !said.contains("server_info"),
        "{said}"
    );
    world.unseen("a forward, at once", &ran);
    world.way.becomes(world.honest_role());
    assert_eq!(ls().status, 0, "it goes on");
}

/// Standard input and output of a forward.
struct Pipe(ChildStdin, ChildStdout);

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.1.read(buffer)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// Sends the hello and a request in one go; returns everything that comes back until the end.
fn ask_at_once(stream: impl Read + Write + 'static) -> String {
    let (mut socket, _) = client("ws://localhost/ws", stream).unwrap();
    let hello =
        json!({ "type": "hello", "clientId": "c", "clientType": "cli", "protocolVersion": 1 });
    socket.send(Message::text(hello.to_string())).unwrap();
    let request = json!({ "type": "fetch_agents_request", "requestId": "1" });
    let request = json!({ "type": "session", "message": request });
    let _ = socket.send(Message::text(request.to_string()));
    let mut said = String::new();
    while let Ok(message) = socket.read() {
        said += &format!("{message}\n");
    }
    said
}

fn forwarded_on_pipes(world: &World) {
    world.way.becomes(world.honest_role());
    world.way.becomes_after_one(world.impostor());
    let args = [
        "-r", "work", "--via", world.via, "--json", "forward", "--stdio",
    ];
    let mut command = world.command(&args);
    let mut child: Child = command.stdin(Stdio::piped()).spawn().unwrap();
    let pipe = Pipe(child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let said = ask_at_once(pipe);
    let ended = child.wait_with_output().unwrap();
    let ran = Ran {
        status: ended.status.code().unwrap(),
        stdout: said,
        stderr: String::from_utf8(ended.stderr).unwrap(),
    };
    world.refused("a forward on pipes", &ran);
}

fn every_path(via: &'static str) {
    let world = World::start(via);
    cold(&world);
    later(&world);
    forwarded(&world);
    forwarded_on_pipes(&world);
}

#[test]
fn an_impostor_behind_a_holder_and_in_its_place() {
    warm(&World::start("direct"));
    warm(&World::start("unix"));
}

#[test]
fn an_impostor_on_the_direct_route() {
    every_path("direct");
}

#[test]
fn an_impostor_on_the_unix_route() {
    every_path("unix");
}

#[test]
fn an_impostor_on_the_ssh_route() {
    // The program that stands for ssh is a script of it.
    if is_missing("bash") {
        return;
    }
    every_path("ssh");
}
