//! Sealing and opening 64 KiB, base64 included: the cost that encryption adds to every frame.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use paseo::e2ee::SecretKey;
use paseo::e2ee::handshake::{ClientHandshake, DaemonHandshake};
use paseo::transport::Frame;

const FRAME_BYTES: usize = 64 * 1024;

fn seal_and_open(criterion: &mut Criterion) {
    let secret = SecretKey::generate();
    let client = ClientHandshake::start(&secret.public_key()).expect("a fresh key is usable");
    let hello = Frame::Text(client.hello().to_owned());
    let (mut daemon, greeting) = DaemonHandshake::new(&secret)
        .finish(&hello)
        .expect("our own hello is valid");
    let mut client = client
        .finish(&Frame::Text(greeting.ready))
        .break_value()
        .expect("our own ready is valid");
    let plaintext = vec![b'x'; FRAME_BYTES];

    let mut group = criterion.benchmark_group("e2ee 64 KiB");
    group.throughput(Throughput::Bytes(FRAME_BYTES as u64));
    group.bench_function("seal and open, base64", |bencher| {
        bencher.iter(|| {
            let text = client
                .sealer
                .seal_to_base64(plaintext.clone())
                .expect("it fits");
            daemon
                .opener
                .open_base64(text.as_bytes())
                .expect("it opens")
        });
    });
    group.bench_function("seal and open, raw", |bencher| {
        bencher.iter(|| {
            let bundle = client.sealer.seal(plaintext.clone()).expect("it fits");
            daemon.opener.open(&bundle).expect("it opens")
        });
    });
    group.bench_function("seal, base64", |bencher| {
        bencher.iter(|| {
            client
                .sealer
                .seal_to_base64(plaintext.clone())
                .expect("it fits")
        });
    });
    group.finish();
}

criterion_group!(benches, seal_and_open);
criterion_main!(benches);
