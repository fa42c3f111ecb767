//! The releases, parsed once: version, digest, compiled templates, shared CRDs, and what keeps tenants from them.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use semver::{Version, VersionReq};

pub use super::shared_crd::SharedCrd;
use super::{
    crds::Waivers,
    render::{self, Fragment, Stack, TemplateFile, values::Schema},
    shared_crd::shared_crds,
    tenant::{CustomKind, own_text},
};
use crate::{
    api::{OperatorRelease, ReleaseSpec, RolloutTarget, Settings},
    domain::{digest, fleet::ReleaseFacts, marks, world::World},
};

/// All releases by operator and version.
#[derive(Debug, Default)]
pub struct Catalog {
    pub releases: BTreeMap<(String, String), Release>,
    /// Releases that cannot be used at all, by object name, and why.
    pub broken: BTreeMap<String, String>,
    /// What the broken ones say they are.
    claimed: BTreeMap<(String, String), String>,
}

/// One release, ready to be rendered.
#[derive(Debug)]
pub struct Release {
    /// Name of the object.
    pub name: String,
    pub object: Arc<OperatorRelease>,
    pub version: Version,
    /// Digest of everything that decides what is rendered, the tenant's own parameters aside: what is in the release, and the
    /// fleet's settings.
    pub digest: String,
    /// Digest of what is in the release alone.
    content: String,
    pub schema: Schema,
    pub stack: Stack,
    /// `args`, `env` and `podAnnotations`, which are templates themselves.
    pub own_text: Fragment,
    pub crds: Vec<SharedCrd>,
    /// Findings about them that its author answers for.
    pub waivers: Waivers,
    pub facts: ReleaseFacts,
}

impl Catalog {
    /// Parses every release of the World.
    #[must_use]
    pub fn new(world: &World) -> Self {
        let mut catalog = Self::default();
        for (name, object) in &world.releases {
            match Release::new(name, object, world) {
                Ok(release) => catalog.add(release),
                Err(why) => {
                    let is = (object.spec.operator.clone(), object.spec.version.clone());
                    catalog.claimed.insert(is, name.clone());
                    catalog.broken.insert(name.clone(), why);
                }
            }
        }
        catalog
    }

    /// Two objects may claim one version: the older one keeps it, so that a copy cannot take a fleet over.
    fn add(&mut self, release: Release) {
        let key = (release.object.spec.operator.clone(), release.object.spec.version.clone());
        let age = |r: &Release| (r.object.metadata.creation_timestamp.as_ref().map(|t| t.0), r.name.clone());
        if let Some(other) = self.releases.get(&key) {
            let (keeps, loses) = if age(other) <= age(&release) { (other, &release) } else { (&release, other) };
            let why = format!("OperatorRelease {} already is {} {}", keeps.name, key.0, key.1);
            self.broken.insert(loses.name.clone(), why);
            if loses.name == release.name {
                return;
            }
        }
        self.releases.insert(key, release);
    }

    #[must_use]
    pub fn get(&self, operator: &str, version: &str) -> Option<&Release> {
        self.releases.get(&(operator.to_owned(), version.to_owned()))
    }

    /// A release of that operator and version that cannot be used: its object's name, and why.
    #[must_use]
    pub fn broken_release(&self, operator: &str, version: &str) -> Option<(&str, &str)> {
        let name = self.claimed.get(&(operator.to_owned(), version.to_owned()))?;
        Some((name, self.broken.get(name)?))
    }

