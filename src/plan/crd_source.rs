//! Where a release's definition comes from: inline, or a ConfigMap that the release names with a digest. Whatever is wrong
//! with either is said in the release's own words: which field, why, and what to do.
use std::{fmt::Write as _, sync::Arc};

use serde_json::Value;

use crate::{
    api::{CrdConfigMap, CrdSource},
    domain::{
        crd::texts::{CrdMap, CrdText},
        marks,
        world::World,
    },
};

/// The definition that `spec.crds[n]` gives, and the name of the field that gives it.
///
/// # Errors
/// Why there is none.
pub fn resolve(n: usize, source: &CrdSource, world: &World) -> Result<(String, Arc<Value>), String> {
    match (&source.inline, &source.config_map_ref) {
        (Some(inline), _) => Ok((format!("spec.crds[{n}].inline"), Arc::new(Value::Object(inline.clone())))),
        (None, Some(named)) => {
            let field = format!("spec.crds[{n}].configMapRef");
            let found = referenced(named, world).map_err(|why| format!("{field}{why}"))?;
            Ok((field, found))
        }
        (None, None) => Err(format!("spec.crds[{n}] has neither `inline` nor `configMapRef`")),
    }
}

/// The object in the ConfigMap; or why it cannot be taken, to be read behind the name of the field.
fn referenced(named: &CrdConfigMap, world: &World) -> Result<Arc<Value>, String> {
    let CrdConfigMap { namespace, name, key, digest } = named;
    if !world.home.is_empty() && *namespace != world.home {
        return Err(format!(
            ".namespace is {namespace}: only ConfigMaps in Leasehold's own namespace, {}, are read; put it there",
            world.home
        ));
    }
    let map = world.crd_maps.get(&format!("{namespace}/{name}")).ok_or_else(|| {
        let label = marks::RELEASE_CRDS;
        format!(": there is no ConfigMap {namespace}/{name} with the label {label}: \"true\"; create it, or label it")
    })?;
    if !map.immutable {
        return Err(format!(
            ": ConfigMap {namespace}/{name} can be changed, and a release cannot: set `immutable: true` in it"
        ));
    }
    let text = map.texts.get(key).ok_or_else(|| format!(".key: {}", without(key, map)))?;
    if text.digest != *digest {
        return Err(format!(
            ".digest is {digest}, and the text of {key} in ConfigMap {namespace}/{name} has {}: it is not the text that this release was made with",
            text.digest
        ));
    }
    let CrdText { object, .. } = text;
    object.clone().map_err(|why| format!(": the text of {key} in ConfigMap {namespace}/{name} {why}"))
}

/// That there is no such key, and which there are.
fn without(key: &str, map: &CrdMap) -> String {
    if map.binary.iter().any(|binary| binary == key) {
        return format!("{key} is in binaryData, which is not read: put the text in data");
    }
    let mut said = format!("there is no {key} in the ConfigMap's data");
    let known: Vec<&str> = map.texts.keys().map(String::as_str).take(8).collect();
    if !known.is_empty() {
        // Writing to a String cannot fail.
        let _ = write!(said, "; it has: {}", known.join(", "));
    }
    said
}
