//! What a connection may not do is not asked for.

use paseo::client::{self, CallError};
use paseo::error::{CommandError, Exit};
use paseo::protocol::daemon::Restart;
use paseo::protocol::daemon_permission::DaemonPermission;
use paseo::protocol::session::Ping;
use serde_json::{Value, json};

use crate::peer::{Peer, answer, receive, send, server_info, session, settings};

fn with(permissions: Value) -> Value {
    let mut info = server_info("0.11.2");
    info["message"]["payload"]["permissions"] = permissions;
    info
}

#[tokio::test]
async fn a_request_that_the_connection_may_not_make_is_not_sent() {
    let peer = Peer::new(|mut transport, _| async move {
        receive(&mut transport).await;
        send(&mut transport, &with(json!(["daemon.read"]))).await;
        // The first thing that comes is what it may do.
        let pong = json!({ "serverReceivedAt": 1, "serverSentAt": 1 });
        let request = answer(&mut transport, "pong", pong).await;
        assert_eq!(request["type"], "ping");
        let _ = transport.receiver.recv().await;
    })
    .await;
    let target = peer.direct(None);
    let daemon = client::connect(&target, &settings()).await.unwrap();
    let error = daemon.call(&Restart::default()).await.unwrap_err();
    let needed = DaemonPermission::DaemonManage;
    assert!(matches!(error, CallError::NotPermitted(lacked) if lacked == needed));
    let error = CommandError::from(error);
    assert_eq!(
        (error.code.as_ref(), error.exit),
        ("ACCESS_DENIED", Exit::Auth)
    );
    assert!(error.message.contains("daemon.manage"), "{}", error.message);
    daemon.call(&Ping::default()).await.unwrap();
}

/// The daemon may know better: its refusal says the same.
#[tokio::test]
async fn a_refusal_of_the_daemon_names_the_permission() {
    for (kind, named) in [
        ("restart_server_request", "daemon.manage"),
        ("a.new.request", "not authorized"),
    ] {
        let peer = Peer::new(move |mut transport, _| async move {
            receive(&mut transport).await;
            send(&mut transport, &server_info("0.11.2")).await;
            let request = receive(&mut transport).await["message"].take();
            let payload = json!({
                "requestId": request["requestId"], "requestType": kind, "code": "access_denied",
                "error": format!("Session is not authorized for {kind}"),
            });
            send(&mut transport, &session("rpc_error", payload)).await;
            let _ = transport.receiver.recv().await;
        })
        .await;
        let target = peer.direct(None);
        let daemon = client::connect(&target, &settings()).await.unwrap();
        let error = daemon.call(&Restart::default()).await.unwrap_err();
        let error = CommandError::from(error);
        assert_eq!(
            (error.code.as_ref(), error.exit),
            ("ACCESS_DENIED", Exit::Auth)
        );
        assert!(error.message.contains(named), "{}", error.message);
    }
}
