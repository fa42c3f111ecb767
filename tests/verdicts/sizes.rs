//! Definitions made to hurt: large, deep, wide, alike. Time is linear in the size, output bounded, the stack small.
use std::time::{Duration, Instant};

use leasehold::{
    domain::crd::{Definition, definition::MOST_LEVELS},
    plan::crds::{MOST_FINDINGS, Stage, Verdict},
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::build::{at, between, definition, object, of_spec, told, version};

fn fields(names: impl Iterator<Item = String>, field: &Value) -> Value {
    let fields: Map<_, _> = names.map(|name| (name, field.clone())).collect();
    json!({"type": "object", "properties": fields})
}

/// A schema inside a schema, so often.
fn nested(times: usize, inner: Value, around: impl Fn(Value) -> Value) -> Value {
    (0..times).fold(inner, |inner, _| around(inner))
}

#[test]
fn findings_are_bounded_and_the_worst_come_first() {
    let old = fields((0..9000).map(|n| format!("f{n:05}")), &json!({"type": "string"}));
    let mut new = fields(
        (0..9000).map(|n| format!("f{n:05}")),
        &json!({"type": "string", "description": "a", "pattern": "a", "nullable": true}),
    );
    new["properties"]["f08999"] = json!({"type": "integer"});
    new["properties"]["f08998"]["x-future"] = json!(1);
    let found = between(&of_spec(&old), &of_spec(&new));
    assert_eq!(found.all.len(), MOST_FINDINGS);
    assert_eq!(found.omitted, 8999 * 3 + 2 - MOST_FINDINGS);
    let first: Vec<_> = found.all.iter().take(3).map(|f| (&*f.path, f.verdict)).collect();
    assert_eq!(
        first,
        [("spec.f08998", Verdict::No), ("spec.f08999", Verdict::Convert), ("spec.f00000", Verdict::Scan)]
    );
    assert!(found.all.iter().skip(2).all(|f| f.verdict == Verdict::Scan));
    assert!(found.all.is_sorted_by_key(|f| (std::cmp::Reverse(f.verdict), f.path.clone())));
}

#[test]
fn long_names_make_no_long_output() {
    let long = "n".repeat(20_000);
    let field = |pattern: &str| {
        nested(
            20,
            json!({"type": "string", "pattern": pattern}),
            |inner| json!({"type": "object", "properties": {&*long: inner}}),
        )
    };
    let found = between(&of_spec(&field(&long)), &of_spec(&field(&format!("{long}x"))));
    assert_eq!(found.all.len(), 1);
    assert!(found.all[0].path.chars().count() <= 512 && found.all[0].why.chars().count() <= 300);
    let keyword = |n: i32| json!({"type": "string", "enum": [long, n], &*long: n});
    let found = between(&of_spec(&keyword(1)), &of_spec(&keyword(2)));
    assert!(found.all.len() == 3 && found.all.iter().all(|f| f.why.chars().count() <= 300));
}

#[test]
fn a_schema_that_is_too_deep_is_named() {
    let deep = |times| {
        of_spec(&nested(
            times,
            json!({"type": "string"}),
            |inner| json!({"type": "object", "properties": {"a": inner}}),
        ))
    };
    assert_eq!(told(&between(&deep(95), &deep(95))), [""; 0]);
    assert!(told(&between(&deep(110), &deep(110))).iter().any(|told| told.ends_with(" too-deep No")));
    let branch = |times| of_spec(&nested(times, json!({"maxLength": 1}), |inner| json!({"not": inner})));
    assert!(told(&between(&branch(110), &branch(110))).iter().any(|told| told.ends_with(" too-deep No")));
}

#[test]
fn json_that_is_too_deep_is_not_read() {
    let deep = |times| nested(times, json!(1), |inner| json!([inner]));
    let read =
        |times| Definition::parse(&object(&[version("v1", "sS", &json!({"type": "string", "default": deep(times)}))]));
    assert!(read(MOST_LEVELS - 20).is_ok());
    assert_eq!(read(MOST_LEVELS).unwrap_err(), format!("is nested more than {MOST_LEVELS} levels deep"));
    assert_eq!(read(1_000).unwrap_err(), format!("is nested more than {MOST_LEVELS} levels deep"));
}

#[test]
fn the_greatest_depth_fits_into_a_small_stack() {
    let deep = |leaf: Value| of_spec(&nested(110, leaf, |inner| json!({"type": "object", "properties": {"a": inner}})));
    let (old, new) = (deep(json!({"type": "string"})), deep(json!({"type": "string", "pattern": "a"})));
    let run = move || {
        for stage in [Stage::Expand, Stage::Drop] {
            at(&old, &new, stage);
        }
        old.digest()
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap().join().unwrap();
}

#[test]
fn versions_that_would_be_too_large_together_are_refused() {
    let large = |prefix: &str| fields((0..9000).map(|n| format!("{prefix}{n:05}")), &json!({"type": "string"}));
    let all: Vec<_> =
        (0..9).map(|n| version(&format!("v{n}"), if n == 0 { "sS" } else { "s" }, &large(&format!("f{n}")))).collect();
    let all = definition(&all);
    assert!(told(&between(&all, &all)).contains(&" versions-too-large No".to_owned()));
}

/// Schemas of a size that grows with `n`, whose comparison could be more than linear.
fn hurting(kind: u8, n: usize) -> Value {
    let names = || (0..n).map(|n| format!("f{n:06}"));
    match kind {
        0 => fields(names(), &json!({"type": "string"})),
        1 => {
            json!({"type": "object", "properties": fields(names(), &json!({"type": "string"}))["properties"], "required": names().collect::<Vec<_>>()})
        }
        2 => json!({"type": "string", "enum": names().collect::<Vec<_>>()}),
        3 => json!({"type": "string", "oneOf": names().map(|name| json!({"pattern": name})).collect::<Vec<_>>()}),
        4 => {
            json!({"type": "object", "x-kubernetes-validations": names().map(|name| json!({"rule": name})).collect::<Vec<_>>()})
        }
        5 => nested(40, json!({"enum": names().collect::<Vec<_>>()}), |inner| json!({"anyOf": [inner]})),
        6 => nested(
            40,
            fields(names(), &json!({"type": "string"})),
            |inner| json!({"type": "object", "properties": {"a": inner}}),
        ),
        _ => {
            let twice = |inner: Value| json!({"oneOf": [inner.clone(), inner]});
            nested(n.ilog2() as usize, json!({"maxLength": 1}), twice)
        }
    }
}

/// The same turned around, each name with something more.
fn changed(value: &Value) -> Value {
    match value {
        Value::Array(values) => values.iter().rev().map(changed).collect(),
        Value::Object(values) => values.iter().map(|(key, value)| (key.clone(), changed(value))).collect(),
        Value::String(text) if text.starts_with('f') => json!(format!("{text}x")),
        _ => value.clone(),
    }
}

#[test]
fn ten_times_the_size_takes_ten_times_the_work() {
    for kind in 0..8 {
        let work = |n| {
            let wrap = |mut schema: Value| {
                if kind == 5 || kind == 7 {
                    schema["type"] = json!("string");
                }
                of_spec(&schema)
            };
            let schema = hurting(kind, n);
            let (old, new) = (wrap(schema.clone()), wrap(changed(&schema)));
            let start = Instant::now();
            let work = allocation_counter::measure(|| drop(between(&old, &new)));
            // A bound for what makes no allocations: what is compared pair by pair would take minutes.
            assert!(start.elapsed() < Duration::from_secs(20), "kind {kind} of {n} takes {:?}", start.elapsed());
            work.count_total
        };
        let (small, large) = (work(400), work(4000));
        assert!(large < small * 13, "kind {kind}: {small} allocations, {large} of ten times the size");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let keyword = prop_oneof![
        Just("type"),
        Just("properties"),
        Just("items"),
        Just("additionalProperties"),
        Just("oneOf"),
        Just("allOf"),
        Just("not"),
        Just("enum"),
        Just("required"),
        Just("default"),
        Just("minimum"),
        Just("exclusiveMinimum"),
        Just("maxItems"),
        Just("multipleOf"),
        Just("pattern"),
        Just("format"),
        Just("nullable"),
        Just("x-kubernetes-validations"),
        Just("x-kubernetes-list-type"),
        Just("x-kubernetes-list-map-keys"),
        Just("x-kubernetes-preserve-unknown-fields"),
        Just("x-kubernetes-embedded-resource"),
        Just("x-kubernetes-int-or-string"),
        Just("metadata"),
        Just("a"),
    ];
    let leaf = prop_oneof![
        Just(json!(null)),
        Just(json!(true)),
        Just(json!("object")),
        Just(json!("array")),
        Just(json!("a")),
        Just(json!(0)),
        Just(json!(-1.5)),
        Just(json!(u64::MAX)),
        Just(json!(1e300)),
    ];
    leaf.prop_recursive(6, 40, 6, move |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            4 => prop::collection::btree_map(keyword.clone(), inner, 0..6)
                .prop_map(|map| map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_stands_in_a_schema_there_is_an_answer(old in any_json(), new in any_json()) {
        let whole = |spec: &Value| definition(&[version("v1", "sS", spec), version("v2", "s", spec)]);
        let (old, new) = (whole(&old), whole(&new));
        for stage in [Stage::Expand, Stage::Unlock, Stage::Drop] {
            let merged = at(&old, &new, stage);
            if merged.findings.refusing().next().is_some() {
                prop_assert_eq!(merged.definition.spec(), old.spec());
            }
        }
    }

    #[test]
    fn whatever_stands_in_a_definition_there_is_an_answer(spec in any_json()) {
        if let Ok(read) = Definition::parse(&json!({"metadata": {"name": "a"}, "spec": spec})) {
            between(&read, &read);
        }
        let mut whole = object(&[version("v1", "sS", &json!({"type": "object"}))]);
        for key in ["conversion", "names", "future"] {
            whole["spec"][key] = spec.clone();
        }
        whole["spec"]["versions"][0]["subresources"] = spec.clone();
        whole["spec"]["versions"][0]["selectableFields"] = spec.clone();
        whole["spec"]["versions"][0]["schema"] = spec;
        if let Ok(read) = Definition::parse(&whole) {
            between(&read, &of_spec(&json!({"type": "object"})));
        }
    }
}
