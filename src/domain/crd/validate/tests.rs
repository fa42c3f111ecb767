use serde_json::{Value, json};

use super::{TOLD, Validator, rules};

fn validator(schema: &Value) -> Validator {
    Validator::new(schema).unwrap()
}

/// The paths that are in violation.
fn paths(schema: &Value, object: &Value) -> Vec<String> {
    validator(schema).violations(object).into_iter().map(|violation| violation.path).collect()
}

/// Of a schema for a single field: which of the values it takes.
fn takes(field: &Value, values: &[Value]) -> Vec<bool> {
    let validator = validator(&json!({"type": "object", "properties": {"a": field}}));
    values.iter().map(|value| validator.violations(&json!({"a": value})).is_empty()).collect()
}

#[test]
fn types_are_those_of_json_and_of_kubernetes() {
    let values = [json!(1), json!(1.0), json!(1.5), json!("1"), json!(true), json!([]), json!({})];
    for (field, taken) in [
        (json!({"type": "integer"}), [true, true, false, false, false, false, false]),
        (json!({"type": "number"}), [true, true, true, false, false, false, false]),
        (json!({"type": "string"}), [false, false, false, true, false, false, false]),
        // A list passes for a string that has a format.
        (json!({"type": "string", "format": "password"}), [false, false, false, true, false, true, false]),
        (json!({"type": "string", "format": "unknown"}), [false, false, false, true, false, false, false]),
        (json!({"x-kubernetes-int-or-string": true}), [true, true, false, true, false, false, false]),
        (json!({"type": "object"}), [false, false, false, false, false, false, true]),
    ] {
        assert_eq!(takes(&field, &values), taken, "{field}");
    }
}

#[test]
fn a_null_is_dropped_unless_it_is_allowed() {
    let field =
        |nullable: bool| json!({"type": "object", "properties": {"a": {"type": "string", "nullable": nullable}}});
    let object = json!({"a": null});
    for (nullable, read) in [(true, &object), (false, &json!({}))] {
        let validator = validator(&field(nullable));
        assert_eq!((validator.violations(&object), &validator.read(&object)), (vec![], read));
    }
    let required = json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}});
    assert_eq!(paths(&required, &object), ["a"], "and then is missing");
    let items = json!({"type": "object", "properties": {"a": {"type": "array", "items": {"type": "string"}}}});
    assert_eq!(paths(&items, &json!({"a": ["x", null]})), ["a[1]"], "in a list it stays");
}

#[test]
fn bounds_of_an_integer_are_cut_to_integers() {
    let field = json!({"type": "number", "minimum": 2.5});
    assert_eq!(takes(&field, &[json!(1), json!(2), json!(2.4), json!(2.5)]), [false, true, false, true]);
    let field = json!({"type": "integer", "maximum": 3, "exclusiveMaximum": true, "format": "int32"});
    assert_eq!(takes(&field, &[json!(2), json!(3), json!(-2_147_483_649_i64)]), [true, false, false]);
    assert_eq!(takes(&json!({"type": "integer", "maximum": 2.5}), &[json!(1)]), [false], "no integer is the bound");
    assert_eq!(takes(&json!({"type": "number", "multipleOf": 0.5}), &[json!(1), json!(1.5)]), [false, true]);
}

#[test]
fn lengths_are_counted_in_characters() {
    assert_eq!(takes(&json!({"type": "string", "maxLength": 2}), &[json!("éé"), json!("aaa")]), [true, false]);
}

#[test]
fn a_choice_is_met_after_conversion_and_never_by_null() {
    let field = json!({"enum": [1, "A", null], "nullable": true, "x-kubernetes-preserve-unknown-fields": true});
    let values = [json!(1), json!(1.9), json!(65), json!("A"), json!("B"), Value::Null];
    assert_eq!(takes(&field, &values), [true, true, true, true, false, false]);
}

#[test]
fn alternatives_are_at_least_one_exactly_one_all_or_not() {
    let branches = json!([{"minimum": 1}, {"maximum": 5}]);
    let values = [json!(0), json!(3), json!(6)];
    for (keyword, schema, taken) in [
        ("allOf", &branches, [false, true, false]),
        ("anyOf", &branches, [true, true, true]),
        ("oneOf", &branches, [true, false, true]),
        ("not", &branches[0], [true, false, false]),
    ] {
        assert_eq!(takes(&json!({"type": "integer", keyword: schema}), &values), taken, "{keyword}");
    }
}

