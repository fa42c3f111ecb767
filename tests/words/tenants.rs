//! Words about tenants, and the brake.
use crate::{cluster, fails, says, stored};

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_held_and_released() {
    let cluster = cluster().await;
    cluster
        .apply_yaml(
            "apiVersion: leasehold.dev/v1alpha1\nkind: Tenant\nmetadata: {name: acme}\nspec: {operator: memcached, version: 1.0.0}\n",
        )
        .await;
    let until = "2030-12-31T00:00:00Z";
    says(&cluster, &["hold", "acme", "--name", "audit", "--reason", "ask finance", "--until", until]);
    says(&cluster, &["hold", "acme", "--name", "other", "--reason", "o"]);
    let holds = stored(&cluster, "tenant", "acme")["spec"]["holds"].clone();
    assert_eq!(holds[0], serde_json::json!({"name": "audit", "reason": "ask finance", "until": until}));
    says(&cluster, &["release", "acme", "--name", "audit"]);
    assert_eq!(
        stored(&cluster, "tenant", "acme")["spec"]["holds"],
        serde_json::json!([{"name": "other", "reason": "o"}])
    );
    let why = fails(&cluster, &["release", "acme", "--name", "audit"]);
    assert!(why.contains("there is no hold audit on Tenant acme; there is: other"), "{why}");
    says(&cluster, &["release", "acme", "--name", "other"]);
    assert!(stored(&cluster, "tenant", "acme")["spec"].get("holds").is_none());
    assert!(fails(&cluster, &["hold", "acmee", "--reason", "r"]).contains("there is no Tenant acmee"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_brake_is_pulled_and_let_go() {
    let cluster = cluster().await;
    assert!(says(&cluster, &["stop", "--reason", "incident 4711"]).contains("pulled: nobody is granted anything"));
    let spec = stored(&cluster, "changewindow", "emergency-brake")["spec"].clone();
    assert_eq!((&spec["action"], &spec["reason"]), (&"Deny".into(), &"incident 4711".into()));
    assert!(spec.get("schedule").is_none());
    assert!(says(&cluster, &["stop", "--reason", "again"]).contains("was pulled before"));
    says(&cluster, &["go"]);
    assert!(fails(&cluster, &["go"]).contains("there is no ChangeWindow emergency-brake"));
}
