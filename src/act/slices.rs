//! Writes to RolloutSlices: they come before their Rollout and go after it.
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, PostParams, Preconditions},
};

use super::{Answers, Failure, Writer, rollouts::answer, writer::epoch};
use crate::{api::RolloutSlice, domain::marks, election::Term, observe::Source};

impl Writer {
    /// Creates a part of a plan. One of that name is answered as it is: whether it is the right one is not for here to say.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn create_slice(&self, term: &Term, slice: &RolloutSlice) -> Result<Answers, Failure> {
        let name = slice.name_any();
        let mut slice = slice.clone();
        slice.annotations_mut().insert(marks::EPOCH.into(), epoch(term).to_string());
        let api: Api<RolloutSlice> = Api::all(self.client.clone());
        match self.send(term, &spoken(&name), api.create(&PostParams::default(), &slice)).await? {
            Ok(created) => Ok(answer(Source::Slices, &created)),
            Err(kube::Error::Api(status)) if status.code == 409 => {
                let found = self.write(term, &spoken(&name), api.get(&name)).await?;
                Ok(answer(Source::Slices, &found))
            }
            Err(error) => Err(Failure::from_kube(spoken(&name), &error)),
        }
    }

    /// Deletes a part of a plan that nobody needs.
    ///
    /// # Errors
    /// What the API server said. One that is gone is done.
    pub async fn delete_slice(&self, term: &Term, slice: &RolloutSlice) -> Result<Answers, Failure> {
        let name = slice.name_any();
        let api: Api<RolloutSlice> = Api::all(self.client.clone());
        let preconditions = Preconditions { uid: slice.uid(), resource_version: None };
        let params = DeleteParams::default().preconditions(preconditions);
        match self.send(term, &spoken(&name), api.delete(&name, &params)).await? {
            Ok(_) => Ok(Answers::new()),
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(Answers::new()),
            Err(error) => Err(Failure::from_kube(spoken(&name), &error)),
        }
    }
}

fn spoken(name: &str) -> String {
    format!("RolloutSlice/{name}")
}
