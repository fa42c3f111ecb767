//! Two plans, held against each other by what they say.
use std::sync::LazyLock;

use leasehold::{
    domain::{fleet::Standing, report::Verdict},
    plan::{Plan, Planner, tenant::Step},
};
use regex::Regex;

/// A plan line by line, and all that there is to say of tenants.
pub fn told(planner: &Planner, plan: &Plan) -> Vec<String> {
    let Plan { rollouts, staged, releases, crds, notes, samples, undecodable, questions, wake } = plan;
    let waits = rollouts.waits.keys().any(|_| true);
    let mut lines = vec![
        format!("{rollouts:?}"),
        format!("{staged:?}"),
        format!("{releases:?}"),
        timeless(&format!("{crds:?}")),
        format!("{notes:?} {undecodable:?} {questions:?}"),
        format!("samples {samples:?}"),
        // Since when somebody waits is counted from when it was first seen, and a wait is written down when it has lasted.
        format!("wake {:?}", wake.filter(|_| !waits)),
    ];
    for (name, next) in planner.nexts() {
        let waits = matches!(next.report.verdict, Verdict::Waiting(_)) || rollouts.waits.contains_key(name);
        let step = next.step.as_ref().filter(|step| !(waits && matches!(step, Step::Status(_))));
        let wake = next.wake.filter(|_| !waits);
        lines.push(timeless(&format!("{name} {:?} {:?} {step:?}", next.report, next.sample)));
        lines.push(format!("{name} wakes {wake:?}"));
    }
    for (name, member) in &planner.fleet().members {
        let mut member = member.clone();
        // A pause goes on, and its tenant is looked at when it ends: no deadline runs before.
        if member.standing == Standing::Paused {
            member.granted.iter_mut().for_each(|granted| granted.paused = 0);
        }
        lines.push(timeless(&format!("{name} {member:?}")));
    }
    lines
}

/// What is not on record yet is as old as the first look at it.
fn timeless(text: &str) -> String {
    static TIME: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\d{4}-\d\d-\d\dT[0-9:.]+Z").unwrap());
    TIME.replace_all(text, "then").into_owned()
}

/// Holds them against each other, by what differs.
pub fn same(ours: &[String], fresh: &[String]) {
    let differ = ours.iter().zip(fresh).find(|(ours, fresh)| ours != fresh);
    assert_eq!(differ.map(|(ours, _)| ours), differ.map(|(_, fresh)| fresh));
    assert_eq!(ours.len(), fresh.len());
}
