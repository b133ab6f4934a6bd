//! Whether a schema is well formed, told before an agent is asked anything.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use regex_lite::Regex;
use serde_json::{Map, Value};

use super::compare;

const KINDS: [&str; 7] = [
    "null", "boolean", "string", "array", "object", "number", "integer",
];

/// How deep a schema may be nested.
const MAX_DEPTH: usize = 100;

/// Looks at a schema and everything below it, and compiles its patterns.
pub(super) fn look(
    root: &Value,
    schema: &Value,
    depth: usize,
    patterns: &mut BTreeMap<String, Regex>,
) -> Result<(), String> {
    let words = match schema {
        Value::Bool(_) => return Ok(()),
        Value::Object(words) if depth < MAX_DEPTH => words,
        Value::Object(_) => return Err("it is nested too deeply".to_owned()),
        _ => return Err("a schema is an object, true or false".to_owned()),
    };
    for (word, value) in words {
        let pattern = |text: &str| {
            Regex::new(text).map_err(|error| format!("the pattern \"{text}\": {error}"))
        };
        match word.as_str() {
            "pattern" => {
                let text = value.as_str().unwrap_or_default();
                patterns.insert(text.to_owned(), pattern(text)?);
            }
            "patternProperties" => {
                for text in value.as_object().into_iter().flat_map(Map::keys) {
                    patterns.insert(text.clone(), pattern(text)?);
                }
            }
            _ => {}
        }
        if !is_formed(root, word, value) {
            return Err(format!("`{word}` has a value that it cannot have"));
        }
        for schema in below(word, value) {
            look(root, schema, depth + 1, patterns)?;
        }
    }
    Ok(())
}

/// Returns the schemas that stand directly below a word.
fn below<'a>(word: &str, value: &'a Value) -> Vec<&'a Value> {
    match (word, value) {
        (
            "not"
            | "if"
            | "then"
            | "else"
            | "items"
            | "additionalItems"
            | "contains"
            | "additionalProperties"
            | "propertyNames",
            schema,
        ) if !schema.is_array() => vec![schema],
        ("allOf" | "anyOf" | "oneOf" | "prefixItems" | "items", Value::Array(schemas)) => {
            schemas.iter().collect()
        }
        (
            "properties" | "patternProperties" | "dependentSchemas" | "$defs" | "definitions",
            Value::Object(schemas),
        ) => schemas.values().collect(),
        ("dependencies", Value::Object(needs)) => {
            needs.values().filter(|needs| !needs.is_array()).collect()
        }
        _ => Vec::new(),
    }
}

fn is_formed(root: &Value, word: &str, value: &Value) -> bool {
    match word {
        "type" => match value {
            Value::Array(kinds) => !kinds.is_empty() && kinds.iter().all(is_kind),
            kind => is_kind(kind),
        },
        "enum" => value.is_array(),
        "required" => are_names(value),
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" => value.is_number(),
        "multipleOf" => value.as_f64().is_some_and(|step| step > 0.0),
        "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties"
        | "minContains" | "maxContains" => compare::size(value).is_some(),
        "uniqueItems" => value.is_boolean(),
        "pattern" => value.is_string(),
        "allOf" | "anyOf" | "oneOf" => value.as_array().is_some_and(|all| !all.is_empty()),
        "prefixItems" => value.is_array(),
        "properties" | "patternProperties" | "dependentSchemas" | "dependencies" | "$defs"
        | "definitions" => value.is_object(),
        "dependentRequired" => value
            .as_object()
            .is_some_and(|all| all.values().all(are_names)),
        "$ref" => value
            .as_str()
            .is_some_and(|name| target(root, name).is_some()),
        _ => true,
    }
}

fn is_kind(value: &Value) -> bool {
    value.as_str().is_some_and(|kind| KINDS.contains(&kind))
}

fn are_names(value: &Value) -> bool {
    value
        .as_array()
        .is_some_and(|names| names.iter().all(Value::is_string))
}

/// Finds what a reference means: a place in the same schema. Nothing is ever fetched.
pub(super) fn target<'a>(root: &'a Value, name: &str) -> Option<&'a Value> {
    let pointer = name.strip_prefix('#')?;
    let found = match pointer.is_empty() || pointer.starts_with('/') {
        // A pointer in a fragment is percent-encoded (RFC 6901, section 6).
        true => root.pointer(&percent_decode_str(pointer).decode_utf8().ok()?)?,
        false => anchored(root, pointer)?,
    };
    (found.is_object() || found.is_boolean()).then_some(found)
}

fn anchored<'a>(schema: &'a Value, name: &str) -> Option<&'a Value> {
    let words = schema.as_object()?;
    let is_here = words.get("$anchor").and_then(Value::as_str) == Some(name)
        || words.get("$id").and_then(Value::as_str) == Some(&format!("#{name}"));
    if is_here {
        return Some(schema);
    }
    let mut children = words.iter().flat_map(|(word, value)| below(word, value));
    children.find_map(|child| anchored(child, name))
}
