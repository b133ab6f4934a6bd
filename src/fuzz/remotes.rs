//! `remotes.toml`, and what is said when it is wrong.

use std::error::Error;

use crate::remote::RemotesFile;

/// Stands for a secret in the wrong place.
const PLANTED: &str = "hunter2hunter2";

/// What is read can be shown; what cannot is told without repeating a value.
pub(crate) fn remotes(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    // Other files of the machine are no part of the input.
    if text.contains("include") {
        return;
    }
    match RemotesFile::parse(None, text.to_owned()) {
        Ok(file) => {
            for remote in file.remotes() {
                let _ = format!("{remote:?}");
            }
        }
        Err(error) => {
            let mut shown = format!("{error} {error:?}");
            let mut cause = error.source();
            while let Some(error) = cause {
                shown.push_str(&error.to_string());
                cause = error.source();
            }
            assert!(!shown.contains(PLANTED), "{shown}");
        }
    }
}
