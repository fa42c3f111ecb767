//! The fault proxy before a tiny server and before the real one.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use futures::{FutureExt, Stream, StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions, WatchEvent, WatchParams};
use kube::{Api, Client, Config};
use serde_json::json;

use crate::SOON;
use crate::support::proxy::{Fault, Link, Match, Proxy};
use crate::support::{Cluster, Node, eventually};

/// A server that answers any request with an object and any watch with five events, and remembers who called.
struct Tiny {
    proxy: Proxy,
    calls: Arc<Mutex<Vec<String>>>,
    _dir: tempfile::TempDir,
}

impl Tiny {
    async fn behind_proxy() -> Self {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let app = Router::new().fallback(answer).with_state(Arc::clone(&calls));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let dir = tempfile::tempdir().unwrap();
        let proxy = Proxy::start("tiny", Config::new(url.parse().unwrap()), dir.path());
        Self { proxy, calls, _dir: dir }
    }

    fn config_maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.proxy.client(), "acme")
    }

    fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }
}

async fn answer(State(calls): State<Arc<Mutex<Vec<String>>>>, request: Request) -> Response {
    calls.lock().unwrap().push(format!("{} {}", request.method(), request.uri().path()));
    let metadata = json!({"name": "a", "namespace": "acme", "uid": "u-1", "resourceVersion": "7"});
    if !request.uri().query().unwrap_or_default().contains("watch=true") {
        return Response::new(Body::from(json!({"metadata": metadata}).to_string()));
    }
    let event = format!("{}\n", json!({"type": "ADDED", "object": {"metadata": metadata}}));
    // All in one piece, cut in the middle of the third event: the proxy has to find the events itself.
    let five = event.repeat(5);
    let (head, tail) = five.split_at(event.len() * 2 + 9);
    let pieces = [head.to_owned(), tail.to_owned()].map(Ok::<_, std::io::Error>);
    Response::new(Body::from_stream(stream::iter(pieces).chain(stream::pending())))
}

fn config_map(name: &str) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name}})).unwrap()
}

/// A test that waits in vain fails; it does not hang.
async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(SOON, future).await.expect("an answer in time")
}

/// The events a client gets before the watch ends, and whether it ended with an error.
async fn watched(client: Client) -> (usize, Option<u16>, bool) {
    let api: Api<ConfigMap> = Api::namespaced(client, "acme");
    let mut events = api.watch(&WatchParams::default(), "0").await.unwrap().boxed();
    let (mut count, mut code) = (0, None);
    loop {
        match events.try_next().await {
            Ok(Some(WatchEvent::Error(status))) => code = Some(status.code),
            Ok(Some(_)) => count += 1,
            Ok(None) => return (count, code, false),
            Err(_) => return (count, code, true),
        }
    }
}

#[tokio::test]
async fn the_log_says_who_asked_for_what() {
    let tiny = Tiny::behind_proxy().await;
    let api = tiny.config_maps();
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata":
        {"name": "a", "uid": "u-1", "resourceVersion": "6", "annotations": {"leasehold.dev/epoch": "3"}}});
    let object: ConfigMap = serde_json::from_value(object).unwrap();
    api.patch("a", &PatchParams::apply("leasehold/acme"), &Patch::Apply(&object)).await.unwrap();
    api.replace_status("a", &PostParams::default(), &object).await.unwrap();
    let of_uid = Preconditions { uid: Some("u-1".to_owned()), resource_version: None };
    api.delete("a", &DeleteParams { preconditions: Some(of_uid), ..DeleteParams::default() }).await.unwrap();
    api.get("a").await.unwrap();

    let log = tiny.proxy.log();
    let verbs: Vec<&str> = log.iter().map(|request| request.verb.as_str()).collect();
    assert_eq!(verbs, ["apply", "update", "delete", "get"]);
    assert_eq!(tiny.proxy.writes().len(), 3);
    let applied = &log[0];
    assert_eq!((applied.process.as_str(), applied.epoch.as_deref()), ("tiny", Some("3")));
    assert_eq!(
        (applied.resource.as_str(), applied.namespace.as_str(), applied.name.as_str()),
        ("configmaps", "acme", "a")
    );
    assert_eq!((applied.uid.as_deref(), applied.resource_version.as_deref()), (Some("u-1"), Some("6")));
    assert_eq!((applied.code, applied.resource_version_out.as_deref()), (Some(200), Some("7")));
    assert_eq!(applied.field_manager.as_deref(), Some("leasehold/acme"));
    assert_eq!(applied.object()["kind"], "ConfigMap");
    assert_eq!(log[1].subresource, "status");
    assert_eq!((log[2].uid.as_deref(), log[2].epoch.as_deref()), (Some("u-1"), None));
    assert!(log.windows(2).all(|pair| pair[0].seq < pair[1].seq));
}

