//! Judges JSON by a schema: JSON Schema draft 7 and what 2020-12 added to it, with local references. As in ajv,
//! which the official client uses, `format` and words that are not known are notes without effect.
//!
//! Our own, because the crates that do this are as large as the whole encrypted channel; a test holds it against
//! one of them.

use std::collections::BTreeMap;

use regex_lite::Regex;
use serde_json::{Map, Value};

use super::compare::{self, equal};

/// How deep schemas and references may go into each other.
const MAX_DEPTH: usize = 200;

/// How many schemas one value is held against: a schema that means itself twice would never end.
const MAX_CHECKS: usize = 1_000_000;

/// A schema whose every part has been looked at.
#[derive(Debug)]
pub(super) struct Validator {
    root: Value,
    patterns: BTreeMap<String, Regex>,
}

/// What is wrong with a value, and where: a JSON pointer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) path: String,
    pub(super) what: String,
}

impl Validator {
    /// Takes a schema; the error says what makes it none.
    pub(super) fn new(root: Value) -> Result<Self, String> {
        let mut patterns = BTreeMap::new();
        super::form::look(&root, &root, 0, &mut patterns)?;
        Ok(Self { root, patterns })
    }

    /// Returns the schema as it was given.
    pub(super) fn json(&self) -> &Value {
        &self.root
    }

    /// Returns everything that is wrong with a value.
    pub(super) fn errors(&self, value: &Value) -> Vec<Wrong> {
        let mut found = Vec::new();
        let mut place = Place::default();
        self.check(&self.root, value, &mut place, &mut found);
        if place.gave_up {
            found.push(place.wrong("cannot be judged: the schema refers to itself without end"));
        }
        found
    }

    fn is_valid(&self, schema: &Value, value: &Value, place: &mut Place) -> bool {
        let mut found = Vec::new();
        self.check(schema, value, place, &mut found);
        found.is_empty()
    }

    fn check(&self, schema: &Value, value: &Value, place: &mut Place, found: &mut Vec<Wrong>) {
        place.checks += 1;
        if place.depth >= MAX_DEPTH || place.checks > MAX_CHECKS {
            place.gave_up = true;
            return;
        }
        place.depth += 1;
        match schema {
            Value::Bool(false) => found.push(place.wrong("boolean schema is false")),
            Value::Object(words) => self.words(words, value, place, found),
            _ => {}
        }
        place.depth -= 1;
    }

    fn words(
        &self,
        words: &Map<String, Value>,
        value: &Value,
        place: &mut Place,
        found: &mut Vec<Wrong>,
    ) {
        if let Some(target) = words.get("$ref").and_then(Value::as_str)
            && let Some(schema) = super::form::target(&self.root, target)
        {
            self.check(schema, value, place, found);
        }
        compare::any_kind(words, value, place, found);
        match value {
            Value::Number(number) => compare::number(words, number, place, found),
            Value::String(text) => {
                compare::length(words, text, place, found);
                if let Some(pattern) = words.get("pattern").and_then(Value::as_str)
                    && !self.fits(pattern, text)
                {
                    found.push(place.wrong(&format!("must match pattern \"{pattern}\"")));
                }
            }
            Value::Array(items) => self.array(words, items, place, found),
            Value::Object(fields) => self.object(words, fields, place, found),
            _ => {}
        }
        self.combined(words, value, place, found);
    }

    fn fits(&self, pattern: &str, text: &str) -> bool {
        let pattern = self.patterns.get(pattern);
        pattern.is_none_or(|pattern| pattern.is_match(text))
    }

    fn array(
        &self,
        words: &Map<String, Value>,
        items: &[Value],
        place: &mut Place,
        found: &mut Vec<Wrong>,
    ) {
        compare::count(words, items.len(), compare::ITEMS, place, found);
        let twice = |(at, item)| items[..at].iter().any(|other| equal(other, item));
        if words.get("uniqueItems") == Some(&Value::Bool(true))
            && items.iter().enumerate().any(twice)
        {
            found.push(place.wrong("must NOT have duplicate items"));
        }
        // Draft 7 writes a tuple as an array in `items`, 2020-12 in `prefixItems`.
        let (tuple, rest) = match (words.get("prefixItems"), words.get("items")) {
            (Some(Value::Array(tuple)), rest) => (tuple.as_slice(), rest),
            (_, Some(Value::Array(tuple))) => (tuple.as_slice(), words.get("additionalItems")),
            (_, rest) => (&[][..], rest),
        };
        for (at, item) in items.iter().enumerate() {
            if let Some(schema) = tuple.get(at).or(rest) {
                place.inside(&at.to_string(), |place| {
                    self.check(schema, item, place, found);
                });
            }
        }
        if let Some(schema) = words.get("contains") {
            let bound = |word| words.get(word).and_then(compare::size);
            let fitting = items
                .iter()
                .filter(|item| self.is_valid(schema, item, place));
            let fitting = fitting.count();
            if fitting < bound("minContains").unwrap_or(1)
                || bound("maxContains").is_some_and(|most| fitting > most)
            {
                found.push(place.wrong("must contain another number of valid items"));
            }
        }
    }

