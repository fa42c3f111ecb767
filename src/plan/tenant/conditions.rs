//! The report in the forms that programs read: conditions that kstatus reads right, and the printer column.
use jiff::Timestamp;

use super::evidence::Evidence;
use crate::{
    api::{Condition, Mode, Tenant, TenantStatus, Time},
    domain::{
        fleet::Health,
        marks,
        report::{Report, Verdict},
    },
    plan::condition::condition,
};

/// Writes conditions and summary from the report.
pub fn write(status: &mut TenantStatus, tenant: &Tenant, report: &Report, evidence: Option<&Evidence>, now: Timestamp) {
    let generation = tenant.metadata.generation.unwrap_or_default();
    let word = report.word();
    let settled = matches!(report.verdict, Verdict::Done);
    let proven = evidence.is_some_and(|e| e.health == Health::Proven);
    let deleting = tenant.metadata.deletion_timestamp.is_some();
    let up_to_date = match (&status.running, &status.desired) {
        (Some(running), Some(desired)) => running.version == desired.version && running.revision == desired.revision,
        _ => false,
    };
    let mut next = vec![
        ("Ready", proven && !deleting, if proven { "Proven".to_owned() } else { word.clone() }),
        ("Reconciling", !settled && !matches!(report.verdict, Verdict::Blocked(_)), word.clone()),
        ("UpToDate", up_to_date, if up_to_date { "Running".to_owned() } else { word.clone() }),
    ];
    // kstatus: only Stalled=True is failed, and it must not be there when it does not hold.
    if matches!(report.verdict, Verdict::Blocked(_)) {
        next.push(("Stalled", true, word.clone()));
    }
    if tenant.spec.mode != Mode::Stopped && (proven || status.leader.is_some()) {
        // Where nothing was looked at nothing is known: then what was last said stands.
        let said = status.conditions.iter().any(|c| c.type_ == "LeaderElected" && c.status == "True");
        let led = proven || evidence.map_or(said, |e| e.led);
        next.push(("LeaderElected", led, if led { "Led" } else { "LeaderMissing" }.into()));
    }
    let old = std::mem::take(&mut status.conditions);
    let note = report.sentence();
    status.conditions = next
        .into_iter()
        .map(|(kind, holds, reason)| condition(&old, (kind, holds), (&reason, &note), generation, now))
        .collect();
    status.summary = summary(report, status, tenant);
}

/// Says what somebody changed and is left as it is, because the Tenant asks for a warning only.
pub fn drifted(status: &mut TenantStatus, tenant: &Tenant, old: &[Condition], drifted: &[String], now: Timestamp) {
    if drifted.is_empty() {
        return;
    }
    let note =
        format!("left as it is, because the Tenant is annotated with {}=warn: {}", marks::DRIFT, drifted.join(", "));
    let generation = tenant.metadata.generation.unwrap_or_default();
    status.conditions.push(condition(old, ("Drifted", true), ("Warned", &note), generation, now));
}

/// The printer column STATUS.
fn summary(report: &Report, status: &TenantStatus, tenant: &Tenant) -> String {
    match &report.verdict {
        Verdict::Done if tenant.spec.mode == Mode::Stopped => "Stopped".into(),
        Verdict::Done => "Running".into(),
        Verdict::Moving(motion) => match &status.granted {
            Some(granted) if report.word() == "Upgrading" => format!("{motion} to {}", granted.version),
            _ => motion.to_string(),
        },
        Verdict::Waiting(wait) => format!("Waiting: {}", wait.on),
        Verdict::Blocked(reason) => format!("Stalled: {reason}"),
    }
}

/// Whether a status says something new. While things move, a message that only got more precise and a leader that will
/// change again are not worth a write: the last word of the move carries them.
#[must_use]
pub fn differs(old: &TenantStatus, new: &TenantStatus) -> bool {
    let moving = new.conditions.iter().any(|c| c.type_ == "Reconciling" && c.status == "True");
    if !moving {
        return old != new;
    }
    quiet(old) != quiet(new)
}

fn quiet(status: &TenantStatus) -> TenantStatus {
    let mut status = status.clone();
    status.leader = None;
    status.namespace = None;
    for condition in &mut status.conditions {
        condition.message = String::new();
        condition.last_transition_time = Time(Timestamp::UNIX_EPOCH);
    }
    // Whether somebody leads just now is the last word's to say.
    status.conditions.retain(|c| c.type_ != "LeaderElected");
    status
}
