//! What a person reads where a list is empty: that it is, and what to do next.

use super::effect::{self, Effect};
use super::{Context, several, suggestion};
use crate::remote::Selected;

/// The lists by their words: what there is none of, the command that helps, and what it does.
const LISTS: &[(&str, &str, &str, &str)] = &[
    (
        "ls",
        "no agents",
        "run",
        "paseo run --provider PROVIDER 'PROMPT'",
    ),
    ("provider ls", "no providers", "status", "paseo status"),
    (
        "provider models",
        "no models",
        "provider diagnostic",
        "paseo provider diagnostic PROVIDER",
    ),
    (
        "project ls",
        "no projects",
        "project create",
        "paseo project create DIRECTORY",
    ),
    (
        "workspace ls",
        "no workspaces",
        "workspace create",
        "paseo workspace create --help",
    ),
    (
        "terminal ls",
        "no terminals here",
        "terminal ls",
        "paseo terminal ls --all",
    ),
    (
        "schedule ls",
        "no schedules",
        "schedule create",
        "paseo schedule create --help",
    ),
    (
        "schedule logs",
        "no runs yet",
        "schedule ls",
        "paseo schedule ls",
    ),
    (
        "worktree ls",
        "no worktrees",
        "run",
        "paseo run --new-workspace worktree --provider PROVIDER 'PROMPT'",
    ),
    (
        "script ls",
        "no scripts",
        "workspace ls",
        "paseo workspace ls",
    ),
    (
        "chat ls",
        "no rooms",
        "chat create",
        "paseo chat create NAME",
    ),
    ("loop ls", "no loops", "loop run", "paseo loop run PROMPT"),
    ("permit ls", "no pending requests", "inbox", "paseo inbox"),
    ("inbox", "nothing is waiting for you", "ls", "paseo ls"),
    (
        "remote ls",
        "no saved remotes",
        "remote add",
        "paseo remote add NAME",
    ),
    ("mux ls", "no warm connections", "mux", "paseo mux --help"),
];

/// Returns the text for a command whose list is empty.
pub fn text(context: &Context, words: &str) -> Option<String> {
    let plain = words.strip_prefix("agent ").unwrap_or(words);
    let (_, what, command, line) = LISTS.iter().find(|(list, ..)| *list == plain)?;
    // It looks everywhere where nothing says otherwise.
    let everywhere = match plain {
        "inbox" => several::everywhere(context).ok().flatten(),
        _ => None,
    };
    let context = context.about(everywhere);
    let several = matches!(context.selected(), Ok(Selected::Several(..)));
    match several && effect::of(command) == Effect::Changes {
        true => Some((*what).to_owned()),
        false => {
            let line = suggestion::aimed_text(&context, line);
            Some(format!("{what}\ntry: {line}"))
        }
    }
}
