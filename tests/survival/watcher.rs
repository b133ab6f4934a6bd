//! A command that shows what an agent says, as JSON Lines.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use rustix::process::Pid;
use serde_json::Value;

use crate::world::World;

/// An item of a timeline: its time and its text.
pub(crate) type Item = (String, String);

/// Somebody who watches.
pub(crate) struct Watcher {
    child: Child,
    lines: Arc<Mutex<Vec<Value>>>,
    said: Arc<Mutex<String>>,
}

impl Watcher {
    pub(crate) fn start(world: &World, args: &[&str]) -> Self {
        let mut command = world.command(args);
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (lines, said) = (
            Arc::<Mutex<Vec<_>>>::default(),
            Arc::<Mutex<String>>::default(),
        );
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let put = Arc::clone(&lines);
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                put.lock()
                    .unwrap()
                    .push(serde_json::from_str(&line).unwrap());
            }
        });
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let put = Arc::clone(&said);
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                *put.lock().unwrap() += &(line + "\n");
            }
        });
        Self { child, lines, said }
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// The items that it has shown.
    pub(crate) fn items(&self) -> Vec<Item> {
        items(&self.lines.lock().unwrap())
    }

    /// How many lines are so.
    pub(crate) fn count(&self, is_so: impl Fn(&Value) -> bool) -> usize {
        let lines = self.lines.lock().unwrap();
        lines.iter().filter(|line| is_so(line)).count()
    }

    /// Whether the agent has said its last word.
    pub(crate) fn has_ended(&self) -> bool {
        self.has("Done.")
    }

    pub(crate) fn has(&self, text: &str) -> bool {
        self.items().iter().any(|(_, item)| item == text)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The items of an agent as the daemon has them.
pub(crate) fn told(world: &World, agent: &str) -> Vec<Item> {
    let told = world.run(&["logs", agent, "--json"]);
    let lines = String::from_utf8(told.stdout).unwrap();
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    items(&Vec::from_iter(lines))
}

fn items(lines: &[Value]) -> Vec<Item> {
    let text = |line: &Value| {
        let event = &line["event"];
        (event["type"] == "timeline").then(|| {
            let said = event["item"]["text"].as_str().map(str::to_owned);
            (
                line["timestamp"].as_str().unwrap().to_owned(),
                said.unwrap_or_else(|| event["item"].to_string()),
            )
        })
    };
    lines.iter().filter_map(text).collect()
}
