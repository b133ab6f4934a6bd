//! A vault that stays unlocked for a while: the process that holds its key, how it ends, and what stands in its place.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::process_memory::found;
use crate::remotes::with_work;
use crate::sandbox::{Ran, Sandbox, binary};
use crate::terminal::Terminal;
use crate::tool::{is_missing, skip};

const FILE: &str = "home/.config/paseo/remotes.toml";
const VAULT: &str = "home/.local/share/paseo/vault.json";
const RUN: &str = "home/.local/state/paseo/run";
const PASSPHRASE: &str = "planted-correct-horse";
const VARIABLE: &str = "PASEO_VAULT_PASSPHRASE";

/// `work` in a vault, and nothing that knows its passphrase.
fn sealed() -> Sandbox {
    let mut sandbox = with_work();
    sandbox.set(VARIABLE, PASSPHRASE);
    let moved = sandbox.run(&["keystore", "migrate", "--to", "vault"]);
    assert_eq!(moved.status, 0, "{moved:?}");
    sandbox.set(VARIABLE, "");
    sandbox
}

/// Runs with the passphrase in a variable.
fn knowing(sandbox: &Sandbox, passphrase: &str, args: &[&str]) -> Ran {
    let mut command = sandbox.command(binary().as_os_str());
    command.args(args).env(VARIABLE, passphrase);
    command.output().unwrap().into()
}

fn unlock(sandbox: &Sandbox, time: &str) {
    let unlocked = knowing(sandbox, PASSPHRASE, &["keystore", "unlock", "--for", time]);
    assert_eq!(unlocked.status, 0, "{unlocked:?}");
    unlocked.says_none_of(&[PASSPHRASE]);
}

/// Without a question: the relay of the offer does not listen, so it comes as far as that only with the secret.
fn opens(sandbox: &Sandbox) -> bool {
    let ran = sandbox.run(&["--batch", "-r", "work", "ls"]);
    ran.says_none_of(&[PASSPHRASE]);
    match ran.status {
        6 => true,
        9 => false,
        _ => panic!("{ran:?}"),
    }
}

fn status(sandbox: &Sandbox) -> Value {
    let rows = sandbox.run(&["keystore", "status", "--json"]).json();
    let rows = rows.as_array().unwrap().clone();
    rows.into_iter()
        .find(|row| row["store"] == "vault")
        .unwrap()
}