#[tokio::test]
async fn a_reset_before_is_not_seen_by_the_server_and_one_after_has_taken_effect() {
    let tiny = Tiny::behind_proxy().await;
    let api = tiny.config_maps();
    tiny.proxy.add(Match::verb("update").nth(1).before(Fault::Reset));
    tiny.proxy.add(Match::verb("update").nth(2).after(Fault::Reset));
    assert!(api.replace("a", &PostParams::default(), &config_map("a")).await.is_err());
    assert_eq!(tiny.calls(), [] as [&str; 0]);
    assert!(api.replace("a", &PostParams::default(), &config_map("a")).await.is_err());
    assert_eq!(tiny.calls(), ["PUT /api/v1/namespaces/acme/configmaps/a"]);
    api.replace("a", &PostParams::default(), &config_map("a")).await.unwrap();
    let codes: Vec<_> = tiny.proxy.log().iter().map(|request| request.code).collect();
    assert_eq!(codes, [None, Some(200), Some(200)]);
}

#[tokio::test]
async fn a_status_comes_with_its_retry_after_only_where_the_rule_matches() {
    let tiny = Tiny::behind_proxy().await;
    let fault = Fault::Status { code: 429, retry_after_seconds: Some(7) };
    let rule = tiny.proxy.add(Match::verb("get").resource("configmaps").name("a").first(1).before(fault));
    tiny.config_maps().get("b").await.unwrap();
    let request = http::Request::get("/api/v1/namespaces/acme/configmaps/a").body(kube::client::Body::empty()).unwrap();
    let refused = tiny.proxy.client().send(request).await.unwrap();
    assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].to_str().unwrap()), (429, "7"));
    tiny.config_maps().get("a").await.unwrap();
    assert_eq!(tiny.proxy.matched(rule), 2);
}

#[tokio::test]
async fn a_watch_is_cut_ended_expired_or_muted_after_so_many_events() {
    let tiny = Tiny::behind_proxy().await;
    for (fault, seen) in [
        (Fault::CutWatch { after: 2 }, (2, None, true)),
        (Fault::EndWatch { after: 3 }, (3, None, false)),
        (Fault::ExpireWatch { after: 4 }, (4, Some(410), false)),
        (Fault::ExpireWatch { after: 0 }, (0, Some(410), false)),
    ] {
        let what = format!("{fault:?}");
        let rule = tiny.proxy.add(Match::verb("watch").after(fault));
        assert_eq!(soon(watched(tiny.proxy.client())).await, seen, "{what}");
        tiny.proxy.remove(rule);
    }
    tiny.proxy.add(Match::verb("watch").nth(1).before(Fault::MuteWatch { after: 2 }));
    let api = tiny.config_maps();
    let mut muted = api.watch(&WatchParams::default(), "0").await.unwrap().boxed();
    let mut whole = api.watch(&WatchParams::default(), "0").await.unwrap().boxed();
    assert_eq!(soon(muted.by_ref().take(2).count()).await, 2);
    assert_eq!(soon(whole.by_ref().take(5).count()).await, 5);
    assert!(muted.next().now_or_never().is_none());
}

#[tokio::test]
async fn what_is_delayed_comes_later_and_what_hangs_never() {
    let tiny = Tiny::behind_proxy().await;
    let (api, late) = (tiny.config_maps(), Duration::from_secs(1));
    tiny.proxy.add(Match::verb("get").name("late").before(Fault::Delay(late)));
    tiny.proxy.add(Match::verb("get").name("never").before(Fault::Hang));
    tiny.proxy.add(Match::verb("watch").nth(1).before(Fault::LagWatch(late)));
    let mut lagging = api.watch(&WatchParams::default(), "0").await.unwrap().boxed();
    let mut prompt = api.watch(&WatchParams::default(), "0").await.unwrap().boxed();
    assert_eq!(soon(prompt.by_ref().take(5).count()).await, 5);
    assert!(lagging.next().now_or_never().is_none());
    // A lower bound, which no busy machine can break.
    let delayed = async {
        let began = Instant::now();
        (api.get("late").await.is_ok(), began.elapsed() >= late)
    };
    let slow = async { futures::join!(delayed, lagging.by_ref().take(5).count()) };
    soon(async {
        tokio::select! {
            biased;
            _ = api.get("never") => panic!("it hangs"),
            (delayed, lagged) = slow => assert_eq!((delayed, lagged), ((true, true), 5)),
        }
    })
    .await;
    api.get("now").await.unwrap();
    let gets = tiny.calls().into_iter().filter(|call| !call.ends_with("configmaps")).collect::<Vec<_>>();
    let last = |call: &str| call.rsplit('/').next().unwrap().to_owned();
    assert_eq!(gets.iter().map(|call| last(call)).collect::<Vec<_>>(), ["late", "now"]);
}

