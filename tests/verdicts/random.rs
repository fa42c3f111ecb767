//! Random definitions, and random ways from one to the next. A field's name says its type, so that versions seldom clash.
use leasehold::domain::crd::Definition;
use serde_json::{Map, Value, json};

use crate::build::{definition, version};

/// Dice that fall the same for the same seed (SplitMix64).
pub struct Dice(pub u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, sides: u64) -> u64 {
        self.next() % sides
    }

    pub fn one_in(&mut self, sides: u64) -> bool {
        self.below(sides) == 0
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }
}

const NAMES: [&str; 8] = ["text", "word", "size", "share", "part", "list", "map", "port"];

/// A field of that name.
pub fn field(dice: &mut Dice, name: &str, depth: u64) -> Value {
    let mut field = match name {
        "text" | "word" => json!({"type": "string"}),
        "size" | "share" => json!({"type": "integer"}),
        "port" => json!({"x-kubernetes-int-or-string": true}),
        "list" if depth > 0 => json!({"type": "array", "items": thing(dice, depth - 1)}),
        "map" if depth > 0 => json!({"type": "object", "additionalProperties": thing(dice, depth - 1)}),
        "part" if depth > 0 => thing(dice, depth - 1),
        "list" => json!({"type": "array", "items": {"type": "string"}}),
        "map" => json!({"type": "object", "additionalProperties": {"type": "string"}}),
        _ => json!({"type": "object"}),
    };
    for _ in 0..dice.below(3) {
        loosen_or_tighten(dice, &mut field);
    }
    field
}

/// An object with some fields.
pub fn thing(dice: &mut Dice, depth: u64) -> Value {
    let mut fields = Map::new();
    for _ in 0..=dice.below(4) {
        let name = *dice.pick(&NAMES);
        fields.insert(name.into(), field(dice, name, depth));
    }
    let mut thing = json!({"type": "object", "properties": fields});
    if dice.one_in(3) {
        require(dice, &mut thing);
    }
    thing
}

fn names(thing: &Value) -> Vec<String> {
    thing["properties"].as_object().into_iter().flat_map(Map::keys).cloned().collect()
}

fn require(dice: &mut Dice, thing: &mut Value) {
    let names = names(thing);
    if !names.is_empty() {
        thing["required"] = json!([dice.pick(&names)]);
    }
}

/// Sets or removes one keyword that suits the type.
fn loosen_or_tighten(dice: &mut Dice, node: &mut Value) {
    let bound = dice.below(9);
    let (keyword, value) = match node["type"].as_str() {
        Some("string") => match dice.below(5) {
            0 => ("enum", json!(["a", "b", "c", "d"][..=usize::try_from(dice.below(4)).unwrap()])),
            1 => ("maxLength", json!(bound)),
            2 => ("pattern", json!(format!("^.{{0,{bound}}}$"))),
            3 => ("nullable", json!(true)),
            _ => ("default", json!("a")),
        },
        Some("integer") => match dice.below(4) {
            0 => ("minimum", json!(bound)),
            1 => ("maximum", json!(bound)),
            2 => ("multipleOf", json!(bound + 1)),
            _ => ("default", json!(bound)),
        },
        Some("array") => ("maxItems", json!(bound)),
        Some("object") => match dice.below(4) {
            0 if node["additionalProperties"].is_null() => ("x-kubernetes-preserve-unknown-fields", json!(true)),
            1 => ("x-kubernetes-validations", json!([{"rule": format!("size(self) < {}", bound % 3)}])),
            2 if !names(node).is_empty() => {
                let all: Vec<_> = names(node).iter().map(|name| json!({"required": [name]})).collect();
                (*dice.pick(&["oneOf", "anyOf", "allOf"]), json!(all))
            }
            _ => ("maxProperties", json!(bound)),
        },
        _ => ("description", json!(format!("text {bound}"))),
    };
    let node = node.as_object_mut().unwrap();
    if dice.one_in(2) {
        node.remove(keyword)
    } else {
        node.insert(keyword.into(), value)
    };
}

