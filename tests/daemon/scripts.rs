//! Scripts and services of workspaces, and news of projects.

use serde_json::{Value, json};

use crate::support::{Client, TestDaemon};

const FILE: &str = r#"{ "scripts": {
    "quick": { "command": "exit 7" },
    "long": { "command": "sleep 1000" },
    "deaf": { "command": "trap 'exit 3' TERM; sleep 1000 & wait" },
    "web": { "type": "service", "command": "test -n \"$PORT\" && sleep 1000" }
} }"#;

async fn status(client: &mut Client, script: usize, fits: &str) -> Value {
    let update = client
        .until(|message| {
            message["type"] == "script_status_update"
                && message["payload"]["scripts"][script]["lifecycle"] == fits
        })
        .await;
    update["payload"]["scripts"][script].clone()
}

#[tokio::test]
async fn scripts_are_started_watched_and_stopped() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("paseo.json"), FILE).unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let mut client = daemon.client().await;
    let opened = json!({ "cwd": home.path() });
    let opened = client.call("open_project_request", opened).await;
    let id = opened["workspace"]["id"].clone();
    let script = |name: &str| json!({ "workspaceId": id, "scriptName": name });
    let list = json!({ "workspaceId": id });
    let listed = client
        .call("workspace.script.list.request", list.clone())
        .await;
    assert_eq!(listed["scripts"].as_array().unwrap().len(), 4);
    assert_eq!(listed["scripts"][0]["lifecycle"], "stopped");

    let quick = client
        .call("workspace.script.start.request", script("quick"))
        .await;
    assert_eq!(quick["error"], Value::Null);
    status(&mut client, 0, "running").await;
    assert_eq!(status(&mut client, 0, "stopped").await["exitCode"], 7);

    let web = client
        .call("workspace.script.start.request", script("web"))
        .await;
    assert_eq!(
        (&web["script"]["type"], &web["script"]["lifecycle"]),
        (&json!("service"), &json!("running"))
    );
    assert!(web["script"]["port"].is_u64());
    let twice = client
        .call("workspace.script.start.request", script("web"))
        .await;
    assert_eq!(twice["error"], "Script 'web' is already running");
    let stopped = client
        .call("workspace.script.stop.request", script("web"))
        .await;
    assert_eq!(stopped["script"]["lifecycle"], "stopped");
    assert_eq!(stopped["script"]["exitCode"], 0);
    let deaf = client
        .call("workspace.script.start.request", script("deaf"))
        .await;
    assert_eq!(deaf["error"], Value::Null);
    let stopped = client
        .call("workspace.script.stop.request", script("deaf"))
        .await;
    assert_eq!(stopped["script"]["exitCode"], 0);
    let unknown = client
        .call("workspace.script.start.request", script("nope"))
        .await;
    assert_eq!(
        unknown["error"],
        "Script 'nope' is not configured in paseo.json"
    );
    assert_eq!(unknown["script"], Value::Null);

    // An archived workspace runs nothing.
    client
        .call("workspace.script.start.request", script("long"))
        .await;
    status(&mut client, 1, "running").await;
    client.call("archive_workspace_request", list.clone()).await;
    let gone = client.call("workspace.script.list.request", list).await;
    assert!(
        gone["error"]
            .as_str()
            .unwrap()
            .starts_with("Workspace not found")
    );
    daemon.stop().await;
}

#[tokio::test]
async fn who_knows_of_projects_hears_of_them() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let capabilities = json!({ "project_updates": true });
    let mut knows = Client::hello(daemon.addr, "cid_knows", capabilities).await;
    let mut client = daemon.client().await;
    let added = json!({ "cwd": home.path() });
    let added = client.call("project.add.request", added).await;
    let project = added["project"].clone();
    let news = |kind: &'static str| {
        move |message: &Value| {
            message["type"] == "project.update" && message["payload"]["kind"] == kind
        }
    };
    assert_eq!(
        knows.until(news("upsert")).await["payload"]["project"],
        project
    );
    let id = project["projectId"].clone();
    let rename = json!({ "projectId": id, "customName": "new" });
    client.call("project.rename.request", rename).await;
    let renamed = knows.until(news("upsert")).await;
    assert_eq!(
        renamed["payload"]["project"]["projectCustomName"], "new",
        "{renamed}"
    );
    client
        .call("project.remove.request", json!({ "projectId": id }))
        .await;
    assert_eq!(
        knows.until(news("remove")).await["payload"]["projectId"],
        id
    );
    assert!(
        client
            .events
            .iter()
            .all(|message| message["type"] != "project.update")
    );
    daemon.stop().await;
}

#[cfg(unix)]
#[test]
fn the_commands_drive_scripts_over_the_relay() {
    let world = crate::world::World::new(&["mock=mock:"]);
    std::fs::write(world.dir().join("paseo.json"), FILE).unwrap();
    let cwd = world.dir().display().to_string();
    let made = world.remote(
        0,
        &[
            "workspace",
            "create",
            "--isolation",
            "local",
            "--path",
            &cwd,
        ],
    );
    let id = made["workspaceId"]
        .as_str()
        .or(made["id"].as_str())
        .unwrap()
        .to_owned();
    let started = world.remote(0, &["script", "start", "long", "--workspace", &id]);
    assert_eq!(started["lifecycle"], "running", "{started}");
    let stopped = world.remote(0, &["script", "stop", "long", "--workspace", &id]);
    assert_eq!(stopped["lifecycle"], "stopped", "{stopped}");
    let all = world.remote(0, &["script", "ls", "--workspace", &id]);
    assert_eq!(all[3]["scriptName"], "web");
    world.remote(1, &["script", "start", "nope", "--workspace", &id]);
}
