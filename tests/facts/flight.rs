//! A write that is under way while the storage version changes: fact 8.

use std::convert::Infallible;

use futures::channel::mpsc::{UnboundedReceiver, unbounded};
use http::{Request, StatusCode};
use http_body_util::StreamBody;
use hyper::body::{Bytes, Frame};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use kube::client::ConfigExt;
use serde_json::{Value, json};

use crate::api::{SOON, Things, text, version};
use crate::support::eventually;

type Chunks = UnboundedReceiver<Result<Frame<Bytes>, Infallible>>;

#[allow(clippy::unnecessary_wraps, reason = "what a body is made of")]
fn chunk(text: &str) -> Result<Frame<Bytes>, Infallible> {
    Ok(Frame::data(Bytes::copy_from_slice(text.as_bytes())))
}

/// Fact 8. After a flip of the storage version writes still land in the old one, long after the API server was seen to use
/// the new one: a request uses what was true when it came in, and this one comes in before the flip and ends after it.
/// A field that only the new storage version has is lost although it was written through that version.
///
/// Not shown: the seconds in which also new requests do so with several API servers (kubernetes/kubernetes#130235); with one
/// it is less than the time of an answer, or nothing. Both are why the soak is 60 s (no request takes longer) and the
/// sweep is run twice.
#[tokio::test]
async fn fact_8_a_write_after_a_flip_lands_in_the_old_version() {
    let things = Things::of("flip").await;
    let (narrow, wide) = (json!({"a": text()}), json!({"a": text(), "b": text()}));
    let versions = |flipped: bool| json!([version("v1", !flipped, &narrow), version("v2", flipped, &wide)]);
    things.define(versions(false).as_array().unwrap()).await;
    let served = async || things.get(&things.things("v2")).await.is_ok();
    eventually("v2 is served", SOON, served).await;

    let config = things.cluster.config();
    let kubeconfig = std::fs::read_to_string(things.cluster.kubeconfig()).unwrap();
    let kubeconfig: Value = serde_saphyr::from_str(&kubeconfig).unwrap();
    let token = kubeconfig["users"][0]["user"]["token"].as_str().map(|token| format!("Bearer {token}"));
    let client = Client::builder(TokioExecutor::new()).build(config.rustls_https_connector().unwrap());
    let address = format!("{}{}", config.cluster_url.to_string().trim_end_matches('/'), things.things("v2"));
    let write = |chunks: Chunks| {
        let request = Request::post(&address).header("content-type", "application/json");
        let request = token.iter().fold(request, |request, token| request.header("authorization", token));
        client.request(request.body(StreamBody::new(chunks)).unwrap())
    };
    let body = |name| things.object("v2", name, &json!({"a": "x", "b": "y"})).to_string();
    // The connection is there, so that the next request's head is sent at once.
    let (sender, chunks) = unbounded();
    sender.unbounded_send(chunk(&body("before"))).unwrap();
    drop(sender);
    assert_eq!(write(chunks).await.unwrap().status(), StatusCode::CREATED);
    assert_eq!(things.spec("v2", "before").await, json!({"a": "x"}), "stored at v1, which has no b");

    let (sender, chunks) = unbounded();
    sender.unbounded_send(chunk(" ")).unwrap();
    let late = tokio::spawn(write(chunks));
    // The head is on its way before this is asked, and is there when it is answered.
    eventually("the API server answers", SOON, served).await;
    things.redefine(|crd| crd["spec"]["versions"] = versions(true)).await.unwrap();
    let seen = async || {
        let name = format!("new-{}", uuid::Uuid::new_v4());
        things.make("v2", &name, &json!({"a": "x", "b": "y"})).await.unwrap();
        things.spec("v2", &name).await["b"] == "y"
    };
    eventually("new writes land in the new version", SOON, seen).await;

    sender.unbounded_send(chunk(&body("late"))).unwrap();
    drop(sender);
    assert_eq!(late.await.unwrap().unwrap().status(), StatusCode::CREATED);
    assert_eq!(things.spec("v2", "late").await, json!({"a": "x"}), "the late write landed in the old version");
}
