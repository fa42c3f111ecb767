//! The live cluster → World, Plan, and what to show of them: the operator's own watches and planner, without its writes.
//! Never writes, and never competes for the operator's Lease.
use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use kube::Client;
use serde_json::Value;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout_at},
};

use super::{
    access,
    connect::{Connection, Trouble, listed},
    explain::Explained,
    fleet::FleetView,
    rollout::RolloutReport,
    tenant::TenantView,
};
use crate::{
    domain::{
        epoch::Epoch,
        kinds,
        world::{Apis, World},
    },
    observe::{self, Change, Index, Pool, Sample, Sampler, Source, Step},
    plan::{Plan, Planner, slices},
};

/// How long a server may be silent before it has sent everything.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long to wait for the Leases of tenants that are moving; without them these count as not yet proven.
const SAMPLING: Duration = Duration::from_secs(3);

const SECRET: &str = "Secret";

/// A cluster under observation.
pub struct Live {
    server: String,
    sources: Vec<Source>,
    /// Rights that are missing.
    denied: access::Denied,
    index: Index,
    changes: mpsc::Receiver<Change>,
    samples: mpsc::Receiver<Sample>,
    sampler: Option<Sampler>,
    planner: Planner,
    /// For a person, beside what is shown.
    pub notes: Vec<String>,
}

impl Live {
    /// Starts the watches and waits until all of them have shown a complete list. `watch`: they are to be followed.
    ///
    /// # Errors
    /// [`Trouble`]; also when not even Tenants may be read.
    pub async fn open(connection: &Connection, watch: bool) -> Result<Self, Trouble> {
        let (client, server) = connection.client().await?;
        // Whether stacks may hold Secrets is a setting of the operator's; they are read only where some stack has one.
        let apis = observe::served(&client, Apis::ALL).await;
        let usual = Source::all(|kind| apis.has(kind) && kind.kind != SECRET);
        let access = access::probe(&client, &server, &usual, watch).await?;
        if !access.sources.contains(&Source::Tenants) {
            return Err(Trouble::Forbidden { rights: access.denied.to_string() });
        }
        let mut index = Index::default();
        index.set_apis(apis);
        // Where nobody leads or Leases may not be read, Leasehold's own namespace is not known.
        let home = if access.leases { access::home(&client).await } else { None };
        if let Some(home) = &home {
            index.set_home(home);
        }
        let (sender, changes) = mpsc::channel(1024);
        observe::start(&client, home.as_deref(), &access.sources, &sender);
        let (sampled, samples) = mpsc::channel(256);
        let (leases, own) = (access.leases, client.clone());
        let sampler = leases.then(|| Sampler::new(Pool::new(move || own.clone()), sampled));
        let notes = notes(home.is_some(), &access);
        let (sources, denied) = (access.sources, access.denied);
        let mut live =
            Self { server, sources, denied, index, changes, samples, sampler, planner: Planner::default(), notes };
        live.complete().await?;
        live.secrets(&client, &sender, watch).await?;
        live.settle().await?;
        Ok(live)
    }

    /// Follows Secrets too, where an inventory names one.
    async fn secrets(&mut self, client: &Client, changes: &mpsc::Sender<Change>, watch: bool) -> Result<(), Trouble> {
        let statuses = self.world().tenants.values().filter_map(|seen| seen.tenant.as_ref()?.status.as_ref());
        let mut entries = statuses.flat_map(|status| &status.inventory).flat_map(|inventory| &inventory.entries);
        let Some(kind) = kinds::find("", SECRET).filter(|_| entries.any(|entry| entry.ends_with("__Secret"))) else {
            return Ok(());
        };
        let access = access::probe(client, &self.server, &[Source::Stack(kind)], watch).await?;
        self.denied.extend(access.denied);
        observe::start(client, None, &access.sources, changes);
        self.sources.extend(access.sources);
        self.complete().await
    }

    /// Nothing may be missing: a plan that is made of half of the World is none.
    ///
    /// # Errors
    /// The rights that are missing.
    pub fn whole(self) -> Result<Self, Trouble> {
        if self.denied.is_empty() { Ok(self) } else { Err(Trouble::Forbidden { rights: self.denied.to_string() }) }
    }

    #[must_use]
    pub const fn world(&self) -> &World {
        self.index.world()
    }

    #[must_use]
    pub const fn planner(&self) -> &Planner {
        &self.planner
    }

    /// What would be done now, by whoever leads.
    pub fn plan(&mut self) -> Plan {
        let plan = self.planner.plan(self.index.world(), &BTreeMap::new(), &Epoch::default(), Timestamp::now());
        if let Some(sampler) = &mut self.sampler {
            for tenant in sampler.set(&plan.samples) {
                self.index.lease(&tenant, None);
            }
        }
        plan
    }

    /// The fleet as it is now. Where the stacks may not be read, as Leasehold last wrote it down.
    pub fn view(&mut self) -> FleetView {
        if self.denied.is_empty() {
            self.plan();
            FleetView::planned(self.index.world(), &self.planner)
        } else {
            FleetView::recorded(self.index.world())
        }
    }

