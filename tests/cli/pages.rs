//! Pages of a fleet in the middle of its life.
use insta::assert_snapshot;
use leasehold::cli::{fleet::FleetView, plan::PlanView, screen, table::Paint, tenant::TenantView};

use crate::model::{Model, fleet_of, tenant};

const RELEASES: &str = r#"
apiVersion: leasehold.dev/v1alpha1
kind: RolloutPolicy
metadata: {name: default}
spec:
  coalesce: {quietPeriod: 10s, maxWait: 1m}
  order: Name
  waves:
  - {name: canary, take: 1, maxFailures: 0, progressDeadline: 2m, soak: {duration: 1m}}
  - {name: everyone, maxConcurrency: 2, maxFailures: 1, progressDeadline: 10m, soak: {duration: 0s}}
---
apiVersion: leasehold.dev/v1alpha1
kind: OperatorRelease
metadata: {name: memcached-1.0.0}
spec: {operator: memcached, version: 1.0.0, image: "example.com/memcached:1.0.0", leaderElection: {id: memcached.example.com}}
---
apiVersion: leasehold.dev/v1alpha1
kind: OperatorRelease
metadata: {name: memcached-1.1.0}
spec: {operator: memcached, version: 1.1.0, image: "example.com/memcached:1.1.0", leaderElection: {id: memcached.example.com}}
---
apiVersion: leasehold.dev/v1alpha1
kind: OperatorRelease
metadata: {name: memcached-1.2.0}
spec: {operator: memcached, version: 1.2.0, image: "example.com/memcached-bad:1.2.0", leaderElection: {id: memcached.example.com}}
"#;

const NAMES: [&str; 4] = ["acme", "bolt", "cern", "dune"];

fn fleet(version: &str) -> String {
    fleet_of(&NAMES, version)
}

/// Four tenants that run 1.0.0.
fn running() -> Model {
    Model::running(RELEASES, &NAMES)
}

fn view(model: &mut Model) -> FleetView {
    model.plan();
    FleetView::planned(model.world(), &model.planner)
}

fn page(model: &mut Model, wide: bool) -> String {
    view(model).lines(wide, model.now, Paint::Plain).join("\n")
}

fn plan(model: &mut Model) -> String {
    let plan = model.plan();
    PlanView::new(model.world(), &model.planner, &plan, model.now).lines(model.now, Paint::Plain).join("\n")
}

