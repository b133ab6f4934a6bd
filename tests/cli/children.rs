//! What the programs that a daemon starts find in their environment, and where they work.

use std::path::Path;
use std::process::Command;

use crate::built_in::BuiltIn;
use crate::sandbox::Sandbox;
use crate::tool::is_missing;

fn git(dir: &Path, args: &[&str]) -> String {
    let mut git = Command::new("git");
    git.args(["-c", "user.name=t", "-c", "user.email=t@example.org"]);
    let done = git.args(args).current_dir(dir).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    String::from_utf8(done.stdout).unwrap()
}

fn repository(sandbox: &Sandbox, name: &str) -> std::path::PathBuf {
    let repo = sandbox.path(name);
    std::fs::create_dir(&repo).unwrap();
    git(&repo, &["init", "-b", "main"]);
    git(&repo, &["commit", "--allow-empty", "-m", "first"]);
    repo
}

/// A daemon in a relative home, started where git works in another repository and our secrets are set.
fn daemon(sandbox: &mut Sandbox, other: &Path) -> BuiltIn {
    for name in [
        "PASEO_PASSWORD",
        "PASEO_VAULT_PASSPHRASE",
        "PASEO_RELAY_TOKEN",
    ] {
        sandbox.set(name, "hunter2hunter2hunter2");
    }
    let git = other.join(".git").display().to_string();
    sandbox.set("GIT_DIR", &git);
    sandbox.set("GIT_INDEX_FILE", &format!("{git}/index"));
    BuiltIn::start(sandbox, &["--home", "home/.paseo", "--agent", "env=env"])
}

fn make_worktree(sandbox: &Sandbox, daemon: &BuiltIn, repo: &Path) {
    let path = repo.display().to_string();
    let create = [
        "workspace",
        "create",
        "--isolation",
        "worktree",
        "--path",
        &path,
    ];
    let made = sandbox.run(&[&["--host", &daemon.address][..], &create].concat());
    assert_eq!(made.status, 0, "{made:?}");
}

#[test]
fn a_worktree_is_made_in_the_right_repository_and_its_hook_sees_no_secret() {
    if is_missing("git") {
        return;
    }
    use std::os::unix::fs::PermissionsExt;
    let mut sandbox = Sandbox::new();
    let (repo, other) = (repository(&sandbox, "repo"), repository(&sandbox, "other"));
    let seen = sandbox.path("seen");
    let hook = repo.join(".git/hooks/post-checkout");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(&hook, format!("#!/bin/sh\nenv > {}\n", seen.display())).unwrap();
    std::fs::set_permissions(&hook, PermissionsExt::from_mode(0o755)).unwrap();
    let daemon = daemon(&mut sandbox, &other);
    make_worktree(&sandbox, &daemon, &repo);

    let worktrees = git(&repo, &["worktree", "list"]);
    let home = sandbox.path("home/.paseo/worktrees");
    let home = home.canonicalize().unwrap().display().to_string();
    assert!(worktrees.contains(&home), "{worktrees}");
    assert_eq!(git(&other, &["worktree", "list"]).lines().count(), 1);
    let seen = std::fs::read_to_string(seen).unwrap();
    assert!(!seen.contains("hunter2"), "{seen}");
    let other = other.display().to_string();
    assert!(!seen.contains(&other), "{seen}");
}

#[test]
fn an_agent_sees_no_secret_and_no_other_repository() {
    if is_missing("git") {
        return;
    }
    let mut sandbox = Sandbox::new();
    let other = repository(&sandbox, "other");
    let daemon = daemon(&mut sandbox, &other);
    let cwd = sandbox.path("home").display().to_string();
    let run = ["run", "--provider", "env", "--cwd", &cwd, "go"];
    let ran = sandbox.run(&[&["--host", &daemon.address][..], &run, &["--json"]].concat());
    assert_eq!(ran.status, 0, "{ran:?}");
    let id = serde_json::from_str::<serde_json::Value>(&ran.stdout).unwrap();
    let id = id["agentId"].as_str().unwrap();
    let logs = sandbox.run(&["--host", &daemon.address, "logs", id]).stdout;
    assert!(logs.contains("PASEO_AGENT_ID="), "{logs}");
    assert!(
        !logs.contains("hunter2") && !logs.contains("GIT_"),
        "{logs}"
    );
}

#[test]
fn worktrees_are_ours_alone_whatever_the_umask() {
    if is_missing("git") {
        return;
    }
    use std::os::unix::fs::PermissionsExt;
    let sandbox = Sandbox::new();
    let repo = repository(&sandbox, "repo");
    let script = sandbox.path("open");
    let binary = crate::sandbox::binary().display();
    std::fs::write(&script, format!("umask 0; exec {binary} \"$@\"\n")).unwrap();
    let mut daemon = sandbox.command("sh".as_ref());
    daemon
        .arg(&script)
        .args(["daemon", "run", "--listen", "127.0.0.1:0"]);
    daemon.env("PATH", "/usr/bin:/bin").env("NO_COLOR", "1");
    let daemon = BuiltIn::of(&sandbox, daemon);
    make_worktree(&sandbox, &daemon, &repo);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    let worktrees = sandbox.path("home/.paseo/worktrees");
    assert_eq!(mode(&worktrees), 0o700);
    for group in std::fs::read_dir(&worktrees).unwrap() {
        assert_eq!(mode(&group.unwrap().path()), 0o700);
    }
}
