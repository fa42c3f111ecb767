//! Files of objects → what `render` works on. Reads files and nothing else: no cluster, no environment.
//!
//! Every object is held against the schema of its CustomResourceDefinition; its types bring the same defaults as that.
//! CEL rules are the API server's alone.
use std::{
    collections::BTreeSet,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Resource, api::DynamicObject};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{
    api::{self, FleetPolicy, OperatorRelease, RolloutPolicy, Tenant},
    domain::marks,
    plan::render::values::Schema,
};

/// A file that cannot be read as objects at all.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("cannot read {path}: {why}. Name a file or a folder, or `-` for standard input")]
    Unreadable { path: String, why: io::Error },
    #[error("{path} is no YAML: {why}")]
    Syntax { path: String, why: String },
    #[error("{path}, document {number}: {why}")]
    NoObject { path: String, number: usize, why: String },
}

/// What the files hold.
#[derive(Debug, Default)]
pub struct Input {
    pub tenants: Vec<Tenant>,
    pub releases: Vec<OperatorRelease>,
    pub fleet: Option<FleetPolicy>,
    /// ConfigMaps that hold definitions of releases.
    pub crd_maps: Vec<DynamicObject>,
    /// Objects that the API server would refuse, and why.
    pub findings: Vec<String>,
    /// What was left out, for a person.
    pub notes: Vec<String>,
}

/// One document, and where it stands.
#[derive(Debug)]
pub(super) struct Document {
    pub path: String,
    pub number: usize,
    pub value: Value,
}

/// Reads files, folders (their `.yaml`, `.yml` and `.json` files) and `-` for standard input.
///
/// # Errors
/// The first file that cannot be read or is no YAML, or a document that is no Kubernetes object.
pub fn read(paths: &[PathBuf]) -> Result<Input, FileError> {
    let mut sorter = Sorter::new();
    for document in documents(paths)? {
        sorter.take(document)?;
    }
    Ok(sorter.input)
}

/// The documents of files and folders in their order; a `List` counts as what it holds.
///
/// # Errors
/// The first file that cannot be read or is no YAML.
pub(super) fn documents(paths: &[PathBuf]) -> Result<Vec<Document>, FileError> {
    let mut documents = Vec::new();
    for path in paths {
        for file in expand(path)? {
            let name = file.display().to_string();
            let text = text(&file).map_err(|why| FileError::Unreadable { path: name.clone(), why })?;
            documents.extend(parse(&name, &text)?.into_iter().flat_map(listed));
        }
    }
    Ok(documents)
}

/// What a `List` holds, each as if it stood in its place; anything else as it is.
fn listed(mut document: Document) -> Vec<Document> {
    let Document { path, number, value } = &mut document;
    if value["apiVersion"] != "v1" || !value["kind"].as_str().is_some_and(|kind| kind.ends_with("List")) {
        return vec![document];
    }
    let items = value.get_mut("items").map(Value::take);
    let items = items.and_then(|items| if let Value::Array(items) = items { Some(items) } else { None });
    let of = |value| Document { path: path.clone(), number: *number, value };
    items.into_iter().flatten().map(of).collect()
}

fn expand(path: &Path) -> Result<Vec<PathBuf>, FileError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable = |why| FileError::Unreadable { path: path.display().to_string(), why };
    let entries: Result<Vec<_>, io::Error> = fs::read_dir(path).map_err(unreadable)?.collect();
    let known =
        |file: &PathBuf| file.extension().is_some_and(|e| ["yaml", "yml", "json"].iter().any(|known| e == *known));
    let mut files: Vec<PathBuf> = entries.map_err(unreadable)?.into_iter().map(|e| e.path()).filter(known).collect();
    files.sort();
    Ok(files)
}

fn text(path: &Path) -> io::Result<String> {
    if path != Path::new("-") {
        return fs::read_to_string(path);
    }
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).map(|_| text)
}

fn parse(path: &str, text: &str) -> Result<Vec<Document>, FileError> {
    let values: Vec<Value> = serde_saphyr::from_multiple(text)
        .map_err(|why| FileError::Syntax { path: path.to_owned(), why: why.to_string() })?;
    let document = |(at, value)| Document { path: path.to_owned(), number: at + 1, value };
    Ok(values.into_iter().enumerate().map(document).collect())
}

/// Sorts documents by kind.
struct Sorter {
    input: Input,
    definitions: Vec<CustomResourceDefinition>,
    seen: BTreeSet<(String, String)>,
}

impl Sorter {
    fn new() -> Self {
        Self { input: Input::default(), definitions: api::crds(), seen: BTreeSet::new() }
    }

