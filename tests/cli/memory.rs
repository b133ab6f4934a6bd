//! Secrets are wiped when they are not needed any more: the memory of a command that waits is searched.

use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use crate::other_user::Running;
use crate::process_memory::found;
use crate::remotes::{KEY, SERVER_ID, offer, with_work};
use crate::sandbox::{Sandbox, binary};
use crate::tool::skip;

const PASSPHRASE: &str = "planted-correct-horse-battery";
const PASSWORD: &str = "planted-password-17";

/// Starts a command, and waits until it has reached somebody who says nothing.
fn waiting(sandbox: &Sandbox, args: &[&str], silent: &TcpListener) -> (Running, TcpStream) {
    let mut command = sandbox.command(binary().as_os_str());
    command
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let running = Running(command.spawn().unwrap());
    (running, silent.accept().unwrap().0)
}

/// While a command waits for a daemon, the passphrase that opened the vault is gone. The server id is still
/// there, because it is in use: so the search finds what there is.
#[test]
fn the_passphrase_of_the_vault_is_wiped_after_use() {
    if !rustix::process::geteuid().is_root() {
        skip("only root can read the memory of a command of ours");
        return;
    }
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let relay = silent.local_addr().unwrap().to_string();
    let mut sandbox = with_work();
    sandbox.write("pass", &format!("{PASSPHRASE}\n"));
    let pass = sandbox.path("pass");
    std::fs::set_permissions(&pass, std::fs::Permissions::from_mode(0o600)).unwrap();
    sandbox.set("PASEO_VAULT_PASSPHRASE_FILE", pass.to_str().unwrap());
    let offer = offer().replace("127.0.0.1:9", &relay);
    let args = [
        "remote",
        "add",
        "held",
        "-",
        "--no-check",
        "--again",
        "--store",
        "vault",
    ];
    let added = sandbox.run_with(&args, &offer);
    assert_eq!(added.status, 0, "{added:?}");
    let (command, _stream) = waiting(&sandbox, &["-r", "held", "ls"], &silent);
    let count = |text| found(command.0.id(), text);
    let (passphrase, server_id) = (count(PASSPHRASE), count(SERVER_ID));
    assert!(server_id > 0, "the search finds nothing at all");
    assert_eq!(passphrase, 0, "the passphrase is still there");
    // The offer and the key in it are in use, but not as the texts that they were.
    for text in [&offer[1..40], KEY] {
        assert_eq!(count(text), 0, "the offer is still there");
    }
}

/// A password is in use while a command runs; the item that it was read from is gone.
#[test]
fn the_item_of_a_password_is_wiped_after_use() {
    if !rustix::process::geteuid().is_root() {
        skip("only root can read the memory of a command of ours");
        return;
    }
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let url = format!("tcp://{address}?password={PASSWORD}");
    let sandbox = with_work();
    let add = ["remote", "add", "held", &url, "--no-check"];
    let added = sandbox.run(&add);
    assert_eq!(added.status, 0, "{added:?}");
    let (command, _stream) = waiting(&sandbox, &["-r", "held", "ls"], &silent);
    let count = |text: &str| found(command.0.id(), text);
    assert!(count(PASSWORD) > 0, "the search finds nothing at all");
    // The hello that is about to leave has the password; what the store gave has gone.
    assert_eq!(count(&format!("{{\"v\":1,\"password\":\"{PASSWORD}")), 0);
}
