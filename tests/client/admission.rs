//! What the client shows to be let in, where, and what it makes of a refusal, for daemons of all ages.

use paseo::client::{self, ConnectError, PasswordFault, Settings};
use paseo::error::{CommandError, Exit, Hop};
use paseo::secret::Secret;
use paseo::target::Target;
use paseo::transport::{Closed, Transport};
use serde_json::{Value, json};

use crate::peer::{Peer, Upgrade, accept, greet, key, receive, send, server_info, settings};

/// How a client gets to the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Direct,
    Relay,
}

impl Route {
    fn target(self, peer: &Peer, password: Option<&str>) -> Target {
        match self {
            Self::Direct => peer.direct(password),
            Self::Relay => peer.relay_with(&key(), password),
        }
    }

    /// The daemon's end of the session.
    async fn session(self, transport: Transport) -> Transport {
        match self {
            Self::Direct => transport,
            Self::Relay => accept(transport, key()).await,
        }
    }

    /// The close frame that a client sees when the daemon ends the connection so.
    fn close(self, closed: Closed) -> Closed {
        match self {
            Self::Direct => closed,
            Self::Relay => Closed::new(1012, "Server disconnected"),
        }
    }
}

const ROUTES: [Route; 2] = [Route::Direct, Route::Relay];

/// A daemon from 0.10 on, as `docs/protocol.md` says: judges header, subprotocol and hello.
async fn daemon(route: Route, password: &'static str, requires: bool) -> Peer {
    Peer::telling(move |transport, upgrade| async move {
        let shown = upgrade.shown();
        let mut session = route.session(transport).await;
        let refuse = async |mut session: Transport, hello: Value, reason: &str, text: &str| {
            if !hello["auth"].is_null() || hello["capabilities"]["hello_rejection"] == true {
                let frame =
                    json!({ "type": "hello.rejected", "reason": reason, "accepts": ["password"] });
                send(&mut session, &frame).await;
            }
            let closed = route.close(Closed::new(4401, text));
            session.sender.close(closed).await;
            // The close frame is read before the connection goes.
            let _ = session.receiver.recv().await;
        };
        match shown {
            Some(shown) if shown == password => drop(greet(&mut session).await),
            Some(_) => {
                let closed = Closed::new(4401, "Incorrect password");
                return session.sender.close(closed).await;
            }
            None => {
                let hello = receive(&mut session).await;
                match hello["auth"]["password"].as_str() {
                    Some(shown) if shown == password => {
                        send(&mut session, &server_info("0.11.2")).await;
                    }
                    Some(_) => {
                        return refuse(session, hello, "incorrect_password", "Incorrect password")
                            .await;
                    }
                    None if requires => {
                        return refuse(session, hello, "password_required", "Password required")
                            .await;
                    }
                    None => send(&mut session, &server_info("0.11.2")).await,
                }
            }
        }
        let _ = session.receiver.recv().await;
    })
    .await
}

/// A daemon before 0.10: reads the subprotocol on direct routes, and nothing through a relay.
async fn old_daemon(route: Route, password: &'static str) -> Peer {
    Peer::telling(move |transport, upgrade| async move {
        let shown = upgrade.subprotocol.as_deref();
        let shown = shown.and_then(|it| it.strip_prefix("paseo.bearer."));
        let text = match (route, shown) {
            (Route::Relay, _) => "",
            (Route::Direct, Some(shown)) if shown == password => "",
            (Route::Direct, Some(_)) => "Incorrect password",
            (Route::Direct, None) => "Password required",
        };
        let mut session = route.session(transport).await;
        if !text.is_empty() {
            session.sender.close(Closed::new(4401, text)).await;
            return;
        }
        greet(&mut session).await;
        let _ = session.receiver.recv().await;
    })
    .await
}

async fn fault(target: &Target, settings: &Settings) -> Option<PasswordFault> {
    match client::connect(target, settings).await {
        Ok(_) => None,
        Err(ConnectError::Password(fault)) => Some(fault),
        Err(error) => panic!("{target}: {error:?}"),
    }
}

/// `hunter2` is a token, `hünter 2@/` is none.
const TOKEN: &str = "hunter2";
const NO_TOKEN: &str = "h\u{fc}nter 2@/";

