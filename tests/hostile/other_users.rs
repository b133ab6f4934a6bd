//! Another user of the daemon's machine, who connects to it over loopback and over a socket file.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::honest::Honest;
use crate::process::{Server, paseo};
use crate::tool::{is_missing, skip};

/// The user and group `nobody`, and one more that nobody has.
pub(crate) const NOBODY: &str = "65534";
const STRANGER: &str = "65533";

/// Whether programs can be run as another user.
pub(crate) fn can_change_users() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        skip("only root can run a program as another user");
    }
    root && !["setpriv", "bash", "cat", "timeout"]
        .into_iter()
        .any(is_missing)
}

pub(crate) fn as_user(uid: &str, command: &Command) -> Command {
    let mut other = Command::new("setpriv");
    other
        .arg(format!("--reuid={uid}"))
        .arg(format!("--regid={uid}"))
        .args(["--clear-groups", "--"])
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir("/");
    other
}

/// Asks over HTTP as another user; returns the whole answer.
fn asks(uid: &str, address: &str, request: &str) -> String {
    let (host, port) = address.rsplit_once(':').unwrap();
    let script = r#"exec 3<>"/dev/tcp/$0/$1"; printf "$2" >&3; timeout 5 cat <&3"#;
    let mut bash = Command::new("bash");
    bash.args(["-c", script, host, port, request]);
    let said = as_user(uid, &bash).output().unwrap();
    String::from_utf8_lossy(&said.stdout).into_owned()
}

const STATUS: &str = r"GET /api/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
const UPGRADE: &str = r"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const HEALTH: &str = r"GET /api/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// Our program where another user may run it.
fn copied(dir: &Path) -> String {
    let program = dir.join("paseo");
    std::fs::copy(env!("CARGO_BIN_EXE_paseo"), &program).unwrap();
    for path in [dir, &program] {
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    }
    program.to_str().unwrap().to_owned()
}

fn refused(uid: &str, address: &str) {
    for request in [STATUS, UPGRADE] {
        let answer = asks(uid, address, request);
        assert!(answer.starts_with("HTTP/1.1 403"), "{address}: {answer}");
        assert!(!answer.contains("srv_"), "{address}: {answer}");
    }
    let health = asks(uid, address, HEALTH);
    assert!(health.starts_with("HTTP/1.1 200"), "{health}");
}

#[test]
fn a_daemon_without_a_password_serves_its_own_user() {
    if !can_change_users() {
        return;
    }
    let mut honest = Honest::start();
    let address = honest.daemon_address.clone();
    refused(NOBODY, &address);
    let programs = tempfile::tempdir().unwrap();
    let mut ls = Command::new(copied(programs.path()));
    ls.args(["--host", &address, "ls"]);
    let ran = as_user(NOBODY, &ls)
        .env("HOME", "/nonexistent")
        .output()
        .unwrap();
    assert!(!ran.status.success(), "{ran:?}");
    honest.does(&["--host", &address, "ls"]);
    honest.does(&["daemon", "pair"]);
    honest.is_well("another user");
}

/// A daemon of somebody who is not root serves root, too, and nobody else.
#[test]
fn a_daemon_of_an_ordinary_user_serves_root_and_not_others() {
    if !can_change_users() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let program = copied(home.path());
    std::fs::set_permissions(home.path(), PermissionsExt::from_mode(0o777)).unwrap();
    for listen in ["127.0.0.1:0", "[::1]:0"] {
        let mut command = Command::new(&program);
        command.args(["daemon", "run", "--listen", listen]);
        let mut command = as_user(NOBODY, &command);
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", home.path())
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        let _daemon = Server::start(command, "ready");
        let pid = std::fs::read_to_string(home.path().join(".paseo/paseo.pid")).unwrap();
        let pid: serde_json::Value = serde_json::from_str(&pid).unwrap();
        let address = pid["listen"].as_str().unwrap().replace(['[', ']'], "");
        refused(STRANGER, &address);
        for uid in [NOBODY, "0"] {
            let answer = asks(uid, &address, STATUS);
            assert!(answer.starts_with("HTTP/1.1 200"), "{uid}: {answer}");
        }
    }
}

/// The file of a socket keeps others out; who opens it up does not open the daemon.
#[test]
fn a_socket_file_that_others_may_open_lets_them_in_no_further() {
    if !can_change_users() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let program = copied(home.path());
    let socket = home.path().join("daemon.sock");
    let listen = socket.to_str().unwrap();
    let daemon = Server::start(
        paseo(home.path(), &["daemon", "run", "--listen", listen]),
        "ready",
    );
    std::fs::set_permissions(&socket, PermissionsExt::from_mode(0o666)).unwrap();
    let host = format!("unix://{listen}");
    let mut ls = Command::new(program);
    ls.args(["--host", &host, "ls"]);
    let theirs = as_user(NOBODY, &ls)
        .env("HOME", "/nonexistent")
        .output()
        .unwrap();
    assert!(!theirs.status.success(), "{theirs:?}");
    let mut ours = paseo(home.path(), &["--host", &host, "ls"]);
    assert!(ours.status().unwrap().success());
    drop(daemon);
}

/// `forward --no-password` is for the programs of its user.
#[test]
fn a_forward_without_a_password_serves_its_own_user() {
    if !can_change_users() {
        return;
    }
    let honest = Honest::start();
    let args = ["-r", "work", "forward", "--no-password", "--json"];
    let forward = Server::start(paseo(honest.home(), &args), "\"host\":");
    let address = forward.said_after("\"host\":\"");
    let answer = asks(NOBODY, &address, UPGRADE);
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    honest.does(&["--host", &address, "ls"]);
}
