//! Several roads to one daemon, proxies of the environment, and ssh, with the real binary.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::fake_daemon::FakeDaemon;
use crate::remotes::{SERVER_ID, with_work};
use crate::sandbox::{Ran, Sandbox};

fn daemon(server_id: &str) -> FakeDaemon {
    FakeDaemon::start(
        server_id,
        &[],
        |_| json!({ "entries": [], "pageInfo": { "hasMore": false } }),
    )
}

/// The remote `work` is behind a relay that nobody runs; it also has this road.
fn with_road(key: &str, value: &str) -> Sandbox {
    let sandbox = with_work();
    let set = sandbox.run(&["remote", "set", "work", &format!("{key}={value}")]);
    assert_eq!(set.status, 0, "{set:?}");
    sandbox
}

fn listed(ran: &Ran) {
    assert_eq!((ran.status, ran.stdout.trim()), (0, "[]"), "{ran:?}");
}

#[test]
fn a_direct_road_is_taken_where_it_leads_to_the_paired_daemon() {
    let peer = daemon(SERVER_ID);
    let sandbox = with_road("direct", &format!("tcp://{}", peer.address));
    listed(&sandbox.run(&["-r", "work", "ls", "--json"]));
    listed(&sandbox.run(&["-r", "work", "--via", "direct", "ls", "--json"]));
    // The relay alone is not there.
    sandbox
        .run(&["-r", "work", "--via", "relay", "ls"])
        .failed(6, "127.0.0.1:9");
    sandbox.run(&["-r", "work", "--via", "ssh", "ls"]).failed(
        2,
        "there is no road `ssh` to this daemon, only: relay, direct",
    );
}

#[test]
fn another_daemon_on_that_road_is_not_talked_to() {
    let peer = daemon("srv_somebody_else");
    let sandbox = with_road("direct", &format!("tcp://{}", peer.address));
    // The error of the remote's own address counts.
    sandbox
        .run(&["-r", "work", "ls"])
        .failed(6, "no connection to the relay 127.0.0.1:9");
    let forced = sandbox.run(&["-r", "work", "--via", "direct", "ls"]);
    forced.failed(5, "another daemon than the paired one");
    forced.says_none_of(&[SERVER_ID, "srv_somebody_else"]);
    assert!(peer.requests().is_empty(), "{:?}", peer.requests());
}

/// Puts a program named `ssh` first on the path.
fn with_ssh(sandbox: &mut Sandbox, script: &str) {
    sandbox.write("bin/ssh", &format!("#!/bin/bash\n{script}\n"));
    let path = sandbox.path("bin/ssh");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", sandbox.path("bin").display());
    sandbox.set("PATH", &path);
}

#[test]
fn ssh_carries_a_session_and_gets_no_secret() {
    let peer = daemon(SERVER_ID);
    let mut sandbox = with_road("ssh", "me@tower:2222");
    let (host, port) = peer.address.split_once(':').unwrap();
    let script = format!(
        "printf '%s\\n' \"$@\" > args; env > environment\n\
         exec 3<>/dev/tcp/{host}/{port}; cat <&3 & exec cat >&3"
    );
    with_ssh(&mut sandbox, &script);
    sandbox.set("PASEO_PASSWORD", "planted-password");
    listed(&sandbox.run(&["-r", "work", "ls", "--json"]));
    let args = sandbox.read("args");
    for part in [
        "-W\n127.0.0.1:6767\n",
        "BatchMode=yes\n",
        "-p\n2222\n--\nme@tower\n",
    ] {
        assert!(args.contains(part), "{args}");
    }
    let environment = sandbox.read("environment");
    for secret in [SERVER_ID, "planted-password"] {
        assert!(!environment.contains(secret) && !args.contains(secret));
    }
}

#[test]
fn what_ssh_says_is_told() {
    let mut sandbox = with_road("ssh", "tower");
    let script = "echo 'ssh: Could not resolve hostname tower' >&2; exit 255";
    with_ssh(&mut sandbox, script);
    let ran = sandbox.run(&["-r", "work", "--via", "ssh", "ls"]);
    ran.failed(
        6,
        "ssh made no connection to ssh://tower: ssh: Could not resolve hostname tower",
    );
    sandbox
        .run(&["--host", "ssh://-oProxyCommand=x", "ls"])
        .failed(2, "a destination of ssh is");
    // The command line takes it too.
    sandbox
        .run(&["--host", "ssh://tower", "ls"])
        .failed(6, "ssh made no connection");
}

/// A proxy that answers no to everything.
fn refusing_proxy() -> String {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n");
        }
    });
    address
}

/// A daemon that answers every request with 403 and this text.
fn refusing_daemon(said: &'static str) -> String {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let length = said.len();
            let head = "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain; charset=utf-8";
            let _ = write!(stream, "{head}\r\nContent-Length: {length}\r\n\r\n{said}");
        }
    });
    format!("localhost:{port}")
}

