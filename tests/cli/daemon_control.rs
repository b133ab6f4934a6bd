//! `paseo daemon status`, `stop`, `restart`: the right daemon, and no other.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::agents::leave_out_ours;
use crate::built_in::BuiltIn;
use crate::fake_daemon::FakeDaemon;
use crate::sandbox::{Sandbox, binary};

const HOME: &str = "home/.paseo";

/// A home whose daemon is told to listen somewhere.
fn home(listen: &str, server_id: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let config = json!({"version": 1, "daemon": {"listen": listen, "relay": {"enabled": false}}});
    sandbox.write(&format!("{HOME}/config.json"), &config.to_string());
    sandbox.write(&format!("{HOME}/server-id"), server_id);
    sandbox
}

fn daemon(server_id: &str) -> FakeDaemon {
    FakeDaemon::start(server_id, &["daemonStatusRpc"], |_| {
        json!({ "serverId": "x", "pid": 7, "nodePath": "/bin/node", "listen": null, "providers": [
            {"provider": "claude", "available": false, "error": "absent"},
            {"provider": "mock", "available": true},
        ]})
    })
}

fn asked(daemon: &FakeDaemon) -> Vec<String> {
    let requests = daemon.requests();
    requests
        .iter()
        .map(|request| request["type"].as_str().unwrap().to_owned())
        .collect()
}

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[test]
fn a_stopped_daemon_is_no_failure_and_has_the_official_fields() {
    let sandbox = home("127.0.0.1:1", "srv_1");
    let mut status = sandbox.run(&["status", "--json"]).json();
    leave_out_ours(&["status"], &mut status);
    assert_eq!(
        keys(&status),
        [
            "localDaemon",
            "connectedDaemon",
            "home",
            "listen",
            "relay",
            "hostname",
            "pid",
            "startedAt",
            "owner",
            "logPath",
            "daemonNode",
            "cliNode",
            "cliVersion",
            "daemonVersion",
            "desktopManaged",
            "providers"
        ]
    );
    assert_eq!(status["localDaemon"], "stopped");
    assert_eq!(status["connectedDaemon"], "unreachable");
    assert_eq!(status["relay"], "disabled");
    let expected = json!({"label": "Claude", "path": null, "version": null});
    assert_eq!(status["providers"][0], expected);
    let mut stopped = sandbox.run(&["daemon", "stop", "--json"]).json();
    leave_out_ours(&["daemon", "stop"], &mut stopped);
    let dir = sandbox.path(HOME).display().to_string();
    assert_eq!(
        stopped,
        json!({"action": "not_running", "home": dir, "pid": "-", "forced": false,
            "usedLifecycleRpc": false, "reason": "not_running", "message": "Daemon is not running"})
    );
}

#[test]
fn what_the_daemon_says_beats_the_files() {
    let daemon = daemon("srv_1");
    let sandbox = home(&daemon.address, "srv_1");
    let mut status = sandbox.run(&["daemon", "status", "--json"]).json();
    leave_out_ours(&["status"], &mut status);
    assert_eq!(status["connectedDaemon"], "reachable");
    assert_eq!(status["daemonNode"], "/bin/node");
    assert_eq!(
        status["providers"],
        json!([
            {"label": "Claude", "path": null, "version": "absent", "source": "daemon"},
            {"label": "mock", "path": "available", "version": null, "source": "daemon"},
        ])
    );
    let table = sandbox.run(&["status"]).stdout;
    assert!(
        table.contains("\n  Claude          not found (daemon)\n"),
        "{table}"
    );
    for form in [&["status"][..], &["status", "--json"], &["status", "-vv"]] {
        sandbox.run(form).says_none_of(&["srv_1"]);
    }
    let quiet = sandbox.run(&["status", "-q"]).stdout;
    assert!(quiet.starts_with("Local Daemon\n"), "{quiet}");
}

#[test]
fn a_foreign_daemon_is_left_alone() {
    let daemon = daemon("srv_other");
    let sandbox = home(&daemon.address, "srv_1");
    let stopped = sandbox.run(&["daemon", "stop", "--json"]);
    assert_eq!(stopped.status, 0, "{stopped:?}");
    assert!(stopped.stdout.contains("not_running"), "{stopped:?}");
    assert!(
        stopped.stderr.contains("different Paseo home"),
        "{stopped:?}"
    );
    sandbox
        .run(&["daemon", "restart"])
        .failed(10, "different Paseo home");
    sandbox
        .run(&["restart", "--port", "1"])
        .failed(10, "different Paseo home");
    assert_eq!(asked(&daemon), Vec::<String>::new());
}

