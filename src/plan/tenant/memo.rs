//! What was rendered before and need not be again while its inputs are the same. Changes nothing but the time it takes.
use std::{collections::BTreeMap, sync::Arc};

use super::{
    parameters::Parameters,
    stack::{self, Compared, Rendered},
};
use crate::{
    api::{Grant, Tenant},
    domain::{report::Report, world::TenantSeen},
    plan::catalog::Release,
};

/// The stacks of one tenant, as they were rendered last.
#[derive(Debug, Default)]
pub struct Memo {
    granted: Option<(Inputs, Arc<Rendered>)>,
    candidate: Option<(Inputs, Arc<Rendered>)>,
    pub(super) compared: Compared,
    /// The count of changes to the tenant's objects at which the whole granted stack was there as rendered.
    applied: Option<u64>,
    /// The same, and nothing else was there: with the digest of the inventory.
    settled: Option<(u64, String)>,
}

/// All that a stack is rendered from: the release by its digest.
#[derive(Debug, PartialEq, Eq)]
struct Inputs {
    release: String,
    grant: Grant,
    /// Those of the facts: kept once.
    parameters: Arc<Parameters>,
    uid: Option<String>,
    labels: Option<BTreeMap<String, String>>,
}

impl Memo {
    /// The stack as it was granted: with manifests only while something of it must be applied.
    ///
    /// # Errors
    /// The report of a tenant that is blocked by what it would become.
    pub fn granted(
        &mut self,
        tenant: &Tenant,
        release: &Release,
        grant: &Grant,
        parameters: &Arc<Parameters>,
        seen: &TenantSeen,
    ) -> Result<Arc<Rendered>, Report> {
        let inputs = Inputs::new(tenant, release, grant, parameters);
        let known = self.granted.take().filter(|(known, _)| *known == inputs).map(|(_, rendered)| rendered);
        if known.is_none() {
            (self.applied, self.settled) = (None, None);
        }
        let holds = self.applied(seen);
        let applied = known.as_ref().is_some_and(|k| holds || stack::is_applied(tenant, k, seen, &self.compared));
        self.applied = applied.then(|| seen.objects.changes());
        let rendered = match known {
            Some(known) if applied && !known.is_lean() => Arc::new(known.lean()),
            Some(known) if applied || !known.is_lean() => known,
            _ => Arc::new(stack::render(tenant, release, grant, parameters)?),
        };
        self.granted = Some((inputs, rendered.clone()));
        Ok(rendered)
    }

    /// Whether the granted stack is known to be there as rendered.
    #[must_use]
    pub fn applied(&self, seen: &TenantSeen) -> bool {
        self.applied == Some(seen.objects.changes())
    }

    /// The digest of the inventory, if it is known that there is nothing to apply and nothing to remove.
    #[must_use]
    pub fn settled(&self, seen: &TenantSeen) -> Option<&str> {
        self.settled.as_ref().filter(|(at, _)| *at == seen.objects.changes()).map(|(_, digest)| &**digest)
    }

    /// Notes that there is nothing to apply and nothing to remove.
    pub fn settle(&mut self, seen: &TenantSeen, inventory: &str) {
        self.settled = Some((seen.objects.changes(), inventory.to_owned()));
    }

    /// There is nothing to be granted but what was.
    pub fn no_candidate(&mut self) {
        self.candidate = None;
    }

    /// The stack as it would be granted: never applied as it is, for the grant is part of it.
    ///
    /// # Errors
    /// As for [`Memo::granted`].
    pub fn candidate(
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
            labels: tenant.metadata.labels.clone(),
        }
    }
}
