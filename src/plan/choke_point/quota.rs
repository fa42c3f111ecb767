//! Whether the stack has its bounds, and whether they hold what the stack itself needs: its pods and its objects.
//!
//! A quota that holds the replicas but not the surge wedges the first rollout: the new pod is never created, while the old
//! ones look healthy. So the need is that of (replicas + surge), as it is in the middle of a rollout.
use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Scope,
    finding::{Finding, Findings, RuleId},
    pods::{self, Pod},
};
use crate::{
    domain::kinds,
    plan::render::{Manifest, quantity::Quantity},
};

/// Amounts by their key in `ResourceQuota.spec.hard`, such as `requests.cpu` and `pods`.
type Amounts = BTreeMap<String, Quantity>;

/// What a ResourceQuota must bound.
const BOUNDED: [&str; 4] = ["requests.cpu", "requests.memory", "limits.cpu", "limits.memory"];

pub(super) fn check(manifests: &[Manifest], scope: &Scope, findings: &mut Findings) {
    let quotas: Vec<&Manifest> = manifests.iter().filter(|m| m.kind() == "ResourceQuota" && !is_scoped(m)).collect();
    let hard: Vec<(&Manifest, Amounts)> = quotas.into_iter().map(|quota| (quota, hard(quota, findings))).collect();
    for key in BOUNDED.into_iter().filter(|key| !hard.iter().any(|(_, hard)| hard.contains_key(*key))) {
        missing(
            RuleId::QuotaMissing,
            scope,
            "ResourceQuota",
            &format!("spec.hard.{key}"),
            "no quota bounds it",
            findings,
        );
    }
    if !manifests.iter().any(is_limit_range) {
        let why = "the stack has none for containers";
        missing(RuleId::LimitRangeMissing, scope, "LimitRange", "spec.limits", why, findings);
    }
    let needed = pods::of(manifests).map(|pod| needed(pod, scope, findings)).fold(objects(manifests), sum);
    for (quota, hard) in hard {
        for (key, has) in hard {
            let Some(needs) = needed.get(&key).filter(|needs| **needs > has) else { continue };
            let why = format!("is {has}; with a rollout's surge the stack needs {needs}");
            let fix = format!("raise it to {needs} or more: the tenant's spec.quota.hard, or fewer replicas");
            findings.add(RuleId::QuotaTooSmall, quota, format!("spec.hard.{key}"), why, fix);
        }
    }
}

fn missing(rule: RuleId, scope: &Scope, kind: &str, field: &str, why: &str, findings: &mut Findings) {
    findings.0.push(Finding {
        rule,
        object: format!("{kind}/{}", scope.namespace),
        field: field.to_owned(),
        why: format!("{why}: one tenant's load would be everyone's"),
        fix: format!("render a {kind} with it"),
    });
}

/// A quota with a scope bounds only some of the pods: it says nothing about all of them.
fn is_scoped(quota: &Manifest) -> bool {
    ["/spec/scopes", "/spec/scopeSelector"].iter().any(|pointer| quota.value.pointer(pointer).is_some())
}

fn is_limit_range(manifest: &Manifest) -> bool {
    let limits = manifest.value.pointer("/spec/limits").and_then(Value::as_array);
    manifest.kind() == "LimitRange"
        && limits.into_iter().flatten().any(|limit| limit.get("type").and_then(Value::as_str) == Some("Container"))
}

/// `cpu` is another name for `requests.cpu`, and so on.
fn key(raw: &str) -> String {
    match raw {
        "cpu" | "memory" | "ephemeral-storage" => format!("requests.{raw}"),
        // Kinds of the core group are counted under either name.
        _ => raw.strip_prefix("count/").filter(|kind| !kind.contains('.')).unwrap_or(raw).to_owned(),
    }
}

/// The stack's own objects, as quotas count them.
fn objects(manifests: &[Manifest]) -> Amounts {
    let kinds = manifests.iter().filter_map(|m| kinds::find(m.group(), m.kind())).filter(|kind| kind.namespaced);
    let keys = kinds.map(|kind| match kind.group {
        "" => kind.plural.to_owned(),
        group => format!("count/{}.{group}", kind.plural),
    });
    keys.map(|key| Amounts::from([(key, Quantity::units(1))])).fold(Amounts::new(), sum)
}

