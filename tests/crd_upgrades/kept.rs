//! What a user knows of one object. In: changes that were acknowledged, the object as it is answered later. Out: what is
//! missing in it. Pure: never asks the cluster.

use std::collections::{BTreeMap, BTreeSet};

use kube::ResourceExt;
use kube::api::DynamicObject;
use serde_json::{Value, json};

/// A field that the user sets: `("labels", "turn")` or `("spec", "size")`.
pub type Field = (&'static str, &'static str);

/// One object, as far as it was acknowledged.
#[derive(Debug, Default)]
pub struct Kept {
    uid: String,
    fields: BTreeMap<Field, Value>,
    /// Fields that came back once. The first time counts for nothing: a request of somebody else that began when the
    /// definition did not have the field yet may still erase it.
    tried: BTreeSet<Field>,
    /// Of `status.writes`, `metadata.generation` and the `ConfigMap`: none of them ever falls.
    counters: BTreeMap<&'static str, i64>,
}

impl Kept {
    /// As the API server answered its creation.
    pub fn created(object: &DynamicObject) -> Self {
        Self { uid: object.uid().unwrap_or_default(), ..Self::default() }
    }

    /// What is wrong with the object as it came back; `changed` is the field that was set with it, which counts as
    /// acknowledged when it is there, unless this is the first time.
    pub fn answered(&mut self, object: &DynamicObject, changed: Option<(Field, &Value)>) -> Result<bool, String> {
        let changing = changed.map(|(field, _)| field);
        self.stands(object, changing)?;
        self.counts("generation", object.metadata.generation.unwrap_or_default())?;
        self.counts("status.writes", object.data["status"]["writes"].as_i64().unwrap_or_default())?;
        let Some((field, value)) = changed else { return Ok(false) };
        match read(object, field) {
            found if found == *value => {
                let counts = !self.tried.insert(field);
                if counts {
                    self.fields.insert(field, found);
                }
                Ok(counts)
            }
            Value::Null if !self.fields.contains_key(&field) => Ok(false),
            found => Err(format!("{field:?} was set to {value} and came back as {found}")),
        }
    }

    /// Whether it is the same object, with all that was acknowledged, but for a field that is just being changed.
    pub fn stands(&self, object: &DynamicObject, but: Option<Field>) -> Result<(), String> {
        if object.uid().unwrap_or_default() != self.uid {
            return Err(format!("it is another object: {:?} instead of {}", object.uid(), self.uid));
        }
        for (field, value) in self.fields.iter().filter(|(field, _)| Some(**field) != but) {
            let found = read(object, *field);
            if found != *value {
                return Err(format!("{field:?} was acknowledged as {value} and is {found}"));
            }
        }
        Ok(())
    }

    /// A counter as it was seen.
    pub fn counts(&mut self, counter: &'static str, seen: i64) -> Result<(), String> {
        let before = self.counters.insert(counter, seen).unwrap_or_default();
        if seen < before { Err(format!("{counter} fell from {before} to {seen}")) } else { Ok(()) }
    }

    /// A field of the spec, when it was acknowledged.
    pub fn spec(&self, field: &'static str) -> Option<&Value> {
        self.fields.get(&("spec", field))
    }
}

fn read(object: &DynamicObject, (under, key): Field) -> Value {
    match under {
        "labels" => object.labels().get(key).map_or(Value::Null, |value| json!(value)),
        _ => object.data[under][key].clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITEM: Field = ("spec", "maxItemSize");

    fn object(item: Option<u8>, writes: i64) -> DynamicObject {
        let mut object = json!({
            "apiVersion": "cache.example.com/v1", "kind": "Memcached", "metadata": {"name": "a", "uid": "u"},
            "spec": {"size": 1}, "status": {"writes": writes},
        });
        if let Some(item) = item {
            object["spec"]["maxItemSize"] = json!(item);
        }
        serde_json::from_value(object).unwrap()
    }

    fn with_item(item: u8) -> Kept {
        let mut kept = Kept::created(&object(None, 0));
        for _ in 0..2 {
            kept.answered(&object(Some(item), 0), Some((ITEM, &json!(item)))).unwrap();
        }
        kept
    }

    #[test]
    fn what_came_back_twice_must_stay() {
        let mut kept = with_item(3);
        assert_eq!(kept.spec("maxItemSize"), Some(&json!(3)));
        assert!(kept.stands(&object(Some(3), 0), None).is_ok());
        assert!(kept.stands(&object(None, 0), None).unwrap_err().contains("is null"));
        assert!(kept.stands(&object(Some(2), 0), None).unwrap_err().contains("is 2"));
        assert!(kept.answered(&object(None, 0), Some((ITEM, &json!(4)))).unwrap_err().contains("came back as null"));
    }

    #[test]
    fn a_field_that_nobody_serves_yet_is_no_promise() {
        let mut kept = Kept::created(&object(None, 0));
        assert_eq!(kept.answered(&object(None, 0), Some((ITEM, &json!(3)))), Ok(false));
        assert_eq!(kept.answered(&object(Some(3), 0), Some((ITEM, &json!(3)))), Ok(false), "the first time");
        assert!(kept.stands(&object(None, 0), None).is_ok());
    }

    #[test]
    fn another_object_of_that_name_and_a_counter_that_falls_are_seen() {
        let mut kept = with_item(3);
        kept.answered(&object(Some(3), 7), None).unwrap();
        assert!(kept.answered(&object(Some(3), 6), None).unwrap_err().contains("fell from 7 to 6"));
        let mut other = object(Some(3), 7);
        other.metadata.uid = Some("v".into());
        assert!(kept.stands(&other, None).unwrap_err().contains("another object"));
    }
}
