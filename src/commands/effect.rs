//! What each command does to a daemon: the one table of it.
//!
//! It decides what a remote with `readonly` refuses and one with `protected` asks about. A test compares it
//! with the tree of commands. Behind it, a session with a read-only remote refuses every request that
//! changes something, whatever command sends it.

/// What a command does to the daemon that it talks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It talks to no daemon, or only to that of this machine.
    Local,
    /// It only looks.
    Reads,
    /// It looks or changes, as its arguments say.
    Either,
    /// It changes something.
    Changes,
}

use Effect::{Changes, Either, Local, Reads};

/// Every command, by its words.
pub const EFFECTS: &[(&str, Effect)] = &[
    ("ls", Reads),
    ("run", Changes),
    ("import", Changes),
    ("attach", Reads),
    ("logs", Reads),
    ("send", Changes),
    ("wait", Reads),
    ("stop", Changes),
    ("delete", Changes),
    ("inspect", Reads),
    ("archive", Changes),
    ("clone", Changes),
    ("forward", Changes), // what comes through is anybody's
    ("agent ls", Reads),
    ("agent run", Changes),
    ("agent import", Changes),
    ("agent attach", Reads),
    ("agent logs", Reads),
    ("agent send", Changes),
    ("agent wait", Reads),
    ("agent stop", Changes),
    ("agent delete", Changes),
    ("agent inspect", Reads),
    ("agent mode", Either),
    ("agent archive", Changes),
    ("agent reload", Changes),
    ("agent detach", Changes),
    ("agent update", Changes),
    ("provider ls", Reads),
    ("provider models", Reads),
    ("provider diagnostic", Reads),
    ("project create", Changes),
    ("project ls", Reads),
    ("project rename", Changes),
    ("project delete", Changes),
    ("workspace create", Changes),
    ("workspace ls", Reads),
    ("workspace rename", Changes),
    ("workspace archive", Changes),
    ("terminal ls", Reads),
    ("terminal create", Changes),
    ("terminal attach", Changes),
    ("terminal capture", Reads),
    ("terminal send-keys", Changes),
    ("terminal kill", Changes),
    ("shell", Changes),
    ("schedule create", Changes),
    ("schedule ls", Reads),
    ("schedule inspect", Reads),
    ("schedule logs", Reads),
    ("schedule pause", Changes),
    ("schedule resume", Changes),
    ("schedule run-once", Changes),
    ("schedule update", Changes),
    ("schedule delete", Changes),
    ("heartbeat create", Changes),
    ("heartbeat update", Changes),
    ("heartbeat delete", Changes),
    ("worktree ls", Reads),
    ("worktree create", Changes),
    ("worktree archive", Changes),
    ("status", Reads),
    ("restart", Changes),
    ("reload", Changes),
    ("onboard", Local),
    ("start", Local),
    ("plugin", Local),
    ("hub", Local),
    ("speech", Local),
    ("open", Local),
    ("hooks", Local),
    ("script ls", Reads),
    ("script start", Changes),
    ("script stop", Changes),
    ("daemon pair", Local),
    ("daemon run", Local),
    ("daemon guard", Local),
    ("daemon status", Reads),
    ("daemon stop", Changes),
    ("daemon restart", Changes),
    ("daemon reload", Changes),
    ("daemon start", Local),
    ("daemon set-password", Local),
    ("relay serve", Local),
    ("relay check", Local),
    ("remote add", Local),
    ("remote ls", Local),
    ("remote show", Local),
    ("remote use", Local),
    ("remote rm", Local),
    ("remote set", Local),
    ("remote unset", Local),
    ("remote rename", Local),
    ("remote repair", Local),
    ("remote block", Local),
    ("remote unblock", Local),
    ("remote edit", Local),
    ("keystore status", Local),
    ("keystore migrate", Local),
    ("keystore passwd", Local),
    ("keystore rekey", Local),
    ("which", Local),
    ("permit ls", Reads),
    ("permit allow", Changes),
    ("permit deny", Changes),
    ("config check", Local),
    ("demo", Local),
    ("completion", Local),
];

/// Returns what a command does. One that is not in the table is taken to change something.
pub fn of(words: &str) -> Effect {
    let found = EFFECTS.iter().find(|(command, _)| *command == words);
    found.map_or(Changes, |(_, effect)| *effect)
}
