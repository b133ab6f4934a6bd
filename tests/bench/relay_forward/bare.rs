//! The measure: what tokio-tungstenite does by itself, with its default buffers, and nothing around it.

use std::collections::HashMap;
use std::sync::Mutex;

use futures_util::StreamExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

/// The first argument of the process that is the forwarder.
pub(crate) const WORD: &str = "--serve-bare";

static ALONE: Mutex<Option<HashMap<String, WebSocketStream<TcpStream>>>> = Mutex::new(None);

/// Listens, says where, and serves until it is killed.
pub(crate) fn main() {
    // The same runtime as the relay's.
    let runtime = Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("listening ws://{}", listener.local_addr().unwrap());
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(join(stream));
        }
    });
}

/// Joins the two sockets that name the same server.
async fn join(stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    let mut server = String::new();
    #[expect(clippy::result_large_err, reason = "the type is the library's")]
    let name = |request: &Request, response: Response| {
        let query = request.uri().query().unwrap_or_default();
        let words = query.split('&').next().unwrap_or_default();
        server = words.to_owned();
        Ok(response)
    };
    let socket = accept_hdr_async(stream, name).await.unwrap();
    let mut alone = ALONE.lock().unwrap();
    let alone = alone.get_or_insert_default();
    let Some(other) = alone.remove(&server) else {
        alone.insert(server, socket);
        return;
    };
    let (one, two) = (socket.split(), other.split());
    tokio::spawn(one.1.forward(two.0));
    tokio::spawn(two.1.forward(one.0));
}