    /// The kinds of custom resources that an operator's releases bring, at their storage version.
    #[must_use]
    pub fn custom_kinds(&self, operator: &str) -> Vec<CustomKind> {
        let releases = self.releases.iter().filter(|((o, _), _)| o == operator).map(|(_, release)| release);
        let kinds = releases.flat_map(|r| &r.crds).filter_map(|crd| {
            let definition = &crd.definition;
            definition.namespaced().then(|| CustomKind {
                group: definition.group().to_owned(),
                version: definition.storage().to_owned(),
                plural: definition.plural().to_owned(),
                kind: definition.kind().to_owned(),
            })
        });
        kinds.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The operators of which something is otherwise here than there: their tenants must be looked at.
    #[must_use]
    pub fn other_than<'a>(&'a self, before: &'a Self) -> BTreeSet<&'a str> {
        let releases =
            self.releases.iter().filter(|(key, release)| !before.releases.get(*key).is_some_and(|r| r.is(release)));
        let gone = before.releases.keys().filter(|key| !self.releases.contains_key(*key));
        let broken = |here: &'a Self, there: &'a Self| {
            let same =
                |key, name| here.claimed.get(key) == Some(name) && here.broken.get(name) == there.broken.get(name);
            there.claimed.iter().filter(move |(key, name)| !same(key, *name)).map(|(key, _)| key)
        };
        let keys = releases.map(|(key, _)| key).chain(gone).chain(broken(self, before)).chain(broken(before, self));
        keys.map(|(operator, _)| &**operator).collect()
    }

    /// The versions of an operator, for error messages.
    #[must_use]
    pub fn versions(&self, operator: &str) -> Vec<&str> {
        self.releases.keys().filter(|(o, _)| o == operator).map(|(_, v)| v.as_str()).collect()
    }
}

impl Release {
    fn new(name: &str, object: &Arc<OperatorRelease>, world: &World) -> Result<Self, String> {
        let spec = &object.spec;
        let version =
            Version::parse(&spec.version).map_err(|e| format!("spec.version `{}` is not semver: {e}", spec.version))?;
        let schema = spec.values_schema.as_ref().map_or_else(|| Ok(Schema::none()), Schema::compile);
        let schema = schema.map_err(|errors| all(&errors))?;
        let files = templates(spec)?;
        let stack = Stack::compile_for(&files, schema.shape()).map_err(|errors| all(&errors))?;
        let own_text = Fragment::compile("spec", &own_text(spec), schema.shape()).map_err(|errors| all(&errors))?;
        // The rules for getting to a version decide nothing that is rendered.
        let content = digest::of(&(rendered_part(spec), stack.digest()));
        let digest = under(&content, world.settings());
        let crds = shared_crds(spec, world)?;
        let waivers = object.metadata.annotations.as_ref().and_then(|all| all.get(marks::WAIVE));
        let waivers = waivers.map_or_else(|| Ok(Waivers::default()), |text| Waivers::parse(text));
        let waivers = waivers.map_err(|why| format!("annotation {}: {why}", marks::WAIVE))?;
        let facts = ReleaseFacts {
            target: RolloutTarget { version: spec.version.clone(), digest: digest.clone() },
            upgrades_from: requirement("upgradesFrom", spec.upgrades_from.as_deref())?,
            rollback_to: requirement("rollbackTo", spec.rollback_to.as_deref())?,
            // What its CRDs have to say is worked out with the fleet.
            not_ready: None,
        };
        Ok(Self {
            name: name.into(),
            object: object.clone(),
            version,
            digest,
            content,
            schema,
            stack,
            own_text,
            crds,
            waivers,
            facts,
        })
    }

    /// Whether that is the same release. Destructured, so that a new field cannot be forgotten.
    fn is(&self, other: &Self) -> bool {
        let Self {
            name,
            object,
            version: _,
            digest,
            content,
            schema: _,
            stack: _,
            own_text: _,
            crds: _,
            waivers,
            facts,
        } = self;
        let ReleaseFacts { target, upgrades_from, rollback_to, not_ready: _ } = facts;
        (name, digest, content, waivers) == (&other.name, &other.digest, &other.content, &other.waivers)
            && (target, upgrades_from, rollback_to)
                == (&other.facts.target, &other.facts.upgrades_from, &other.facts.rollback_to)
            // What was parsed is parsed from the spec.
            && object.spec == other.object.spec
    }

    /// Its digest under other settings of the fleet.
    #[must_use]
    pub fn digest_under(&self, settings: Settings) -> String {
        under(&self.content, settings)
    }
}

/// Under the settings of a fleet that has none of its own the content's digest is the whole.
fn under(content: &str, settings: Settings) -> String {
    if settings.is_default() { content.to_owned() } else { digest::of(&(content, settings)) }
}

/// Every message on a line of its own.
fn all<E: std::fmt::Display>(errors: &[E]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn requirement(field: &str, text: Option<&str>) -> Result<Option<VersionReq>, String> {
    text.map(|text| VersionReq::parse(text).map_err(|e| format!("spec.{field} `{text}` is no semver requirement: {e}")))
        .transpose()
}

fn templates(spec: &ReleaseSpec) -> Result<Vec<TemplateFile<'_>>, String> {
    if let Some(own) = &spec.templates {
        return Ok(own.iter().map(|t| TemplateFile { name: &t.name, text: &t.yaml }).collect());
    }
    let name = spec.stack.as_deref().unwrap_or(render::DEFAULT);
    render::builtin(name)
        .map(<[_]>::to_vec)
        .ok_or_else(|| format!("spec.stack `{name}` is no built-in stack; there is `{}`", render::DEFAULT))
}

/// The part of a release that decides what is rendered. Destructured, so that a new field cannot be forgotten.
fn rendered_part(spec: &ReleaseSpec) -> serde_json::Value {
    let ReleaseSpec {
        operator,
        version,
        image,
        upgrades_from: _,
        rollback_to: _,
        leader_election,
        rules,
        args,
        env,
        pod_annotations,
        health,
        stack: _,
        templates: _,
        values_schema,
        crds: _,
    } = spec;
    serde_json::json!([
        operator,
        version,
        image,
        leader_election,
        rules,
        args,
        env,
        pod_annotations,
        health,
        values_schema
    ])
}