#[test]
fn keys_of_lists_are_unique() {
    let set = json!({"type": "array", "items": {"type": "number"}, "x-kubernetes-list-type": "set"});
    assert_eq!(takes(&set, &[json!([1, 2]), json!([1, 1]), json!([1, 1.0])]), [true, false, true]);
    let item =
        json!({"type": "object", "properties": {"n": {"type": "string"}, "p": {"type": "integer", "default": 1}}});
    let map = json!({"type": "array", "items": item, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n", "p"]});
    let schema = json!({"type": "object", "properties": {"a": map}});
    let items = json!({"a": [{"n": "x"}, {"n": "x", "p": 2}, {"n": "x", "p": 1}]});
    assert_eq!(paths(&schema, &items), ["a[2]"], "the default is the first one's key");
}

#[test]
fn an_embedded_resource_has_a_version_a_kind_and_metadata() {
    let resource =
        json!({"type": "object", "x-kubernetes-embedded-resource": true, "properties": {"spec": {"type": "object"}}});
    let schema = json!({"type": "object", "properties": {"a": resource}});
    let object = json!({"a": {"kind": "Pod", "metadata": {"labels": {"-": "x"}, "odd": 1}, "odd": 2}});
    assert_eq!(paths(&schema, &object), ["a.apiVersion", "a.metadata.labels"]);
    assert_eq!(validator(&schema).pruned(&object), ["a.metadata.odd", "a.odd"]);
}

#[test]
fn what_is_unknown_is_dropped_unless_it_is_to_be_preserved() {
    let known = json!({"type": "object", "properties": {"x": {"type": "string"}}});
    let mut open = known.clone();
    open["x-kubernetes-preserve-unknown-fields"] = json!(true);
    let schema = json!({"type": "object", "properties": {
        "closed": known, "open": open, "list": {"type": "array", "items": known},
        "map": {"type": "object", "additionalProperties": known}, "any": {"type": "object", "additionalProperties": true}
    }});
    let extra = json!({"x": "a", "y": 1});
    let object = json!({
        "apiVersion": "a/v1", "kind": "A", "metadata": {"name": "a", "odd": 1},
        "closed": extra, "open": extra, "list": [extra], "map": {"k": extra}, "any": {"k": extra, "n": 1}, "odd": 1
    });
    let dropped = ["any.k.x", "any.k.y", "closed.y", "list[0].y", "map.k.y", "odd"];
    assert_eq!(validator(&schema).pruned(&object), dropped);
}

#[test]
fn defaults_are_filled_in_before_anything_is_required() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "object", "default": {}, "required": ["b"],
        "properties": {"b": {"type": "integer", "default": 3.0}}}}});
    let validator = validator(&schema);
    assert_eq!(validator.read(&json!({})), json!({"a": {"b": 3}}));
    assert_eq!(validator.violations(&json!({})), []);
}

#[test]
fn metadata_of_the_object_itself_is_not_judged() {
    let schema = json!({"type": "object"});
    assert!(paths(&schema, &json!({"metadata": {"labels": {"-": 1}, "odd": 1}, "kind": 1})).is_empty());
}

#[test]
fn a_schema_that_cannot_be_one_is_an_error() {
    for (schema, why) in [
        (json!({"type": "thing"}), "there is no type"),
        (json!({"properties": {"a": {"pattern": "("}}}), "a: pattern"),
        (json!({"uniqueItems": true}), "uniqueItems is not allowed"),
        (json!({"additionalProperties": false}), "additionalProperties is not allowed"),
        (json!({"items": [{}]}), "items is not allowed to be a list"),
        (json!({"required": 1}), "not a schema"),
        (json!("schema"), "not a schema"),
    ] {
        let error = Validator::new(&schema).unwrap_err();
        assert!(error.contains(why), "{schema}: {error}");
    }
    let deep = (0..100).fold(json!({}), |inner, _| json!({"items": inner}));
    assert!(Validator::new(&deep).unwrap_err().contains("deeper"));
}

#[test]
fn what_is_told_is_bounded() {
    let schema = json!({"type": "object", "additionalProperties": {"type": "integer"}});
    let wrong: Value = (0..1000).map(|n| (format!("f{n}"), json!("x"))).collect();
    assert_eq!(paths(&schema, &wrong).len(), TOLD);
    assert_eq!(validator(&json!({"type": "object"})).pruned(&wrong).len(), TOLD);
}

/// Alternatives within alternatives, each looked at for one value once: 2³⁰ looks would not end.
#[test]
fn nested_alternatives_are_not_exponential() {
    let schema =
        (0..30).fold(json!({"minimum": 1}), |inner, _| json!({"anyOf": [{"not": {}}, inner], "not": {"enum": [1]}}));
    assert_eq!(takes(&schema, &[json!(1), json!(2)]), [false, true]);
    let wide: Vec<Value> = (0..1000).map(|n| json!({"enum": [n]})).collect();
    assert_eq!(takes(&json!({"type": "integer", "oneOf": wide}), &[json!(999), json!(1000)]), [true, false]);
}

#[test]
fn rules_are_found_wherever_they_are() {
    let rule = json!({"x-kubernetes-validations": [{"rule": "true"}]});
    for schema in [
        rule.clone(),
        json!({"properties": {"a": {"items": rule}}}),
        json!({"additionalProperties": rule}),
        json!({"allOf": [rule]}),
    ] {
        assert_eq!(rules(&schema).len(), 1, "{schema}");
    }
    assert!(
        rules(&json!({"enum": [rule], "default": rule, "properties": {"x-kubernetes-validations": {}}})).is_empty()
    );
}

#[test]
fn a_default_replaces_a_null_and_is_pruned_itself() {
    let map = json!({"type": "object", "additionalProperties": {"type": "integer", "default": 1}});
    assert_eq!(validator(&map).read(&json!({"a": null})), json!({"a": 1}));
    let default = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "odd": 1}});
    let resource = json!({"type": "object", "x-kubernetes-embedded-resource": true, "default": default,
        "x-kubernetes-preserve-unknown-fields": true});
    let read = validator(&json!({"type": "object", "properties": {"a": resource}})).read(&json!({}));
    assert_eq!(read["a"]["metadata"], json!({"name": "a"}));
}

#[test]
fn patterns_are_those_of_go() {
    for (pattern, matched, not) in [
        (r"^\w\d\s$", "a1 ", "é1 "),
        (r"^[[a]+$", "[a", "b"),
        (r"^a{,2}$", "a{,2}", "aa"),
        (r"^\Qa.b\E$", "a.b", "acb"),
        (r"^[\w&&a]+$", "b&", "-"),
        (r"^\<$", "<", ""),
        (r"^[\x41-\x{43}]\101$", "CA", "DA"),
    ] {
        let field = json!({"type": "string", "pattern": pattern});
        assert_eq!(takes(&field, &[json!(matched), json!(not)]), [true, false], "{pattern}");
    }
}
