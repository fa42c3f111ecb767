//! The facts of one tenant: what it asks for, what it was granted, what that renders to, how it does.
use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

use super::{
    evidence::{self, Evidence},
    grant::{self, Found},
    member::member,
    memo::Memo,
    parameters::{Parameters, SharedParameters},
    stack::{self, Rendered},
};
use crate::{
    api::{FleetSpec, Grant, RolloutTarget, Tenant},
    domain::{
        digest::Revision,
        epoch::Epoch,
        fleet::Member,
        report::{Reason, Report},
        world::TenantSeen,
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
    /// What all stacks are rendered from alike, of the fleet's ceilings and the cluster's APIs.
    pub parameters: &'a Arc<SharedParameters>,
    /// Namespaces and who may have them.
    pub claims: &'a BTreeMap<String, String>,
    /// Tenants beyond the fleet's ceiling.
    pub surplus: &'a std::collections::BTreeSet<String>,
    /// Leasehold's own term.
    pub epoch: &'a Epoch,
    pub now: Timestamp,
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
    /// Why what the wave engine would grant, though it is not asked for, does not fit this tenant: `member.refused` in full.
    pub refused: Option<Report>,
}

/// Works the facts out. `known` are the tenant's last ones: what of them still holds is taken over.
#[must_use]
pub fn facts(
    name: &str,
    tenant: &Arc<Tenant>,
    seen: &TenantSeen,
    shared: &Shared,
    (known, memo): (Option<&Facts>, &mut Memo),
) -> Facts {
    let same = |known: &Facts| Arc::ptr_eq(&known.tenant, tenant) || known.tenant.spec == tenant.spec;
    let still = |known: &&Facts| Arc::ptr_eq(&known.parameters.shared, shared.parameters) && same(known);
    let parameters = known.filter(still).map(|known| known.parameters.clone());
    let parameters = parameters.unwrap_or_else(|| Arc::new(Parameters::new(name, tenant, shared.parameters)));
    let found = Found::search(tenant, seen);
    let own = parameters.digest();
    let release = wanted(tenant, shared.catalog);
    let desired = release.as_ref().map_err(Clone::clone).map(|release| {
        let target = RolloutTarget { version: tenant.spec.version.clone(), digest: release.digest.clone() };
        (target, Revision { release: release.digest.clone(), parameters: own.to_owned() })
    });
    let granted = found.grant().map(|grant| {
        ceilings_are_known(shared)?;
        let release = release_of(grant, tenant, shared.catalog)?;
        memo.granted(tenant, release, grant, &parameters.under(grant.settings), seen)
    });
    let candidate = admitted(name, &parameters, shared).and_then(|()| {
        let (release, (target, revision)) = (release.clone()?, desired.clone()?);
        if let (Some(grant), Some(rendered)) = (found.grant(), &granted)
            && grant.revision == revision.to_string()
        {
            memo.no_candidate();
            return rendered.clone();
        }
        // What would be granted is checked as it would be rendered, but for the moment of the grant.
        let trial =
            grant::first(&target.version, &revision, parameters.settings(), &Epoch::default(), Timestamp::UNIX_EPOCH);
        memo.candidate(tenant, release, &trial, &parameters)
    });
    let evidence = match (&granted, found.grant()) {
        (Some(Ok(rendered)), Some(grant)) => {
            let applied = memo.applied(seen);
            Some(evidence::judge(tenant, seen, grant, (rendered, applied), shared.now))
        }
        _ => None,
    };
    let target = desired.as_ref().ok().map(|(target, _)| target.clone());
    let blocked = candidate.as_ref().err();
    let member = member(tenant, seen, (&found, own), target, blocked, evidence.as_ref(), shared);
    Facts { tenant: tenant.clone(), parameters, found, desired, candidate, granted, evidence, member, refused: None }
}

impl Facts {
    /// Why the tenant could not be granted that, if so: rendered as it would be, but for the moment of the grant.
    #[must_use]
    pub fn refusal(&self, target: &RolloutTarget, shared: &Shared) -> Option<Report> {
        let revision = Revision { release: target.digest.clone(), parameters: self.parameters.digest().to_owned() };
        let (settings, term) = (self.parameters.settings(), Epoch::default());
        let trial = grant::first(&target.version, &revision, settings, &term, Timestamp::UNIX_EPOCH);
        self.render(target, &trial, shared).err()
    }

    /// Takes over what was found out about the same tenant with the same parameters, under the same releases and ceilings.
    pub fn keep_refusal(&mut self, known: &Self) {
        if known.member.uid == self.member.uid && known.parameters == self.parameters {
            self.member.refused.clone_from(&known.member.refused);
            self.refused.clone_from(&known.refused);
        }
    }

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
