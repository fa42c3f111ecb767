//! The facts of one tenant: what it asks for, what it was granted, what that renders to, how it does.
use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

use super::{
    evidence::{self, Evidence},
    grant::{self, Found},
    parameters::Parameters,
    stack::{self, Compared, Rendered},
};
use crate::{
    api::{FleetSpec, Grant, Mode, RolloutTarget, Tenant},
    domain::{
        digest::Revision,
        epoch::Epoch,
        fleet::{Health, Member, Standing},
        report::{Reason, Report},
        world::{Apis, FaultKind, TenantSeen},
    },
    plan::catalog::{Catalog, Release},
};

/// What all tenants share.
#[derive(Clone, Copy, Debug)]
pub struct Shared<'a> {
    pub catalog: &'a Catalog,
    pub fleet: &'a FleetSpec,
    /// Why the fleet's ceilings are not known, if so.
    pub unread: Option<&'a str>,
    pub apis: Apis,
    /// Namespaces and who may have them.
    pub claims: &'a BTreeMap<String, String>,
    /// Tenants beyond the fleet's ceiling.
    pub surplus: &'a std::collections::BTreeSet<String>,
    /// Leasehold's own term.
    pub epoch: &'a Epoch,
    pub now: Timestamp,
}

/// What was worked out before and need not be again while its inputs are the same. Changes nothing but the time it takes.
#[derive(Debug, Default)]
pub struct Memo {
    granted: Option<(Inputs, Arc<Rendered>)>,
    candidate: Option<(Inputs, Arc<Rendered>)>,
    pub(super) compared: Compared,
}

/// All that a stack is rendered from: the release by its digest.
#[derive(Debug, PartialEq)]
struct Inputs {
    release: String,
    grant: Grant,
    /// Those of the facts: kept once.
    parameters: Arc<Parameters>,
    uid: Option<String>,
}

/// Everything that is decided from one tenant's observations alone.
#[derive(Debug)]
pub struct Facts {
    pub tenant: Arc<Tenant>,
    pub parameters: Arc<Parameters>,
    pub found: Found,
    /// The target the spec asks for, and its revision for this tenant; or why there is none.
    pub desired: Result<(RolloutTarget, Revision), Report>,
    /// What the desired target would render to; or why it cannot be granted to this tenant.
    pub candidate: Result<Arc<Rendered>, Report>,
    /// What the granted revision renders to; or why that is not known.
    pub granted: Option<Result<Arc<Rendered>, Report>>,
    pub evidence: Option<Evidence>,
    pub member: Member,
}

/// Works the facts out.
#[must_use]
pub fn facts(name: &str, tenant: &Arc<Tenant>, seen: &TenantSeen, shared: &Shared, memo: &mut Memo) -> Facts {
    let parameters = Arc::new(Parameters::new(name, tenant, shared));
    let found = Found::search(tenant, seen);
    let own = parameters.digest();
    let release = wanted(tenant, shared.catalog);
    let desired = release.as_ref().map_err(Clone::clone).map(|release| {
        let target = RolloutTarget { version: tenant.spec.version.clone(), digest: release.digest.clone() };
        (target, Revision { release: release.digest.clone(), parameters: own.clone() })
    });
    let granted = found.grant().map(|grant| {
        ceilings_are_known(shared)?;
        let release = release_of(grant, tenant, shared.catalog)?;
        memo.granted(tenant, release, grant, &Arc::new(parameters.under(grant.settings)), seen)
    });
    let candidate = admitted(name, &parameters, shared).and_then(|()| {
        let (release, (target, revision)) = (release.clone()?, desired.clone()?);
        if let (Some(grant), Some(rendered)) = (found.grant(), &granted)
            && grant.revision == revision.to_string()
        {
            memo.candidate = None;
            return rendered.clone();
        }
        // What would be granted is checked as it would be rendered, but for the moment of the grant.
        let trial =
            grant::first(&target.version, &revision, parameters.settings(), &Epoch::default(), Timestamp::UNIX_EPOCH);
        memo.candidate(tenant, release, &trial, &parameters)
    });
    let evidence = match (&granted, found.grant()) {
        (Some(Ok(rendered)), Some(grant)) => Some(evidence::judge(tenant, seen, grant, rendered, shared.now)),
        _ => None,
    };
    let target = desired.as_ref().ok().map(|(target, _)| target.clone());
    let blocked = candidate.as_ref().err();
    let member = member(tenant, seen, (&found, &own), target, blocked, evidence.as_ref(), shared);
    Facts { tenant: tenant.clone(), parameters, found, desired, candidate, granted, evidence, member }
}

