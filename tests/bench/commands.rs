//! Whole commands, from start to the end of the process: `cargo bench --bench commands`.
//!
//! With `PASEO_BENCH_OFFICIAL` naming an official `paseo` and `PASEO_BENCH_OFFER` a file with an offer, the same is
//! measured against that daemon, and the official CLI beside it.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a bench stops at the first surprise, and is told by variables what is there"
)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};

/// Ten remotes, none of which needs a secret to be listed.
fn write_remotes(dir: &Path) {
    let mut text = String::from("version = 1\n");
    for n in 0..10 {
        text +=
            &format!("\n[remotes.box{n}]\nurl = \"tcp://10.0.0.{n}:6767\"\ntags = [\"prod\"]\n");
    }
    std::fs::write(dir.join("remotes.toml"), text).unwrap();
}

fn paseo(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paseo"));
    command
        .args(args)
        .env_clear()
        .env("HOME", home)
        .env("PASEO_CONFIG_DIR", home)
        .stdin(Stdio::null());
    command
}

fn succeed(mut command: Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn commands(c: &mut Criterion) {
    let home = tempfile::tempdir().unwrap();
    write_remotes(home.path());
    let mut group = c.benchmark_group("commands");
    group
        .sample_size(30)
        .measurement_time(Duration::from_secs(3));
    group.bench_function("--version", |b| {
        b.iter(|| succeed(paseo(home.path(), &["--version"])))
    });
    group.bench_function("remote ls, 10 remotes", |b| {
        b.iter(|| succeed(paseo(home.path(), &["remote", "ls"])))
    });

    let offer = std::env::var("PASEO_BENCH_OFFER").ok();
    if let Some(offer) = &offer {
        let ls = ["ls", "--relay", offer.as_str()];
        group.bench_function("ls through a relay", |b| {
            b.iter(|| succeed(paseo(home.path(), &ls)))
        });
    }
    if let Ok(official) = std::env::var("PASEO_BENCH_OFFICIAL") {
        group.sample_size(10);
        let version = || succeed_official(&official, home.path(), &["--version"]);
        group.bench_function("official --version", |b| b.iter(version));
        if let Some(offer) = &offer {
            let link = std::fs::read_to_string(offer).unwrap();
            let ls = || succeed_official(&official, home.path(), &["ls", "--host", link.trim()]);
            group.bench_function("official ls through a relay", |b| b.iter(ls));
        }
    }
    group.finish();
}

fn succeed_official(program: &str, home: &Path, args: &[&str]) {
    let mut command = Command::new(program);
    command
        .args(args)
        .env("HOME", home)
        .env("PASEO_HOME", home)
        .stdin(Stdio::null());
    succeed(command);
}

criterion_group!(benches, commands);
criterion_main!(benches);