    fn object(
        &self,
        words: &Map<String, Value>,
        fields: &Map<String, Value>,
        place: &mut Place,
        found: &mut Vec<Wrong>,
    ) {
        compare::count(words, fields.len(), compare::PROPERTIES, place, found);
        require(words.get("required"), fields, place, found);
        let map = |word| words.get(word).and_then(Value::as_object);
        for (name, value) in fields {
            let mut named = false;
            if let Some(schema) = map("properties").and_then(|all| all.get(name)) {
                named = true;
                place.inside(name, |place| self.check(schema, value, place, found));
            }
            for (pattern, schema) in map("patternProperties").into_iter().flatten() {
                if self.fits(pattern, name) {
                    named = true;
                    place.inside(name, |place| self.check(schema, value, place, found));
                }
            }
            match words.get("additionalProperties") {
                _ if named => {}
                Some(Value::Bool(false)) => {
                    let what = format!("must NOT have additional property '{name}'");
                    found.push(place.wrong(&what));
                }
                Some(schema) => {
                    place.inside(name, |place| self.check(schema, value, place, found));
                }
                None => {}
            }
            if let Some(schema) = words.get("propertyNames")
                && !self.is_valid(schema, &Value::String(name.clone()), place)
            {
                found.push(place.wrong(&format!("property name '{name}' must be valid")));
            }
        }
        for word in ["dependentRequired", "dependentSchemas", "dependencies"] {
            let present = map(word).into_iter().flatten();
            for (_, needs) in present.filter(|(name, _)| fields.contains_key(*name)) {
                match needs {
                    Value::Array(_) => require(Some(needs), fields, place, found),
                    schema => {
                        self.check(schema, &Value::Object(fields.clone()), place, found);
                    }
                }
            }
        }
    }

    fn combined(
        &self,
        words: &Map<String, Value>,
        value: &Value,
        place: &mut Place,
        found: &mut Vec<Wrong>,
    ) {
        let list = |word| words.get(word).and_then(Value::as_array);
        for schema in list("allOf").into_iter().flatten() {
            self.check(schema, value, place, found);
        }
        if let Some(any) = list("anyOf")
            && !any.iter().any(|schema| self.is_valid(schema, value, place))
        {
            found.push(place.wrong("must match a schema in anyOf"));
        }
        if let Some(one) = list("oneOf") {
            let fitting = one
                .iter()
                .filter(|schema| self.is_valid(schema, value, place));
            if fitting.count() != 1 {
                found.push(place.wrong("must match exactly one schema in oneOf"));
            }
        }
        if let Some(schema) = words.get("not")
            && self.is_valid(schema, value, place)
        {
            found.push(place.wrong("must NOT be valid under the schema in not"));
        }
        if let Some(condition) = words.get("if") {
            let branch = match self.is_valid(condition, value, place) {
                true => "then",
                false => "else",
            };
            if let Some(schema) = words.get(branch) {
                self.check(schema, value, place, found);
            }
        }
    }
}

fn require(
    names: Option<&Value>,
    fields: &Map<String, Value>,
    place: &Place,
    found: &mut Vec<Wrong>,
) {
    let names = names.and_then(Value::as_array).into_iter().flatten();
    for name in names.filter_map(Value::as_str) {
        if !fields.contains_key(name) {
            found.push(place.wrong(&format!("must have required property '{name}'")));
        }
    }
}

/// Where in the value a check is, and how deep in the schema.
#[derive(Debug, Default)]
pub(super) struct Place {
    path: Vec<String>,
    depth: usize,
    checks: usize,
    gave_up: bool,
}

impl Place {
    /// Notes what is wrong here.
    pub(super) fn wrong(&self, what: &str) -> Wrong {
        let escaped = |part: &String| format!("/{}", part.replace('~', "~0").replace('/', "~1"));
        Wrong {
            path: self.path.iter().map(escaped).collect(),
            what: what.to_owned(),
        }
    }

    fn inside(&mut self, part: &str, check: impl FnOnce(&mut Self)) {
        self.path.push(part.to_owned());
        check(self);
        self.path.pop();
    }
}
