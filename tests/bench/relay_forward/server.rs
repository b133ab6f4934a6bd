//! The servers that are compared, each a process of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use paseo::env::Env;

use crate::bare;

/// A server that listens. Ends with this value, when it is one of ours.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    child: Option<Child>,
}

impl Server {
    /// Starts all, the bare forwarder first.
    pub(crate) fn all() -> Vec<Self> {
        let this = std::env::current_exe().unwrap();
        let relay = PathBuf::from(env!("CARGO_BIN_EXE_paseo"));
        let mut servers = vec![
            Self::start("bare", &this, &[bare::WORD]),
            Self::start(
                "relay",
                &relay,
                &["relay", "serve", "--listen", "127.0.0.1:0"],
            ),
        ];
        let other = Env::from_process();
        servers.extend(other.text("PASEO_BENCH_RELAY").map(|address| Self {
            name: "other",
            address: address.parse().unwrap(),
            child: None,
        }));
        servers
    }

    fn start(name: &'static str, program: &PathBuf, args: &[&str]) -> Self {
        let mut command = match has_taskset() {
            true => Command::new("taskset"),
            false => Command::new(program),
        };
        if has_taskset() {
            command.args(["-c", "0"]).arg(program);
        }
        let mut child = command
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines
            .map_while(Result::ok)
            .find_map(|line| line.split_once("ws://").map(|(_, rest)| rest.to_owned()))
            .unwrap();
        Self {
            name,
            address: address.trim().parse().unwrap(),
            child: Some(child),
        }
    }

    /// Processor time of all its threads up to now.
    pub(crate) fn cpu(&self) -> Option<Duration> {
        let tasks = format!("/proc/{}/task", self.child.as_ref()?.id());
        let mut total = 0;
        for task in std::fs::read_dir(tasks).ok()? {
            let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
            total += text.split_whitespace().next()?.parse::<u64>().ok()?;
        }
        Some(Duration::from_nanos(total))
    }

    /// Bytes of memory that it has in use.
    pub(crate) fn resident(&self) -> Option<usize> {
        let status = format!("/proc/{}/status", self.child.as_ref()?.id());
        let text = std::fs::read_to_string(status).ok()?;
        let line = text.lines().find(|line| line.starts_with("VmRSS:"))?;
        Some(line.split_whitespace().nth(1)?.parse::<usize>().ok()? * 1024)
    }

    /// Waits until it has no connection any more, and some time for what it does then. Tokio keeps the last 15 sockets
    /// in memory until others end, so a few come and go.
    pub(crate) async fn settled(&self) {
        let Some(child) = &self.child else { return };
        let files = format!("/proc/{}/fd", child.id());
        // Standard streams, listener, and what a runtime has.
        while std::fs::read_dir(&files).unwrap().count() > 20 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        for _ in 0..32 {
            drop(tokio::net::TcpStream::connect(self.address).await.unwrap());
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

/// Keeps this process to a core.
pub(crate) fn keep_to_core(core: u32) {
    if has_taskset() {
        let id = std::process::id().to_string();
        let words = ["-a", "-p", "-c", &core.to_string(), &id];
        let output = Command::new("taskset").args(words).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

fn has_taskset() -> bool {
    let version = Command::new("taskset").arg("--version").output();
    version.is_ok_and(|output| output.status.success())
}
