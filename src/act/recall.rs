//! Looks up what the inventory names and no watch shows, before its Tenant goes.
use std::collections::BTreeMap;

use kube::{
    Api, ResourceExt,
    api::{DynamicObject, Patch, PatchParams},
};
use serde_json::json;

use super::{
    Answers, Failure, Writer,
    stack::{Owner, stamped},
};
use crate::{
    domain::{marks, object::ObjectKey, world::Lookup},
    election::Term,
};

impl Writer {
    /// Gives objects that carry the tenant's UID their label back, so that the watch shows them. Those that are there and do not
    /// carry it are not ours: nothing is written to them.
    ///
    /// # Errors
    /// What the API server said. An object that is gone is done.
    pub(super) async fn recall(
        &self,
        term: &Term,
        owner: Owner<'_>,
        keys: &[ObjectKey],
    ) -> Result<(Answers, BTreeMap<ObjectKey, Lookup>), Failure> {
        let (mut answers, mut lookups) = (Answers::new(), BTreeMap::new());
        for key in keys {
            let (api, source) = self.api(key)?;
            let lookup = match self.write(term, &key.spoken(), api.get_opt(&key.name)).await? {
                Some(found) if owner.owns(&found) => {
                    let back = self.relabel(term, owner, key, &api, &found).await?;
                    answers.extend(back.map(|object| (source, object)));
                    Lookup::Settled
                }
                Some(_) => Lookup::Stray,
                None => Lookup::Settled,
            };
            lookups.insert(key.clone(), lookup);
        }
        Ok((answers, lookups))
    }

    async fn relabel(
        &self,
        term: &Term,
        owner: Owner<'_>,
        key: &ObjectKey,
        api: &Api<DynamicObject>,
        found: &DynamicObject,
    ) -> Result<Option<DynamicObject>, Failure> {
        let label = json!({"metadata": {"labels": {marks::TENANT: owner.tenant}}});
        let patch = stamped(term, &label, &found.uid().unwrap_or_default());
        let (params, patch) = (PatchParams::default(), Patch::Merge(&patch));
        let request = api.patch(&key.name, &params, &patch);
        match self.send(term, &key.spoken(), request).await? {
            Ok(object) => Ok(Some(object)),
            Err(error) if Failure::is_not_found(&error) => Ok(None),
            Err(error) => Err(Failure::from_kube(key.spoken(), &error)),
        }
    }
}
