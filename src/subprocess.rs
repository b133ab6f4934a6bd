//! The programs that this one starts: the one place that makes their commands, and so their environment.
//!
//! A program inherits the environment of this process, less two kinds of variables. Our secrets are
//! none of its business. And those that point git at one repository belong to whoever started this
//! process, such as a hook: a git below a child would work there instead of in its own directory.
//! `tests/layering.rs` forbids making a command anywhere else.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use crate::env::{self, Env, SECRETS};

/// What `git rev-parse --local-env-vars` lists; a test compares it with the installed git.
const GIT_LOCAL: [&str; 15] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_CONFIG",
    "GIT_CONFIG_PARAMETERS",
    "GIT_CONFIG_COUNT",
    "GIT_OBJECT_DIRECTORY",
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_GRAFT_FILE",
    "GIT_INDEX_FILE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_REPLACE_REF_BASE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_COMMON_DIR",
];

/// Returns the command of a program that gets none of our secrets.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    command_with(program, &[])
}

/// Returns the command of a program that gets the named secrets, and none of the others.
pub fn command_with(program: impl AsRef<OsStr>, needed: &[&str]) -> Command {
    let mut command = Command::new(program);
    let secrets = SECRETS.iter().filter(|name| !needed.contains(name));
    for name in GIT_LOCAL.iter().chain(secrets) {
        command.env_remove(name);
    }
    command
}

/// Returns a command of this program that is told a saved remote. It gets what opens the secret store and
/// the daemon of this machine.
pub fn ours() -> std::io::Result<Command> {
    let needed = [env::PASEO_VAULT_PASSPHRASE, env::PASEO_PASSWORD];
    Ok(command_with(std::env::current_exe()?, &needed))
}

/// Returns a command of this program that gets no secret from the environment.
pub fn ours_without_secrets() -> std::io::Result<Command> {
    Ok(command(std::env::current_exe()?))
}

/// Returns whether a program can be started by this name: a path, or a word that is looked for in `PATH`. Of a relative
/// path nobody knows before the directory is known.
pub fn is_there(program: &str) -> bool {
    let path = Path::new(program);
    if path.is_absolute() {
        return is_program(path);
    }
    if path.components().count() > 1 {
        return true;
    }
    let dirs = Env::from_process().path(env::PATH).unwrap_or_default();
    std::env::split_paths(&dirs).any(|dir| is_program(&dir.join(program)))
}

/// Returns whether a file can be run.
#[cfg(unix)]
pub fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// Returns whether a file can be run.
#[cfg(not(unix))]
pub fn is_program(path: &Path) -> bool {
    path.is_file()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn removed(command: &Command) -> BTreeSet<String> {
        let changes = command.get_envs();
        changes
            .filter(|(_, value)| value.is_none())
            .map(|(name, _)| name.to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn a_program_gets_no_secret_but_those_that_it_needs() {
        let none = removed(&command("x"));
        assert!(SECRETS.iter().all(|name| none.contains(*name)), "{none:?}");
        let some = removed(&command_with("x", &[env::PASEO_PASSWORD]));
        assert!(!some.contains(env::PASEO_PASSWORD));
        assert_eq!(some.len() + 1, none.len());
    }

    #[test]
    fn what_git_calls_local_is_left_out() {
        let listed = command("git")
            .args(["rev-parse", "--local-env-vars"])
            .output();
        let listed = match listed {
            Ok(listed) if listed.status.success() => listed,
            other => {
                #[expect(clippy::disallowed_methods, reason = "the test asks where it runs")]
                let in_ci = std::env::var_os("CI").is_some();
                assert!(!in_ci, "git is missing: {other:?}");
                println!("skipped: git is missing");
                return;
            }
        };
        let listed = String::from_utf8(listed.stdout).unwrap();
        let removed = removed(&command("x"));
        // An older git knows fewer of them.
        let kept: Vec<_> = listed.lines().filter(|it| !removed.contains(*it)).collect();
        assert!(kept.is_empty(), "{kept:?}");
    }
}
