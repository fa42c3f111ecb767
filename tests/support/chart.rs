//! In: a namespace and settings of the chart. Out: its objects, as helm renders them. Never: the Deployment on its own: what
//! runs is the binary under test.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::Cluster;

/// What a Leasehold outside of the cluster needs of the chart.
const RIGHTS_AND_POLICIES: [&str; 7] = [
    "ServiceAccount",
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
];

/// The chart's objects for a release named `leasehold`; `settings` are further arguments of helm.
///
/// # Panics
/// Without helm, and when it refuses, with its words.
pub fn chart(namespace: &str, settings: &[&str]) -> Vec<Value> {
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/leasehold");
    let mut command = Command::new(helm());
    let output = command.args(["template", "leasehold", "--namespace", namespace]).args(settings).arg(chart).output();
    let output = output.expect("helm runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    let objects: Vec<Value> = serde_saphyr::from_multiple(&text).expect("helm renders YAML");
    objects.into_iter().filter(|object| !object.is_null()).collect()
}

impl Cluster {
    /// Applies the chart's account, rights and admission policies, those whose name ends in one of `policies` or, without
    /// any, all.
    pub async fn install_chart(&self, namespace: &str, settings: &[&str], policies: &[&str]) {
        let wanted = |object: &&Value| {
            let kind = object["kind"].as_str().unwrap_or_default();
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            let named = policies.is_empty() || policies.iter().any(|policy| name.ends_with(policy));
            RIGHTS_AND_POLICIES.contains(&kind) && (named || !kind.starts_with("Validating"))
        };
        let objects = chart(namespace, settings);
        let yaml: Vec<String> = objects.iter().filter(wanted).map(ToString::to_string).collect();
        self.apply_yaml(&yaml.join("\n---\n")).await;
    }
}

/// `HELM_BIN_DIR`, or where `make tools` puts it.
fn helm() -> PathBuf {
    let given = std::env::var_os("HELM_BIN_DIR").map(PathBuf::from);
    let dir = given.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".build/bin"));
    assert!(dir.join("helm").exists(), "no helm in {}: run `make tools`, or set HELM_BIN_DIR", dir.display());
    dir.join("helm")
}
