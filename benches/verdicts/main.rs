//! What it costs to say what lies between two definitions: a typical one, and one of 1 MB that is 20 levels deep, of which
//! nothing, one field, or every field changes; and to work out what the cluster's becomes. Pure: no cluster, no I/O.
use std::{hint::black_box, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use leasehold::{
    domain::crd::Definition,
    plan::crds::{Stage, Waivers, compare, merge},
};
use serde_json::{Map, Value, json};

/// An object of so many fields on each level, the first of them an object like it.
fn tree(levels: usize, fields: usize, text: &str) -> Value {
    let mut all = Map::new();
    for n in 0..fields {
        let field = match n % 5 {
            0 => json!({"type": "string", "enum": ["a", "b", "c"], "description": text}),
            1 => json!({"type": "integer", "minimum": 0, "maximum": 100, "description": text}),
            2 => {
                json!({"type": "array", "items": {"type": "string", "maxLength": 63}, "maxItems": 9, "description": text})
            }
            3 => json!({"type": "object", "additionalProperties": {"type": "string"}, "description": text}),
            _ => json!({"type": "object", "properties": {"name": {"type": "string"}, "key": {"type": "string"}},
                "oneOf": [{"required": ["name"]}, {"required": ["key"]}], "description": text}),
        };
        all.insert(format!("field{n:04}"), field);
    }
    if levels > 1 {
        all.insert("below".into(), tree(levels - 1, fields, text));
    }
    json!({"type": "object", "description": text, "properties": all, "x-kubernetes-validations": [{"rule": "has(self.field0000)"}]})
}

fn object(spec: &Value) -> Value {
    json!({
        "metadata": {"name": "caches.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"kind": "Cache", "plural": "caches"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "properties": {"spec": spec},
            }}}],
        },
    })
}

fn definition(spec: &Value) -> Definition {
    Definition::parse(&object(spec)).expect("a definition")
}

/// The same with every bound wider, every description another, and a field more on each level.
fn every_field(spec: &Value) -> Value {
    match spec {
        Value::Object(keywords) => {
            let mut all: Map<_, _> =
                keywords.iter().map(|(keyword, value)| (keyword.clone(), every_field(value))).collect();
            for (keyword, value) in
                [("maximum", json!(200)), ("maxLength", json!(64)), ("description", json!("another"))]
            {
                if let Some(known) = all.get_mut(keyword) {
                    *known = value;
                }
            }
            if let Some(Value::Object(properties)) = all.get_mut("properties") {
                properties.insert("more".into(), json!({"type": "string"}));
            }
            Value::Object(all)
        }
        other => other.clone(),
    }
}

fn verdicts(criterion: &mut Criterion) {
    let text = "What the field is for, in a sentence or two as people write them.";
    for (name, levels, fields) in [("typical", 4, 15), ("1 MB, 20 levels", 20, 310)] {
        let spec = tree(levels, fields, text);
        let (old, same) = (definition(&spec), definition(&spec));
        let mut one = spec.clone();
        one["properties"]["field0001"]["maximum"] = json!(200);
        let (one, every) = (definition(&one), definition(&every_field(&spec)));
        let whole = object(&spec);
        println!("{name}: {} bytes", whole.to_string().len());
        let mut group = criterion.benchmark_group(name);
        group.sample_size(20).measurement_time(Duration::from_secs(3));
        let none = Waivers::default();
        group.bench_function("read", |b| b.iter(|| black_box(Definition::parse(black_box(&whole)))));
        group.bench_function("digest", |b| b.iter(|| black_box(old.digest())));
        group.bench_function("the same", |b| b.iter(|| black_box(compare(&old, &same, &none))));
        group.bench_function("one field", |b| b.iter(|| black_box(compare(&old, &one, &none))));
        group.bench_function("every field", |b| b.iter(|| black_box(compare(&old, &every, &none))));
        group.bench_function("merge, every field", |b| b.iter(|| black_box(merge(&old, &every, Stage::Unlock, &none))));
        group.finish();
    }
}

/// The program's own.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

criterion_group!(benches, verdicts);
criterion_main!(benches);
