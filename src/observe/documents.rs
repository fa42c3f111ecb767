//! Reads what an expression is about: a tenant's own objects as they are now, and its custom resources. Bounded in number, in
//! size and in time; what cannot be read whole is not read at all.
use std::time::Duration;

use kube::{
    Api, Client,
    api::{DynamicObject, ListParams},
    core::GroupVersionKind,
    discovery,
};
use serde_json::Value;

use crate::{
    api::CustomResources,
    domain::{kinds, object::ObjectKey},
};

/// How long all reads for one tenant may take.
const BOUND: Duration = Duration::from_secs(10);
/// Custom resources of one kind that are looked at.
const MOST: u32 = 200;

/// The tenant's objects, those that are gone left out. Never a Secret: what an expression sees may be quoted in a status.
///
/// # Errors
/// Why they cannot be read, in words.
pub async fn objects(client: &Client, keys: &[ObjectKey]) -> Result<Value, String> {
    let read = async {
        let mut objects = Vec::with_capacity(keys.len());
        for key in keys.iter().filter(|key| key.kind != "Secret") {
            let Some(kind) = kinds::find(&key.group, &key.kind) else { continue };
            let resource = super::Source::Stack(kind).api_resource();
            let api: Api<DynamicObject> = if kind.namespaced {
                Api::namespaced_with(client.clone(), &key.namespace, &resource)
            } else {
                Api::all_with(client.clone(), &resource)
            };
            let found = api.get_opt(&key.name).await;
            objects.extend(found.map_err(|error| format!("{} {}: {error}", key.kind, key.name))?.map(plain));
        }
        Ok(Value::Array(objects))
    };
    in_time(read).await
}

/// The custom resources of these kinds in a namespace.
///
/// # Errors
/// Why they cannot be read, in words.
pub async fn resources(client: &Client, namespace: &str, wanted: &[CustomResources]) -> Result<Value, String> {
    let read = async {
        let mut resources = Vec::new();
        for CustomResources { api_version, kind } in wanted {
            let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
            let gvk = GroupVersionKind::gvk(group, version, kind);
            let (resource, _) = discovery::pinned_kind(client, &gvk)
                .await
                .map_err(|error| format!("{kind} of {api_version}: {error}"))?;
            let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
            let list =
                api.list(&ListParams::default().limit(MOST)).await.map_err(|error| format!("{kind}: {error}"))?;
            if list.metadata.continue_.is_some_and(|more| !more.is_empty()) {
                return Err(format!("there are more than {MOST} objects of kind {kind}"));
            }
            // A list leaves out what all of it have in common.
            let typed = list.items.into_iter().map(|mut item| {
                item.types.get_or_insert_with(|| kube::core::TypeMeta {
                    api_version: api_version.clone(),
                    kind: kind.clone(),
                });
                plain(item)
            });
            resources.extend(typed);
        }
        Ok(Value::Array(resources))
    };
    in_time(read).await
}

async fn in_time(read: impl Future<Output = Result<Value, String>>) -> Result<Value, String> {
    tokio::time::timeout(BOUND, read).await.unwrap_or_else(|_| Err(format!("not read within {BOUND:?}")))
}

fn plain(mut object: DynamicObject) -> Value {
    object.metadata.managed_fields = None;
    serde_json::to_value(object).unwrap_or_default()
}
