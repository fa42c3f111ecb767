//! Pod specs against the Pod Security Standards, field by field.
use leasehold::{
    api::PodSecurity,
    plan::choke_point::{RuleId, check},
};
use serde_json::{Value, json};

use crate::{found_after, good, of, one, remove, scope, set, short};

const SPEC: &str = "spec.template.spec";
const DEPLOYMENT: &str = "Deployment/memcached-operator";

/// Field to set, its value, and the field that is found.
fn forbidden_by_baseline() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        ("hostNetwork", json!(true), "hostNetwork"),
        ("hostPID", json!("true"), "hostPID"),
        ("hostIPC", json!(true), "hostIPC"),
        ("volumes", json!([{"name": "a", "hostPath": {"path": "/"}}]), "volumes[0].hostPath"),
        ("securityContext.sysctls", json!([{"name": "kernel.msgmax", "value": "1"}]), "securityContext.sysctls"),
        ("securityContext.windowsOptions.hostProcess", json!(true), "securityContext.windowsOptions.hostProcess"),
        ("securityContext.seccompProfile.type", json!("Unconfined"), "securityContext.seccompProfile.type"),
        ("securityContext.appArmorProfile.type", json!("Unconfined"), "securityContext.appArmorProfile.type"),
        ("securityContext.seLinuxOptions.type", json!("spc_t"), "securityContext.seLinuxOptions.type"),
        ("securityContext.seLinuxOptions.user", json!("u"), "securityContext.seLinuxOptions.user"),
        (
            "containers.0.securityContext.seLinuxOptions.role",
            json!("r"),
            "containers[0].securityContext.seLinuxOptions.role",
        ),
        ("containers.0.securityContext.privileged", json!(true), "containers[0].securityContext.privileged"),
        ("containers.0.securityContext.procMount", json!("Unmasked"), "containers[0].securityContext.procMount"),
        ("containers.0.ports.0.hostPort", json!(80), "containers[0].ports[0].hostPort"),
        ("containers.0.livenessProbe.httpGet.host", json!("10.0.0.1"), "containers[0].livenessProbe.httpGet.host"),
        ("containers.0.lifecycle.preStop.tcpSocket.host", json!("a"), "containers[0].lifecycle.preStop.tcpSocket.host"),
        (
            "containers.0.securityContext.seccompProfile.type",
            json!("Unconfined"),
            "containers[0].securityContext.seccompProfile.type",
        ),
    ]
}

fn forbidden_by_restricted() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        ("volumes", json!([{"name": "a", "nfs": {"server": "a", "path": "/"}}]), "volumes[0]"),
        ("securityContext.runAsUser", json!(0), "securityContext.runAsUser"),
        ("securityContext.runAsNonRoot", json!(false), "securityContext.runAsNonRoot"),
        ("containers.0.securityContext.runAsUser", json!(0), "containers[0].securityContext.runAsUser"),
        ("containers.0.securityContext.runAsNonRoot", json!(false), "containers[0].securityContext.runAsNonRoot"),
        (
            "containers.0.securityContext.allowPrivilegeEscalation",
            json!(true),
            "containers[0].securityContext.allowPrivilegeEscalation",
        ),
        (
            "containers.0.securityContext.capabilities.drop",
            json!(["NET_RAW"]),
            "containers[0].securityContext.capabilities.drop",
        ),
        (
            "containers.0.securityContext.capabilities.add",
            json!(["CHOWN"]),
            "containers[0].securityContext.capabilities.add",
        ),
    ]
}

fn found_with(field: &str, value: Value, level: PodSecurity) -> Vec<crate::Found> {
    let (mut manifests, mut scope) = (good(), scope());
    scope.pod_security = level;
    set(of(&mut manifests, "Deployment"), &format!("{SPEC}.{field}"), value);
    let mut found = short(&check(&manifests, &scope));
    found.dedup();
    found
}

#[test]
fn what_baseline_forbids_is_found_at_both_levels_and_not_at_privileged() {
    for (field, value, path) in forbidden_by_baseline() {
        let expected = one(RuleId::PodSecurity, DEPLOYMENT, &format!("{SPEC}.{path}"));
        assert_eq!(found_with(field, value.clone(), PodSecurity::Baseline), expected, "{field}");
        let restricted = found_with(field, value.clone(), PodSecurity::Restricted);
        assert!(restricted.contains(&expected[0]), "{field}: {restricted:?}");
        assert_eq!(found_with(field, value, PodSecurity::Privileged), [], "{field}");
    }
}

#[test]
fn what_restricted_forbids_is_found_there_only() {
    for (field, value, path) in forbidden_by_restricted() {
        let expected = one(RuleId::PodSecurity, DEPLOYMENT, &format!("{SPEC}.{path}"));
        assert_eq!(found_with(field, value.clone(), PodSecurity::Restricted), expected, "{field}");
        assert_eq!(found_with(field, value, PodSecurity::Baseline), [], "{field}");
    }
}

