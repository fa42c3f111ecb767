//! What was rendered before and need not be again while its inputs are the same. Changes nothing but the time it takes.
use std::sync::Arc;

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
        let applied = known.as_ref().is_some_and(|k| stack::is_applied(tenant, k, seen, &self.compared));
        let rendered = match known {
            Some(known) if applied && !known.is_lean() => Arc::new(known.lean()),
            Some(known) if applied || !known.is_lean() => known,
            _ => Arc::new(stack::render(tenant, release, grant, parameters)?),
        };
        self.granted = Some((inputs, rendered.clone()));
        Ok(rendered)
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
        }
    }
}
