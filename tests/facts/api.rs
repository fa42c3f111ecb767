//! In: definitions and objects as JSON, of a group of the caller's own. Out: the API server's answers as JSON.
//! Never: a typed model between: what the API server says is what is looked at.

use std::time::Duration;

use http::Request;
use kube::{Client, Error};
use serde_json::{Value, json};

use crate::support::{Cluster, Node, eventually};

/// How long the API server may take to act on a changed definition: it does so within a second.
pub const SOON: Duration = Duration::from_secs(30);

/// A refusal: its status as JSON.
pub type Answer = Result<Value, Value>;

/// The API server, and one group whose only kind is `Thing`.
pub struct Things {
    pub cluster: Cluster,
    pub client: Client,
    pub group: String,
}

impl Things {
    /// `name`: of the group, so that tests do not meet.
    pub async fn of(name: &str) -> Self {
        let cluster = Cluster::shared(Node::None).await;
        Self { client: cluster.client(), cluster, group: format!("{name}.facts.example.com") }
    }

    /// The same on a cluster of its own: for a test that a broken kind of another test would disturb.
    pub async fn alone(name: &str) -> Self {
        let cluster = Cluster::start(Node::None).await;
        Self { client: cluster.client(), cluster, group: format!("{name}.facts.example.com") }
    }

    /// A definition of `Thing` with these versions, namespaced, without conversion.
    pub fn definition(&self, versions: &[Value]) -> Value {
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("things.{}", self.group)},
            "spec": {"group": self.group, "scope": "Namespaced", "names": {"kind": "Thing", "plural": "things"},
                "versions": versions}
        })
    }

    /// Makes the definition and waits until its storage version is served.
    pub async fn define(&self, versions: &[Value]) {
        self.post(CRDS, &self.definition(versions)).await.unwrap();
        let version = versions.iter().find(|version| version["served"] == true).unwrap();
        let path = self.things(version["name"].as_str().unwrap());
        eventually("things are served", SOON, async || self.get(&path).await.is_ok()).await;
    }

    pub fn crd_path(&self) -> String {
        format!("{CRDS}/things.{}", self.group)
    }

    pub async fn crd(&self) -> Value {
        self.get(&self.crd_path()).await.unwrap()
    }

    /// Writes the definition with a change, on top of what it is now.
    pub async fn redefine(&self, change: impl Fn(&mut Value)) -> Answer {
        loop {
            let mut crd = self.crd().await;
            change(&mut crd);
            match self.put(&self.crd_path(), &crd).await {
                // The API server's own controllers write the status all the time.
                Err(conflict) if conflict["code"] == 409 => {}
                answer => return answer,
            }
        }
    }

    /// Says that only these versions are stored.
    pub async fn trim(&self, versions: &[&str]) -> Answer {
        let status = json!({"status": {"storedVersions": versions}});
        self.patch(&format!("{}/status", self.crd_path()), &status).await
    }

    pub fn things(&self, version: &str) -> String {
        format!("/apis/{}/{version}/namespaces/default/things", self.group)
    }

    pub fn thing(&self, version: &str, name: &str) -> String {
        format!("{}/{name}", self.things(version))
    }

    /// Makes a thing through a version.
    pub async fn make(&self, version: &str, name: &str, spec: &Value) -> Answer {
        self.post(&self.things(version), &self.object(version, name, spec)).await
    }

    pub fn object(&self, version: &str, name: &str, spec: &Value) -> Value {
        json!({"apiVersion": format!("{}/{version}", self.group), "kind": "Thing", "metadata": {"name": name}, "spec": spec})
    }

    pub async fn spec(&self, version: &str, name: &str) -> Value {
        self.get(&self.thing(version, name)).await.unwrap()["spec"].clone()
    }

    pub async fn label(&self, version: &str, name: &str, value: &str) -> Answer {
        self.patch(&self.thing(version, name), &json!({"metadata": {"labels": {"written": value}}})).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path), "application/json", None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Request::post(path), "application/json", Some(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Request::put(path), "application/json", Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(Request::patch(path), "application/merge-patch+json", Some(body)).await
    }

    pub async fn apply(&self, version: &str, name: &str, spec: &Value, manager: &str) -> Answer {
        let path = format!("{}?fieldManager={manager}&force=true", self.thing(version, name));
        let body = self.object(version, name, spec);
        self.send(Request::patch(path), "application/apply-patch+yaml", Some(&body)).await
    }

    async fn send(&self, request: http::request::Builder, kind: &str, body: Option<&Value>) -> Answer {
        let body = body.map_or_else(Vec::new, |body| serde_json::to_vec(body).unwrap());
        match self.client.request(request.header("content-type", kind).body(body).unwrap()).await {
            Ok(answer) => Ok(answer),
            Err(Error::Api(status)) => Err(serde_json::to_value(&status).unwrap()),
            Err(error) => panic!("{error}"),
        }
    }
}

pub const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/// A version of a definition with these fields in its spec, each a string unless it says otherwise.
pub fn version(name: &str, storage: bool, fields: &Value) -> Value {
    json!({"name": name, "served": true, "storage": storage, "schema": {"openAPIV3Schema": {"type": "object", "properties": {
        "spec": {"type": "object", "properties": fields}
    }}}})
}

/// An optional string.
pub fn text() -> Value {
    json!({"type": "string"})
}
