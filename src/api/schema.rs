//! What the derived schemas need on top to be good CRDs: free-form objects, quantities, bounds everywhere, a status default.
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use schemars::{Schema, SchemaGenerator, json_schema};

/// Bounds for what has none of its own: CEL's cost estimate and etcd's 1.5 MiB both need every list and string bounded.
const MAX_LENGTH: i64 = 1024;
const MAX_ITEMS: i64 = 256;
const MAX_PROPERTIES: i64 = 64;

/// RFC 1123, as the API server takes it for namespaces; with a length of 1 to 63.
pub(super) const DNS_LABEL: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// Close to semver 2.0.0; empty identifiers after `-` and `+` are left to the parser.
pub(super) const SEMVER: &str =
    r"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$";

pub(super) fn any_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

pub(super) fn optional_any_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true, "nullable": true})
}

/// A map of Kubernetes quantities, each written as a string.
pub(super) fn quantities(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 32,
        "additionalProperties": {
            "type": "string",
            "maxLength": 32,
            "pattern": r"^[+]?([0-9]+|[0-9]+\.[0-9]*|\.[0-9]+)(([KMGTPE]i)|[numkMGTPE]|([eE][+-]?[0-9]+))?$"
        }
    })
}

/// Completes a derived CRD: bounds on every string, list and map; `status: {observedGeneration: -1}` until the first visit,
/// so that kstatus does not take a new object for a finished one.
#[must_use]
pub fn complete(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        let Some(root) = version.schema.as_mut().and_then(|s| s.open_api_v3_schema.as_mut()) else { continue };
        bound(root);
        let status = root.properties.as_mut().and_then(|p| p.get_mut("status"));
        if let Some(status) = status {
            status.default = Some(JSON(serde_json::json!({"observedGeneration": -1})));
            status.nullable = None;
        }
    }
    crd
}

fn bound(schema: &mut JSONSchemaProps) {
    match schema.type_.as_deref() {
        // The API server knows signed formats only, and warns about others.
        Some("integer") if schema.format.as_ref().is_some_and(|format| format.starts_with('u')) => schema.format = None,
        Some("string") if schema.enum_.is_none() => {
            schema.max_length.get_or_insert(MAX_LENGTH);
        }
        Some("array") => {
            schema.max_items.get_or_insert(MAX_ITEMS);
        }
        Some("object") if schema.additional_properties.is_some() => {
            schema.max_properties.get_or_insert(MAX_PROPERTIES);
        }
        _ => {}
    }
    schema.properties.iter_mut().flat_map(|p| p.values_mut()).for_each(bound);
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = schema.items.as_mut() {
        bound(items);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = schema.additional_properties.as_mut() {
        bound(values);
    }
}
