//! What went wrong elsewhere, each as a test named after it.
use leasehold::{
    api::FleetSpec,
    plan::{
        choke_point::{Admitted, Marks, RuleId, Scope, admit, check},
        render::{Manifest, Stack, TemplateFile},
        tenant::{Apply, Why},
    },
};
use serde_json::{Value, json};

use crate::{context, found_after, good, object, of, one, set, short, stack::rendered};

const MARKS: Marks = Marks { tenant_uid: "uid", grant: "{}" };

/// CVE-2025-13888 (OpenShift GitOps): whoever writes what yields RBAC chose its subject and namespace.
#[test]
fn cve_2025_13888_subjects_and_namespaces_are_never_taken_from_input() {
    for (field, value) in [
        ("subjects.0", json!({"kind": "ServiceAccount", "name": "memcached-operator", "namespace": "kube-system"})),
        ("subjects.0", json!({"kind": "ServiceAccount", "name": "memcached-operator"})),
        ("subjects.0", json!({"kind": "ServiceAccount", "name": "default", "namespace": "tenant-foo"})),
        (
            "subjects.0",
            json!({"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "system:serviceaccounts"}),
        ),
        (
            "subjects.0",
            json!({"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "memcached-operator", "namespace": "tenant-foo"}),
        ),
    ] {
        let found = found_after(|m, _| set(of(m, "RoleBinding"), field, value.clone()));
        assert_eq!(found, one(RuleId::BindingSubject, "RoleBinding/memcached-operator", "subjects[0]"), "{value}");
    }
}

/// CVE-2026-22872 (Capsule): a namespace was forced on everything, which does nothing for cluster-scoped kinds.
#[test]
fn cve_2026_22872_a_namespace_on_a_cluster_scoped_kind_does_not_make_it_pass() {
    for (api, kind) in [
        ("rbac.authorization.k8s.io/v1", "ClusterRole"),
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
        ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        ("v1", "PersistentVolume"),
        ("v1", "Node"),
        ("leasehold.dev/v1alpha1", "Tenant"),
        // A known kind of an unknown group is an unknown kind.
        ("evil.example.com/v1", "Namespace"),
        ("evil.example.com/v1", "Deployment"),
        ("v1", "Pod"),
        ("v1", "List"),
    ] {
        let bad =
            object(json!({"apiVersion": api, "kind": kind, "metadata": {"name": "a", "namespace": "tenant-foo"}}));
        let found = short(&check(&[good(), vec![bad]].concat(), &crate::scope()));
        assert!(found.contains(&(RuleId::KindNotAllowed, format!("{kind}/a"), "kind".to_owned())), "{kind}: {found:?}");
    }
}

/// What is handed to `act` to be applied can be nothing else.
fn applied(apply: &Apply) -> &Admitted {
    &apply.object
}

/// CVE-2026-65835 (Capsule): the fix guarded one of two paths. Here there is one door, and its type is the only one that is applied.
#[test]
fn cve_2026_65835_nothing_is_admitted_of_a_stack_with_one_bad_object() {
    let mut manifests = good();
    set(of(&mut manifests, "Deployment"), "spec.template.spec.hostPID", json!(true));
    let refused = admit(manifests, &crate::scope(), MARKS).expect_err("one is bad");
    assert_eq!(refused.len(), 1);
    let admitted = admit(good(), &crate::scope(), MARKS).expect("all are good");
    assert_eq!(admitted.len(), good().len());
    let apply = Apply { object: admitted[0].clone(), uid: None, why: Why::Missing };
    assert_eq!(applied(&apply).key.spoken(), "Namespace/tenant-foo");
}

/// The same rules hold for a release's own templates as for the built-in ones.
#[test]
fn cve_2026_65835_a_release_s_own_templates_come_by_the_same_door() {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: '{{values.namespace}}'}\n";
    let own = Stack::compile(&[TemplateFile { name: "own.yaml", text }]).expect("compiles");
    let mut context = context();
    context.values = json!({"namespace": "kube-system"}).as_object().expect("a map").clone();
    let own = own.render(&context.to_value()).expect("renders");
    let found = short(&check(&[good(), own].concat(), &crate::scope()));
    assert_eq!(found, one(RuleId::WrongNamespace, "ConfigMap/a", "metadata.namespace"));
}

/// CVE-2024-39690 (Capsule): ownership was read from labels that a tenant could write.
#[test]
fn cve_2024_39690_a_template_cannot_write_the_marks_of_ownership() {
    for key in ["leasehold.dev/tenant", "leasehold.dev/tenant-uid", "leasehold.dev/epoch", "leasehold.dev/anything"] {
        for field in ["labels", "annotations"] {
            let found = found_after(|m, _| {
                set(of(m, "Service"), &format!("metadata.{field}.{}", key.replace('.', "~")), json!("bar"));
            });
            let at = format!("metadata.{field}[{key}]");
            assert_eq!(found, one(RuleId::ReservedMetadata, "Service/memcached-metrics", &at));
        }
    }
    // A name that only looks like ours is someone else's.
    let found = found_after(|m, _| set(of(m, "Service"), "metadata.labels.notleasehold~dev/tenant", json!("bar")));
    assert_eq!(found, []);
}

/// CVE-2025-55205, CVE-2022-46167 (Capsule): a tenant took over namespaces of the system, by label or by owner reference.
#[test]
fn cve_2025_55205_and_cve_2022_46167_no_tenant_claims_a_namespace_of_the_system() {
    for namespace in ["kube-system", "kube-public", "default", "leasehold-system"] {
        let mut context = context();
        context.tenant.namespace = namespace.into();
        let scope = Scope::new("foo", namespace, &FleetSpec::default(), 1);
        let found = short(&check(&rendered(&context), &scope));
        assert_eq!(found, one(RuleId::ProtectedNamespace, "Tenant/foo", "spec.namespace"), "{namespace}");
    }
    let owner = json!([{"apiVersion": "v1", "kind": "Namespace", "name": "kube-system", "uid": "1"}]);
    let found = found_after(|m, _| set(of(m, "Namespace"), "metadata.ownerReferences", owner));
    assert_eq!(found, one(RuleId::OwnerReference, "Namespace/tenant-foo", "metadata.ownerReferences"));
}

/// CVE-2024-42480 (Kamaji): `foo` could reach what began with `foo`.
#[test]
fn cve_2024_42480_neighbours_by_name_are_strangers() {
    for neighbour in ["tenant-foo-bar", "tenant-fo", "tenant-foo2", "Tenant-foo", "tenant-foo "] {
        let stranger =
            object(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": neighbour}}));
        let found = short(&check(&[good(), vec![stranger]].concat(), &crate::scope()));
        assert_eq!(found, one(RuleId::WrongNamespace, "ConfigMap/a", "metadata.namespace"), "{neighbour}");
        let found = found_after(|m, _| set(of(m, "RoleBinding"), "subjects.0.namespace", json!(neighbour)));
        assert_eq!(found, one(RuleId::BindingSubject, "RoleBinding/memcached-operator", "subjects[0]"), "{neighbour}");
    }
    // An account of the neighbour's name in our own list does not help either.
    let found = found_after(|m, _| {
        let mut account = of(m, "ServiceAccount").clone();
        account["metadata"] = json!({"name": "other", "namespace": "tenant-foo-bar"});
        m.push(object(account));
        set(of(m, "RoleBinding"), "subjects.0.name", json!("other"));
    });
    assert!(found.iter().any(|f| f.0 == RuleId::BindingSubject), "{found:?}");
}

/// CVE-2026-23990 (Flux): an empty identity became no impersonation at all. Empty is refused, not taken for "all".
#[test]
fn cve_2026_23990_an_empty_identity_fails_closed() {
    let mut context = context();
    context.tenant.namespace = String::new();
    let stack = crate::stack::standard().render(&context.to_value());
    assert!(stack.is_err(), "a Namespace without a name is no object");
    for (tenant, namespace) in [("", "tenant-foo"), ("foo", "")] {
        let scope = Scope::new(tenant, namespace, &FleetSpec::default(), 1);
        let found = check(&good(), &scope);
        assert!(found.iter().any(|f| f.rule == RuleId::UnknownScope), "{found:?}");
        assert!(check(&[], &scope).iter().any(|f| f.rule == RuleId::UnknownScope));
    }
}

/// Argo CD's ApplicationSet documentation: never template the field that selects the privilege.
#[test]
fn argo_cd_a_value_that_selects_a_privilege_selects_only_what_the_stack_has() {
    let text = "apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: own, namespace: '{{tenant.namespace}}'}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: '{{values.kind}}', name: '{{values.role}}'}
subjects: [{kind: ServiceAccount, name: memcached-operator, namespace: '{{tenant.namespace}}'}]
";
    let own = Stack::compile(&[TemplateFile { name: "own.yaml", text }]).expect("compiles");
    let found = |kind: &str, role: &str| {
        let mut context = context();
        context.values = json!({"kind": kind, "role": role}).as_object().expect("a map").clone();
        let own = own.render(&context.to_value()).expect("renders");
        short(&check(&[good(), own].concat(), &crate::scope()))
    };
    let refused = one(RuleId::BindingRole, "RoleBinding/own", "roleRef");
    assert_eq!(found("ClusterRole", "cluster-admin"), refused);
    assert_eq!(found("ClusterRole", "memcached-operator"), refused);
    assert_eq!(found("Role", "somebody-elses"), refused);
    assert_eq!(found("Role", "memcached-operator"), []);
}

/// kro's default RBAC and Crossplane's RBAC manager: wildcards, `escalate`, and `bind` without a name, as shipped.
#[test]
fn kro_and_crossplane_the_built_in_role_has_no_wildcard_and_nothing_that_widens_rights() {
    let manifests = good();
    let role: &Manifest = manifests.iter().find(|m| m.kind() == "Role").expect("there is a Role");
    let words: Vec<&str> = role.value["rules"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|rule| ["apiGroups", "resources", "verbs"].map(|field| &rule[field]))
        .flat_map(|list| list.as_array().into_iter().flatten().filter_map(Value::as_str))
        .collect();
    assert!(words.contains(&"leases"), "the list was read");
    for bad in ["*", "escalate", "bind", "impersonate"] {
        assert!(!words.contains(&bad), "{bad}");
    }
}
