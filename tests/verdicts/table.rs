//! Runs a row of the table: everywhere in an object where such a change can be, and back.
use serde::Deserialize;
use serde_json::{Value, json};

use crate::build::{between, of_spec, told};

/// A change of one node, and what is found: `<path below the node> <rule> <verdict>` each.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    #[serde(rename = "row")]
    name: String,
    /// The node before and after.
    node: Option<[Value; 2]>,
    /// Instead of it, the field `f` of an object, before and after.
    f: Option<[Value; 2]>,
    there: Option<Vec<String>>,
    back: Option<Vec<String>>,
    /// Instead of them, what is found there as well as back.
    both: Option<Vec<String>>,
}

impl Row {
    fn nodes(&self) -> [Value; 2] {
        let field = |schema: &Value| json!({"type": "object", "properties": {"f": schema}});
        self.node.clone().or_else(|| Some(self.f.as_ref()?.each_ref().map(field))).expect("node or f")
    }

    fn found(&self) -> [&[String]; 2] {
        [&self.there, &self.back]
            .map(|way| way.as_ref().or(self.both.as_ref()).expect("there and back, or both").as_slice())
    }
}

pub fn read(rows: &str) -> Vec<Row> {
    serde_saphyr::from_str(rows).unwrap()
}

/// Where the node is: its path, and the schema around it.
type Place = (&'static str, fn(&Value) -> Value);

fn with(name: &str, field: &Value) -> Value {
    json!({"type": "object", "properties": {name: field, "other": {"type": "string"}}})
}

fn list(items: &Value) -> Value {
    json!({"type": "array", "items": items})
}

const SINGLE: [Place; 2] = [("spec", Value::clone), ("spec.a.b", |node| with("a", &with("b", node)))];
const MANY: [Place; 4] = [
    ("spec.list[*]", |node| with("list", &list(node))),
    ("spec.a.map.*", |node| with("a", &with("map", &json!({"type": "object", "additionalProperties": node})))),
    ("spec.list[*][*]", |node| with("list", &list(&list(node)))),
    ("spec.list[*].in", |node| with("list", &list(&with("in", node)))),
];

fn wanted(at: &str, found: &[String]) -> Vec<String> {
    let one = |one: &String| if one.starts_with(['.', '[']) { format!("{at}{one}") } else { format!("{at} {one}") };
    let mut all: Vec<_> = found.iter().map(one).collect();
    all.sort();
    all
}

fn hold(row: &Row, places: &[Place]) {
    let ([old, new], [there, back], name) = (row.nodes(), row.found(), &row.name);
    for (at, around) in places {
        let (old, new) = (of_spec(&around(&old)), of_spec(&around(&new)));
        assert_eq!(told(&between(&old, &new)), wanted(at, there), "{name} at {at}");
        assert_eq!(told(&between(&new, &old)), wanted(at, back), "{name} at {at}, back");
        assert_eq!(told(&between(&new, &new)), [""; 0], "{name} at {at}: nothing lies between the same");
    }
}

/// At the top, in fields, in lists and in maps; each reason is a sentence of bounded length.
pub fn everywhere(rows: &str) {
    for row in read(rows) {
        hold(&row, &SINGLE);
        hold(&row, &MANY);
        let [old, new] = row.nodes();
        for finding in between(&of_spec(&old), &of_spec(&new)).all {
            let length = finding.why.chars().count();
            assert!((10..=300).contains(&length), "{}: {length} characters: {}", row.name, finding.why);
        }
    }
}

pub fn alone(rows: &str) {
    for row in read(rows) {
        hold(&row, &SINGLE);
    }
}

pub fn among_many(rows: &str) {
    for row in read(rows) {
        hold(&row, &MANY);
    }
}
