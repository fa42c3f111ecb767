//! One tenant in full: its report, grant, leader, last upgrade, conditions, objects, and what blocks it. Pure.
use jiff::Timestamp;
use serde::Serialize;

use super::{
    fleet::{State, TenantRow},
    steps,
    table::{Cell, Paint, Table, Tone, age, one_line, short},
};
use crate::{
    api::{Condition, Grant, Hold, Leader, TenantStatus, Upgrade},
    domain::{
        object::{ObjectKey, Seen},
        world::{TenantSeen, World},
    },
    plan::Planner,
};

/// One tenant at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantView {
    #[serde(flatten)]
    pub row: TenantRow,
    /// What Leasehold would do next for it.
    pub next_step: Option<String>,
    pub holds: Vec<Hold>,
    /// What was made for it, and how that is.
    pub objects: Vec<ObjectView>,
    pub full_status: TenantStatus,
}

/// One object of its stack.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectView {
    #[serde(flatten)]
    pub key: ObjectKey,
    pub state: String,
}

impl TenantView {
    /// The tenant of that name; with a planner as it is now, without one as Leasehold last wrote it down.
    #[must_use]
    pub fn new(name: &str, world: &World, planner: Option<&Planner>) -> Option<Self> {
        let seen = world.tenants.get(name)?;
        let tenant = seen.tenant.as_deref()?;
        let next = planner.and_then(|planner| planner.next(name));
        let row = next.map_or_else(|| TenantRow::recorded(name, tenant), |next| TenantRow::planned(name, tenant, next));
        let status = next.map_or(tenant.status.as_ref(), |next| next.status(tenant)).cloned().unwrap_or_default();
        let entries = status.inventory.iter().flat_map(|inventory| &inventory.entries);
        let keys = entries.filter_map(|entry| ObjectKey::parse(entry));
        let object = |key: ObjectKey| ObjectView { state: object_state(&key, seen, next.is_some()), key };
        Some(Self {
            row,
            next_step: next.and_then(|next| steps::describe(next.step.as_ref()?, tenant)),
            holds: tenant.spec.holds.clone(),
            objects: keys.map(object).collect(),
            full_status: status,
        })
    }

    /// Everything there is to say, for a person.
    #[must_use]
    pub fn lines(&self, now: Timestamp, paint: Paint) -> Vec<String> {
        let mut facts = Table::new(["", ""]);
        for (label, text, tone) in self.facts(now) {
            facts.row([Cell::new(format!("{label}:")), Cell::new(text).toned(tone)]);
        }
        let mut lines = facts.lines(paint);
        lines.extend(conditions(&self.full_status.conditions, now, paint));
        lines.extend(objects(&self.objects, paint));
        if !self.full_status.blockers.is_empty() {
            lines.extend([String::new(), paint.dress(Tone::Strong, "Blockers:")]);
            let blocker = |text: &String| format!("  {}", paint.dress(Tone::Bad, &one_line(text)));
            lines.extend(self.full_status.blockers.iter().map(blocker));
        }
        lines
    }

    fn facts(&self, now: Timestamp) -> Vec<(&'static str, String, Tone)> {
        let (row, status) = (&self.row, &self.full_status);
        let ago = |at: Timestamp| format!("{} ago", age(at, now));
        let waited = row.since.map(|at| format!("since {}", age(at, now)));
        let left = row.until.map(|at| format!("at most {} more", short(at.duration_since(now))));
        let wait: Vec<String> = waited.into_iter().chain(left).collect();
        let running = status.running.as_ref().map(|r| format!("{}, proven {}", r.version, ago(r.since.0)));
        let failure = status.failure.as_ref().map(|f| format!("{}, {}: {}", f.reason, ago(f.at.0), f.message));
        let mut facts =
            vec![("Name", Some(row.name.clone()), Tone::Strong), ("Status", Some(row.status.clone()), row.tone())];
        let mut plain = |label, text: Option<String>| facts.push((label, text, Tone::Plain));
        plain("Why", Some(row.note.clone()));
        plain(if row.state == State::Blocked { "Stalled" } else { "Waiting" }, Some(wait.join(", ")));
        plain("Ends", row.ends.map(|ends| ends.strip_prefix("ends ").unwrap_or(ends).to_owned()));
        plain("Next step", self.next_step.clone());
        plain("Operator", Some(row.operator.clone()));
        plain("Version", Some(running.unwrap_or_else(|| "none is proven yet".into())));
        plain("Desired", Some(row.desired.clone()));
        plain("Granted", status.granted.as_ref().map(|grant| granted(grant, now)));
        plain("Namespace", Some(row.namespace.clone()));
        plain("Leader", row.leader.as_ref().map(|leader| led(leader, now)));
        plain("Last upgrade", status.last_upgrade.as_ref().map(|upgrade| upgraded(upgrade, now)));
        facts.push(("Failure", failure, Tone::Bad));
        facts.extend(self.holds.iter().map(|hold| ("Hold", Some(held(hold)), Tone::Busy)));
        facts.extend(
            status
                .rejected
                .iter()
                .map(|r| ("Rejected", Some(format!("{}, {}: {}", r.revision, ago(r.at.0), r.reason)), Tone::Bad)),
        );
        let said =
            facts.into_iter().filter_map(|(label, text, tone)| Some((label, text.filter(|t| !t.is_empty())?, tone)));
        said.collect()
    }
}

