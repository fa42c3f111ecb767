//! What a verdict promises, held against the API server: random pairs of an old and a new schema, objects as they are
//! stored under the old one.
//!
//! - Where `compare` says Ok or Gate, none of them is refused or loses a field under the new schema.
//! - Where nothing refuses, none is refused or loses a field under what `merge` makes of the old schema at first.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use leasehold::domain::crd::Definition;
use leasehold::domain::crd::validate::Validator;
use leasehold::plan::crds::{Stage, Verdict, Waivers, compare, merge};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use crate::server::{Answer, Server};
use crate::{CONCURRENCY, lost, mutate, number, random_schema, seed, values};

/// Objects that were written under the schemas after a change that is Ok or Gate.
const KEPT: usize = 2_000;
/// Objects for each pair of schemas.
const OBJECTS: usize = 12;

/// What is between two schemas, and what is made of the old one at first.
struct Pair {
    old: Value,
    new: Value,
    worst: Verdict,
    merged: Option<Value>,
}

impl Pair {
    fn of(name: &str, old: &Value, new: Value) -> Self {
        let definition = |schema: &Value| {
            let schema = json!({"type": "object", "properties": {name: schema}});
            let versions =
                json!([{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}]);
            let names = json!({"kind": "Thing", "plural": "things"});
            Definition::parse(&json!({
                "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                "metadata": {"name": "things.example.com"},
                "spec": {"group": "example.com", "scope": "Namespaced", "names": names, "versions": versions}
            }))
            .unwrap()
        };
        let (before, after, waivers) = (definition(old), definition(&new), Waivers::parse("").unwrap());
        let findings = compare(&before, &after, &waivers);
        let merged = merge(&before, &after, Stage::Expand, &waivers).definition;
        let merged = merged.version("v1").unwrap().schema["properties"][name].clone();
        let merged = findings.refusing().next().is_none().then_some(merged);
        Self { old: old.clone(), worst: findings.worst(), merged, new }
    }

    fn schema(&self, which: Which) -> Option<&Value> {
        match which {
            Which::New => Some(&self.new),
            Which::Merged => self.merged.as_ref(),
        }
    }
}

#[derive(Clone, Copy)]
enum Which {
    New,
    Merged,
}

/// What became of the objects of one verdict.
#[derive(Default)]
struct Tally {
    pairs: usize,
    objects: usize,
    refused: usize,
    lost: usize,
}

/// Defines a kind, dropping the pairs of which the API server does not take the schema.
/// Returns what it says of them.
async fn define(server: &Server, kind: &str, pairs: &mut BTreeMap<String, Pair>, which: Which) -> Vec<String> {
    let mut dropped = Vec::new();
    loop {
        let schemas: BTreeMap<&String, &Value> =
            pairs.iter().filter_map(|(name, pair)| Some((name, pair.schema(which)?))).collect();
        let Err((refused, words)) = server.define(kind, &json!({"type": "object", "properties": schemas})).await else {
            return dropped;
        };
        for name in refused {
            let pair = pairs.remove(&name);
            dropped.extend(pair.map(|Pair { old, new, merged, .. }| {
                format!("not a schema: {merged:?}\n  {words}\n  old {old}\n  new {new}")
            }));
        }
    }
}

/// Whether the object has a list for a string with a format, which the API server takes: without that format it would not.
/// No operator writes such an object, and none can read it; that a format is dropped is a Gate all the same.
fn is_odd(schema: &Value, object: &Value) -> bool {
    let found = Validator::new(&without_formats(schema)).unwrap().violations(object);
    found.iter().any(|violation| violation.why.ends_with("string, but is array"))
}

fn without_formats(schema: &Value) -> Value {
    match schema {
        Value::Array(all) => all.iter().map(without_formats).collect(),
        Value::Object(all) => {
            let kept = all.iter().filter(|(keyword, value)| *keyword != "format" || !value.is_string());
            kept.map(|(keyword, value)| (keyword.clone(), without_formats(value))).collect()
        }
        other => other.clone(),
    }
}

/// The objects that the API server takes, each with the name of its only field, as it stores them; without those that it
/// would not take again as it stored them: `2.0` is stored as `2`, of which it says that it is no multiple of `0.1`.
async fn stored(server: &Server, kind: &str, objects: Vec<(String, Value)>) -> Vec<(String, Value)> {
    let answers = stream::iter(objects).map(async |(name, value)| {
        let (_, answer) = server.try_out(kind, json!({&name: value})).await;
        let Answer::Read(read) = answer else {
            return None;
        };
        // Without the defaults of the other fields.
        let stored = read.get(&name).map_or_else(|| json!({}), |value| json!({&name: value}));
        let harm = harm(server, kind, stored.clone()).await;
        harm.is_none().then_some((name, stored))
    });
    answers.buffered(CONCURRENCY).filter_map(async |stored| stored).collect().await
}

