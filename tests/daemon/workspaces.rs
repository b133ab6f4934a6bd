//! Workspaces, projects, worktrees, clones.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::{TestDaemon, within};
use crate::tool::is_missing;

fn git(dir: &Path, args: &[&str]) {
    let done = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.org"])
        .args(args)
        .current_dir(dir)
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
}

/// Makes a repository with one commit on `main`.
fn repository(home: &Path) -> PathBuf {
    let repo = home.join("repo");
    std::fs::create_dir(&repo).unwrap();
    git(&repo, &["init", "-b", "main"]);
    git(&repo, &["commit", "--allow-empty", "-m", "first"]);
    repo
}

#[tokio::test]
async fn workspaces_are_made_opened_renamed_and_archived() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let mut client = daemon.client().await;
    let path = home.path().to_str().unwrap();
    let create = json!({ "title": "Plain", "source": { "kind": "directory", "path": path } });
    let made = client.call("workspace.create.request", create).await;
    let workspace = &made["workspace"];
    assert_eq!(workspace["name"], "Plain");
    assert_eq!(workspace["workspaceKind"], "directory");
    assert_eq!(workspace["project"]["checkout"]["isGit"], false);
    let opened = client
        .call("open_project_request", json!({ "cwd": path }))
        .await;
    assert_eq!(opened["workspace"]["id"], workspace["id"]);
    let id = workspace["id"].as_str().unwrap();
    let rename = json!({ "workspaceId": id, "title": "New" });
    let renamed = client.call("workspace.title.set.request", rename).await;
    assert_eq!(
        (&renamed["accepted"], &renamed["title"]),
        (&json!(true), &json!("New"))
    );
    let query = json!({ "filter": { "query": "new" }, "page": { "limit": 1 } });
    let page = client.call("fetch_workspaces_request", query).await;
    assert_eq!(page["entries"][0]["id"], id);
    let archived = client
        .call("archive_workspace_request", json!({ "workspaceId": id }))
        .await;
    assert!(archived["archivedAt"].is_string());
    let page = client.call("fetch_workspaces_request", json!({})).await;
    assert_eq!(page["entries"], json!([]));
    assert_eq!(page["emptyProjects"].as_array().unwrap().len(), 1);
    let missing = json!({ "source": { "kind": "directory", "path": "/no/such" } });
    let missing = client.call("workspace.create.request", missing).await;
    assert_eq!(missing["errorCode"], "directory_not_found");
    let nope = json!({ "workspaceId": "wks_nope" });
    let nope = client.call("archive_workspace_request", nope).await;
    assert_eq!(nope["error"], "Workspace not found: wks_nope");
    daemon.stop().await;
}

#[tokio::test]
async fn projects_are_added_renamed_and_removed() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let mut client = daemon.client().await;
    let add = json!({ "cwd": home.path() });
    let added = client.call("project.add.request", add).await;
    let id = added["project"]["projectId"].as_str().unwrap();
    assert_eq!(added["project"]["projectKind"], "non_git");
    let rename = json!({ "projectId": id, "customName": "Mine" });
    client.call("project.rename.request", rename).await;
    let listed = client.call("project.list.request", json!({})).await;
    assert_eq!(listed["projects"][0]["projectDisplayName"], "Mine");
    let remove = json!({ "projectId": id });
    let removed = client.call("project.remove.request", remove).await;
    assert_eq!(removed["accepted"], true);
    let listed = client.call("project.list.request", json!({})).await;
    assert_eq!(listed["projects"], json!([]));
    let missing = client
        .call("project.add.request", json!({ "cwd": "/no/such" }))
        .await;
    assert_eq!(missing["errorCode"], "directory_not_found");
    daemon.stop().await;
}