impl Facts {
    /// What the tenant would be by a grant of something that it does not ask for in so many words.
    ///
    /// # Errors
    /// The report of a tenant that cannot be granted this.
    pub(super) fn render(
        &self,
        target: &RolloutTarget,
        grant: &Grant,
        shared: &Shared,
    ) -> Result<Arc<Rendered>, Report> {
        let release = shared.catalog.get(&self.tenant.spec.operator, &target.version);
        let release = release.filter(|release| release.digest == target.digest);
        let release = release.ok_or_else(|| missing(&self.tenant.spec.operator, &target.version, shared.catalog))?;
        Ok(Arc::new(stack::render(&self.tenant, release, grant, &self.parameters)?.lean()))
    }
}

impl Memo {
    /// The stack as it was granted: with manifests only while something of it must be applied.
    fn granted(
        &mut self,
        tenant: &Tenant,
        release: &Release,
        grant: &Grant,
        parameters: &Arc<Parameters>,
        seen: &TenantSeen,
    ) -> Result<Arc<Rendered>, Report> {
        let inputs = Inputs::new(tenant, release, grant, parameters);
        let known = self.granted.take().filter(|(known, _)| *known == inputs).map(|(_, rendered)| rendered);
        let applied = known.as_ref().is_some_and(|k| stack::is_applied(tenant, k, seen, &self.compared));
        let rendered = match known {
            Some(known) if applied && !known.is_lean() => Arc::new(known.lean()),
            Some(known) if applied || !known.is_lean() => known,
            _ => Arc::new(stack::render(tenant, release, grant, parameters)?),
        };
        self.granted = Some((inputs, rendered.clone()));
        Ok(rendered)
    }

    /// The stack as it would be granted: never applied as it is, for the grant is part of it.
    fn candidate(
        &mut self,
        tenant: &Tenant,
        release: &Release,
        grant: &Grant,
        parameters: &Arc<Parameters>,
    ) -> Result<Arc<Rendered>, Report> {
        let inputs = Inputs::new(tenant, release, grant, parameters);
        if let Some((_, rendered)) = self.candidate.as_ref().filter(|(known, _)| *known == inputs) {
            return Ok(rendered.clone());
        }
        let rendered = Arc::new(stack::render(tenant, release, grant, parameters)?.lean());
        self.candidate = Some((inputs, rendered.clone()));
        Ok(rendered)
    }
}

impl Inputs {
    fn new(tenant: &Tenant, release: &Release, grant: &Grant, parameters: &Arc<Parameters>) -> Self {
        Self {
            release: release.digest.clone(),
            grant: grant.clone(),
            parameters: parameters.clone(),
            uid: tenant.metadata.uid.clone(),
        }
    }
}

/// Fail closed: without the fleet's ceilings nothing can be held against them, so nothing is rendered.
fn ceilings_are_known(shared: &Shared) -> Result<(), Report> {
    let Some(error) = shared.unread else { return Ok(()) };
    let note = format!(
        "FleetPolicy default cannot be read, and with it the ceilings of the fleet: {error}. Nothing is granted, applied or repaired until it is corrected; what runs is left as it is"
    );
    Err(Report::blocked(Reason::Undecodable, note))
}

/// Whether the fleet's rules let this tenant have its namespace at all.
fn admitted(name: &str, parameters: &Parameters, shared: &Shared) -> Result<(), Report> {
    ceilings_are_known(shared)?;
    let namespace = &parameters.namespace;
    if let Some(pattern) =
        shared.fleet.protected_namespaces.iter().find(|p| crate::plan::choke_point::glob(p, namespace))
    {
        let note = format!(
            "namespace {namespace} is protected by `{pattern}` in FleetPolicy default: choose another spec.namespace in a new Tenant"
        );
        return Err(Report::blocked(Reason::NamespaceProtected, note));
    }
    if let Some(owner) = shared.claims.get(namespace).filter(|owner| *owner != name) {
        let note =
            format!("namespace {namespace} belongs to Tenant {owner}: choose another spec.namespace in a new Tenant");
        return Err(Report::blocked(Reason::NamespaceTaken, note));
    }
    if shared.surplus.contains(name) {
        let note = format!(
            "the fleet is full: FleetPolicy default allows {} tenants; raise spec.maxTenants",
            shared.fleet.max_tenants
        );
        return Err(Report::blocked(Reason::TooManyTenants, note));
    }
    Ok(())
}

/// The release the spec asks for.
fn wanted<'a>(tenant: &Tenant, catalog: &'a Catalog) -> Result<&'a Release, Report> {
    let (operator, version) = (&tenant.spec.operator, &tenant.spec.version);
    if let Err(e) = semver::Version::parse(version) {
        let note = format!("spec.version `{version}` is not semver ({e}): write it as 1.2.3");
        return Err(Report::blocked(Reason::InvalidVersion, note));
    }
    catalog.get(operator, version).ok_or_else(|| missing(operator, version, catalog))
}

