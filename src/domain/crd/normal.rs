//! The form in which the API server keeps a CustomResourceDefinition: its defaults filled in, what says nothing left out. Source:
//! `SetDefaults_CustomResourceDefinitionSpec` and the `omitempty` marks of `apiextensions.k8s.io/v1`.
use serde_json::{Map, Number, Value, json};

/// Keywords whose value is a literal of the user's: kept to the letter, but for how a number is spelled.
const LITERAL: [&str; 2] = ["default", "example"];

/// Brings a spec to that form.
pub(super) fn fill(spec: &mut Map<String, Value>) {
    if let Some(Value::Object(names)) = spec.get_mut("names") {
        let kind = names.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
        for (key, value) in [("singular", kind.to_lowercase()), ("listKind", format!("{kind}List"))] {
            let said = names.get(key).and_then(Value::as_str).is_some_and(|said| !said.is_empty());
            if !said {
                names.insert(key.into(), value.into());
            }
        }
        names.retain(|_, value| says_something(value));
    }
    if spec.get("conversion").is_none_or(|conversion| conversion.get("strategy").is_none()) {
        spec.insert("conversion".into(), json!({"strategy": "None"}));
    }
    spec.retain(|key, value| key == "versions" || says_something(value));
    for version in spec.get_mut("versions").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Value::Object(version) = version {
            fill_version(version);
        }
    }
}

/// Neither null, false, nor empty: what Go leaves out of the JSON of such a field.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(values) => !values.is_empty(),
        _ => true,
    }
}

fn fill_version(version: &mut Map<String, Value>) {
    for key in ["served", "storage"] {
        let said = version.get(key).and_then(Value::as_bool).unwrap_or_default();
        version.insert(key.into(), said.into());
    }
    version.retain(|key, value| ["served", "storage"].contains(&key.as_str()) || says_something(value));
    if let Some(Value::Object(subresources)) = version.get_mut("subresources") {
        subresources.retain(|_, value| !value.is_null());
        if subresources.is_empty() {
            version.remove("subresources");
        }
    }
    for column in version.get_mut("additionalPrinterColumns").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Value::Object(column) = column {
            column.retain(|key, value| says_something(value) && !(key == "priority" && value.as_i64() == Some(0)));
        }
    }
    if let Some(schema) = version.get_mut("schema").and_then(|schema| schema.get_mut("openAPIV3Schema")) {
        fill_schema(schema);
    }
}

fn fill_schema(schema: &mut Value) {
    let Value::Object(keywords) = schema else { return };
    keywords.retain(|keyword, value| match keyword.as_str() {
        "additionalProperties" | "x-kubernetes-preserve-unknown-fields" => !value.is_null(),
        "properties" => value.as_object().is_none_or(|properties| !properties.is_empty()) && !value.is_null(),
        keyword if LITERAL.contains(&keyword) => !value.is_null(),
        _ => says_something(value),
    });
    for (keyword, value) in keywords.iter_mut() {
        match (keyword.as_str(), &mut *value) {
            ("properties", Value::Object(properties)) => properties.values_mut().for_each(fill_schema),
            ("oneOf" | "anyOf" | "allOf", Value::Array(branches)) => branches.iter_mut().for_each(fill_schema),
            ("items" | "additionalProperties" | "not", Value::Object(_)) => fill_schema(value),
            ("x-kubernetes-validations", Value::Array(rules)) => rules.iter_mut().for_each(fill_rule),
            _ => spell_numbers(value),
        }
    }
}

fn fill_rule(rule: &mut Value) {
    if let Value::Object(rule) = rule {
        // That reason is the one meant where none is given.
        rule.retain(|key, value| says_something(value) && !(key == "reason" && value == "FieldValueInvalid"));
    }
}

/// `5.0` becomes `5`: the API server reads both as the same number.
fn spell_numbers(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(whole) = number.as_f64().filter(|_| number.is_f64()).and_then(whole) {
                *number = whole;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(spell_numbers),
        Value::Object(values) => values.values_mut().for_each(spell_numbers),
        _ => {}
    }
}

/// A float that is a whole number, within the 53 bits that a float holds exactly.
fn whole(float: f64) -> Option<Number> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (float.fract() == 0.0 && float.abs() < EXACT)
        .then(|| format!("{float:.0}").parse::<i64>().ok().map(Number::from))?
}
