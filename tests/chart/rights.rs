//! Least privilege as shipped: a Leasehold under the chart's own rights goes through everything it ever does. It is refused
//! nothing, and there is no right that it does not use.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use kube::api::{Api, DeleteParams, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use leasehold::api::{RolloutPolicy, Tenant};
use leasehold::domain::kinds::{OPTIONAL_KINDS, STACK_KINDS};
use leasehold::plan::render;
use serde_json::{Value, json};

use crate::beside::{a_shared_definition_moves, a_slice_comes_and_goes};
use crate::definitions::{self, definition};
use crate::support::proxy::{Fault, Match, Proxy, Request};
use crate::support::{Cluster, Leasehold, Node, chart, eventually};

const SOON: Duration = Duration::from_mins(2);
const HOME: &str = "leasehold-rights";
const SETTINGS: [&str; 4] = [
    "--set=features.secrets=true",
    "--set-json=customResources=[{\"apiGroups\":[\"rights.example.com\"],\"resources\":[\"caches\"]}]",
    "--set-json=gates={\"read\":[{\"apiGroups\":[\"rights.example.com\"],\"resources\":[\"caches\"]}],\"jobs\":{\"enabled\":true}}",
    "--set=leaderElection.leaseDuration=6s,leaderElection.renewDeadline=4s,leaderElection.retryPeriod=1s",
];

/// A right: verb, group, resource with subresource.
type Right = (String, String, String);

/// What a rule says, right by right.
fn rights(rule: &Value) -> Vec<Right> {
    let list = |field: &str| -> Vec<String> {
        rule[field].as_array().unwrap().iter().map(|item| item.as_str().unwrap().to_owned()).collect()
    };
    let (groups, resources) = (list("apiGroups"), list("resources"));
    let of = |verb: &String, group: &String| -> Vec<Right> {
        resources.iter().map(|resource| (verb.clone(), group.clone(), resource.clone())).collect()
    };
    list("verbs").iter().flat_map(|verb| groups.iter().flat_map(|group| of(verb, group)).collect::<Vec<_>>()).collect()
}

/// The rights that were used, of RBAC's verbs: server-side apply is a patch, and a create when nothing was there.
fn used(log: &[Request], within: Option<&str>) -> BTreeSet<Right> {
    let ours = log.iter().filter(|request| within.is_none_or(|namespace| request.namespace == namespace));
    let mut used = BTreeSet::new();
    for request in ours {
        let resource = match request.subresource.as_str() {
            "" => request.resource.clone(),
            subresource => format!("{}/{subresource}", request.resource),
        };
        let verbs: &[&str] = match (request.verb.as_str(), request.code) {
            ("apply", Some(201)) => &["patch", "create"],
            ("apply", _) => &["patch"],
            (verb, _) => &[verb],
        };
        used.extend(verbs.iter().map(|verb| ((*verb).to_owned(), request.group.clone(), resource.clone())));
    }
    used
}

/// Everything that a stack may be made of beside the standard one.
const OWN: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: own, namespace: '{{tenant.namespace}}'}
data: {version: '{{version}}'}
---
apiVersion: v1
kind: Secret
metadata: {name: own, namespace: '{{tenant.namespace}}'}
stringData: {version: '{{version}}'}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: own, namespace: '{{tenant.namespace}}'}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
---
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata: {name: own, namespace: '{{tenant.namespace}}'}
spec: {selector: {matchLabels: {app: own}}, podMetricsEndpoints: [{port: metrics}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: own, namespace: '{{tenant.namespace}}'}
spec:
  replicas: 1
  serviceName: own
  selector: {matchLabels: {app: own}}
  template:
    metadata: {labels: {app: own}}
    spec:
      serviceAccountName: '{{operator}}-operator'
      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
      containers:
      - name: own
        image: '{{image}}'
        resources: {requests: '{{resources.requests}}', limits: '{{resources.limits}}'}
        securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
";

fn release(version: &str) -> Value {
    let standard = render::builtin(render::DEFAULT).unwrap().iter();
    let standard = standard.map(|file| json!({"name": file.name, "yaml": file.text}));
    let templates: Vec<Value> = standard.chain([json!({"name": "own.yaml", "yaml": OWN})]).collect();
    json!({"apiVersion": "leasehold.dev/v1alpha1", "kind": "OperatorRelease", "metadata": {"name": format!("rights-{version}")},
        "spec": {"operator": "rights", "version": version, "image": format!("example.com/operator:{version}"),
            "leaderElection": {"id": "rights.example.com", "standbys": "Watch"},
            "args": ["--leader-election-id={{leaderElection.id}}"], "templates": templates,
            "crds": [{"inline": definition("rights.example.com", "Cache", "caches", "v1")}]}})
}

/// A release whose definition is in a ConfigMap.
fn release_of_texts(version: &str) -> Value {
    let mut release = release(version);
    release["spec"]["crds"] = definitions::by_reference(HOME);
    release
}

fn tenant(name: &str, version: &str, more: &Value) -> Value {
    let mut spec = json!({"operator": "rights", "version": version, "rolloutPolicy": "rights"});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"apiVersion": "leasehold.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": name}, "spec": spec})
}

