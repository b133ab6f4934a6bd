//! One test body per trait, run over everything that implements it.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod keyring;
mod prompter;
mod stores;
#[path = "../support/tool.rs"]
mod tool;
