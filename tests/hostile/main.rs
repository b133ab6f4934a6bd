//! A hostile world: tables of what strangers do on the wire, and the real binary in every part it plays.
//!
//! | table | what is in it | who meets it |
//! |---|---|---|
//! | [`frames`] | WebSocket frames, messages, close codes | client, relay, daemon, forward, holder, from either side |
//! | [`heads`] | answers to an upgrade, requests for one | the same |
//! | [`impostors`] | another daemon in the place of the paired one, on each route | every way to dial |
//! | [`budgets`] | strangers who hold memory, places and processors | daemon |
//! | [`other_users`] | another user of the machine | daemon, forward |
//! | [`channel`] | a relay between an honest client and an honest daemon | client and daemon |
//!
//! Recordings that are played back, which take more than a row, are in [`replays`].
//!
//! To try something new, add a row. What must hold for every row is in [`process`]: it ends or goes on within
//! its deadline, without a panic, within its memory, and says no secret.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![allow(clippy::print_stdout, reason = "figures for docs/reliability.md")]

mod budgets;
mod channel;
mod clients;
mod daemons;
mod forwards;
mod frames;
mod heads;
mod holders;
mod honest;
mod impostors;
mod other_users;
mod process;
mod relays;
mod replays;
mod stranger;
#[path = "../support/tool.rs"]
mod tool;
