//! Writes to RolloutSlices: they come before their Rollout and go after it.
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, PostParams, Preconditions},
};

use super::{Answers, Failure, Writer, rollouts::answer, writer::epoch};
use crate::{
    api::RolloutSlice,
    domain::{marks, world::FaultKind},
    election::Term,
    observe::Source,
};

impl Writer {
    /// Creates a part of a plan. One of that name that is this very part is as good.
    ///
    /// # Errors
    /// What the API server said, or that something else has that name.
    pub async fn create_slice(&self, term: &Term, slice: &RolloutSlice) -> Result<Answers, Failure> {
        let name = slice.name_any();
        let mut slice = slice.clone();
        slice.annotations_mut().insert(marks::EPOCH.into(), epoch(term).to_string());
        let api: Api<RolloutSlice> = Api::all(self.client.clone());
        match self.send(term, &spoken(&name), api.create(&PostParams::default(), &slice)).await? {
            Ok(created) => Ok(answer(Source::Slices, &created)),
            Err(kube::Error::Api(status)) if status.code == 409 => {
                let found = self.write(term, &spoken(&name), api.get(&name)).await?;
                match differs(&slice, &found) {
                    None => Ok(answer(Source::Slices, &found)),
                    Some(why) => Err(Failure::new(spoken(&name), FaultKind::Transient, why)),
                }
            }
            Err(error) => Err(Failure::from_kube(spoken(&name), &error)),
        }
    }

    /// Deletes a part of a plan that nobody needs. Answered is what a finalizer keeps; nothing where it is gone.
    ///
    /// # Errors
    /// What the API server said. One that is gone is done.
    pub async fn delete_slice(&self, term: &Term, slice: &RolloutSlice) -> Result<Answers, Failure> {
        let name = slice.name_any();
        let api: Api<RolloutSlice> = Api::all(self.client.clone());
        let preconditions = Preconditions { uid: slice.uid(), resource_version: None };
        let params = DeleteParams::default().preconditions(preconditions);
        match self.send(term, &spoken(&name), api.delete(&name, &params)).await? {
            Ok(deleted) => {
                let kept = deleted.left().filter(|slice| slice.metadata.deletion_timestamp.is_some());
                Ok(kept.map(|slice| answer(Source::Slices, &slice)).unwrap_or_default())
            }
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(Answers::new()),
            Err(error) => Err(Failure::from_kube(spoken(&name), &error)),
        }
    }
}

/// Why what has the name is not what was to be created. Time, or a person, makes room.
fn differs(slice: &RolloutSlice, found: &RolloutSlice) -> Option<&'static str> {
    if found.spec != slice.spec {
        Some("it is there with other tenants; delete that")
    } else if found.metadata.deletion_timestamp.is_some() {
        Some("it is being deleted, and made again when it is gone")
    } else {
        None
    }
}

fn spoken(name: &str) -> String {
    format!("RolloutSlice/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::RolloutSliceSpec;

    #[test]
    fn only_that_very_part_is_as_good_as_created() {
        let members = ["acme".to_owned()].into_iter().collect();
        let spec =
            RolloutSliceSpec { rollout: "a".into(), plan_hash: "0".into(), wave: "all".into(), part: 0, members };
        let slice = RolloutSlice::new("a-0", spec);
        let mut found = slice.clone();
        found.annotations_mut().insert(marks::EPOCH.into(), "another".into());
        assert_eq!(differs(&slice, &found), None);
        found.metadata.deletion_timestamp =
            Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(jiff::Timestamp::UNIX_EPOCH));
        assert!(differs(&slice, &found).is_some_and(|why| why.contains("being deleted")));
        found.spec.members = ["other".to_owned()].into_iter().collect();
        assert!(differs(&slice, &found).is_some_and(|why| why.contains("other tenants")));
    }
}