#[test]
fn a_fleet_at_rest() {
    assert_snapshot!(page(&mut running(), false), @r#"
    NAME   OPERATOR    VERSION   DESIRED   WAVE   READY   STATUS    AGE
    acme   memcached   1.0.0     1.0.0            True    Running   5m
    bolt   memcached   1.0.0     1.0.0            True    Running   5m
    cern   memcached   1.0.0     1.0.0            True    Running   5m
    dune   memcached   1.0.0     1.0.0            True    Running   5m

    4 tenants: 4 running
    "#);
}

#[test]
fn every_wait_and_every_refusal_says_why() {
    let mut model = running();
    model.apply(&tenant("bolt", "version: 9.9.9"));
    model.apply(&tenant("cern", "version: 1.0.0, mode: Paused"));
    model.apply(&tenant("dune", "version: 1.1.0, holds: [{name: quarter-end, reason: ask finance}]"));
    model.apply(&tenant("eden", "version: 1.0.0, namespace: kube-system"));
    model.settle();
    assert_snapshot!(page(&mut model, true), @r#"
    NAME   OPERATOR    VERSION   DESIRED   WAVE   READY   STATUS                        AGE   NAMESPACE     LEADER    TRANSITIONS   WHY
    acme   memcached   1.0.0     1.0.0            True    Running                       5m    tenant-acme   pod-0_1   0
    bolt   memcached   1.0.0     9.9.9            True    Stalled: ReleaseNotFound      5m    tenant-bolt   pod-0_1   0             no OperatorRelease has operator memcached and version 9.9.9 (known versions: 1.0.0, 1.1.0, 1.2.0): create it, or correct spec.version; since 0s
    cern   memcached   1.0.0     1.0.0            True    Waiting: Paused               5m    tenant-cern   pod-0_1   0             spec.mode is Paused: nothing is written; set it to Active to go on; since 0s; ends when spec.mode is Active again
    dune   memcached   1.0.0     1.1.0            True    Waiting: Hold                 5m    tenant-dune   pod-0_1   0             held back by quarter-end; remove the hold to let it move; since 0s; ends when every hold is over or taken off
    eden   memcached             1.0.0            False   Stalled: NamespaceProtected   5m    kube-system                           namespace kube-system is protected by `kube-*` in FleetPolicy default: choose another spec.namespace in a new Tenant; since 0s

    5 tenants: 1 running, 2 waiting (Hold 1, Paused 1), 2 stalled
    "#);
}

#[test]
fn the_next_step_is_said_in_words() {
    let mut model = Model::new(&(RELEASES.to_owned() + &tenant("acme", "version: 1.0.0")));
    let mut told = Vec::new();
    for _ in 0..4 {
        let plan = model.plan();
        let view = PlanView::new(model.world(), &model.planner, &plan, model.now);
        told.extend(view.tenants[0].next_step.clone());
        model.step();
    }
    assert_snapshot!(told.join("\n"), @r#"
    put the finalizer on the Tenant, before anything is made for it
    grant 1.0.0, its first
    apply Namespace/tenant-acme, LimitRange/memcached-operator, NetworkPolicy/memcached-operator and 7 more
    "#);
}

#[test]
fn a_plan_before_its_rollout_is_frozen() {
    let mut model = running();
    model.apply(&fleet("1.1.0"));
    assert_snapshot!(plan(&mut model), @r#"
    A Rollout, once its tenants have stopped changing and no other one is in the way: memcached to 1.1.0 by RolloutPolicy default, 4 tenants
      WAVE       TENANTS   AT-ONCE   MAY-FAIL   DEADLINE   SOAK   IN THIS ORDER
      canary     1         25        0          2m         1m     acme
      everyone   3         2         1          10m        0s     bolt, cern, dune

    NAME   VERSION   DESIRED   STATUS                NEXT-STEP   UNTIL   WHY
    acme   1.0.0     1.1.0     Waiting: Coalescing               10s     other tenants may change in the same commit; the plan freezes at 2026-01-05T10:05:10Z
    bolt   1.0.0     1.1.0     Waiting: Coalescing               10s     other tenants may change in the same commit; the plan freezes at 2026-01-05T10:05:10Z
    cern   1.0.0     1.1.0     Waiting: Coalescing               10s     other tenants may change in the same commit; the plan freezes at 2026-01-05T10:05:10Z
    dune   1.0.0     1.1.0     Waiting: Coalescing               10s     other tenants may change in the same commit; the plan freezes at 2026-01-05T10:05:10Z

    4 tenants: 4 waiting (Coalescing 4)
    "#);
}

#[test]
fn a_rollout_whose_canary_soaks() {
    let mut model = running();
    model.apply(&fleet("1.1.0"));
    model.wait(10);
    model.settle();
    model.wait(20);
    assert_snapshot!(page(&mut model, false), @r#"
    Rollout memcached-1.1.0-1: memcached to 1.1.0, 1 of 4 proven, Running
      WAVE       PHASE     PROVEN   IN-FLIGHT   FAILED   LEFT-OUT   SOAK
      canary     Soaking   1/1      0           0        0          40s left of 1m
      everyone   Pending   0/3      0           0        0          0s
      wave canary (1 of 2) is proven and soaks until 2026-01-05T10:06:10Z

    NAME   OPERATOR    VERSION   DESIRED   WAVE     READY   STATUS          AGE
    acme   memcached   1.1.0     1.1.0     canary   True    Running         5m30s
    bolt   memcached   1.0.0     1.1.0              True    Waiting: Soak   5m30s
    cern   memcached   1.0.0     1.1.0              True    Waiting: Soak   5m30s
    dune   memcached   1.0.0     1.1.0              True    Waiting: Soak   5m30s

    4 tenants: 1 running, 3 waiting (Soak 3); 1 rollout under way
    nobody led for 12 ms (p50), 12 ms (p99), 12 ms (most) in the last upgrade of 1 tenant
    "#);
    assert_snapshot!(plan(&mut model), @r#"
    Rollout memcached-1.1.0-1: memcached to 1.1.0, 1 of 4 proven, Running
      WAVE       PHASE     PROVEN   IN-FLIGHT   FAILED   LEFT-OUT   SOAK
      canary     Soaking   1/1      0           0        0          40s left of 1m
      everyone   Pending   0/3      0           0        0          0s
      wave canary (1 of 2) is proven and soaks until 2026-01-05T10:06:10Z
      WAVE       TENANTS   AT-ONCE   MAY-FAIL   DEADLINE   SOAK   IN THIS ORDER
      canary     1         25        0          2m         1m     acme
      everyone   3         2         1          10m        0s     bolt, cern, dune

    NAME   VERSION   DESIRED   STATUS          NEXT-STEP   UNTIL   WHY
    bolt   1.0.0     1.1.0     Waiting: Soak               40s     wave canary of rollout memcached-1.1.0-1 soaks until 2026-01-05T10:06:10Z
    cern   1.0.0     1.1.0     Waiting: Soak               40s     wave canary of rollout memcached-1.1.0-1 soaks until 2026-01-05T10:06:10Z
    dune   1.0.0     1.1.0     Waiting: Soak               40s     wave canary of rollout memcached-1.1.0-1 soaks until 2026-01-05T10:06:10Z

    4 tenants: 1 running, 3 waiting (Soak 3); 1 rollout under way; nothing to do for 1
    "#);
}

#[test]
fn a_rollout_that_halted_at_its_canary() {
    let mut model = running();
    model.apply(&fleet("1.2.0"));
    model.wait(10);
    model.settle();
    model.wait(120);
    model.settle();
    model.wait(65);
    assert_snapshot!(page(&mut model, false), @r#"
    Rollout memcached-1.2.0-1: memcached to 1.2.0, 0 of 4 proven, Halted since 65s
      WAVE       PHASE     PROVEN   IN-FLIGHT   FAILED   LEFT-OUT   SOAK
      canary     Halted    0/1      0           1        0          1m
      everyone   Pending   0/3      0           0        0          0s
      halted: wave canary: 1 of 1 tenants failed, 0 tolerated (acme: DeadlineExceeded); mend or `skip` who failed, or set `additionalFailures`, or take the no at a gate back, then resume it; or set `abort` or `undo`

    NAME   OPERATOR    VERSION   DESIRED   WAVE     READY   STATUS                      AGE
    acme   memcached   1.0.0     1.2.0     canary   False   Stalled: DeadlineExceeded   8m15s
    bolt   memcached   1.0.0     1.2.0              True    Waiting: Budget             8m15s
    cern   memcached   1.0.0     1.2.0              True    Waiting: Budget             8m15s
    dune   memcached   1.0.0     1.2.0              True    Waiting: Budget             8m15s

    4 tenants: 3 waiting (Budget 3), 1 stalled; 1 rollout under way
    "#);
    let acme = TenantView::new("acme", model.world(), Some(&model.planner)).unwrap();
    assert_snapshot!(acme.lines(model.now, Paint::Plain).join("\n"), @r#"
    Name:        acme
    Status:      Stalled: DeadlineExceeded
    Why:         version 1.2.0: not proven within 2m of its grant
    Stalled:     since 65s
    Operator:    memcached
    Version:     1.0.0, proven 8m15s ago
    Desired:     1.2.0
    Granted:     1.2.0, 3m5s ago, in wave canary of Rollout memcached-1.2.0-1
    Namespace:   tenant-acme
    Leader:      pod-0_1 since 8m15s, 0 transitions (when last looked at)
    Failure:     DeadlineExceeded, 65s ago: not proven within 2m of its grant

    Conditions:
      TYPE            STATUS   REASON             SINCE
      Ready           False    DeadlineExceeded   3m5s
      Reconciling     False    DeadlineExceeded   65s
      UpToDate        False    DeadlineExceeded   3m5s
      Stalled         True     DeadlineExceeded   65s
      LeaderElected   False    LeaderMissing      65s

    Inventory (10):
      OBJECT                                   STATE
      Namespace/tenant-acme                    there
      Service/memcached-metrics                there
      LimitRange/memcached-operator            there
      ResourceQuota/memcached-operator         there
      ServiceAccount/memcached-operator        there
      Deployment/memcached-operator            0 of 2 available, not fully updated
      NetworkPolicy/memcached-operator         there
      PodDisruptionBudget/memcached-operator   there
      Role/memcached-operator                  there
      RoleBinding/memcached-operator           there
    "#);
}

#[test]
fn programs_read_what_people_read() {
    let mut model = running();
    model.apply(&fleet("1.1.0"));
    let view = serde_json::to_value(view(&mut model)).unwrap();
    let acme = &view["tenants"][0];
    assert_eq!((&acme["name"], &acme["version"], &acme["desired"]), (&"acme".into(), &"1.0.0".into(), &"1.1.0".into()));
    assert_eq!(
        (&acme["state"], &acme["reason"], &acme["ready"]),
        (&"Waiting".into(), &"Coalescing".into(), &true.into())
    );
    assert_eq!(acme["until"], "2026-01-05T10:05:10Z");
    assert_eq!(view["summary"]["waits"]["Coalescing"], 4);
}

#[test]
fn who_may_not_read_stacks_sees_what_was_written_down() {
    let mut model = running();
    model.apply(&tenant("bolt", "version: 9.9.9"));
    model.settle();
    let live = page(&mut model, false);
    let recorded = FleetView::recorded(model.world()).lines(false, model.now, Paint::Plain).join("\n");
    assert_eq!(recorded, live);
}

#[test]
fn a_log_shows_only_what_changed() {
    let mut model = running();
    let before = view(&mut model);
    model.apply(&tenant("bolt", "version: 9.9.9"));
    model.wait(60);
    let after = view(&mut model);
    assert_eq!(screen::changes(&before, &before, false, model.now), Vec::<String>::new());
    let changes = screen::changes(&before, &after, false, model.now);
    assert_snapshot!(changes.join("\n"), @"bolt   memcached   1.0.0     9.9.9            True    Stalled: ReleaseNotFound   6m");
}

#[test]
fn a_small_screen_keeps_those_that_need_a_person() {
    let mut model = running();
    model.apply(&tenant("dune", "version: 9.9.9"));
    model.settle();
    let view = view(&mut model);
    let whole = view.lines(false, model.now, Paint::Plain);
    assert_eq!(screen::page(&view, false, model.now, Paint::Plain, whole.len()), whole);
    let small = screen::page(&view, false, model.now, Paint::Plain, whole.len() - 1);
    assert_eq!(small.len(), whole.len() - 1);
    assert_snapshot!(small.join("\n"), @r#"
    NAME   OPERATOR    VERSION   DESIRED   WAVE   READY   STATUS                     AGE
    dune   memcached   1.0.0     9.9.9            True    Stalled: ReleaseNotFound   5m
    acme   memcached   1.0.0     1.0.0            True    Running                    5m
    ... and 2 more that run as asked

    4 tenants: 3 running, 1 stalled
    "#);
}
