//! `paseo mux hold` among strangers: who comes to its socket, the daemon behind it, somebody else in its place, and
//! the directory of its socket.

use std::fs::{self, Permissions};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::frames::faults;
use crate::heads::requests;
use crate::honest::Honest;
use crate::process::{Ran, SERVER_KIB, each, paseo, peak, run};
use crate::stranger::{Role, Stranger, asks, every_bad_role, joins};
use crate::tool::{is_missing, skip};

const AT_ONCE: usize = 8;
/// More than a listener takes at once.
const CROWD: usize = 600;
/// The user and group `nobody`.
const NOBODY: u32 = 65534;
const LS: &[&str] = &["ls", "--persist", "--json"];

/// Lists agents over a connection that is kept ready, or is to be.
pub(crate) fn ls(honest: &Honest, remote: &str) -> Ran {
    run(
        remote,
        paseo(honest.home(), &[&["-r", remote], LS].concat()),
    )
}

/// The process and the socket of the holder of a remote, once it has connections.
pub(crate) fn holder(honest: &Honest, remote: &str) -> (u32, PathBuf) {
    let start = Instant::now();
    loop {
        assert_eq!(ls(honest, remote).status, 0);
        let listed = honest.does(&["mux", "ls", "--json"]);
        let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
        let holders = listed.as_array().unwrap();
        let ready = |row: &&Value| {
            row["holder"]["remote"] == remote && row["holder"]["ready"].as_u64() > Some(0)
        };
        if let Some(row) = holders.iter().find(ready) {
            let pid = row["pid"].as_u64().unwrap().try_into().unwrap();
            return (pid, row["socket"].as_str().unwrap().into());
        }
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "no holder: {listed}"
        );
        thread::sleep(Duration::from_millis(50));
    }
}

/// Makes a Unix socket reachable for strangers that speak TCP.
fn bridge(socket: &Path) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let socket = socket.to_owned();
    thread::spawn(move || {
        for near in listener.incoming().flatten() {
            let Ok(far) = UnixStream::connect(&socket) else {
                continue;
            };
            let (mut near_in, mut far_out) = (near.try_clone().unwrap(), far.try_clone().unwrap());
            thread::spawn(move || {
                let _ = std::io::copy(&mut near_in, &mut far_out);
                let _ = far_out.shutdown(Shutdown::Both);
            });
            let (mut near, mut far) = (near, far);
            thread::spawn(move || {
                let _ = std::io::copy(&mut far, &mut near);
                let _ = near.shutdown(Shutdown::Both);
            });
        }
    });
    address
}

fn greeting() -> String {
    json!({ "type": "hello", "clientId": "hostile", "clientType": "cli", "protocolVersion": 1 })
        .to_string()
}

/// It is the same process as before, within its memory.
fn is_well(honest: &Honest, pid: u32, what: &str) {
    assert_eq!(holder(honest, "work").0, pid, "{what}: it is another one");
    let kib = peak(pid).unwrap();
    println!("a holder has had at most {kib} KiB: {what}");
    assert!(kib < SERVER_KIB, "{what}: {kib} KiB");
}

#[test]
fn every_client_of_a_holder() {
    let mut honest = Honest::start();
    let (pid, socket) = holder(&honest, "work");
    let address = bridge(&socket);
    for first in [None, Some(greeting())] {
        each(&faults(), AT_ONCE, |fault| {
            joins(&address, "/ws", first.as_deref(), &fault.acts);
        });
        is_well(&honest, pid, "clients");
    }
    each(&requests(), AT_ONCE, |(_, acts)| {
        asks(&address, acts);
    });
    is_well(&honest, pid, "requests");
    // They say nothing, and read nothing; commands go around the crowd.
    let crowd: Vec<_> = (0..CROWD).map(|_| UnixStream::connect(&socket)).collect();
    assert_eq!(ls(&honest, "work").status, 0);
    drop(crowd);
    honest.does(&["mux", "stop"]);
    honest.is_well("clients of a holder");
}

/// The daemon behind it turns bad. Commands end one way or the other, and get through when it is good again.
#[test]
fn every_daemon_of_a_holder() {
    let honest = Honest::start();
    let bad: Vec<_> = every_bad_role(true).into_iter().enumerate().collect();
    let ways: Vec<_> = bad
        .iter()
        .map(|(n, _)| {
            let way = Stranger::start(Role::Honest(honest.daemon_address.clone()));
            let url = format!("tcp://{}", way.address);
            honest.does(&["remote", "add", &format!("way{n}"), &url, "--again"]);
            way
        })
        .collect();
    each(&bad, AT_ONCE, |(n, (name, role))| {
        let remote = format!("way{n}");
        let (pid, _) = holder(&honest, &remote);
        ways[*n].becomes(role.clone());
        // Sessions that were ready are still good; then there are no more.
        for _ in 0..4 {
            let ran = ls(&honest, &remote);
            assert!([0, 6, 7, 8, 4, 14].contains(&ran.status), "{name}: {ran:?}");
        }
        // It opens several sessions at once, as a server does.
        let kib = peak(pid).unwrap_or_default();
        assert!(kib < SERVER_KIB, "{name}: {kib} KiB");
        ways[*n].becomes(Role::Honest(honest.daemon_address.clone()));
        // A session that it opened before may still be handed out.
        let got_through = (0..20).any(|_| ls(&honest, &remote).status == 0);
        assert!(got_through, "{name}");
        honest.does(&["mux", "stop", &remote]);
    });
}

