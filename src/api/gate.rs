//! Gates of a wave: what opens them, how often that is asked, and what became of it.
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Decimal, Resources, Span, Time, schema::DNS_LABEL};

/// What a wave waits for beside its tenants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [{"rule": "!has(self.before) || !has(self.after) || self.before.all(b, !self.after.exists(a, a.name == b.name))", "message": "a gate of `before` and one of `after` have the same name: one approval would open both"}]))]
pub struct Gates {
    /// All must be passed before anybody of the wave is granted, and at each grant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub before: Vec<Gate>,
    /// All must be passed, once the soak is over, before the wave is done. Those that are asked are asked during the soak, too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub after: Vec<Gate>,
}

impl Gates {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.before.is_empty() && self.after.is_empty()
    }

    /// Every gate, with when it stands in the way.
    pub fn all(&self) -> impl Iterator<Item = (When, &Gate)> {
        let before = self.before.iter().map(|gate| (When::Before, gate));
        before.chain(self.after.iter().map(|gate| (When::After, gate)))
    }
}

/// One gate: a name, and what opens it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.approval), has(self.cel), has(self.prometheus), has(self.job)].filter(x, x).size() == 1").message("a gate needs to say what opens it, and only one thing: approval, cel, prometheus or job"))]
pub struct Gate {
    /// Name of the gate, unique in the wave, `before` and `after` together: approvals name it.
    #[schemars(length(min = 1, max = 63), regex(pattern = DNS_LABEL))]
    pub name: String,
    /// A person's RolloutApproval opens it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalGate>,
    /// An expression over each tenant's own objects opens it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cel: Option<CelGate>,
    /// A Prometheus query whose samples are within bounds opens it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<PrometheusGate>,
    /// A Job in each tenant's namespace that succeeds opens it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobGate>,
}

impl Gate {
    /// How it is asked; `None` for a gate that people open.
    #[must_use]
    pub fn pace(&self) -> Option<&Pace> {
        let cel = self.cel.as_ref().map(|gate| &gate.pace);
        let prometheus = || self.prometheus.as_ref().map(|gate| &gate.pace);
        cel.or_else(prometheus).or_else(|| self.job.as_ref().map(|gate| &gate.pace))
    }

    /// How long evidence counts, from when its round began: two intervals, and for Jobs the time that they have to run. `None` for
    /// a gate that people open.
    #[must_use]
    pub fn lasts(&self) -> Option<Span> {
        let run = self.job.as_ref().map_or(Span::secs(0), |gate| gate.template.timeout);
        self.pace().map(|pace| Span(pace.interval.get().saturating_mul(2).saturating_add(run.get())))
    }

    /// Whether each tenant of the wave is asked about, or the wave as a whole.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.prometheus.as_ref().map_or(Scope::Tenant, |gate| gate.scope)
    }
}

/// A gate that a person opens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalGate {}

/// How often a gate is asked, how much it tolerates, and how long it may keep a wave waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Pace {
    /// How long after a round of questions is answered the next one begins. A verdict from a round that began longer than twice this ago opens nothing; a Job's has its `timeout` besides.
    pub interval: Span,
    /// How long the gate alone may keep the wave waiting; then a last round is asked, and the rollout is halted unless that passes. It never lets a wave pass.
    pub deadline: Span,
    /// Rounds of questions with a failure that are tolerated: 1 is breached by the second. A round that told nothing is no failure.
    #[schemars(range(max = 1000))]
    pub failure_limit: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { interval: Span::secs(30), deadline: Span::secs(3600), failure_limit: 0 }
    }
}

/// An expression over what is known of each tenant of the wave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("duration(self.interval) >= duration('1s') && duration(self.interval) <= duration(self.deadline) && duration(self.deadline) <= duration('8760h')").message("a gate needs 1s <= interval <= deadline, and a deadline of a year at most"))]
pub struct CelGate {
    /// Common Expression Language, of type bool, over `tenant` (metadata and spec of the Tenant), `objects` (its stack, as it is in the cluster) and `resources`.
    #[schemars(length(min = 1, max = 1024))]
    pub expression: String,
    /// Custom resources in the tenant's namespace that the expression sees as `resources`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4), extend("x-kubernetes-list-type" = "atomic"))]
    pub resources: Vec<CustomResources>,
    #[serde(flatten)]
    pub pace: Pace,
}

/// Custom resources of one kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomResources {
    /// Group and version, such as `cache.example.com/v1`.
    #[schemars(length(min = 3, max = 317), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/v[a-z0-9]{1,62}$"))]
    pub api_version: String,
    /// The kind, such as `Memcached`.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Z][A-Za-z0-9]*$"))]
    pub kind: String,
}