fn socket(sandbox: &Sandbox) -> PathBuf {
    let entries = fs::read_dir(sandbox.path(RUN)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut sockets = paths.filter(|path| path.extension().is_some_and(|end| end == "vault"));
    let socket = sockets.next().unwrap();
    assert!(sockets.next().is_none());
    socket
}

fn holder(sandbox: &Sandbox) -> Pid {
    let stream = UnixStream::connect(socket(sandbox)).unwrap();
    rustix::net::sockopt::socket_peercred(&stream).unwrap().pid
}

/// Asks a socket for the key, as a command does.
fn ask(socket: &PathBuf) -> Vec<u8> {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.write_all(b"k").unwrap();
    let mut key = Vec::new();
    let _ = stream.read_to_end(&mut key);
    key
}

/// Whether a process has ended. Whoever has to take note of that may do so later.
fn has_ended(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    let state = stat.map(|stat| {
        stat.rsplit_once(") ")
            .map(|(_, rest)| rest.starts_with('Z'))
    });
    state.is_ok_and(|zombie| zombie == Some(true))
        || !Path::new(&format!("/proc/{}", pid.as_raw_nonzero())).exists()
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn typed(sandbox: &Sandbox, args: &[&str], passphrase: &str) -> (u32, String) {
    let program = binary().to_str().unwrap();
    let mut terminal = Terminal::start(sandbox, program, args, "PASEO_BATCH");
    terminal.wait_for("Passphrase of the vault: ");
    terminal.type_in(&format!("{passphrase}\r"));
    terminal.end()
}

#[test]
fn a_passphrase_is_typed_once_for_the_next_commands() {
    let sandbox = sealed();
    assert_eq!(status(&sandbox)["heldUntil"], Value::Null);
    assert!(!opens(&sandbox));
    let (status_then, shown) = typed(&sandbox, &["-r", "work", "ls"], PASSPHRASE);
    assert_eq!(status_then, 6, "{shown}");
    assert!(shown.contains("stays unlocked for 15m"), "{shown}");
    assert!(shown.contains("paseo keystore lock"), "{shown}");
    let first = holder(&sandbox);
    for _ in 0..3 {
        assert!(opens(&sandbox));
    }
    // On a terminal neither.
    let program = binary().to_str().unwrap();
    let using = Terminal::start(&sandbox, program, &["-r", "work", "ls"], "PASEO_BATCH");
    let (code, shown) = using.end();
    assert_eq!(code, 6, "{shown}");
    assert!(!shown.contains("Passphrase"), "{shown}");
    assert_eq!(holder(&sandbox), first, "one process for all of them");

    let row = status(&sandbox);
    assert_eq!(row["state"], "available", "{row}");
    let held: jiff::Timestamp = row["heldUntil"].as_str().unwrap().parse().unwrap();
    let left = held.duration_since(jiff::Timestamp::now()).as_secs();
    assert!((60..=15 * 60).contains(&left), "{row}");
    let table = sandbox.run(&["keystore", "status"]).stdout;
    assert!(table.contains("unlocked until "), "{table}");

    let lock = || sandbox.run(&["keystore", "lock", "--json"]).json()["forgotten"].clone();
    assert_eq!(lock(), true);
    assert!(has_ended(first), "by then");
    assert!(!opens(&sandbox));
    assert_eq!(lock(), false);
    let said = sandbox.run(&["keystore", "lock"]);
    assert_eq!(said.status, 0);
    assert!(said.stdout.contains("was not unlocked"), "{said:?}");
    let row = status(&sandbox);
    assert_eq!(
        (&row["state"], &row["heldUntil"]),
        (&"locked".into(), &Value::Null)
    );
}

/// What happens to the process, to its socket, or to the vault. In each case commands ask again, a passphrase that is
/// given still opens the vault, and another `unlock` works.
#[test]
fn a_key_that_cannot_be_had_is_asked_for_again() {
    if is_missing("perl") {
        return;
    }
    type Case = (&'static str, fn(&Sandbox));
    let cases: [Case; 14] = [
        ("it was locked", |sandbox| {
            assert_eq!(sandbox.run(&["keystore", "lock"]).status, 0);
        }),
        ("its process was killed", |sandbox| {
            end(sandbox, Signal::KILL)
        }),
        ("its process was ended", |sandbox| {
            end(sandbox, Signal::TERM);
            until("the socket goes", || {
                fs::read_dir(sandbox.path(RUN)).unwrap().count() == 0
            });
        }),
        ("its process is stuck", |sandbox| {
            kill_process(holder(sandbox), Signal::STOP).unwrap();
        }),
        ("its time is over", |sandbox| {
            let pid = holder(sandbox);
            unlock(sandbox, "1s");
            assert!(has_ended(pid), "one at a time");
            until("it ends", || !opens(sandbox));
        }),
        ("its socket was removed", |sandbox| {
            let pid = holder(sandbox);
            fs::remove_file(socket(sandbox)).unwrap();
            until("it ends", || has_ended(pid));
        }),
        ("a socket is left that nobody listens on", |sandbox| {
            drop(UnixListener::bind(without_process(sandbox)).unwrap());
        }),
        ("a file is in its place", |sandbox| {
            fs::write(without_process(sandbox), "k").unwrap();
        }),
        ("another program answers with another key", |sandbox| {
            impostor(sandbox, "syswrite $c, chr(7) x 32");
        }),
        ("another program answers with less", |sandbox| {
            impostor(sandbox, "syswrite $c, 'short'");
        }),
        ("another program says nothing", |sandbox| {
            impostor(sandbox, "push @all, $c");
        }),
        ("others may enter the directory", |sandbox| {
            let open = Permissions::from_mode(0o755);
            fs::set_permissions(sandbox.path(RUN), open).unwrap();
        }),
        ("the directory is a link", |sandbox| {
            let (dir, elsewhere) = (sandbox.path(RUN), sandbox.path("elsewhere"));
            fs::rename(&dir, &elsewhere).unwrap();
            symlink(&elsewhere, &dir).unwrap();
        }),
        ("the vault has fresh keys, from elsewhere", |sandbox| {
            let copy = sandbox.copy();
            let rekeyed = knowing(&copy, PASSPHRASE, &["keystore", "rekey"]);
            assert_eq!(rekeyed.status, 0, "{rekeyed:?}");
            fs::copy(copy.path(VAULT), sandbox.path(VAULT)).unwrap();
        }),
    ];
    // Each opening takes 64 MiB.
    for some in cases.chunks(4) {
        thread::scope(|scope| {
            for (what, happens) in some {
                scope.spawn(move || {
                    let sandbox = sealed();
                    unlock(&sandbox, "1h");
                    assert!(opens(&sandbox), "{what}");
                    happens(&sandbox);
                    is_asked_for_again(&sandbox, what);
                });
            }
        });
    }
}

fn is_asked_for_again(sandbox: &Sandbox, what: &str) {
    assert!(!opens(sandbox), "{what}");
    assert_eq!(status(sandbox)["heldUntil"], Value::Null, "{what}");
    let given = knowing(sandbox, PASSPHRASE, &["-r", "work", "ls"]);
    assert_eq!(given.status, 6, "{what}: {given:?}");
    let refused = |status, said| {
        knowing(sandbox, PASSPHRASE, &["keystore", "unlock"]).failed(status, said);
    };
    match what {
        "others may enter the directory" | "the directory is a link" => {
            return refused(10, "not a directory of yours alone");
        }
        "a file is in its place" => return refused(1, "cannot be kept unlocked"),
        _ => {}
    }
    unlock(sandbox, "1h");
    assert!(opens(sandbox), "{what}");
    assert_eq!(sandbox.run(&["keystore", "lock"]).status, 0);
}

fn end(sandbox: &Sandbox, signal: Signal) {
    let pid = holder(sandbox);
    kill_process(pid, signal).unwrap();
    until("it ends", || has_ended(pid));
}

/// Ends the process, and returns where it listened.
fn without_process(sandbox: &Sandbox) -> PathBuf {
    let socket = socket(sandbox);
    end(sandbox, Signal::KILL);
    fs::remove_file(&socket).unwrap();
    socket
}

/// Has another program of this user listen there. It is ended by whatever takes its place.
fn impostor(sandbox: &Sandbox, answer: &str) {
    let socket = without_process(sandbox);
    let script = format!(
        "alarm 300; $s = IO::Socket::UNIX->new(Local => shift, Listen => 9) or die; \
         while ($c = $s->accept) {{ {answer} }}"
    );
    let mut program = Command::new("perl");
    program
        .args(["-MIO::Socket::UNIX", "-e", &script])
        .arg(&socket);
    let mut program = program.spawn().unwrap();
    thread::spawn(move || program.wait());
    until("it listens", || UnixStream::connect(&socket).is_ok());
}

#[test]
fn nothing_is_held_unless_it_is_wanted() {
    let in_settings = |value: &str| {
        let sandbox = sealed();
        let text = format!("{}\n[stores.vault]\nkeep = {value}\n", sandbox.read(FILE));
        sandbox.write(FILE, &text);
        sandbox
    };
    for none in ["\"0\"", "0", "\"0s\""] {
        let sandbox = in_settings(none);
        let (code, shown) = typed(&sandbox, &["-r", "work", "ls"], PASSPHRASE);
        assert_eq!(code, 6, "{none}: {shown}");
        assert!(!shown.contains("unlocked"), "{none}: {shown}");
        assert!(!opens(&sandbox), "{none}");
    }
    let sandbox = in_settings("\"2h\"");
    let (code, shown) = typed(&sandbox, &["-r", "work", "ls"], PASSPHRASE);
    assert_eq!(code, 6, "{shown}");
    assert!(shown.contains("stays unlocked for 2h"), "{shown}");
    assert!(opens(&sandbox));
    for wrong in ["\"soon\"", "true", "\"-1s\"", "\"2d\""] {
        let wrong_file = in_settings(wrong);
        wrong_file.run(&["config", "check"]).failed(10, "keep");
    }
    // A passphrase that is given, or that is wrong, is not held either.
    let sandbox = sealed();
    let given = knowing(&sandbox, PASSPHRASE, &["-r", "work", "ls"]);
    assert_eq!(given.status, 6, "{given:?}");
    assert!(!opens(&sandbox));
    for wrong in ["planted-wrong-horse", ""] {
        let refused = knowing(&sandbox, wrong, &["keystore", "unlock"]);
        assert_eq!(refused.status, 9, "{refused:?}");
        assert!(!opens(&sandbox));
    }
    for time in ["0", "0s", "soon", "-1"] {
        let refused = knowing(&sandbox, PASSPHRASE, &["keystore", "unlock", "--for", time]);
        assert_eq!(refused.status, 2, "{time}: {refused:?}");
    }
    let without = with_work();
    knowing(&without, PASSPHRASE, &["keystore", "unlock"]).failed(9, "not created yet");
}

/// While a key is held, a passphrase that is given counts all the same, `unlock` asks, and so does whatever changes it.
#[test]
fn a_held_key_is_no_passphrase() {
    let sandbox = sealed();
    unlock(&sandbox, "8h");
    knowing(&sandbox, "planted-wrong-horse", &["-r", "work", "ls"]).failed(9, "is wrong");
    for args in [
        &["--batch", "keystore", "unlock", "--for", "9h"][..],
        &["--batch", "keystore", "passwd"],
        &["--batch", "keystore", "rekey"],
    ] {
        let refused = sandbox.run(args);
        assert_eq!(refused.status, 9, "{args:?}: {refused:?}");
    }
    assert!(opens(&sandbox));
    // It goes on for the rest of its time with fresh keys.
    let before = ask(&socket(&sandbox));
    assert_eq!(before.len(), 32);
    let rekeyed = knowing(&sandbox, PASSPHRASE, &["keystore", "rekey"]);
    assert_eq!(rekeyed.status, 0, "{rekeyed:?}");
    assert!(opens(&sandbox));
    assert_ne!(ask(&socket(&sandbox)), before);
    let row = status(&sandbox);
    let held: jiff::Timestamp = row["heldUntil"].as_str().unwrap().parse().unwrap();
    let left = held.duration_since(jiff::Timestamp::now()).as_hours();
    assert_eq!(left, 7, "{row}");
    // Another vault has a key of its own.
    let mut other = sandbox.copy();
    let run = sandbox.path("home/.local/state");
    other.set("XDG_STATE_HOME", run.to_str().unwrap());
    assert!(!opens(&other));
    assert_eq!(sandbox.run(&["keystore", "lock"]).status, 0);
}

#[test]
fn the_process_that_holds_a_key_shows_nothing_of_it() {
    let sandbox = sealed();
    unlock(&sandbox, "1h");
    let pid = holder(&sandbox).as_raw_nonzero().get();
    let of_process = |name: &str| fs::read(format!("/proc/{pid}/{name}"));
    let key = ask(&socket(&sandbox));
    for name in ["cmdline", "environ"] {
        // Another user could not even read the second.
        let shown = of_process(name).unwrap_or_default();
        let shown = String::from_utf8_lossy(&shown);
        assert!(!shown.contains(PASSPHRASE), "{name}: {shown}");
    }
    let status = String::from_utf8(of_process("status").unwrap()).unwrap();
    let line = |begin| status.lines().find(|line| line.starts_with(begin)).unwrap();
    assert_ne!(
        line("VmLck:").split_whitespace().nth(1),
        Some("0"),
        "{status}"
    );
    let limits = String::from_utf8(of_process("limits").unwrap()).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    assert_eq!(
        core.unwrap().split_whitespace().nth(4),
        Some("0"),
        "{limits}"
    );
    assert_eq!(
        fs::read_link(format!("/proc/{pid}/cwd")).unwrap().to_str(),
        Some("/")
    );
    assert_eq!(mode(&socket(&sandbox)), 0o600);
    assert_eq!(mode(&sandbox.path(RUN)), 0o700);
    if !rustix::process::geteuid().is_root() {
        skip("only root can read the memory of a command of ours");
        return;
    }
    let pid = u32::try_from(pid).unwrap();
    assert_eq!(found(pid, PASSPHRASE), 0);
    assert_eq!(found(pid, &key), 1, "once, in the locked page");
}

fn mode(path: &PathBuf) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Even where somebody has opened directory and socket for all, another user gets nothing; and a process that says
/// nothing, or something else, keeps no command waiting.
#[test]
fn strangers_at_the_socket_of_a_held_key() {
    if is_missing("perl") || is_missing("setpriv") {
        return;
    }
    if !rustix::process::geteuid().is_root() {
        skip("only root can be two users");
        return;
    }
    let sandbox = sealed();
    unlock(&sandbox, "1h");
    let socket = socket(&sandbox);
    // Commands of ours would not use it then.
    for dir in socket.ancestors().skip(1) {
        if dir.starts_with(sandbox.path("")) {
            fs::set_permissions(dir, Permissions::from_mode(0o755)).unwrap();
        }
    }
    fs::set_permissions(&socket, Permissions::from_mode(0o666)).unwrap();
    let script = "$SIG{PIPE} = 'IGNORE'; $s = IO::Socket::UNIX->new(Peer => shift) or die; \
                  syswrite $s, 'k'; alarm 30; sysread $s, $k, 99; print length($k // '')";
    let as_user = |user: &str| {
        let mut command = Command::new("setpriv");
        command
            .args([
                &format!("--reuid={user}"),
                "--regid=65534",
                "--clear-groups",
            ])
            .args(["perl", "-MIO::Socket::UNIX", "-e", script])
            .arg(&socket);
        let output = command.output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(as_user("0"), "32", "the way itself is open");
    assert_eq!(as_user("65534"), "0");
    fs::set_permissions(sandbox.path(RUN), Permissions::from_mode(0o700)).unwrap();

    let silent: Vec<_> = (0..100).map(|_| UnixStream::connect(&socket)).collect();
    until("the key is there all the same", || opens(&sandbox));
    drop(silent);
    for said in [&b"x"[..], b"\0", b"GET / HTTP/1.1\r\n\r\n", &[0xff; 4096]] {
        let mut stream = UnixStream::connect(&socket).unwrap();
        let _ = stream.write_all(said);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.is_empty(), "{said:?}");
    }
    assert!(opens(&sandbox));
    assert_eq!(sandbox.run(&["keystore", "lock"]).status, 0);
}

/// By hand it says what it is for, and takes no key from a terminal.
#[test]
fn a_process_without_a_key_ends() {
    let sandbox = sealed();
    for stdin in ["", "short"] {
        let ran = sandbox.run_with(&["keystore", "hold", "--for", "1h"], stdin);
        ran.failed(2, "paseo keystore unlock");
    }
    let program = binary().to_str().unwrap();
    let args = ["keystore", "hold", "--for", "1h"];
    let (code, shown) = Terminal::start(&sandbox, program, &args, "PASEO_BATCH").end();
    assert_eq!(code, 2, "{shown}");
}
