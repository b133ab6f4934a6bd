//! What is saved in more than one way: included files, copies, the default before this one.

use crate::remotes::{files, offer, with_work};
use crate::sandbox::Sandbox;

const FILE: &str = "home/.config/paseo/remotes.toml";

fn ran(sandbox: &Sandbox, args: &[&str]) -> String {
    let ran = sandbox.run(args);
    assert_eq!(ran.status, 0, "{args:?}: {ran:?}");
    ran.stdout
}

/// `work` in the user's own file; `lab` and another `work` in files that are included.
fn with_team() -> Sandbox {
    let sandbox = with_work();
    let team = "include = ['more/x.toml']\n\n[remotes.lab]\nurl = 'tcp://lab.example:1'\ntags = ['team']\n";
    sandbox.write("home/.config/paseo/remotes.d/team.toml", team);
    let more = "[remotes.work]\nurl = 'w:1'\n[remotes.far]\nurl = 'f:1'\n";
    sandbox.write("home/.config/paseo/remotes.d/more/x.toml", more);
    sandbox.write("home/.config/paseo/remotes.d/.hidden.toml", "broken");
    let own = sandbox.read(FILE);
    sandbox.write(FILE, &format!("include = ['remotes.d/*.toml']\n{own}"));
    sandbox
}

#[test]
fn included_remotes_are_used_and_never_changed() {
    let sandbox = with_team();
    assert_eq!(ran(&sandbox, &["remote", "ls", "-q"]), "far\nlab\nwork\n");
    let shown = sandbox.run(&["remote", "show", "lab", "--json"]).json();
    let from = shown["includedFrom"].as_str().unwrap();
    assert!(from.ends_with("/remotes.d/team.toml:3"), "{from}");
    sandbox.run(&["-r", "work", "ls"]).failed(6, "127.0.0.1:9");
    ran(&sandbox, &["remote", "use", "lab"]);
    assert_eq!(ran(&sandbox, &["which", "--short"]), "lab\n");

    let before = (
        sandbox.read(FILE),
        sandbox.read("home/.config/paseo/remotes.d/team.toml"),
    );
    for args in [
        &["remote", "set", "lab", "tags=x"][..],
        &["remote", "unset", "lab", "tags"],
        &["remote", "rename", "lab", "x"],
        &["remote", "rm", "lab"],
    ] {
        let refused = sandbox.run(args);
        refused.failed(10, "team.toml, which is only included");
        refused.failed(10, "change that file");
    }
    sandbox
        .run(&["remote", "rename", "work", "lab"])
        .failed(1, "already a remote `lab`");
    sandbox
        .run_with(&["remote", "add", "far", "-", "--no-check"], &offer())
        .failed(1, "already a remote `far`");
    let after = (
        sandbox.read(FILE),
        sandbox.read("home/.config/paseo/remotes.d/team.toml"),
    );
    assert_eq!(before, after);

    // The user's own `work` hides the other one, and that is told.
    let checked = sandbox.run(&["config", "check"]);
    assert!(
        checked.stdout.contains("3 remotes, 2 files included"),
        "{checked:?}"
    );
    assert!(
        checked.stderr.contains("x.toml:1 is not used"),
        "{checked:?}"
    );
    sandbox
        .run(&["config", "check", "--strict"])
        .failed(10, "x.toml:1 is not used");
}

