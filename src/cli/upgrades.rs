//! Each tenant's last measured upgrade → how long nobody led, over the fleet. Pure.
use std::fmt;

use serde::Serialize;

use crate::api::Tenant;

/// What the last upgrades cost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Upgrades {
    /// Tenants whose last upgrade was measured: one each.
    pub measured: usize,
    /// Half of them had nobody leading for at most this long.
    pub leaderless_milliseconds_p50: i64,
    /// 99 of 100 had nobody leading for at most this long.
    pub leaderless_milliseconds_p99: i64,
    pub leaderless_milliseconds_max: i64,
    /// Tenants in whose upgrade leadership changed hands more than once.
    pub more_than_one_handover: usize,
}

impl Upgrades {
    /// `None` when none was measured.
    pub fn of<'a>(tenants: impl Iterator<Item = &'a Tenant>) -> Option<Self> {
        let last = tenants.filter_map(|tenant| tenant.status.as_ref()?.last_upgrade.as_ref());
        let measured: Vec<_> = last.filter_map(|up| Some((up.leaderless_milliseconds?, up.handovers?))).collect();
        let mut times: Vec<i64> = measured.iter().map(|(milliseconds, _)| *milliseconds).collect();
        times.sort_unstable();
        Some(Self {
            measured: times.len(),
            leaderless_milliseconds_p50: percentile(&times, 50)?,
            leaderless_milliseconds_p99: percentile(&times, 99)?,
            leaderless_milliseconds_max: *times.last()?,
            more_than_one_handover: measured.iter().filter(|(_, handovers)| *handovers > 1).count(),
        })
    }
}

/// The smallest of the sorted values that so many of a hundred do not exceed (nearest rank).
fn percentile(sorted: &[i64], of_hundred: usize) -> Option<i64> {
    let rank = (sorted.len() * of_hundred).div_ceil(100);
    sorted.get(rank.max(1) - 1).copied()
}

impl fmt::Display for Upgrades {
    /// `nobody led for 8 ms (p50), 420 ms (p99), 420 ms (most) in the last upgrade of 12 tenants; in 1 leadership changed hands more than once`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { leaderless_milliseconds_p50: half, leaderless_milliseconds_p99: nearly_all, .. } = self;
        write!(
            f,
            "nobody led for {half} ms (p50), {nearly_all} ms (p99), {} ms (most)",
            self.leaderless_milliseconds_max
        )?;
        let s = if self.measured == 1 { "" } else { "s" };
        write!(f, " in the last upgrade of {} tenant{s}", self.measured)?;
        match self.more_than_one_handover {
            0 => Ok(()),
            n => write!(f, "; in {n} leadership changed hands more than once"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let hundred: Vec<i64> = (1..=100).collect();
        assert_eq!((percentile(&hundred, 50), percentile(&hundred, 99)), (Some(50), Some(99)));
        assert_eq!((percentile(&[7, 900], 50), percentile(&[7, 900], 99)), (Some(7), Some(900)));
        assert_eq!((percentile(&[], 50), percentile(&[3], 99)), (None, Some(3)));
    }

    #[test]
    fn only_what_was_measured_counts() {
        let tenant = |upgrade: serde_json::Value| -> Tenant {
            serde_json::from_value(serde_json::json!({
                "apiVersion": "leasehold.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": "acme"},
                "spec": {"operator": "memcached", "version": "1.1.0"}, "status": {"lastUpgrade": upgrade},
            }))
            .unwrap()
        };
        let upgrade = |more: &str| {
            let base = r#"{"from": "1.0.0", "to": "1.1.0", "at": "2026-01-05T10:00:00Z""#;
            tenant(serde_json::from_str(&format!("{base}{more}}}")).unwrap())
        };
        let fleet = [
            upgrade(""),
            upgrade(r#", "leaderlessMilliseconds": 9, "handovers": 1"#),
            upgrade(r#", "leaderlessMilliseconds": 10500, "handovers": 2"#),
            upgrade(r#", "leaderlessMilliseconds": 4, "handovers": 1"#),
        ];
        let said = Upgrades::of(fleet.iter()).unwrap().to_string();
        assert_eq!(
            said,
            "nobody led for 9 ms (p50), 10500 ms (p99), 10500 ms (most) in the last upgrade of 3 tenants; in 1 leadership changed hands more than once"
        );
        assert_eq!(Upgrades::of(fleet[..1].iter()), None);
    }
}
