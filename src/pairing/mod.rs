//! Pairing: how a daemon says who it is and where, and the files that make it the same daemon tomorrow.
//!
//! An [`Offer`] is the whole credential: whoever has it controls the daemon as its owner, and it does
//! not expire. See `docs/protocol.md`, "Pairing offer".

mod config;
#[cfg(any(test, fuzzing))]
mod fuzz;
mod home;
mod identity;
mod local;
mod offer;
mod picture;
mod pid;
mod process;
mod source;

pub use config::{ConfigError, DaemonConfig, Overrides, RelayConfig};
#[cfg(any(test, fuzzing))]
pub(crate) use fuzz::picture as fuzz_picture;
pub use home::{Home, HomeError, KeyPairError};
pub use local::LocalCredential;
pub use offer::{MAX_TEXT_BYTES, Offer, OfferError, is_marked};
pub use picture::PictureError;
pub use pid::{ClaimError, PidFile, PidGuard};
pub use process::{ProcessMark, Standing, began, this_machine};
pub use source::{OfferSource, SourceError};
