//! The events of a script, as they are written: when, and one thing that happens. Names of tenants are checked here.
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::Spanned;

use super::{compact::Names, document::object_or_list};
use crate::{
    api::{Decision, Selector, Span},
    simulate::{Act, Fate, Object},
};

/// How long a crashed leader is missed where nothing else is said: leaseDuration and retryPeriod of Leasehold itself.
const LEADERLESS: Span = Span::secs(17);

/// One event: when, and one thing that happens.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Happening {
    pub at: Spanned<String>,
    ask: Option<Ask>,
    apply: Option<Value>,
    edit: Option<Edit>,
    delete: Option<Names>,
    suspend: Option<String>,
    resume: Option<Resume>,
    abort: Option<String>,
    undo: Option<String>,
    skip: Option<Skip>,
    approve: Option<Decide>,
    reject: Option<Decide>,
    hold: Option<Hold>,
    release: Option<Release>,
    stop: Option<Stop>,
    go: Option<Nothing>,
    fate: Option<Fate>,
    new_leader: Option<Nothing>,
    crash: Option<Crash>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Ask {
    version: String,
    tenants: Option<Names>,
    #[serde(default)]
    match_labels: BTreeMap<String, String>,
    operator: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    object: String,
    merge: Value,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Resume {
    rollout: String,
    additional_failures: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Skip {
    rollout: String,
    tenants: Names,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Decide {
    rollout: String,
    wave: String,
    gate: String,
    by: String,
    #[serde(default)]
    comment: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hold {
    tenants: Names,
    name: String,
    reason: String,
    until: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Release {
    tenants: Names,
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stop {
    reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Crash {
    #[serde(default)]
    after_writes: usize,
    leaderless: Option<Span>,
}

/// The tenants that a script knows of, to find a wrong name before the story begins.
pub struct Fleet(BTreeMap<String, (String, BTreeMap<String, String>)>);

impl Fleet {
    pub fn of(objects: &[Object]) -> Self {
        let mut fleet = Self(BTreeMap::new());
        for object in objects {
            fleet.add(object);
        }
        fleet
    }

    fn add(&mut self, object: &Object) {
        if let Object::Tenant(tenant) = object {
            let labels = tenant.metadata.labels.clone().unwrap_or_default();
            let name = tenant.metadata.name.clone().unwrap_or_default();
            self.0.insert(name, (tenant.spec.operator.clone(), labels));
        }
    }

    pub fn follow(&mut self, act: &Act) {
        match act {
            Act::Apply(objects) => objects.iter().for_each(|object| self.add(object)),
            Act::Delete(names) => names.iter().filter_map(|name| name.strip_prefix("Tenant/")).for_each(|name| {
                self.0.remove(name);
            }),
            _ => {}
        }
    }

    fn named(&self, names: &Names) -> Result<BTreeSet<String>, String> {
        let all = names.all()?;
        match all.iter().find(|name| !self.0.contains_key(*name)) {
            Some(name) => Err(format!("no Tenant is named {name} at this time")),
            None => Ok(all),
        }
    }

    fn asking(&self, ask: &Ask) -> Result<BTreeSet<String>, String> {
        let selector = Selector { match_labels: ask.match_labels.clone(), ..Selector::default() };
        let of = |operator: &String| ask.operator.as_ref().is_none_or(|of| of == operator);
        let all: BTreeSet<String> = match &ask.tenants {
            Some(names) => self.named(names)?,
            None => self.0.keys().cloned().collect(),
        };
        let meant =
            |name: &String| self.0.get(name).is_some_and(|(operator, labels)| of(operator) && selector.matches(labels));
        let all: BTreeSet<String> = all.into_iter().filter(meant).collect();
        if all.is_empty() { Err("nobody is asked: no Tenant is meant by this".into()) } else { Ok(all) }
    }
}

impl Happening {
    /// The one thing that happens.
    pub fn act(self, fleet: &Fleet) -> Result<Act, String> {
        let decide = |decision, d: Decide| Act::Decide {
            rollout: d.rollout,
            wave: d.wave,
            gate: d.gate,
            decision,
            by: d.by,
            comment: d.comment,
        };
        let acts = [
            self.ask.map(|ask| Ok(Act::Ask { tenants: fleet.asking(&ask)?, version: ask.version })),
            self.apply.map(|objects| object_or_list(objects).map(Act::Apply)),
            self.edit.map(|edit| Ok(Act::Edit { object: edit.object, merge: edit.merge })),
            self.delete.map(|names| Ok(Act::Delete(names.all()?.into_iter().collect()))),
            self.suspend.map(|rollout| Ok(Act::Suspend(rollout))),
            self.resume.map(|r| Ok(Act::Resume { rollout: r.rollout, additional_failures: r.additional_failures })),
            self.abort.map(|rollout| Ok(Act::Abort(rollout))),
            self.undo.map(|rollout| Ok(Act::Undo(rollout))),
            self.skip.map(|skip| {
                Ok(Act::Skip { rollout: skip.rollout, tenants: skip.tenants.all()?.into_iter().collect() })
            }),
            self.approve.map(|d| Ok(decide(Decision::Approve, d))),
            self.reject.map(|d| Ok(decide(Decision::Reject, d))),
            self.hold.map(|hold| {
                let Hold { tenants, name, reason, until } = hold;
                Ok(Act::Hold { tenants: fleet.named(&tenants)?, name, reason, until })
            }),
            self.release.map(|r| Ok(Act::Release { tenants: fleet.named(&r.tenants)?, name: r.name })),
            self.stop.map(|stop| Ok(Act::Stop { reason: stop.reason })),
            self.go.map(|Nothing {}| Ok(Act::Go)),
            self.fate.map(|fate| Ok(Act::Fate(fate))),
            self.new_leader.map(|Nothing {}| Ok(Act::NewLeader)),
            self.crash.map(|crash| {
                let leaderless = crash.leaderless.unwrap_or(LEADERLESS);
                Ok(Act::Crash { after_writes: crash.after_writes, leaderless })
            }),
        ];
        let mut acts = acts.into_iter().flatten();
        match (acts.next(), acts.next()) {
            (Some(act), None) => act,
            (None, _) => Err("nothing happens at this time: see leasehold simulate --help for what can".into()),
            (Some(_), Some(_)) => Err("one thing an event: write two with the same `at`".into()),
        }
    }
}
