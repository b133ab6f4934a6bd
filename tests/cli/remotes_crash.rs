//! What is left of `remotes.toml` and the secrets when a command is killed, or when two run at once.

use crate::crash::{State, kill_at_each_step};
use crate::remotes::{files, link, offer, with_work};
use crate::sandbox::{Ran, Sandbox};

pub(crate) fn names(sandbox: &Sandbox) -> String {
    let listed = sandbox.run(&["remote", "ls", "-q"]);
    assert_eq!(listed.status, 0, "the file is always valid: {listed:?}");
    listed.stdout
}

/// How many secrets there are, and how many of them are noted as left behind.
fn secrets(sandbox: &Sandbox) -> (usize, usize) {
    let noted = files(sandbox, "home/.local/state/paseo/unfinished");
    let noted: Vec<String> = noted
        .iter()
        .map(|(path, _)| path.rsplit('/').next().unwrap().to_owned())
        .collect();
    let stored = files(sandbox, "home/.local/share/paseo/secrets");
    let stored = stored.iter().filter(|(path, _)| !path.ends_with(".tmp"));
    let stored: Vec<&str> = stored
        .map(|(path, _)| path.rsplit('/').next().unwrap())
        .collect();
    let orphans = stored
        .iter()
        .filter(|id| noted.iter().any(|note| note == *id));
    (stored.len(), orphans.count())
}

#[test]
fn add_killed_at_every_step_loses_nothing() {
    let start = with_work();
    start.write("home/offer", &link());
    let add = [
        "remote",
        "add",
        "more",
        "home/offer",
        "--no-check",
        "--again",
    ];
    kill_at_each_step(&start, &add, |sandbox, step| {
        match names(sandbox).as_str() {
            "work\n" => State::Old,
            "more\nwork\n" => State::New,
            other => panic!("{step:?}: {other}"),
        }
    });
}

#[test]
fn rm_killed_at_every_step_loses_nothing() {
    let start = with_work();
    kill_at_each_step(
        &start,
        &["remote", "rm", "work"],
        |sandbox, step| match names(sandbox).as_str() {
            "work\n" => State::Old,
            "" => State::New,
            other => panic!("{step:?}: {other}"),
        },
    );
}

/// An offer of the same relay with another key.
fn other_link() -> String {
    let other = paseo::e2ee::SecretKey::generate().public_key().to_base64();
    let json = offer().replace(crate::remotes::KEY, &other);
    format!(
        "#offer={}",
        base64_simd::URL_SAFE_NO_PAD.encode_to_string(json)
    )
}

#[test]
fn repair_shows_a_new_key_and_takes_it_only_when_told() {
    let sandbox = with_work();
    sandbox.write("offer", &other_link());
    let repair = ["remote", "repair", "work", "offer", "--no-check"];
    let refused = sandbox.run(&repair);
    refused.failed(5, "the offer is of another key: SHA256:");
    refused.failed(5, "not SHA256:kVcB");
    assert_eq!(sandbox.run(&[&repair[..], &["--yes"]].concat()).status, 0);
    sandbox.run(&["-r", "work", "ls"]).failed(6, "127.0.0.1:9");
    // The same key again needs no question.
    let same = sandbox.run(&repair);
    assert!(
        same.status == 0 && same.stdout.contains("the key is the same"),
        "{same:?}"
    );
    assert_eq!(secrets(&sandbox), (1, 0));
}

#[test]
fn repair_killed_at_every_step_leaves_a_remote_that_works() {
    let start = with_work();
    start.write("home/offer", &other_link());
    let repair = [
        "remote",
        "repair",
        "work",
        "home/offer",
        "--no-check",
        "--yes",
    ];
    let old = start.read("home/.config/paseo/remotes.toml");
    kill_at_each_step(&start, &repair, |sandbox, _| {
        // So far it comes only when file and store agree about the key.
        sandbox.run(&["-r", "work", "ls"]).failed(6, "127.0.0.1:9");
        match sandbox.read("home/.config/paseo/remotes.toml") == old {
            true => State::Old,
            false => State::New,
        }
    });
}

#[test]
fn writers_at_once_lose_nothing() {
    let sandbox = with_work();
    let names_there: Vec<String> = (0..8).map(|n| format!("r{n}")).collect();
    std::thread::scope(|scope| {
        let add = |name: &String| {
            let args = ["remote", "add", name, "-", "--no-check", "--again"];
            sandbox.run_with(&args, &offer())
        };
        let running: Vec<_> = names_there
            .iter()
            .map(|name| scope.spawn(move || add(name)))
            .collect();
        let all: Vec<Ran> = running.into_iter().map(|run| run.join().unwrap()).collect();
        assert!(all.iter().all(|ran| ran.status == 0), "{all:?}");
    });
    assert_eq!(names(&sandbox), names_there.join("\n") + "\nwork\n");
    assert_eq!(secrets(&sandbox), (9, 0));
}

#[test]
fn a_directory_that_cannot_be_written_is_an_error_and_leaves_no_secret() {
    let mut sandbox = Sandbox::new();
    sandbox.set("PASEO_KEYSTORE", "file");
    // Not even root makes files there.
    sandbox.set("PASEO_CONFIG_DIR", "/proc");
    assert_eq!(names(&sandbox), "");
    let refused = sandbox.run_with(&["remote", "add", "work", "-", "--no-check"], &offer());
    refused.failed(10, "cannot lock /proc/.remotes.lock");
    assert_eq!(secrets(&sandbox), (0, 0));
}

#[test]
fn the_file_is_written_through_a_link() {
    let sandbox = with_work();
    let (link, target) = (
        sandbox.path("home/.config/paseo/remotes.toml"),
        sandbox.path("dotfiles.toml"),
    );
    std::fs::rename(&link, &target).unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    assert_eq!(sandbox.run(&["remote", "use", "work"]).status, 0);
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(sandbox.read("dotfiles.toml").contains("default = \"work\""));
}