/// Why an object is not what it was under another schema.
async fn harm(server: &Server, kind: &str, object: Value) -> Option<(bool, String)> {
    let (object, answer) = server.try_out(kind, object).await;
    match answer {
        Answer::Refused(status) => Some((true, format!("{object} is refused: {}", status["message"]))),
        Answer::Read(read) => {
            let mut paths = Vec::new();
            lost("", &object, &read, false, &mut paths);
            (!paths.is_empty()).then(|| (false, format!("{object} loses {paths:?}")))
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ok_or_a_gate_refuses_nothing_and_loses_nothing() {
    let seed = seed();
    let mut rng = StdRng::seed_from_u64(seed);
    let server = Server::start().await;
    let wanted = number("LEASEHOLD_PAIRS").map_or(KEPT, |pairs| usize::try_from(pairs).unwrap());
    let mut tallies: BTreeMap<Verdict, Tally> = BTreeMap::new();
    let (mut kept, mut expanded, mut round, mut broken) = (0, 0, 0, Vec::new());
    while kept < wanted {
        let [old, new, merged] = ["Old", "New", "Merged"].map(|which| format!("{which}{round}"));
        round += 1;
        let schemas = random_schema(&server, &mut rng, &old).await;
        let mut pairs: BTreeMap<String, Pair> = schemas
            .into_iter()
            .map(|(name, schema)| {
                let mut changed = schema.clone();
                mutate::mutate(&mut rng, &mut changed);
                let pair = Pair::of(&name, &schema, changed);
                (name, pair)
            })
            .collect();
        define(&server, &new, &mut pairs, Which::New).await;
        broken.extend(define(&server, &merged, &mut pairs, Which::Merged).await);

        let objects = pairs.iter().flat_map(|(name, pair)| {
            let of = |_| (name.clone(), values::value(&mut rng, &pair.old, 0));
            (0..OBJECTS).map(of).collect::<Vec<_>>()
        });
        let objects = objects.collect();
        for pair in pairs.values() {
            tallies.entry(pair.worst).or_default().pairs += 1;
        }
        for (name, object) in stored(&server, &old, objects).await {
            let pair = &pairs[&name];
            if object.get(&name).is_some_and(|value| is_odd(&pair.old, value)) {
                continue;
            }
            let tally = tallies.entry(pair.worst).or_default();
            tally.objects += 1;
            let harmed = harm(&server, &new, object.clone()).await;
            match &harmed {
                Some((true, _)) => tally.refused += 1,
                Some((false, _)) => tally.lost += 1,
                None => {}
            }
            let told = |stage: &str, schema: &Value, why: String| {
                format!("{:?}, {stage}: {why}\n  old {}\n  {stage} {schema}", pair.worst, pair.old)
            };
            if pair.worst <= Verdict::Gate {
                kept += 1;
                broken.extend(harmed.map(|(_, why)| told("new", &pair.new, why)));
            }
            if let Some(schema) = &pair.merged {
                expanded += 1;
                broken.extend(harm(&server, &merged, object).await.map(|(_, why)| told("merged", schema, why)));
            }
        }
    }
    print(&tallies);
    eprintln!("{kept} objects kept by Ok and Gate, {expanded} by what is merged at first");
    let harmful = tallies.iter().filter(|(verdict, _)| **verdict > Verdict::Gate);
    assert!(harmful.map(|(_, tally)| tally.refused + tally.lost).sum::<usize>() > 0, "no change here does any harm");
    let shown = broken.iter().take(8).cloned().collect::<Vec<_>>().join("\n");
    assert!(broken.is_empty(), "{} promises broken (seed {seed}):\n{shown}", broken.len());
}

fn print(tallies: &BTreeMap<Verdict, Tally>) {
    eprintln!("{:10} {:>7} {:>8} {:>8} {:>6}", "verdict", "pairs", "objects", "refused", "lost");
    for (verdict, Tally { pairs, objects, refused, lost }) in tallies {
        eprintln!("{:10} {pairs:>7} {objects:>8} {refused:>8} {lost:>6}", format!("{verdict:?}"));
    }
}
