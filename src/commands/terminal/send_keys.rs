//! `paseo terminal send-keys`: type into a terminal.

use serde_json::json;

use super::resolve;
use crate::commands::{CommandResult, Context, Reference, failure};
use crate::complete;
use crate::output::{Format, Output};
use crate::protocol::session::Ping;
use crate::protocol::terminals::{InputMessage, ListTerminals, TerminalInput};

/// Arguments of `paseo terminal send-keys`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Its id, the beginning of it, or its name
    #[arg(add = complete::terminals())]
    pub terminal_id: Reference,

    /// Text, and the keys Enter Tab Escape Space BSpace C-c C-d C-z C-l C-a C-e
    #[arg(required = true)]
    pub keys: Vec<String>,

    /// Send the names of keys as text too
    #[arg(short, long)]
    pub literal: bool,
}

/// Types text and keys, without blanks between them. Prints nothing, unless as data.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let data: String = args
        .keys
        .iter()
        .map(|key| match args.literal {
            true => key,
            false => meaning(key),
        })
        .collect();
    let sent = data.encode_utf16().count();
    let terminal_id = context
        .with_daemon_and(&ListTerminals::default(), async |daemon, reply| {
            let terminal_id = resolve::pick(&reply.terminals, args.terminal_id.on(context))?
                .id
                .clone();
            let input = TerminalInput {
                terminal_id: terminal_id.clone(),
                message: InputMessage::Input { data },
            };
            daemon.tell(&input).await?;
            // Input is never answered. Messages are taken in order, so that this answer means that the
            // keys have arrived.
            daemon.call(&Ping::default()).await?;
            Ok(terminal_id)
        })
        .map_err(failure::of("TERMINAL_SEND_KEYS_FAILED"))?;
    let output = match context.output.format {
        Format::Table => Output::Nothing,
        Format::Json | Format::Yaml => Output::Text {
            json: json!({ "terminalId": terminal_id, "keysSent": sent }),
            text: terminal_id,
        },
    };
    Ok(output.into())
}

/// Returns what a key sends; text means itself.
fn meaning(key: &str) -> &str {
    match key {
        "Enter" => "\r",
        "Tab" => "\t",
        "Escape" => "\u{1b}",
        "Space" => " ",
        "BSpace" => "\u{7f}",
        "C-c" => "\u{3}",
        "C-d" => "\u{4}",
        "C-z" => "\u{1a}",
        "C-l" => "\u{c}",
        "C-a" => "\u{1}",
        "C-e" => "\u{5}",
        text => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_text() {
        let typed = ["echo", "Space", "hi", "Enter", "C-u"]
            .map(meaning)
            .concat();
        assert_eq!(typed, "echo hi\rC-u");
        let control = ["C-c", "C-d", "C-z", "C-l", "C-a", "C-e"]
            .map(meaning)
            .concat();
        assert_eq!(control, "\u{3}\u{4}\u{1a}\u{c}\u{1}\u{5}");
        assert_eq!(
            ["Tab", "Escape", "BSpace"].map(meaning).concat(),
            "\t\u{1b}\u{7f}"
        );
    }
}
