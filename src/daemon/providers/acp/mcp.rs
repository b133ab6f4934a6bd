//! MCP servers as ACP has them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::schema::McpCapabilities;
use super::talk::Failure;
use crate::protocol::lifecycle::McpServer;

/// Makes the list of an agent's MCP servers; one that it cannot use is refused, so that nobody misses its tools.
pub(super) fn servers(
    wanted: &BTreeMap<String, McpServer>,
    can: &McpCapabilities,
) -> Result<Vec<Value>, Failure> {
    let pairs = |pairs: &BTreeMap<String, String>| -> Vec<Value> {
        let pair = |(name, value)| json!({ "name": name, "value": value });
        pairs.iter().map(pair).collect()
    };
    let server = |(name, server): (&String, &McpServer)| {
        let (kind, url, headers, can) = match server {
            McpServer::Stdio { command, args, env } => {
                return Ok(
                    json!({ "name": name, "command": command, "args": args, "env": pairs(env) }),
                );
            }
            McpServer::Http { url, headers } => ("http", url, headers, can.http),
            McpServer::Sse { url, headers } => ("sse", url, headers, can.sse),
        };
        if !can {
            let error =
                format!("the agent cannot use the MCP server '{name}': it does not speak {kind}");
            return Err(Failure::Refused(error));
        }
        Ok(json!({ "type": kind, "name": name, "url": url, "headers": pairs(headers) }))
    };
    wanted.iter().map(server).collect()
}