#[tokio::test]
async fn every_password_reaches_a_daemon_from_0_10_on() {
    for route in ROUTES {
        for password in [TOKEN, NO_TOKEN] {
            for requires in [true, false] {
                let peer = daemon(route, password, requires).await;
                let case = format!("{route:?} {password} {requires}");
                let fault = async |shown| fault(&route.target(&peer, shown), &settings()).await;
                assert_eq!(fault(Some(password)).await, None, "{case}");
                for wrong in ["hunter3", "h\u{fc}nter 3"] {
                    let refused = fault(Some(wrong)).await;
                    assert_eq!(refused, Some(PasswordFault::Incorrect), "{case}");
                }
                let required = requires.then_some(PasswordFault::Required);
                for none in [None, Some(""), Some("  ")] {
                    assert_eq!(fault(none).await, required, "{case}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_daemon_before_0_10_reads_what_can_stand_in_a_header() {
    let direct = Route::Direct;
    let peer = old_daemon(direct, TOKEN).await;
    for (shown, expected) in [
        (Some(TOKEN), None),
        (Some("hunter3"), Some(PasswordFault::Incorrect)),
        (None, Some(PasswordFault::Required)),
        (Some(NO_TOKEN), Some(PasswordFault::NotToken)),
    ] {
        let target = direct.target(&peer, shown);
        assert_eq!(fault(&target, &settings()).await, expected, "{shown:?}");
    }
    // Through a relay it asks nobody for a password.
    let peer = old_daemon(Route::Relay, TOKEN).await;
    for shown in [Some(TOKEN), Some("hunter3"), Some(NO_TOKEN), None] {
        let target = Route::Relay.target(&peer, shown);
        assert_eq!(fault(&target, &settings()).await, None, "{shown:?}");
    }
}

/// Behind a relay every refusal ends as 1012; only what was said inside the channel counts, and it is nobody's key.
#[tokio::test]
async fn a_refusal_behind_a_relay_is_no_matter_of_trust() {
    for (reason, code, exit) in [
        ("password_required", "PASSWORD_REQUIRED", Exit::Auth),
        ("incorrect_password", "PASSWORD_INCORRECT", Exit::Auth),
        (
            "incompatible_protocol",
            "PROTOCOL_VERSION",
            Exit::Incompatible,
        ),
        ("a_new_reason", "HELLO_REJECTED", Exit::Auth),
    ] {
        for pipelined in [false, true] {
            let peer = Peer::new(move |transport, _| async move {
                let mut session = accept(transport, key()).await;
                let hello = receive(&mut session).await;
                if hello["capabilities"]["hello_rejection"] == true {
                    send(
                        &mut session,
                        &json!({ "type": "hello.rejected", "reason": reason }),
                    )
                    .await;
                }
                let closed = Closed::new(1012, "Server disconnected");
                session.sender.close(closed).await;
            })
            .await;
            let shown = (reason == "incorrect_password").then_some(TOKEN);
            let target = peer.relay_with(&key(), shown);
            let settings = Settings {
                pipelined,
                ..settings()
            };
            let error = client::connect(&target, &settings).await.unwrap_err();
            let error = CommandError::from(error);
            assert_eq!((error.code.as_ref(), error.exit), (code, exit));
            assert_ne!(error.hop, Some(Hop::Key), "{reason}");
            let error = client::connect_raw(&target, &settings).await.unwrap_err();
            assert_eq!(CommandError::from(error).code, code, "{reason}");
        }
    }
}

/// What a relay makes up is no word of the daemon.
#[tokio::test]
async fn a_relay_cannot_say_that_the_password_is_wrong() {
    let peer = Peer::new(|mut transport, _| async move {
        receive(&mut transport).await;
        send(&mut transport, &json!({ "type": "e2ee_ready" })).await;
        let _ = transport.receiver.recv().await;
        let closed = Closed::new(4401, "Incorrect password");
        transport.sender.close(closed).await;
    })
    .await;
    let target = peer.relay_with(&key(), Some(TOKEN));
    let error = client::connect(&target, &settings()).await.unwrap_err();
    assert!(matches!(error, ConnectError::NotProven { .. }), "{error:?}");
}

#[tokio::test]
async fn a_password_is_in_the_head_for_a_daemon_only_and_only_where_it_can_stand_there() {
    for (route, password, in_head) in [
        (Route::Direct, TOKEN, true),
        (Route::Direct, NO_TOKEN, false),
        (Route::Direct, "hunter2\r\nx: y", false),
        (Route::Relay, TOKEN, false),
        (Route::Relay, NO_TOKEN, false),
    ] {
        let mut peer = Peer::new(move |transport, _| async move {
            let mut session = route.session(transport).await;
            let hello = greet(&mut session).await;
            let auth = json!({ "kind": "password", "password": password });
            assert_eq!(hello["auth"], auth);
            assert_eq!(hello["capabilities"]["hello_rejection"], true);
            let _ = session.receiver.recv().await;
        })
        .await;
        let target = route.target(&peer, Some(password));
        client::connect(&target, &settings()).await.unwrap();
        let Upgrade {
            subprotocol,
            authorization,
            head,
            ..
        } = peer.upgrades.recv().await.unwrap();
        let expected = in_head.then(|| password.to_owned());
        let bearer = |prefix: &str| expected.as_ref().map(|it| format!("{prefix}{it}"));
        assert_eq!(subprotocol, bearer("paseo.bearer."), "{route:?} {password}");
        assert_eq!(authorization, bearer("Bearer "), "{route:?} {password}");
        assert_eq!(head.contains("nter"), in_head, "{head}");
    }
}

/// What lies in the home is shown in place of the password, and nowhere else.
#[tokio::test]
async fn the_local_credential_is_shown_in_the_hello_only() {
    let mut peer = Peer::new(|mut transport, _| async move {
        let hello = greet(&mut transport).await;
        let auth = json!({ "kind": "localCredential", "token": "local" });
        assert_eq!(hello["auth"], auth);
        let _ = transport.receiver.recv().await;
    })
    .await;
    let settings = Settings {
        local_credential: Some(Secret::from("local")),
        ..settings()
    };
    client::connect(&peer.direct(None), &settings)
        .await
        .unwrap();
    let upgrade = peer.upgrades.recv().await.unwrap();
    assert_eq!((upgrade.subprotocol, upgrade.authorization), (None, None));
}
