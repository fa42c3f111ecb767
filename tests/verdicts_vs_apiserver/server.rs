//! In: schemas and objects. Out: what the real API server makes of them.
//! Never: keeps an object: all writes but those of definitions are dry runs.

use std::time::Duration;

use http::Request;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, Client, Error};
use serde_json::{Value, json};

use crate::support::{Cluster, Node, eventually};

const GROUP: &str = "verdicts.example.com";

/// What came of a write.
pub enum Answer {
    /// The fields as they would be stored, without apiVersion, kind and metadata.
    Read(Value),
    /// The status of the refusal.
    Refused(Value),
}

impl Answer {
    /// The fields below `name` that were refused.
    pub fn fields(&self, name: &str) -> Vec<String> {
        let Self::Refused(status) = self else {
            return Vec::new();
        };
        let causes = status["details"]["causes"].as_array().into_iter().flatten();
        let fields = causes.filter_map(|cause| cause["field"].as_str().map(str::to_owned));
        let fields: Vec<String> = fields.filter(|field| field.starts_with(name)).collect();
        assert!(!fields.is_empty(), "refused for another reason: {status}");
        fields
    }
}

pub struct Server {
    client: Client,
    _cluster: Cluster,
}

impl Server {
    pub async fn start() -> Self {
        let cluster = Cluster::shared(Node::None).await;
        Self { client: cluster.client(), _cluster: cluster }
    }

    /// Makes a kind with that schema and waits until it is served.
    ///
    /// # Errors
    /// The names of the root's properties that the API server refuses, and its words.
    pub async fn define(&self, kind: &str, schema: &Value) -> Result<(), (Vec<String>, String)> {
        let plural = plural(kind);
        let crd = json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{plural}.{GROUP}")},
            "spec": {"group": GROUP, "scope": "Cluster", "names": {"kind": kind, "plural": plural},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}]}
        });
        let request = Request::post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions");
        match self.send(request, &crd).await {
            Answer::Read(_) => self.served(kind).await,
            Answer::Refused(status) => return Err(refused(&status)),
        }
        Ok(())
    }

    async fn served(&self, kind: &str) {
        let crds: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        let name = format!("{}.{GROUP}", plural(kind));
        eventually(&format!("{kind} is served"), Duration::from_secs(30), async || {
            let crd = crds.get(&name).await.ok()?;
            let list = Request::get(path(kind)).body(Vec::new()).unwrap();
            (leasehold::domain::crd::CrdSeen::read(&json!(crd)).established
                && self.client.request::<Value>(list).await.is_ok())
            .then_some(())
        })
        .await;
    }

    /// A dry run of creating the object; comes back with it.
    pub async fn try_out(&self, kind: &str, object: Value) -> (Value, Answer) {
        let mut whole = object.clone();
        whole["apiVersion"] = json!(format!("{GROUP}/v1"));
        whole["kind"] = json!(kind);
        whole["metadata"] = json!({"name": "object"});
        let request = Request::post(format!("{}?dryRun=All&fieldValidation=Ignore", path(kind)));
        let mut answer = self.send(request, &whole).await;
        if let Answer::Read(Value::Object(read)) = &mut answer {
            read.retain(|name, _| !["apiVersion", "kind", "metadata"].contains(&name.as_str()));
        }
        (object, answer)
    }

    async fn send(&self, request: http::request::Builder, body: &Value) -> Answer {
        let request = request.header("content-type", "application/json").body(serde_json::to_vec(body).unwrap());
        match self.client.request(request.unwrap()).await {
            Ok(read) => Answer::Read(read),
            Err(Error::Api(status)) if matches!(status.code, 400 | 422) => {
                Answer::Refused(serde_json::to_value(&status).unwrap())
            }
            Err(error) => panic!("{error}: {body}"),
        }
    }
}

fn plural(kind: &str) -> String {
    format!("{}s", kind.to_lowercase())
}

fn path(kind: &str) -> String {
    format!("/apis/{GROUP}/v1/{}", plural(kind))
}

/// The properties that the refusal of a CRD names, one at least, and its words.
fn refused(status: &Value) -> (Vec<String>, String) {
    let text = status["message"].as_str().unwrap_or_default();
    let named = text.split("openAPIV3Schema.properties[").skip(1);
    let mut names: Vec<String> = named.filter_map(|rest| Some(rest.split_once(']')?.0.to_owned())).collect();
    names.sort();
    names.dedup();
    assert!(!names.is_empty(), "refused for another reason: {text}");
    (names, text.to_owned())
}
