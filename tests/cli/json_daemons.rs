//! What commands print about daemons and the way to them: a relay, the built-in daemon behind it, and a daemon that
//! comes back after a restart.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::fake_daemon::FakeDaemon;
use crate::json_fields::Told;
use crate::sandbox::Sandbox;
use crate::server::Server;
use crate::world::World;

/// How long things may take that take a while.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn outputs(told: &mut Told) {
    let world = World::start(&["mock=mock:"]);
    let mut far = Far { told, world };
    far.pairing();
    far.agents();
    far.schedules();
    far.terminals();
    far.ways();
    far.ends();
    near(told);
}

/// The daemon behind the relay, as the remote `work`.
struct Far<'a> {
    told: &'a mut Told,
    world: World,
}

impl Far<'_> {
    /// Runs a command, with more before it that selects a daemon.
    fn run(&mut self, before: &[&str], args: &[&str]) -> Value {
        let output = self.world.run(&[before, args, &["--json"]].concat());
        let stdout = String::from_utf8(output.stdout).unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        self.told.took(args, &stdout, &stderr)
    }

    fn work(&mut self, args: &[&str]) -> Value {
        self.run(&["-r", "work"], args)
    }

    fn pairing(&mut self) {
        self.run(&[], &["daemon", "pair"]);
        self.run(
            &[],
            &["daemon", "pair", "--save", "offer.json", "--qr", "code.svg"],
        );
        self.run(
            &[],
            &["remote", "add", "work", "offer.json", "--store", "file"],
        );
        self.run(&[], &["remote", "add", "lost", "127.0.0.1:1", "--no-check"]);
        self.run(&[], &["remote", "check"]);
        self.run(&[], &["remote", "rm", "lost"]);
        self.run(&[], &["doctor", "work"]);
        self.run(&[], &["ping", "work", "--count", "1"]);
        let relay = self.world.address.clone();
        self.run(
            &[],
            &["relay", "check", &relay, "--idle", "1ms", "--large", "1MiB"],
        );
        self.run(&[], &["status"]);
        self.work(&["status"]);
        self.work(&["reload"]);
    }

    fn agents(&mut self) {
        let cwd = self.world.cwd();
        let run = ["run", "--provider", "mock", "--cwd", &cwd];
        let done = self.work(&[&run[..], &["think"]].concat());
        let done = done["agentId"].as_str().unwrap().to_owned();
        self.work(&["logs", &done]);
        self.stream(&["attach", &done]);
        self.work(&[&run[..], &["ask"]].concat());
        self.work(&[&run[..], &["fail"]].concat());
        let waits = self.work(&["inbox"]);
        assert!(waits.as_array().unwrap().len() >= 2, "{waits}");
        self.work(&["permit", "ls"]);
        self.work(&["ls"]);
    }

    fn schedules(&mut self) {
        let cwd = self.world.cwd();
        let create = [
            "schedule",
            "create",
            "think",
            "--cron",
            "0 0 1 1 *",
            "--provider",
            "mock",
        ];
        let made = self.work(&[&create[..], &["--cwd", &cwd]].concat());
        let id = made["id"].as_str().unwrap().to_owned();
        self.work(&["schedule", "run-once", &id]);
        let found = self.work(&["schedule", "inspect", &id]);
        assert_eq!(found["runs"].as_array().unwrap().len(), 1, "{found}");
    }

    fn terminals(&mut self) {
        let cwd = self.world.cwd();
        let made = self.work(&["terminal", "create", "--cwd", &cwd]);
        let id = made["id"].as_str().unwrap().to_owned();
        assert_eq!(made["cwdPath"], cwd.as_str());
        self.work(&["terminal", "send-keys", &id, "x"]);
        self.work(&["terminal", "capture", &id]);
        let all = self.work(&["terminal", "ls", "--all"]);
        assert_eq!(all[0]["cwdPath"], Value::Null, "{all}");
        self.work(&["terminal", "kill", &id]);
    }

    /// Connections that stay, and servers that say where they are.
    fn ways(&mut self) {
        let began = Instant::now();
        let warm = ["-r", "work", "ls", "--persist=1m"];
        while !self.world.run(&["mux", "check", "work"]).status.success() {
            assert!(began.elapsed() < PATIENCE, "no connection is kept ready");
            self.world.run(&warm);
        }
        self.run(&[], &["mux", "check", "work"]);
        self.run(&[], &["mux", "ls"]);
        self.run(&[], &["mux", "stop"]);
        self.stream(&["forward"]);
        self.stream(&["relay", "serve", "--listen", "127.0.0.1:0"]);
    }

    /// Starts a command without an end, and takes the first object that it prints.
    fn stream(&mut self, args: &[&str]) {
        let mut command = self
            .world
            .command(&[&["-r", "work"], args, &["--json"]].concat());
        if args[0] == "relay" {
            command = self.world.command(&[args, &["--json"]].concat());
        }
        let piped = command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut server = Server(piped.spawn().unwrap());
        let mut lines = BufReader::new(server.0.stdout.take().unwrap()).lines();
        let mut text = String::new();
        while serde_json::from_str::<Value>(&text).is_err() {
            let line = lines.next().unwrap_or_else(|| panic!("{args:?}: {text}"));
            text += &line.unwrap();
        }
        self.told.take(args, &text);
    }

    fn ends(&mut self) {
        self.run(&[], &["daemon", "stop"]);
    }
}

/// A daemon of this machine that is another process after a restart; and the file of one that is gone.
fn near(told: &mut Told) {
    let processes = AtomicU32::new(7);
    let daemon = FakeDaemon::start("srv_1", &["daemonStatusRpc"], move |request| {
        if request["type"] == "restart_server_request" {
            processes.fetch_add(1, Ordering::Relaxed);
            return json!({ "status": "restart_requested", "clientId": "c" });
        }
        let pid = processes.load(Ordering::Relaxed);
        json!({ "serverId": "srv_1", "pid": pid, "nodePath": "/bin/node", "listen": null, "providers": [] })
    });
    let sandbox = Sandbox::new();
    let listen = &daemon.address;
    let config =
        json!({ "version": 1, "daemon": { "listen": listen, "relay": { "enabled": false } } });
    sandbox.write("home/.paseo/config.json", &config.to_string());
    sandbox.write("home/.paseo/server-id", "srv_1");
    let restarted = told.run(&sandbox, &["restart", "--yes"]);
    assert_eq!(
        (&restarted["pid"], &restarted["processId"]),
        (&json!("-"), &Value::Null)
    );
    let pid = json!({ "pid": 1_073_741_824, "startedAt": "2026-11-22T13:29:26.017Z", "hostname": "vm",
        "uid": 0, "listen": "127.0.0.1:1" });
    let gone = Sandbox::new();
    gone.write("home/.paseo/paseo.pid", &pid.to_string());
    let config = json!({ "version": 1, "daemon": { "listen": "127.0.0.1:1" } });
    gone.write("home/.paseo/config.json", &config.to_string());
    let status = told.run(&gone, &["status"]);
    assert_eq!(
        (
            &status["daemonNode"],
            &status["daemonNodePath"],
            &status["notes"][0]
        ),
        (&json!("-"), &Value::Null, &status["note"])
    );
    let stopped = told.run(&gone, &["daemon", "stop"]);
    assert_eq!(
        (&stopped["pid"], &stopped["processId"]),
        (&json!("1073741824"), &json!(1_073_741_824))
    );
}
