//! The control socket: says which clients are there, is kept alive, and comes back when lost.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};

use super::data::Sockets;
use super::{Handler, Host};
use crate::backoff::Backoff;
use crate::protocol::relay::{DaemonToRelay, RelayToDaemon, Seat};
use crate::transport::{Frame, Transport, dial};

/// How long the socket may take to open.
const DIAL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the first message may take after that.
const READY_TIMEOUT: Duration = Duration::from_secs(8);
/// How often the relay is asked for a sign of life.
const KEEPALIVE: Duration = Duration::from_secs(10);
/// A relay that was silent for longer is given up.
const SILENCE: Duration = Duration::from_secs(30);

/// Keeps a control socket for ever. Data sockets outlive it, as they do at the relay.
pub(super) async fn run(host: Arc<Host>, handler: Arc<dyn Handler>) {
    let mut sockets = Sockets::new(Arc::clone(&host), handler);
    let mut backoff = Backoff::default();
    loop {
        if let Some(transport) = sockets.during(open(&host)).await {
            backoff.connected();
            if attend(transport, &mut sockets).await {
                tracing::info!(relay = %host.relay.endpoint, "the control socket was lost");
            } else {
                tracing::warn!(relay = %host.relay.endpoint, "the relay did not take us in");
            }
        }
        sockets.during(sleep(backoff.wait())).await;
    }
}

async fn open(host: &Host) -> Option<Transport> {
    match dial(&host.dial(Seat::Control, DIAL_TIMEOUT)).await {
        Ok(dialed) => Some(dialed.transport),
        Err(error) => {
            tracing::warn!(relay = %host.relay.endpoint, %error, "the relay cannot be reached");
            None
        }
    }
}

/// Follows the relay until the socket is lost; returns whether it was ever ready.
async fn attend(transport: Transport, sockets: &mut Sockets) -> bool {
    let Transport {
        mut sender,
        mut receiver,
    } = transport;
    let mut ready = false;
    let ready_by = Instant::now() + READY_TIMEOUT;
    let mut heard = Instant::now();
    let mut keepalive = interval(KEEPALIVE);
    keepalive.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            frame = receiver.recv() => match frame {
                Ok(Frame::Text(text)) => RelayToDaemon::parse(&text),
                Ok(Frame::Binary(_)) => RelayToDaemon::Unknown,
                Err(_) => return ready,
            },
            _ = keepalive.tick() => {
                if heard.elapsed() > SILENCE {
                    return ready;
                }
                let ping = Frame::Text(DaemonToRelay::Ping.to_json());
                if sender.send(ping).await.is_err() {
                    return ready;
                }
                continue;
            }
            () = sleep_until(ready_by), if !ready => return false,
            () = sockets.reap() => continue,
        };
        heard = Instant::now();
        let was_ready = ready;
        match message {
            RelayToDaemon::Sync { connection_ids } => {
                ready = true;
                for id in connection_ids {
                    sockets.open(id);
                }
            }
            RelayToDaemon::Connected { connection_id } => {
                ready = true;
                sockets.open(connection_id);
            }
            RelayToDaemon::Disconnected { connection_id } => {
                ready = true;
                sockets.close(&connection_id);
            }
            RelayToDaemon::Ping => {
                let pong = Frame::Text(DaemonToRelay::Pong.to_json());
                if sender.send(pong).await.is_err() {
                    return ready;
                }
            }
            _ => {}
        }
        if ready && !was_ready {
            tracing::info!("connected to the relay");
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::BoxFuture;
    use tokio::net::TcpListener;
    use tokio::task::JoinSet;

    use super::*;
    use crate::e2ee::{Responder, SecretKey, Standing};
    use crate::host::Relay;
    use crate::protocol::relay::ServerId;

    struct Nobody;

    impl Handler for Nobody {
        fn budget(&self) -> crate::transport::budget::Budget {
            crate::transport::budget::Budget::default()
        }

        fn serve(&self, _: Transport, _: Standing) -> BoxFuture<'static, ()> {
            Box::pin(async {})
        }
    }

    /// The daemons of a relay that was lost do not all come back at the same moment.
    #[tokio::test]
    async fn daemons_come_back_at_random_times() {
        const DAEMONS: usize = 8;
        const TRIES: usize = 4;
        let mut daemons = JoinSet::new();
        let mut watching = JoinSet::new();
        let start = Instant::now();
        for _ in 0..DAEMONS {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let relay = Relay {
                endpoint: listener.local_addr().unwrap().to_string().parse().unwrap(),
                tls: false,
                token: None,
                ca_file: None,
            };
            let id = ServerId::new("srv_test").unwrap();
            let responder = Responder::new(SecretKey::generate());
            let host = Arc::new(Host::new(relay, id, responder));
            daemons.spawn(run(host, Arc::new(Nobody)));
            watching.spawn(async move {
                for _ in 0..TRIES {
                    drop(listener.accept().await.unwrap());
                }
                start.elapsed()
            });
        }
        let mut times = watching.join_all().await;
        times.sort();
        let apart = *times.last().unwrap() - times[0];
        assert!(apart > Duration::from_millis(50), "{times:?}");
    }
}
