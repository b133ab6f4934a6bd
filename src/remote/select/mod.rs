//! Which daemon a command is for.
//!
//! | level | source |
//! |---|---|
//! | 1 | `-r/--remote`, `--relay`, `--host` |
//! | 2 | `PASEO_REMOTE`, `PASEO_RELAY_OFFER`, `PASEO_HOST` |
//! | 3 | inside an agent: the local daemon that launched it |
//! | 4 | `default` in `remotes.toml` |
//! | 5 | the local daemon |
//!
//! The first level that answers decides. Two answers at one level are an error, and nothing falls back
//! past a level that fails.

use std::fmt;
use std::path::PathBuf;

use super::file::{ConfigError, RemotesFile};
use super::host::{Host, HostError};
use super::name::RemoteName;
use super::profile::Remote;
use super::several::{Breadth, Several, SeveralError};
use crate::secret::Secret;

/// Texts that name a daemon, all from the same level.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The name of a remote.
    pub remote: Option<String>,
    /// An offer, or where to read one.
    pub relay: Option<Secret<String>>,
    /// A target in the grammar of the official CLI.
    pub host: Option<Secret<String>>,
}

/// Everything that the choice depends on, besides the file.
#[derive(Debug, Clone, Default)]
pub struct Selector {
    /// From the command line.
    pub flags: Asked,
    /// From the environment.
    pub variables: Asked,
    /// Whether this runs inside an agent.
    pub inside_agent: bool,
}

/// The daemon that was chosen.
#[derive(Debug, Clone)]
pub enum Choice {
    /// A saved remote.
    Remote(Box<Remote>),
    /// The daemon of an offer: the text, or where to read it.
    Offer(Secret<String>),
    /// A daemon named by `--host`.
    Host(Host),
    /// The daemon on this machine.
    Local,
}

impl Choice {
    /// Makes it out of a saved remote.
    pub(super) fn saved(remote: &Remote) -> Self {
        Self::Remote(Box::new(remote.clone()))
    }

    /// Returns what `-r` calls it; what is not saved has no name.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Remote(remote) => Some(remote.name.as_str()),
            Self::Local => Some(RemoteName::LOCAL),
            Self::Offer(_) | Self::Host(_) => None,
        }
    }
}

/// Why it was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// An argument: `--remote`, `--relay` or `--host`.
    Flag(&'static str),
    /// A variable of the environment.
    Variable(&'static str),
    /// It runs inside an agent.
    InsideAgent,
    /// `default`, in this line of this file.
    Default {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// Nothing else said anything.
    Local,
}

/// Names the source.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "the argument {flag}"),
            Self::Variable(name) => write!(f, "the variable {name}"),
            Self::InsideAgent => f.write_str("the agent that this runs in (PASEO_AGENT_ID)"),
            Self::Default { path, line } => write!(f, "the default in {}:{line}", path.display()),
            Self::Local => f.write_str("nothing names another daemon"),
        }
    }
}

/// A choice and its reason.
#[derive(Debug, Clone)]
pub struct Selection {
    /// The daemon.
    pub choice: Choice,
    /// The reason.
    pub rule: Rule,
}

/// One daemon, or as many as a list, a tag or a pattern names.
#[derive(Debug, Clone)]
pub enum Selected {
    /// The one.
    One(Selection),
    /// At least one, each with a name.
    Several(Vec<Selection>, Breadth),
}

