//! A disk that is full, or fails: what was answered with success is there after a kill, and nothing else.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::tool::{is_missing, skip};
use crate::world::World;

/// A small file system of its own, with the home of a daemon on it.
struct Disk(TempDir);

impl Disk {
    /// Mounts it, which needs root. `None` where that is refused, except in CI.
    fn new() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs"]);
        let mounted = mount.arg(dir.path()).output();
        if mounted.is_ok_and(|mounted| mounted.status.success()) {
            return Some(Self(dir));
        }
        skip("a tmpfs cannot be mounted");
        None
    }

    /// A world whose daemon lives on it.
    fn world(&self, agents: &[&str]) -> World {
        let home = self.0.path().join("home");
        std::fs::create_dir(&home).unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(home, dir.path().join("daemon")).unwrap();
        let world = World::start_in(dir, agents);
        world.json(&["daemon", "pair", "--save", "offer.json"]);
        world.json(&["remote", "add", "work", "offer.json", "--store", "file"]);
        world
    }

    fn filler(&self) -> PathBuf {
        self.0.path().join("filler")
    }

    /// Leaves this many bytes.
    fn fill(&self, room: u64) {
        let mut file = File::create(self.filler()).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
        let length = file.metadata().unwrap().len();
        file.set_len(length - room).unwrap();
    }

    fn free(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

/// What of an answer does not change by itself: the order of a list may, as an agent that is loaded is idle.
fn lasting(value: &Value) -> Value {
    const KEYS: [&str; 10] = [
        "id",
        "agentId",
        "name",
        "title",
        "prompt",
        "mode",
        "labels",
        "projectId",
        "workspaceId",
        "archivedAt",
    ];
    match value {
        Value::Array(values) => {
            let mut values: Vec<Value> = values.iter().map(lasting).collect();
            values.sort_by_key(Value::to_string);
            values.into()
        }
        Value::Object(fields) => fields
            .iter()
            .filter(|(key, value)| value.is_array() || KEYS.contains(&key.as_str()))
            .map(|(key, value)| match key.as_str() {
                "labels" => (key.clone(), value.clone()),
                _ => (key.clone(), lasting(value)),
            })
            .collect(),
        value => value.clone(),
    }
}

/// All that a daemon keeps, as clients see it.
fn everything(world: &World, agent: &str) -> Vec<Value> {
    let mut all: Vec<Value> = [
        &["ls", "-a", "-g"][..],
        &["project", "ls"],
        &["workspace", "ls"],
    ]
    .iter()
    .map(|args| lasting(&world.remote(0, args)))
    .collect();
    all.push(world.remote(0, &["schedule", "ls"]));
    all.push(json!(world.logs(agent)));
    all
}

fn restart(world: &mut World) {
    world.daemon.take().unwrap().kill();
    world.start_daemon();
}

fn problems(world: &World) -> String {
    let status = world.json(&["daemon", "status"]);
    status["note"].as_str().unwrap_or_default().to_owned()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[test]
fn a_change_on_a_full_disk_fails_and_leaves_nothing() {
    let Some(disk) = Disk::new() else { return };
    let mut world = disk.world(&["mock=mock:"]);
    let cwd = world.cwd();
    let other = world.dir().join("other");
    std::fs::create_dir(&other).unwrap();
    let other = other.display().to_string();
    let run = ["run", "--provider", "mock", "--cwd", &cwd, "emit 1"];
    let agent = text(&world.remote(0, &run)["agentId"]);
    let spare = text(&world.remote(0, &run)["agentId"]);
    let every = ["schedule", "create", "--every", "1h", "--provider", "mock"];
    let schedule = [&every[..], &["--cwd", &cwd, "hello"]].concat();
    let schedule = text(&world.remote(0, &schedule)["id"]);
    let workspace = world.remote(0, &["workspace", "ls"]);
    let workspace = text(&workspace[0]["workspaceId"]);
    let project = text(&world.remote(0, &["project", "ls"])[0]["projectId"]);
    restart(&mut world);
    let before = everything(&world, &agent);

    disk.fill(0);
    let (long, name) = ("x".repeat(8192), "n".repeat(5000));
    let changes: Vec<Vec<&str>> = vec![
        vec![
            "run",
            "--background",
            "--provider",
            "mock",
            "--cwd",
            &cwd,
            "new",
        ],
        vec!["send", "--no-wait", &agent, &long],
        vec!["send", "--no-wait", &agent, "short"],
        [&every[..], &["--cwd", &cwd, "another"]].concat(),
        vec!["schedule", "pause", &schedule],
        vec!["schedule", "update", &schedule, "--prompt", "changed"],
        vec!["schedule", "delete", &schedule],
        vec!["schedule", "run-once", &schedule],
        vec!["agent", "update", &agent, "--name", &name],
        vec!["agent", "update", &agent, "--label", "a=b"],
        vec!["archive", &agent],
        vec!["project", "create", &other],
        vec!["project", "rename", &project, "named"],
        vec!["project", "delete", &project],
        vec![
            "workspace",
            "create",
            "--isolation",
            "local",
            "--path",
            &other,
        ],
        vec!["workspace", "rename", &workspace, "titled"],
        vec!["workspace", "archive", &workspace],
    ];
    for change in &changes {
        let output = world.run(&[&["-r", "work", "--json"][..], change].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{change:?}: {output:?}");
        assert!(said.contains("storage_failed"), "{change:?}: {said}");
        assert!(said.contains("No space left"), "{change:?}: {said}");
    }
    // It keeps reading, and says so.
    assert_eq!(everything(&world, &agent), before);
    let told = problems(&world);
    assert!(told.contains("No space left"), "{told}");
    // What makes room goes.
    world.remote(0, &["delete", &spare]);

    disk.free();
    let deadline = Instant::now() + Duration::from_secs(30);
    while problems(&world).contains("No space left") {
        assert!(Instant::now() < deadline, "it does not recover");
    }
    world.remote(0, &["agent", "update", &agent, "--label", "c=d"]);
    let sent = world.remote(0, &["send", &agent, "emit 2"]);
    assert_eq!(sent["status"], "completed");
    let after = everything(&world, &agent);
    restart(&mut world);
    assert_eq!(everything(&world, &agent), after);
    assert_eq!(after[1..4], before[1..4]);
    assert!(
        after[4]
            .as_str()
            .unwrap()
            .starts_with(before[4].as_str().unwrap().trim_end())
    );
}

#[test]
fn half_a_row_is_cut_off_and_swallows_no_other() {
    let Some(disk) = Disk::new() else { return };
    let mut world = disk.world(&["mock=mock:"]);
    let cwd = world.cwd();
    let run = ["run", "--provider", "mock", "--cwd", &cwd, "emit 1"];
    let agent = text(&world.remote(0, &run)["agentId"]);
    // The row does not fit, its beginning does.
    disk.fill(16 * 1024);
    let long = format!("emit 1 {}", "x".repeat(64 * 1024));
    let refused = world.remote(1, &["send", "--no-wait", &agent, &long]);
    assert_eq!(refused["error"]["code"], "storage_failed", "{refused}");
    disk.free();
    world.remote(0, &["send", &agent, "emit 3"]);
    let logs = world.logs(&agent);
    assert!(logs.contains("piece 3") && !logs.contains("xxx"), "{logs}");
    restart(&mut world);
    assert_eq!(world.logs(&agent), logs);
}

#[test]
fn a_turn_waits_for_room() {
    let Some(disk) = Disk::new() else { return };
    let world =
        disk.world(&["slow=sh -c 'while [ ! -e go ]; do sleep 0.1; done; yes row | head -20000'"]);
    let cwd = world.cwd();
    let run = [
        "run",
        "--background",
        "--provider",
        "slow",
        "--cwd",
        &cwd,
        "x",
    ];
    let agent = text(&world.remote(0, &run)["agentId"]);
    disk.fill(0);
    std::fs::write(world.dir().join("go"), "").unwrap();
    let deadline = Instant::now() + Duration::from_secs(25);
    while !problems(&world).contains("No space left") {
        assert!(Instant::now() < deadline, "nothing tells of the full disk");
    }
    disk.free();
    assert_eq!(world.remote(0, &["wait", &agent])["status"], "idle");
    let rows = world.logs(&agent).matches("row").count();
    assert_eq!(rows, 20_000);
}

#[test]
fn a_damaged_record_is_set_aside_and_told_of() {
    let mut world = World::new(&["mock=mock:"]);
    let cwd = world.cwd();
    let run = ["run", "--provider", "mock", "--cwd", &cwd, "emit 1"];
    let agent = text(&world.remote(0, &run)["agentId"]);
    world.daemon.take().unwrap().stop();
    let kept = world.dir().join("daemon/builtin");
    let long = format!("[\"{}\"]", "x".repeat(17 * 1024 * 1024));
    let damaged = [
        (format!("agents/{agent}.json"), "{\"id\":"),
        ("schedules.json".to_owned(), long.as_str()),
        ("workspaces.json".to_owned(), "nonsense"),
    ];
    for (name, content) in &damaged {
        write_private(&kept.join(name), content);
    }
    world.start_daemon();
    assert_eq!(world.remote(0, &["ls", "-a", "-g"]), json!([]));
    world.remote(0, &["project", "create", &cwd]);
    let told = problems(&world);
    for (name, content) in &damaged {
        let dir = kept.join(name);
        let (dir, name) = (
            dir.parent().unwrap(),
            dir.file_name().unwrap().to_str().unwrap(),
        );
        let aside = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
        let aside: Vec<_> = aside
            .filter(|entry| {
                let found = entry.file_name().into_string().unwrap();
                found == format!("{name}.damaged")
            })
            .collect();
        assert_eq!(aside.len(), 1, "{name}");
        let left = std::fs::read_to_string(aside[0].path()).unwrap();
        assert!(left == *content, "{name} was changed");
        assert!(
            told.contains(aside[0].file_name().to_str().unwrap()),
            "{told}"
        );
    }
}

fn write_private(path: &Path, content: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, content).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
}

/// Whether strace is there and may attach to a daemon, which takes root; in CI it must.
fn can_inject() -> bool {
    if is_missing("strace") {
        return false;
    }
    let root = rustix::process::geteuid().is_root();
    if !root {
        skip("only root can attach strace to a daemon");
    }
    root
}

/// Lets a call of a running daemon fail from its nth time on, as long as this lives.
struct Injected(std::process::Child);

impl Injected {
    fn new(world: &World, what: &str) -> Self {
        let daemon = world.daemon.as_ref().unwrap().0.id().to_string();
        let mut strace = Command::new("strace");
        strace.args(["-f", "-q", "-o", "/dev/null", "-p", &daemon]);
        strace.args(["-e", "trace=fsync,fdatasync", "-e", what]);
        let child = strace.spawn().unwrap();
        // Until every thread is traced.
        let tasks = format!("/proc/{daemon}/task");
        let deadline = Instant::now() + Duration::from_secs(20);
        let traced = || {
            std::fs::read_dir(&tasks).unwrap().all(|task| {
                let status = std::fs::read_to_string(task.unwrap().path().join("status"));
                status.is_ok_and(|status| !status.contains("TracerPid:\t0\n"))
            })
        };
        while !traced() {
            assert!(Instant::now() < deadline, "strace does not attach");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self(child)
    }

    fn end(mut self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.0.wait();
    }
}

#[test]
fn a_failing_sync_at_any_write_is_never_told_as_success() {
    if !can_inject() {
        return;
    }
    let mut world = World::new(&["mock=mock:"]);
    let cwd = world.cwd();
    let run = ["run", "--provider", "mock", "--cwd", &cwd, "emit 1"];
    let agent = text(&world.remote(0, &run)["agentId"]);
    let name = |n: usize, what: &str| format!("{what}{n}");
    let mut told = Vec::new();
    let mut failed = 0;
    for n in 1..=4 {
        let fault = format!("inject=fsync,fdatasync:error=EIO:when={n}+");
        let injected = Injected::new(&world, &fault);
        let create = [
            "schedule",
            "create",
            "--every",
            "1h",
            "--provider",
            "mock",
            "--cwd",
            &cwd,
        ];
        let (made, sent) = (name(n, "made"), name(n, "sent"));
        for change in [
            [&create[..], &["--name", &made, "x"]].concat(),
            vec!["send", "--no-wait", &agent, &sent],
        ] {
            let output = world.run(&[&["-r", "work", "--json"][..], &change].concat());
            let what = if change[0] == "send" { &sent } else { &made };
            let success = output.status.success();
            failed += usize::from(!success);
            told.push((what.clone(), success));
        }
        injected.end();
        // When the disk works again it recovers.
        let deadline = Instant::now() + Duration::from_secs(30);
        while problems(&world).contains("Input/output error") {
            assert!(Instant::now() < deadline, "it does not recover");
        }
        restart(&mut world);
        let there = format!(
            "{}{}",
            world.remote(0, &["schedule", "ls"]),
            world.logs(&agent)
        );
        for (what, success) in &told {
            assert_eq!(there.contains(what), *success, "{n}, {what}: {there}");
        }
    }
    assert!(failed > 0, "nothing failed");
}
