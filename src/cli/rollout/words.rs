//! What a person may say to a run: fields of its spec that are nobody else's.
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::{
    super::{
        connect::{Trouble, listed},
        output,
        person::{Person, Saying},
    },
    Named,
};
use crate::api::{Members, Rollout, RolloutSlice, RolloutSpec};

type Said = Result<ExitCode, Box<dyn std::error::Error>>;

/// Grant nobody until it is resumed; tenants on their way finish, soaks stand still.
#[derive(Debug, Args)]
pub struct Suspend {
    #[command(flatten)]
    named: Named,
}

/// Let a suspended or halted rollout go on. A halt is over only when its budget holds again.
#[derive(Debug, Args)]
pub struct Resume {
    /// Tolerate so many failures more than planned, in each wave and in all
    #[arg(long, value_name = "N")]
    additional_failures: Option<u32>,
    #[command(flatten)]
    named: Named,
}

/// Leave tenants out of the rollout; their failures no longer count.
#[derive(Debug, Args)]
pub struct Skip {
    /// Name of the Rollout
    rollout: String,
    /// Names of Tenants in its plan
    #[arg(required = true, value_name = "TENANT")]
    tenants: Vec<String>,
    /// Take them in again
    #[arg(long)]
    take_in: bool,
    #[command(flatten)]
    saying: Saying,
}

/// End the rollout where it is. Cannot be taken back.
#[derive(Debug, Args)]
pub struct Abort {
    #[command(flatten)]
    named: Named,
}

/// Take every tenant that the rollout moved back to what it had. Cannot be taken back.
#[derive(Debug, Args)]
pub struct Undo {
    #[command(flatten)]
    named: Named,
}

impl Suspend {
    pub async fn run(self) -> Said {
        self.named.say(json!({"suspend": true}), "suspended: nobody is granted; resume lets it go on").await
    }
}

impl Resume {
    pub async fn run(self) -> Said {
        let Named { rollout, saying } = self.named;
        let person = saying.person().await?;
        let more = self.additional_failures;
        // A halt is over only after an edit: where nothing else is to be said, it is suspended for a moment.
        let before: Rollout = person.get(&rollout).await?;
        let halted = before.status.as_ref().is_some_and(|status| status.halted.is_some());
        if halted && !before.spec.suspend && more.is_none_or(|more| more == before.spec.additional_failures) {
            person.edit::<Rollout>(&rollout, |_| Ok(json!({"suspend": true}))).await?;
        }
        let going = person.edit::<Rollout>(&rollout, |_| Ok(resumed(more))).await?;
        let note =
            if halted { "resumed: it goes on if its budget holds again; rollout status shows it" } else { "resumed" };
        said(&person, &going, note)
    }
}

/// The fields of a run that goes on.
fn resumed(additional_failures: Option<u32>) -> Value {
    match additional_failures {
        Some(more) => json!({"suspend": false, "additionalFailures": more}),
        None => json!({"suspend": false}),
    }
}

impl Skip {
    pub async fn run(self) -> Said {
        let person = self.saying.person().await?;
        // A plan is immutable, so that it may be read before.
        let planned = planned(&person, &self.rollout).await?;
        let edit = |rollout: &Rollout| skipping(&rollout.spec, &planned, &self.tenants, self.take_in);
        let rollout = person.edit(&self.rollout, edit).await?;
        said(&person, &rollout, &format!("skips {}", listed(&rollout.spec.skip)))
    }
}

/// Who is in the plan, wherever it is kept.
async fn planned(person: &Person, rollout: &str) -> Result<Vec<Members>, Trouble> {
    let rollout: Rollout = person.get(rollout).await?;
    let mut planned = Vec::new();
    for wave in rollout.spec.waves {
        planned.push(wave.members);
        for slice in &wave.slices {
            let slice: RolloutSlice = person.get(slice).await?;
            planned.push(slice.spec.members);
        }
    }
    Ok(planned)
}

/// The list of the skipped with these in it, or without them.
fn skipping(spec: &RolloutSpec, planned: &[Members], tenants: &[String], take_in: bool) -> Result<Value, Trouble> {
    if let Some(stranger) = tenants.iter().find(|name| !planned.iter().any(|members| members.contains(name))) {
        return Err(Trouble::Unclear(format!(
            "Tenant {stranger} is not in the plan of this rollout: nothing was changed"
        )));
    }
    let mut skip = spec.skip.clone();
    skip.retain(|name| !tenants.contains(name));
    skip.extend(tenants.iter().filter(|_| !take_in).cloned());
    Ok(json!({"skip": skip}))
}

impl Abort {
    pub async fn run(self) -> Said {
        self.named
            .say(json!({"abort": true}), "aborted: who still asks for its version is not moved by a later run")
            .await
    }
}

impl Undo {
    pub async fn run(self) -> Said {
        self.named.say(json!({"undo": true}), "undone: a run of its own takes back whom it moved").await
    }
}

impl Named {
    /// Says one word.
    async fn say(self, word: Value, note: &str) -> Said {
        let person = self.saying.person().await?;
        let rollout = person.edit::<Rollout>(&self.rollout, |_| Ok(word.clone())).await?;
        said(&person, &rollout, note)
    }
}

/// One line, as kubectl has them.
fn said(person: &Person, rollout: &Rollout, note: &str) -> Said {
    let name = rollout.metadata.name.as_deref().unwrap_or_default();
    output::print(&format!("rollout.leasehold.dev/{name} {note}{}\n", person.truly()))?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(skip: &[&str]) -> RolloutSpec {
        serde_json::from_value(json!({
            "operator": "memcached", "target": {"version": "1.1.0", "digest": "d"}, "policy": "default", "sequence": 1,
            "order": "Name", "maxConcurrency": 1, "maxFailures": 0, "revisionHistoryLimit": 10, "skip": skip,
            "waves": [{"name": "all", "members": ["acme", "bolt", "cern"], "maxConcurrency": 1, "maxFailures": 0,
                "progressDeadline": "10m", "soak": "1m"}],
        }))
        .unwrap()
    }

    fn plan() -> Vec<Members> {
        spec(&[]).waves.into_iter().map(|wave| wave.members).collect()
    }

    fn skips(skip: &[&str], tenants: &[&str], take_in: bool) -> Value {
        let tenants: Vec<String> = tenants.iter().map(|name| (*name).to_owned()).collect();
        skipping(&spec(skip), &plan(), &tenants, take_in).unwrap()["skip"].clone()
    }

    #[test]
    fn who_was_skipped_before_stays_skipped_and_nobody_is_so_twice() {
        assert_eq!(skips(&["acme"], &["bolt"], false), json!(["acme", "bolt"]));
        assert_eq!(skips(&["acme"], &["acme"], false), json!(["acme"]));
        assert_eq!(skips(&["acme", "bolt"], &["acme"], true), json!(["bolt"]));
    }

    #[test]
    fn a_name_that_is_in_no_plan_is_a_mistake() {
        let why = skipping(&spec(&[]), &plan(), &["acmee".into()], false).unwrap_err().to_string();
        assert!(why.contains("Tenant acmee is not in the plan"), "{why}");
    }
}