    fn take(&mut self, document: Document) -> Result<(), FileError> {
        let text =
            |pointer: &str| document.value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (api_version, kind, name) = (text("/apiVersion"), text("/kind"), text("/metadata/name"));
        let wrong = |why: &str| {
            let Document { path, number, .. } = &document;
            FileError::NoObject { path: path.clone(), number: *number, why: why.to_owned() }
        };
        if api_version.is_empty() || kind.is_empty() {
            return Err(wrong("an object needs `apiVersion` and `kind`"));
        }
        if name.is_empty() {
            return Err(wrong("an object needs `metadata.name`"));
        }
        if api_version == "v1" && kind == "ConfigMap" && holds_definitions(&document.value) {
            let map = serde_json::from_value(document.value.clone()).map_err(|error| wrong(&error.to_string()))?;
            self.input.crd_maps.push(map);
        } else if api_version != Tenant::api_version(&()) {
            self.input
                .notes
                .push(format!("{kind} {name} of {} is left out: it is none of Leasehold's kinds", document.path));
        } else if self.seen.insert((kind.clone(), name.clone())) {
            self.sort(&kind, &name, document.value);
        } else {
            self.input
                .findings
                .push(format!("{kind} {name} is given twice; the second one ({}) is left out", document.path));
        }
        Ok(())
    }

    fn sort(&mut self, kind: &str, name: &str, value: Value) {
        match kind {
            "Tenant" => {
                let tenant = self.decode(kind, name, value);
                self.input.tenants.extend(tenant);
            }
            "OperatorRelease" => {
                let release = self.decode(kind, name, value);
                self.input.releases.extend(release);
            }
            "FleetPolicy" => self.input.fleet = self.decode(kind, name, value),
            // Decides who goes when, not what is applied: only checked.
            "RolloutPolicy" => drop(self.decode::<RolloutPolicy>(kind, name, value)),
            _ => self.input.notes.push(format!("{kind} {name} is left out: it decides nothing that is rendered")),
        }
    }

    /// The object, with defaults, when the API server would take it.
    fn decode<T: DeserializeOwned>(&mut self, kind: &str, name: &str, mut value: Value) -> Option<T> {
        // The state of a live object is not what is asked for.
        if let Some(object) = value.as_object_mut() {
            object.remove("status");
        }
        let checked = check(&self.definitions, kind, &value);
        let decoded = checked.and_then(|()| serde_json::from_value(value).map_err(|error| vec![error.to_string()]));
        match decoded {
            Ok(object) => Some(object),
            Err(findings) => {
                self.input.findings.extend(findings.into_iter().map(|finding| format!("{kind} {name}: {finding}")));
                None
            }
        }
    }
}

/// Whether it is a ConfigMap whose texts are definitions of releases.
pub(super) fn holds_definitions(object: &Value) -> bool {
    object["metadata"]["labels"][marks::RELEASE_CRDS] == "true"
}

/// Holds `spec` against the schema of its CustomResourceDefinition.
pub(super) fn check(definitions: &[CustomResourceDefinition], kind: &str, object: &Value) -> Result<(), Vec<String>> {
    let Some(schema) = definitions.iter().find(|crd| crd.spec.names.kind == kind).and_then(spec_schema) else {
        return Ok(());
    };
    let say = |error: crate::plan::render::values::ValueError| {
        let path = error.path.strip_prefix("values").unwrap_or(&error.path);
        format!("spec{path}: {}", error.message.replace("is not known to the release", "is no such field"))
    };
    let all = |errors: Vec<_>| errors.into_iter().map(say).collect::<Vec<_>>();
    let schema = Schema::compile(&schema).map_err(all)?;
    let Some(Value::Object(spec)) = object.get("spec") else { return Err(vec!["spec: is required, a map".into()]) };
    schema.check(spec).map(|_| ()).map_err(all)
}

/// The schema of `spec`, without the rules that only the API server can evaluate.
fn spec_schema(crd: &CustomResourceDefinition) -> Option<Map<String, Value>> {
    let schema = crd.spec.versions.first()?.schema.as_ref()?.open_api_v3_schema.as_ref()?;
    let mut spec = serde_json::to_value(schema.properties.as_ref()?.get("spec")?).ok()?;
    without_rules(&mut spec);
    spec.as_object().cloned()
}

fn without_rules(schema: &mut Value) {
    match schema {
        Value::Object(keywords) => {
            keywords.remove("x-kubernetes-validations");
            // Beside `x-kubernetes-int-or-string` it says the same again.
            if keywords.contains_key("x-kubernetes-int-or-string") {
                keywords.remove("anyOf");
            }
            keywords.values_mut().for_each(without_rules);
        }
        Value::Array(items) => items.iter_mut().for_each(without_rules),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_of_every_kind_is_understood() {
        for crd in api::crds() {
            let schema = spec_schema(&crd).unwrap();
            assert_eq!(Schema::compile(&schema).err(), None, "{}", crd.spec.names.kind);
        }
    }
}
