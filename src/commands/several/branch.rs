//! The parts of a command that goes to several daemons.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::mpsc::Sender;

use super::fan::News;
use crate::commands::Context;
use crate::commands::effect::Effect;
use crate::commands::race::Way;
use crate::commands::reference::Reference;
use crate::commands::selection::Resolved;
use crate::error::{CommandError, Hop};
use crate::remote::{Breadth, Selected, Selection, Via};

/// Most parts of one command.
const MOST: usize = 256;

/// Where a command goes.
pub(in crate::commands) enum Spread {
    /// To one daemon, and nothing else was said.
    One(Box<Context>),
    /// To several, or to one that was picked as if it were several.
    Several(Vec<Branch>),
}

/// One part: the command for one daemon.
pub(in crate::commands) struct Branch {
    /// What stands before its lines.
    pub(in crate::commands) label: Label,
    /// What it works with; an error when its secret cannot be had, or it may not be used.
    pub(in crate::commands) context: Result<Context, CommandError>,
    /// Whether it may be given up for being much slower than the others.
    pub(super) may_be_left: bool,
    /// Whether what it is about is looked for on every daemon, and need not be on this one.
    pub(super) searches: bool,
}

/// What tells a part from the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::commands) struct Label {
    /// The remote, where there are several.
    pub(in crate::commands) remote: Option<String>,
    /// What it is about, where the command names several.
    pub(super) id: Option<String>,
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.remote, &self.id) {
            (Some(remote), Some(id)) => write!(f, "{remote}:{id}"),
            (Some(text), None) | (None, Some(text)) => f.write_str(text),
            (None, None) => Ok(()),
        }
    }
}

/// What makes a context that of a part.
#[derive(Debug, Clone, Default)]
pub(in crate::commands) struct Part {
    /// Its daemon, looked up before any part runs: a keyring may ask, and must not be asked twice at once.
    pub(super) resolved: Option<Resolved>,
    /// What it is about, of all that the command names.
    pub(in crate::commands) id: Option<Reference>,
    /// Hears that the daemon has introduced itself.
    pub(super) connected: Option<Sender<(usize, News)>>,
    /// Its place among the parts.
    pub(super) index: usize,
}

impl Part {
    /// Tells that the daemon has introduced itself.
    pub(in crate::commands) fn connected(&self) {
        if let Some(news) = &self.connected {
            // Nobody listens any more when the command has ended.
            let _ = news.send((self.index, News::Connected));
        }
    }

    /// Returns whether nothing else runs beside it.
    pub(in crate::commands) fn is_alone(&self) -> bool {
        self.connected.is_none()
    }

    /// Returns its daemon.
    pub(in crate::commands) fn resolved(&self) -> Option<Resolved> {
        self.resolved.clone()
    }
}

/// A daemon and what of it the command is about.
struct Goal {
    selection: Selection,
    id: Option<Reference>,
    /// Whether the id says nothing of where that is, and is only read.
    searches: bool,
}

/// Finds the daemons of a command: those of `-r` and the like, and those that stand before the ids.
pub(in crate::commands) fn spread(
    context: &Context,
    references: &[Reference],
) -> Result<Spread, CommandError> {
    let file = || context.remotes().ok();
    let before: Vec<Option<&str>> = references.iter().map(|id| id.remote(file)).collect();
    let all_told = !before.is_empty() && before.iter().all(Option::is_some);
    let (selected, breadth) = match all_told && context.global.remote.is_none() {
        true => (Vec::new(), None),
        false => match context.selected()? {
            Selected::One(selection) => (vec![selection], None),
            Selected::Several(selections, breadth) => (selections, Some(breadth)),
        },
    };
    let mut goals = Vec::new();
    for (id, before) in references.iter().zip(&before) {
        let found = match before {
            None => selected.clone(),
            Some(name) => vec![named(context, name, &selected)?],
        };
        let reads = context.effect == Effect::Reads;
        let searches = reads && before.is_none() && found.len() > 1;
        goals.extend(found.into_iter().map(|selection| Goal {
            selection,
            id: Some(id.clone()),
            searches,
        }));
    }
    if breadth.is_none() && references.len() <= 1 {
        let id = references.first().cloned();
        let part = Part {
            id,
            ..Part::default()
        };
        let about = context.about(before.first().copied().flatten());
        return Ok(Spread::One(Box::new(about.with_part(part))));
    }
    if references.is_empty() {
        goals.extend(selected.into_iter().map(|selection| Goal {
            selection,
            id: None,
            searches: false,
        }));
    }
    let breadth = match all_told {
        // Who names what it is about names where that is.
        true => Some(Breadth::Named),
        false => breadth,
    };
    check(context, &goals, breadth)?;
    Ok(Spread::Several(branches(context, goals, breadth)))
}

