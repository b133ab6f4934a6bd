//! `--output-schema`: the schema, the JSON in an answer, and what is wrong with it.

use jsonschema::Validator;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

use crate::error::CommandError;

/// A JSON schema, ready to judge answers.
pub(super) struct Schema {
    json: Value,
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
            false => std::fs::read_to_string(text).map_err(|error| {
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
        let validator = jsonschema::validator_for(&json).map_err(|error| {
            invalid("Output schema is not a valid JSON schema".to_owned())
                .because(error.to_string())
        })?;
        Ok(Self { json, validator })
    }

    /// Returns the schema as it was given.
    pub(super) fn json(&self) -> &Value {
        &self.json
    }

    /// Returns the JSON in an answer, or everything that is wrong with it, a line each.
    pub(super) fn judge(&self, answer: &str) -> Result<Value, Vec<String>> {
        let value = extract(answer).map_err(|error| vec![format!("Invalid JSON: {error}")])?;
        let wrong: Vec<String> = self
            .validator
            .iter_errors(&value)
            .map(|error| {
                let path = error.instance_path().to_string();
                let path = if path.is_empty() { "(root)" } else { &path };
                format!("{path}: {}", words(&error))
            })
            .collect();
        match wrong.is_empty() {
            true => Ok(value),
            false => Err(wrong),
        }
    }
}

/// Returns what is wrong, for the commonest errors in the words of ajv, which agents know well.
fn words(error: &jsonschema::ValidationError<'_>) -> String {
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            format!("must have required property '{name}'")
        }
        ValidationErrorKind::Type { .. } => match error.to_string().rsplit_once(" is not of type ")
        {
            Some((_, kind)) => format!("must be {}", kind.replace('"', "")),
            None => error.to_string(),
        },
        _ => error.to_string(),
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn schema() -> Schema {
        Schema::load(
            r#"{"type":"object","required":["title","n"],
                "properties":{"title":{"type":"integer"},"n":{"type":"number"}}}"#,
        )
        .unwrap_or_else(|error| panic!("{}", error.message))
    }

    #[test]
    fn everything_wrong_is_told() {
        let wrong = schema().judge(r#"{"title":"x"}"#).unwrap_err();
        assert!(wrong.contains(&"(root): must have required property 'n'".to_owned()));
        assert!(
            wrong.contains(&"/title: must be integer".to_owned()),
            "{wrong:?}"
        );
        let wrong = schema().judge("The change").unwrap_err();
        assert!(wrong[0].starts_with("Invalid JSON: "));
    }

    #[test]
    fn json_is_found_in_prose() {
        let good = json!({"title": 1, "n": 2});
        for answer in [
            r#"{"title":1,"n":2}"#,
            "Here:\n```json\n{\"title\":1,\"n\":2}\n```\nBye {\"title\":9}",
            "see [1, then {\"title\":1,\"n\":2}, done",
        ] {
            assert_eq!(schema().judge(answer), Ok(good.clone()), "{answer}");
        }
    }

    #[test]
    fn a_bad_schema_is_refused() {
        for text in [" ", "{bad", "/nope.json", r#"{"type": 5}"#] {
            let error = Schema::load(text).err().map(|error| error.code);
            assert_eq!(error.as_deref(), Some("INVALID_OUTPUT_SCHEMA"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_answer_is_judged(answer in ".*") {
            let _ = schema().judge(&answer);
        }
    }
}
