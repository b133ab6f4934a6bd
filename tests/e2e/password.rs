//! A daemon that requires its password through the relay, too, with the real binary.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::server::Server;
use crate::world::World;

/// No token: no header can carry it.
const PASSWORD: &str = "h\u{fc}nter 2@/planted";

fn private(path: &Path, text: &str) {
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600);
    file.open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

/// A daemon with the password, an offer in `offer.json`, and the password in `right`; `wrong` holds another one.
fn world() -> World {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("daemon");
    std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700)
        .create(&home)
        .unwrap();
    let hash = bcrypt::hash(PASSWORD, 4).unwrap();
    let config = json!({
        "version": 1,
        "daemon": {
            "auth": { "password": hash },
            "relay": { "enabled": true, "requirePassword": true },
        },
    });
    private(&home.join("config.json"), &config.to_string());
    private(&dir.path().join("right"), &format!("{PASSWORD}\n"));
    private(&dir.path().join("wrong"), "hunter2-planted\n");
    let world = World::start_in(dir, &["upper=tr a-z A-Z"]);
    world.json(&["daemon", "pair", "--save", "offer.json"]);
    world
}

const ADD: [&str; 6] = ["remote", "add", "work", "offer.json", "--store", "file"];

fn text(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    assert!(!text.contains("planted"), "a password is shown: {text}");
    text
}

/// Runs a command that fails for its password.
fn refused(world: &World, args: &[&str], code: &str, hint: &str) {
    let output = world.run(&[args, &["--json", "-vv"]].concat());
    let text = text(&output);
    assert_eq!(output.status.code(), Some(4), "{args:?}: {text}");
    assert!(text.contains(code), "{args:?}: {text}");
    assert!(text.contains(hint), "{args:?}: {text}");
    assert!(!text.contains("key"), "nobody's key is in doubt: {text}");
}

#[test]
fn the_password_of_a_paired_remote_is_asked_for_kept_changed_and_moved() {
    let mut world = world();
    refused(&world, &ADD, "PASSWORD_REQUIRED", "--password-file");
    let wrong = [&ADD[..], &["--password-file", "wrong"]].concat();
    refused(&world, &wrong, "PASSWORD_INCORRECT", "--password-file");
    assert_eq!(world.json(&["remote", "ls"]), json!([]));

    let right = [&ADD[..], &["--password-file", "right"]].concat();
    world.json(&right);
    assert_eq!(world.json(&["-r", "work", "ls"]), json!([]));
    let remotes = std::fs::read_to_string(world.dir().join("me/.config/paseo/remotes.toml"));
    assert!(!remotes.unwrap().contains("planted"));

    world.json(&["remote", "unset", "work", "password"]);
    let fix = "paseo remote set work password";
    for command in [
        &["ls"][..],
        &["ping", "-c", "1"],
        &["status"],
        &["attach", "abc"],
        &["logs", "abc"],
        &["forward", "--listen", "127.0.0.1:0"],
        &["forward", "--stdio"],
    ] {
        let args = [&["-r", "work"][..], command].concat();
        refused(&world, &args, "PASSWORD_REQUIRED", fix);
    }
    let doctor = text(&world.run(&["-r", "work", "doctor"]));
    assert!(
        doctor.contains("the daemon requires a password"),
        "{doctor}"
    );
    assert!(doctor.contains(fix), "{doctor}");
    let checked = text(&world.run(&["remote", "check", "work", "--json"]));
    assert!(checked.contains("PASSWORD_REQUIRED"), "{checked}");

    // A password that was given for something else is not tried.
    world.set("PASEO_PASSWORD", PASSWORD);
    refused(&world, &["-r", "work", "ls"], "PASSWORD_REQUIRED", fix);
    let offer = ["--relay", "offer.json", "ls"];
    refused(&world, &offer, "PASSWORD_REQUIRED", "paseo remote add NAME");
    // Here it is given for this one.
    world.json(&["remote", "set", "work", "password"]);
    assert_eq!(world.json(&["-r", "work", "ls"]), json!([]));
    world.set("PASEO_PASSWORD", "");

    world.json(&["remote", "set", "work", "--password-file", "wrong"]);
    refused(&world, &["-r", "work", "ls"], "PASSWORD_INCORRECT", fix);
    world.json(&["remote", "set", "work", "--password-file", "right"]);
    let in_argv = format!("password={PASSWORD}");
    let output = world.run(&["remote", "set", "work", &in_argv]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));

    // A new offer of the same daemon keeps it, and a bundle takes it along.
    world.json(&["remote", "repair", "work", "offer.json"]);
    assert_eq!(world.json(&["-r", "work", "ls"]), json!([]));
    let recipient = world.json(&["remote", "recipient", "--store", "file"]);
    let recipient = recipient["recipient"].as_str().unwrap();
    world.json(&[
        "remote",
        "export",
        "work",
        "--recipient",
        recipient,
        "--file",
        "bundle",
    ]);
    world.json(&["remote", "rm", "work"]);
    world.json(&["remote", "import", "bundle", "--store", "file"]);
    let listed = world.json(&["-r", "work", "doctor"]);
    let passed = |check: &str| {
        let checks = listed.as_array().unwrap().iter();
        let found = checks.clone().find(|it| it["check"] == check).cloned();
        found.unwrap_or(Value::Null)
    };
    let secret = passed("secret")["detail"].as_str().unwrap().to_owned();
    assert!(secret.contains("with the daemon's password"), "{secret}");
    assert_eq!(passed("access")["detail"], "all");
    let status = world.json(&["-r", "work", "status"]);
    assert_eq!(status["permissions"].as_array().unwrap().len(), 9);
}