#[test]
fn the_id_of_another_process_gets_no_signal() {
    let sandbox = home("127.0.0.1:1", "srv_1");
    let mut other = Command::new("sleep").arg("1000").spawn().unwrap();
    let now = jiff::Timestamp::now().to_string();
    // A file that is older than the process; one that is as old, of a program that is no daemon; and one of
    // a daemon of ours, which would hold the lock of its home.
    let marked = json!({ "exe": "/usr/bin/sleep" });
    for (started, process) in [
        ("2001-01-01T00:00:00Z", None),
        (&now, None),
        (&now, Some(marked)),
    ] {
        let mut pid = json!({"pid": other.id(), "startedAt": started, "hostname": "",
            "uid": 0, "listen": "127.0.0.1:1"});
        if let Some(process) = process {
            pid["process"] = process;
        }
        sandbox.write(&format!("{HOME}/paseo.pid"), &pid.to_string());
        if cfg!(target_os = "linux") {
            let stopped = sandbox.run(&["daemon", "stop", "--force", "--json"]).json();
            assert_eq!(stopped["action"], "not_running");
            let status = sandbox.run(&["status", "--json"]).json();
            assert_eq!(status["localDaemon"], "stale_pid");
        }
        assert!(other.try_wait().unwrap().is_none(), "it got a signal");
    }
    // It blocks no start either.
    if cfg!(target_os = "linux") {
        let mut daemon = BuiltIn::start(&sandbox, &[]);
        sandbox.run(&["daemon", "stop"]);
        assert!(daemon.child.wait().unwrap().success());
    }
    assert!(other.try_wait().unwrap().is_none(), "it got a signal");
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn the_file_of_another_machine_names_no_process_here() {
    let sandbox = home("127.0.0.1:1", "srv_1");
    // It looks like a daemon, and is one of this machine.
    let mut other = Command::new("sh")
        .args(["-c", "read line", "paseo"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let now = jiff::Timestamp::now().to_string();
    let pid = json!({"pid": other.id(), "startedAt": now, "hostname": "another",
        "uid": 0, "listen": "127.0.0.1:1"});
    sandbox.write(&format!("{HOME}/paseo.pid"), &pid.to_string());
    sandbox
        .run(&["daemon", "stop", "--force"])
        .failed(1, "the machine another");
    sandbox
        .run(&["daemon", "run", "--listen", "127.0.0.1:0"])
        .failed(1, "the machine another");
    assert!(other.try_wait().unwrap().is_none(), "it got a signal");
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn one_daemon_holds_a_home_as_long_as_it_lives() {
    let sandbox = home("127.0.0.1:0", "srv_1");
    let mut daemon = BuiltIn::start(&sandbox, &[]);
    let second = ["daemon", "run", "--listen", "127.0.0.1:0"];
    let id = daemon.child.id().to_string();
    sandbox.run(&second).failed(1, &id);
    // Not by what the file says.
    sandbox.write(&format!("{HOME}/paseo.pid"), r#"{"pid":1073741824}"#);
    sandbox.run(&second).failed(1, "already runs");
    daemon.child.kill().unwrap();
    daemon.child.wait().unwrap();
    let daemon = BuiltIn::start(&sandbox, &[]);
    drop(daemon);
}

#[cfg(unix)]
#[test]
fn a_home_that_others_can_write_to_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = home("127.0.0.1:0", "srv_1");
    let mode = |mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(sandbox.path(HOME), mode).unwrap();
    };
    mode(0o777);
    let run = ["daemon", "run", "--listen", "127.0.0.1:0"];
    let refused = sandbox.run(&run);
    refused.failed(10, "other users can write to");
    assert!(refused.stderr.contains("chmod go-w"), "{refused:?}");
    // As official daemons make it, with a server id that others can read.
    mode(0o755);
    drop(BuiltIn::start(&sandbox, &[]));
}

#[test]
fn a_daemon_that_is_asked_ends() {
    let sandbox = home("127.0.0.1:0", "srv_1");
    let mut daemon = BuiltIn::start(&sandbox, &[]);
    let status = sandbox.run(&["status", "--json"]).json();
    assert_eq!(
        (&status["localDaemon"], &status["pid"]),
        (&"running".into(), &daemon.child.id().into())
    );
    sandbox.run(&["restart"]).failed(1, "no supervisor");
    let stopped = sandbox.run(&["daemon", "stop", "--json"]).json();
    assert_eq!(stopped["action"], "stopped");
    assert_eq!(stopped["reason"], "lifecycle_shutdown_rpc");
    assert_eq!(stopped["pid"], daemon.child.id().to_string());
    assert!(daemon.child.wait().unwrap().success());
    assert!(!sandbox.path(HOME).join("paseo.pid").exists());
}

#[test]
fn a_process_that_does_not_answer_gets_a_signal_and_is_killed_only_by_force() {
    let sandbox = home("127.0.0.1:1", "srv_1");
    let deaf = |sandbox: &Sandbox| {
        let mut child = sandbox
            .command("/bin/sh".as_ref())
            .args([
                "-c",
                "trap '' TERM; echo ready; while :; do sleep 1; done",
                "paseo",
            ])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let pid = json!({"pid": child.id(), "listen": "127.0.0.1:1"});
        sandbox.write(&format!("{HOME}/paseo.pid"), &pid.to_string());
        child
    };
    let mut child = deaf(&sandbox);
    let patience = ["daemon", "stop", "--timeout", "0.2"];
    sandbox.run(&patience).failed(1, "--force");
    assert!(
        child.try_wait().unwrap().is_none(),
        "it was not to be killed"
    );
    // The test reaps it, so that its id is free: as long as it is not, it counts as there.
    let reaper = std::thread::spawn(move || child.wait());
    let killed = sandbox.run(&[&patience[..], &["--force", "--json"]].concat());
    assert!(killed.stdout.contains("owner_pid_sigkill"), "{killed:?}");
    reaper.join().unwrap().unwrap();
}

#[test]
fn a_daemon_elsewhere_ends_only_when_somebody_says_so() {
    let daemon = daemon("srv_1");
    let sandbox = Sandbox::new();
    for words in [&["daemon", "stop"][..], &["restart"]] {
        let ran = sandbox.run(&[&["--host", &daemon.address], words].concat());
        ran.failed(2, "--yes");
    }
    sandbox
        .run(&["daemon", "status", "--home", "x", "--host", &daemon.address])
        .failed(2, "--home");
    assert_eq!(asked(&daemon), Vec::<String>::new());
    let sandbox = home("127.0.0.1:0", "srv_1");
    let mut daemon = BuiltIn::start(&sandbox, &[]);
    let pid: Value = serde_json::from_str(&sandbox.read(&format!("{HOME}/paseo.pid"))).unwrap();
    let at = pid["listen"].as_str().unwrap();
    let stopped = sandbox
        .run(&["--host", at, "daemon", "stop", "--yes", "--json"])
        .json();
    assert_eq!(stopped["action"], "stopped");
    assert!(daemon.child.wait().unwrap().success());
}

/// A script that is called `paseo`, and who it calls.
fn script(sandbox: &Sandbox, dir: &str, text: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    sandbox.write(&format!("{dir}/paseo"), &format!("#!/bin/sh\n{text}\n"));
    let path = sandbox.path(&format!("{dir}/paseo"));
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    sandbox.path(dir).display().to_string()
}

#[test]
fn a_command_of_the_official_cli_is_handed_on_even_past_a_script_that_comes_back() {
    for exec in ["exec ", ""] {
        let mut sandbox = Sandbox::new();
        let ours = format!("{exec}{} \"$@\"", binary().display());
        let wrapper = script(&sandbox, "one", &ours);
        let official = script(&sandbox, "two", "echo official: \"$@\"; exit 9");
        sandbox.set("PATH", &format!("{wrapper}:{official}:/usr/bin:/bin"));
        let ran = sandbox.run(&["daemon", "start", "--port", "1"]);
        assert_eq!(ran.status, 9, "{ran:?}");
        assert_eq!(ran.stdout, "official: daemon start --port 1\n");
        sandbox.set("PATH", &format!("{wrapper}:/usr/bin:/bin"));
        sandbox.run(&["daemon", "start"]).failed(2, "official");
    }
}
