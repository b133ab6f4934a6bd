//! Standard input and output as one byte stream.

use std::io::{self, Read, Write};
use std::thread::{self, JoinHandle};

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::runtime::Handle;

/// Bytes on their way, in each direction.
const BUFFER: usize = 64 * 1024;

/// Opens the stream; it ends when standard input does. On threads, because standard input may be a file or a
/// terminal, which cannot be polled. Call it within a runtime.
///
/// The handle ends once everything that was written to the stream is out.
pub(super) fn open() -> (DuplexStream, JoinHandle<()>) {
    let (ours, theirs) = tokio::io::duplex(BUFFER);
    let (mut outgoing, mut incoming) = tokio::io::split(theirs);
    let runtime = Handle::current();
    thread::spawn(move || {
        let mut buffer = vec![0; BUFFER];
        // An error is an end, too: nobody could be told of it who does not see it.
        while let Ok(length @ 1..) = io::stdin().read(&mut buffer) {
            if runtime
                .block_on(incoming.write_all(&buffer[..length]))
                .is_err()
            {
                return;
            }
        }
        let _ = runtime.block_on(incoming.shutdown());
    });
    let runtime = Handle::current();
    let written = thread::spawn(move || {
        let mut buffer = vec![0; BUFFER];
        while let Ok(length @ 1..) = runtime.block_on(outgoing.read(&mut buffer)) {
            let written = io::stdout().write_all(&buffer[..length]);
            if written.and_then(|()| io::stdout().flush()).is_err() {
                return;
            }
        }
    });
    (ours, written)
}
