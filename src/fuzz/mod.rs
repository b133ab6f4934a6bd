//! What is fuzzed: a function for each decoder of bytes that others choose. It must return, whatever the bytes.
//!
//! `tests/fuzz` runs them under libFuzzer; the corpora that it grew are replayed here as an ordinary test.
//! Decoders that are private have their function beside them.

mod channel;
mod offer;
mod relay;
mod remotes;
mod session;
mod terminal;

use crate::daemon::{fuzz_acp as acp, fuzz_screen as screen};
use crate::pairing::fuzz_picture as picture;
use crate::relay::fuzz_frames as frames;
use crate::remote::fuzz_bundle as bundle;
use crate::secret::fuzz_vault as vault;
use channel::channel;
use offer::offer;
use relay::relay;
use remotes::remotes;
use session::session;
use terminal::terminal;

/// Takes bytes, and panics when a promise is broken.
pub type Target = fn(&[u8]);

/// Runs a target by its name.
///
/// # Panics
/// When there is none of that name, and when a promise is broken.
pub fn run(name: &str, bytes: &[u8]) {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    found.expect("a target of this name").1(bytes);
}

/// Every target: its name, which is that of its corpus, and its function.
pub const TARGETS: &[(&str, Target)] = &[
    ("acp", acp),
    ("bundle", bundle),
    ("channel", channel),
    ("frames", frames),
    ("offer", offer),
    ("picture", picture),
    ("relay", relay),
    ("remotes", remotes),
    ("screen", screen),
    ("session", session),
    ("terminal", terminal),
    ("vault", vault),
];

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::{Duration, Instant};

    use super::*;

    /// How long one input may take, on a machine that has other work.
    const PATIENCE: Duration = Duration::from_secs(10);

    #[test]
    fn every_corpus_is_taken() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
        for (name, target) in TARGETS {
            let mut inputs = 0;
            for entry in fs::read_dir(root.join(name)).unwrap() {
                let path = entry.unwrap().path();
                let start = Instant::now();
                target(&fs::read(&path).unwrap());
                assert!(start.elapsed() < PATIENCE, "{}", path.display());
                inputs += 1;
            }
            assert!(inputs >= 10, "{name} has {inputs} inputs");
        }
    }

    #[test]
    fn every_target_has_its_program() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
        let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
        for (name, _) in TARGETS {
            let program = fs::read_to_string(root.join(format!("targets/{name}.rs"))).unwrap();
            assert!(
                program.contains(&format!("paseo::fuzz::run(\"{name}\",")),
                "{name}"
            );
            assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
        }
    }
}