#[test]
fn what_cannot_be_included_is_shown_with_its_place() {
    let sandbox = Sandbox::new();
    let dir = "home/.config/paseo";
    sandbox.write(&format!("{dir}/a.toml"), "include = ['b.toml']\n");
    sandbox.write(&format!("{dir}/b.toml"), "include = ['a.toml']\n");
    sandbox.write(&format!("{dir}/c.toml"), "default = 'x'\n");
    for n in 0..9 {
        let next = format!("include = ['deep{}.toml']\n", n + 1);
        sandbox.write(&format!("{dir}/deep{n}.toml"), &next);
    }
    sandbox.write(&format!("{dir}/deep9.toml"), "");
    for n in 0..65 {
        sandbox.write(&format!("{dir}/many/{n}.toml"), "");
    }
    for (include, said) in [
        (
            "'nowhere.toml'",
            "remotes.toml:1:1: `include`: there is no such file",
        ),
        ("'a.toml'", "b.toml:1:1: `include`: a file includes itself"),
        (
            "'remotes.toml'",
            "remotes.toml:1:1: `include`: a file includes itself",
        ),
        (
            "'c.toml'",
            "c.toml:1:11: `default`: belongs in remotes.toml itself",
        ),
        (
            "'deep0.toml'",
            "deep7.toml:1:1: `include`: files include each other too deeply",
        ),
        ("'many/*.toml'", "too many files are included"),
        ("'**/x.toml'", "`**` would search whole trees"),
        ("1", "must be a list of texts"),
    ] {
        sandbox.write(FILE, &format!("include = [{include}]\n"));
        sandbox.run(&["remote", "ls"]).failed(10, said);
    }
    // What matches nothing includes nothing, and a file that is named twice is read once.
    sandbox.write(
        &format!("{dir}/d.toml"),
        "[remotes.lab]\nurl = 'tcp://127.0.0.1:1'\n",
    );
    sandbox.write(FILE, "include = ['no*.toml', 'd.toml', './d.toml']\n");
    assert_eq!(ran(&sandbox, &["remote", "ls", "-q"]), "lab\n");
    assert_eq!(sandbox.run(&["config", "check", "--strict"]).status, 0);
}

#[test]
fn a_copy_shares_the_secret_until_neither_needs_it() {
    let sandbox = with_work();
    let secrets = || files(&sandbox, "home/.local/share/paseo/secrets").len();
    ran(&sandbox, &["remote", "set", "work", "cwd=/src", "tags=a,b"]);
    let copy = ["remote", "add", "copy", "--from", "work", "--tag", "c"];
    ran(&sandbox, &copy);
    let shown = sandbox.run(&["remote", "show", "copy", "--json"]).json();
    assert_eq!(
        (&shown["cwd"], &shown["tags"]),
        (&"/src".into(), &serde_json::json!(["c"]))
    );
    assert_eq!(secrets(), 1);
    ran(&sandbox, &["remote", "rm", "work"]);
    assert_eq!(secrets(), 1);
    sandbox.run(&["-r", "copy", "ls"]).failed(6, "127.0.0.1:9");

    // With an offer, only the settings are taken.
    let direct = [
        "remote",
        "add",
        "lab",
        "tcp://h:1",
        "--from",
        "copy",
        "--no-check",
    ];
    ran(&sandbox, &direct);
    let shown = sandbox.run(&["remote", "show", "lab", "--json"]).json();
    assert_eq!(
        (&shown["cwd"], &shown["via"]),
        (&"/src".into(), &"direct".into())
    );
    ran(&sandbox, &["remote", "rm", "copy"]);
    assert_eq!(secrets(), 0);
    sandbox
        .run(&["remote", "add", "x", "--from", "lap"])
        .failed(3, "did you mean `lab`?");
    sandbox
        .run(&["remote", "add", "x", "--from", "lab", "--store", "file"])
        .failed(2, "keystore migrate");
    sandbox
        .run(&["remote", "add", "x", "h:1", "--store", "fiel"])
        .failed(2, "did you mean `file`?");
}

#[test]
fn the_default_before_this_one() {
    let sandbox = with_work();
    let to = |name: &str| ran(&sandbox, &["remote", "use", name]);
    sandbox
        .run(&["remote", "use", "-"])
        .failed(3, "no other default is remembered");
    to("work");
    assert_eq!(to("-"), "the default is now `local`\n");
    assert_eq!(to("-"), "the default is now `work`\n");
    to("work");
    assert_eq!(to("-"), "the default is now `local`\n");
    ran(&sandbox, &["remote", "rename", "work", "office"]);
    sandbox
        .run(&["remote", "use", "-"])
        .failed(3, "there is no remote `work`");
}

#[test]
fn an_address_without_a_password_needs_no_store() {
    let mut sandbox = Sandbox::new();
    sandbox.set("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent");
    let add = |name, address| sandbox.run(&["remote", "add", name, address, "--no-check"]);
    assert_eq!(add("far", "tcp://127.0.0.1:9").status, 0);
    assert_eq!(add("tower", "ssh://tower").status, 0);
    add("lab", "tcp://127.0.0.1:9?password=planted-pw").failed(9, "keyring");
    assert_eq!(sandbox.run(&["remote", "ls", "-q"]).stdout, "far\ntower\n");
}
