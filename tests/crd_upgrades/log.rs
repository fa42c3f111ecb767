//! What Leasehold wrote, in the order in which the API server took it. In: a proxy's log. Out: the writes of a shared
//! definition, and what was on record about tenants before and after each. Never: asks the cluster.

use leasehold::api::CrdPhase;
use serde_json::Value;

use crate::scene::CRD;
use crate::support::proxy::Request;

/// Writes that were taken, each with the resource version that it led to. Those of one etcd can be compared.
pub struct Log {
    taken: Vec<(u64, Request)>,
}

impl Log {
    pub fn of(requests: Vec<Request>) -> Self {
        let taken = requests.into_iter().filter(|request| request.is_write() && request.succeeded());
        let version = |request: &Request| request.resource_version_out.as_ref()?.parse().ok();
        let mut taken: Vec<(u64, Request)> = taken.filter_map(|request| Some((version(&request)?, request))).collect();
        taken.sort_by_key(|(version, _)| *version);
        Self { taken }
    }

    fn about<'a>(&'a self, resource: &'a str, subresource: &'a str) -> impl Iterator<Item = (u64, &'a Request)> {
        let about = move |request: &Request| request.resource == resource && request.subresource == subresource;
        self.taken.iter().filter(move |(_, request)| about(request)).map(|(version, request)| (*version, request))
    }

    /// Each write of the definition's spec, what it was made, and when.
    pub fn specs(&self) -> Vec<(u64, Value)> {
        let ours = self.about("customresourcedefinitions", "").filter(|(_, request)| names(request));
        ours.filter_map(|(version, request)| Some((version, spec(&request.object())?))).collect()
    }

    /// When a tenant was first granted that release.
    pub fn first_grant(&self, release: &str) -> Option<u64> {
        let granted = |request: &Request| request.object()["status"]["granted"]["version"] == release;
        self.about("tenants", "status").find(|(_, request)| granted(request)).map(|(version, _)| version)
    }

    /// Which of the tenants were not on record as running that release, proven, at that time.
    pub fn not_running(&self, tenants: &[String], release: &str, at: u64) -> Vec<String> {
        let last = |tenant: &String| {
            let statuses =
                self.about("tenants", "status").filter(|(version, request)| *version < at && request.name == *tenant);
            let last = statuses.last()?.1.object();
            last["status"]["running"]["version"].as_str().map(str::to_owned)
        };
        tenants.iter().filter(|tenant| last(tenant).as_deref() != Some(release)).cloned().collect()
    }

    /// The phases that were on record, in their order, each named once in a row.
    pub fn phases(&self, upgrade: &str) -> Vec<CrdPhase> {
        let of = self.about("crdupgrades", "status").filter(|(_, request)| request.name == upgrade);
        let phase = |request: &Request| serde_json::from_value(request.object()["status"]["phase"].clone()).ok();
        let mut phases: Vec<CrdPhase> = of.filter_map(|(_, request)| phase(request)).collect();
        phases.dedup();
        phases
    }
}

/// The name of what is created is in its body only.
fn names(request: &Request) -> bool {
    request.name == CRD || request.object()["metadata"]["name"] == CRD
}

/// Of a whole object, a merge, or a JSON patch.
fn spec(body: &Value) -> Option<Value> {
    match body {
        Value::Array(patch) => {
            let of_spec =
                |op: &&Value| op["op"] != "test" && op["path"].as_str().is_some_and(|path| path.starts_with("/spec"));
            patch.iter().find(of_spec).map(|op| op["value"].clone())
        }
        whole => whole.get("spec").cloned(),
    }
}