#[test]
fn a_capability_beyond_the_defaults_is_found_at_baseline() {
    let found =
        found_with("containers.0.securityContext.capabilities.add", json!(["SYS_ADMIN"]), PodSecurity::Baseline);
    assert_eq!(
        found,
        one(RuleId::PodSecurity, DEPLOYMENT, &format!("{SPEC}.containers[0].securityContext.capabilities.add"))
    );
}

#[test]
fn an_apparmor_annotation_of_old_is_found() {
    let found = found_after(|m, _| {
        let key = "container~apparmor~security~beta~kubernetes~io/operator";
        set(of(m, "Deployment"), &format!("spec.template.metadata.annotations.{key}"), json!("unconfined"));
    });
    let field = "spec.template.metadata.annotations[container.apparmor.security.beta.kubernetes.io/operator]";
    assert_eq!(found, one(RuleId::PodSecurity, DEPLOYMENT, field));
}

#[test]
fn what_restricted_asks_for_may_stand_at_the_pod_or_at_each_container() {
    for (field, value) in
        [("runAsNonRoot", json!(true)), ("seccompProfile", json!({"type": "Localhost", "localhostProfile": "a"}))]
    {
        let moved = found_after(|m, _| {
            remove(of(m, "Deployment"), &format!("{SPEC}.securityContext.{field}"));
            set(of(m, "Deployment"), &format!("{SPEC}.containers.0.securityContext.{field}"), value);
        });
        assert_eq!(moved, []);
        let gone = found_after(|m, _| remove(of(m, "Deployment"), &format!("{SPEC}.securityContext.{field}")));
        assert_eq!(gone.len(), 1, "{gone:?}");
    }
}

#[test]
fn allowed_variants_pass() {
    for (field, value) in [
        ("hostNetwork", json!(false)),
        ("volumes", json!([{"name": "a", "emptyDir": {}}, {"name": "b", "projected": {"sources": []}}])),
        ("securityContext.sysctls", json!([{"name": "net.ipv4.tcp_syncookies", "value": "1"}])),
        ("securityContext.seLinuxOptions.type", json!("container_t")),
        ("containers.0.securityContext.capabilities.add", json!(["NET_BIND_SERVICE"])),
        ("containers.0.ports.0.hostPort", json!(0)),
        ("containers.0.securityContext.procMount", json!("Default")),
        ("containers.0.readinessProbe.httpGet.host", json!("")),
    ] {
        assert_eq!(found_with(field, value, PodSecurity::Restricted), [], "{field}");
    }
}

#[test]
fn init_and_ephemeral_containers_are_looked_at_too() {
    for list in ["initContainers", "ephemeralContainers"] {
        let found = found_after(|m, scope| {
            scope.allowed_images = Some(vec!["example.com/*".into()]);
            let deployment = of(m, "Deployment");
            let mut container = deployment["spec"]["template"]["spec"]["containers"][0].clone();
            container["securityContext"]["privileged"] = json!(true);
            container["image"] = json!("evil.example.org/x");
            set(deployment, &format!("{SPEC}.{list}"), json!([container]));
        });
        let at = |field: &str| (DEPLOYMENT.to_owned(), format!("{SPEC}.{list}[0].{field}"));
        let (image, privileged) = (at("image"), at("securityContext.privileged"));
        assert_eq!(
            found,
            [(RuleId::ImageNotAllowed, image.0, image.1), (RuleId::PodSecurity, privileged.0, privileged.1)]
        );
    }
}

#[test]
fn a_statefulset_is_looked_at_too() {
    let found = found_after(|m, _| {
        let mut stateful = of(m, "Deployment").clone();
        stateful["kind"] = json!("StatefulSet");
        stateful["spec"]["template"]["spec"]["hostPID"] = json!(true);
        m.push(crate::object(stateful));
    });
    assert_eq!(found, one(RuleId::PodSecurity, "StatefulSet/memcached-operator", &format!("{SPEC}.hostPID")));
}

#[test]
fn what_cannot_be_read_does_not_pass() {
    for (field, value) in [
        ("spec.template.spec", json!("x")),
        ("spec.template.spec.containers", json!([])),
        ("spec.template.spec.containers", json!(["x"])),
        ("spec.template.spec.volumes", json!({"hostPath": {}})),
        ("spec.template.spec.containers.0.image", json!(7)),
        ("spec.template.spec.containers.0.resources.requests.cpu", json!("much")),
        ("spec.template.metadata.labels", json!(["x"])),
        ("spec.replicas", json!("many")),
        ("spec.strategy.rollingUpdate.maxSurge", json!("some")),
    ] {
        let found = found_after(|m, _| set(of(m, "Deployment"), field, value));
        assert!(found.iter().any(|f| f.0 == RuleId::Malformed), "{field}: {found:?}");
    }
}
