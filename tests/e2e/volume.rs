//! Much at once, over the encrypted relay, within bounded memory. The burst of a terminal is in
//! `tests/terminal/volume.rs`.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::tool::is_missing;
use crate::world::World;

/// The most memory that a command may have had, in KiB.
const LIMIT_KIB: u64 = 64 * 1024;

/// Runs a command over the relay, and holds its peak of memory to the limit; returns its stdout. Nothing is
/// measured, and nothing run, without GNU time.
fn measured(world: &World, args: &[&str]) -> Option<String> {
    let (peak, stdout) = peak(world, args)?;
    println!("{args:?}: peak {peak} KiB");
    assert!(peak <= LIMIT_KIB, "{args:?}: {peak} KiB");
    Some(stdout)
}

/// Returns the most memory that a command had, in KiB, and its stdout.
fn peak(world: &World, args: &[&str]) -> Option<(u64, String)> {
    if is_missing("time") {
        return None;
    }
    let ours = world.command(&[&["-r", "work"], args].concat());
    let file = world.dir().join("peak");
    let mut time = Command::new("time");
    time.args(["-f", "%M", "-o"]).arg(&file);
    time.arg(ours.get_program()).args(ours.get_args());
    time.env_clear()
        .current_dir(world.dir())
        .stdin(Stdio::null());
    time.envs(
        ours.get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    let output = time.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {said}");
    let peak = std::fs::read_to_string(file).unwrap();
    Some((
        peak.trim().parse().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
    ))
}

#[test]
fn a_timeline_of_ten_thousand_items() {
    let world = World::new(&["mock=mock:"]);
    let cwd = world.cwd();
    let ran = world.remote(
        0,
        &["run", "--provider", "mock", "--cwd", &cwd, "items 10000"],
    );
    let id = ran["agentId"].as_str().unwrap();
    let Some(text) = measured(&world, &["logs", id]) else {
        return;
    };
    let items = text.lines().filter(|line| line.starts_with("item "));
    assert_eq!(items.count(), 10_000);
    let json = measured(&world, &["logs", id, "--json"]).unwrap();
    // The prompt and the last word, too.
    assert_eq!(json.lines().count(), 10_002);
}

#[test]
fn five_thousand_agents() {
    const AGENTS: usize = 5000;
    let mut world = World::new(&["mock=mock:"]);
    let cwd = world.cwd();
    let ran = world.remote(0, &["run", "--provider", "mock", "--cwd", &cwd, "think"]);
    let id = ran["agentId"].as_str().unwrap();
    world.daemon.take().unwrap().stop();
    let agents = world.dir().join("daemon/builtin/agents");
    let record = std::fs::read_to_string(agents.join(format!("{id}.json"))).unwrap();
    for _ in 1..AGENTS {
        let copy = uuid::Uuid::new_v4().to_string();
        let path = agents.join(format!("{copy}.json"));
        std::fs::write(&path, record.replace(id, &copy)).unwrap();
        // What others can read is refused.
        std::fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    }
    world.start_daemon();
    let Some(table) = measured(&world, &["ls"]) else {
        return;
    };
    assert_eq!(table.lines().count(), AGENTS + 1);
    let json: Value = serde_json::from_str(&measured(&world, &["ls", "--json"]).unwrap()).unwrap();
    assert_eq!(json.as_array().unwrap().len(), AGENTS);
}

/// 20 MiB are 27 MiB of base64, and would be 36 MiB in a text frame of the channel, which no relay takes: they
/// go as bytes.
#[test]
fn a_picture_of_twenty_mebibytes() {
    let world = World::new(&["mock=mock:"]);
    let cwd = world.cwd();
    let picture = |bytes: usize| {
        let noise: Vec<u8> = (0..bytes as u32)
            .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        std::fs::write(world.dir().join("x.png"), noise).unwrap();
    };
    let run = [
        "run",
        "--provider",
        "mock",
        "--cwd",
        &cwd,
        "--image",
        "x.png",
        "settings",
    ];
    picture(20 * 1024 * 1024);
    let Some(ran) = measured(&world, &[&run[..], &["--json"]].concat()) else {
        return;
    };
    let ran: Value = serde_json::from_str(&ran).unwrap();
    let id = ran["agentId"].as_str().unwrap();
    assert!(world.logs(id).contains("pictures 1"));
    measured(&world, &["send", id, "--image", "x.png", "settings"]).unwrap();

    // What is too large is refused before anything is made: by what any connection takes, and by what is
    // left of it beside the rest of the request.
    let there = |what: &str| world.remote(0, &[what, "ls"]).as_array().unwrap().len();
    let before = (there("agent"), there("workspace"));
    for bytes in [25 * 1024 * 1024, 24 * 1024 * 1024 - 4096] {
        picture(bytes);
        let error = &world.remote(2, &run)["error"];
        assert_eq!(error["code"], "MESSAGE_TOO_LARGE", "{error}");
        assert!(error["message"].as_str().unwrap().contains("32"), "{error}");
    }
    assert_eq!((there("agent"), there("workspace")), before);
}
