//! A rule and a value → findings, and defaults where something is missing.
use serde_json::{Map, Value};

use super::{
    Findings, MAX_DEPTH,
    schema::{Kind, Others, Rule},
};

impl Rule {
    pub fn apply(&self, value: &mut Value, path: &str, depth: usize, findings: &mut Findings) {
        if depth > MAX_DEPTH {
            return findings.add(path, format!("deeper than {MAX_DEPTH} levels"));
        }
        if value.is_null() && self.nullable {
            return;
        }
        if !self.kind.takes(value) {
            return findings.add(path, format!("must be {}, not {}", self.kind.name(), described(value)));
        }
        match value {
            Value::Object(fields) => self.object(fields, path, depth, findings),
            Value::Array(items) => self.array(items, path, depth, findings),
            Value::String(text) => self.string(text, path, findings),
            Value::Number(number) => self.number(number.as_f64().unwrap_or_default(), path, findings),
            Value::Null | Value::Bool(_) => {}
        }
        if let Some(allowed) = self.allowed.as_ref().filter(|allowed| !allowed.contains(value)) {
            let allowed: Vec<String> = allowed.iter().map(ToString::to_string).collect();
            findings.add(path, format!("must be one of {}, not {value}", allowed.join(", ")));
        }
    }

    fn object(&self, fields: &mut Map<String, Value>, path: &str, depth: usize, findings: &mut Findings) {
        for (name, rule) in &self.properties {
            if let (false, Some(default)) = (fields.contains_key(name), &rule.default) {
                fields.insert(name.clone(), default.clone());
            }
        }
        for name in self.required.iter().filter(|name| !fields.contains_key(*name)) {
            findings.add(&format!("{path}.{name}"), "is required");
        }
        self.size(fields.len(), "keys", path, findings);
        let known: Vec<&str> = self.properties.keys().map(String::as_str).collect();
        for (name, value) in fields {
            let at = format!("{path}.{name}");
            match (self.properties.get(name), &self.others) {
                (Some(rule), _) => rule.apply(value, &at, depth + 1, findings),
                (None, Others::Each(rule)) => rule.apply(value, &at, depth + 1, findings),
                (None, Others::Refuse) if self.kind == Kind::Object => {
                    findings.add(
                        &at,
                        format!(
                            "is not known to the release, which takes {}",
                            if known.is_empty() { "none".to_owned() } else { known.join(", ") }
                        ),
                    );
                }
                (None, _) => {}
            }
        }
    }

    fn array(&self, items: &mut [Value], path: &str, depth: usize, findings: &mut Findings) {
        self.size(items.len(), "elements", path, findings);
        if let Some(rule) = &self.items {
            for (index, item) in items.iter_mut().enumerate() {
                rule.apply(item, &format!("{path}[{index}]"), depth + 1, findings);
            }
        }
        let again = |(i, item): (usize, &Value)| items.iter().take(i).any(|earlier| earlier == item);
        if let (true, Some(index)) = (self.unique, items.iter().enumerate().position(again)) {
            findings.add(&format!("{path}[{index}]"), "is there twice");
        }
    }

    fn string(&self, text: &str, path: &str, findings: &mut Findings) {
        if self.kind == Kind::String {
            self.size(text.chars().count(), "characters", path, findings);
        }
        if let Some(pattern) = self.pattern.as_ref().filter(|pattern| !pattern.is_match(text)) {
            findings.add(path, format!("must match `{pattern}`"));
        }
    }

    fn number(&self, number: f64, path: &str, findings: &mut Findings) {
        let below = |least: f64, exclusive: bool| number < least || (exclusive && number <= least);
        if let Some((least, exclusive)) = self.minimum.filter(|(least, exclusive)| below(*least, *exclusive)) {
            findings.add(path, format!("must be {} {least}", if exclusive { "above" } else { "at least" }));
        }
        let above = |most: f64, exclusive: bool| number > most || (exclusive && number >= most);
        if let Some((most, exclusive)) = self.maximum.filter(|(most, exclusive)| above(*most, *exclusive)) {
            findings.add(path, format!("must be {} {most}", if exclusive { "below" } else { "at most" }));
        }
        if let Some(step) = self.multiple_of.filter(|step| (number / step).fract() != 0.0) {
            findings.add(path, format!("must be a multiple of {step}"));
        }
    }

    fn size(&self, size: usize, of: &str, path: &str, findings: &mut Findings) {
        let (least, most) = self.size;
        if size < least {
            findings.add(path, format!("must have at least {least} {of}, has {size}"));
        }
        if let Some(most) = most.filter(|most| size > *most) {
            findings.add(path, format!("must have at most {most} {of}, has {size}"));
        }
    }
}

impl Kind {
    fn takes(self, value: &Value) -> bool {
        let whole = || value.as_f64().is_some_and(|n| n.fract() == 0.0);
        match self {
            Self::Any => true,
            Self::Object => value.is_object(),
            Self::Array => value.is_array(),
            Self::String => value.is_string(),
            Self::Integer => whole(),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::IntOrString => value.is_string() || whole(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Any => "anything",
            Self::Object => "a map",
            Self::Array => "a list",
            Self::String => "a string",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::IntOrString => "a whole number or a string",
        }
    }
}

/// A value in a message: short ones as they are, the others by their kind.
fn described(value: &Value) -> String {
    match value {
        Value::Object(_) => "a map".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::String(text) if text.chars().count() > 40 => "a long string".to_owned(),
        other => other.to_string(),
    }
}
