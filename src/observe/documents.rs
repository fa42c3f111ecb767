//! Reads what an expression is about: a tenant's own objects as they are now, and its custom resources. Bounded in number, in
//! size and in time, all before anything is parsed: a tenant decides how large they are. What cannot be read whole is not read
//! at all.
use std::time::Duration;

use axum::body::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use kube::{
    Api, Client,
    api::{DynamicObject, GetParams, ListParams},
    client::Body,
    core::{GroupVersionKind, Request, Status},
    discovery,
};
use serde_json::Value;

use crate::{
    api::CustomResources,
    domain::{
        kinds,
        listing::{self, Budget},
        object::ObjectKey,
    },
};

/// How long all reads of one sort for one tenant may take.
const BOUND: Duration = Duration::from_secs(10);
/// Custom resources of one kind that are looked at.
const MOST: usize = 200;
/// Of them, how many come in one reply: ten of the largest that an API server stores are more than is read of one.
const PAGE: u32 = 10;

/// Reads for one question, within one budget.
pub struct Documents {
    client: Client,
    budget: Budget,
}

impl Documents {
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client, budget: Budget::default() }
    }

    /// The tenant's objects, those that are gone left out. Never a Secret: what an expression sees may be quoted in a status.
    ///
    /// # Errors
    /// Why they cannot be read, in words.
    pub async fn objects(&mut self, keys: &[ObjectKey]) -> Result<Value, String> {
        let read = async {
            let mut objects = Vec::with_capacity(keys.len());
            for key in keys.iter().filter(|key| key.kind != "Secret") {
                let found = self.object(key).await;
                objects.extend(found.map_err(|why| format!("{} {}: {why}", key.kind, key.name))?);
            }
            Ok(Value::Array(objects))
        };
        in_time(read).await
    }

    /// The custom resources of these kinds in a namespace.
    ///
    /// # Errors
    /// Why they cannot be read, in words.
    pub async fn resources(&mut self, namespace: &str, wanted: &[CustomResources]) -> Result<Value, String> {
        let read = async {
            let mut resources = Vec::new();
            for wanted in wanted {
                let found = self.kind(namespace, wanted).await;
                resources.extend(found.map_err(|why| format!("{} of {}: {why}", wanted.kind, wanted.api_version))?);
            }
            Ok(Value::Array(resources))
        };
        in_time(read).await
    }

    async fn object(&mut self, key: &ObjectKey) -> Result<Option<Value>, String> {
        let Some(kind) = kinds::find(&key.group, &key.kind) else { return Ok(None) };
        let resource = super::Source::Stack(kind).api_resource();
        let api: Api<DynamicObject> = if kind.namespaced {
            Api::namespaced_with(self.client.clone(), &key.namespace, &resource)
        } else {
            Api::all_with(self.client.clone(), &resource)
        };
        let request = Request::new(api.resource_url()).get(&key.name, &GetParams::default());
        let Some(reply) = self.reply(request.map_err(|error| error.to_string())?).await? else { return Ok(None) };
        self.parsed(move |budget| budget.object(&reply)).await.map(Some)
    }

    async fn kind(&mut self, namespace: &str, wanted: &CustomResources) -> Result<Vec<Value>, String> {
        let CustomResources { api_version, kind } = wanted;
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let gvk = GroupVersionKind::gvk(group, version, kind);
        let (resource, _) = discovery::pinned_kind(&self.client, &gvk).await.map_err(|error| error.to_string())?;
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), namespace, &resource);
        let (mut found, mut params) = (Vec::new(), ListParams::default().limit(PAGE));
        loop {
            let request = Request::new(api.resource_url()).list(&params).map_err(|error| error.to_string())?;
            let reply = self.reply(request).await?.ok_or("nobody serves it")?;
            let (items, more) = self.parsed(move |budget| budget.page(&reply)).await?;
            found.extend(items.into_iter().map(|item| typed(item, wanted)));
            match more {
                None if found.len() <= MOST => return Ok(found),
                Some(more) if found.len() < MOST => params = params.continue_token(&more),
                _ => return Err(format!("there are more than {MOST} objects")),
            }
        }
    }

    /// What the API server replies, as far as it is bounded; `None` where there is no such thing.
    async fn reply(&self, request: http::Request<Vec<u8>>) -> Result<Option<Bytes>, String> {
        let reply = self.client.send(request.map(Body::from)).await.map_err(|error| error.to_string())?;
        let status = reply.status();
        let body = Limited::new(reply.into_body(), listing::REPLY)
            .collect()
            .await
            .map_err(|error| if error.is::<LengthLimitError>() { listing::too_much() } else { error.to_string() })?;
        let body = body.to_bytes();
        if status.is_success() {
            return Ok(Some(body));
        }
        if status == http::StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let said = serde_json::from_slice::<Status>(&body).map(|status| status.message).unwrap_or_default();
        Err(format!("answers {status}: {said}"))
    }

    /// Parses beside the loop: megabytes take longer than whoever renews a Lease should wait.
    async fn parsed<T, P>(&mut self, parse: P) -> Result<T, String>
    where
        T: Send + 'static,
        P: FnOnce(&mut Budget) -> Result<T, String> + Send + 'static,
    {
        let mut budget = std::mem::take(&mut self.budget);
        let parsed = tokio::task::spawn_blocking(move || (parse(&mut budget), budget)).await;
        let (parsed, budget) = parsed.map_err(|_| "reading the reply panicked: please report this".to_owned())?;
        self.budget = budget;
        parsed
    }
}

/// A list leaves out what all of it have in common.
fn typed(mut item: Value, wanted: &CustomResources) -> Value {
    if let Some(object) = item.as_object_mut() {
        object.entry("apiVersion").or_insert_with(|| wanted.api_version.clone().into());
        object.entry("kind").or_insert_with(|| wanted.kind.clone().into());
    }
    item
}

async fn in_time(read: impl Future<Output = Result<Value, String>>) -> Result<Value, String> {
    tokio::time::timeout(BOUND, read).await.unwrap_or_else(|_| Err(format!("not read within {BOUND:?}")))
}
