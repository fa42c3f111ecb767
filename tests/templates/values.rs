//! A tenant's values against its release's schema.
use insta::assert_snapshot;
use leasehold::plan::render::{Shape, values::Schema};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no map"),
    }
}

fn schema(value: Value) -> Schema {
    Schema::compile(&map(value)).expect("the schema is right")
}

fn lines(errors: &[impl ToString]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn sample() -> Schema {
    schema(json!({
        "type": "object",
        "required": ["size"],
        "properties": {
            "size": {"type": "integer", "minimum": 1, "maximum": 9, "description": "members of a cluster"},
            "ratio": {"type": "number", "minimum": 0, "exclusiveMinimum": true, "default": 0.5, "multipleOf": 0.25},
            "mode": {"type": "string", "enum": ["fast", "safe"], "default": "safe"},
            "host": {"type": "string", "pattern": "^[a-z.]+$", "maxLength": 20, "nullable": true},
            "port": {"x-kubernetes-int-or-string": true, "default": "http"},
            "tls": {"type": "object", "default": {}, "properties": {"enabled": {"type": "boolean", "default": false}}},
            "names": {"type": "array", "minItems": 1, "uniqueItems": true, "items": {"type": "string", "minLength": 1}},
            "labels": {"type": "object", "maxProperties": 2, "additionalProperties": {"type": "string"}},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
        },
    }))
}

#[test]
fn that_fit_get_their_defaults() {
    let values = sample().check(&map(json!({"size": 3, "free": {"a": [1]}, "host": null, "labels": {"a": "b"}})));
    assert_eq!(
        values.map(Value::Object),
        Ok(json!({
            "size": 3, "ratio": 0.5, "mode": "safe", "port": "http", "tls": {"enabled": false},
            "free": {"a": [1]}, "host": null, "labels": {"a": "b"},
        }))
    );
}

#[test]
fn that_do_not_fit_are_named_with_their_path() {
    let wrong = json!({
        "ratio": 0, "mode": "slow", "host": "A", "port": 1.5, "tls": {"enabled": "yes", "enable": true},
        "names": ["", "a", "a"], "labels": {"a": 1, "b": "x", "c": "y"}, "sise": 3,
    });
    assert_snapshot!(lines(&sample().check(&map(wrong)).expect_err("much is wrong")), @r#"
    values.size: is required
    values.host: must match `^[a-z.]+$`
    values.labels: must have at most 2 keys, has 3
    values.labels.a: must be a string, not 1
    values.mode: must be one of "fast", "safe", not "slow"
    values.names[0]: must have at least 1 characters, has 0
    values.names[2]: is there twice
    values.port: must be a whole number or a string, not 1.5
    values.ratio: must be above 0
    values.sise: is not known to the release, which takes free, host, labels, mode, names, port, ratio, size, tls
    values.tls.enable: is not known to the release, which takes enabled
    values.tls.enabled: must be true or false, not "yes"
    "#);
    assert_snapshot!(lines(&sample().check(&map(json!({"size": 10, "names": [], "host": "a.very.long.name.of.a.host"}))).expect_err("more is wrong")), @r"
    values.host: must have at most 20 characters, has 26
    values.names: must have at least 1 elements, has 0
    values.size: must be at most 9
    ");
}

#[test]
fn of_a_release_without_a_schema_are_not_taken() {
    assert!(Schema::none().check(&Map::new()).is_ok());
    assert_snapshot!(lines(&Schema::none().check(&map(json!({"a": 1}))).expect_err("none is taken")), @r"values.a: is not known to the release, which takes none");
}

#[test]
fn a_keyword_that_would_not_be_checked_is_refused() {
    let wrong = json!({
        "type": "object",
        "properties": {
            "a": {"type": "string", "oneOf": []},
            "b": {"type": "text"},
            "c": {"type": "string", "pattern": "("},
            "d": {"type": "integer", "default": "x"},
            "e": {"description": "no type"},
            "f": {"type": "array", "items": {"type": "string", "x-kubernetes-validations": []}},
            "g": {"type": "string", "minLength": -1},
            "h": 7,
        },
    });
    assert_snapshot!(lines(&Schema::compile(&map(wrong)).expect_err("much is wrong")), @r#"
    valuesSchema.properties.a.oneOf: this keyword is not supported in a valuesSchema
    valuesSchema.properties.b: `text` is no type: there are object, array, string, integer, number, boolean
    valuesSchema.properties.c.pattern: is no regular expression that is taken: regex parse error:
        (
        ^
    error: unclosed group
    valuesSchema.properties.d.default: must be a whole number, not "x"
    valuesSchema.properties.e: needs a `type`: a structural schema says the type of every value
    valuesSchema.properties.f.items.x-kubernetes-validations: this keyword is not supported in a valuesSchema
    valuesSchema.properties.g.minLength: must be a whole number, 0 or more
    valuesSchema.properties.h: a schema must be a map
    "#);
    assert_snapshot!(lines(&Schema::compile(&map(json!({"type": "string"}))).expect_err("values are a map")), @r"valuesSchema: `type` must be `object`: values are a map");
}

#[test]
fn the_schema_says_what_templates_may_name() {
    let Shape::Object(fields) = sample().shape() else { panic!("values are an object") };
    assert_eq!(fields["size"], Shape::Leaf);
    assert_eq!(fields["names"], Shape::List(Box::new(Shape::Leaf)));
    assert_eq!(fields["labels"], Shape::Map(Box::new(Shape::Leaf)));
    assert_eq!(fields["tls"], Shape::Object([("enabled".to_owned(), Shape::Leaf)].into()));
    assert_eq!(fields["free"], Shape::Any);
}

#[test]
fn nothing_goes_deeper_than_is_safe() {
    let deep = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!({"a": inner}));
    let schema_of = |levels: usize| {
        let leaf = json!({"type": "integer"});
        (0..levels).fold(leaf, |inner, _| json!({"type": "object", "properties": {"a": inner}}))
    };
    assert!(schema(schema_of(20)).check(&map(deep(20))).is_ok());
    assert!(Schema::compile(&map(schema_of(100))).is_err());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z]{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        let name = prop::sample::select(vec![
            "type",
            "properties",
            "items",
            "default",
            "enum",
            "pattern",
            "minimum",
            "maximum",
            "required",
            "size",
            "tls",
            "a",
            "additionalProperties",
            "multipleOf",
            "nullable",
            "maxLength",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..4)
                .prop_map(|fields| fields.into_iter().map(|(n, v)| (n.to_owned(), v)).collect()),
        ]
    })
}

proptest! {
    #[test]
    fn neither_schema_nor_values_make_it_panic(of in any_json(), values in any_json()) {
        let values = values.as_object().cloned().unwrap_or_default();
        let _ = sample().check(&values);
        let of = json!({"type": "object", "properties": of});
        if let Ok(schema) = Schema::compile(&map(of)) {
            let _ = schema.check(&values);
        }
    }

    #[test]
    fn what_was_checked_once_is_left_as_it_is(size in 1..9_i64, host in "[a-z.]{1,20}") {
        let once = sample().check(&map(json!({"size": size, "host": host}))).expect("fits");
        prop_assert_eq!(sample().check(&once), Ok(once));
    }
}
