//! `--output-schema`: the schema, the JSON in an answer, and what is wrong with it.

use std::path::Path;

use serde_json::Value;

use self::validator::Validator;
use crate::error::CommandError;
use crate::files;

/// Largest file with a schema, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

mod compare;
mod form;
#[cfg(test)]
mod tests;
mod validator;

/// A JSON schema, ready to judge answers.
#[derive(Debug)]
pub(super) struct Schema {
    validator: Validator,
}

impl Schema {
    /// Takes the schema itself if it begins with `{`, else a file with it. A schema cannot refer to other
    /// files or to the network.
    pub(super) fn load(text: &str) -> Result<Self, CommandError> {
        let invalid = |message: String| CommandError::usage("INVALID_OUTPUT_SCHEMA", message);
        let text = text.trim();
        if text.is_empty() {
            return Err(invalid("--output-schema needs a schema".to_owned())
                .hint("give a file with a JSON schema, or the JSON object itself"));
        }
        let source = match text.starts_with('{') {
            true => text.to_owned(),
            false => files::read_given_text(Path::new(text), MAX_BYTES).map_err(|error| {
                invalid(format!("the schema cannot be read from {text}")).because(error)
            })?,
        };
        let json: Value = serde_json::from_str(&source)
            .map_err(|error| invalid("the output schema is not JSON".to_owned()).because(error))?;
        if !json.is_object() {
            return Err(invalid(
                "an output schema is written as an object".to_owned(),
            ));
        }
        let validator = Validator::new(json).map_err(|why| {
            invalid("Output schema is not a valid JSON schema".to_owned()).because(why)
        })?;
        Ok(Self { validator })
    }

    /// Returns the schema as it was given.
    pub(super) fn json(&self) -> &Value {
        self.validator.json()
    }

    /// Returns the JSON in an answer, or everything that is wrong with it, a line each.
    pub(super) fn judge(&self, answer: &str) -> Result<Value, Vec<String>> {
        let value = extract(answer).map_err(|error| vec![format!("Invalid JSON: {error}")])?;
        let wrong = self.validator.errors(&value).into_iter();
        let wrong: Vec<String> = wrong
            .map(|error| match error.path.as_str() {
                "" => format!("(root): {}", error.what),
                path => format!("{path}: {}", error.what),
            })
            .collect();
        match wrong.is_empty() {
            true => Ok(value),
            false => Err(wrong),
        }
    }
}

/// Returns the JSON in an answer: in the first fenced block, else the first object or array that parses,
/// else the whole text.
fn extract(answer: &str) -> serde_json::Result<Value> {
    if let Some(Ok(value)) = fenced(answer).map(serde_json::from_str) {
        return Ok(value);
    }
    let starts = answer.match_indices(['{', '[']).map(|(at, _)| at);
    // Each start costs a parse of what follows it; an answer made of braces must not cost a minute.
    const TRIES: usize = 1000;
    for start in starts.take(TRIES) {
        let mut values = serde_json::Deserializer::from_str(&answer[start..]).into_iter::<Value>();
        if let Some(Ok(value)) = values.next() {
            return Ok(value);
        }
    }
    serde_json::from_str(answer.trim())
}

fn fenced(answer: &str) -> Option<&str> {
    let (_, rest) = answer.split_once("```")?;
    let (_, body) = rest.split_once('\n')?;
    let (block, _) = body.split_once("```")?;
    Some(block.trim())
}
