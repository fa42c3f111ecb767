//! What a Planner remembers only saves time: whatever happens to a fleet, one that has seen all of it makes the same plan as one
//! that sees the World for the first time.
mod told;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use leasehold::{
    api::{FleetPolicy, FleetSpec, Grant, Mode, OperatorRelease, PolicySpec, RolloutPolicy, Span, Tenant},
    domain::{
        epoch::Epoch,
        world::{Fault, FaultKind},
    },
    plan::{Plan, Planner, tenant::Step},
    simulate::{Act, Becomes, Cluster, Fate, Object, Write},
};
use serde_json::json;

use self::told::{same, told};
use crate::rng::Rng;

const OPERATORS: [&str; 2] = ["cache", "mail"];
const TENANTS: usize = 7;
const SEEDS: u64 = 6;

/// A fleet to which things happen.
struct Fleet {
    rng: Rng,
    cluster: Cluster,
    in_doubt: BTreeMap<String, Grant>,
    leaders: i64,
}

fn release(operator: &str, minor: u64, image: &str) -> Object {
    let release: OperatorRelease = serde_json::from_value(json!({
        "apiVersion": "leasehold.dev/v1alpha1", "kind": "OperatorRelease",
        "metadata": {"name": format!("{operator}-1.{minor}.0")},
        "spec": {"operator": operator, "version": format!("1.{minor}.0"), "image": image, "rollbackTo": ">=1.0.0",
            "leaderElection": {"id": format!("{operator}.example.com")}},
    }))
    .unwrap();
    Object::Release(Box::new(release))
}

fn policy(take: u64) -> Object {
    let spec: PolicySpec = serde_json::from_value(json!({
        "coalesce": {"quietPeriod": "5s", "maxWait": "20s"}, "limits": {"maxConcurrency": 3, "maxFailures": 1},
        "waves": [
            {"name": "first", "take": take, "maxConcurrency": 1, "maxFailures": 0, "progressDeadline": "60s", "soak": {"duration": "10s"}},
            {"name": "all", "maxConcurrency": 2, "maxFailures": 1, "progressDeadline": "60s", "soak": {"duration": "5s"}},
        ],
    }))
    .unwrap();
    Object::Policy(Box::new(RolloutPolicy::new("default", spec)))
}

impl Fleet {
    fn new(seed: u64) -> Self {
        let begin: Timestamp = "2026-01-05T10:00:00Z".parse().unwrap();
        let mut fleet = Self { rng: Rng(seed), cluster: Cluster::new(begin), in_doubt: BTreeMap::new(), leaders: 0 };
        for operator in OPERATORS {
            (0..3).for_each(|minor| fleet.cluster.put(release(operator, minor, "example.com/a:1")));
        }
        fleet.cluster.put(policy(1));
        (0..TENANTS).for_each(|n| fleet.join(n));
        fleet
    }

