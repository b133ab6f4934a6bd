//! What a schema says about a value without looking into it: its kind, size, range.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

use super::validator::{Place, Wrong};

/// Word for the fewest, word for the most, and what is counted.
type Bounds = (&'static str, &'static str, &'static str);

pub(super) const ITEMS: Bounds = ("minItems", "maxItems", "items");
pub(super) const PROPERTIES: Bounds = ("minProperties", "maxProperties", "properties");
const CHARACTERS: Bounds = ("minLength", "maxLength", "characters");

/// `type`, `enum` and `const`.
pub(super) fn any_kind(
    words: &Map<String, Value>,
    value: &Value,
    place: &Place,
    found: &mut Vec<Wrong>,
) {
    let kinds: Vec<&str> = match words.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !kinds.is_empty() && !kinds.iter().any(|kind| is_a(value, kind)) {
        found.push(place.wrong(&format!("must be {}", kinds.join(","))));
    }
    if let Some(Value::Array(allowed)) = words.get("enum")
        && !allowed.iter().any(|one| equal(one, value))
    {
        let allowed: Vec<String> = allowed.iter().map(Value::to_string).collect();
        found.push(place.wrong(&format!("must be one of {}", allowed.join(", "))));
    }
    if let Some(only) = words.get("const")
        && !equal(only, value)
    {
        found.push(place.wrong(&format!("must be {only}")));
    }
}

fn is_a(value: &Value, kind: &str) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "number" => value.is_number(),
        "integer" => value.as_number().is_some_and(is_whole),
        _ => false,
    }
}

fn is_whole(number: &Number) -> bool {
    !number.is_f64() || number.as_f64().is_some_and(|number| number.fract() == 0.0)
}

/// `minimum`, `maximum`, their exclusive forms, and `multipleOf`.
pub(super) fn number(
    words: &Map<String, Value>,
    value: &Number,
    place: &Place,
    found: &mut Vec<Wrong>,
) {
    type Holds = fn(Ordering) -> bool;
    let bounds: [(&str, &str, Holds); 4] = [
        ("minimum", ">=", Ordering::is_ge),
        ("maximum", "<=", Ordering::is_le),
        ("exclusiveMinimum", ">", Ordering::is_gt),
        ("exclusiveMaximum", "<", Ordering::is_lt),
    ];
    for (word, sign, holds) in bounds {
        if let Some(bound) = words.get(word).and_then(Value::as_number)
            && !holds(order(value, bound))
        {
            found.push(place.wrong(&format!("must be {sign} {bound}")));
        }
    }
    if let Some(step) = words.get("multipleOf").and_then(Value::as_number)
        && !is_multiple(value, step)
    {
        found.push(place.wrong(&format!("must be multiple of {step}")));
    }
}

fn is_multiple(value: &Number, step: &Number) -> bool {
    match (whole(value), whole(step)) {
        (Some(value), Some(step)) if step != 0 => value % step == 0,
        _ => (float(value) / float(step)).fract() == 0.0,
    }
}

/// `minLength` and `maxLength`, in characters.
pub(super) fn length(
    words: &Map<String, Value>,
    text: &str,
    place: &Place,
    found: &mut Vec<Wrong>,
) {
    count(words, text.chars().count(), CHARACTERS, place, found);
}

/// The smallest and the largest size.
pub(super) fn count(
    words: &Map<String, Value>,
    count: usize,
    (least_word, most_word, what): Bounds,
    place: &Place,
    found: &mut Vec<Wrong>,
) {
    if let Some(least) = words.get(least_word).and_then(size)
        && count < least
    {
        found.push(place.wrong(&format!("must NOT have fewer than {least} {what}")));
    }
    if let Some(most) = words.get(most_word).and_then(size)
        && count > most
    {
        found.push(place.wrong(&format!("must NOT have more than {most} {what}")));
    }
}

/// Reads a size: a whole number from 0, which may be written `3.0`.
pub(super) fn size(value: &Value) -> Option<usize> {
    usize::try_from(whole(value.as_number()?)?).ok()
}

/// Equal as JSON Schema has it: `1` and `1.0` are.
pub(super) fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => order(a, b).is_eq(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let in_b = |(name, a)| b.get(name).is_some_and(|b| equal(a, b));
            a.len() == b.len() && a.iter().all(in_b)
        }
        _ => a == b,
    }
}

fn order(a: &Number, b: &Number) -> Ordering {
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => float(a).total_cmp(&float(b)),
    }
}

fn float(number: &Number) -> f64 {
    // JSON has no infinity and no NaN, and -0.0 is 0.
    number.as_f64().unwrap_or_default() + 0.0
}

/// A whole number that fits, however it is written.
fn whole(number: &Number) -> Option<i128> {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53: beyond it an f64 skips whole numbers
    let integer = number.as_i64().map(i128::from);
    integer
        .or(number.as_u64().map(i128::from))
        .or_else(|| match number.as_f64() {
            Some(float) if float.fract() == 0.0 && float.abs() <= EXACT => Some(float as i128),
            _ => None,
        })
}
