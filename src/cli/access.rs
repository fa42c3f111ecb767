//! What may be read, asked before anything is shown: a watch that is refused only tries again, and a person would wait
//! for ever. Reads only.
use std::{collections::BTreeMap, fmt};

use futures::{StreamExt, stream};
use k8s_openapi::api::{
    authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec},
    coordination::v1::Lease,
};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, ListParams, PostParams},
};

use super::connect::{Trouble, causes};
use crate::observe::Source;

/// Questions under way at once.
const PARALLEL: usize = 8;
/// The group of Leasehold's own kinds.
const OWN: &str = "leasehold.dev";

/// What may be read.
#[derive(Debug, Default)]
pub struct Access {
    pub sources: Vec<Source>,
    /// What may not be read.
    pub denied: Denied,
    /// Whether Leases may be listed and watched.
    pub leases: bool,
}

/// Rights that are missing: the resources by verb.
#[derive(Debug, Default)]
pub struct Denied(BTreeMap<&'static str, Vec<String>>);

impl Denied {
    pub fn extend(&mut self, more: Self) {
        for (verb, resources) in more.0 {
            self.0.entry(verb).or_default().extend(resources);
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Denied {
    /// `list pods, roles.rbac.authorization.k8s.io; watch tenants.leasehold.dev`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rights: Vec<String> =
            self.0.iter().map(|(verb, resources)| format!("{verb} {}", resources.join(", "))).collect();
        f.write_str(&rights.join("; "))
    }
}

/// The answer to one question.
enum Answer {
    Yes,
    Denied,
    Missing,
}

/// Asks for every source whether it may be listed and, with `watch`, watched.
///
/// # Errors
/// A server that does not answer, does not know us, or does not serve Leasehold's kinds.
pub async fn probe(client: &Client, server: &str, sources: &[Source], watch: bool) -> Result<Access, Trouble> {
    let questions = sources.iter().map(|source| ask(client, server, source.api_resource(), watch));
    // Collected first: a stream that borrows from a closure is not Send.
    let questions: Vec<_> = questions.collect();
    let answers: Vec<_> = stream::iter(questions).buffered(PARALLEL).collect().await;
    let mut access = Access::default();
    let mut missing = Vec::new();
    for (source, answer) in sources.iter().zip(answers) {
        let resource = spoken(&source.api_resource());
        match answer? {
            (Answer::Yes, _) => access.sources.push(*source),
            (Answer::Denied, verb) => {
                let denied = access.denied.0.entry(verb).or_default();
                // ConfigMaps are read for two reasons.
                if !denied.contains(&resource) {
                    denied.push(resource);
                }
            }
            (Answer::Missing, _) if source.api_resource().group == OWN => missing.push(resource),
            // An optional API that has gone between two questions.
            (Answer::Missing, _) => {}
        }
    }
    if !missing.is_empty() {
        return Err(Trouble::NotInstalled { server: server.to_owned(), missing: missing.join(", ") });
    }
    let leases = ApiResource::erase::<Lease>(&());
    access.leases = matches!(ask(client, server, leases, true).await?, (Answer::Yes, _));
    Ok(access)
}

async fn ask(
    client: &Client,
    server: &str,
    resource: ApiResource,
    watch: bool,
) -> Result<(Answer, &'static str), Trouble> {
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    let server = server.to_owned();
    match api.list_metadata(&ListParams::default().limit(1)).await {
        Ok(_) if watch && !may_watch(client, &resource).await => Ok((Answer::Denied, "watch")),
        Ok(_) => Ok((Answer::Yes, "list")),
        Err(kube::Error::Api(status)) => match status.code {
            403 => Ok((Answer::Denied, "list")),
            404 => Ok((Answer::Missing, "list")),
            401 => Err(Trouble::Unauthorized { server, why: status.message.clone() }),
            _ => Err(Trouble::Unreachable { server, why: status.message.clone() }),
        },
        Err(error) => Err(Trouble::Unreachable { server, why: causes(&error) }),
    }
}

/// The API server's own word; where it gives none, the watch itself will tell.
async fn may_watch(client: &Client, resource: &ApiResource) -> bool {
    let attributes = ResourceAttributes {
        group: Some(resource.group.clone()),
        resource: Some(resource.plural.clone()),
        verb: Some("watch".into()),
        ..ResourceAttributes::default()
    };
    let spec =
        SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..SelfSubjectAccessReviewSpec::default() };
    let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
    let answer = Api::<SelfSubjectAccessReview>::all(client.clone()).create(&PostParams::default(), &review).await;
    answer.ok().and_then(|review| review.status).is_none_or(|status| status.allowed)
}

/// `roles.rbac.authorization.k8s.io`, as `kubectl auth can-i` takes it.
fn spoken(resource: &ApiResource) -> String {
    if resource.group.is_empty() { resource.plural.clone() } else { format!("{}.{}", resource.plural, resource.group) }
}

/// The namespace of Leasehold's own Lease while somebody holds it; `None` when nobody does or nobody renewed it lately.
pub async fn home(client: &Client) -> Option<String> {
    const LEASE: &str = "leasehold.leasehold.dev";
    let params = ListParams::default().fields(&format!("metadata.name={LEASE}"));
    let leases = Api::<Lease>::all(client.clone()).list(&params).await.ok()?;
    leases.items.into_iter().find_map(|lease| {
        let spec = lease.spec?;
        // Twice its duration: our clock is not the leader's.
        let patience = jiff::SignedDuration::from_secs(2 * i64::from(spec.lease_duration_seconds.unwrap_or(15)));
        let fresh = spec.renew_time.is_some_and(|at| jiff::Timestamp::now().duration_since(at.0) < patience);
        spec.holder_identity.filter(|holder| fresh && !holder.is_empty())?;
        lease.metadata.namespace
    })
}
