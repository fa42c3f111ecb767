//! The rows of a fleet → the fleet in numbers. Pure.
use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    fleet::{State, TenantRow},
    upgrades::Upgrades,
};

/// The fleet in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    pub tenants: usize,
    pub done: usize,
    pub moving: usize,
    pub waiting: usize,
    pub blocked: usize,
    /// How many wait for what.
    pub waits: BTreeMap<String, usize>,
    pub rollouts: usize,
    /// The last upgrade of each tenant whose upgrade was measured.
    pub upgrades: Option<Upgrades>,
}

impl Summary {
    pub(super) fn new(tenants: &[TenantRow], rollouts: usize) -> Self {
        let mut summary = Self { tenants: tenants.len(), rollouts, ..Self::default() };
        for tenant in tenants {
            let count = match tenant.state {
                State::Done => &mut summary.done,
                State::Moving => &mut summary.moving,
                State::Waiting => &mut summary.waiting,
                State::Blocked => &mut summary.blocked,
            };
            *count += 1;
            if tenant.state == State::Waiting {
                *summary.waits.entry(tenant.reason.clone()).or_default() += 1;
            }
        }
        summary
    }
}

impl std::fmt::Display for Summary {
    /// `12 tenants: 8 running, 1 moving, 3 waiting (PriorWave 3); 1 rollout under way`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.tenants == 0 {
            return f
                .write_str("no tenants yet: kubectl apply a Tenant (kubectl explain tenant.spec shows its fields)");
        }
        let many = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        let waits: Vec<String> = self.waits.iter().map(|(on, n)| format!("{on} {n}")).collect();
        let waiting = format!("waiting ({})", waits.join(", "));
        let counts =
            [(self.done, "running"), (self.moving, "moving"), (self.waiting, &waiting), (self.blocked, "stalled")];
        let counts: Vec<String> =
            counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        write!(f, "{}: {}", many(self.tenants, "tenant"), counts.join(", "))?;
        if self.rollouts > 0 { write!(f, "; {} under way", many(self.rollouts, "rollout")) } else { Ok(()) }
    }
}
