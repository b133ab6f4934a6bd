//! Prompts that run by the clock.

use serde_json::{Value, json};

use crate::support::{Client, TestDaemon};

async fn create(client: &mut Client, target: Value, more: Value) -> Value {
    let mut request = json!({
        "prompt": "emit 1",
        "cadence": { "type": "cron", "expression": "0 * * * *" },
        "target": target,
    });
    for (key, value) in more.as_object().unwrap() {
        request[key] = value.clone();
    }
    client.ask("schedule/create", request).await
}

fn new_agent(home: &std::path::Path) -> Value {
    json!({ "type": "new-agent", "config": { "provider": "mock", "cwd": home } })
}

async fn about(client: &mut Client, verb: &str, id: &str) -> Value {
    let asked = json!({ "scheduleId": id });
    let reply = client.call(&format!("schedule/{verb}"), asked).await;
    assert_eq!(reply["error"], Value::Null);
    reply
}

#[tokio::test]
async fn the_clock_starts_runs_until_there_were_enough() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let mut client = daemon.client().await;
    let fast = json!({ "cadence": { "type": "every", "everyMs": 1 }, "maxRuns": 2, "name": "n" });
    let made = create(&mut client, new_agent(home.path()), fast).await;
    let id = made["payload"]["schedule"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for _ in 0..2 {
        client.event("turn_completed").await;
    }
    // The end of the second run is noted right after its turn.
    let schedule = loop {
        let schedule = about(&mut client, "inspect", &id).await["schedule"].take();
        if schedule["status"] == "completed" {
            break schedule;
        }
    };
    assert_eq!(schedule["nextRunAt"], Value::Null);
    let runs = schedule["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    for run in runs {
        assert_eq!(
            (&run["status"], &run["output"]),
            (&json!("succeeded"), &json!("piece 1 Done."))
        );
        assert!(run["endedAt"].is_string() && run["workspaceId"].is_string());
        let agent = json!({ "agentId": run["agentId"] });
        let agent = client.call("fetch_agent_request", agent).await;
        assert_eq!(agent["agent"]["title"], "n");
        assert_eq!(agent["agent"]["labels"]["paseo.schedule-id"], *id);
    }
    let again = json!({ "scheduleId": id });
    let refused = client.ask("schedule/run-once", again).await;
    assert_eq!(refused["payload"]["code"], "schedule_request_failed");
    daemon.stop().await;
}

#[tokio::test]
async fn a_heartbeat_prompts_its_agent_and_ends_with_it() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let mut client = daemon.client().await;
    let agent = client.agent("mock", home.path(), Some("emit 1")).await;
    client.wait(&agent).await;
    let target = json!({ "type": "self", "agentId": agent });
    let made = create(&mut client, target, json!({ "prompt": "emit 2" })).await;
    let made = &made["payload"]["schedule"];
    assert_eq!(made["target"], json!({ "type": "agent", "agentId": agent }));
    let id = made["id"].as_str().unwrap().to_owned();
    let run = about(&mut client, "run-once", &id).await["schedule"]["runs"][0].take();
    assert_eq!(
        (&run["agentId"], &run["status"]),
        (&json!(agent), &json!("succeeded"))
    );
    assert_eq!(run["output"], "piece 1 piece 2 Done.");

    // What a person has started is not interrupted.
    let send = json!({ "agentId": agent, "text": "wait" });
    client.call("send_agent_message_request", send).await;
    let run = about(&mut client, "run-once", &id).await["schedule"]["runs"][1].take();
    assert_eq!(run["status"], "failed");
    assert!(
        run["error"].as_str().unwrap().contains("active run"),
        "{run}"
    );

    let gone = json!({ "agentId": agent });
    client.call("archive_agent_request", gone).await;
    let schedule = about(&mut client, "inspect", &id).await["schedule"].take();
    assert_eq!(schedule["status"], "completed");
    daemon.stop().await;
}

