//! Files of our own: private, replaced in one step, read and written with a limit, one writer at a time.
//!
//! A file is replaced, never rewritten: the new content is written beside it with its final owner and mode,
//! synced, and renamed over it. A reader, or a crash at any moment, sees the old or the new content. No other
//! module opens a file by its name (`tests/layering.rs` names the exceptions).

mod dir;
mod error;
mod links;
mod lock;
mod look;
mod name;
mod read;
mod staged;
mod write;

pub use dir::create_private_dir;
pub use error::FileError;
pub use lock::Lock;
pub use name::FileName;
pub use read::{
    exposed, open_given, read, read_given, read_given_private, read_given_text, read_private,
    to_limit,
};
pub use staged::{staged_for, staged_in, sweep, sweep_dir};
pub use write::{
    create_private, damaged_in, export, remove, rewrite, set_aside, settle, write_private,
};

#[cfg(test)]
#[cfg(unix)]
mod tests;
