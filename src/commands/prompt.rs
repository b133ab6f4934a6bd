//! Prompts of the command line: a text, a file, or `-` for what comes on stdin.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Read};
use std::path::Path;
use std::sync::OnceLock;

use super::Context;
use crate::error::CommandError;
use crate::files;
use crate::output;
use crate::pairing::OfferSource;
use crate::protocol::relay::MAX_MESSAGE_BYTES;

/// What stands for stdin.
const STDIN: &str = "-";

/// Returns a prompt that is given as a text: the text, or what comes on stdin.
pub(super) fn of_text<'a>(context: &Context, text: &'a str) -> Result<Cow<'a, str>, CommandError> {
    match text {
        STDIN => from_stdin(context).map(Cow::Owned),
        text => Ok(Cow::Borrowed(text)),
    }
}

/// Returns a prompt that is in a file, or comes on stdin.
pub(super) fn of_file(context: &Context, path: &str) -> Result<String, CommandError> {
    if path == STDIN {
        return from_stdin(context);
    }
    let text = files::read_given_text(Path::new(path), MAX_MESSAGE_BYTES as u64);
    let text = text.map_err(|error| unreadable(path).because(error))?;
    Ok(without_mark(text))
}

/// Reads stdin once: a command for several remotes has one prompt for all of them.
fn from_stdin(context: &Context) -> Result<String, CommandError> {
    static READ: OnceLock<Result<String, String>> = OnceLock::new();
    let relay = context.global.relay.as_ref();
    if relay
        .is_some_and(|offer| matches!(OfferSource::from_arg(offer.expose()), OfferSource::Stdin))
    {
        let error = CommandError::usage(
            "STDIN_TAKEN",
            "stdin cannot hold both the offer and the prompt",
        );
        return Err(error.hint("give the offer as a file: --relay FILE"));
    }
    let text = READ.get_or_init(|| read().map_err(|error| error.to_string()));
    match text {
        Ok(text) if text.trim().is_empty() => {
            let error = CommandError::usage("MISSING_PROMPT", "A prompt is required");
            Err(error
                .because("stdin is empty")
                .hint("pipe the prompt in: paseo run - < FILE"))
        }
        Ok(text) => Ok(text.clone()),
        Err(error) => Err(unreadable("stdin").because(error.as_str())),
    }
}

fn read() -> io::Result<String> {
    if io::stdin().is_terminal() && io::stderr().is_terminal() {
        output::note("Type the prompt, then press Ctrl-D on a line of its own.");
    }
    let invalid = |why| io::Error::new(io::ErrorKind::InvalidData, why);
    let mut bytes = Vec::new();
    let limit = MAX_MESSAGE_BYTES as u64;
    io::stdin().lock().take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(invalid("it is longer than a message may be"));
    }
    let text = String::from_utf8(bytes).map_err(|_| invalid("it is not UTF-8 text"))?;
    // The line feed that ends a file is none of the prompt.
    let text = without_mark(text);
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Takes away the mark that some editors put at the beginning of a file.
fn without_mark(text: String) -> String {
    match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    }
}

fn unreadable(from: &str) -> CommandError {
    let message = format!("the prompt cannot be read from {from}");
    CommandError::usage("PROMPT_FILE_READ_ERROR", message)
}
