//! The signals that a session minds.

use tokio::signal::unix::{Signal, SignalKind};

use crate::commands::signals;
use crate::error::CommandError;

/// All of them, caught from the beginning.
pub(super) struct Signals {
    /// Those that end it.
    ending: [(SignalKind, Signal); 4],
    changed: Signal,
    continued: Signal,
}

/// Those that tell of the terminal's size: it changed, or this process was stopped for a while.
pub(super) struct Sizes<'a> {
    changed: &'a mut Signal,
    continued: &'a mut Signal,
}

impl Signals {
    /// Starts to catch them. Call it within a runtime.
    pub(super) fn catch() -> Result<Self, CommandError> {
        let catch = |kind| {
            signals::catch(kind)
                .map_err(|error| CommandError::internal("signals cannot be caught").because(error))
        };
        let ending = |kind| Ok::<_, CommandError>((kind, catch(kind)?));
        Ok(Self {
            ending: [
                ending(SignalKind::hangup())?,
                ending(SignalKind::interrupt())?,
                ending(SignalKind::quit())?,
                ending(SignalKind::terminate())?,
            ],
            changed: catch(SignalKind::window_change())?,
            continued: catch(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?,
        })
    }

    /// Returns what is ready with an exit status when the process is to end, and the others.
    pub(super) fn split(&mut self) -> (impl Future<Output = u8>, Sizes<'_>) {
        let Self {
            ending: [hangup, interrupt, quit, terminate],
            changed,
            continued,
        } = self;
        let ending = async {
            let kind = tokio::select! {
                _ = hangup.1.recv() => hangup.0,
                _ = interrupt.1.recv() => interrupt.0,
                _ = quit.1.recv() => quit.0,
                _ = terminate.1.recv() => terminate.0,
            };
            // As shells count: 128 and the number.
            u8::try_from(kind.as_raw_value()).map_or(u8::MAX, |number| 128 | number)
        };
        (ending, Sizes { changed, continued })
    }
}

impl Sizes<'_> {
    /// Returns when the size may have changed.
    pub(super) async fn changed(&mut self) {
        tokio::select! {
            _ = self.changed.recv() => {}
            _ = self.continued.recv() => {}
        }
    }
}
