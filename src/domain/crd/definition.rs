//! A CustomResourceDefinition as JSON: read once, checked for its outline, with the API server's defaults filled in. Nothing
//! that a typed model does not know is lost, because what is read here is written again.
use std::sync::OnceLock;

use serde_json::{Map, Value};

use super::{fingerprint, normal};

/// Levels of JSON a definition may have. Every walk over one is recursive, and is bounded by this; the readers of this program
/// (serde_json) stop at 128, so that a definition from a cluster never meets it.
pub const MOST_LEVELS: usize = 256;

/// Groups, with all below them, whose kinds are Kubernetes' own or Leasehold's: a release brings none of them.
const PROTECTED_GROUPS: [&str; 3] = ["k8s.io", "kubernetes.io", "leasehold.dev"];

/// A CustomResourceDefinition's name and spec. Two are equal when they mean the same.
#[derive(Clone, Debug)]
pub struct Definition {
    name: String,
    spec: Map<String, Value>,
    digest: OnceLock<String>,
    substance: OnceLock<String>,
}

/// One version of a definition.
#[derive(Clone, Copy, Debug)]
pub struct Version<'a> {
    pub name: &'a str,
    pub served: bool,
    pub storage: bool,
    pub deprecated: bool,
    /// Its OpenAPI v3 schema; null where it has none.
    pub schema: &'a Value,
    /// All of it, as written.
    pub whole: &'a Map<String, Value>,
}

impl<'a> Version<'a> {
    /// A version as it is written.
    #[must_use]
    pub fn of(whole: &'a Map<String, Value>) -> Self {
        let is = |key| whole.get(key).and_then(Value::as_bool).unwrap_or_default();
        Self {
            name: whole.get("name").and_then(Value::as_str).unwrap_or_default(),
            served: is("served"),
            storage: is("storage"),
            deprecated: is("deprecated"),
            schema: whole.get("schema").and_then(|s| s.get("openAPIV3Schema")).unwrap_or(&Value::Null),
            whole,
        }
    }
}

impl Definition {
    /// Reads a whole CustomResourceDefinition.
    ///
    /// # Errors
    /// It is none of `apiextensions.k8s.io/v1`, lacks what no definition can lack (name, group, kind, plural, scope, a version),
    /// names a version twice, or nests deeper than [`MOST_LEVELS`].
    pub fn parse(object: &Value) -> Result<Self, String> {
        if !shallower(object, MOST_LEVELS) {
            return Err(format!("is nested more than {MOST_LEVELS} levels deep"));
        }
        for (field, wanted) in [("apiVersion", "apiextensions.k8s.io/v1"), ("kind", "CustomResourceDefinition")] {
            match object.get(field).map(Value::as_str) {
                None => {}
                Some(Some(said)) if said == wanted => {}
                Some(said) => return Err(format!("{field} is {}, not {wanted}", said.unwrap_or("no text"))),
            }
        }
        let name = object.pointer("/metadata/name").and_then(Value::as_str).filter(|name| !name.is_empty());
        let name = name.ok_or("has no metadata.name")?;
        let spec = object.get("spec").and_then(Value::as_object).ok_or("has no spec")?;
        Self::of(name, spec.clone())
    }

    /// A definition of that name with that spec.
    ///
    /// # Errors
    /// As [`Self::parse`], but for the depth.
    pub fn of(name: &str, mut spec: Map<String, Value>) -> Result<Self, String> {
        outline(&spec)?;
        normal::fill(&mut spec);
        let definition = Self::read(name, spec);
        let wanted = format!("{}.{}", definition.plural(), definition.group());
        if name == wanted { Ok(definition) } else { Err(format!("metadata.name is {name}, and must be {wanted}")) }
    }

    /// The same kind with another spec, made of parts of definitions that were read: nothing is left to fill in.
    #[must_use]
    pub(crate) fn with_spec(&self, spec: Map<String, Value>) -> Self {
        Self::read(&self.name, spec)
    }

