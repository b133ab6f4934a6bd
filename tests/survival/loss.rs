//! A fifth of all packets lost in the kernel, in both directions. That takes a network of its own, and so the test runs
//! itself again in one.

use std::process::Command;

use crate::attach::{Fault, survives};
use crate::road::Way;

#[test]
fn a_fifth_of_the_packets_is_lost() {
    for tool in ["unshare", "ip", "nft"] {
        let found = Command::new(tool).arg("--version").output().is_ok()
            || Command::new(tool).arg("-V").output().is_ok();
        if !found {
            assert!(std::env::var("CI").is_err(), "{tool} is missing");
            return println!("skipped: {tool} is missing");
        }
    }
    let may = Command::new("unshare")
        .args(["-rn", "true"])
        .output()
        .unwrap();
    if !may.status.success() {
        // Containers may forbid namespaces, also those that tests run in.
        return println!("skipped, for it needs namespaces: {may:?}");
    }
    let inside = Command::new("unshare")
        .arg("-rn")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "loss::inside", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&inside.stdout);
    assert!(said.contains("1 passed"), "{inside:?}");
}

#[test]
#[ignore = "runs in a network of its own, started by the other test"]
fn inside() {
    let up = Command::new("ip")
        .args(["link", "set", "lo", "up"])
        .status();
    assert!(up.unwrap().success());
    let faults = [
        Fault::LosesPackets(20, 3000),
        Fault::LosesPackets(20, 1000),
        Fault::Drops(1),
    ];
    survives("a fifth of the packets lost", &["attach"], &faults);
    let faults = [
        Fault::LosesPackets(20, 2000),
        Fault::Becomes(Way::Dead, 500),
    ];
    survives(
        "the same for logs",
        &["logs", "-f", "--tail", "100000"],
        &faults,
    );
}

/// Loses so many of a hundred packets of a port, both ways. They are whole again when this is dropped.
pub(crate) struct Losing;

impl Losing {
    pub(crate) fn at(port: u16, percent: u32) -> Self {
        for side in ["sport", "dport"] {
            nft(&format!(
                "table inet loss {{ chain {side} {{ type filter hook input priority 0; \
                 tcp {side} {port} numgen random mod 100 < {percent} drop; }}; }}"
            ));
        }
        Self
    }
}

impl Drop for Losing {
    fn drop(&mut self) {
        nft("delete table inet loss");
    }
}

fn nft(rule: &str) {
    let done = Command::new("nft").arg(rule).output().unwrap();
    assert!(done.status.success(), "{rule}: {done:?}");
}
