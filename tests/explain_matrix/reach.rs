//! How each wait is reached: a script, and whom to look at.
use leasehold::{
    cli::simulate::read,
    domain::report::WaitingOn,
    simulate::{Played, play},
};

/// A wait that was reached.
pub struct Reached {
    pub on: WaitingOn,
    pub tenant: &'static str,
    /// Whether its end is known.
    pub until: bool,
    /// The run that the tenant is planned in, if there is one.
    pub rollout: Option<&'static str>,
    pub played: Played,
}

const FLEET: &str = r#"
kind: Simulation
title: A wait
start: 2026-03-02T09:00:00Z
releases:
- {operator: memcached, versions: [1.0.0, 1.1.0, 1.2.0], rollbackTo: ">=1.0.0"}
- {operator: memcached, versions: [9.0.0], upgradesFrom: ">=8.0.0, <9.0.0"}
tenants:
- {names: [acme, bolt], operator: memcached, version: 1.0.0, labels: {ring: canary}}
- {names: [cern, dune, eden], operator: memcached, version: 1.0.0}
"#;

const POLICY: &str = "
---
kind: RolloutPolicy
metadata: {name: default}
spec:
  order: Name
  waves:
  - {name: canary, selector: {matchLabels: {ring: canary}}, maxConcurrency: 1, maxFailures: 0, soak: {duration: 5m}}
  - {name: everyone, maxConcurrency: 1, maxFailures: 0, soak: {duration: 2m}, GATES}
";

const FREEZE: &str = "
---
kind: ChangeWindow
metadata: {name: monday}
spec: {action: Deny, reason: ask the release desk, schedule: {cron: \"0 9 * * MON\", duration: 4h}}
";

/// A release that brings a definition other than the one that is there.
const OTHER_CRD: &str = "
---
kind: OperatorRelease
metadata: {name: memcached-1.3.0}
spec: {operator: memcached, version: 1.3.0, image: 'example.com/m:1', leaderElection: {id: m.example.com}, crds: [{inline: CRD1}]}
---
kind: OperatorRelease
metadata: {name: memcached-1.4.0}
spec: {operator: memcached, version: 1.4.0, image: 'example.com/m:1', leaderElection: {id: m.example.com}, crds: [{inline: CRD2}]}
";

const FIRST: &str = "memcached-1.1.0-1";
const SECOND: &str = "memcached-1.2.0-2";

/// Another type of a field is refused: the tenants wait for a release that can be granted.
fn crd(kind: &str) -> String {
    format!(
        "{{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {{name: memcacheds.cache.example.com}}, \
         spec: {{group: cache.example.com, scope: Namespaced, names: {{kind: Memcached, plural: memcacheds}}, \
         versions: [{{name: v1, served: true, storage: true, schema: {{openAPIV3Schema: {{type: object, properties: {{size: {{type: {kind}}}}}}}}}}}]}}}}"
    )
}

fn reach(on: WaitingOn, tenant: &'static str, until: bool, rollout: Option<&'static str>, events: &str) -> Reached {
    let more = match on {
        WaitingOn::Window => FREEZE.to_owned(),
        WaitingOn::CrdReady => OTHER_CRD.replace("CRD1", &crd("string")).replace("CRD2", &crd("integer")),
        _ => String::new(),
    };
    let gates = if on == WaitingOn::Approval { "gates: {before: [{name: start, approval: {}}]}" } else { "gates: {}" };
    let script = format!("{FLEET}{events}{}{more}", POLICY.replace("GATES", gates));
    let script = read(&script).unwrap_or_else(|why| panic!("{on}: {why}"));
    Reached { on, tenant, until, rollout, played: play(&script).unwrap_or_else(|why| panic!("{on}: {why}")) }
}

const ASK: &str = "- {at: 1m, ask: {version: 1.1.0}}";

/// Each wait, reached.
pub fn each(on: WaitingOn) -> Reached {
    let ask = |more: &str, end: &str| format!("end: {end}\nevents:\n{more}\n{ASK}\n");
    match on {
        WaitingOn::Coalescing => reach(on, "cern", true, None, &ask("", "1m5s")),
        WaitingOn::Queued => {
            let first = "- {at: 1m, ask: {version: 1.1.0, tenants: [acme, cern]}}\n- {at: 2m, ask: {version: 1.2.0, tenants: [eden]}}";
            reach(on, "eden", false, Some(SECOND), &format!("end: 3m\nevents:\n{first}\n"))
        }
        WaitingOn::PriorWave => reach(on, "cern", false, Some(FIRST), &ask("", "1m20s")),
        WaitingOn::Concurrency => reach(on, "bolt", false, Some(FIRST), &ask("", "1m20s")),
        WaitingOn::Soak => reach(on, "cern", true, Some(FIRST), &ask("", "3m")),
        WaitingOn::Approval => reach(on, "cern", false, Some(FIRST), &ask("", "10m")),
        WaitingOn::Window => reach(on, "acme", true, Some(FIRST), &ask("", "2m")),
        WaitingOn::Hold => {
            let hold =
                "- {at: 30s, hold: {tenants: [acme], name: audit, reason: ask finance, until: '2026-03-02T12:00:00Z'}}";
            reach(on, "acme", true, Some(FIRST), &ask(hold, "2m"))
        }
        WaitingOn::Budget => {
            let crash = "- {at: 30s, fate: {version: 1.1.0, tenants: [acme], is: CrashLoop}}";
            reach(on, "cern", false, Some(FIRST), &ask(crash, "5m"))
        }
        WaitingOn::Evidence => {
            // Both canaries are broken before, and the new version mends neither: what comes of that is not its doing.
            let broken = "- {at: 10s, fate: {tenants: [acme, bolt], is: CrashLoop}}";
            reach(on, "cern", false, Some(FIRST), &ask(broken, "10m"))
        }
        WaitingOn::CrdReady => {
            let events = "end: 3m\nevents:\n- {at: 1m, ask: {version: 1.4.0}}\n";
            reach(on, "cern", false, None, events)
        }
        WaitingOn::PathBlocked => {
            reach(on, "cern", false, None, "end: 3m\nevents:\n- {at: 1m, ask: {version: 9.0.0}}\n")
        }
        WaitingOn::Suspended => {
            reach(on, "cern", false, Some(FIRST), &ask(&format!("- {{at: 2m, suspend: {FIRST}}}"), "4m"))
        }
        WaitingOn::Inconclusive => {
            let gone = "- {at: 30s, edit: {object: Tenant/cern, merge: {spec: {rolloutPolicy: gone}}}}";
            reach(on, "cern", false, None, &ask(gone, "3m"))
        }
        WaitingOn::Paused => {
            let paused = "- {at: 30s, edit: {object: Tenant/acme, merge: {spec: {mode: Paused}}}}";
            reach(on, "acme", false, Some(FIRST), &ask(paused, "3m"))
        }
    }
}
