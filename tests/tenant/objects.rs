//! Objects that the stories begin with, with more fields where a story needs them.
use serde_json::{Value, json};

/// A Tenant with more fields of its spec.
pub fn tenant(more: &Value) -> Value {
    let mut spec = json!({"operator": "memcached", "version": "1.0.0"});
    merge(&mut spec, more);
    json!({"apiVersion": "leasehold.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": "acme"}, "spec": spec})
}

/// A release with more fields of its spec.
pub fn release(more: &Value) -> Value {
    let mut spec = json!({"operator": "memcached", "version": "1.0.0", "image": "example.com/a:1",
        "leaderElection": {"id": "memcached.example.com"}});
    merge(&mut spec, more);
    json!({"apiVersion": "leasehold.dev/v1alpha1", "kind": "OperatorRelease", "metadata": {"name": "memcached-1.0.0"}, "spec": spec})
}

pub fn merge(into: &mut Value, more: &Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (key, value) in more {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, more) => *into = more.clone(),
    }
}
