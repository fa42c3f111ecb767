//! What users, people on call, clusters and clocks do to a fleet.
use jiff::SignedDuration;
use leasehold::domain::fleet::{Health, OwnEdit, Standing};

use crate::{
    cluster::{member, target},
    generate::{self, RINGS},
    rules,
    schedule::Schedule,
};

impl Schedule {
    /// Something happens, or not.
    pub fn event(&mut self) {
        match self.rng.below(100) {
            0..8 => self.bump_many(),
            8..12 => self.bump_one(),
            12..16 => self.calendar(),
            16..22 => self.decide_gates(),
            22..26 => self.join(),
            26..30 => self.leave(),
            30..38 => self.standing(),
            38..46 => self.falter(),
            46..64 => self.person(),
            64..67 => self.edit_policy(),
            67..70 => self.release(),
            70..73 => self.lose_status(),
            73..76 => self.own_edit(),
            76..80 => self.clock(),
            80..83 => self.relabel(),
            83..85 => self.cluster.fleet.max_concurrency = self.rng.u32(1, 12),
            85..90 => self.remember(),
            _ => {}
        }
    }

    fn tenant(&mut self) -> Option<String> {
        let names: Vec<String> = self.cluster.fleet.members.keys().cloned().collect();
        self.rng.pick(&names).cloned()
    }

    fn ask(&mut self, name: &str, minor: u64) {
        let member = self.cluster.fleet.members.get_mut(name).expect("a tenant");
        let version = format!("1.{minor}.0");
        let desired = self.cluster.fleet.releases[&(member.operator.clone(), version)].target.clone();
        if member.desired.as_ref() != Some(&desired) {
            (member.desired, member.desired_since) = (Some(desired), self.cluster.now);
            self.oracle.asked(name);
        }
    }

    /// One commit: all tenants, or a part of them, go to one version.
    pub fn bump_many(&mut self) {
        let minor = self.rng.below(5);
        let share = if self.rng.percent(60) { 100 } else { 50 };
        let names: Vec<String> = self.cluster.fleet.members.keys().cloned().collect();
        for name in names {
            if self.rng.percent(share) {
                self.ask(&name, minor);
            }
        }
    }

    fn bump_one(&mut self) {
        let minor = self.rng.below(5);
        if let Some(name) = self.tenant() {
            self.ask(&name, minor);
        }
    }

    /// A new tenant; sometimes one of a name that was there before.
    fn join(&mut self) {
        let name = format!("t{:02}", self.rng.below(64));
        let mut new = member(&name, &format!("1.{}.0", self.rng.below(5)), self.cluster.now);
        new.uid = format!("uid-{name}-{}", self.real);
        new.labels.insert("ring".into(), (*self.rng.pick(&RINGS).unwrap()).into());
        match self.rng.below(3) {
            0 => new.health = Health::Moving,
            1 => new.granted = None,
            _ => {}
        }
        self.oracle.asked(&name);
        self.cluster.fleet.members.insert(name, new);
    }

    fn leave(&mut self) {
        let Some(name) = self.tenant() else { return };
        if self.rng.percent(50) && self.cluster.fleet.members.len() > 1 {
            self.cluster.fleet.members.remove(&name);
        } else {
            self.cluster.member(&name).standing = Standing::Deleting;
        }
    }

    fn standing(&mut self) {
        let Some(name) = self.tenant() else { return };
        let roll = self.rng.below(7);
        let rejected = self.rng.below(5);
        let member = self.cluster.member(&name);
        if member.standing == Standing::Deleting {
            return;
        }
        match roll {
            0 => member.standing = Standing::Paused,
            1 => member.standing = Standing::Held(vec!["audit".into()]),
            2 if rejected < 2 => {
                let no = "that does not fit its values".to_owned();
                member.refused = Some((target(&format!("1.{}.0", rejected + 1)), no));
            }
            2 => member.blocked = Some("its values do not fit".into()),
            3 => member.rejected.push(target(&format!("1.{rejected}.0")).digest),
            _ => {
                (member.standing, member.blocked) = (Standing::Active, None);
                (member.refused, member.rejected) = (None, Vec::new());
            }
        }
    }

