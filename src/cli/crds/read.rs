//! Files and folders → the definitions in them: CustomResourceDefinitions as they are, and those that OperatorReleases bring,
//! inline or from the ConfigMaps beside them. Reads files and nothing else.
use std::{collections::BTreeMap, path::PathBuf};

use kube::api::DynamicObject;
use serde_json::Value;

use crate::{
    api::OperatorRelease,
    cli::files::{self, Document, FileError},
    domain::world::World,
    observe,
    plan::crd_source,
};

/// Definitions by name, and what came with them.
#[derive(Debug, Default)]
pub struct Brought {
    pub definitions: BTreeMap<String, Value>,
    /// Releases among the files.
    pub releases: Vec<OperatorRelease>,
    /// ConfigMaps of definitions among the files.
    pub maps: Vec<DynamicObject>,
    /// What was left out, for a person.
    pub notes: Vec<String>,
}

/// Why files cannot be taken as definitions.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{path}, document {number}: {why}")]
    Wrong { path: String, number: usize, why: String },
    #[error("CustomResourceDefinition {0} is given twice, and the two differ: leave one out")]
    Twice(String),
    #[error("OperatorRelease {name}: {why}")]
    Release { name: String, why: String },
}

/// Reads what the paths hold, as [`files::documents`] finds it. Releases are kept; what they bring is not looked up yet.
///
/// # Errors
/// [`ReadError`].
pub fn objects(paths: &[PathBuf]) -> Result<Brought, ReadError> {
    let mut brought = Brought::default();
    for document in files::documents(paths)? {
        brought.take(document)?;
    }
    Ok(brought)
}

/// The same, with the definitions of its releases among the others.
///
/// # Errors
/// [`ReadError`]; also a release whose ConfigMap is not among the files.
pub fn definitions(paths: &[PathBuf]) -> Result<Brought, ReadError> {
    let mut brought = objects(paths)?;
    let world = World { crd_maps: observe::crd_maps(&brought.maps), ..World::default() };
    let releases = std::mem::take(&mut brought.releases);
    for release in &releases {
        for OfRelease { name, object, .. } in of_release(release, &world)? {
            brought.add(name, object)?;
        }
    }
    brought.releases = releases;
    Ok(brought)
}

/// One definition of a release.
#[derive(Debug)]
pub struct OfRelease {
    pub name: String,
    pub object: Value,
    /// The release ends what earlier ones had of it.
    pub contract: bool,
}

/// The definitions of a release, with the ConfigMaps of that World.
///
/// # Errors
/// [`ReadError::Release`].
pub fn of_release(release: &OperatorRelease, world: &World) -> Result<Vec<OfRelease>, ReadError> {
    let wrong = |why: String| {
        let name = release.metadata.name.clone().unwrap_or_default();
        ReadError::Release { name, why }
    };
    let mut definitions = Vec::new();
    for (n, source) in release.spec.crds.iter().enumerate() {
        let (field, object) = crd_source::resolve(n, source, world).map_err(wrong)?;
        let name = named(&object).ok_or_else(|| wrong(format!("{field} has no metadata.name")))?;
        definitions.push(OfRelease { name, object: object.as_ref().clone(), contract: source.contract });
    }
    Ok(definitions)
}

/// The name of an object.
#[must_use]
pub fn named(object: &Value) -> Option<String> {
    object.pointer("/metadata/name").and_then(Value::as_str).map(ToOwned::to_owned)
}

impl Brought {
    fn take(&mut self, document: Document) -> Result<(), ReadError> {
        let Document { path, number, value } = document;
        let wrong = |why: String| ReadError::Wrong { path: path.clone(), number, why };
        let kind = value["kind"].as_str().unwrap_or_default().to_owned();
        match (kind.as_str(), named(&value)) {
            ("CustomResourceDefinition", Some(name)) => self.add(name, value)?,
            ("CustomResourceDefinition", None) => return Err(wrong("has no metadata.name".to_owned())),
            ("OperatorRelease", _) => {
                let release = serde_json::from_value(value).map_err(|error| wrong(error.to_string()))?;
                self.releases.push(release);
            }
            ("ConfigMap", _) if files::holds_definitions(&value) => {
                let map = serde_json::from_value(value).map_err(|error| wrong(error.to_string()))?;
                self.maps.push(map);
            }
            (_, name) => {
                let what = format!("{kind} {}", name.unwrap_or_default());
                let what = if kind.is_empty() { "a document without `kind`" } else { what.trim_end() };
                self.notes.push(format!("{what} of {path} is left out: it brings no CustomResourceDefinition"));
            }
        }
        Ok(())
    }

    fn add(&mut self, name: String, definition: Value) -> Result<(), ReadError> {
        match self.definitions.get(&name) {
            Some(known) if known["spec"] != definition["spec"] => Err(ReadError::Twice(name)),
            Some(_) => Ok(()),
            None => {
                self.definitions.insert(name, definition);
                Ok(())
            }
        }
    }
}