/// Why there is no choice.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SelectError {
    /// Two answers at one level.
    #[error("{0} and {1} name two daemons")]
    Ambiguous(Rule, Rule),
    /// The text of `--host` or `PASEO_HOST`.
    #[error("{rule}: {source}")]
    Host {
        /// Where the text came from.
        rule: Rule,
        /// What is wrong with it.
        source: HostError,
    },
    /// Several daemons, where one is wanted.
    #[error("{0} names several daemons, and this command takes one")]
    Several(Rule),
    /// A list, a tag or a pattern that leads nowhere.
    #[error(transparent)]
    Nobody(#[from] SeveralError),
    /// The file, or a name that is not in it.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// Names of the three sources of a level.
type Sources = [fn() -> Rule; 3];

const FLAGS: Sources = [
    || Rule::Flag("--remote"),
    || Rule::Flag("--relay"),
    || Rule::Flag("--host"),
];
const VARIABLES: Sources = [
    || Rule::Variable("PASEO_REMOTE"),
    || Rule::Variable("PASEO_RELAY_OFFER"),
    || Rule::Variable("PASEO_HOST"),
];

impl Selector {
    /// Returns whether an argument, a variable or the agent that this runs in says which daemon.
    pub fn is_told(&self) -> bool {
        let told =
            |asked: &Asked| asked.remote.is_some() || asked.relay.is_some() || asked.host.is_some();
        told(&self.flags) || told(&self.variables) || self.inside_agent
    }

    /// Chooses one daemon.
    pub fn select(
        &self,
        load: impl Fn() -> Result<RemotesFile, ConfigError>,
    ) -> Result<Selection, SelectError> {
        match self.select_all(load)? {
            Selected::One(selection) => Ok(selection),
            Selected::Several(several, _) => {
                let rule = several.into_iter().next().map(|selection| selection.rule);
                Err(SelectError::Several(rule.unwrap_or(Rule::Local)))
            }
        }
    }

    /// Chooses. `load` reads `remotes.toml`; it is called only where the file matters, so that a broken
    /// one does not stand in the way of `--host`.
    pub fn select_all(
        &self,
        load: impl Fn() -> Result<RemotesFile, ConfigError>,
    ) -> Result<Selected, SelectError> {
        for (asked, sources) in [(&self.flags, FLAGS), (&self.variables, VARIABLES)] {
            if let Some(found) = asked.only_one(sources)? {
                return found.select(load);
            }
        }
        if self.inside_agent {
            return Ok(Selected::One(Selection {
                choice: Choice::Local,
                rule: Rule::InsideAgent,
            }));
        }
        let file = load()?;
        let default = file.default().zip(file.path());
        let Some(((name, line), path)) = default else {
            return Ok(Selected::One(Selection {
                choice: Choice::Local,
                rule: Rule::Local,
            }));
        };
        let remote = file.get(name.as_str()).map_err(ConfigError::from)?;
        Ok(Selected::One(Selection {
            choice: Choice::saved(remote),
            rule: Rule::Default {
                path: path.to_owned(),
                line,
            },
        }))
    }
}

/// The one answer of a level.
struct Answer<'a> {
    text: Text<'a>,
    rule: Rule,
}

enum Text<'a> {
    Remote(&'a str),
    Offer(&'a Secret<String>),
    Host(&'a Secret<String>),
}

impl Asked {
    fn only_one(&self, sources: Sources) -> Result<Option<Answer<'_>>, SelectError> {
        let [remote, relay, host] = sources;
        let answers = [
            (self.remote.as_deref().map(Text::Remote), remote),
            (self.relay.as_ref().map(Text::Offer), relay),
            (self.host.as_ref().map(Text::Host), host),
        ];
        let answers = answers
            .into_iter()
            .filter_map(|(text, rule)| text.map(|text| Answer { text, rule: rule() }));
        let mut only: Option<Answer<'_>> = None;
        for next in answers {
            match &only {
                None => only = Some(next),
                Some(first) if first.text.is_same(&next.text) => {}
                Some(first) => return Err(SelectError::Ambiguous(first.rule.clone(), next.rule)),
            }
        }
        Ok(only)
    }
}

impl Text<'_> {
    /// Returns whether two sources say the same: one offer link may be both `--relay` and `--host`.
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Offer(one), Self::Host(other)) => {
                Secret::from(one.expose().trim()).is(other.expose().trim())
            }
            _ => false,
        }
    }
}

impl Answer<'_> {
    fn select(
        self,
        load: impl Fn() -> Result<RemotesFile, ConfigError>,
    ) -> Result<Selected, SelectError> {
        let choice = match self.text {
            Text::Remote(RemoteName::LOCAL) => Choice::Local,
            Text::Remote(name) => match Several::parse(name)? {
                None => Choice::saved(load()?.get(name).map_err(ConfigError::from)?),
                Some(several) => {
                    let found = several.among(&load()?)?.into_iter();
                    let rule = &self.rule;
                    let selection = |choice| Selection {
                        choice,
                        rule: rule.clone(),
                    };
                    return Ok(Selected::Several(
                        found.map(selection).collect(),
                        several.breadth(),
                    ));
                }
            },
            Text::Offer(offer) => Choice::Offer(offer.clone()),
            Text::Host(host) => match host.expose().parse() {
                Ok(Host::Offer(offer)) => Choice::Offer(offer),
                Ok(host) => Choice::Host(host),
                Err(source) => {
                    return Err(SelectError::Host {
                        rule: self.rule,
                        source,
                    });
                }
            },
        };
        Ok(Selected::One(Selection {
            choice,
            rule: self.rule,
        }))
    }
}

#[cfg(test)]
mod tests;