/// A change is finished when the client leaves in the middle of it.
#[tokio::test]
async fn a_worktree_is_made_whose_client_has_left() {
    if is_missing("git") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let repo = repository(home.path());
    // It holds git up until the client is gone.
    let (begun, go) = (home.path().join("begun"), home.path().join("go"));
    let hook = repo.join(".git/hooks/post-checkout");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    let wait = format!(
        "#!/bin/sh\ntouch {}\nwhile [ ! -e {} ]; do sleep 0.05; done\n",
        begun.display(),
        go.display()
    );
    std::fs::write(&hook, wait).unwrap();
    std::fs::set_permissions(&hook, Permissions::from_mode(0o755)).unwrap();

    let daemon = TestDaemon::start(&home.path().join("home")).await;
    let mut client = daemon.client().await;
    let source = json!({
        "kind": "worktree", "cwd": repo, "action": "branch-off",
        "baseBranch": "main", "branchName": "feat/x", "worktreeSlug": "feat-x",
    });
    let make = json!({ "type": "workspace.create.request", "requestId": "r", "source": source });
    client.send(make).await;
    within(exists(&begun)).await;
    drop(client);
    // The daemon has seen the end when it has answered somebody who came later.
    let mut other = daemon.client().await;
    other.call("ping", json!({})).await;
    std::fs::write(&go, "").unwrap();
    let listed = async {
        loop {
            let listed = other.call("fetch_workspaces_request", json!({})).await;
            let entries = listed["entries"].as_array().unwrap();
            if entries.iter().any(|entry| entry["name"] == "feat/x") {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    within(listed).await;
    daemon.stop().await;
}

async fn exists(path: &Path) {
    while !path.exists() {
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn branches_with_the_same_short_name_get_worktrees_of_their_own() {
    if is_missing("git") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let repo = repository(home.path());
    let daemon = TestDaemon::start(&home.path().join("home")).await;
    let mut client = daemon.client().await;
    for (branch, slug) in [
        ("fix/login", "fix-login"),
        ("fix-login", "fix-login-2"),
        ("fix.login", "fix-login-3"),
        ("Fix/Login", "fix-login-4"),
        ("fix_login", "fix_login"),
        ("fix-login-2", "fix-login-2-2"),
        ("feat/a/b", "feat-a-b"),
        ("feat-a/b", "feat-a-b-2"),
        ("feat/a-b", "feat-a-b-3"),
        ("feat-a-b", "feat-a-b-4"),
    ] {
        let source = json!({
            "kind": "worktree", "cwd": repo, "action": "branch-off",
            "baseBranch": "main", "branchName": branch,
        });
        let made = client
            .call("workspace.create.request", json!({ "source": source }))
            .await;
        let workspace = &made["workspace"];
        assert_eq!(workspace["name"], branch, "{made}");
        let path = workspace["workspaceDirectory"].as_str().unwrap();
        assert!(path.ends_with(&format!("/{slug}")), "{branch}: {made}");
        assert!(Path::new(path).join(".git").exists());
    }
    // A name alone is that of the branch as well.
    for slug in ["new", "new-2", "new-3"] {
        let create = json!({ "cwd": repo, "worktreeSlug": "New", "refName": "main" });
        let made = client.call("create_paseo_worktree_request", create).await;
        assert_eq!(made["workspace"]["worktreeSlug"], slug, "{made}");
        assert_eq!(made["workspace"]["name"], slug, "{made}");
    }
    // The same branch once more is a mistake, and git says which.
    let source = json!({
        "kind": "worktree", "cwd": repo, "action": "branch-off", "branchName": "fix/login",
    });
    let again = client
        .call("workspace.create.request", json!({ "source": source }))
        .await;
    let error = again["error"].as_str().unwrap();
    assert!(error.contains("fix/login' already exists"), "{again}");
    daemon.stop().await;
}

#[tokio::test]
async fn worktrees_and_clones_are_made_with_git() {
    if is_missing("git") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let repo = repository(home.path());
    let daemon = TestDaemon::start(&home.path().join("home")).await;
    let mut client = daemon.client().await;

    let source = json!({
        "kind": "worktree", "cwd": repo, "action": "branch-off",
        "baseBranch": "main", "branchName": "feat/x", "worktreeSlug": "feat-x",
    });
    let made = client
        .call("workspace.create.request", json!({ "source": source }))
        .await;
    let workspace = &made["workspace"];
    assert_eq!(workspace["workspaceKind"], "worktree", "{made}");
    assert_eq!(workspace["name"], "feat/x");
    let path = workspace["workspaceDirectory"].as_str().unwrap();
    assert!(Path::new(path).join(".git").exists());

    let create = json!({ "cwd": repo, "worktreeSlug": "Feat/Y", "refName": "main" });
    let second = client.call("create_paseo_worktree_request", create).await;
    assert_eq!(second["workspace"]["worktreeSlug"], "feat-y");
    let listed = client
        .call("paseo_worktree_list_request", json!({ "cwd": repo }))
        .await;
    assert_eq!(listed["worktrees"].as_array().unwrap().len(), 2);
    let bare = client.call("paseo_worktree_list_request", json!({})).await;
    assert_eq!(
        bare["error"]["message"],
        "which repository? cwd and repoRoot are missing"
    );

    let archive = json!({ "worktreePath": path, "deleteWorktreeFromDisk": true });
    let archived = client.call("paseo_worktree_archive_request", archive).await;
    assert_eq!(archived["success"], true);
    assert!(!Path::new(path).exists());

    let evil = json!({ "cwd": repo, "refName": "--help", "action": "checkout" });
    let evil = client.call("create_paseo_worktree_request", evil).await;
    assert_eq!(evil["workspace"], Value::Null);

    let target = home.path().join("clones");
    let clone = json!({ "repo": repo, "targetDirectory": target });
    let cloned = client
        .call("project.github.clone.request", clone.clone())
        .await;
    assert_eq!(
        cloned["checkoutPath"],
        target.join("repo").to_str().unwrap()
    );
    assert_eq!(cloned["project"]["projectKind"], "git");
    let again = client.call("project.github.clone.request", clone).await;
    assert!(
        again["error"]
            .as_str()
            .unwrap()
            .starts_with("Checkout path already exists")
    );
    daemon.stop().await;
}