/// Returns the remote before an id. It must be among those that `-r` names, if that is given.
fn named(context: &Context, name: &str, selected: &[Selection]) -> Result<Selection, CommandError> {
    if context.global.remote.is_none() {
        return context.about(Some(name)).selection();
    }
    let among = |selection: &&Selection| selection.choice.name() == Some(name);
    selected.iter().find(among).cloned().ok_or_else(|| {
        let message = format!("`{name}:…` is not on a remote that --remote names");
        CommandError::usage("TARGET_AMBIGUOUS", message).hint("leave one of the two out")
    })
}

/// Refuses more than can be done, and changes where a new remote may have joined unseen.
fn check(context: &Context, goals: &[Goal], breadth: Option<Breadth>) -> Result<(), CommandError> {
    if goals.len() > MOST {
        let count = goals.len();
        let message = format!("that is {count} daemons or agents at once, of at most {MOST}");
        return Err(CommandError::usage("TOO_MANY", message));
    }
    let reads = context.effect == Effect::Reads;
    if breadth != Some(Breadth::Broad) || reads || context.global.yes {
        return Ok(());
    }
    let names = goals.iter().filter_map(|goal| goal.selection.choice.name());
    let names = names.collect::<Vec<_>>().join(",");
    let message = "this command may change something on remotes that were not named";
    Err(CommandError::usage("CONFIRMATION_NEEDED", message)
        .at(Hop::Config)
        .hint(format!("name them, -r {names}, or add --yes")))
}

/// Looks every daemon up, one after the other: a store that has to be opened is opened once.
fn branches(context: &Context, goals: Vec<Goal>, breadth: Option<Breadth>) -> Vec<Branch> {
    let name = |goal: &Goal| goal.selection.choice.name().map(str::to_owned);
    let first = goals.first().and_then(name);
    let remotes = breadth.is_some() || goals.iter().any(|goal| name(goal) != first);
    let ids: BTreeSet<_> = goals.iter().filter_map(|goal| goal.id.as_ref()).collect();
    let ids = ids.len() > 1;
    let droppable = breadth == Some(Breadth::Broad) && context.effect == Effect::Reads;
    let branch = |goal: Goal| {
        let name = name(&goal);
        let Goal {
            selection,
            id,
            searches,
        } = goal;
        let about = context.about(name.as_deref());
        let label = Label {
            remote: name.filter(|_| remotes),
            id: id
                .as_ref()
                .filter(|_| ids)
                .map(|id| id.on(&about).to_owned()),
        };
        let resolved = about.resolve(&selection);
        let patient = |resolved: &Resolved| {
            let ssh = |way: &Way| Via::of(&way.target) == Via::Ssh;
            about.has_limit(resolved) || resolved.ways.iter().any(ssh)
        };
        Branch {
            label,
            searches,
            may_be_left: droppable && !resolved.as_ref().is_ok_and(patient),
            context: resolved.map(|mut resolved| {
                resolved.plan.waits = false;
                about.unattended().with_part(Part {
                    resolved: Some(resolved),
                    id,
                    ..Part::default()
                })
            }),
        }
    };
    goals.into_iter().map(branch).collect()
}
