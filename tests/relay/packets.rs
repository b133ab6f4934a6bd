//! Packets that are lost on their way, in the kernel: the far end lives in a network namespace, and nothing
//! that it or the relay sends arrives any more. Neither is told; only deadlines are left.

use std::process::{Command as StdCommand, Output};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::{Instant, timeout};

use crate::binary::{Running, json, paseo};
use crate::robust::{Bystander, CLIENT_GONE, SERVER_GONE, told};
use crate::support::{Relay, fresh, within};
use crate::tool::{is_missing, skip};

/// What the relay waits before its ping, and again for the answer.
const PING: Duration = Duration::from_secs(5);

/// When a daemon has noticed that its relay is silent: 30 s of silence, a ping every 10 s, and a busy machine.
const DAEMON_NOTICES: Duration = Duration::from_secs(60);

/// An address that no card has: what is sent to it is dropped by whoever gets it.
const NOBODY: &str = "02:00:00:00:00:01";

/// A network namespace with one cable to here. Both go when this is dropped.
struct Cable {
    namespace: String,
    here: String,
    there: String,
}

impl Cable {
    /// Lays it. `None`: this machine does not let us, which is printed.
    fn lay(number: u32) -> Option<Self> {
        if is_missing("ip") {
            return None;
        }
        let id = std::process::id();
        // Each process and test has a network of four addresses.
        let place = (id * 2 + number) % (1 << 14);
        let address = |last: u32| format!("10.213.{}.{}", place >> 6, ((place & 63) << 2) + last);
        let cable = Self {
            namespace: format!("paseo{id}-{number}"),
            here: address(1),
            there: address(2),
        };
        let Self {
            namespace,
            here,
            there,
        } = &cable;
        let (near, far) = (cable.near(), "cable");
        let laid = [
            format!("netns add {namespace}"),
            format!("netns exec {namespace} true"),
            format!("link add {near} type veth peer name {far} netns {namespace}"),
            format!("addr add {here}/30 dev {near}"),
            format!("link set {near} up"),
            format!("-n {namespace} addr add {there}/30 dev {far}"),
            format!("-n {namespace} link set {far} up"),
            format!("-n {namespace} link set lo up"),
        ]
        .iter()
        .try_for_each(|words| match ip(words) {
            Ok(done) if done.status.success() => Ok(()),
            Ok(done) => Err(String::from_utf8_lossy(&done.stderr).trim().to_owned()),
            Err(error) => Err(format!("ip: {error}")),
        });
        laid.map_err(|why| skip(&format!("no network namespace can be made here: {why}")))
            .ok()
            .map(|()| cable)
    }

    /// The near end; names of network devices have at most 15 characters.
    fn near(&self) -> String {
        self.namespace.replace("paseo", "pas")
    }

    /// The same command, at the far end.
    fn far(&self, command: &Command) -> Command {
        let command = command.as_std();
        let mut far = Command::new("ip");
        far.args(["netns", "exec", &self.namespace])
            .arg(command.get_program())
            .args(command.get_args())
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .current_dir(command.get_current_dir().unwrap())
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .kill_on_drop(true);
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                far.env(name, value);
            }
        }
        far
    }

    /// From now on no packet arrives, on either side.
    fn lose_packets(&self) {
        let Self {
            namespace,
            here,
            there,
        } = self;
        for words in [
            format!(
                "neigh replace {there} lladdr {NOBODY} nud permanent dev {}",
                self.near()
            ),
            format!("-n {namespace} neigh replace {here} lladdr {NOBODY} nud permanent dev cable"),
        ] {
            let done = ip(&words).unwrap();
            assert!(done.status.success(), "{words}: {done:?}");
        }
    }

    /// Starts a relay at the near end.
    async fn relay(&self, home: &tempfile::TempDir) -> (Running, Relay) {
        let listen = format!("{}:0", self.here);
        let ping = humantime::format_duration(PING).to_string();
        let args = [
            "relay",
            "serve",
            "-v",
            "--listen",
            &listen,
            "--ping-after",
            &ping,
        ];
        let mut running = Running::start(&mut paseo(home.path(), &args));
        let line = running.says("listening").await;
        let (_, rest) = line.split_once("address=").unwrap();
        let relay = Relay::at(rest.split_whitespace().next().unwrap());
        (running, relay)
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        // It may be laid in part; the near end goes with the far one.
        drop(ip(&format!("netns del {}", self.namespace)));
    }
}

fn ip(words: &str) -> std::io::Result<Output> {
    StdCommand::new("ip").args(words.split(' ')).output()
}

fn in_time(start: Instant) {
    let took = start.elapsed();
    // A busy machine may be late, but not by another round.
    assert!(took < 3 * PING, "{took:?}");
}

#[tokio::test]
async fn to_a_daemon() {
    let Some(cable) = Cable::lay(0) else { return };
    let home = tempfile::tempdir().unwrap();
    let (_running, relay) = cable.relay(&home).await;
    let mut beside = Bystander::at(&relay).await;
    let server = fresh();
    let args = ["daemon", "run", "--listen", "127.0.0.1:0", "--relay"];
    let mut daemon = paseo(home.path(), &[&args[..], &[&*relay.authority]].concat());
    daemon.env("PASEO_SERVER_ID", &server);
    let mut daemon = Running::start(&mut cable.far(&daemon));
    daemon.says("connected to the relay").await;
    let mut client = relay.client(&server, "x").await;
    within("its data socket", async {
        while relay.metric("active_websockets").await < 5 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    cable.lose_packets();
    let start = Instant::now();
    beside.meanwhile(told(&mut client, SERVER_GONE)).await;
    in_time(start);
    beside.goes_on().await;
    // The seat is free again.
    relay.control(&server).await.text().await;
    // The daemon hears nothing either: it gives the relay up after half a minute, at its next ping, and dials anew.
    let found = timeout(DAEMON_NOTICES, daemon.hears("the control socket was lost"));
    assert!(found.await.is_ok(), "the daemon still waits");
}

#[tokio::test]
async fn to_a_client() {
    let Some(cable) = Cable::lay(1) else { return };
    let home = tempfile::tempdir().unwrap();
    let (_running, relay) = cable.relay(&home).await;
    let mut beside = Bystander::at(&relay).await;
    let server = fresh();
    let mut control = relay.control(&server).await;
    control.text().await;
    let offer = json!({
        "v": 2, "serverId": server,
        "daemonPublicKeyB64": "fh1V4oOfytbm1vXyc29bUj+dQDpoSE6nzzsYNkgZ4SY=",
        "relay": {"endpoint": relay.authority, "useTls": false},
    });
    std::fs::write(home.path().join("offer"), offer.to_string()).unwrap();
    let add = [
        "remote",
        "add",
        "work",
        "offer",
        "--store",
        "file",
        "--no-check",
    ];
    json(home.path(), &add).await;
    let list = ["ls", "-r", "work", "--connect-timeout", "10m"];
    let _client = Running::start(&mut cable.far(&paseo(home.path(), &list)));
    let connected: Value = serde_json::from_str(&control.text().await).unwrap();
    let id = connected["connectionId"].as_str().unwrap();
    let mut data = relay.data(&server, id).await;
    // Its greeting, which nobody answers.
    data.text().await;
    cable.lose_packets();
    let start = Instant::now();
    let gone = async { tokio::join!(told(&mut data, CLIENT_GONE), control.text()).1 };
    let said: Value = serde_json::from_str(&beside.meanwhile(gone).await).unwrap();
    assert_eq!(said, json!({"type": "disconnected", "connectionId": id}));
    in_time(start);
    beside.goes_on().await;
}
