//! What is said of agents whose program is not there, or whose command only a shell would understand.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use crate::built_in::BuiltIn;
use crate::sandbox::{Sandbox, binary};

#[test]
fn a_provider_without_its_program_is_unavailable() {
    let mut sandbox = Sandbox::new();
    let later = sandbox.path("home/later").display().to_string();
    sandbox.write("home/plain", "no program");
    let plain = sandbox.path("home/plain").display().to_string();
    let agents = [
        ("a1", "nonexistent-program", false),
        ("a2", "nonexistent-program --flag {prompt}", false),
        ("a3", "/nonexistent/program", false),
        ("a4", &plain, false),
        ("a5", "/usr", false),
        ("a6", &later, false),
        ("b1", "cat", true),
        ("b2", "/bin/cat", true),
        ("b3", "sh -c 'nonexistent-program'", true),
        ("b4", "./relative/to/the/agent", true),
        ("b5", "mock:", true),
    ];
    let specs = agents.map(|(name, command, _)| format!("{name}={command}"));
    let args: Vec<&str> = specs.iter().flat_map(|spec| ["--agent", spec]).collect();
    let daemon = BuiltIn::start(&sandbox, &args);
    sandbox.set("PASEO_HOST", &daemon.address);
    let ran = sandbox.run(&["provider", "ls", "--json"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    let listed: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    for (name, command, there) in agents {
        let entries = listed.as_array().unwrap();
        let entry = entries
            .iter()
            .find(|entry| entry["provider"] == name)
            .unwrap();
        let status = if there { "available" } else { "unavailable" };
        assert_eq!(entry["status"], status, "{command}: {entry}");
        assert_eq!(entry["error"].is_string(), !there, "{command}: {entry}");
        let said = format!("{name}: there is no program");
        assert_eq!(ran.stderr.contains(&said), !there, "{command}: {ran:?}");
    }
    // It is looked for again each time.
    sandbox.write("home/later", "#!/bin/sh\n");
    std::fs::set_permissions(&later, std::fs::Permissions::from_mode(0o755)).unwrap();
    let ran = sandbox.run(&["provider", "ls"]);
    assert!(
        !ran.stderr.contains("a6:") && ran.stderr.contains("a1:"),
        "{ran:?}"
    );
}

#[test]
fn a_command_for_a_shell_is_told_to_run_without_one() {
    let sandbox = Sandbox::new();
    let mut daemon = sandbox
        .command(binary().as_os_str())
        .args(["daemon", "run", "--listen", "127.0.0.1:0"])
        .args(["--agent", "one=a; b", "--agent", "two=sh -c 'a; b'"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut stderr = daemon.stderr.take().unwrap();
    let mut buffer = [0; 4096];
    while !said.contains("ready") {
        let length = stderr.read(&mut buffer).unwrap();
        assert!(length > 0, "{said}");
        said.push_str(&String::from_utf8_lossy(&buffer[..length]));
    }
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    assert!(
        said.contains("`one`: no shell runs its command, so `a;`"),
        "{said}"
    );
    assert!(!said.contains("`two`"), "{said}");
}

#[test]
fn every_form_of_a_port_is_listened_on_this_machine_only() {
    for form in [
        "0",
        ":0",
        "localhost:0",
        "LOCALHOST:0",
        "127.0.0.1:0",
        "tcp://localhost:0",
    ] {
        let sandbox = Sandbox::new();
        let mut command = sandbox.command(binary().as_os_str());
        command
            .args(["daemon", "run", "--listen", form])
            .env("NO_COLOR", "1");
        let daemon = BuiltIn::of(&sandbox, command);
        assert!(
            daemon.address.starts_with("127.0.0.1:"),
            "{form}: {}",
            daemon.address
        );
        let port = daemon.address.rsplit(':').next().unwrap().to_owned();
        for host in [
            port.clone(),
            format!(":{port}"),
            format!("localhost:{port}"),
        ] {
            let ran = sandbox.run(&["--host", &host, "ls"]);
            assert_eq!(ran.status, 0, "{host}: {ran:?}");
        }
    }
    let sandbox = Sandbox::new();
    let run = |args: &[&str]| sandbox.run(&[&["daemon", "run", "--listen", "0"], args].concat());
    run(&["--relay", "ftp://h:1"]).failed(2, "a relay is ws://host:port");
    run(&["--relay", "0.0.0.0:1"]).failed(2, "every address of a machine");
    for form in [
        "tower.lan:1",
        "localhost",
        "127.0.0.1",
        "relative.sock",
        "70000",
    ] {
        sandbox
            .run(&["daemon", "run", "--listen", form])
            .failed(2, "invalid value");
        sandbox
            .run(&["relay", "serve", "--listen", form])
            .failed(2, "invalid value");
        sandbox
            .run(&["forward", "--listen", form])
            .failed(2, "invalid value");
    }
}

/// The settings that a relay prints when it has started.
fn introduced(args: &[&str]) -> serde_json::Value {
    let sandbox = Sandbox::new();
    let mut relay = sandbox
        .command(binary().as_os_str())
        .args(["relay", "serve", "--json"])
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdout = relay.stdout.take().unwrap();
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    let shown = loop {
        let length = stdout.read(&mut buffer).unwrap();
        assert!(length > 0, "{}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&buffer[..length]);
        if let Ok(shown) = serde_json::from_slice(&text) {
            break shown;
        }
    };
    relay.kill().unwrap();
    relay.wait().unwrap();
    shown
}

#[test]
fn a_relay_names_an_endpoint_that_others_can_use() {
    for (args, endpoint, tls) in [
        (&["--listen", "0"][..], "127.0.0.1:", false),
        (&["--listen", ":0"], "127.0.0.1:", false),
        (&["--listen", "localhost:0"], "127.0.0.1:", false),
        (
            &["--listen", "0", "--public-endpoint", "relay.example:8787"],
            "relay.example:8787",
            false,
        ),
        (
            &["--listen", "*:0", "--public-endpoint", "ws://h:87/"],
            "h:87",
            false,
        ),
        (
            &["--listen", "0.0.0.0:0", "--public-endpoint", "wss://h"],
            "h:443",
            true,
        ),
        (&["--listen", "[::1]:0"], "[::1]:", false),
    ] {
        let shown = introduced(args).to_string().replace('\\', "");
        assert!(
            shown.contains(&format!("\"publicEndpoint\":\"{endpoint}")),
            "{args:?}: {shown}"
        );
        assert!(
            shown.contains(&format!("\"publicUseTls\":{tls}")),
            "{args:?}: {shown}"
        );
    }
    // On every address: one of this machine, where it has one.
    let sandbox = Sandbox::new();
    for listen in ["0.0.0.0:0", "*:0", "[::]:0"] {
        let has_address = std::net::UdpSocket::bind("0.0.0.0:0")
            .and_then(|socket| socket.connect("192.0.2.1:9"))
            .is_ok();
        let shown = introduced(&["--listen", listen]);
        let shown = shown.to_string().replace('\\', "");
        if !has_address {
            assert!(shown.contains("\"publicEndpoint\":null"), "{shown}");
            continue;
        }
        let (_, endpoint) = shown.split_once("\"publicEndpoint\":\"").unwrap();
        assert!(
            !endpoint.starts_with(['0', '[']) && !endpoint.starts_with("127."),
            "{shown}"
        );
    }
    for everywhere in ["0.0.0.0:8787", "[::]:8787", "ws://0.0.0.0:8787/"] {
        let args = [
            "relay",
            "serve",
            "--listen",
            "0",
            "--public-endpoint",
            everywhere,
        ];
        sandbox
            .run(&args)
            .failed(2, "cannot tell where others reach this relay");
    }
}