/// A direct remote has its password changed in the same way.
#[test]
fn the_password_of_a_direct_remote_is_asked_for_and_changed() {
    let world = world();
    let pid = std::fs::read(world.dir().join("daemon/paseo.pid")).unwrap();
    let pid: Value = serde_json::from_slice(&pid).unwrap();
    let address = format!("tcp://{}", pid["listen"].as_str().unwrap());
    // The credential of the daemon's home would let these commands in.
    let elsewhere = |args: &[&str]| {
        let mut command = world.command(&[args, &["--json"]].concat());
        command.env("PASEO_HOME", world.dir().join("none"));
        let output = command.output().unwrap();
        (output.status.code(), text(&output))
    };
    let add = ["remote", "add", "near", &address, "--store", "file"];
    let (status, said) = elsewhere(&add);
    assert_eq!(status, Some(4), "{said}");
    let (status, said) = elsewhere(&[&add[..], &["--password-file", "right"]].concat());
    assert_eq!(status, Some(0), "{said}");
    assert_eq!(elsewhere(&["-r", "near", "ls"]).0, Some(0));
    assert_eq!(
        elsewhere(&["remote", "unset", "near", "password"]).0,
        Some(0)
    );
    let (status, said) = elsewhere(&["-r", "near", "ls"]);
    assert_eq!(status, Some(4), "{said}");
    assert!(said.contains("paseo remote set near password"), "{said}");
    let secrets = world.dir().join("me/.local/share/paseo/secrets");
    let left = || std::fs::read_dir(&secrets).map_or(0, Iterator::count);
    assert_eq!(left(), 0, "the secret is gone");
    let set = ["remote", "set", "near", "--password-file", "right"];
    // It has no store yet, and no keyring is there.
    assert_eq!(elsewhere(&set).0, Some(9));
    let mut command = world.command(&set);
    let output = command.env("PASEO_KEYSTORE", "file").output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!((elsewhere(&["-r", "near", "ls"]).0, left()), (Some(0), 1));
}

#[test]
fn a_forward_has_a_password_of_its_own_and_shows_the_daemon_that_of_the_remote() {
    let world = world();
    world.json(&[&ADD[..], &["--password-file", "right"]].concat());
    for own in ["plain-own", "\u{f6}wn one/@"] {
        private(&world.dir().join("own"), own);
        let args = ["-r", "work", "forward", "--password-file", "own", "--json"];
        let mut forward = world.command(&args);
        let forward = forward.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut forward = Server(forward.unwrap());
        let mut line = String::new();
        let stdout = forward.0.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let told: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(told["password"], own);
        let host = told["host"].as_str().unwrap();
        assert_eq!(world.json(&["--host", host, "ls"]), json!([]));
        let (bare, _) = host.split_once("?password=").unwrap();
        refused(
            &world,
            &["--host", bare, "ls"],
            "PASSWORD_REQUIRED",
            "PASEO_PASSWORD",
        );
        let mut wrong = world.command(&["--host", bare, "ls", "--json"]);
        let output = wrong.env("PASEO_PASSWORD", PASSWORD).output().unwrap();
        assert!(text(&output).contains("PASSWORD_INCORRECT"));
    }
}