const POLICY: &str = "apiVersion: leasehold.dev/v1alpha1
kind: RolloutPolicy
metadata: {name: rights}
spec:
  coalesce: {quietPeriod: 1s, maxWait: 10s}
  revisionHistoryLimit: 1
  waves: [{name: everyone, soak: {duration: 0s}}]
";

/// What people say beside: a freeze of some other operator, and a decision about a run that is not there.
const OTHERS: &str = "apiVersion: leasehold.dev/v1alpha1
kind: ChangeWindow
metadata: {name: rights}
spec: {action: Deny, operators: [nobody]}
---
apiVersion: leasehold.dev/v1alpha1
kind: RolloutApproval
metadata: {name: rights}
spec: {rollout: a, wave: a, gate: a, planHash: 0123456789abcdef, decision: Approve, approver: '$ME'}
";

const GATES: &str = "before:
- {name: caches, cel: {expression: 'size(resources) == 0', resources: [{apiVersion: rights.example.com/v1, kind: Cache}]}}
- {name: smoke, job: {template: {image: example.com/smoke:1}}}
";

async fn runs(client: &Client, name: &str, version: &str) {
    let tenants: Api<Tenant> = Api::all(client.clone());
    let proven = async || -> bool {
        let Ok(tenant) = tenants.get(name).await else { return false };
        tenant.status.and_then(|status| status.running).is_some_and(|running| running.version == version)
    };
    eventually(&format!("{name} runs {version}"), SOON, proven).await;
}

async fn asked(proxy: &Proxy, what: &str, which: impl Fn(&Request) -> bool) {
    eventually(what, SOON, async || proxy.log().iter().any(|request| which(request) && request.succeeded())).await;
}

async fn client_of(kubeconfig: &Path) -> Client {
    let (options, parsed) = (KubeConfigOptions::default(), Kubeconfig::read_from(kubeconfig).unwrap());
    Client::try_from(Config::from_custom_kubeconfig(parsed, &options).await.unwrap()).unwrap()
}

/// Onboards, upgrades twice, loses answers, reports what it cannot read, and offboards.
async fn a_life(cluster: &Cluster, proxy: &Proxy) {
    let client = cluster.client();
    let tenants: Api<Tenant> = Api::all(client.clone());
    // The answers to a claim and to the creation of a run are lost, and the watch is late: each is looked up.
    proxy.add(Match::verb("update").resource("tenants").subresource("status").nth(2).after(Fault::Reset));
    proxy.add(Match::verb("create").resource("rollouts").first(1).after(Fault::Reset));
    cluster.apply_yaml(POLICY).await;
    for version in ["1.0.0", "1.1.0"] {
        cluster.apply_yaml(&release(version).to_string()).await;
    }
    cluster.apply_yaml(&definitions::config_map(HOME).to_string()).await;
    cluster.apply_yaml(&release_of_texts("1.2.0").to_string()).await;
    cluster.apply_yaml(&tenant("rights-a", "1.0.0", &json!({})).to_string()).await;
    runs(&client, "rights-a", "1.0.0").await;
    for version in ["1.1.0", "1.2.0"] {
        let bump = json!({"spec": {"version": version}});
        tenants.patch("rights-a", &PatchParams::default(), &Patch::Merge(&bump)).await.unwrap();
        runs(&client, "rights-a", version).await;
    }
    // Gates that list custom resources and run Jobs; the hollow node's never end, so nobody waits for them.
    let gates: Value = serde_saphyr::from_str(GATES).unwrap();
    let gated = json!({"spec": {"waves": [{"name": "everyone", "soak": {"duration": "0s"}, "gates": gates}]}});
    let policies: Api<RolloutPolicy> = Api::all(client.clone());
    policies.patch("rights", &PatchParams::default(), &Patch::Merge(&gated)).await.unwrap();
    cluster.apply_yaml(&release("1.3.0").to_string()).await;
    let bump = json!({"spec": {"version": "1.3.0"}});
    tenants.patch("rights-a", &PatchParams::default(), &Patch::Merge(&bump)).await.unwrap();
    asked(proxy, "custom resources are listed", |r| r.verb == "list" && r.resource == "caches").await;
    asked(proxy, "a gate's Job is made", |r| r.verb == "create" && r.resource == "jobs").await;
    asked(proxy, "a gate's Job is looked at", |r| r.verb == "get" && r.resource == "jobs").await;

    asked(proxy, "the older run is deleted", |r| r.verb == "delete" && r.resource == "rollouts").await;

    let hold = json!({"holds": [{"name": "a", "reason": "b", "until": "9999-12-31T23:59:59Z"}]});
    cluster.apply_yaml(&tenant("rights-odd", "1.0.0", &hold).to_string()).await;
    asked(proxy, "what cannot be read is said", |r| r.verb == "patch" && r.subresource == "status").await;

    // A window and a decision that concern nobody: each is told what became of it.
    let me = cluster.kubectl(&["auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"]);
    cluster.apply_yaml(&OTHERS.replace("$ME", me.trim())).await;
    for resource in ["changewindows", "rolloutapprovals"] {
        let said = |r: &Request| r.verb == "update" && r.resource == resource && r.subresource == "status";
        asked(proxy, "its status is written", said).await;
    }

    let cache = "{apiVersion: rights.example.com/v1, kind: Cache, metadata: {name: a, namespace: tenant-rights-a}}";
    cluster.apply_yaml(cache).await;
    tenants.delete("rights-a", &DeleteParams::default()).await.unwrap();
    eventually("the tenant is gone", SOON, async || matches!(tenants.get_opt("rights-a").await, Ok(None))).await;
}

