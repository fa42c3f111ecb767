//! The Pod Security Standards, levels baseline and restricted, on a pod template.
//!
//! The rules are those of `k8s.io/pod-security-admission` at the version we are built against, with two differences, both
//! stricter: nothing is relaxed for `hostUsers: false` or for Windows, and a field of a wrong type counts as set. The
//! namespace's own admission stays in force; this check says it before anything is written, and names the field.
use serde_json::Value;

use super::{
    finding::{Findings, RuleId},
    pods::{CONTAINERS, Pod, SPEC},
};
use crate::api::PodSecurity;

const SAFE_CAPABILITIES: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];
const SAFE_SYSCTLS: [&str; 12] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
];
const SAFE_VOLUMES: [&str; 9] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];
const SELINUX_TYPES: [&str; 5] = ["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"];
const APPARMOR_ANNOTATION: &str = "container.apparmor.security.beta.kubernetes.io/";

/// What is wrong, where, and what to write.
struct Checker<'f, 'm> {
    pod: Pod<'m>,
    findings: &'f mut Findings,
}

pub(super) fn check(pod: Pod<'_>, level: PodSecurity, findings: &mut Findings) {
    let mut checker = Checker { pod, findings };
    if level >= PodSecurity::Baseline {
        checker.baseline();
    }
    if level >= PodSecurity::Restricted {
        checker.restricted();
    }
}

/// A field by its path, `Null` when it is not there.
fn at<'v>(value: &'v Value, path: &str) -> &'v Value {
    path.split('.').try_fold(value, |value, field| value.get(field)).unwrap_or(&Value::Null)
}

/// Neither absent nor false. A text where a bool belongs counts as set.
fn is_set(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false))
}

