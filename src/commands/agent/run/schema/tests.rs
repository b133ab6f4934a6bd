//! What is valid, against another validator; what is told; what is found in prose.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::Schema;
use super::validator::Validator;

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

    /// The verdict is that of the `jsonschema` crate.
    #[test]
    fn the_verdict_is_that_of_another_validator((schema, value) in (schema_of(3), value_of(3))) {
        let Ok(oracle) = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft7)
            .build(&schema)
        else {
            return Ok(());
        };
        let ours = Validator::new(schema.clone());
        let ours = ours.map_err(|why| TestCaseError::fail(format!("{schema}: {why}")))?;
        let errors = ours.errors(&value);
        prop_assert_eq!(
            errors.is_empty(),
            oracle.is_valid(&value),
            "schema {}, value {}, errors {:?}",
            schema,
            value,
            errors
        );
    }
}

/// Small values, of names and numbers that meet those of [`schema_of`].
fn value_of(depth: u32) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        (-3..6_i64).prop_map(Value::from),
        (-6..12_i64).prop_map(|half| json!(half as f64 / 2.0)),
        "[ab]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(depth, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[abc]", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Well-formed schemas of up to three words at each level.
fn schema_of(depth: u32) -> impl Strategy<Value = Value> {
    let kind = prop::sample::select(vec![
        "null", "boolean", "string", "array", "object", "number", "integer",
    ]);
    let word = prop_oneof![
        kind.prop_map(|kind| ("type", json!(kind))),
        prop::collection::vec(value_of(1), 1..3).prop_map(|all| ("enum", json!(all))),
        value_of(1).prop_map(|value| ("const", value)),
        (0..4_i64).prop_map(|n| ("minimum", json!(n))),
        (0..4_i64).prop_map(|n| ("exclusiveMaximum", json!(n))),
        (1..4_i64).prop_map(|n| ("multipleOf", json!(n))),
        (0..3_i64).prop_map(|n| ("minLength", json!(n))),
        (0..3_i64).prop_map(|n| ("maxItems", json!(n))),
        (0..3_i64).prop_map(|n| ("minProperties", json!(n))),
        prop::sample::select(vec!["^a", "b$", "ab?"]).prop_map(|text| ("pattern", json!(text))),
        any::<bool>().prop_map(|on| ("uniqueItems", json!(on))),
        prop::collection::btree_set("[abc]", 0..3).prop_map(|names| ("required", json!(names))),
    ];
    let leaf = prop_oneof![
        4 => prop::collection::vec(word, 1..3).prop_map(object),
        1 => any::<bool>().prop_map(Value::from),
    ];
    leaf.prop_recursive(depth, 16, 3, |inner| {
        let one = prop::sample::select(vec![
            "not",
            "if",
            "then",
            "else",
            "items",
            "contains",
            "additionalProperties",
            "propertyNames",
            "additionalItems",
        ]);
        let list = prop::sample::select(vec!["allOf", "anyOf", "oneOf", "items"]);
        let map = prop::sample::select(vec!["properties", "patternProperties", "dependencies"]);
        let named = prop::collection::btree_map("[abc]", inner.clone(), 1..3);
        let word = prop_oneof![
            (one, inner.clone()),
            (
                list,
                prop::collection::vec(inner.clone(), 1..3).prop_map(Value::from)
            ),
            (
                map,
                named.prop_map(|all| Value::Object(all.into_iter().collect()))
            ),
        ];
        prop::collection::vec(word, 1..4).prop_map(object)
    })
}

fn object(words: Vec<(&'static str, Value)>) -> Value {
    let named = words
        .into_iter()
        .map(|(word, value)| (word.to_owned(), value));
    Value::Object(named.collect())
}

#[test]
fn references_stay_within_the_schema() {
    let tree = json!({
        "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}},
            "additionalProperties": false}},
        "$ref": "#/$defs/node"
    });
    let tree = Validator::new(tree).expect("a schema");
    assert_eq!(tree.errors(&json!({"next": {"next": {}}})), []);
    let wrong = tree.errors(&json!({"next": {"next": {"x": 1}}}));
    assert_eq!(wrong[0].path, "/next/next");
    for elsewhere in ["https://example.com/s.json", "other.json", "#/$defs/none"] {
        assert!(
            Validator::new(json!({ "$ref": elsewhere })).is_err(),
            "{elsewhere}"
        );
    }
}

/// It must end, and not in an overflow of the stack.
#[test]
fn a_schema_that_means_itself_is_survived() {
    let own = Validator::new(json!({"$ref": "#"})).expect("a schema");
    assert!(!own.errors(&json!(1)).is_empty());
    let both = Validator::new(json!({"anyOf": [{"$ref": "#"}, {"$ref": "#"}]})).expect("a schema");
    assert!(!both.errors(&json!(1)).is_empty());
}
