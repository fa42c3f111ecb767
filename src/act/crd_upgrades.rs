//! Writes to CrdUpgrades: the record of a change of a shared CRD comes before the change.
use kube::{Api, ResourceExt, api::PostParams};

use super::{Answers, Failure, Writer, rollouts::answer, writer::epoch};
use crate::{
    api::{CrdUpgrade, CrdUpgradeStatus},
    domain::marks,
    election::Term,
    observe::Source,
};

impl Writer {
    /// Creates the record. One that is there is as good: its spec is its name.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn begin_crd_upgrade(&self, term: &Term, upgrade: &CrdUpgrade) -> Result<Answers, Failure> {
        let object = spoken(upgrade);
        let mut upgrade = upgrade.clone();
        upgrade.annotations_mut().insert(marks::EPOCH.into(), epoch(term).to_string());
        let api: Api<CrdUpgrade> = Api::all(self.client.clone());
        match self.send(term, &object, api.create(&PostParams::default(), &upgrade)).await? {
            Ok(created) => Ok(answer(Source::CrdUpgrades, &created)),
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(Answers::new()),
            Err(error) => Err(Failure::from_kube(object, &error)),
        }
    }

    /// Brings the record up to date.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn crd_upgrade_status(
        &self,
        term: &Term,
        upgrade: &CrdUpgrade,
        status: &CrdUpgradeStatus,
    ) -> Result<Answers, Failure> {
        let written = CrdUpgrade { status: Some(status.clone()), ..upgrade.clone() };
        let api: Api<CrdUpgrade> = Api::all(self.client.clone());
        let name = upgrade.name_any();
        let params = PostParams::default();
        let request = api.replace_status(&name, &params, &written);
        Ok(answer(Source::CrdUpgrades, &self.write(term, &spoken(upgrade), request).await?))
    }
}

fn spoken(upgrade: &CrdUpgrade) -> String {
    format!("CrdUpgrade/{}", upgrade.name_any())
}
