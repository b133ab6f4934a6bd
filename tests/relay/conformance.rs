//! One test per rule of the relay in `docs/protocol.md`.

use futures_util::SinkExt;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

use crate::support::{Peer, Relay, fresh};

const SYNC_NONE: &str = r#"{"type":"sync","connectionIds":[]}"#;

fn connected(id: &str) -> String {
    format!(r#"{{"type":"connected","connectionId":"{id}"}}"#)
}

fn disconnected(id: &str) -> String {
    format!(r#"{{"type":"disconnected","connectionId":"{id}"}}"#)
}

fn close(code: u16, reason: &str) -> (u16, String) {
    (code, reason.to_owned())
}

/// A daemon with its control socket, and a client with its data socket, all attached.
async fn pair(relay: &Relay) -> (Peer, Peer, Peer) {
    let server = fresh();
    let mut control = relay.control(&server).await;
    assert_eq!(control.text().await, SYNC_NONE);
    let client = relay.client(&server, "x").await;
    assert_eq!(control.text().await, connected("x"));
    let mut data = relay.data(&server, "x").await;
    data.settle().await;
    (control, client, data)
}

mod http {
    use super::*;

    async fn refused(relay: &Relay, query: &str) -> (u16, String) {
        match relay.open_with(query, &[]).await {
            Err(Error::Http(response)) => {
                let body = response.body().clone().unwrap_or_default();
                (response.status().as_u16(), String::from_utf8(body).unwrap())
            }
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("the upgrade succeeded"),
        }
    }

    #[tokio::test]
    async fn health_answers_any_method() {
        let relay = Relay::start().await;
        for method in ["GET", "POST", "PUT"] {
            let (status, body) = relay.http(&format!("{method} /health")).await;
            assert_eq!(status, "HTTP/1.1 200 OK");
            assert_eq!(body, r#"{"status":"ok"}"#);
        }
    }

    #[tokio::test]
    async fn other_paths_are_not_found() {
        let relay = Relay::start().await;
        for path in ["/", "/ws/", "/wss", "/health/"] {
            let (status, body) = relay.http(&format!("GET {path}?serverId=s")).await;
            assert_eq!(
                (status.as_str(), body.as_str()),
                ("HTTP/1.1 404 Not Found", "Not found")
            );
        }
    }

    #[tokio::test]
    async fn bad_queries_are_refused_in_order() {
        let relay = Relay::start().await;
        let missing = close(400, "Missing serverId parameter");
        assert_eq!(refused(&relay, "").await, missing);
        assert_eq!(refused(&relay, "serverId=&v=7&role=x").await, missing);
        let version = close(400, "Invalid v parameter: neither 1 nor 2");
        assert_eq!(refused(&relay, "serverId=s&v=3&role=x").await, version);
        let role = close(400, "Invalid role parameter");
        assert_eq!(refused(&relay, "serverId=s&v=2").await, role);
        assert_eq!(refused(&relay, "serverId=s&role=bogus").await, role);
    }

    #[tokio::test]
    async fn ids_end_at_256_bytes() {
        let relay = Relay::start().await;
        let longest = "x".repeat(256);
        let too_long = "x".repeat(257);
        let query = format!("serverId={too_long}&role=client&v=2");
        assert_eq!(
            refused(&relay, &query).await,
            close(400, "serverId is too long")
        );
        let query = format!("serverId=s&role=client&v=2&connectionId={too_long}");
        assert_eq!(
            refused(&relay, &query).await,
            close(400, "connectionId is too long")
        );
        let query = format!("serverId={longest}&role=client&v=2&connectionId={longest}");
        relay.open(&query).await.close().await;
    }

    #[tokio::test]
    async fn a_request_without_upgrade_gets_426() {
        let relay = Relay::start().await;
        let (status, body) = relay.http("GET /ws?serverId=s&role=client&v=2").await;
        assert_eq!(status, "HTTP/1.1 426 Upgrade Required");
        assert_eq!(body, "Expected WebSocket upgrade");
    }

    #[tokio::test]
    async fn no_extension_and_no_subprotocol_is_agreed_on() {
        let relay = Relay::start().await;
        let asked = [
            (
                "sec-websocket-extensions",
                "permessage-deflate; client_max_window_bits",
            ),
            ("sec-websocket-protocol", "chat"),
        ];
        let query = format!("serverId={}&role=server&v=2", fresh());
        // The client refuses an upgrade without the protocol it asked for, so this is by hand.
        let head = format!(
            "GET /ws?{query} HTTP/1.1\r\nhost: relay\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{}: {}\r\n{}: {}\r\n\r\n",
            asked[0].0, asked[0].1, asked[1].0, asked[1].1
        );
        let mut stream = relay.tcp().await;
        tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes())
            .await
            .unwrap();
        let mut answer = Vec::new();
        while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
            let read = tokio::io::AsyncReadExt::read_buf(&mut stream, &mut answer);
            crate::support::within("the head", read).await.unwrap();
        }
        let answer = String::from_utf8_lossy(&answer).to_ascii_lowercase();
        assert!(answer.starts_with("http/1.1 101 "), "{answer}");
        assert!(answer.contains("s3pplmbitxaq9kygzzhzrbk+xoo="), "{answer}");
        assert!(!answer.contains("sec-websocket-extensions"), "{answer}");
        assert!(!answer.contains("sec-websocket-protocol"), "{answer}");
    }
}

mod v1 {
    use super::*;

    #[tokio::test]
    async fn frames_go_to_the_other_side_or_nowhere() {
        let relay = Relay::start().await;
        let id = fresh();
        let mut client = relay.open(&format!("serverId={id}&role=client")).await;
        client.send("lost").await;
        client.settle().await;
        let mut server = relay
            .open(&format!(
                "serverId={id}&role=server&v=1&connectionId=ignored"
            ))
            .await;
        server.settle().await;
        client.send("hi").await;
        assert_eq!(server.text().await, "hi");
        server.send_binary(vec![1, 2]).await;
        assert_eq!(client.message().await.unwrap(), Message::binary(vec![1, 2]));
    }

    #[tokio::test]
    async fn the_newest_of_a_role_wins_and_the_other_role_stays() {
        let relay = Relay::start().await;
        let id = fresh();
        let mut server = relay.open(&format!("serverId={id}&role=server&v=1")).await;
        let mut old = relay.open(&format!("serverId={id}&role=client&v=")).await;
        old.settle().await;
        let mut new = relay.open(&format!("serverId={id}&role=client")).await;
        assert_eq!(
            old.closed().await,
            close(1008, "Replaced by new connection")
        );
        new.send("from the new one").await;
        assert_eq!(server.text().await, "from the new one");
        new.close().await;
        server.settle().await;
    }

    #[tokio::test]
    async fn versions_do_not_meet() {
        let relay = Relay::start().await;
        let id = fresh();
        let mut old = relay.open(&format!("serverId={id}&role=server&v=1")).await;
        let mut new = relay.control(&id).await;
        assert_eq!(new.text().await, SYNC_NONE);
        old.settle().await;
        new.settle().await;
    }
}

mod control {
    use super::*;

    #[tokio::test]
    async fn hears_of_clients_that_come_and_go() {
        let relay = Relay::start().await;
        let server = fresh();
        let mut control = relay.control(&server).await;
        assert_eq!(control.text().await, SYNC_NONE);
        let mut one = relay.client(&server, "x").await;
        assert_eq!(control.text().await, connected("x"));
        let mut two = relay.client(&server, "x").await;
        assert_eq!(control.text().await, connected("x"));
        one.close().await;
        control.settle().await;
        two.close().await;
        assert_eq!(control.text().await, disconnected("x"));
    }

    #[tokio::test]
    async fn a_late_one_is_synced() {
        let relay = Relay::start().await;
        let server = fresh();
        let _one = relay.client(&server, "a").await;
        let _two = relay.client(&server, "b").await;
        let mut control = relay.control(&server).await;
        assert_eq!(
            control.text().await,
            r#"{"type":"sync","connectionIds":["a","b"]}"#
        );
    }

    #[tokio::test]
    async fn an_id_that_only_a_data_socket_has_is_not_synced() {
        let relay = Relay::start().await;
        let server = fresh();
        let mut data = relay.data(&server, "x").await;
        data.settle().await;
        let mut control = relay.control(&server).await;
        assert_eq!(control.text().await, SYNC_NONE);
        data.close().await;
        control.settle().await;
    }

    #[tokio::test]
    async fn a_client_without_id_gets_one() {
        let relay = Relay::start().await;
        let server = fresh();
        let mut control = relay.control(&server).await;
        control.text().await;
        let _client = relay
            .open(&format!(
                "serverId={server}&role=client&v=2&connectionId=%20"
            ))
            .await;
        let told = control.text().await;
        let id = told
            .strip_prefix(r#"{"type":"connected","connectionId":"conn_"#)
            .and_then(|rest| rest.strip_suffix(r#""}"#))
            .unwrap_or_else(|| panic!("{told}"));
        assert_eq!(id.len(), 16);
        assert!(
            id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')),
            "{id}"
        );
    }

    #[tokio::test]
    async fn json_pings_are_answered_and_all_else_ignored() {
        let relay = Relay::start().await;
        let mut control = relay.control(&fresh()).await;
        control.text().await;
        control.send("garbage").await;
        control.send(r#"{"type":"later"}"#).await;
        control.send_binary(vec![0; 10]).await;
        control.send(r#"{"type":"ping","ts":1}"#).await;
        let pong = control.text().await;
        assert!(pong.starts_with(r#"{"type":"pong","ts":1"#), "{pong}");
        control.settle().await;
    }

    #[tokio::test]
    async fn the_newest_wins() {
        let relay = Relay::start().await;
        let server = fresh();
        let mut old = relay.control(&server).await;
        assert_eq!(old.text().await, SYNC_NONE);
        let mut new = relay.control(&server).await;
        assert_eq!(
            old.closed().await,
            close(1008, "Replaced by new connection")
        );
        assert_eq!(new.text().await, SYNC_NONE);
    }

    #[tokio::test]
    async fn its_end_leaves_the_others_alone() {
        let relay = Relay::start().await;
        let (control, mut client, mut data) = pair(&relay).await;
        control.kill();
        client.send("still").await;
        assert_eq!(data.text().await, "still");
    }

    #[tokio::test]
    async fn one_that_ignores_a_client_is_nudged_and_reset() {
        let relay = Relay::start().await;
        let server = fresh();
        let mut control = relay.control(&server).await;
        control.text().await;
        let mut client = relay.client(&server, "lonely").await;
        assert_eq!(control.text().await, connected("lonely"));
        relay.fast_clock();
        let start = tokio::time::Instant::now();
        assert_eq!(
            control.text().await,
            r#"{"type":"sync","connectionIds":["lonely"]}"#
        );
        let nudged = start.elapsed().as_secs_f64();
        assert_eq!(control.closed().await, close(1011, "Control unresponsive"));
        let reset = start.elapsed().as_secs_f64();
        assert!(
            (9.5..11.0).contains(&nudged) && (14.5..16.0).contains(&reset),
            "{nudged} {reset}"
        );
        // The client is not to blame.
        client.settle().await;
    }

    #[tokio::test]
    async fn one_that_brings_its_data_socket_is_left_alone() {
        let relay = Relay::start().await;
        let (mut control, mut client, mut data) = pair(&relay).await;
        relay.fast_clock();
        tokio::time::sleep(std::time::Duration::from_secs(20)).await;
        control.settle().await;
        client.send("hi").await;
        assert_eq!(data.text().await, "hi");
    }
}

mod frames {
    use super::*;

    #[tokio::test]
    async fn keep_their_kind_and_order() {
        let relay = Relay::start().await;
        let (_control, mut client, mut data) = pair(&relay).await;
        for i in 0..300_u32 {
            client.send(&i.to_string()).await;
            client.send_binary(i.to_be_bytes().to_vec()).await;
        }
        client.settle().await;
        for i in 0..300_u32 {
            assert_eq!(data.text().await, i.to_string());
            assert_eq!(
                data.message().await.unwrap(),
                Message::binary(i.to_be_bytes().to_vec())
            );
        }
        data.send("").await;
        assert_eq!(client.text().await, "");
    }

    #[tokio::test]
    async fn of_a_daemon_reach_every_client_of_the_id() {
        let relay = Relay::start().await;
        let server = fresh();
        let mut one = relay.client(&server, "x").await;
        let mut two = relay.client(&server, "x").await;
        let mut other = relay.client(&server, "y").await;
        let mut data = relay.data(&server, "x").await;
        data.settle().await;
        data.send("to both").await;
        assert_eq!(one.text().await, "to both");
        assert_eq!(two.text().await, "to both");
        other.settle().await;
        one.kill();
        data.send("to the rest").await;
        assert_eq!(two.text().await, "to the rest");
    }

    #[tokio::test]
    async fn wait_for_the_daemon_in_order() {
        let relay = Relay::start().await;
        let server = fresh();
        let mut client = relay.client(&server, "x").await;
        client.send("one").await;
        client.send_binary(vec![2]).await;
        client.settle().await;
        let mut data = relay.data(&server, "x").await;
        assert_eq!(data.text().await, "one");
        assert_eq!(data.message().await.unwrap(), Message::binary(vec![2]));
    }

    #[tokio::test]
    async fn the_newest_200_wait_for_the_daemon() {
        let relay = Relay::start().await;
        let server = fresh();
        let mut client = relay.client(&server, "x").await;
        for i in 0..250 {
            client.send(&format!("f{i}")).await;
        }
        client.settle().await;
        let mut data = relay.data(&server, "x").await;
        for i in 50..250 {
            assert_eq!(data.text().await, format!("f{i}"));
        }
        data.settle().await;
    }

    #[tokio::test]
    async fn that_wait_are_dropped_with_the_last_client() {
        let relay = Relay::start().await;
        let server = fresh();
        let mut one = relay.client(&server, "x").await;
        let mut two = relay.client(&server, "x").await;
        one.send("kept while another client is there").await;
        one.settle().await;
        one.close().await;
        two.close().await;
        let mut late = relay.client(&server, "x").await;
        late.settle().await;
        let mut data = relay.data(&server, "x").await;
        data.settle().await;
    }

    #[tokio::test]
    async fn that_wait_stay_while_a_client_is_there() {
        let relay = Relay::start().await;
        let server = fresh();
        let mut one = relay.client(&server, "x").await;
        let _two = relay.client(&server, "x").await;
        one.send("early").await;
        one.settle().await;
        one.close().await;
        let mut data = relay.data(&server, "x").await;
        assert_eq!(data.text().await, "early");
    }

    #[tokio::test]
    async fn to_an_absent_client_are_not_kept() {
        let relay = Relay::start().await;
        let server = fresh();
        let mut data = relay.data(&server, "x").await;
        data.send("to nobody").await;
        data.settle().await;
        let mut client = relay.client(&server, "x").await;
        client.settle().await;
        data.send("to somebody").await;
        assert_eq!(client.text().await, "to somebody");
    }

    #[tokio::test]
    async fn of_32_mib_pass_and_larger_ones_close_their_sender() {
        let relay = Relay::start().await;
        let (mut control, mut client, mut data) = pair(&relay).await;
        let largest = Bytes::from(vec![7; 32 << 20]);
        let (_, arrived) = tokio::join!(client.send_binary(largest.clone()), data.message());
        assert_eq!(arrived.unwrap(), Message::Binary(largest));
        let too_large = Message::binary(vec![7; 33 << 20]);
        // The relay need not read it all, so sending it may fail.
        let _ = client.0.send(too_large).await;
        let reason = "Message is too large: 34603008 > 33554432";
        assert_eq!(client.closed().await, close(1009, reason));
        assert_eq!(data.closed().await, close(1001, "Client disconnected"));
        assert_eq!(control.text().await, disconnected("x"));
    }
}

mod closes {
    use super::*;

    #[tokio::test]
    async fn of_the_last_client_end_the_data_socket() {
        let relay = Relay::start().await;
        let (mut control, mut client, mut data) = pair(&relay).await;
        client.send("last words").await;
        client.close().await;
        assert_eq!(data.text().await, "last words");
        assert_eq!(data.closed().await, close(1001, "Client disconnected"));
        assert_eq!(control.text().await, disconnected("x"));
    }

    #[tokio::test]
    async fn without_a_word_count_too() {
        let relay = Relay::start().await;
        let (mut control, client, mut data) = pair(&relay).await;
        client.kill();
        assert_eq!(data.closed().await, close(1001, "Client disconnected"));
        assert_eq!(control.text().await, disconnected("x"));
    }

    #[tokio::test]
    async fn of_the_data_socket_end_its_clients_with_1012_whatever_the_code() {
        let relay = Relay::start().await;
        let (mut control, mut client, mut data) = pair(&relay).await;
        data.send("last words").await;
        data.close().await;
        assert_eq!(client.text().await, "last words");
        assert_eq!(client.closed().await, close(1012, "Server disconnected"));
        assert_eq!(control.text().await, disconnected("x"));
        let (mut control, mut client, data) = pair(&relay).await;
        data.kill();
        assert_eq!(client.closed().await, close(1012, "Server disconnected"));
        assert_eq!(control.text().await, disconnected("x"));
    }

    /// The Worker cascades here; the Elixir relay and ours do not.
    #[tokio::test]
    async fn of_a_replaced_data_socket_do_not_cascade() {
        let relay = Relay::start().await;
        let server = fresh();
        let mut client = relay.client(&server, "x").await;
        let mut old = relay.data(&server, "x").await;
        old.settle().await;
        let mut new = relay.data(&server, "x").await;
        assert_eq!(
            old.closed().await,
            close(1008, "Replaced by new connection")
        );
        new.send("from the new one").await;
        assert_eq!(client.text().await, "from the new one");
        client.send("to the new one").await;
        assert_eq!(new.text().await, "to the new one");
    }
}
