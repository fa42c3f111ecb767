//! What the API server does with an object, and what our validator says it does, are the same.
//!
//! - `every_format_and_pattern_is_judged_alike`: each format that is enforced and a set of patterns in Go's syntax, each
//!   against every string known here, by one write with all of them.
//! - `random_objects_are_judged_and_read_alike`: random schemas × random objects. Accepted or refused, and what is read
//!   back: pruned, without nulls, with defaults.
//! - `an_ok_or_a_gate_refuses_nothing_and_loses_nothing`: what a verdict promises, see `pairs`.
//!
//! All writes are dry runs. `LEASEHOLD_SEED` repeats a run, `LEASEHOLD_PAIRS` asks for more pairs.

#[path = "../support/mod.rs"]
mod support;

mod generate;
mod mutate;
mod pairs;
mod server;
mod strings;
mod values;

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use leasehold::domain::crd::validate::Validator;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use server::{Answer, Server};

/// Properties of one CRD, each with a random schema.
const PROPERTIES: usize = 200;
/// Objects for each property.
const OBJECTS: usize = 12;
/// Pairs of a schema and an object in a run.
const PAIRS: usize = 2_400;
/// Requests at a time: the API server of a test has two cores.
const CONCURRENCY: usize = 8;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// The seed of the run, told so that it can be repeated.
fn seed() -> u64 {
    let seed = number("LEASEHOLD_SEED").unwrap_or_else(|| rand::rng().random_range(0..1_000_000));
    eprintln!("LEASEHOLD_SEED={seed}");
    seed
}

/// Whether two JSON values are the same, `1.0` and `1` being so: the API server writes the former as the latter.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// The paths of `sent` that are not in `got`; whether a null counts is up to the caller.
fn lost(path: &str, sent: &Value, got: &Value, nulls: bool, paths: &mut Vec<String>) {
    for (key, sent) in sent.as_object().into_iter().flatten() {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match got.get(key) {
            Some(got) => lost(&path, sent, got, nulls, paths),
            None if !sent.is_null() || nulls => paths.push(path),
            None => {}
        }
    }
    for (at, (sent, got)) in sent.as_array().into_iter().flatten().zip(got.as_array().into_iter().flatten()).enumerate()
    {
        lost(&format!("{path}[{at}]"), sent, got, nulls, paths);
    }
}

/// How the API server and the validator differ about an object, if they do.
fn difference(validator: &Validator, object: &Value, answer: &Answer) -> Option<String> {
    let ours = validator.violations(object);
    let got = match (answer, ours.as_slice()) {
        (Answer::Refused(_), [_, ..]) => return None,
        (Answer::Refused(why), []) => return Some(format!("refused by the API server only: {why}")),
        (Answer::Read(_), [first, ..]) => return Some(format!("refused by us only: {first:?}")),
        (Answer::Read(got), []) => got,
    };
    let read = validator.read(object);
    let fields = read.as_object().unwrap().keys().chain(got.as_object().unwrap().keys());
    for field in fields {
        if !same(&read[field], &got[field]) {
            return Some(format!("{field} is read as {}, not as {}", got[field], read[field]));
        }
    }
    let (mut least, mut most) = (Vec::new(), Vec::new());
    lost("", object, got, false, &mut least);
    lost("", object, got, true, &mut most);
    let pruned = validator.pruned(object);
    let wrong = pruned.iter().any(|path| !most.contains(path)) || least.iter().any(|path| !pruned.contains(path));
    (wrong && most.len() < 16).then(|| format!("lost {least:?}, not {pruned:?}"))
}

