//! A script's text → its documents, each with the line it begins at; and what can be wrong with them, with the line.
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::super::files;
use crate::{api, simulate::Object};

/// What is wrong with a script.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct ScriptError {
    pub line: u64,
    pub why: String,
}

/// One document.
pub struct Document {
    /// The line it begins at, from 1.
    pub line: u64,
    /// Its text after as many empty lines as stand before it: what a parser says of it is right in the whole file.
    text: String,
    value: Value,
}

/// The documents of a text, those that say nothing left out.
pub fn split(text: &str) -> Result<Vec<Document>, ScriptError> {
    let (mut documents, mut begin, mut lines) = (Vec::new(), 1, Vec::new());
    for (number, line) in (1..).zip(text.lines().chain(["---"])) {
        if line.trim_end() != "---" {
            lines.push(line);
            continue;
        }
        let before = "\n".repeat(usize::try_from(begin - 1).unwrap_or(0));
        let text = format!("{before}{}\n", std::mem::take(&mut lines).join("\n"));
        let value: Value = parse(&text, begin)?;
        if !value.is_null() {
            documents.push(Document { line: begin, text, value });
        }
        begin = number + 1;
    }
    Ok(documents)
}

impl Document {
    pub fn kind(&self) -> &str {
        self.value["kind"].as_str().unwrap_or_default()
    }

    /// Its content as a value of that type.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, ScriptError> {
        parse(&self.text, self.line)
    }

    /// The objects that it is: one, or a List's.
    pub fn objects(self) -> Result<Vec<Object>, ScriptError> {
        object_or_list(self.value).map_err(|why| ScriptError { line: self.line, why })
    }
}

fn parse<T: DeserializeOwned>(text: &str, begin: u64) -> Result<T, ScriptError> {
    serde_saphyr::from_str(text).map_err(|error| {
        let line = error.location().map_or(begin, |at| at.line());
        let why = error.without_snippet().to_string();
        // The place is said once, and before.
        let why = why.split(" at line ").next().unwrap_or(&why).trim_end_matches([',', ':']);
        ScriptError { line, why: why.to_owned() }
    })
}

/// Objects of Leasehold's own kinds, as the API server would take them.
pub fn object_or_list(mut value: Value) -> Result<Vec<Object>, String> {
    if let Some(items) = value.get_mut("items").map(Value::take).filter(Value::is_array) {
        return object_or_list(items);
    }
    if let Value::Array(items) = value {
        let all: Result<Vec<Vec<Object>>, String> = items.into_iter().map(object_or_list).collect();
        return all.map(|all| all.into_iter().flatten().collect());
    }
    object(value).map(|object| vec![object])
}

fn object(mut value: Value) -> Result<Object, String> {
    let kind = value["kind"].as_str().unwrap_or_default().to_owned();
    let name = value["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    if name.is_empty() {
        return Err(format!("an object needs `kind` and `metadata.name`{}", at_hand(&kind)));
    }
    if let Some(object) = value.as_object_mut() {
        object.remove("status");
        object.entry("apiVersion").or_insert_with(|| "leasehold.dev/v1alpha1".into());
    }
    if let Some(metadata) = value["metadata"].as_object_mut() {
        // The story has clocks, numbers and offboardings of its own.
        metadata.retain(|key, _| matches!(key.as_str(), "name" | "labels" | "annotations" | "uid"));
    }
    files::check(&api::crds(), &kind, &value).map_err(|found| format!("{kind} {name}: {}", found.join("; ")))?;
    let decoded = match kind.as_str() {
        "Tenant" => serde_json::from_value(value).map(|object| Object::Tenant(Box::new(object))),
        "OperatorRelease" => serde_json::from_value(value).map(|object| Object::Release(Box::new(object))),
        "RolloutPolicy" => serde_json::from_value(value).map(|object| Object::Policy(Box::new(object))),
        "FleetPolicy" => serde_json::from_value(value).map(|object| Object::Fleet(Box::new(object))),
        "ChangeWindow" => serde_json::from_value(value).map(|object| Object::Window(Box::new(object))),
        "RolloutApproval" => serde_json::from_value(value).map(|object| Object::Approval(Box::new(object))),
        other => return Err(format!("`{other}` has no place in a script{}", at_hand(""))),
    };
    decoded.map_err(|why| format!("{kind} {name}: {why}"))
}

fn at_hand(kind: &str) -> String {
    let known = "Tenant, OperatorRelease, RolloutPolicy, FleetPolicy, ChangeWindow, RolloutApproval";
    if kind.is_empty() { format!("; there are Simulation, {known}") } else { String::new() }
}
