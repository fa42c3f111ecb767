//! A person's words, written to the API server with that person's own rights: the fields of a Rollout that are a person's to
//! set, holds of Tenants, RolloutApprovals, and the brake. The only file of the command line that writes; never a status,
//! never anything that the operator writes.
use std::fmt::Debug;

use clap::Args;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::{
    Api, Client, Resource,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::connect::{Connection, Trouble, causes};

/// How often an edit is tried again that somebody else's overtook.
const TRIES: usize = 5;

/// A kind whose objects a person writes.
pub trait Word:
    Resource<DynamicType = (), Scope = kube::core::ClusterResourceScope> + Clone + Debug + Serialize + DeserializeOwned
{
}

impl<K> Word for K where
    K: Resource<DynamicType = (), Scope = kube::core::ClusterResourceScope>
        + Clone
        + Debug
        + Serialize
        + DeserializeOwned
{
}

/// How a word is said.
#[derive(Args, Clone, Debug)]
pub struct Saying {
    /// Change nothing; only ask the API server whether it would
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    connection: Connection,
}

/// Whoever runs this.
pub struct Person {
    client: Client,
    server: String,
    dry_run: bool,
}

impl Saying {
    /// Whoever says it.
    ///
    /// # Errors
    /// No way to the cluster.
    pub async fn person(&self) -> Result<Person, Trouble> {
        Ok(Person { dry_run: self.dry_run, ..Person::of(&self.connection).await? })
    }
}

impl Person {
    /// Whoever runs this, to look.
    ///
    /// # Errors
    /// No way to the cluster.
    pub async fn of(connection: &Connection) -> Result<Self, Trouble> {
        let (client, server) = connection.client().await?;
        Ok(Self { client, server, dry_run: false })
    }

    /// The way to the cluster, for what is no word of a person's.
    #[must_use]
    pub(super) const fn client(&self) -> &Client {
        &self.client
    }

    /// Where that leads, as people name it.
    #[must_use]
    pub(super) fn server(&self) -> &str {
        &self.server
    }

    /// What is said behind a line about something that was written.
    #[must_use]
    pub const fn truly(&self) -> &'static str {
        if self.dry_run { " (dry run: nothing was changed)" } else { "" }
    }

    /// The name by which the API server knows this person.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn name(&self) -> Result<String, Trouble> {
        let api: Api<SelfSubjectReview> = Api::all(self.client.clone());
        let asked = api.create(&PostParams::default(), &SelfSubjectReview::default()).await;
        let user = self.answer::<SelfSubjectReview, _>("create", "", asked)?.status.and_then(|s| s.user_info?.username);
        let unknown =
            || Trouble::Unauthorized { server: self.server.clone(), why: "it does not say who you are".into() };
        user.ok_or_else(unknown)
    }

    /// The object of that name.
    ///
    /// # Errors
    /// [`Trouble::Absent`] and what else the API server said.
    pub async fn get<K: Word>(&self, name: &str) -> Result<K, Trouble> {
        match self.api::<K>().get(name).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Err(self.absent::<K>(name).await),
            answer => self.answer::<K, _>("get", name, answer),
        }
    }

    /// All objects of the kind.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn list<K: Word>(&self) -> Result<Vec<K>, Trouble> {
        let answer = self.api::<K>().list(&ListParams::default()).await;
        Ok(self.answer::<K, _>("list", "", answer)?.items)
    }

    /// Merges fields of a spec. `edit` makes them of the object as it is; it is asked again when somebody else was faster.
    ///
    /// # Errors
    /// What the API server said, or `edit`.
    pub async fn edit<K: Word>(&self, name: &str, edit: impl Fn(&K) -> Result<Value, Trouble>) -> Result<K, Trouble> {
        for left in (0..TRIES).rev() {
            let object: K = self.get(name).await?;
            let version = object.meta().resource_version.clone();
            let merge = Patch::Merge(json!({"metadata": {"resourceVersion": version}, "spec": edit(&object)?}));
            match self.api::<K>().patch(name, &self.patching(), &merge).await {
                Err(kube::Error::Api(status)) if status.code == 409 && left > 0 => {}
                answer => return self.answer::<K, _>("patch", name, answer),
            }
        }
        Err(Trouble::Overtaken { object: spoken::<K>(name) })
    }

    /// Creates an object; `None` when one of that name is there.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn create<K: Word>(&self, object: &K) -> Result<Option<K>, Trouble> {
        let name = object.meta().name.clone().unwrap_or_default();
        match self.api::<K>().create(&PostParams { dry_run: self.dry_run, ..PostParams::default() }, object).await {
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(None),
            answer => self.answer::<K, _>("create", &name, answer).map(Some),
        }
    }

    /// Deletes an object.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn delete<K: Word>(&self, name: &str) -> Result<(), Trouble> {
        match self.api::<K>().delete(name, &DeleteParams { dry_run: self.dry_run, ..DeleteParams::default() }).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Err(self.absent::<K>(name).await),
            answer => self.answer::<K, _>("delete", name, answer).map(drop),
        }
    }

    fn patching(&self) -> PatchParams {
        PatchParams { dry_run: self.dry_run, ..PatchParams::default() }
    }

    fn api<K: Word>(&self) -> Api<K> {
        Api::all(self.client.clone())
    }

    /// What an answer means to a person.
    fn answer<K: Resource<DynamicType = ()>, T>(
        &self,
        verb: &'static str,
        name: &str,
        answer: Result<T, kube::Error>,
    ) -> Result<T, Trouble> {
        let server = || self.server.clone();
        let right = || format!("{verb} {}.{}", K::plural(&()), K::group(&()));
        answer.map_err(|error| match error {
            kube::Error::Api(status) => match status.code {
                401 => Trouble::Unauthorized { server: server(), why: status.message.clone() },
                403 => Trouble::Denied { right: right(), why: status.message.clone() },
                404 => {
                    Trouble::NotInstalled { server: server(), missing: format!("{}.{}", K::plural(&()), K::group(&())) }
                }
                409 => Trouble::Overtaken { object: spoken::<K>(name) },
                400 | 422 => Trouble::Refused { object: spoken::<K>(name), why: status.message.clone() },
                _ => Trouble::Unreachable { server: server(), why: status.message.clone() },
            },
            error => Trouble::Unreachable { server: server(), why: causes(&error) },
        })
    }

    /// That there is no such object, and which there are; where the kind itself is missing, that.
    async fn absent<K: Word>(&self, name: &str) -> Trouble {
        match self.list::<K>().await {
            Err(trouble) => trouble,
            Ok(all) => {
                let mut known: Vec<String> = all.iter().filter_map(|object| object.meta().name.clone()).collect();
                known.sort();
                Trouble::Absent { object: spoken::<K>(name), known: super::steps::some(&known) }
            }
        }
    }
}

fn spoken<K: Resource<DynamicType = ()>>(name: &str) -> String {
    format!("{} {name}", K::kind(&()))
}