/// A query to a Prometheus, and the bounds that each of its samples must keep.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.min) || has(self.max)").message("a query needs `min`, `max` or both: else nothing is asked"))]
#[x_kube(validation = Rule::new("duration(self.interval) >= duration('1s') && duration(self.interval) <= duration(self.deadline) && duration(self.deadline) <= duration('8760h')").message("a gate needs 1s <= interval <= deadline, and a deadline of a year at most"))]
pub struct PrometheusGate {
    /// Base address, such as `http://prometheus.monitoring:9090`. No credentials are sent and no redirect is followed.
    #[schemars(length(min = 8, max = 253), regex(pattern = r"^https?://[A-Za-z0-9.\-\[\]:]+(/[A-Za-z0-9._~/-]*)?$"))]
    pub address: String,
    /// PromQL for an instant vector or a scalar. `{{tenant}}`, `{{namespace}}`, `{{operator}}`, `{{version}}`, `{{wave}}` and `{{rollout}}` stand for values, inside quotes only.
    #[schemars(length(min = 1, max = 2048))]
    pub query: String,
    /// Ask once for the wave, or once for each tenant of it.
    #[serde(default)]
    pub scope: Scope,
    /// Each sample must be at least this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<Decimal>,
    /// Each sample must be at most this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Decimal>,
    #[serde(flatten)]
    pub pace: Pace,
}

/// What one question is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Scope {
    /// The wave as a whole.
    #[default]
    Wave,
    /// Each tenant of it: those that will be moved, or, after the wave, those that were.
    Tenant,
}

/// A Job that is run in each tenant's namespace, once in each round of questions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("duration(self.interval) >= duration('1s') && duration(self.interval) <= duration(self.deadline) && duration(self.deadline) <= duration('8760h')").message("a gate needs 1s <= interval <= deadline, and a deadline of a year at most"))]
pub struct JobGate {
    /// What the Job runs.
    pub template: JobTemplate,
    #[serde(flatten)]
    pub pace: Pace,
}

/// The one container of a gate's Job. It has no ServiceAccount token, and runs as restricted as Pod Security knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("duration(self.timeout) >= duration('1s') && duration(self.timeout) <= duration('24h')").message("a Job needs a timeout between 1s and 24h"))]
pub struct JobTemplate {
    /// Its image; held to the FleetPolicy's `allowedImages`.
    #[schemars(length(min = 1, max = 512))]
    pub image: String,
    /// Its command; absent: the image's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 1024)), extend("x-kubernetes-list-type" = "atomic"))]
    pub command: Vec<String>,
    /// Its arguments; absent: the image's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 1024)), extend("x-kubernetes-list-type" = "atomic"))]
    pub args: Vec<String>,
    /// How long it may run, the pull of its image included; then it has failed.
    #[serde(default = "five_minutes")]
    pub timeout: Span,
    /// Its requests and limits; the tenant's quota must have room for them beside the stack.
    #[serde(default)]
    pub resources: Resources,
}

impl Default for JobTemplate {
    fn default() -> Self {
        let resources = Resources::default();
        Self { image: String::new(), command: Vec::new(), args: Vec::new(), timeout: five_minutes(), resources }
    }
}

const fn five_minutes() -> Span {
    Span::secs(300)
}

/// When a gate stands in the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum When {
    /// Before anybody of the wave is granted.
    #[default]
    Before,
    /// After the wave's soak.
    After,
}

/// What a gate that is asked was told so far: counters, and the last answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct GateStatus {
    /// Name of the gate.
    #[schemars(length(max = 63))]
    pub name: String,
    /// Which of the wave's lists it is in.
    pub when: When,
    /// What the last complete round of questions came to.
    pub verdict: GateVerdict,
    /// Rounds that passed.
    pub passed: u32,
    /// Rounds with a failure: more than `failureLimit` halt the rollout.
    pub failed: u32,
    /// Rounds that told nothing.
    pub inconclusive: u32,
    /// Number of the round that is under way, or comes next.
    pub round: u32,
    /// When that round begins; absent while nothing is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round_at: Option<Time>,
    /// When the round began that gave the verdict: nothing that was known before is in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<Time>,
    /// When the verdict was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
    /// Since when this gate keeps the wave waiting: its deadline counts from here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// What was measured last.
    #[schemars(length(max = 64))]
    pub value: String,
    /// The last answer, in words.
    #[schemars(length(max = 256))]
    pub message: String,
}

/// What a round of questions came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum GateVerdict {
    /// No round is complete yet.
    #[default]
    Pending,
    /// Every answer was a yes.
    Passed,
    /// One answer at least was a no.
    Failed,
    /// No answer was a no, and one at least told nothing: not a bool, no sample, nobody there.
    Inconclusive,
}