/// What most changes of a careful author are: nothing that stored objects may not pass.
fn careful(dice: &mut Dice, node: &mut Value) {
    const BOUNDS: [&str; 12] = [
        "enum",
        "maxLength",
        "pattern",
        "multipleOf",
        "minimum",
        "maximum",
        "maxItems",
        "maxProperties",
        "allOf",
        "anyOf",
        "x-kubernetes-validations",
        "required",
    ];
    let Some(node) = node.as_object_mut() else { return };
    match dice.below(4) {
        0 => {
            node.insert("description".into(), json!(format!("text {}", dice.below(9))));
        }
        1 => {
            node.remove(*dice.pick(&BOUNDS));
        }
        _ => {
            let Some(fields) = node.get_mut("properties").and_then(Value::as_object_mut) else { return };
            let name = *dice.pick(&NAMES);
            if fields.remove(name).is_none() {
                fields.insert(name.into(), field(dice, name, 1));
            }
        }
    }
}

/// Changes some nodes of a schema; a careless author may do anything.
pub fn change(dice: &mut Dice, node: &mut Value, careless: bool) {
    if dice.one_in(3) {
        careful(dice, node);
    }
    if careless && dice.one_in(8) {
        loosen_or_tighten(dice, node);
    }
    if careless && dice.one_in(20) {
        require(dice, node);
    }
    let Some(node) = node.as_object_mut() else { return };
    for keyword in ["items", "additionalProperties"] {
        node.get_mut(keyword).into_iter().for_each(|below| change(dice, below, careless));
    }
    let fields = node.get_mut("properties").and_then(Value::as_object_mut);
    fields.into_iter().flat_map(Map::values_mut).for_each(|field| change(dice, field, careless));
    drop_what_dangles(node);
}

/// A branch may only judge fields that are there.
fn drop_what_dangles(node: &mut Map<String, Value>) {
    let known = node.get("properties").cloned().unwrap_or_default();
    for keyword in ["oneOf", "anyOf", "allOf", "required"] {
        let dangles = |value: &Value| {
            let name = value["required"][0].as_str().or(value.as_str()).unwrap_or_default();
            known.get(name).is_none()
        };
        if node.get(keyword).and_then(Value::as_array).is_some_and(|all| all.iter().any(dangles)) {
            node.remove(keyword);
        }
    }
}

/// A definition of one to three versions, all of them close to one schema.
pub fn first(dice: &mut Dice) -> Definition {
    let spec = thing(dice, 2);
    let versions = 1 + dice.below(3);
    let storage = dice.below(versions);
    let mut all = Vec::new();
    for n in 0..versions {
        let mut own = spec.clone();
        if n > 0 {
            change(dice, &mut own, false);
        }
        all.push(version(&format!("v{n}"), if n == storage { "sS" } else { "s" }, &own));
    }
    definition(&all)
}

/// The next one: fields come and go, versions come, go, are served or not, stored at or not.
pub fn next(dice: &mut Dice, from: &Definition, careless: bool) -> Definition {
    let mut all = Vec::new();
    for version in from.versions() {
        if !version.storage && dice.one_in(4) {
            continue;
        }
        let mut own = Value::Object(version.whole.clone());
        change(dice, &mut own["schema"]["openAPIV3Schema"]["properties"]["spec"], careless);
        own["storage"] = json!(false);
        if dice.one_in(6) {
            own["subresources"] = json!({"status": {}});
        }
        all.push(own);
    }
    if dice.one_in(3) {
        let mut own = all[0]["schema"]["openAPIV3Schema"]["properties"]["spec"].clone();
        change(dice, &mut own, careless);
        all.push(version(&format!("v{}", 3 + dice.below(3)), "s", &own));
    }
    let mut names = std::collections::BTreeSet::new();
    all.retain(|version| names.insert(version["name"].as_str().unwrap().to_owned()));
    let storage = usize::try_from(dice.below(all.len() as u64)).unwrap();
    all[storage]["storage"] = json!(true);
    for (n, version) in all.iter_mut().enumerate() {
        if n != storage && dice.one_in(5) {
            version["served"] = json!(false);
        }
    }
    definition(&all)
}
