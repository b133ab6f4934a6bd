//! A relay that is not there, or is something else: errors call it a relay, and no daemon.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use crate::remotes::offer;
use crate::sandbox::Sandbox;

/// What answers at the address.
type Answer = fn(TcpStream);

fn says(mut stream: TcpStream, text: &str) {
    let _ = stream.read(&mut [0; 4096]);
    let _ = stream.write_all(text.as_bytes());
}

/// Starts it, and returns where it listens.
fn listen(answer: Answer) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || listener.incoming().flatten().for_each(answer));
    address
}

const HELD: Answer = |stream| {
    std::thread::sleep(std::time::Duration::from_secs(20));
    drop(stream);
};

#[test]
fn what_fails_at_a_relay_is_called_a_relay() {
    let closed = || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().to_string()
    };
    let answers: [(&str, Option<Answer>, bool); 9] = [
        ("nothing listens", None, false),
        ("nothing listens, with TLS", None, true),
        ("it hangs up", Some(drop), false),
        ("it hangs up, with TLS", Some(drop), true),
        ("it is silent", Some(HELD), false),
        ("it is silent, with TLS", Some(HELD), true),
        (
            "it is no HTTP",
            Some(|stream| says(stream, "220 mail\r\n")),
            false,
        ),
        (
            "it has no TLS",
            Some(|stream| says(stream, "HTTP/1.1 400 Bad Request\r\n\r\n")),
            true,
        ),
        (
            "it is another server",
            Some(|stream| {
                says(
                    stream,
                    "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
                )
            }),
            false,
        ),
    ];
    for (what, answer, tls) in answers {
        let address = answer.map_or_else(closed, listen);
        let offer = offer()
            .replace("127.0.0.1:9", &address)
            .replace("\"useTls\":false", &format!("\"useTls\":{tls}"));
        let sandbox = Sandbox::new();
        sandbox.write("offer.json", &offer);
        let limit = ["--connect-timeout", "500ms"];
        let through = ["--relay", "offer.json", "ls"];
        let ran = sandbox.run(&[&limit[..], &through].concat());
        assert_ne!(ran.status, 0, "{what}: {ran:?}");
        assert!(
            ran.stderr.contains(&format!("the relay {address}")),
            "{what}: {ran:?}"
        );
        assert!(!ran.stderr.contains("start the daemon"), "{what}: {ran:?}");
        assert!(!ran.stderr.contains("relay the relay"), "{what}: {ran:?}");
        // The same without a relay names none.
        let host = format!("tcp://{address}{}", if tls { "?ssl=true" } else { "" });
        let straight = ["--host", &host, "ls"];
        let ran = sandbox.run(&[&limit[..], &straight].concat());
        assert_ne!(ran.status, 0, "{what}: {ran:?}");
        assert!(!ran.stderr.contains("the relay "), "{what}: {ran:?}");
    }
}

#[test]
fn a_name_of_a_relay_that_is_none_is_told_as_that() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "offer.json",
        &offer().replace("127.0.0.1:9", "relay.invalid:443"),
    );
    let ran = sandbox.run(&["--relay", "offer.json", "ls"]);
    ran.failed(6, "the name of the relay relay.invalid cannot be resolved");
    let ran = sandbox.run(&["--host", "daemon.invalid:1", "ls"]);
    ran.failed(6, "the name daemon.invalid cannot be resolved");
}