    fn read(name: &str, spec: Map<String, Value>) -> Self {
        Self { name: name.to_owned(), spec, digest: OnceLock::new(), substance: OnceLock::new() }
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    #[must_use]
    pub fn group(&self) -> &str {
        self.spec.get("group").and_then(Value::as_str).unwrap_or_default()
    }

    #[must_use]
    pub fn kind(&self) -> &str {
        self.names("kind")
    }

    #[must_use]
    pub fn plural(&self) -> &str {
        self.names("plural")
    }

    #[must_use]
    pub fn namespaced(&self) -> bool {
        self.spec.get("scope").and_then(Value::as_str) == Some("Namespaced")
    }

    /// The base of its group, where its kinds are not a release's to bring.
    #[must_use]
    pub fn protected(&self) -> Option<&'static str> {
        let group = self.group();
        let covers = |base: &&str| group == *base || group.strip_suffix(*base).is_some_and(|rest| rest.ends_with('.'));
        PROTECTED_GROUPS.into_iter().find(covers)
    }

    /// How objects get from version to version: `None`, or by a `Webhook`.
    #[must_use]
    pub fn conversion(&self) -> &str {
        let strategy = self.spec.get("conversion").and_then(|conversion| conversion.get("strategy"));
        strategy.and_then(Value::as_str).unwrap_or("None")
    }

    /// Its versions, in the order they are written in.
    pub fn versions(&self) -> impl Iterator<Item = Version<'_>> {
        let versions = self.spec.get("versions").and_then(Value::as_array).map(Vec::as_slice);
        versions.unwrap_or_default().iter().filter_map(Value::as_object).map(Version::of)
    }

    #[must_use]
    pub fn version(&self, name: &str) -> Option<Version<'_>> {
        self.versions().find(|version| version.name == name)
    }

    /// Name of the version that objects are stored at; empty where it names none.
    #[must_use]
    pub fn storage(&self) -> &str {
        self.versions().find(|version| version.storage).map_or("", |version| version.name)
    }

    /// What is written: the defaults of the API server filled in, what says nothing left out.
    #[must_use]
    pub fn spec(&self) -> &Map<String, Value> {
        &self.spec
    }

    /// Digest of what it means. A semantically equal spec must never be written: every write closes all watches on the objects.
    #[must_use]
    pub fn digest(&self) -> &str {
        self.digest.get_or_init(|| fingerprint::short(&self.fingerprint()))
    }

    /// Digest of what programs go by: without descriptions, columns and short names, which are worth no closed watch.
    #[must_use]
    pub fn substance(&self) -> &str {
        self.substance.get_or_init(|| fingerprint::short(&fingerprint::of_spec(&normal::bare(&self.spec))))
    }

    fn fingerprint(&self) -> fingerprint::Fingerprint {
        fingerprint::of_spec(&self.spec)
    }

    fn names(&self, key: &str) -> &str {
        self.spec.get("names").and_then(|names| names.get(key)).and_then(Value::as_str).unwrap_or_default()
    }
}

impl PartialEq for Definition {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && (self.spec == other.spec || self.fingerprint() == other.fingerprint())
    }
}

impl Eq for Definition {}

/// Whether a value has at most that many levels.
fn shallower(value: &Value, left: usize) -> bool {
    match value {
        Value::Array(values) => left > 0 && values.iter().all(|value| shallower(value, left - 1)),
        Value::Object(values) => left > 0 && values.values().all(|value| shallower(value, left - 1)),
        _ => true,
    }
}

/// What no definition can lack.
fn outline(spec: &Map<String, Value>) -> Result<(), String> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    let names = spec.get("names");
    for (what, value) in [
        ("spec.group", spec.get("group")),
        ("spec.names.kind", names.and_then(|names| names.get("kind"))),
        ("spec.names.plural", names.and_then(|names| names.get("plural"))),
    ] {
        if !text(value) {
            return Err(format!("has no {what}"));
        }
    }
    if !matches!(spec.get("scope").and_then(Value::as_str), Some("Namespaced" | "Cluster")) {
        return Err("spec.scope is neither Namespaced nor Cluster".into());
    }
    let versions = spec.get("versions").and_then(Value::as_array).filter(|versions| !versions.is_empty());
    let mut seen = std::collections::BTreeSet::new();
    for (n, version) in versions.ok_or("has no spec.versions")?.iter().enumerate() {
        let name = version.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| format!("spec.versions[{n}] has no name"))?;
        if !seen.insert(name) {
            return Err(format!("spec.versions names {name} twice"));
        }
    }
    Ok(())
}
