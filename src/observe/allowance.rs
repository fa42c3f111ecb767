//! How much is kept of what carries a tenant's mark. Where no admission policy says otherwise a label is anybody's to write,
//! so memory must not depend on who writes it how often and on how large an object.
//!
//! What does not fit leaves a hole and no harm: an object that is not known counts as missing, is not created a second
//! time, and is looked up before it is written; one without its content is applied once more.
use super::index::Index;
use crate::domain::{object::ObjectKey, world::TenantSeen};

/// Objects kept for one tenant beside those of its inventory: a stack has at most 64.
const OBJECTS: usize = 256;
/// Pods kept for one tenant.
const PODS: usize = 1024;
/// Bytes of content kept for one tenant: twice what a stack may render to, as the API server adds to what is rendered.
const CONTENT: usize = 2 << 20;
/// Objects and pods kept of all tenants together that do not exist: gone, or not seen yet.
const STRANGERS: usize = 4096;
/// Bytes of content kept for one object of them: enough for most of a stack that is seen before its Tenant is.
const STRANGE_CONTENT: usize = 4 << 10;

impl Index {
    /// Whether one more object of that tenant is kept.
    pub(super) fn has_room_for(&self, tenant: &str, key: &ObjectKey) -> bool {
        match self.world.tenants.get(tenant) {
            Some(seen) if seen.objects.contains_key(key) => true,
            Some(seen) if seen.tenant.is_some() => seen.objects.len() < OBJECTS || in_inventory(seen, key),
            _ => self.strangers() < STRANGERS,
        }
    }

    /// The same for a pod.
    pub(super) fn has_room_for_pod(&self, tenant: &str, name: &str) -> bool {
        match self.world.tenants.get(tenant) {
            Some(seen) if seen.pods.contains_key(name) => true,
            Some(seen) if seen.tenant.is_some() => seen.pods.len() < PODS,
            _ => self.strangers() < STRANGERS,
        }
    }

    /// What is kept of tenants that do not exist. Looked at only when something of such a tenant comes.
    fn strangers(&self) -> usize {
        let strangers = self.world.tenants.values().filter(|seen| seen.tenant.is_none());
        strangers.map(|seen| seen.objects.len() + seen.pods.len()).sum()
    }
}

fn in_inventory(seen: &TenantSeen, key: &ObjectKey) -> bool {
    let status = seen.tenant.as_ref().and_then(|tenant| tenant.status.as_ref());
    let key = key.to_string();
    status.and_then(|status| status.inventory.as_ref()).is_some_and(|inventory| inventory.entries.contains(&key))
}

/// Drops content until what is left is within the bounds, the largest first: what somebody blew up goes before what is as
/// it was rendered.
pub(super) fn keep_within(seen: &mut TenantSeen) {
    let most = if seen.tenant.is_some() { CONTENT } else { STRANGE_CONTENT };
    if seen.tenant.is_none() {
        seen.objects.values_mut().filter(|o| o.content.len() > most).for_each(|o| o.content = Box::default());
        return;
    }
    let mut kept: usize = seen.objects.values().map(|o| o.content.len()).sum();
    while kept > most {
        let Some(largest) = seen.objects.values_mut().max_by_key(|o| o.content.len()) else { return };
        kept -= largest.content.len();
        largest.content = Box::default();
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use kube::api::DynamicObject;
    use serde_json::{Value, json};

    use super::*;
    use crate::{domain::kinds, observe::Source};

    fn fresh(tenant: bool) -> Index {
        let mut index = Index::default();
        let acme = json!({"apiVersion": "leasehold.dev/v1alpha1", "kind": "Tenant",
            "metadata": {"name": "acme", "uid": "u"}, "spec": {"operator": "memcached", "version": "1.0.0"},
            "status": {"inventory": {"digest": "", "entries": ["tenant-acme_late__ConfigMap"]}}});
        if tenant {
            index.answer(Source::Tenants, &serde_json::from_value(acme).unwrap(), Timestamp::UNIX_EPOCH);
        }
        index
    }

    fn put(index: &mut Index, source: Source, tenant: &str, name: &str, annotations: &Value) {
        let object: DynamicObject = serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Any", "metadata": {
                "name": name, "namespace": "tenant-acme", "uid": name, "resourceVersion": "1",
                "labels": {"leasehold.dev/tenant": tenant}, "annotations": annotations}}))
        .unwrap();
        index.answer(source, &object, Timestamp::UNIX_EPOCH);
    }

    fn config_maps() -> Source {
        Source::Stack(kinds::find("", "ConfigMap").unwrap())
    }

    fn large(digest: &str) -> Value {
        json!({"leasehold.dev/digest": digest, "example.com/padding": "a".repeat(256 << 10)})
    }

    fn kept(seen: &TenantSeen) -> usize {
        seen.objects.values().map(|object| object.content.len()).sum()
    }

    #[test]
    fn many_large_objects_with_a_tenant_s_mark_are_kept_within_bounds() {
        let (mut index, own) = (fresh(true), json!({"leasehold.dev/tenant-uid": "u"}));
        for n in 0..OBJECTS + 20 {
            put(&mut index, config_maps(), "acme", &format!("large-{n}"), &large("d"));
            put(&mut index, Source::Pods, "acme", &format!("pod-{n}"), &own);
        }
        put(&mut index, config_maps(), "acme", "late", &json!({"leasehold.dev/digest": "d"}));
        let seen = &index.world().tenants["acme"];
        assert_eq!(seen.objects.len(), OBJECTS + 1, "what is in the inventory always has its place");
        assert!(kept(seen) <= CONTENT, "{} bytes are kept", kept(seen));
        let late = seen.objects.iter().find(|(key, _)| key.name == "late").unwrap().1;
        assert!(!late.content.is_empty(), "small content stays, whatever else is there");
        for n in 0..PODS {
            put(&mut index, Source::Pods, "acme", &format!("more-{n}"), &own);
        }
        assert_eq!(index.world().tenants["acme"].pods.len(), PODS);
    }

    #[test]
    fn what_is_marked_for_tenants_that_do_not_exist_is_bounded_for_all_of_them_together() {
        let mut index = fresh(false);
        for n in 0..STRANGERS + 50 {
            put(
                &mut index,
                config_maps(),
                &format!("nobody-{n}"),
                &format!("a-{n}"),
                &json!({"leasehold.dev/digest": "d"}),
            );
        }
        assert_eq!(index.world().tenants.len(), STRANGERS);
        let mut other = fresh(false);
        put(&mut other, config_maps(), "nobody", "large", &large("d"));
        assert_eq!(kept(&other.world().tenants["nobody"]), 0);
    }

    #[test]
    fn a_mark_that_is_too_long_is_none() {
        let mut index = fresh(true);
        let long = "a".repeat(5000);
        let marks =
            json!({"leasehold.dev/tenant-uid": long, "leasehold.dev/digest": long, "leasehold.dev/grant": long});
        put(&mut index, config_maps(), "acme", "long", &marks);
        let seen = index.world().tenants["acme"].objects.values().next().unwrap();
        assert_eq!((&seen.tenant_uid, &seen.digest, &seen.grant), (&None, &None, &None));
        assert!(seen.content.is_empty());
    }
}
