//! Another user of the same machine listens where the daemon does: no password is shown there.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;

use crate::fake_daemon::FakeDaemon;
use crate::other_user::{Running, is_root};
use crate::sandbox::{Ran, Sandbox, binary};
use crate::tool::{is_missing, skip};

const PASSWORD: &str = "planted-password";

/// What tells the listener where to put its socket, and how long it waits before it takes a connection.
const SOCKET: &str = "TEST_SOCKET";
const LATE: &str = "TEST_LATE";

/// Not a test: what the other user runs. It prints where it listens, and what it is sent.
#[test]
#[ignore = "the other tests start it, as another user"]
#[expect(
    clippy::disallowed_methods,
    reason = "a program of its own, which is told by its environment"
)]
fn listens() {
    let Some(socket) = std::env::var_os(SOCKET) else {
        return;
    };
    let unix = UnixListener::bind(&socket).unwrap();
    fs::set_permissions(&socket, Permissions::from_mode(0o777)).unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("\nat {}", tcp.local_addr().unwrap());
    let late = std::env::var(LATE).unwrap_or_default();
    std::thread::sleep(Duration::from_millis(late.parse().unwrap_or(0)));
    std::thread::spawn(move || unix.incoming().flatten().for_each(hear));
    tcp.incoming().flatten().for_each(hear);
}

#[expect(clippy::print_stdout, reason = "it is how the other user tells")]
fn hear(mut stream: impl Read) {
    let mut bytes = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut bytes) {
        println!("heard {}", bytes[..length].escape_ascii());
        if bytes[..length].ends_with(b"\r\n\r\n") {
            return;
        }
    }
    println!("heard the end");
}

/// The listener of another user.
struct Other {
    dir: tempfile::TempDir,
    address: String,
    heard: Arc<Mutex<String>>,
    _running: Running,
}

impl Other {
    /// `None`, with a line that says so, where nobody can be two users.
    fn start(late: Duration) -> Option<Self> {
        if !is_root() {
            skip("only root can be two users");
            return None;
        }
        if is_missing("setpriv") {
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o777)).unwrap();
        // The user may not be allowed into the directory of the build.
        let program = dir.path().join("listener");
        fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"])
            .arg(&program)
            .args(["other_port::listens", "--exact", "--ignored", "--nocapture"])
            .env(SOCKET, dir.path().join("socket"))
            .env(LATE, late.as_millis().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let running = Running(child);
        let address = lines
            .find_map(|line| Some(line.unwrap().strip_prefix("at ")?.to_owned()))
            .unwrap();
        let heard = Arc::<Mutex<String>>::default();
        let hears = Arc::clone(&heard);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                hears.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        Some(Self {
            dir,
            address,
            heard,
            _running: running,
        })
    }

    fn port(&self) -> &str {
        self.address.rsplit(':').next().unwrap()
    }

    fn socket(&self) -> String {
        self.dir.path().join("socket").display().to_string()
    }

