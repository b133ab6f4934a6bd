//! Which directory of the daemon's machine a command means.

use std::path::{Component, Path, PathBuf};

use crate::commands::Context;
use crate::env::Env;
use crate::error::{CommandError, Exit};
use crate::remote::{Choice, DirMapping, Remote};

/// Returns the directory in which an agent is to work: `asked` as typed, else the [`usual`] one. Guessing
/// any further would start it in the wrong place. `command` is what to type again.
pub(super) fn for_agent(
    context: &Context,
    asked: Option<&str>,
    command: &str,
) -> Result<String, CommandError> {
    match (context.selection()?.choice, asked) {
        (Choice::Local, Some(asked)) => Ok(text(&here()?.join(asked))),
        (choice, None) => usual(context)?.ok_or_else(|| which(&choice, command, "--cwd")),
        (_, Some(asked)) => Ok(asked.to_owned()),
    }
}

/// Returns a directory: `asked` word for word, else the [`usual`] one. `flag` is what to type otherwise.
pub(super) fn named(
    context: &Context,
    asked: Option<&str>,
    command: &str,
    flag: &str,
) -> Result<String, CommandError> {
    match asked {
        Some(asked) => Ok(asked.to_owned()),
        None => match usual(context)? {
            Some(usual) => Ok(usual),
            None => Err(which(&context.selection()?.choice, command, flag)),
        },
    }
}

/// The same, where a relative path is one of this machine, unless the daemon is on another.
pub(super) fn resolved(
    context: &Context,
    asked: Option<&str>,
    command: &str,
    flag: &str,
) -> Result<String, CommandError> {
    match (context.selection()?.choice, asked) {
        (Choice::Local | Choice::Host(_), Some(asked)) => Ok(text(&normal(&here()?.join(asked)))),
        (_, asked) => named(context, asked, command, flag),
    }
}

/// Returns what stands for the current directory on the daemon's machine: itself, for a daemon that is
/// presumably on this one; else its counterpart by the remote's `dirs`; else the remote's `cwd`.
pub(super) fn usual(context: &Context) -> Result<Option<String>, CommandError> {
    match context.selection()?.choice {
        // The official CLI sends the current directory through a relay too, where it is named by --host.
        Choice::Local | Choice::Host(_) => Ok(Some(text(&here()?))),
        Choice::Remote(remote) => {
            let options = context.remotes()?.options(&remote);
            let mapped = here()
                .ok()
                .and_then(|here| counterpart(&here, &remote.dirs, &context.env));
            Ok(mapped.or(options.cwd))
        }
        Choice::Offer(_) => Ok(None),
    }
}

fn here() -> Result<PathBuf, CommandError> {
    std::env::current_dir().map_err(|error| {
        let message = "the current directory cannot be told";
        CommandError::new("INVALID_CWD", Exit::Failed, message).because(error)
    })
}

/// Replaces the longest mapped directory that `here` is in.
fn counterpart(here: &Path, dirs: &[DirMapping], env: &Env) -> Option<String> {
    let mapped = dirs.iter().filter_map(|mapping| {
        let local = env.expand_home(PathBuf::from(&mapping.local))?;
        let below = here.strip_prefix(&local).ok()?;
        Some((local.components().count(), &mapping.remote, below))
    });
    let (_, remote, below) = mapped.max_by_key(|(length, ..)| *length)?;
    match below.as_os_str().is_empty() {
        true => Some(remote.clone()),
        false => Some(format!("{}/{}", remote.trim_end_matches('/'), text(below))),
    }
}

fn which(choice: &Choice, command: &str, flag: &str) -> CommandError {
    let error = |machine: &str| {
        let message = format!("in which directory on {machine} is it to be?");
        CommandError::usage("MISSING_CWD", message)
    };
    match choice {
        Choice::Remote(remote) => {
            let Remote { name, .. } = remote.as_ref();
            error(name.as_str()).hint(format!(
                "paseo -r {name} {command} {flag} /path/on/{name}\n\
                 or, for all times: paseo remote set {name} cwd=/path/on/{name}"
            ))
        }
        _ => error("that machine").hint(format!("paseo --relay … {command} {flag} /path/there")),
    }
}

/// Takes `.` and `..` out of an absolute path, without looking at the disk.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(normal.pop()),
            other => normal.push(other),
        }
    }
    normal
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::HOME;

    #[test]
    fn the_longest_mapping_counts() {
        let env = Env::from_pairs([(HOME, "/home/me")]);
        let dir = |local: &str, remote: &str| DirMapping {
            local: local.to_owned(),
            remote: remote.to_owned(),
        };
        let dirs = [dir("~/src", "/srv/src/"), dir("~/src/app", "/app")];
        let there = |here: &str| counterpart(Path::new(here), &dirs, &env);
        assert_eq!(there("/home/me/src/x/y").as_deref(), Some("/srv/src/x/y"));
        assert_eq!(there("/home/me/src/app").as_deref(), Some("/app"));
        assert_eq!(there("/home/me/srcs"), None);
    }

    #[test]
    fn dots_are_taken_out() {
        assert_eq!(normal(Path::new("/a/./b/../c/")), Path::new("/a/c"));
        assert_eq!(normal(Path::new("/../a")), Path::new("/a"));
    }
}