/// Makes a stranger that speaks TCP reachable through a Unix socket.
pub(crate) fn lead(listener: UnixListener, to: &str) {
    let to = to.to_owned();
    thread::spawn(move || {
        for near in listener.incoming().flatten() {
            let far = TcpStream::connect(&to).unwrap();
            let (mut near_in, mut far_out) = (near.try_clone().unwrap(), far.try_clone().unwrap());
            thread::spawn(move || {
                let _ = std::io::copy(&mut near_in, &mut far_out);
                let _ = far_out.shutdown(Shutdown::Both);
            });
            let (mut near, mut far) = (near, far);
            thread::spawn(move || {
                let _ = std::io::copy(&mut far, &mut near);
                let _ = near.shutdown(Shutdown::Both);
            });
        }
    });
}

/// Listens where a holder should. One that a command has just started may come in between.
pub(crate) fn in_place_of(socket: &Path) -> UnixListener {
    let start = Instant::now();
    loop {
        let _ = fs::remove_file(socket);
        match UnixListener::bind(socket) {
            Ok(listener) => return listener,
            Err(error) => assert!(start.elapsed() < Duration::from_secs(10), "{error}"),
        }
    }
}

/// Somebody else listens where a holder should. A command that gets no session there makes its own connection.
#[test]
fn every_impostor() {
    let honest = Honest::start();
    let (_, socket) = holder(&honest, "work");
    honest.does(&["mux", "stop"]);
    for (name, role) in every_bad_role(false) {
        let stranger = Stranger::start(role);
        lead(in_place_of(&socket), &stranger.address);
        let ran = ls(&honest, "work");
        assert_eq!(ran.status, 0, "{name}: {ran:?}");
    }
    let _ = fs::remove_file(&socket);
    honest.does(&["mux", "stop"]);
}

/// Where the directory of the sockets is not ours alone, nothing is kept ready, nothing is written, and commands go
/// on as if nobody had asked for it.
#[test]
fn a_directory_that_is_not_ours_alone() {
    let honest = Honest::start();
    let elsewhere = tempfile::tempdir().unwrap();
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("paseo");
    let ls = |what: &str| {
        let mut command = paseo(honest.home(), &[&["-r", "work"], LS].concat());
        command.env("XDG_RUNTIME_DIR", base.path());
        let ran = run(what, command);
        assert_eq!(ran.status, 0, "{what}: {ran:?}");
        // By hand it says why.
        let mut hold = paseo(honest.home(), &["-r", "work", "mux", "hold", "--persist"]);
        hold.env("XDG_RUNTIME_DIR", base.path());
        let ran = run(what, hold);
        assert_eq!(ran.status, 10, "{what}: {ran:?}");
        for dir in [&dir, elsewhere.path()] {
            assert_eq!(fs::read_dir(dir).unwrap().count(), 0, "{what}: {dir:?}");
        }
    };
    symlink(elsewhere.path(), &dir).unwrap();
    ls("a link");
    fs::remove_file(&dir).unwrap();
    fs::create_dir(&dir).unwrap();
    fs::set_permissions(&dir, Permissions::from_mode(0o770)).unwrap();
    ls("others may write");
    if !rustix::process::geteuid().is_root() {
        skip("only root can make a directory of another user's");
        return;
    }
    fs::set_permissions(&dir, Permissions::from_mode(0o700)).unwrap();
    std::os::unix::fs::chown(&dir, Some(NOBODY), Some(NOBODY)).unwrap();
    ls("another user's");
}

/// Even where somebody has opened directory and socket for all, another user gets nothing from a holder.
#[test]
fn another_user_at_the_socket_of_a_holder() {
    if is_missing("setpriv") {
        return;
    }
    if !rustix::process::geteuid().is_root() {
        skip("only root can be two users");
        return;
    }
    let honest = Honest::start();
    let (pid, socket) = holder(&honest, "work");
    for dir in socket.ancestors().skip(1) {
        // The system's own directories are open already.
        if dir.starts_with(honest.home()) {
            fs::set_permissions(dir, Permissions::from_mode(0o755)).unwrap();
        }
    }
    fs::set_permissions(&socket, Permissions::from_mode(0o666)).unwrap();
    // The user may not be allowed into the directory of the build.
    let theirs = tempfile::tempdir().unwrap();
    fs::set_permissions(theirs.path(), Permissions::from_mode(0o777)).unwrap();
    let program = theirs.path().join("paseo");
    fs::copy(env!("CARGO_BIN_EXE_paseo"), &program).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    let host = format!("unix://{}", socket.display());
    let as_user = |user: &str| {
        let mut command = Command::new("setpriv");
        command
            .args([
                &format!("--reuid={user}"),
                "--regid=65534",
                "--clear-groups",
            ])
            .arg(&program)
            .args(["--host", &host, "ls", "--json"])
            .env_clear()
            .env("HOME", theirs.path())
            .env("PATH", "/usr/bin:/bin");
        command.output().unwrap()
    };
    let theirs = as_user("65534");
    assert!(!theirs.status.success(), "{theirs:?}");
    assert!(theirs.stdout.is_empty(), "{theirs:?}");
    let ours = as_user("0");
    assert!(ours.status.success(), "the way itself is open: {ours:?}");
    let dir = socket.parent().unwrap();
    fs::set_permissions(dir, Permissions::from_mode(0o700)).unwrap();
    is_well(&honest, pid, "another user");
    honest.does(&["mux", "stop"]);
}