/// One CRD whose properties are random, as far as the API server takes them: nothing is said of what it refuses.
async fn random_schema(server: &Server, rng: &mut StdRng, kind: &str) -> BTreeMap<String, Value> {
    let property = |at| (format!("p{at}"), generate::schema(rng, 0));
    let mut properties: BTreeMap<String, Value> = (0..PROPERTIES).map(property).collect();
    while let Err((refused, _)) = server.define(kind, &json!({"type": "object", "properties": properties})).await {
        for name in refused {
            properties.remove(&name);
        }
    }
    properties
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_objects_are_judged_and_read_alike() {
    let seed = seed();
    let mut rng = StdRng::seed_from_u64(seed);
    let server = Server::start().await;
    let wanted = number("LEASEHOLD_PAIRS").map_or(PAIRS, |pairs| usize::try_from(pairs).unwrap());
    let (mut pairs, mut accepted, mut pruned, mut schemas, mut round) = (0, 0, 0, 0, 0);
    let mut differences = Vec::new();
    while pairs < wanted {
        let kind = format!("Random{round}");
        round += 1;
        let properties = random_schema(&server, &mut rng, &kind).await;
        schemas += properties.len();
        let validator = Validator::new(&json!({"type": "object", "properties": properties})).unwrap();
        let objects = properties.iter().flat_map(|(name, schema)| {
            let objects: Vec<_> = (0..OBJECTS).map(|_| values::value(&mut rng, schema, 0)).collect();
            objects.into_iter().map(move |value| json!({name: value}))
        });
        let objects: Vec<Value> = objects.collect();
        let answers = stream::iter(objects).map(|object| server.try_out(&kind, object)).buffered(CONCURRENCY);
        let answers: Vec<(Value, Answer)> = answers.collect().await;
        for (object, answer) in answers {
            pairs += 1;
            accepted += usize::from(matches!(answer, Answer::Read(_)));
            pruned += usize::from(!validator.pruned(&object).is_empty());
            let schema = object.as_object().and_then(|fields| properties.get(fields.keys().next()?));
            differences.extend(
                difference(&validator, &object, &answer)
                    .map(|difference| format!("{difference}\n  schema {}\n  object {object}", schema.unwrap())),
            );
        }
    }
    eprintln!("{pairs} pairs of {schemas} schemas: {accepted} accepted, {pruned} with unknown fields");
    assert!(accepted * 5 > pairs && accepted * 5 < pairs * 4, "the generator is one-sided: {accepted} of {pairs}");
    assert!(pruned * 50 > pairs, "hardly anything has unknown fields: {pruned} of {pairs}");
    let shown = differences.iter().take(10).cloned().collect::<Vec<_>>().join("\n");
    assert!(differences.is_empty(), "{} differences of {pairs} (seed {seed}):\n{shown}", differences.len());
}

#[tokio::test]
async fn every_format_and_pattern_is_judged_alike() {
    let server = Server::start().await;
    let named = |keyword: &'static str, all: &[String]| {
        all.iter().map(|text| json!({"type": "string", keyword: text})).collect::<Vec<_>>()
    };
    let items = [named("format", &strings::ALL.formats), named("pattern", &strings::ALL.patterns)].concat();
    let properties: BTreeMap<String, Value> = items
        .iter()
        .enumerate()
        .map(|(at, items)| (format!("p{at}"), json!({"type": "array", "items": items})))
        .collect();
    let refused = server.define("Strings", &json!({"type": "object", "properties": properties})).await;
    assert_eq!(refused, Ok(()), "each pattern is one in Go's syntax");
    let all = &strings::ALL.texts;
    let mut differences = Vec::new();
    for (name, items) in properties.keys().zip(properties.values().map(|schema| &schema["items"])) {
        let (_, answer) = server.try_out("Strings", json!({name: all})).await;
        let theirs = answer.fields(name);
        let validator = Validator::new(items).unwrap();
        for (at, text) in all.iter().enumerate() {
            let ours = !validator.violations(&json!(text)).is_empty();
            if ours != theirs.contains(&format!("{name}[{at}]")) {
                differences.push(format!("{items} {text:?}: refused by {}", if ours { "us" } else { "them" }));
            }
        }
    }
    eprintln!("{} pairs of a string and a format or pattern", all.len() * properties.len());
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}