    /// Waits until it has heard this, and fails when it was the password.
    fn has_heard(&self, what: &str) {
        let start = std::time::Instant::now();
        loop {
            let heard = self.heard.lock().unwrap().clone();
            assert!(!heard.contains(PASSWORD), "{heard}");
            if heard.contains(what) {
                return;
            }
            assert!(start.elapsed() < Duration::from_secs(30), "{heard}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn refused(ran: &Ran, at: &str) {
    let said = format!("{at} is another user's: ");
    ran.failed(5, &said);
    ran.failed(5, "no password was sent");
    ran.says_none_of(&[PASSWORD]);
}

#[test]
fn no_password_goes_to_a_port_or_socket_of_another_user() {
    let Some(other) = Other::start(Duration::ZERO) else {
        return;
    };
    let with_variable = || {
        let mut sandbox = Sandbox::new();
        sandbox.set("PASEO_PASSWORD", PASSWORD);
        sandbox
    };
    let (at, port, path) = (&other.address, other.port(), other.socket());
    let unix = format!("unix://{path}");
    let localhost = format!("localhost:{port}");
    // The variable, the address itself, and where the daemon of this machine is looked for.
    refused(&with_variable().run(&["--host", at, "ls"]), at);
    refused(
        &with_variable().run(&["--host", &localhost, "ls"]),
        &localhost,
    );
    refused(&with_variable().run(&["--host", &unix, "ls"]), &unix);
    let url = format!("tcp://{at}?password={PASSWORD}");
    refused(&Sandbox::new().run(&["--host", &url, "ls"]), at);
    let json = Sandbox::new().run(&["--host", &url, "ls", "--json"]);
    json.failed(5, "\"OTHER_USER\"");
    for command in [
        &["ls"][..],
        &["daemon", "status"],
        &["daemon", "stop"],
        &["ping"],
    ] {
        let mut sandbox = with_variable();
        sandbox.write(
            "home/.paseo/config.json",
            &format!(r#"{{"daemon":{{"listen":"{at}"}}}}"#),
        );
        sandbox.set("PASEO_LISTEN", at);
        refused(&sandbox.run(command), at);
    }
    // A saved remote, and what stands before one for other programs.
    let sandbox = Sandbox::new();
    let saved = |name: &str, url: &str| {
        let url = format!("{url}?password={PASSWORD}");
        let add = ["remote", "add", name, &url, "--store", "file", "--no-check"];
        let ran = sandbox.run(&add);
        assert_eq!(ran.status, 0, "{ran:?}");
    };
    saved("lab", &format!("tcp://{at}"));
    refused(&sandbox.run(&["-r", "lab", "ls"]), at);
    refused(&sandbox.run(&["-r", "lab", "forward", "--stdio"]), at);
    // Without a password it is only asked, as any server is.
    let ran = Sandbox::new().run(&["--host", at, "ls"]);
    assert!(!ran.stderr.contains("another user"), "{ran:?}");
    other.has_heard("GET /ws");
}

/// What a program is run with so that it does not see whose a port is; `None` where that is not allowed here.
fn blindfolded(sandbox: &Sandbox, how: &[&str], args: &[&str]) -> Option<Ran> {
    let run = |args: &[&str]| {
        let mut command = sandbox.command("unshare".as_ref());
        command.args(how).args(args);
        command.env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin");
        command.stdin(Stdio::null()).output()
    };
    if is_missing("unshare") {
        return None;
    }
    if !run(&["true"]).is_ok_and(|ran| ran.status.success()) {
        skip("no namespace can be made here, or not by this user");
        return None;
    }
    Some(run(args).unwrap().into())
}

/// A user namespace without users: everybody has the same id in it.
const NOBODY: &[&str] = &["-U"];
/// No `/proc`.
const HIDDEN: &[&str] = &[
    "-m",
    "sh",
    "-c",
    "mount -t tmpfs none /proc && exec \"$0\" \"$@\"",
];
/// Where nobody can know who listens, that is said once in a command, and the password is sent.
#[test]
fn what_cannot_be_known_is_said_once() {
    let mut sandbox = Sandbox::new();
    let now = json!({ "serverReceivedAt": 0, "serverSentAt": 0 });
    let daemon = FakeDaemon::start("srv_1", &[], move |_| now.clone());
    let binary = binary();
    let ping = [
        binary.to_str().unwrap(),
        "--host",
        &daemon.address,
        "ping",
        "-c3",
    ];
    let Some(ran) = blindfolded(&sandbox, NOBODY, &ping) else {
        return;
    };
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{ran:?}");
    sandbox.set("PASEO_PASSWORD", PASSWORD);
    let ran = blindfolded(&sandbox, NOBODY, &ping).unwrap();
    assert_eq!(ran.status, 0, "{ran:?}");
    let said = format!("cannot check which user listens at {}", daemon.address);
    assert_eq!(ran.stderr.matches(&said).count(), 1, "{ran:?}");
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
    ran.says_none_of(&[PASSWORD]);
}

/// Where the system would tell, and its answer cannot be read, no password is sent.
#[test]
fn no_password_goes_where_the_answer_cannot_be_read() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = other.local_addr().unwrap().to_string();
    let heard = Arc::<Mutex<Vec<u8>>>::default();
    let hears = Arc::clone(&heard);
    std::thread::spawn(move || {
        for mut stream in other.incoming().flatten() {
            let mut bytes = Vec::new();
            // It ends when the client does.
            let _ = stream.read_to_end(&mut bytes);
            hears.lock().unwrap().extend(bytes);
        }
    });
    let mut sandbox = Sandbox::new();
    sandbox.set("PASEO_PASSWORD", PASSWORD);
    let binary = binary();
    let ls = [binary.to_str().unwrap(), "--host", &at, "ls"];
    let Some(ran) = blindfolded(&sandbox, HIDDEN, &ls) else {
        return;
    };
    ran.failed(5, &format!("cannot check which user listens at {at}"));
    ran.failed(5, "no password was sent");
    ran.says_none_of(&[PASSWORD]);
    let heard = String::from_utf8_lossy(&heard.lock().unwrap()).into_owned();
    assert_eq!(heard, "");
}

/// A connection that nobody has accepted yet belongs to user 0 in the system's tables. It is not root's.
#[test]
fn no_password_waits_for_another_user_to_accept() {
    let Some(other) = Other::start(Duration::from_secs(3)) else {
        return;
    };
    let mut sandbox = Sandbox::new();
    sandbox.set("PASEO_PASSWORD", PASSWORD);
    let args = ["--host", &other.address, "--connect-timeout", "1s", "ls"];
    sandbox.run(&args).failed(8, "still waiting");
    other.has_heard("heard the end");
}