/// What the quota allows; of two names for the same thing the smaller counts.
fn hard(quota: &Manifest, findings: &mut Findings) -> Amounts {
    let mut amounts = Amounts::new();
    let Some(hard) = quota.value.pointer("/spec/hard").and_then(Value::as_object) else {
        findings.malformed(quota, "spec.hard", "a map of quantities");
        return amounts;
    };
    for (raw, value) in hard {
        match Quantity::from_json(value) {
            Ok(has) => {
                let least = amounts.get(&key(raw)).map_or(has, |other| has.min(*other));
                amounts.insert(key(raw), least);
            }
            Err(why) => {
                findings.add(
                    RuleId::Malformed,
                    quota,
                    format!("spec.hard.{raw}"),
                    why,
                    "write a quantity such as 2 or 4Gi",
                );
            }
        }
    }
    amounts
}

fn sum(mut left: Amounts, right: Amounts) -> Amounts {
    for (key, amount) in right {
        let sum = left.get(&key).map_or(amount, |other| other.plus(amount));
        left.insert(key, sum);
    }
    left
}

/// What all pods of one object need in the middle of a rollout.
fn needed(pod: Pod<'_>, scope: &Scope, findings: &mut Findings) -> Amounts {
    let count = count(pod.manifest, scope, findings);
    let mut amounts: Amounts = of_one(pod).into_iter().map(|(key, amount)| (key, amount.times(count))).collect();
    amounts.insert("pods".to_owned(), Quantity::units(count));
    amounts
}

fn count(manifest: &Manifest, scope: &Scope, findings: &mut Findings) -> u32 {
    let at = |pointer: &str| manifest.value.pointer(pointer);
    let replicas = match at("/spec/replicas") {
        None => 1,
        Some(value) => value.as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or_else(|| {
            findings.malformed(manifest, "spec.replicas", "a whole number, 0 or more");
            0
        }),
    };
    let replaced = manifest.kind() != "Deployment" || at("/spec/strategy/type").is_some_and(|kind| kind == "Recreate");
    // A stopped tenant has no pods, and so no rollout.
    if replaced || replicas == 0 {
        return replicas;
    }
    let own = surge(at("/spec/strategy/rollingUpdate/maxSurge"), replicas).unwrap_or_else(|| {
        findings.malformed(manifest, "spec.strategy.rollingUpdate.maxSurge", "a whole number or a percentage");
        0
    });
    replicas.saturating_add(own.max(scope.surge))
}

/// A Deployment's own surge: a number, or a share of the replicas, rounded up; a quarter when nothing is said.
fn surge(value: Option<&Value>, replicas: u32) -> Option<u32> {
    let percent = match value {
        None => 25,
        Some(Value::String(text)) => text.strip_suffix('%')?.parse::<u64>().ok()?,
        Some(number) => return number.as_u64().and_then(|n| u32::try_from(n).ok()),
    };
    let share = u64::from(replicas).saturating_mul(percent).div_ceil(100);
    u32::try_from(share).ok()
}

/// What one pod needs, as quotas count it: all its containers together, or the most that an init container needs together with
/// the sidecars (init containers that keep running) started before it, whichever is more.
fn of_one(pod: Pod<'_>) -> Amounts {
    let mut running =
        pod.containers(&["containers"]).map(|(_, container)| amounts(container)).fold(Amounts::new(), sum);
    let (mut sidecars, mut starting) = (Amounts::new(), Amounts::new());
    for (_, container) in pod.containers(&["initContainers"]) {
        let needs = sum(amounts(container), sidecars.clone());
        starting = most(starting, needs.clone());
        if container.get("restartPolicy").and_then(Value::as_str) == Some("Always") {
            sidecars = needs;
            running = sum(running, amounts(container));
        }
    }
    // Resources set for the pod as a whole are what counts, where they are set.
    let mut needs = most(running, starting);
    needs.extend(amounts(pod.spec));
    needs
}

fn most(mut left: Amounts, right: Amounts) -> Amounts {
    for (key, amount) in right {
        let most = left.get(&key).map_or(amount, |other| amount.max(*other));
        left.insert(key, most);
    }
    left
}

/// Requests and limits of a container or a pod. What cannot be read has its own finding.
fn amounts(of: &Value) -> Amounts {
    let side = |side: &'static str| {
        let entries = of.pointer(&format!("/resources/{side}")).and_then(Value::as_object).into_iter().flatten();
        entries.filter_map(move |(name, value)| Some((format!("{side}.{name}"), Quantity::from_json(value).ok()?)))
    };
    side("requests").chain(side("limits")).collect()
}
