//! Writes to Rollouts, releases and shared CRDs, and what is said of windows and approvals.
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, PostParams, Preconditions},
};

use serde::{Serialize, de::DeserializeOwned};

use super::{
    Answers, Failure, Writer,
    writer::{dynamic, epoch},
};
use crate::{
    api::{ApprovalStatus, ChangeWindow, OperatorRelease, Rollout, RolloutApproval, RolloutStatus, WindowStatus},
    domain::marks,
    election::Term,
    observe::Source,
    plan::ReleaseStep,
};

impl Writer {
    /// Creates a Rollout with its frozen plan in one write. One of that name is that very rollout: names are deterministic.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn create_rollout(&self, term: &Term, rollout: &Rollout) -> Result<Answers, Failure> {
        let name = rollout.name_any();
        let mut rollout = rollout.clone();
        rollout.annotations_mut().insert(marks::EPOCH.into(), epoch(term).to_string());
        let api: Api<Rollout> = Api::all(self.client.clone());
        match self.send(term, &spoken(&name), api.create(&PostParams::default(), &rollout)).await? {
            Ok(created) => Ok(answer(Source::Rollouts, &created)),
            Err(kube::Error::Api(status)) if status.code == 409 => {
                let found = self.write(term, &spoken(&name), api.get(&name)).await?;
                Ok(answer(Source::Rollouts, &found))
            }
            Err(error) => Err(Failure::from_kube(spoken(&name), &error)),
        }
    }

    /// Writes a Rollout's status, guarded by the resourceVersion that it was decided on.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn rollout_status(
        &self,
        term: &Term,
        rollout: &Rollout,
        status: &RolloutStatus,
    ) -> Result<Answers, Failure> {
        let name = rollout.name_any();
        let api: Api<Rollout> = Api::all(self.client.clone());
        let written = Rollout { status: Some(status.clone()), ..rollout.clone() };
        let sent =
            self.write(term, &spoken(&name), api.replace_status(&name, &PostParams::default(), &written)).await?;
        Ok(answer(Source::Rollouts, &sent))
    }

    /// Deletes a finished Rollout past the history limit.
    ///
    /// # Errors
    /// What the API server said. One that is gone is done.
    pub async fn delete_rollout(&self, term: &Term, rollout: &Rollout) -> Result<Answers, Failure> {
        let name = rollout.name_any();
        let api: Api<Rollout> = Api::all(self.client.clone());
        let preconditions = Preconditions { uid: rollout.uid(), resource_version: None };
        let params = DeleteParams::default().preconditions(preconditions);
        match self.send(term, &spoken(&name), api.delete(&name, &params)).await? {
            Ok(_) => Ok(Answers::new()),
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(Answers::new()),
            Err(error) => Err(Failure::from_kube(spoken(&name), &error)),
        }
    }

    /// Writes what is said of a release.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn release(
        &self,
        term: &Term,
        release: &OperatorRelease,
        step: &ReleaseStep,
    ) -> Result<Answers, Failure> {
        let name = release.name_any();
        let api: Api<OperatorRelease> = Api::all(self.client.clone());
        let written = OperatorRelease { status: Some(step.status.clone()), ..release.clone() };
        let object = format!("OperatorRelease/{name}");
        let sent = self.write(term, &object, api.replace_status(&name, &PostParams::default(), &written)).await?;
        Ok(answer(Source::Releases, &sent))
    }

    /// Writes what is said of a window or of an approval.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn window_status(
        &self,
        term: &Term,
        window: &ChangeWindow,
        status: &WindowStatus,
    ) -> Result<Answers, Failure> {
        let written = ChangeWindow { status: Some(status.clone()), ..window.clone() };
        self.put_status(term, Source::Windows, "ChangeWindow", &written).await
    }

    /// The same of an approval.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn approval_status(
        &self,
        term: &Term,
        approval: &RolloutApproval,
        status: &ApprovalStatus,
    ) -> Result<Answers, Failure> {
        let written = RolloutApproval { status: Some(status.clone()), ..approval.clone() };
        self.put_status(term, Source::Approvals, "RolloutApproval", &written).await
    }

    async fn put_status<K>(&self, term: &Term, source: Source, kind: &str, written: &K) -> Result<Answers, Failure>
    where
        K: kube::Resource<DynamicType = ()> + Clone + std::fmt::Debug + Serialize + DeserializeOwned,
    {
        let name = written.name_any();
        let api: Api<K> = Api::all(self.client.clone());
        let object = format!("{kind}/{name}");
        let sent = self.write(term, &object, api.replace_status(&name, &PostParams::default(), written)).await?;
        Ok(answer(source, &sent))
    }
}

fn spoken(name: &str) -> String {
    format!("Rollout/{name}")
}

pub(super) fn answer<T: serde::Serialize>(source: Source, object: &T) -> Answers {
    let mut object = dynamic(object);
    if let Some(object) = &mut object {
        object.metadata.managed_fields = None;
    }
    object.map(|object| (source, object)).into_iter().collect()
}