    /// A tenant falls back, fails, or gets well.
    fn falter(&mut self) {
        let (name, roll, now) = (self.tenant(), self.rng.below(4), self.cluster.now);
        let Some(name) = name else { return };
        let member = self.cluster.member(&name);
        member.health = match (roll, &member.health) {
            (0, Health::Proven) => Health::Regressed,
            (1, Health::Regressed | Health::Proven | Health::Moving) => {
                Health::Failed { reason: "ImagePull".into(), message: "not found".into(), at: now }
            }
            (2 | 3, Health::Regressed | Health::Failed { .. }) => Health::Proven,
            (_, health) => health.clone(),
        };
    }

    /// A person edits, or deletes, a run.
    fn person(&mut self) {
        let open = self.cluster.fleet.rollouts.iter().filter(|(_, rollout)| !rules::phase(rollout).ended());
        let mut names: Vec<String> = open.map(|(name, _)| name.clone()).collect();
        if names.is_empty() || self.rng.percent(10) {
            names = self.cluster.fleet.rollouts.keys().cloned().collect();
        }
        let (Some(name), roll, tenant) = (self.rng.pick(&names).cloned(), self.rng.below(20), self.tenant()) else {
            return;
        };
        if roll == 0 {
            self.cluster.fleet.rollouts.remove(&name);
            self.oracle.forgot(&name);
            return;
        }
        self.cluster.edit(&name, |spec| match roll {
            1 => spec.abort = true,
            2..5 => spec.suspend = true,
            5..9 => spec.suspend = false,
            9..13 => spec.skip.extend(tenant),
            13 => spec.skip.clear(),
            14 => spec.undo = true,
            15..18 => (spec.suspend, spec.additional_failures) = (false, spec.additional_failures + 1),
            _ => (spec.suspend, spec.additional_failures) = (false, 3),
        });
    }

    fn edit_policy(&mut self) {
        let policy = generate::policy(&mut self.rng);
        let policies = &mut self.cluster.fleet.policies;
        if self.rng.percent(80) {
            policies.insert("default".into(), policy)
        } else {
            policies.remove("default")
        };
    }

    /// A release becomes ready or not, or is replaced by other content of the same version.
    fn release(&mut self) {
        let version = format!("1.{}.0", self.rng.below(5));
        let (not_ready, other) = (self.rng.percent(40), self.rng.percent(30));
        let digest = format!("digest-{version}-{}", self.real);
        let facts = self.cluster.fleet.releases.get_mut(&("memcached".to_owned(), version.clone())).expect("a release");
        facts.not_ready = not_ready.then(|| "its CRD differs".into());
        if !other {
            return;
        }
        facts.target.digest = digest;
        let names: Vec<String> = self.cluster.fleet.members.keys().cloned().collect();
        for name in names {
            let member = &self.cluster.fleet.members[&name];
            let same = member.desired.as_ref().is_some_and(|desired| desired.version == version);
            if member.operator == "memcached" && same {
                let minor = version.as_bytes()[2] - b'0';
                self.ask(&name, u64::from(minor));
            }
        }
    }

    /// A restore, or a hand, wipes a status.
    fn lose_status(&mut self) {
        if self.rng.percent(50) {
            let names: Vec<String> = self.cluster.fleet.rollouts.keys().cloned().collect();
            if let Some(name) = self.rng.pick(&names) {
                self.cluster.fleet.rollouts.get_mut(name).expect("a rollout").status = None;
                self.oracle.forgot(name);
            }
        } else if let Some(name) = self.tenant() {
            let member = self.cluster.member(&name);
            if rules::failed(member) {
                member.health = Health::Moving;
            }
        }
    }

    /// A user edits one tenant's own parameters: applied at once, to be proven again.
    fn own_edit(&mut self) {
        let (Some(name), now) = (self.tenant(), self.cluster.now) else { return };
        let member = self.cluster.member(&name);
        let proven = matches!(member.health, Health::Proven | Health::Regressed);
        if let Some(granted) = &mut member.granted {
            if proven || granted.own_edit == OwnEdit::AfterProof {
                (granted.at, granted.own_edit) = (now, OwnEdit::AfterProof);
            } else {
                granted.own_edit = OwnEdit::OnTheWay;
            }
            granted.paused = 0;
            member.health = Health::Moving;
        }
    }

    fn clock(&mut self) {
        let step = i64::try_from(self.rng.below(120_000)).unwrap() - 60_000;
        self.cluster.now += SignedDuration::from_millis(step);
        self.forward += step.max(0);
    }

    fn relabel(&mut self) {
        let ring = (*self.rng.pick(&RINGS).unwrap()).to_owned();
        if let Some(name) = self.tenant() {
            self.cluster.member(&name).labels.insert("ring".into(), ring);
        }
    }
}