#[tokio::test]
async fn runs_tell_why_they_failed() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let mut client = daemon.client().await;
    for (prompt, why) in [
        ("fail", "a failure was asked for"),
        ("ask", "waiting for permission"),
    ] {
        let made = create(
            &mut client,
            new_agent(home.path()),
            json!({ "prompt": prompt }),
        )
        .await;
        let id = made["payload"]["schedule"]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let run = about(&mut client, "run-once", &id).await["schedule"]["runs"][0].take();
        assert_eq!(run["status"], "failed");
        assert!(run["error"].as_str().unwrap().contains(why), "{run}");
    }
    daemon.stop().await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let mut client = daemon.client().await;
    let cron = |text: &str| json!({ "cadence": { "type": "cron", "expression": text } });
    for (target, more) in [
        (new_agent(home.path()), cron("* * * *")),
        (new_agent(home.path()), cron("0 0 31 2 *")),
        (new_agent(home.path()), json!({ "prompt": " " })),
        (new_agent(home.path()), json!({ "maxRuns": 0 })),
        (new_agent(home.path()), json!({ "expiresAt": "soon" })),
        (
            new_agent(home.path()),
            json!({ "cadence": { "type": "cron", "expression": "0 * * * *", "timezone": "Mars" } }),
        ),
        (json!({ "type": "agent", "agentId": "nobody" }), json!({})),
        (
            json!({ "type": "new-agent", "config": { "provider": "none", "cwd": "/" } }),
            json!({}),
        ),
    ] {
        let refused = create(&mut client, target, more.clone()).await;
        assert_eq!(
            refused["payload"]["code"], "schedule_request_failed",
            "{more} {refused}"
        );
    }
    for verb in [
        "inspect", "logs", "pause", "resume", "run-once", "update", "delete",
    ] {
        let asked = json!({ "scheduleId": "nope" });
        let refused = client.ask(&format!("schedule/{verb}"), asked).await;
        assert_eq!(
            refused["payload"]["error"], "Schedule not found: nope",
            "{verb}"
        );
    }
    assert_eq!(
        client.call("schedule/list", json!({})).await["schedules"],
        json!([])
    );
    daemon.stop().await;
}

#[cfg(unix)]
#[test]
fn the_commands_drive_them_over_the_relay_and_a_restart_keeps_them() {
    let mut world = crate::world::World::new(&["mock=mock:".to_owned()]);
    let cwd = world.dir().display().to_string();
    let made = world.remote(
        0,
        &[
            "schedule",
            "create",
            "emit 3",
            "--cron",
            "0 9 * * 1",
            "--timezone",
            "Europe/Paris",
            "--name",
            "weekly",
            "--provider",
            "mock/mock-2",
            "--cwd",
            &cwd,
        ],
    );
    let id = made["id"].as_str().unwrap().to_owned();
    assert_eq!(world.remote(0, &["schedule", "ls"])[0]["id"], *id);
    assert_eq!(
        world.remote(0, &["schedule", "pause", &id])["status"],
        "paused"
    );
    assert_eq!(
        world.remote(0, &["schedule", "resume", &id])["status"],
        "active"
    );
    world.remote(0, &["schedule", "run-once", &id]);
    let update = [
        "schedule",
        "update",
        &id,
        "--prompt",
        "fail",
        "--max-runs",
        "9",
    ];
    world.remote(0, &update);
    world.remote(0, &["schedule", "run-once", &id]);
    let before = world.remote(0, &["schedule", "inspect", &id]);
    world.daemon.take().unwrap().kill();
    world.start_daemon();
    assert_eq!(world.remote(0, &["schedule", "inspect", &id]), before);
    let runs = world.remote(0, &["schedule", "logs", &id]);
    assert_eq!(runs.as_array().unwrap().len(), 2, "{runs}");
    world.remote(0, &["schedule", "delete", &id]);
    assert_eq!(world.remote(0, &["schedule", "ls"]), json!([]));
}

#[tokio::test]
async fn a_schedule_that_would_cost_the_others_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let mut client = daemon.client().await;
    let made = create(&mut client, new_agent(home.path()), json!({})).await;
    let id = made["payload"]["schedule"]["id"].clone();
    let large = "x".repeat(17 * 1024 * 1024);
    let more = json!({ "prompt": large });
    let refused = create(&mut client, new_agent(home.path()), more).await;
    assert_eq!(refused["payload"]["code"], "schedule_request_failed");
    let update = json!({ "scheduleId": id, "prompt": large });
    let refused = client.ask("schedule/update", update).await;
    assert_eq!(refused["payload"]["code"], "schedule_request_failed");
    {
        let title =
            json!({ "title": large, "source": { "kind": "directory", "path": home.path() } });
        let refused = client.ask("workspace.create.request", title).await;
        assert_eq!(refused["payload"]["code"], "storage_failed");
    }
    daemon.stop().await;

    let daemon = TestDaemon::start(home.path()).await;
    let mut client = daemon.client().await;
    let listed = client.call("schedule/list", json!({})).await;
    assert_eq!(listed["schedules"].as_array().unwrap().len(), 1);
    assert_eq!(listed["schedules"][0]["prompt"], "emit 1");
    daemon.stop().await;
}
