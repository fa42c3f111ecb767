//! What a single schedule looks like, step by step, for whoever hunts a finding.
use leasehold::domain::fleet::Fleet;

use crate::{cluster::Write, oracle::Look, rules};

/// Prints one look and what was written of it.
pub fn print(look: &Look, list: &[Write], stale: bool) {
    println!("--- {} (really {} ms){}", look.now, look.real, if stale { " STALE" } else { "" });
    members(look.view);
    for (name, rollout) in look.view.rollouts.iter().filter(|(_, rollout)| !rules::phase(rollout).ended()) {
        let spec = &rollout.spec;
        let (generation, skip) = (rollout.metadata.generation, &spec.skip);
        println!(
            "  {name} -> {} g{generation:?} suspend {} abort {} skip {skip:?} +{}",
            spec.target.digest, spec.suspend, spec.abort, spec.additional_failures
        );
        for wave in &spec.waves {
            println!(
                "    plan {} conc {} fail {} deadline {} soak {}: {:?}",
                wave.name, wave.max_concurrency, wave.max_failures, wave.progress_deadline, wave.soak, wave.members
            );
        }
        if let Some(status) = &rollout.status {
            println!("    {:?} {} halted {:?}", status.phase, status.message, status.halted);
            for wave in &status.waves {
                println!(
                    "    {:?} {} since {:?} soaked {} failed {}",
                    wave.phase,
                    wave.name,
                    wave.soaking_since.map(|t| t.0),
                    wave.soaked_milliseconds,
                    wave.failed
                );
            }
        }
    }
    for (name, (wait, note)) in &look.decisions.waits {
        println!("  wait {name}: {} {note}", wait.on);
    }
    for write in list {
        match write {
            Write::Create(rollout) => println!("  * create {}", rollout.metadata.name.as_deref().unwrap_or("")),
            Write::Fail(name, order) => println!("  * fail {name}: {}", order.message),
            Write::Status(name, status) => println!("  * status {name}: {:?} {}", status.phase, status.message),
            Write::Grant(order) => println!(
                "  * grant {} by {} {} broken {}",
                order.tenant, order.rollout, order.wave, order.broken_before
            ),
            Write::Delete(name) => println!("  * delete {name}"),
        }
    }
}

fn members(fleet: &Fleet) {
    for (name, member) in &fleet.members {
        let desired = member.desired.as_ref().map_or("-", |desired| &desired.digest);
        let granted = member.granted.as_ref();
        let (had, by) = (
            granted.map_or("-", |granted| &granted.target.digest),
            granted.and_then(|granted| granted.rollout.as_deref()),
        );
        println!(
            "  {name} {} wants {desired} has {had} by {by:?} {:?} {:?} {:?}",
            member.operator, member.health, member.standing, member.blocked
        );
    }
}