fn granted(grant: &Grant, now: Timestamp) -> String {
    let when = age(grant.at.0, now);
    match &grant.rollout {
        Some(rollout) => {
            format!(
                "{}, {when} ago, in wave {} of Rollout {rollout}",
                grant.version,
                grant.wave.as_deref().unwrap_or("?")
            )
        }
        None => format!("{}, {when} ago, outside any Rollout", grant.version),
    }
}

fn led(leader: &Leader, now: Timestamp) -> String {
    let since = leader.since.map_or(String::new(), |at| format!(" since {}", age(at.0, now)));
    format!("{}{since}, {} transitions (when last looked at)", leader.identity, leader.transitions)
}

fn upgraded(upgrade: &Upgrade, now: Timestamp) -> String {
    let gap = upgrade.leaderless_milliseconds.map_or(String::new(), |ms| format!(", {ms} ms without a leader"));
    let hands = upgrade.handovers.map_or(String::new(), |n| format!(", {n} handovers"));
    format!("{} to {}, {} ago{gap}{hands}", upgrade.from, upgrade.to, age(upgrade.at.0, now))
}

fn held(hold: &Hold) -> String {
    let until = hold.until.map_or(String::new(), |at| format!(" until {}", at.0));
    format!("{}{until}: {}", hold.name, hold.reason)
}

fn conditions(conditions: &[Condition], now: Timestamp, paint: Paint) -> Vec<String> {
    if conditions.is_empty() {
        return Vec::new();
    }
    let mut table = Table::indented(["TYPE", "STATUS", "REASON", "SINCE"]);
    for condition in conditions {
        let good = (condition.status == "True") == !matches!(condition.type_.as_str(), "Stalled" | "Reconciling");
        let tone = if good { Tone::Good } else { Tone::Busy };
        table.row([
            Cell::new(&condition.type_),
            Cell::new(&condition.status).toned(tone),
            Cell::new(&condition.reason),
            Cell::new(age(condition.last_transition_time.0, now)),
        ]);
    }
    [String::new(), paint.dress(Tone::Strong, "Conditions:")].into_iter().chain(table.lines(paint)).collect()
}

fn objects(objects: &[ObjectView], paint: Paint) -> Vec<String> {
    if objects.is_empty() {
        return Vec::new();
    }
    let mut table = Table::indented(["OBJECT", "STATE"]);
    for object in objects {
        let tone = if object.state == "missing" { Tone::Bad } else { Tone::Plain };
        table.row([Cell::new(object.key.spoken()), Cell::new(&object.state).toned(tone)]);
    }
    let title = format!("Inventory ({}):", objects.len());
    [String::new(), paint.dress(Tone::Strong, &title)].into_iter().chain(table.lines(paint)).collect()
}

/// How one object of the inventory is. What may not be read is not called missing.
fn object_state(key: &ObjectKey, seen: &TenantSeen, read: bool) -> String {
    match seen.objects.get(key) {
        None if read => "missing".into(),
        None => "not read".into(),
        Some(Seen { deleting: true, .. }) => "being deleted".into(),
        Some(Seen { workload: Some(workload), .. }) => {
            let updated = if workload.complete() { "" } else { ", not fully updated" };
            format!("{} of {} available{updated}", workload.available, workload.wanted)
        }
        Some(_) => "there".into(),
    }
}