#[tokio::test]
async fn what_a_partition_holds_back_arrives_when_it_heals() {
    let tiny = Tiny::behind_proxy().await;
    for (link, calls_meanwhile) in [(Link::RequestsHeld, 0), (Link::AnswersHeld, 2)] {
        tiny.proxy.link(link);
        let asked = tiny.proxy.log().len();
        let api = tiny.config_maps();
        let mut get = Box::pin(async move { api.get("a").await });
        let arrives = eventually("the request is at the proxy", SOON, async || tiny.proxy.log().len() > asked);
        tokio::select! {
            biased;
            _ = &mut get => panic!("no answer can come"),
            () = arrives => {}
        }
        if calls_meanwhile > 0 {
            let calls = eventually("the server is called", SOON, async || tiny.calls().len() >= calls_meanwhile);
            tokio::select! { _ = &mut get => panic!("no answer can come"), () = calls => {} }
        }
        assert_eq!(tiny.calls().len(), calls_meanwhile);
        tiny.proxy.link(Link::Open);
        soon(get).await.unwrap();
    }
}

#[tokio::test]
async fn a_hook_sees_the_request_and_lets_it_go_on() {
    let tiny = Tiny::behind_proxy().await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let held = Arc::clone(&seen);
    tiny.proxy.add(Match::writes().before(Fault::hook(move |request| held.lock().unwrap().push(request.name.clone()))));
    tiny.config_maps().get("a").await.unwrap();
    tiny.config_maps().replace("b", &PostParams::default(), &config_map("b")).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), ["b"]);
}

#[tokio::test]
async fn the_real_server_answers_through_the_proxy_and_a_kill_comes_in_between() {
    let cluster = Cluster::shared(Node::Hollow).await;
    let proxy = cluster.proxy("killed");
    let api: Api<ConfigMap> = Api::default_namespaced(proxy.client());
    let made = api.create(&PostParams::default(), &config_map("through-the-proxy")).await.unwrap();
    assert_eq!(proxy.log()[0].resource_version_out, made.metadata.resource_version);

    let victim = cluster.spawn("victim", {
        let mut command = std::process::Command::new("sleep");
        command.arg("600");
        command
    });
    proxy.attach(&victim);
    proxy.add(Match::writes().nth(1).after(Fault::Kill));
    assert!(api.delete("through-the-proxy", &DeleteParams::default()).await.is_err());
    assert!(victim.status().is_some_and(|status| !status.success()));
    assert!(api.get_opt("through-the-proxy").await.unwrap().is_none());
}

#[tokio::test]
async fn a_watch_of_the_real_server_is_silent_in_a_partition_and_goes_on_afterwards() {
    let cluster = Cluster::shared(Node::Hollow).await;
    cluster.apply_yaml("{apiVersion: v1, kind: Namespace, metadata: {name: watched}}").await;
    let proxy = cluster.proxy("partitioned");
    let direct: Api<ConfigMap> = Api::namespaced(cluster.client(), "watched");
    let (params, through) = (WatchParams::default(), Api::<ConfigMap>::namespaced(proxy.client(), "watched"));
    let version = direct.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    let mut direct_events = direct.watch(&params, &version).await.unwrap().boxed();
    let mut held_events = through.watch(&params, &version).await.unwrap().boxed();
    proxy.link(Link::AnswersHeld);
    for name in ["one", "two"] {
        direct.create(&PostParams::default(), &config_map(name)).await.unwrap();
        while soon(added(&mut direct_events)).await.as_deref() != Some(name) {}
    }
    // Both have long gone the shorter way: nothing but the partition holds the first back.
    assert!(added(&mut held_events).now_or_never().is_none());
    proxy.link(Link::Open);
    while soon(added(&mut held_events)).await.as_deref() != Some("two") {}
}

/// The name in the next event, if that says that something was added.
async fn added(events: &mut (impl Stream<Item = kube::Result<WatchEvent<ConfigMap>>> + Unpin)) -> Option<String> {
    match events.next().await.expect("the watch goes on").expect("the watch goes on") {
        WatchEvent::Added(object) => object.metadata.name,
        _ => None,
    }
}
