//! The real binary, in an environment that holds nothing but what the test puts there.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod agents;
mod agents_terminal;
mod built_in;
mod cancelled;
mod children;
mod closed;
mod completion;
mod completion_hostile;
mod completion_keys;
mod completion_live;
mod crash;
mod daemon_control;
mod daemon_details;
mod daemon_pair;
mod diagnosis;
mod effective;
mod fake_daemon;
#[cfg(target_os = "linux")]
mod faults;
mod inbox;
mod injection;
mod injection_live;
mod json_daemons;
mod json_fields;
#[path = "../support/json_page.rs"]
mod json_page;
mod json_settings;
mod keystore;
mod leaks;
mod leaves;
mod man;
#[cfg(target_os = "linux")]
mod memory;
mod not_found;
mod odd_files;
mod offline;
#[cfg(target_os = "linux")]
mod other_port;
mod other_user;
mod pasted;
mod permissions;
mod pipes;
mod preview;
#[cfg(target_os = "linux")]
#[path = "../support/process_memory.rs"]
mod process_memory;
#[cfg(target_os = "linux")]
mod prompt_signals;

mod published;
mod quiet;
mod recorded;
mod recorded_live;
mod relay_errors;
mod remotes;
mod remotes_crash;
mod remotes_crash_more;
mod remotes_edit;
mod remotes_more;
mod remotes_move;
mod remotes_picture;
mod remotes_terminal;
#[path = "../support/replay.rs"]
mod replay;
mod replays;
mod roads;
mod roads_sshd;
mod sandbox;
mod secrets;
#[path = "../support/server.rs"]
mod server;
mod several;
mod spelling;
mod spoiler;
mod suggestions;
mod surroundings;
mod terminal;
#[path = "../support/tool.rs"]
mod tool;
mod top;
mod trust;
mod typed;
#[cfg(target_os = "linux")]
mod vault_held;
mod widths;
#[path = "../support/world.rs"]
mod world;