fn missing(operator: &str, version: &str, catalog: &Catalog) -> Report {
    if let Some((name, why)) = catalog.broken_release(operator, version) {
        return Report::blocked(Reason::ReleaseInvalid, format!("OperatorRelease {name} cannot be used: {why}"));
    }
    let known = catalog.versions(operator);
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    let note = format!(
        "no OperatorRelease has operator {operator} and version {version} (known versions: {known}): create it, or correct spec.version"
    );
    Report::blocked(Reason::ReleaseNotFound, note)
}

/// The release a grant speaks of, as it was when it was granted.
fn release_of<'a>(grant: &Grant, tenant: &Tenant, catalog: &'a Catalog) -> Result<&'a Release, Report> {
    let operator = &tenant.spec.operator;
    let release = catalog.get(operator, &grant.version).ok_or_else(|| {
        let why = missing(operator, &grant.version, catalog);
        Report { note: format!("{}; the running stack is left as it is", why.note), ..why }
    })?;
    if release.digest_under(grant.settings) == grant::target(grant).digest {
        return Ok(release);
    }
    let note = format!(
        "OperatorRelease {} is not what was granted to this tenant: it was deleted and created anew with other content. The change comes through a rollout; the stack is left as it is meanwhile",
        release.name
    );
    Err(Report::blocked(Reason::ReleaseChanged, note))
}

fn member(
    tenant: &Tenant,
    seen: &TenantSeen,
    (found, own): (&Found, &str),
    desired: Option<RolloutTarget>,
    blocked: Option<&Report>,
    evidence: Option<&Evidence>,
    shared: &Shared,
) -> Member {
    let rejected = tenant.status.iter().flat_map(|s| &s.rejected);
    Member {
        uid: tenant.metadata.uid.clone().unwrap_or_default(),
        labels: tenant.metadata.labels.clone().unwrap_or_default(),
        operator: tenant.spec.operator.clone(),
        policy: tenant.spec.rollout_policy.clone(),
        desired,
        desired_since: seen.desired_since,
        granted: found.granted(tenant.status.as_ref(), own, shared.now),
        health: evidence.map_or_else(|| unrendered(tenant, found, shared), |e| e.health.clone()),
        standing: standing(tenant, shared.now),
        blocked: blocked.map(|report| report.note.clone()).or_else(|| refused(seen)),
        rejected: rejected.filter_map(|r| Some(Revision::parse(&r.revision)?.release)).collect(),
    }
}

/// How a tenant does whose granted revision cannot be rendered any more: a value was edited into nonsense, its release was
/// deleted. What ran goes on running. What was not proven yet never will be, and must not hold its wave up for ever; but that
/// the fleet's ceilings are not known just now is not charged to it.
fn unrendered(tenant: &Tenant, found: &Found, shared: &Shared) -> Health {
    let Some(grant) = found.grant() else { return Health::Moving };
    let running = tenant.status.as_ref().and_then(|s| s.running.as_ref());
    let half = |revision: &str| Revision::parse(revision).map(|r| r.release);
    if running.is_some_and(|running| half(&running.revision) == half(&grant.revision)) {
        return Health::Proven;
    }
    if shared.unread.is_some() {
        return Health::Moving;
    }
    let message = "what was granted cannot be rendered any more: see the Tenant's Stalled condition".to_owned();
    Health::Failed { reason: "Refused".into(), message, at: shared.now }
}

/// A Tenant whose own status the API server refuses can take no grant, and so no slot in a wave. A refused stack is
/// another matter: what is asked for may be the fix.
fn refused(seen: &TenantSeen) -> Option<String> {
    let fault =
        seen.fault.as_ref().filter(|f| f.is_of_tenant() && matches!(f.kind, FaultKind::Invalid | FaultKind::Denied))?;
    Some(format!("{}: {}", fault.object, fault.message))
}

fn standing(tenant: &Tenant, now: Timestamp) -> Standing {
    if tenant.metadata.deletion_timestamp.is_some() {
        return Standing::Deleting;
    }
    if tenant.spec.mode == Mode::Paused {
        return Standing::Paused;
    }
    let held: Vec<String> = tenant
        .spec
        .holds
        .iter()
        .filter(|h| h.until.is_none_or(|until| until.0 > now))
        .map(|h| h.name.clone())
        .collect();
    if held.is_empty() { Standing::Active } else { Standing::Held(held) }
}
