//! One connection to a daemon, to see that it is there and who it is.

use std::time::{Duration, Instant};

use crate::commands::Context;
use crate::commands::context::run_async;
use crate::error::CommandError;
use crate::protocol::session::Ping;
use crate::target::Target;

/// What a daemon said of itself, and how far away it is.
#[derive(Debug)]
pub(super) struct Checked {
    /// Its host name.
    pub(super) hostname: Option<String>,
    /// Its version.
    pub(super) version: Option<String>,
    /// One request and its reply, end to end.
    pub(super) round_trip: Duration,
}

/// Connects, asks for one reply, and leaves.
pub(super) fn check(context: &Context, target: Target) -> Result<Checked, CommandError> {
    let resolved = context.plan_for(target)?;
    run_async(async {
        let (road, daemon, _) = context.connect(&resolved, None).await?;
        road.finish(daemon, async |daemon| {
            let server = daemon.server();
            let (hostname, version) = (server.hostname.clone(), server.version.clone());
            let start = Instant::now();
            daemon.call(&Ping::default()).await?;
            Ok(Checked {
                hostname,
                version,
                round_trip: start.elapsed(),
            })
        })
        .await
    })
}
