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
    let world = World::start(&["mock=mock:", "gone=/nonexistent/program"]);
    let mut far = Far { told, world };
    far.pairing();
    far.agents();
    far.schedules();
    far.terminals();
    far.ways();
    far.ends();
    near(told);
    everything(told);
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
        self.run(&[], &["inbox", "--dismiss"]);
        self.work(&["permit", "ls"]);
        self.work(&["provider", "ls"]);
        self.work(&["archive", &done]);
        self.work(&["inspect", &done]);
        self.work(&["ls", "-a"]);
    }

    /// One that succeeds, and one that fails.
    fn schedules(&mut self) {
        let cwd = self.world.cwd();
        for prompt in ["think", "fail"] {
            let create = [
                "schedule",
                "create",
                prompt,
                "--cron",
                "0 0 1 1 *",
                "--provider",
                "mock",
            ];
            let more = ["--cwd", &cwd, "--timezone", "Europe/Paris"];
            let made = self.work(&[&create[..], &more].concat());
            let id = made["id"].as_str().unwrap().to_owned();
            self.work(&["schedule", "run-once", &id]);
            self.work(&["schedule", "logs", &id]);
            self.work(&["schedule", "pause", &id]);
            let found = self.work(&["schedule", "inspect", &id]);
            assert_eq!(found["runs"].as_array().unwrap().len(), 1, "{found}");
        }
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
    let home = |listen: &str| {
        let sandbox = Sandbox::new();
        let config =
            json!({ "version": 1, "daemon": { "listen": listen, "relay": { "enabled": false } } });
        sandbox.write("home/.paseo/config.json", &config.to_string());
        sandbox.write("home/.paseo/server-id", "srv_1");
        let pid = json!({ "pid": 1_073_741_824, "startedAt": "2026-11-22T13:29:26.017Z", "hostname": "vm",
            "uid": 0, "listen": listen });
        sandbox.write("home/.paseo/paseo.pid", &pid.to_string());
        sandbox
    };
    let daemon = restarting();
    let sandbox = home(&daemon.address);
    told.run(&sandbox, &["status"]);
    let restarted = told.run(&sandbox, &["restart", "--yes"]);
    told.is_sound();
    let process = (&json!("1073741824"), &json!(1_073_741_824));
    assert_eq!((&restarted["pid"], &restarted["processId"]), process);
    let gone = home("127.0.0.1:1");
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
    assert_eq!((&stopped["pid"], &stopped["processId"]), process);
}

/// A daemon that says after a restart that it is another process.
fn restarting() -> FakeDaemon {
    let processes = AtomicU32::new(7);
    FakeDaemon::start("srv_1", &["daemonStatusRpc"], move |request| {
        if request["type"] == "restart_server_request" {
            processes.fetch_add(1, Ordering::Relaxed);
            return json!({ "status": "restart_requested", "clientId": "c" });
        }
        let pid = processes.load(Ordering::Relaxed);
        let providers = json!([{ "provider": "claude", "available": false, "error": "absent" }]);
        json!({ "serverId": "srv_1", "pid": pid, "nodePath": "/bin/node", "listen": null, "providers": providers })
    })
}

/// A daemon with one agent of which everything is known, and which asks.
fn everything(told: &mut Told) {
    let request = json!({ "id": "ask-1", "provider": "p", "name": "Bash", "kind": "tool", "title": "List",
        "description": "Lists files", "input": { "command": "ls" }, "detail": { "type": "shell", "command": "ls" },
        "metadata": { "a": 1 }, "actions": [{ "id": "a", "label": "Yes", "behavior": "allow" }] });
    let feature = json!({ "type": "select", "id": "f", "label": "F", "value": "a",
        "options": [{ "id": "a", "label": "A" }] });
    let agent = json!({ "id": "4daff7e7-efd6-4346-a11b-2a63904a556f", "provider": "p", "cwd": "/src",
        "createdAt": "2026-11-22T13:29:26.017Z", "updatedAt": "2026-11-22T13:29:26.017Z", "status": "idle",
        "title": "one", "model": "m", "thinkingOptionId": "high", "currentModeId": "plan",
        "labels": { "paseo.worktree": "wt", "paseo.parent-agent-id": "p1" },
        "pendingPermissions": [request], "features": [feature] });
    let notice = json!({ "type": "warning", "message": "later" });
    let model = json!({ "provider": "p", "id": "m", "label": "M", "description": "fast",
        "thinkingOptions": [{ "id": "high", "label": "High" }], "defaultThinkingOptionId": "high" });
    let replies = json!({
        "fetch_agents_request": { "entries": [{ "agent": agent }], "pageInfo": { "hasMore": false } },
        "fetch_agent_request": { "agent": agent, "error": null },
        "update_agent_request": { "agentId": agent["id"], "accepted": true, "error": null, "notice": notice },
        "list_provider_models_request": { "provider": "p", "error": null, "models": [model],
            "fetchedAt": "2026-11-22T13:29:26.017Z" },
        "provider.login.list.request": { "provider": "p",
            "methods": [{ "id": "key", "name": "A key", "type": "agent" }] },
        "provider.login.request": { "provider": "p" },
    });
    let daemon = FakeDaemon::start("srv_1", &[], move |request| {
        replies[request["type"].as_str().unwrap()].clone()
    });
    let mut sandbox = Sandbox::new();
    sandbox.set("PASEO_HOST", &daemon.address);
    for line in [
        "ls",
        "inspect 4daff7e",
        "inbox",
        "permit ls",
        "agent update 4daff7e --name two",
        "agent feature 4daff7e",
        "provider models p",
        "provider login p",
    ] {
        let args: Vec<&str> = line.split(' ').collect();
        told.run(&sandbox, &args);
    }
}
