//! Secrets are wiped when they are not needed any more: the memory of a command that waits is searched.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use crate::remotes::{SERVER_ID, offer, with_work};
use crate::sandbox::binary;

const PASSPHRASE: &str = "planted-correct-horse-battery";

/// Counts where a text is in the writable memory of a process.
fn found(pid: u32, text: &str) -> usize {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let mut memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    let mut count = 0;
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next().unwrap(), words.next().unwrap());
        if !rights.starts_with("rw") {
            continue;
        }
        let (start, end) = range.split_once('-').unwrap();
        let number = |hex| u64::from_str_radix(hex, 16).unwrap();
        let mut bytes = Vec::new();
        memory.seek(SeekFrom::Start(number(start))).unwrap();
        // A part that is not there, such as a guard page, has nothing to find.
        let _ = (&mut memory)
            .take(number(end) - number(start))
            .read_to_end(&mut bytes);
        count += bytes
            .windows(text.len())
            .filter(|window| *window == text.as_bytes())
            .count();
    }
    count
}

/// While a command waits for a daemon, the passphrase that opened the vault is gone. The server id is still
/// there, because it is in use: so the search finds what there is.
#[test]
fn the_passphrase_of_the_vault_is_wiped_after_use() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can read the memory of a command of ours");
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
    let mut child = sandbox
        .command(binary().as_os_str())
        .args(["-r", "held", "ls"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (_stream, _) = silent.accept().unwrap();
    let (passphrase, server_id) = (found(child.id(), PASSPHRASE), found(child.id(), SERVER_ID));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(server_id > 0, "the search finds nothing at all");
    assert_eq!(passphrase, 0, "the passphrase is still there");
}
