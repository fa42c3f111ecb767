//! Makes one Memcached so. Flows in: a Memcached from the watch, its `ConfigMap`, read fresh. Flows out: at most one write
//! of each. It must never write without a [`Term`], and never decide: that is `decide`.
use std::{sync::Arc, time::Duration};

use futures::{Stream, StreamExt, future, stream};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams, PostParams},
    runtime::{
        controller::{self, Action, Controller},
        watcher,
    },
};
use leasehold::election::{Expired, Term};
use serde_json::json;
use tokio::sync::watch;

use crate::{
    decide::{Decision, Refusal, Writer, decide, name_of, status},
    kind::Memcached,
    metrics::Metrics,
    release::Release,
};

/// One name for all versions: who writes is the operator, not its release.
const FIELD_MANAGER: &str = "memcached-operator";
/// The watch brings most changes anyway; this is for an API server that refused.
const RETRY: Duration = Duration::from_secs(1);

pub struct Reconciler {
    pub client: Client,
    pub namespace: String,
    pub release: Release,
    /// None while this replica stands by.
    pub term: watch::Receiver<Option<Term>>,
    pub metrics: Metrics,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Api(#[from] kube::Error),
    #[error(transparent)]
    Expired(#[from] Expired),
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl Reconciler {
    /// Watches, and never ends; `warm` is told when the cache is filled. Every replica runs this, so that a standby that
    /// takes over has to list nothing; the term decides who writes.
    pub async fn run(self, warm: watch::Sender<bool>) {
        let kind = self.release.edition.resource();
        let controller = Controller::new_with(self.memcacheds(), watcher::Config::default(), kind)
            .owns(self.configmaps(), watcher::Config::default())
            .reconcile_all_on(won(self.term.clone()));
        let cache = controller.store();
        let filled = async {
            if cache.wait_until_ready().await.is_ok() {
                warm.send_replace(true);
            }
        };
        let reconciled = controller.run(reconcile, on_error, Arc::new(self)).for_each(async |outcome| {
            if let Err(controller::Error::QueueError(error)) = outcome {
                tracing::warn!(%error, "watch");
            }
        });
        // Both in one task: the controller waits for its cache too, and a cache wakes only the last task that waits.
        future::join(filled, reconciled).await;
    }

    /// Every request of this operator is about its own tenant's namespace, and through one version of the kind.
    fn memcacheds(&self) -> Api<Memcached> {
        Api::namespaced_with(self.client.clone(), &self.namespace, &self.release.edition.resource())
    }

    fn configmaps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    async fn apply(&self, memcached: &Memcached, term: &Term) -> Result<Option<ConfigMap>, Error> {
        let configmaps = self.configmaps();
        let name = name_of(memcached);
        let found = configmaps.get_opt(&name).await?;
        let params = PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
        let writer = Writer { release: &self.release, epoch: term.epoch() };
        let written = match decide(memcached, found.as_ref(), writer) {
            Decision::Keep => return Ok(found),
            Decision::Refuse(refusal) => return Err(refusal.into()),
            Decision::Create(configmap) => term.write(configmaps.create(&params, &configmap)).await??,
            Decision::Replace(configmap) => term.write(configmaps.replace(&name, &params, &configmap)).await??,
        };
        self.metrics.writes.inc();
        let status = status(&written);
        tracing::info!(memcached = memcached.name_any(), writes = status.writes, "applied a change");
        Ok(Some(written))
    }

    /// From what was applied, not from what was intended. No guard: the same `ConfigMap` always gives the same status.
    async fn report(&self, memcached: &Memcached, applied: &ConfigMap, term: &Term) -> Result<(), Error> {
        let status = status(applied);
        if memcached.status.as_ref() != Some(&status) {
            let kind = self.release.edition.resource();
            let patch = Patch::Apply(json!({"apiVersion": kind.api_version, "kind": kind.kind, "status": status}));
            let params = PatchParams::apply(FIELD_MANAGER).force();
            term.write(self.memcacheds().patch_status(&memcached.name_any(), &params, &patch)).await??;
        }
        Ok(())
    }
}

async fn reconcile(memcached: Arc<Memcached>, operator: Arc<Reconciler>) -> Result<Action, Error> {
    let Some(term) = operator.term.borrow().clone() else { return Ok(Action::await_change()) };
    if let Some(applied) = operator.apply(&memcached, &term).await? {
        operator.report(&memcached, &applied, &term).await?;
    }
    Ok(Action::await_change())
}

#[expect(clippy::needless_pass_by_value, reason = "the signature that a controller takes")]
fn on_error(memcached: Arc<Memcached>, error: &Error, operator: Arc<Reconciler>) -> Action {
    operator.metrics.errors.inc();
    tracing::warn!(memcached = memcached.name_any(), %error, "will try again");
    Action::requeue(RETRY)
}

/// Once, when this replica has won: what it has only watched so far is now its to do.
fn won(mut term: watch::Receiver<Option<Term>>) -> impl Stream<Item = ()> + Send {
    stream::once(async move {
        if term.wait_for(Option::is_some).await.is_err() {
            future::pending::<()>().await;
        }
    })
}
