//! `leasehold render`: Tenants and releases from files → the stacks as they would be applied to a cluster where nothing of
//! them exists yet. Offline and pure but for the reading: the same planner as the operator's, stepped over a World that
//! was made of the files.
use std::{collections::BTreeMap, fmt::Write as _, path::PathBuf, process::ExitCode, sync::Arc};

use clap::Args;
use jiff::Timestamp;
use serde_json::Value;

use super::{
    files::{self, Input},
    output,
};
use crate::{
    api::Tenant,
    domain::{
        crd::CrdSeen,
        epoch::Epoch,
        marks,
        world::{Apis, TenantSeen, World},
    },
    observe,
    plan::{Planner, choke_point::Admitted, crds::CrdStep, tenant::Step},
};

/// Exit code for files that cannot be read.
const UNREADABLE: u8 = 2;
/// A stack is there after four steps: shared CRDs, finalizer, claim, apply.
const STEPS: usize = 8;

const EXAMPLES: &str = "\
Examples:
  # The stack of one tenant
  leasehold render -f tenant.yaml -f release.yaml

  # Under the ceilings of the fleet, on a cluster that serves ServiceMonitors
  leasehold render -f tenants/ -f releases/ -f fleetpolicy.yaml --service-monitors

  # What a change of a release does to every tenant's stack
  diff <(leasehold render -f tenants/ -f old/) <(leasehold render -f tenants/ -f new/)

Findings go to standard error, stacks to standard output. Exit code: 0 every Tenant has its stack; 1 findings; 2 a file that cannot be read.

What only the cluster knows is left blank: the Tenant's UID (unless the file has it), the time of the grant (1970), the epoch of the leader. CEL rules are checked by the API server: kubectl apply --dry-run=server.";

/// Print the stacks of Tenants from files, without a cluster.
///
/// Prints every object as multi-document YAML exactly as it would be applied: templates rendered, defaults filled in,
/// values checked against the release's schema, held against the ceilings, and marked.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Render {
    /// File or folder with Tenants, OperatorReleases and at most one FleetPolicy; `-` for standard input. May be repeated.
    #[arg(short, long = "filename", value_name = "FILE", required = true)]
    filename: Vec<PathBuf>,
    /// Render as for a cluster that serves ServiceMonitors and PodMonitors (monitoring.coreos.com/v1).
    #[arg(long)]
    service_monitors: bool,
    /// Render as under a Leasehold that lets stacks hold Secrets (features.secrets of its chart).
    #[arg(long)]
    secrets: bool,
}

impl Render {
    /// Renders, and prints stacks and findings.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub fn run(&self) -> Result<ExitCode, Box<dyn std::error::Error>> {
        let input = match files::read(&self.filename) {
            Ok(input) => input,
            Err(error) => {
                eprintln!("error: {error}");
                return Ok(ExitCode::from(UNREADABLE));
            }
        };
        let monitors = self.service_monitors;
        let apis = Apis { secret: self.secrets, service_monitor: monitors, pod_monitor: monitors };
        let rendered = render(input, apis)?;
        rendered.notes.iter().for_each(|note| eprintln!("note: {note}"));
        output::print(&rendered.yaml)?;
        rendered.findings.iter().for_each(|finding| eprintln!("finding: {finding}"));
        Ok(if rendered.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// What came of the files.
#[derive(Debug, Default)]
pub struct Rendered {
    /// Multi-document YAML, in the order in which it is applied.
    pub yaml: String,
    /// What keeps a Tenant from its stack, and what is wrong with a release.
    pub findings: Vec<String>,
    pub notes: Vec<String>,
}

/// Renders everything that the files ask for.
///
/// # Errors
/// An object that cannot be written as YAML.
pub fn render(input: Input, apis: Apis) -> Result<Rendered, Box<dyn std::error::Error>> {
    let Input { tenants, releases, fleet, crd_maps, findings, notes } = input;
    let mut rendered = Rendered { findings, notes, ..Rendered::default() };
    if tenants.is_empty() && rendered.findings.is_empty() {
        rendered
            .findings
            .push("no Tenant in these files: a stack is rendered for a Tenant and its OperatorRelease".into());
    }
    let mut world = World { apis, fleet: fleet.map(|f| f.spec).unwrap_or_default(), ..World::default() };
    for release in releases {
        world.releases.insert(release.metadata.name.clone().unwrap_or_default(), Arc::new(release));
    }
    world.crd_maps = observe::crd_maps(&crd_maps);
    for tenant in tenants {
        let name = tenant.metadata.name.clone().unwrap_or_default();
        world.tenants.insert(&name, TenantSeen { tenant: Some(Arc::new(undeleted(tenant))), ..TenantSeen::default() });
    }
    let mut planner = Planner::default();
    let stacks = install(&mut planner, &mut world);
    for (name, seen) in &world.tenants {
        let Some(tenant) = &seen.tenant else { continue };
        match stacks.get(name) {
            Some(objects) => rendered.yaml += &documents(name, tenant, objects)?,
            None => rendered.findings.extend(
                planner.next(name).map(|next| format!("Tenant {name}: {}: {}", next.report.word(), next.report.note)),
            ),
        }
    }
    rendered
        .findings
        .extend(planner.catalog().broken.iter().map(|(name, why)| format!("OperatorRelease {name}: {why}")));
    Ok(rendered)
}

/// A Tenant as it would be onboarded, whatever became of the live one.
fn undeleted(mut tenant: Tenant) -> Tenant {
    tenant.metadata.deletion_timestamp = None;
    tenant
}

/// Takes the planner's steps as done until every Tenant's stack is about to be applied. Returns the objects by Tenant.
fn install(planner: &mut Planner, world: &mut World) -> BTreeMap<String, Vec<Admitted>> {
    let mut stacks = BTreeMap::new();
    for _ in 0..STEPS {
        let plan = planner.plan(world, &BTreeMap::new(), &Epoch::default(), Timestamp::UNIX_EPOCH);
        for step in plan.crds {
            if let CrdStep::Create { crd, definition, annotations } = step {
                world.crds.insert(crd, CrdSeen::created(&definition, &annotations));
                world.shared_version += 1;
            }
        }
        for (name, next) in planner.nexts() {
            match &next.step {
                Some(Step::Apply(stages)) => {
                    let manifests = stages.iter().flatten().map(|apply| apply.object.clone());
                    stacks.entry(name.clone()).or_insert_with(|| manifests.collect());
                }
                Some(step) => world.tenants.get_mut(name).into_iter().for_each(|seen| take(seen, step)),
                None => {}
            }
        }
    }
    stacks
}

/// What the API server would answer to a write to the Tenant.
fn take(seen: &mut TenantSeen, step: &Step) {
    let Some(tenant) = &mut seen.tenant else { return };
    match step {
        Step::AddFinalizer => {
            Arc::make_mut(tenant).metadata.finalizers.get_or_insert_default().push(marks::FINALIZER.into());
        }
        Step::Status(status) => Arc::make_mut(tenant).status = Some(*status.clone()),
        _ => {}
    }
}

fn documents(name: &str, tenant: &Tenant, objects: &[Admitted]) -> Result<String, Box<dyn std::error::Error>> {
    let mut text = String::new();
    let count = objects.len();
    writeln!(text, "# Tenant {name}: {} {}, {count} objects", tenant.spec.operator, tenant.spec.version)?;
    for object in objects {
        let value: Value = serde_json::from_str(&object.manifest)?;
        writeln!(text, "---\n{}", output::yaml(&value)?.trim_end())?;
    }
    Ok(text)
}