#[test]
fn a_daemon_that_refuses_a_name_is_not_taken_for_a_relay() {
    let sandbox = Sandbox::new();
    let name = refusing_daemon("Host not allowed");
    let ran = sandbox.run(&["--host", &name, "ls"]);
    ran.failed(6, "refuses the host name localhost");
    ran.failed(6, "PASEO_HOSTNAMES=localhost");
    ran.failed(6, "IP address");
    let json = sandbox.run(&["--host", &name, "ls", "--json"]);
    json.failed(6, "\"HOST_NOT_ALLOWED\"");
    let other = sandbox.run(&["--host", &refusing_daemon("Go away"), "ls"]);
    other.failed(6, "HTTP status 403");
    for ran in [ran, json, other] {
        assert!(!ran.stderr.contains("relay"), "{ran:?}");
    }
}

#[test]
fn proxies_of_the_environment_and_their_exceptions() {
    let proxy = refusing_proxy();
    let url = format!("http://me:planted-pw@{proxy}");
    let tls = "tcp://daemon.invalid:6767?ssl=true";
    let plain = "tcp://daemon.invalid:6767";
    let refused = "because: it answered with HTTP status 403";
    let straight = "the name daemon.invalid cannot be resolved";
    for (variables, host, said) in [
        (&[("HTTPS_PROXY", url.as_str())][..], tls, refused),
        (&[("https_proxy", url.as_str())], tls, refused),
        (&[("HTTPS_PROXY", url.as_str())], plain, straight),
        (&[("ALL_PROXY", url.as_str())], plain, refused),
        (&[("ALL_PROXY", url.as_str())], tls, refused),
        (
            &[("ALL_PROXY", url.as_str()), ("NO_PROXY", "invalid")],
            plain,
            straight,
        ),
        (
            &[("ALL_PROXY", url.as_str()), ("no_proxy", "*")],
            plain,
            straight,
        ),
        (
            &[("ALL_PROXY", url.as_str()), ("NO_PROXY", "other.invalid")],
            plain,
            refused,
        ),
        // The small letters come first, as with curl.
        (
            &[
                ("https_proxy", "http://127.0.0.1:9"),
                ("HTTPS_PROXY", url.as_str()),
            ],
            tls,
            "127.0.0.1:9",
        ),
        // This machine needs no proxy.
        (
            &[("ALL_PROXY", url.as_str())],
            "127.0.0.1:9",
            "no connection to 127.0.0.1:9",
        ),
    ] {
        let mut sandbox = Sandbox::new();
        for (name, value) in variables {
            sandbox.set(name, value);
        }
        let ran = sandbox.run(&["--host", host, "-vvv", "ls"]);
        ran.failed(6, said);
        ran.says_none_of(&["planted-pw", "bWU6"]);
    }
    let mut sandbox = Sandbox::new();
    sandbox.set("HTTPS_PROXY", "ftp://me:planted-pw@x:1");
    let ran = sandbox.run(&["--host", tls, "ls"]);
    ran.failed(10, "the proxy of HTTPS_PROXY: a proxy is http://");
    ran.says_none_of(&["planted-pw"]);
}

#[test]
fn a_remote_has_its_own_proxy_or_none() {
    let proxy = refusing_proxy();
    let mut sandbox = Sandbox::new();
    let remote = |keys: &str| {
        format!(
            "[remotes.lab]\nurl = 'tcp://daemon.invalid:6767'\nconnect_timeout = '5s'\n{keys}\n"
        )
    };
    let file = "home/.config/paseo/remotes.toml";
    sandbox.set("MY_PROXY_PASSWORD", "planted-pw");
    sandbox.set("ALL_PROXY", "http://127.0.0.1:9");
    for (keys, status, said) in [
        (format!("proxy = 'http://{proxy}'"), 6, "HTTP status 403"),
        ("proxy = 'none'".to_owned(), 6, "cannot be resolved"),
        (String::new(), 6, "no connection to 127.0.0.1:9"),
        (
            format!(
                "proxy = {{ url = 'http://{proxy}', user = 'me', password = {{ env = 'MY_PROXY_PASSWORD' }} }}"
            ),
            6,
            "HTTP status 403",
        ),
        (
            format!(
                "proxy = {{ url = 'http://{proxy}', user = 'me', password = {{ env = 'MISSING' }} }}"
            ),
            10,
            "is in the variable MISSING, which is not set",
        ),
        (
            "proxy = 'http://me:planted-pw@x:1'".to_owned(),
            10,
            "would be readable here",
        ),
        (
            "proxy = { url = 'http://x:1', user = 'me', password = 'planted-pw' }".to_owned(),
            10,
            "would be readable here",
        ),
        (
            "headers = { Host = 'x' }".to_owned(),
            10,
            "belongs to the connection",
        ),
        (
            "headers = { X-A = { command = ['false'] } }".to_owned(),
            10,
            "the command of the header X-A failed",
        ),
        (
            "headers = { X-A = { command = ['/nonexistent'] } }".to_owned(),
            10,
            "cannot be run",
        ),
        ("family = 'ipv5'".to_owned(), 10, "any, ipv4 or ipv6"),
        (
            "ssh = '-oProxyCommand=x'".to_owned(),
            10,
            "a destination of ssh",
        ),
    ] {
        sandbox.write(file, &remote(&keys));
        let ran = sandbox.run(&["-r", "lab", "-vvv", "ls"]);
        ran.failed(status, said);
        ran.says_none_of(&["planted-pw"]);
    }
}
