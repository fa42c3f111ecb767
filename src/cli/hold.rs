//! `leasehold hold`, `release`, `stop`, `go`: reasons not to change some tenants, or anybody, in a person's own name.
use std::process::ExitCode;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    connect::{Trouble, listed},
    new_release::New,
    output,
    person::Saying,
};
use crate::api::{ChangeWindow, Hold as TenantHold, Tenant, Time, WindowAction, WindowSpec};

/// The ChangeWindow that the brake is.
const BRAKE: &str = "emergency-brake";

const HOLD: &str = "\
Examples:
  # acme and bolt keep their versions until somebody takes the hold off
  leasehold hold acme bolt --name quarter-end --reason \"ask finance\"

  # Until the end of the year
  leasehold hold acme --name quarter-end --reason \"ask finance\" --until 2026-12-31T00:00:00Z

A held tenant takes no slot in a wave and keeps nobody from going on. Its own edits apply at once, as always.

Exit code: 0 held; 1 not, and why.";

const RELEASE: &str = "\
Examples:
  # Take the hold off
  leasehold release acme bolt --name quarter-end

  # Another matter: write a new OperatorRelease, with the definitions that an operator's repository has
  leasehold release new --operator memcached --version 2.0.0 --image example.com/memcached:2.0.0 --from-crds config/crd/bases

Exit code: 0 released, or written; 1 not, and why.";

const STOP: &str = "\
Examples:
  # Nobody is granted anything any more, in no rollout
  leasehold stop --reason \"incident 4711\"

  # Let the brake go
  leasehold go

The brake is a ChangeWindow that denies, without a schedule. Tenants on their way finish.

Exit code: 0 stopped; 1 not, and why.";

const GO: &str = "\
Examples:
  # Let go the brake that leasehold stop pulled
  leasehold go

Exit code: 0 let go; 1 not, and why.";

/// Keep tenants at their versions, for a reason.
#[derive(Debug, Args)]
#[command(after_help = HOLD)]
pub struct Hold {
    /// Names of Tenants
    #[arg(required = true, value_name = "TENANT")]
    tenants: Vec<String>,
    /// Name of the hold, by which it is taken off
    #[arg(long, default_value = "hold")]
    name: String,
    /// Why, and whom to ask
    #[arg(long)]
    reason: String,
    /// When it ends by itself, as 2026-12-31T00:00:00Z; default: when it is taken off
    #[arg(long)]
    until: Option<Timestamp>,
    #[command(flatten)]
    saying: Saying,
}

/// Take a hold off tenants; or, with `new`, write a new OperatorRelease.
#[derive(Debug, Args)]
#[command(after_help = RELEASE, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Release {
    #[command(subcommand)]
    verb: Option<ReleaseVerb>,
    /// Names of Tenants
    #[arg(required = true, value_name = "TENANT")]
    tenants: Vec<String>,
    /// Name of the hold
    #[arg(long, default_value = "hold")]
    name: String,
    #[command(flatten)]
    saying: Saying,
}

/// Pull the emergency brake: nobody is granted anything.
#[derive(Debug, Args)]
#[command(after_help = STOP)]
pub struct Stop {
    /// Why, and whom to ask
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    saying: Saying,
}

/// Let the emergency brake go.
#[derive(Debug, Args)]
#[command(after_help = GO)]
pub struct Go {
    #[command(flatten)]
    saying: Saying,
}

type Said = Result<ExitCode, Box<dyn std::error::Error>>;

impl Hold {
    pub async fn run(self) -> Said {
        let person = self.saying.person().await?;
        let hold = TenantHold { name: self.name, reason: self.reason, until: self.until.map(Time) };
        for name in &self.tenants {
            person.edit::<Tenant>(name, |tenant| Ok(with(&tenant.spec.holds, &hold.name, Some(&hold)))).await?;
            output::print(&format!("tenant.leasehold.dev/{name} held by {}{}\n", hold.name, person.truly()))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

#[derive(Debug, Subcommand)]
enum ReleaseVerb {
    New(New),
}

impl Release {
    pub async fn run(self) -> Said {
        if let Some(ReleaseVerb::New(new)) = self.verb {
            return new.run();
        }
        let person = self.saying.person().await?;
        for name in &self.tenants {
            let tenant = person.get::<Tenant>(name).await?;
            if tenant.spec.holds.iter().all(|hold| hold.name != self.name) {
                let known: Vec<&str> = tenant.spec.holds.iter().map(|hold| hold.name.as_str()).collect();
                let object = format!("hold {} on Tenant {name}", self.name);
                return Err(Trouble::Absent { object, known: listed(&known) }.into());
            }
            person.edit::<Tenant>(name, |tenant| Ok(with(&tenant.spec.holds, &self.name, None))).await?;
            output::print(&format!("tenant.leasehold.dev/{name} released from {}{}\n", self.name, person.truly()))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The holds with this one in place of the one of its name, or without it.
fn with(holds: &[TenantHold], name: &str, hold: Option<&TenantHold>) -> Value {
    let others = holds.iter().filter(|old| old.name != name);
    let holds: Vec<&TenantHold> = others.chain(hold).collect();
    json!({"holds": if holds.is_empty() { Value::Null } else { json!(holds) }})
}

impl Stop {
    pub async fn run(self) -> Said {
        let person = self.saying.person().await?;
        let spec = WindowSpec {
            action: WindowAction::Deny,
            reason: self.reason,
            selector: None,
            operators: Vec::new(),
            schedule: None,
            until: None,
        };
        let pulled = person.create(&ChangeWindow::new(BRAKE, spec)).await?;
        let note = if pulled.is_some() { "pulled: nobody is granted anything" } else { "was pulled before" };
        output::print(&format!(
            "changewindow.leasehold.dev/{BRAKE} {note}; leasehold go lets it go{}\n",
            person.truly()
        ))?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Go {
    pub async fn run(self) -> Said {
        let person = self.saying.person().await?;
        person.delete::<ChangeWindow>(BRAKE).await?;
        output::print(&format!("changewindow.leasehold.dev/{BRAKE} let go{}\n", person.truly()))?;
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(name: &str, reason: &str) -> TenantHold {
        TenantHold { name: name.into(), reason: reason.into(), until: None }
    }

    #[test]
    fn a_hold_replaces_the_one_of_its_name_and_leaves_the_others() {
        let holds = [hold("audit", "old"), hold("other", "o")];
        let named =
            |value: Value| value["holds"].as_array().unwrap().iter().map(|h| h["reason"].clone()).collect::<Vec<_>>();
        assert_eq!(named(with(&holds, "audit", Some(&hold("audit", "new")))), ["o", "new"]);
        assert_eq!(named(with(&holds, "audit", None)), ["o"]);
        assert_eq!(with(&holds[..1], "audit", None), json!({"holds": null}), "the last one goes with the field");
    }
}