#[tokio::test]
async fn rbac_as_shipped_is_enough_and_all_of_it_is_used() {
    let cluster = Cluster::start(Node::Hollow).await;
    for crd in leasehold::api::crds() {
        cluster.apply_yaml(&serde_json::to_string(&crd).unwrap()).await;
    }
    for (kind, plural) in [("ServiceMonitor", "servicemonitors"), ("PodMonitor", "podmonitors")] {
        cluster.apply_yaml(&definition("monitoring.coreos.com", kind, plural, "v1").to_string()).await;
    }
    let monitors = ["servicemonitors.monitoring.coreos.com", "podmonitors.monitoring.coreos.com"];
    for monitor in monitors {
        cluster.kubectl(&["wait", "--for=condition=Established", "crd", monitor, "--timeout=60s"]);
    }
    cluster.apply_yaml(&format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {HOME}}}}}")).await;
    cluster.install_chart(HOME, &SETTINGS, &[]).await;
    let token = cluster.kubectl(&["-n", HOME, "create", "token", "leasehold"]);
    let proxy = cluster.proxy("rights");
    proxy.add(Match::verb("watch").resource("rollouts").before(Fault::LagWatch(Duration::from_secs(8))));
    let timings = ["--lease-duration=6s", "--renew-deadline=4s", "--retry-period=1s", "--secrets=true"];
    let kubeconfig = proxy.kubeconfig_with_token(token.trim());
    a_slice_comes_and_goes(client_of(&kubeconfig).await).await;
    let shared = definition("rights.example.com", "Cache", "caches", "v1");
    a_shared_definition_moves(&cluster, client_of(&kubeconfig).await, &shared).await;
    let launch = Leasehold::on(&cluster).kubeconfig(&kubeconfig).pod(HOME, "leasehold-0");
    let process = launch.args(&["run", "--listen=127.0.0.1:0"]).args(&timings).start();
    a_life(&cluster, &proxy).await;
    assert!(process.status().is_none(), "it lives");

    let log = proxy.log();
    let refused: Vec<String> = log.iter().filter(|r| r.code == Some(403)).map(ToString::to_string).collect();
    assert_eq!(refused, [] as [&str; 0], "refused");
    let objects = chart(HOME, &SETTINGS);
    let rules = |kind: &str| -> Vec<Value> {
        let role = objects.iter().find(|object| object["kind"] == kind).unwrap();
        role["rules"].as_array().unwrap().clone()
    };
    let fleet = objects.iter().find(|object| object["kind"] == "FleetPolicy").unwrap();
    // The ceiling is held to be granted.
    let ceiling = fleet["spec"]["allowedRules"].as_array().unwrap();
    let cluster_wide: BTreeSet<Right> =
        rules("ClusterRole").iter().filter(|rule| !ceiling.contains(rule)).flat_map(rights).collect();
    // Polling standbys need real pods (tests/e2e/polling.rs); what is hollow here takes a free Lease at once. See eviction.rs.
    let elsewhere = BTreeSet::from([("create".to_owned(), String::new(), "pods/eviction".to_owned())]);
    assert_eq!(&(&cluster_wide - &used(&log, None)) - &elsewhere, BTreeSet::new(), "unused, of the ClusterRole");
    let at_home: BTreeSet<Right> = rules("Role").iter().flat_map(rights).collect();
    assert_eq!(&at_home - &used(&log, Some(HOME)), BTreeSet::new(), "unused, of the Role in its own namespace");

    // The chart and the program speak of the same kinds.
    for kind in STACK_KINDS.iter().chain(OPTIONAL_KINDS) {
        let watched = ("watch".to_owned(), kind.group.to_owned(), kind.plural.to_owned());
        assert!(cluster_wide.contains(&watched), "{} has no rule", kind.kind);
    }
}