    /// One tenant as it is now; `None` when there is none of that name.
    pub fn tenant(&mut self, name: &str) -> Option<TenantView> {
        let whole = self.denied.is_empty();
        if whole {
            self.plan();
        }
        TenantView::new(name, self.index.world(), whole.then_some(&self.planner))
    }

    /// A run as it is now, and why its tenants wait; `None` when there is none of that name.
    pub fn rollout(&mut self, name: &str) -> Option<RolloutReport> {
        let plan = self.denied.is_empty().then(|| self.plan());
        let world = self.index.world();
        let view = if plan.is_some() { FleetView::planned(world, &self.planner) } else { FleetView::recorded(world) };
        let rollout = world.rollouts.get(name)?;
        let whole = slices::whole(rollout, world).unwrap_or_else(|_| rollout.clone());
        let status = plan.as_ref().and_then(|plan| plan.rollouts.status.get(name)).or(rollout.status.as_ref());
        Some(RolloutReport::new(&whole, status, &view.tenants))
    }

    /// Why one tenant is where it is; `None` when there is none of that name.
    pub fn explain(&mut self, name: &str) -> Option<Explained> {
        let plan = self.denied.is_empty().then(|| self.plan());
        Explained::new(name, self.index.world(), plan.as_ref().map(|plan| (&self.planner, plan)))
    }

    async fn complete(&mut self) -> Result<(), Trouble> {
        loop {
            let missing = self.index.missing(&self.sources);
            if missing.is_empty() {
                break;
            }
            let change = timeout_at(Instant::now() + PATIENCE, self.changes.recv()).await;
            let Ok(Some(change)) = change else {
                let (server, missing, seconds) = (self.server.clone(), listed(&missing), PATIENCE.as_secs());
                return Err(Trouble::Incomplete { server, missing, seconds });
            };
            self.apply(change)?;
        }
        Ok(())
    }

    /// Has the Leases of tenants on the move looked at, as the operator does: without them nothing is proven.
    async fn settle(&mut self) -> Result<(), Trouble> {
        if !self.denied.is_empty() || self.sampler.is_none() {
            return Ok(());
        }
        let wanted = self.plan().samples;
        let until = Instant::now() + SAMPLING;
        let unknown = |live: &Self| {
            let known = |name: &String| live.world().tenants.get(name).is_none_or(|seen| seen.lease.is_some());
            !wanted.keys().all(known)
        };
        while unknown(self) {
            tokio::select! {
                Some(change) = self.changes.recv() => self.apply(change)?,
                Some(sample) = self.samples.recv() => self.index.lease(&sample.tenant, Some(sample.lease)),
                () = sleep_until(until) => break,
            }
        }
        Ok(())
    }

    /// Waits for something to change, or for `tick`; then takes all in that comes until `gap` is over.
    ///
    /// # Errors
    /// [`Trouble::WentBack`].
    pub async fn follow(&mut self, gap: Duration, tick: Duration) -> Result<(), Trouble> {
        let (earliest, latest) = (Instant::now() + gap, Instant::now() + tick);
        let mut until = latest;
        loop {
            tokio::select! {
                Some(change) = self.changes.recv() => self.apply(change)?,
                Some(sample) = self.samples.recv() => self.index.lease(&sample.tenant, Some(sample.lease)),
                () = sleep_until(until) => return Ok(()),
            }
            until = earliest;
        }
    }

    fn apply(&mut self, change: Change) -> Result<(), Trouble> {
        let at = match &change.step {
            Step::Put(object) if change.source == Source::Tenants => asked_since(&object.data),
            _ => None,
        };
        Ok(self.index.apply(change, at.unwrap_or_else(Timestamp::now))?)
    }
}

/// Since when a Tenant has asked for its version, as far as its status tells: Leasehold notes at once that it is not up to
/// date. Without it every look from here would begin the wait for more tenants anew.
fn asked_since(tenant: &Value) -> Option<Timestamp> {
    let text = |pointer: &str| tenant.pointer(pointer).and_then(Value::as_str);
    if text("/spec/version") != text("/status/desired/version") {
        return None;
    }
    let conditions = tenant.pointer("/status/conditions")?.as_array()?;
    let behind = conditions.iter().find(|c| c["type"] == "UpToDate" && c["status"] == "False")?;
    behind["lastTransitionTime"].as_str()?.parse().ok()
}

/// What a person should know about what is shown.
fn notes(led: bool, access: &access::Access) -> Vec<String> {
    let mut notes = Vec::new();
    if !access.denied.is_empty() {
        notes.push(format!(
            "shown is what Leasehold last wrote down, not what a look at the stacks says: that takes the right to {} (docs/cli.md)",
            access.denied
        ));
    } else if !access.leases {
        notes.push("whether a tenant on the move has a leader is not known: that takes the right to list and watch leases.coordination.k8s.io".into());
    }
    if access.leases && !led {
        notes.push("no replica of Leasehold holds its Lease: nothing moves until one leads (kubectl get pods -A -l app.kubernetes.io/name=leasehold)".into());
    }
    notes
}
