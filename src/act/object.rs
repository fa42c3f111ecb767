//! An object as it is stored, however deep: what lies too deep to be looked at is left out, and that is said.
//!
//! Where a definition leaves the form of a field free the API server takes thousands of levels from anybody who may write the
//! object. `serde_json` refuses more than 127, and with one object the whole list it is in.
use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

use super::stored::Target;

/// Levels of an object that are looked at. With those of the list around it, fewer than `serde_json` bears.
const DEEPEST: u8 = 100;

/// What is said of an object that has more.
pub(super) const TOO_DEEP: &str = "nested too deeply to be judged: more than 100 levels";

/// An object that was read as a whole.
#[derive(Debug)]
pub(super) struct Object {
    pub target: Target,
    pub value: Value,
    /// Something lies too deep: null is in its place.
    pub too_deep: bool,
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        let mut too_deep = false;
        let value = Level { left: DEEPEST, too_deep: &mut too_deep }.deserialize(reader)?;
        let target = Target::deserialize(&value["metadata"]).map_err(D::Error::custom)?;
        Ok(Self { target, value, too_deep })
    }
}

/// Makes a value that has at most so many levels left.
struct Level<'a> {
    left: u8,
    too_deep: &'a mut bool,
}

impl Level<'_> {
    /// The level below; none, and that is noted, when this one is too deep already.
    fn below(&mut self) -> Option<Level<'_>> {
        *self.too_deep |= self.left == 0;
        Some(Level { left: self.left.checked_sub(1)?, too_deep: self.too_deep })
    }
}

impl<'de> DeserializeSeed<'de> for Level<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level<'_> {
    type Value = Value;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Value, A::Error> {
        let mut kept = Vec::new();
        while let Some(below) = self.below() {
            let Some(item) = items.next_element_seed(below)? else { return Ok(kept.into()) };
            kept.push(item);
        }
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Null)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Value, A::Error> {
        let mut kept = Map::new();
        while let Some(below) = self.below() {
            let Some(key) = map.next_key()? else { return Ok(kept.into()) };
            kept.insert(key, map.next_value_seed(below)?);
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::act::stored;

    fn listed(spec: &str) -> Vec<Object> {
        let metadata = r#"{"name": "a", "namespace": "n", "uid": "u", "resourceVersion": "7"}"#;
        let list = format!(
            r#"{{"metadata": {{}}, "items": [{{"spec": {spec}, "metadata": {metadata}}}, {{"metadata": {metadata}}}]}}"#
        );
        let mut all = Vec::new();
        stored::each(list.as_bytes(), |object| all.push(object)).unwrap();
        all
    }

    /// As many levels below each other, lists and objects in turn.
    fn nested(levels: usize) -> String {
        let (mut open, mut close) = (String::new(), String::new());
        for level in 0..levels {
            open.push_str(if level % 2 == 0 { "[1, " } else { r#"{"a": "b", "c": "# });
            close.insert(0, if level % 2 == 0 { ']' } else { '}' });
        }
        format!("{open}0{close}")
    }

    #[test]
    fn what_is_not_too_deep_is_read_as_it_is() {
        let spec = r#"{"a": [null, true, -1, 18446744073709551615, 1.5, "x", "\u00e9\n"], "b": {}, "c": []}"#;
        let [first, second] = &listed(spec)[..] else { panic!() };
        assert_eq!(first.value["spec"], serde_json::from_str::<Value>(spec).unwrap());
        assert_eq!((first.too_deep, second.too_deep), (false, false));
        assert_eq!(
            second.value["metadata"],
            json!({"name": "a", "namespace": "n", "uid": "u", "resourceVersion": "7"})
        );
    }

    #[test]
    fn what_is_too_deep_is_told_of_its_object_and_of_no_other() {
        for (levels, too_deep) in [(99, false), (100, true), (130, true), (10_000, true)] {
            let [first, second] = &listed(&nested(levels))[..] else { panic!("{levels}") };
            assert_eq!((first.too_deep, &*first.target.spoken()), (too_deep, "n/a"), "{levels}");
            assert!(!second.too_deep, "{levels}");
        }
        let whole: Value = serde_json::from_str(&nested(99)).unwrap();
        assert_eq!(listed(&nested(99))[0].value["spec"], whole);
    }
}
