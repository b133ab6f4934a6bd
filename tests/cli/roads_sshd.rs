//! The road over ssh with the real programs: a server of its own with keys made for the test, and our daemon
//! behind it, in a network namespace where its usual port is free.

use std::process::Command;

use crate::sandbox::{Sandbox, binary};
use crate::tool::{is_missing, skip};

/// Starts both, waits until they answer, and asks. `$1` is our program. The client's own settings and known
/// hosts stay out of it.
const SCRIPT: &str = r#"set -e
ip link set lo up
ssh-keygen -q -t ed25519 -N '' -f host
ssh-keygen -q -t ed25519 -N '' -f user
cat >server <<END
Port 2222
ListenAddress 127.0.0.1
HostKey $PWD/host
AuthorizedKeysFile $PWD/user.pub
StrictModes no
UsePAM no
PidFile $PWD/pid
PasswordAuthentication no
AllowUsers root
END
mkdir -p /run/sshd bin
/usr/sbin/sshd -f server -E server.log
sed 's/^/[127.0.0.1]:2222 /' host.pub >known
cat >bin/ssh <<END
#!/bin/sh
exec /usr/bin/ssh -F none -i $PWD/user -o IdentitiesOnly=yes -o UserKnownHostsFile=$PWD/known "\$@"
END
chmod +x bin/ssh
"$1" daemon run --listen 127.0.0.1:6767 >daemon.log 2>&1 &
trap 'kill $! $(cat pid)' EXIT
for n in $(seq 300); do grep -q 'is ready' daemon.log && break; sleep 0.1; done
PATH=$PWD/bin:$PATH
"$1" --host ssh://root@127.0.0.1:2222 ls --json
"$1" remote add far ssh://root@127.0.0.1:2222 --json >added
"$1" -r far ls --json
"$1" --host ssh://nobody@127.0.0.1:2222 ls 2>refused && exit 1
echo refused: $(cat refused)"#;

#[test]
fn a_daemon_is_reached_through_a_real_server() {
    let tools = ["bash", "ip", "ssh", "ssh-keygen", "sshd", "unshare"];
    if tools.into_iter().any(is_missing) {
        return;
    }
    let alone = Command::new("unshare").args(["-n", "true"]).status();
    if !alone.is_ok_and(|status| status.success()) {
        skip("no network namespace can be made here, or not by this user");
        return;
    }
    let sandbox = Sandbox::new();
    let mut command = sandbox.command("unshare".as_ref());
    command
        .args(["-n", "bash", "-c", SCRIPT, "bash"])
        .arg(binary());
    let ran = command
        .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
        .output()
        .unwrap();
    let (stdout, stderr) = (
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr),
    );
    assert!(ran.status.success(), "{stdout}\n{stderr}");
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(lines[..2], ["[]", "[]"], "{stdout}");
    assert!(
        lines[2].contains("ssh") && lines[2].contains("Permission denied"),
        "{stdout}"
    );
}
