//! The end of a relay: everybody is told to come back, a few at a time.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{info, warn};

use super::server::Shared;
use crate::protocol::relay::Close;

/// Pause between two sockets, as long as all fit into [`SPREAD`]. Whoever is closed comes back at
/// once, and the next relay has to take them all.
const PAUSE: Duration = Duration::from_millis(1);

/// Time for telling everybody.
const SPREAD: Duration = Duration::from_secs(10);

/// Closes all sockets with 1012 and waits for their tasks.
pub(super) async fn drain(relay: &Shared, mut connections: JoinSet<()>) {
    let hub = &relay.hub;
    hub.start_draining();
    let sockets = hub.sockets();
    info!(sockets = sockets.len(), "draining");
    let count = u32::try_from(sockets.len()).unwrap_or(u32::MAX).max(1);
    let pause = PAUSE.min(SPREAD / count);
    let mut next = Instant::now();
    let all = async {
        for outbox in sockets {
            sleep_until(next).await;
            outbox.close(Close::Restart);
            next += pause;
        }
        if let Some(cluster) = &relay.cluster {
            cluster.stop();
            cluster.idle().await;
        }
        while connections.join_next().await.is_some() {}
    };
    if timeout(hub.limits.drain, all).await.is_err() {
        warn!("some connections did not end in time");
    }
}
