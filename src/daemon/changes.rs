//! Requests that change something: once begun they are finished, whether or not somebody waits for the answer.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;

/// How many may be under way, of all clients together. Further ones wait their turn, as long as their clients do.
const MAX_UNDER_WAY: usize = 1024;

/// The changes that are under way.
#[derive(Debug)]
pub(super) struct Changes(Arc<Semaphore>);

impl Default for Changes {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_UNDER_WAY)))
    }
}

impl Changes {
    /// Waits for room, does the work, and returns when it is done. To cancel this leaves the work alone.
    pub(super) async fn finish(&self, work: BoxFuture<'static, ()>) {
        let room = Arc::clone(&self.0).acquire_owned().await;
        let room = room.expect("it is never closed");
        let work = tokio::spawn(async move {
            work.await;
            drop(room);
        });
        // A handler that panics has said so; its client hears nothing.
        let _ = work.await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn what_was_begun_is_finished_and_what_was_not_is_not() {
        let changes = Changes(Arc::new(Semaphore::new(1)));
        let (go, wait) = oneshot::channel::<()>();
        let (done, finished) = oneshot::channel();
        let first = changes.finish(Box::pin(async move {
            let _ = wait.await;
            let _ = done.send(());
        }));
        let left = timeout(Duration::from_millis(20), first).await;
        left.expect_err("the client leaves before the end");

        let (done, begun) = oneshot::channel::<()>();
        let second = changes.finish(Box::pin(async move {
            let _ = done.send(());
        }));
        let left = timeout(Duration::from_millis(20), second).await;
        left.expect_err("there is no room, and the client leaves");

        go.send(()).unwrap();
        finished.await.unwrap();
        begun.await.unwrap_err();
        changes.finish(Box::pin(async {})).await;
    }
}
