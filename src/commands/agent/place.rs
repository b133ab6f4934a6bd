//! In which directory of the daemon's machine an agent is to work.

use std::path::{Path, PathBuf};

use crate::commands::Context;
use crate::env::Env;
use crate::error::{CommandError, Exit};
use crate::remote::{Choice, DirMapping, Host, Remote};

/// Returns the directory: `asked` as typed; else, for a daemon that is presumably on this machine, the
/// current one; else the counterpart of the current one by the remote's `dirs`; else the remote's `cwd`.
/// Guessing any further would start an agent in the wrong place. `command` is what to type again.
pub(super) fn for_agent(
    context: &Context,
    asked: Option<&str>,
    command: &str,
) -> Result<String, CommandError> {
    let selection = context.selection()?;
    match (&selection.choice, asked) {
        (Choice::Local, Some(asked)) => Ok(text(&here()?.join(asked))),
        (_, Some(asked)) => Ok(asked.to_owned()),
        // The official CLI sends the current directory through a relay too, where it is named by --host.
        (Choice::Local | Choice::Host(Host::Daemon { .. } | Host::Offer(_)), None) => {
            Ok(text(&here()?))
        }
        (Choice::Remote(remote), None) => {
            let options = context.remotes()?.options(remote);
            here()
                .ok()
                .and_then(|here| counterpart(&here, &remote.dirs, &context.env))
                .or(options.cwd)
                .ok_or_else(|| which(remote, command))
        }
        (Choice::Offer(_), None) => Err(CommandError::usage(
            "MISSING_CWD",
            "in which directory of that machine is the agent to work?",
        )
        .hint(format!("paseo --relay … {command} --cwd /path/there"))),
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

fn which(remote: &Remote, command: &str) -> CommandError {
    let name = &remote.name;
    CommandError::usage(
        "MISSING_CWD",
        format!("in which directory on {name} is the agent to work?"),
    )
    .hint(format!(
        "paseo -r {name} {command} --cwd /path/on/{name}\n\
         or, for all times: paseo remote set {name} cwd=/path/on/{name}"
    ))
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
}