fn is_one_of(value: &Value, allowed: &[&str]) -> bool {
    value.as_str().is_some_and(|text| allowed.contains(&text))
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

impl<'m> Checker<'_, 'm> {
    fn refuse(&mut self, field: impl Into<String>, why: impl Into<String>, fix: &str) {
        self.findings.add(RuleId::PodSecurity, self.pod.manifest, field, why, fix);
    }

    /// The pod and each container, with their paths: both may have a `securityContext`.
    fn contexts(&self) -> Vec<(String, &'m Value)> {
        let pod = (SPEC.to_owned(), self.pod.spec);
        let all = std::iter::once(pod).chain(self.pod.containers(&CONTAINERS));
        all.map(|(path, of)| (format!("{path}.securityContext"), at(of, "securityContext"))).collect()
    }

    fn containers(&self) -> Vec<(String, &'m Value)> {
        self.pod.containers(&CONTAINERS).collect()
    }

    fn baseline(&mut self) {
        self.host();
        self.profiles();
        for (path, container) in self.containers() {
            let context = at(container, "securityContext");
            if is_set(at(context, "privileged")) {
                self.refuse(
                    format!("{path}.securityContext.privileged"),
                    "gives the container the whole node",
                    "leave it out",
                );
            }
            for capability in items(at(context, "capabilities.add")) {
                if !is_one_of(capability, &SAFE_CAPABILITIES) {
                    let field = format!("{path}.securityContext.capabilities.add");
                    self.refuse(
                        field,
                        format!("{capability} is not a capability of the baseline level"),
                        "leave it out",
                    );
                }
            }
            if !at(context, "procMount").is_null() && at(context, "procMount") != "Default" {
                self.refuse(format!("{path}.securityContext.procMount"), "shows the node's /proc", "leave it out");
            }
            self.ports_and_probes(&path, container);
        }
    }

    fn host(&mut self) {
        for field in ["hostNetwork", "hostPID", "hostIPC"] {
            if is_set(at(self.pod.spec, field)) {
                self.refuse(
                    format!("{SPEC}.{field}"),
                    "shares the node's own, and with it every tenant's",
                    "leave it out",
                );
            }
        }
        for (index, volume) in items(at(self.pod.spec, "volumes")).enumerate() {
            if volume.get("hostPath").is_some() {
                self.refuse(format!("{SPEC}.volumes[{index}].hostPath"), "reads the node's disk", "use another volume");
            }
        }
        for sysctl in items(at(self.pod.spec, "securityContext.sysctls")) {
            let name = at(sysctl, "name");
            if !is_one_of(name, &SAFE_SYSCTLS) {
                self.refuse(
                    format!("{SPEC}.securityContext.sysctls"),
                    format!("{name} is not a safe sysctl"),
                    "leave it out",
                );
            }
        }
    }

    /// Windows host processes, seccomp, AppArmor, SELinux: of the pod and of each container.
    fn profiles(&mut self) {
        const CONFINED: [&str; 2] = ["RuntimeDefault", "Localhost"];
        for (path, context) in self.contexts() {
            if is_set(at(context, "windowsOptions.hostProcess")) {
                self.refuse(format!("{path}.windowsOptions.hostProcess"), "runs on the node itself", "leave it out");
            }
            for profile in ["seccompProfile", "appArmorProfile"] {
                if !at(context, profile).is_null() && !is_one_of(at(context, &format!("{profile}.type")), &CONFINED) {
                    self.refuse(format!("{path}.{profile}.type"), "is not confined", "write RuntimeDefault");
                }
            }
            let selinux = at(context, "seLinuxOptions");
            let kind = at(selinux, "type");
            if !kind.is_null() && !is_one_of(kind, &SELINUX_TYPES) {
                self.refuse(
                    format!("{path}.seLinuxOptions.type"),
                    format!("{kind} is not a type for containers"),
                    "leave it out",
                );
            }
            for field in ["user", "role"] {
                if !matches!(at(selinux, field), Value::Null) && at(selinux, field) != "" {
                    self.refuse(format!("{path}.seLinuxOptions.{field}"), "is not a pod's to choose", "leave it out");
                }
            }
        }
        let annotations =
            self.pod.manifest.value.pointer("/spec/template/metadata/annotations").and_then(Value::as_object);
        for (key, value) in annotations.into_iter().flatten().filter(|(key, _)| key.starts_with(APPARMOR_ANNOTATION)) {
            let confined = |text: &str| ["", "runtime/default"].contains(&text) || text.starts_with("localhost/");
            if !value.as_str().is_some_and(confined) {
                self.refuse(format!("spec.template.metadata.annotations[{key}]"), "is not confined", "leave it out");
            }
        }
    }

    fn ports_and_probes(&mut self, path: &str, container: &Value) {
        for (index, port) in items(at(container, "ports")).enumerate() {
            if !at(port, "hostPort").is_null() && at(port, "hostPort") != 0 {
                self.refuse(format!("{path}.ports[{index}].hostPort"), "takes a port of the node", "leave it out");
            }
        }
        let probes = ["livenessProbe", "readinessProbe", "startupProbe", "lifecycle.postStart", "lifecycle.preStop"];
        for probe in probes {
            for handler in ["httpGet", "tcpSocket"] {
                let field = format!("{probe}.{handler}.host");
                if !matches!(at(container, &field), Value::Null) && at(container, &field) != "" {
                    let why = "lets the kubelet call any host on the pod's behalf";
                    self.refuse(format!("{path}.{field}"), why, "leave it out");
                }
            }
        }
    }

    fn restricted(&mut self) {
        self.volumes();
        let pod = at(self.pod.spec, "securityContext");
        for (path, context) in self.contexts() {
            if at(context, "runAsUser") == 0 {
                self.refuse(format!("{path}.runAsUser"), "is root", "write another user, or leave it out");
            }
            if !matches!(at(context, "runAsNonRoot"), Value::Null | Value::Bool(true)) {
                self.refuse(format!("{path}.runAsNonRoot"), "allows root", "write true");
            }
        }
        for (path, container) in self.containers() {
            let path = format!("{path}.securityContext");
            let context = at(container, "securityContext");
            let either = |field: &str| [at(context, field), at(pod, field)].into_iter().any(|v| !v.is_null());
            if !either("runAsNonRoot") {
                self.refuse(format!("{path}.runAsNonRoot"), "is set neither here nor for the pod", "write true");
            }
            if !either("seccompProfile") {
                let field = format!("{path}.seccompProfile.type");
                self.refuse(field, "is set neither here nor for the pod", "write RuntimeDefault");
            }
            if at(context, "allowPrivilegeEscalation") != &Value::Bool(false) {
                self.refuse(format!("{path}.allowPrivilegeEscalation"), "is not false", "write false");
            }
            if !items(at(context, "capabilities.drop")).any(|dropped| dropped == "ALL") {
                self.refuse(format!("{path}.capabilities.drop"), "does not drop ALL", "write [ALL]");
            }
            let added = items(at(context, "capabilities.add"));
            if added.into_iter().any(|added| added != "NET_BIND_SERVICE") {
                let why = "adds more than NET_BIND_SERVICE";
                self.refuse(format!("{path}.capabilities.add"), why, "leave it out");
            }
        }
    }

    fn volumes(&mut self) {
        for (index, volume) in items(at(self.pod.spec, "volumes")).enumerate() {
            let types: Vec<&String> =
                volume.as_object().into_iter().flat_map(|v| v.keys()).filter(|k| *k != "name").collect();
            let safe = |kind: &&String| SAFE_VOLUMES.contains(&kind.as_str());
            if let Some(bad) = types.iter().find(|kind| !safe(kind)) {
                let why = format!("{bad} is not a volume of the restricted level");
                self.refuse(format!("{SPEC}.volumes[{index}]"), why, "use a claim, a ConfigMap or a Secret");
            }
        }
    }
}
