//! The ways to log in to an agent, and the refusal that asks for one.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use super::lenient::{bounded, lenient, list};
use super::rpc::{RpcError, shown};
use crate::protocol::providers::{Login, LoginWay};

/// Ways that are told at most.
const MAX_WAYS: usize = 16;
/// Variables and arguments of a way that are told at most.
const MAX_WORDS: usize = 32;

/// A way to log in.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct AuthMethod {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) id: String,
    pub(super) name: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) description: Option<String>,
    /// `terminal`, `env_var` or `agent`; absent means the last.
    #[serde(default, rename = "type", deserialize_with = "lenient")]
    kind: Option<String>,
    /// Of a terminal way: arguments that the agent's own command gets besides.
    #[serde(default, deserialize_with = "list")]
    args: Vec<String>,
    #[serde(default, deserialize_with = "lenient")]
    env: BTreeMap<String, String>,
    /// Of a way by variables: what the agent's environment must have.
    #[serde(default, deserialize_with = "list")]
    vars: Vec<Variable>,
    #[serde(default, rename = "_meta", deserialize_with = "bounded")]
    meta: Option<Value>,
}

/// A variable of the environment.
#[derive(Debug, Clone, Deserialize)]
struct Variable {
    name: String,
}

/// What a person has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Way {
    /// Run a program in a terminal, with these arguments and variables.
    Terminal(Vec<String>, BTreeMap<String, String>),
    /// Start the daemon with these variables.
    Variables(Vec<String>),
    /// Nothing here: the agent does it when it is asked to.
    Agent,
}

/// A program of its own, which agents name in `_meta` since before there was a type for it.
#[derive(Debug, Default, Deserialize)]
struct Program {
    command: String,
    #[serde(default, deserialize_with = "list")]
    args: Vec<String>,
    #[serde(default, deserialize_with = "lenient")]
    env: BTreeMap<String, String>,
}

impl AuthMethod {
    /// Returns what a person has to do; `argv` is the command of the agent.
    pub(super) fn way(&self, argv: &[String]) -> Way {
        let program = self.meta.as_ref().and_then(|meta| {
            let program = meta.get("terminal-auth")?;
            Program::deserialize(program).ok()
        });
        match (self.kind.as_deref(), program) {
            (Some("env_var"), _) => {
                let vars = self.vars.iter().take(MAX_WORDS);
                Way::Variables(vars.map(|variable| variable.name.clone()).collect())
            }
            (_, Some(program)) => {
                let argv = std::iter::once(program.command).chain(program.args);
                Way::Terminal(argv.take(MAX_WORDS).collect(), program.env)
            }
            (Some("terminal"), None) => {
                let args = self.args.iter().take(MAX_WORDS);
                Way::Terminal(argv.iter().chain(args).cloned().collect(), self.env.clone())
            }
            _ => Way::Agent,
        }
    }
}

impl AuthMethod {
    /// Returns it as clients see it.
    pub(super) fn shown(&self, argv: &[String]) -> Login {
        Login {
            id: self.id.clone(),
            name: shown(&self.name),
            description: self.description.as_deref().map(shown),
            way: match self.way(argv) {
                Way::Terminal(argv, env) if env.is_empty() => LoginWay::Terminal { command: argv },
                Way::Terminal(argv, env) => {
                    let set = env.iter().map(|(name, value)| format!("{name}={value}"));
                    let words = std::iter::once("env".to_owned()).chain(set).chain(argv);
                    LoginWay::Terminal {
                        command: words.collect(),
                    }
                }
                Way::Variables(names) => LoginWay::Variables { names },
                Way::Agent => LoginWay::Agent,
            },
        }
    }
}

/// An agent does nothing before somebody has logged in.
#[derive(Debug, Clone)]
pub(super) struct LoginRequired {
    /// Name of the provider.
    pub(super) provider: String,
    /// Command of the agent.
    pub(super) argv: Vec<String>,
    /// What the agent says.
    pub(super) refusal: RpcError,
    /// Its ways.
    pub(super) ways: Vec<AuthMethod>,
}

impl LoginRequired {
    /// Adds the ways that only the refusal names.
    pub(super) fn complete(mut self) -> Self {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Data {
            #[serde(default, deserialize_with = "list")]
            auth_methods: Vec<AuthMethod>,
        }
        let data = self.refusal.data.as_deref();
        let told = data.and_then(|data| Data::deserialize(data).ok());
        for way in told.into_iter().flat_map(|data| data.auth_methods) {
            if !self.ways.iter().any(|known| known.id == way.id) {
                self.ways.push(way);
            }
        }
        self.ways.truncate(MAX_WAYS);
        self
    }
}

impl fmt::Display for LoginRequired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the agent requires a login: {}", self.refusal)?;
        for method in &self.ways {
            write!(f, "\nway: {}", shown(&method.name))?;
            if let Some(description) = &method.description {
                write!(f, " - {}", shown(description))?;
            }
            match method.way(&self.argv) {
                Way::Terminal(argv, env) => {
                    let set = env.iter().map(|(name, value)| format!("{name}={value}"));
                    let words: Vec<_> = set.chain(argv).collect();
                    write!(f, " (runs: {})", shown(&words.join(" ")))?;
                }
                Way::Variables(names) => write!(f, " (set: {})", shown(&names.join(", ")))?,
                Way::Agent => {}
            }
        }
        write!(f, "\ntry: paseo provider login {}", self.provider)
    }
}

impl std::error::Error for LoginRequired {}
