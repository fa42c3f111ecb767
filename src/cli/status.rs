//! `leasehold status`: the fleet, or one tenant, once or live.
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::{
    connect::{Connection, Trouble},
    fleet::FleetView,
    live::Live,
    output::{self, Format},
    screen,
    table::Paint,
    tenant::TenantView,
};
use crate::domain::world::World;

const EXAMPLES: &str = "\
Examples:
  # The whole fleet: rollouts and changes of shared CRDs under way, then every tenant
  leasehold status

  # Why does each tenant wait, where is it, who leads it
  leasehold status -o wide

  # Follow a rollout
  leasehold status --watch

  # Everything about one tenant
  leasehold status acme

  # Names of the tenants that need a person
  leasehold status -o json | jq -r '.tenants[] | select(.state == \"Blocked\") | .name'

STATUS says what is going on: Running; Onboarding, Upgrading, Applying, Repairing, Recovering, Offboarding (at work); Waiting: and for what; Stalled: and why, then a person must act.

Exit code: 0 shown; 1 not shown. How the tenants are does not change it.";

/// Show the fleet, or one tenant, as it is now.
///
/// Computed by the operator's own planner from the live cluster. Where the stacks may not be read, what Leasehold last
/// wrote down is shown instead. Never writes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Status {
    /// Name of one Tenant, to see everything about it
    tenant: Option<String>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    /// Go on showing what changes, at most five times a second, until interrupted
    #[arg(short, long)]
    watch: bool,
    #[command(flatten)]
    connection: Connection,
}

/// What is shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Shown {
    Fleet(Box<FleetView>),
    Tenant(Box<TenantView>),
}

impl Status {
    /// Looks, and prints.
    ///
    /// # Errors
    /// [`Trouble`], or standard output that cannot be written.
    pub async fn run(self) -> Result<ExitCode, Box<dyn std::error::Error>> {
        let mut live = Live::open(&self.connection, self.watch).await?;
        let Some(shown) = self.look(&mut live) else { return Err(self.nobody(&live).into()) };
        let drawn = self.watch && screen::is_terminal() && matches!(self.output, Format::Table | Format::Wide);
        if !drawn {
            live.notes.iter().for_each(|note| eprintln!("note: {note}"));
        }
        match (self.watch, drawn) {
            (false, _) => output::print(&self.text(&shown)?)?,
            (true, true) => screen::draw(&mut live, &self).await?,
            (true, false) => screen::append(&mut live, &self, shown).await?,
        }
        Ok(ExitCode::SUCCESS)
    }

    /// What there is to show now; `None` when there is no such tenant.
    pub(super) fn look(&self, live: &mut Live) -> Option<Shown> {
        match &self.tenant {
            None => Some(Shown::Fleet(Box::new(live.view()))),
            Some(name) => live.tenant(name).map(|tenant| Shown::Tenant(Box::new(tenant))),
        }
    }

    pub(super) fn is_wide(&self) -> bool {
        self.output == Format::Wide
    }

    /// Whether programs read it.
    pub(super) fn is_data(&self) -> bool {
        matches!(self.output, Format::Json | Format::Yaml | Format::Name)
    }

    pub(super) fn text(&self, shown: &Shown) -> Result<String, Box<dyn std::error::Error>> {
        let lines = |lines: Vec<String>| lines.into_iter().map(|line| line + "\n").collect::<String>();
        Ok(match self.output {
            Format::Json => output::json(shown, self.watch)?,
            Format::Yaml if self.watch => format!("---\n{}", output::yaml(shown)?),
            Format::Yaml => output::yaml(shown)?,
            Format::Name => lines(shown.names().iter().map(|name| format!("tenant.leasehold.dev/{name}")).collect()),
            Format::Table | Format::Wide => lines(shown.lines(self.is_wide(), Timestamp::now(), Paint::for_stdout())),
        })
    }

    fn nobody(&self, live: &Live) -> Trouble {
        nobody(self.tenant.as_deref().unwrap_or_default(), live.world())
    }
}

/// That there is no such tenant, and which one may be meant.
pub(super) fn nobody(wanted: &str, world: &World) -> Trouble {
    let alike = world.tenants.keys().find(|name| name.contains(wanted) || wanted.contains(name.as_str()));
    let similar = alike.map_or(String::new(), |name| format!("; there is `{name}`"));
    Trouble::NoTenant { wanted: wanted.to_owned(), similar }
}

impl Shown {
    #[must_use]
    pub fn lines(&self, wide: bool, now: Timestamp, paint: Paint) -> Vec<String> {
        match self {
            Self::Fleet(fleet) => fleet.lines(wide, now, paint),
            Self::Tenant(tenant) => tenant.lines(now, paint),
        }
    }

    fn names(&self) -> Vec<&str> {
        match self {
            Self::Fleet(fleet) => fleet.tenants.iter().map(|tenant| tenant.name.as_str()).collect(),
            Self::Tenant(tenant) => vec![&tenant.row.name],
        }
    }
}
