//! MCP servers of an agent, as `AgentConfig.mcpServers` has them by name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How an agent reaches an MCP server. Variables and headers may hold secrets.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum McpServer {
    /// It starts a program.
    Stdio {
        /// The program.
        command: String,
        /// Its arguments.
        #[serde(default)]
        args: Vec<String>,
        /// Added to its environment.
        #[serde(default)]
        env: BTreeMap<String, String>,
    },
    /// It asks a server over HTTP.
    Http {
        /// Where.
        url: String,
        /// Sent with each request.
        #[serde(default)]
        headers: BTreeMap<String, String>,
    },
    /// It asks a server over HTTP, in the older form.
    Sse {
        /// Where.
        url: String,
        /// Sent with each request.
        #[serde(default)]
        headers: BTreeMap<String, String>,
    },
}

impl std::fmt::Debug for McpServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Stdio { .. } => "McpServer::Stdio",
            Self::Http { .. } => "McpServer::Http",
            Self::Sse { .. } => "McpServer::Sse",
        })
    }
}
