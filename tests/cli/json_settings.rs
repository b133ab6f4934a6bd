//! What commands print that need no daemon: remotes, stores of secrets, settings, this program.

use std::os::unix::fs::PermissionsExt;

use crate::json_fields::Told;
use crate::remotes::{link, offer, with_work};
use crate::sandbox::Sandbox;

const FILE: &str = "home/.config/paseo/remotes.toml";

/// A command each.
const OFFLINE: &[&str] = &[
    "remote set work dirs=[{local='~/src',remote='/srv/src'}] cwd=/srv description=mine expires=2099-01-01T00:00:00Z",
    "remote set work connect_timeout=7s persist=1m",
    "remote ls",
    "remote show work",
    "remote show -G work",
    "which",
    "config check",
    "keystore status",
    "remote set work description=mine",
    "remote unset work description",
    "remote rename work tower",
    "remote rename tower work",
    "remote use work",
    "remote use local",
    "remote repair work offer.json --no-check",
    "remote qr work --qr code.png",
    "remote block work",
    "remote unblock work",
    "keystore migrate --to vault",
    "keystore unlock --for 1h",
    "keystore status",
    "keystore lock",
    "keystore rekey",
    "keystore migrate --to file",
    "keystore prune --yes",
    "keystore passwd",
    "completion bash",
    "completion install fish --yes",
    "completion uninstall fish --yes",
    "man",
    "man --install pages",
];

pub(crate) fn outputs(told: &mut Told) {
    let mut sandbox = with_work();
    sandbox.write("offer.json", &offer());
    sandbox.write("ask", "#!/bin/sh\necho correct-horse-battery\n");
    let ask = sandbox.path("ask");
    std::fs::set_permissions(&ask, std::fs::Permissions::from_mode(0o700)).unwrap();
    sandbox.set("PASEO_ASKPASS", ask.to_str().unwrap());
    // Something that `prune` finds.
    sandbox.write("home/.local/share/paseo/secrets/r_00000000deadbeef", "x");
    for line in OFFLINE {
        let args: Vec<&str> = line.split(' ').collect();
        told.run(&sandbox, &args);
    }
    let add = [
        "remote",
        "add",
        "other",
        "offer.json",
        "--no-check",
        "--again",
    ];
    let add = [&add[..], &["--description", "for builds"]].concat();
    told.run(&sandbox, &add);
    // One that another file has.
    let own = sandbox.read(FILE);
    sandbox.write(FILE, &format!("include = ['more.toml']\n{own}"));
    sandbox.write(
        "home/.config/paseo/more.toml",
        "[remotes.lab]\nurl = 'tcp://127.0.0.1:1'\n",
    );
    told.run(&sandbox, &["remote", "show", "lab"]);
    bundle(told, &sandbox);
    told.run(&sandbox, &["remote", "rm", "other"]);
}

/// One machine seals, another one opens.
fn bundle(told: &mut Told, here: &Sandbox) {
    let mut there = Sandbox::new();
    there.set("PASEO_KEYSTORE", "file");
    let recipient = told.run(&there, &["remote", "recipient"]);
    let recipient = recipient["recipient"].as_str().unwrap();
    let export = ["remote", "export", "other", "--recipient", recipient];
    told.run(here, &[&export[..], &["--file", "bundle.json"]].concat());
    there.write("bundle.json", &here.read("bundle.json"));
    told.run(&there, &["remote", "import", "bundle.json"]);
    there.write("list", &format!("lab {}\n", link()));
    told.run(&there, &["remote", "import", "list", "--again"]);
}