    fn join(&mut self, n: usize) {
        // Some claim the namespace of another one.
        let namespace = if self.rng.percent(85) { n } else { n / 2 };
        let tenant: Tenant = serde_json::from_value(json!({
            "apiVersion": "leasehold.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": format!("t{n}")},
            "spec": {"operator": OPERATORS[n % 2], "version": "1.0.0", "namespace": format!("tenant-t{namespace}")},
        }))
        .unwrap();
        self.cluster.put(Object::Tenant(Box::new(tenant)));
    }

    fn tenant(&mut self) -> String {
        format!("t{}", self.rng.below(TENANTS as u64))
    }

    fn edit(&mut self, change: impl FnOnce(&mut Tenant)) {
        let name = self.tenant();
        let known = self.cluster.world.tenants.get(&name).and_then(|seen| seen.tenant.as_deref());
        if let Some(mut tenant) = known.cloned() {
            change(&mut tenant);
            self.cluster.put(Object::Tenant(Box::new(tenant)));
        }
    }

    /// Something happens.
    fn event(&mut self) {
        match self.rng.below(100) {
            0..22 => self.ask(),
            22..34 => self.tenants(),
            34..46 => self.shared(),
            46..60 => self.people(),
            60..70 => self.fate(),
            70..84 => self.trouble(),
            84..88 => {
                self.leaders += 1;
                self.cluster.epoch = Epoch::new("lease", self.leaders);
            }
            _ => {}
        }
    }

    fn ask(&mut self) {
        let (minor, share) = (self.rng.below(4), if self.rng.percent(50) { 100 } else { 20 });
        let names: Vec<String> = self.cluster.world.tenants.keys().cloned().collect();
        let tenants: BTreeSet<String> = names.into_iter().filter(|_| self.rng.percent(share)).collect();
        let known = |name: &String| self.cluster.world.tenants[name].tenant.is_some();
        let tenants = tenants.into_iter().filter(known).collect();
        self.cluster.act(&Act::Ask { tenants, version: format!("1.{minor}.0") }).unwrap();
    }

    fn tenants(&mut self) {
        let (dice, name) = (self.rng.below(8), self.tenant());
        let until = self.cluster.now + SignedDuration::from_secs(30);
        match dice {
            0 => drop(self.cluster.act(&Act::Delete(vec![format!("Tenant/{name}")]))),
            1 => {
                let n = usize::try_from(self.rng.below(TENANTS as u64)).unwrap();
                if !self.cluster.world.tenants.contains_key(&format!("t{n}")) {
                    self.join(n);
                }
            }
            2 => {
                let hold = Act::Hold {
                    tenants: [name].into(),
                    name: "busy".into(),
                    reason: "busy".into(),
                    until: Some(until),
                };
                let _ = self.cluster.act(&hold);
            }
            3 => self.edit(|tenant| tenant.spec.mode = Mode::Paused),
            4 | 5 => self.edit(|tenant| tenant.spec.mode = Mode::Active),
            6 => self.edit(|tenant| tenant.spec.replicas = 1 + tenant.spec.replicas % 3),
            _ => self.edit(|tenant| {
                let labels = tenant.metadata.labels.get_or_insert_default();
                if labels.remove("ring").is_none() {
                    labels.insert("ring".into(), "outer".into());
                }
            }),
        }
    }

    /// What many share is another one.
    fn shared(&mut self) {
        let (operator, minor) = (OPERATORS[usize::from(self.rng.percent(50))], 1 + self.rng.below(2));
        match self.rng.below(8) {
            0 => self.cluster.put(policy(minor)),
            1 => drop(self.cluster.act(&Act::Delete(vec![format!("OperatorRelease/{operator}-1.{minor}.0")]))),
            2 => self.cluster.put(release(operator, minor, "example.com/a:2")),
            3 | 4 => self.cluster.put(release(operator, minor, "example.com/a:1")),
            5 => {
                let most = u32::try_from(3 + self.rng.below(9)).unwrap();
                self.fleet(|spec| (spec.max_tenants, spec.max_concurrency) = (most, most.div_ceil(3)));
            }
            6 => self.fleet(|spec| {
                spec.allowed_images = if spec.allowed_images.is_none() { Some(vec!["*/a:1".into()]) } else { None };
            }),
            _ => self.fleet(|spec| {
                spec.metrics_namespace = if spec.metrics_namespace == "here" { "there" } else { "here" }.into();
            }),
        }
    }

    fn fleet(&mut self, change: impl FnOnce(&mut FleetSpec)) {
        let mut spec = self.cluster.world.fleet.clone();
        change(&mut spec);
        self.cluster.put(Object::Fleet(Box::new(FleetPolicy::new("default", spec))));
    }

    fn people(&mut self) {
        let runs: Vec<String> = self.cluster.world.rollouts.keys().cloned().collect();
        let (dice, tenant) = (self.rng.below(8), self.tenant());
        let Some(rollout) = self.rng.pick(&runs).cloned() else { return };
        let act = match dice {
            0 => Act::Suspend(rollout),
            1 | 2 => Act::Resume { rollout, additional_failures: Some(1) },
            3 => Act::Abort(rollout),
            4 => Act::Undo(rollout),
            5 => Act::Skip { rollout, tenants: vec![tenant] },
            6 => Act::Stop { reason: "smoke".into() },
            _ => Act::Go,
        };
        // A brake that is not pulled cannot be let go.
        let _ = self.cluster.act(&act);
    }

    fn fate(&mut self) {
        let is = [Becomes::Ready, Becomes::Ready, Becomes::CrashLoop, Becomes::NotReady, Becomes::ImagePull];
        let is = *self.rng.pick(&is).unwrap();
        let version = Some(format!("1.{}.0", self.rng.below(4)));
        let tenants = self.rng.percent(70).then(|| [self.tenant()].into());
        let after = Span::secs(u32::try_from(1 + self.rng.below(30)).unwrap().into());
        self.cluster.fare(Fate { version, tenants, is, after, ..Fate::good() });
    }

    /// Bad luck, and other people's hands.
    fn trouble(&mut self) {
        let (dice, name, now) = (self.rng.below(6), self.tenant(), self.cluster.now);
        let Some(seen) = self.cluster.world.tenants.get_mut(&name) else { return };
        match dice {
            0 => {
                let kind = if self.rng.percent(50) { FaultKind::Transient } else { FaultKind::Denied };
                let retry_at = now + SignedDuration::from_secs(7);
                let object = format!("Tenant/{name}");
                seen.fault = Some(Fault { object, kind, message: "no".into(), at: now, retry_at, times: 1 });
            }
            1 => seen.fault = None,
            2 => drop(seen.objects.pop_first()),
            3 => seen.objects.values_mut().take(3).for_each(|object| object.digest = None),
            4 => {
                if let Some(tenant) = &mut seen.tenant {
                    std::sync::Arc::make_mut(tenant).status = None;
                }
            }
            _ => seen.pods.clear(),
        }
    }

    fn plan(&mut self) -> Plan {
        let Cluster { planner, world, epoch, now, .. } = &mut self.cluster;
        planner.plan(world, &self.in_doubt, epoch, *now)
    }

    /// Plans, and holds the plan against one without a memory. Does a part of what is planned: whether that was all of it.
    fn step(&mut self, share: u64) -> bool {
        let plan = self.plan();
        let mut fresh = Planner::default();
        let other = fresh.plan(&self.cluster.world, &self.in_doubt, &self.cluster.epoch, self.cluster.now);
        same(&told(&self.cluster.planner, &plan), &told(&fresh, &other));
        self.in_doubt.clear();
        let samples = plan.samples.clone();
        let writes = self.cluster.writes(plan);
        let mut all = !self.cluster.sample(&samples);
        for write in writes {
            if self.rng.percent(share) {
                self.cluster.apply(write);
            } else if let Write::Tenant(name, Step::Status(status)) = write {
                // Its answer may yet come.
                self.in_doubt
                    .extend(status.granted.clone().map(|grant| (name, grant)).filter(|_| self.rng.percent(30)));
            }
            all = false;
        }
        all
    }

    fn pass(&mut self, wake: Option<Timestamp>) {
        let soon = self.cluster.now + SignedDuration::from_millis(i64::try_from(self.rng.below(9000)).unwrap());
        let at = wake.filter(|_| self.rng.percent(60)).unwrap_or(soon);
        self.cluster.wait_until(at);
    }
}

fn story(seed: u64) {
    let mut fleet = Fleet::new(seed);
    for _ in 0..40 {
        fleet.event();
        let share = if fleet.rng.percent(70) { 100 } else { 60 };
        for _ in 0..40 {
            if fleet.step(share) {
                break;
            }
        }
        let wake = fleet.plan().wake;
        fleet.pass(wake);
    }
}

#[test]
fn a_planner_with_a_memory_plans_as_one_without() {
    for seed in 0..SEEDS {
        println!("seed {seed}");
        story(seed);
    }
}
