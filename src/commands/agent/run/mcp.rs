//! MCP servers for an agent, out of a file as other programs have it.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use crate::error::CommandError;
use crate::files;
use crate::protocol::lifecycle::McpServer;

/// Longest file that is read, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// Reads the servers of a file: an object by name, or one below `mcpServers`.
pub(super) fn read(path: &str) -> Result<BTreeMap<String, McpServer>, CommandError> {
    let wrong = |why: String| {
        CommandError::usage(
            "INVALID_MCP_FILE",
            format!("cannot read MCP servers from {path}"),
        )
        .hint(why)
    };
    let text = files::read_given_text(Path::new(path), MAX_BYTES);
    let text = text.map_err(|error| wrong(format!("cause: {error}")))?;
    servers(&text).map_err(wrong)
}

fn servers(text: &str) -> Result<BTreeMap<String, McpServer>, String> {
    let mut file: Map<String, Value> =
        serde_json::from_str(text).map_err(|error| format!("cause: {error}"))?;
    let named = match file.remove("mcpServers") {
        Some(Value::Object(named)) => named,
        Some(_) => return Err("cause: mcpServers is no object".to_owned()),
        None => file,
    };
    let server = |(name, mut server): (String, Value)| {
        // Other programs leave the type out.
        if let Some(fields) = server.as_object_mut() {
            let kind = match fields.contains_key("url") {
                true => "http",
                false => "stdio",
            };
            fields.entry("type").or_insert_with(|| kind.into());
        }
        // The error names no value: they may be secrets.
        let read = serde_json::from_value(server);
        let read = read.map_err(|_| {
            format!("server '{name}' needs command (with args and env), or url (with headers)")
        })?;
        Ok((name, read))
    };
    named.into_iter().map(server).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_written_as_in_other_programs() {
        let text = r#"{"mcpServers": {
            "files": {"command": "files", "args": ["-r"], "env": {"KEY": "v"}},
            "web": {"url": "https://example.com"},
            "old": {"type": "sse", "url": "https://example.com"}}}"#;
        let read = servers(text).unwrap();
        assert!(matches!(&read["files"], McpServer::Stdio { args, .. } if args == &["-r"]));
        assert!(matches!(&read["web"], McpServer::Http { .. }));
        assert!(matches!(&read["old"], McpServer::Sse { .. }));
        assert_eq!(servers(r#"{"a": {"command": "x"}}"#).unwrap().len(), 1);
        let error = servers(r#"{"a": {"token": "secret"}}"#).unwrap_err();
        assert!(
            error.contains("'a'") && !error.contains("secret"),
            "{error}"
        );
        assert!(servers("[]").is_err() && servers(r#"{"mcpServers": 1}"#).is_err());
    }
}
