//! What is sent when all goes well: exactly this, and nothing else.
use http::header;
use leasehold::election::{Elector, Epoch, Expired, Leadership, Metrics, Outcome};
use serde_json::{Value, json};

use crate::{
    config, free_lease, held_lease, is_standby, leading, release, renew, server::Server, shape, without_stamps,
};

#[tokio::test]
async fn a_whole_life_on_the_wire() {
    let mut server = Server::start().await;
    let elector = Elector::start(server.kube(), config()).await.expect("starts");

    let get = server.expect_get().await;
    assert_eq!((get.query.as_str(), get.bytes.as_str()), ("", ""), "no resourceVersion: the most recent state");
    get.not_found();

    let post = server.expect_post().await;
    assert_eq!(post.headers[header::CONTENT_TYPE], "application/json");
    let nonce = post.body["metadata"]["annotations"]["leasehold.dev/nonce"].clone();
    assert_eq!(
        without_stamps(&post.body),
        json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": "memcached.cache.example.com",
                "namespace": "tenant-acme",
                "annotations": {"leasehold.dev/nonce": nonce},
            },
            "spec": {
                "holderIdentity": "memcached-0_5f1c",
                "leaseDurationSeconds": 15,
                "leaseTransitions": 0,
                "acquireTime": "now",
                "renewTime": "now",
            },
        })
    );
    let created = post.store("7");

    let term = elector.lead().await.expect("wins");
    assert_eq!(term.epoch(), Some(&Epoch { uid: "5f1c7a2e-0000-4000-8000-000000000001".into(), transitions: 0 }));
    assert_eq!(term.acquired_at_resource_version(), "7");

    let renewal = server.expect_put().await;
    let mut expected = created.clone();
    expected["spec"]["renewTime"] = renewal.body["spec"]["renewTime"].clone();
    assert_eq!(renewal.body, expected, "the stored Lease, uid and resourceVersion included, with a new renewTime");
    assert_eq!(shape(&renewal.body["spec"]["renewTime"]), "0000-00-00T00:00:00.000000Z");
    let renewed = renewal.store("8");

    let (outcome, ()) = tokio::join!(elector.shutdown(), async {
        let put = release(&mut server).await;
        let mut expected = without_stamps(&renewed);
        expected["metadata"]["resourceVersion"] = put.body["metadata"]["resourceVersion"].clone();
        expected["spec"]["holderIdentity"] = json!("");
        expected["spec"]["leaseDurationSeconds"] = json!(1);
        assert_eq!(without_stamps(&put.body), expected);
        assert_eq!(put.body["spec"]["acquireTime"], put.body["spec"]["renewTime"]);
        put.store("99");
    });
    assert_eq!(outcome, Outcome::Released);
    assert_eq!(term.check(), Err(Expired::Cancelled));
}

#[tokio::test]
async fn taking_a_free_lease_keeps_everything_that_is_not_ours() {
    let mut server = Server::start().await;
    let elector = Elector::start(server.kube(), config()).await.expect("starts");
    server.expect_get().await.with(http::StatusCode::OK, &free_lease());
    let put = server.expect_put().await;
    let mut expected = without_stamps(&free_lease());
    expected["spec"]["holderIdentity"] = json!("memcached-0_5f1c");
    expected["spec"]["leaseDurationSeconds"] = json!(15);
    expected["spec"]["leaseTransitions"] = json!(42);
    expected["metadata"]["annotations"]["leasehold.dev/nonce"] =
        put.body["metadata"]["annotations"]["leasehold.dev/nonce"].clone();
    assert_eq!(without_stamps(&put.body), expected);
    assert_eq!(put.body["metadata"]["uid"], free_lease()["metadata"]["uid"]);
    assert_eq!(put.body["metadata"]["resourceVersion"], "1000");
    put.store("1001");
    assert_eq!(elector.lead().await.expect("wins").epoch().map(|e| e.transitions), Some(42));
}

#[tokio::test]
async fn the_watch_asks_for_this_lease_only() {
    let mut server = Server::start().await;
    let _elector = Elector::start(server.kube(), config()).await.expect("starts");
    let watch = server.next_watch().await;
    assert!(watch.query.contains("fieldSelector=metadata.name%3Dmemcached.cache.example.com"), "{}", watch.query);
    assert!(watch.query.contains("resourceVersion=0"), "{}", watch.query);
    assert!(watch.query.contains("timeoutSeconds=240"), "{}", watch.query);
}

#[tokio::test]
async fn renewals_have_no_get_on_the_fast_path() {
    let mut server = Server::start().await;
    let (elector, term, _watch, _) = leading(&mut server, config()).await;
    // `renew` fails on anything that is not a PUT.
    renew(&mut server, 8, &mut 1).await;
    assert_eq!(term.check(), Ok(()));
    drop(elector);
}

#[tokio::test]
async fn a_freed_lease_seen_by_the_watch_is_taken_without_a_get() {
    let mut server = Server::start().await;
    let mut slow = config();
    // No poll comes to help: P is ten seconds.
    let s = std::time::Duration::from_secs;
    slow.timings = leasehold::election::Timings::new(s(60), s(40), s(10)).expect("valid");
    let elector = Elector::start(server.kube(), slow).await.expect("starts");
    server.expect_get().await.with(http::StatusCode::OK, &held_lease("other"));
    let watch = server.expect_watch().await;
    let mut standing = elector.subscribe();
    standing.wait_for(|l| is_standby(l, "other")).await.expect("stands by");
    let mut freed = free_lease();
    freed["metadata"]["resourceVersion"] = json!("1001");
    watch.send("MODIFIED", &freed);
    let put = server.expect_put().await;
    assert_eq!(put.body["metadata"]["resourceVersion"], "1001");
    put.store("1002");
    elector.lead().await.expect("wins");
}

#[tokio::test]
async fn each_change_of_hands_leaves_an_event_on_the_lease() {
    let mut server = Server::start().await;
    let (elector, _term, _watch, _) = leading(&mut server, config()).await;
    let became = server.expect_event().await;
    let body = became.body.clone();
    became.with(http::StatusCode::CREATED, &body);
    assert_eq!(body["reason"], "LeaderElection");
    assert_eq!(body["note"], "memcached-0_5f1c became leader");
    assert_eq!(body["type"], "Normal");
    assert_eq!(body["regarding"]["kind"], "Lease");
    assert_eq!(body["regarding"]["name"], "memcached.cache.example.com");
    assert_eq!(body["regarding"]["uid"], "5f1c7a2e-0000-4000-8000-000000000001");
    assert_eq!(body["reportingInstance"], "memcached-0_5f1c");
    assert_eq!(shape(&body["eventTime"]), "0000-00-00T00:00:00.000000Z");

    let (outcome, stopped) = tokio::join!(elector.shutdown(), async {
        release(&mut server).await.store("9");
        server.expect_event().await
    });
    assert_eq!(outcome, Outcome::Released);
    assert_eq!(stopped.body["note"], "memcached-0_5f1c stopped leading");
}

#[tokio::test]
async fn an_event_that_hangs_delays_nothing() {
    let mut server = Server::start().await;
    let (elector, term, _watch, _) = leading(&mut server, config()).await;
    let hung = server.expect_event().await;
    renew(&mut server, 3, &mut 1).await;
    assert_eq!(term.check(), Ok(()));
    let (outcome, ()) = tokio::join!(elector.shutdown(), async { drop(release(&mut server).await.store("9")) });
    assert_eq!(outcome, Outcome::Released);
    drop(hung);
}

#[tokio::test]
async fn the_metrics_say_who_leads_since_when_and_how_long() {
    let mut registry = prometheus_client::registry::Registry::default();
    let metrics = Metrics::register(&mut registry);
    let scrape = |registry: &prometheus_client::registry::Registry| {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, registry).expect("encodes");
        text
    };
    let mut server = Server::start().await;
    let mut config = config();
    config.metrics = Some(metrics);
    let (elector, term, watch, stored) = leading(&mut server, config).await;
    let name = "{name=\"memcached.cache.example.com\"}";
    // The watch shows what was renewed, or it would be taken for dead.
    for version in 1..3 {
        watch.send("MODIFIED", &renew(&mut server, 1, &mut { version }).await);
    }
    let put = server.expect_put().await;
    let text = scrape(&registry);
    assert!(text.contains(&format!("leader_election_master_status{name} 1")), "{text}");
    assert!(text.contains(&format!("leader_election_renew_duration_seconds_count{name} 2")), "{text}");
    let validity = text.lines().find(|l| l.starts_with("leader_election_validity_seconds{")).expect("there");
    let left: f64 = validity.rsplit(' ').next().and_then(|v| v.parse().ok()).expect("a number");
    assert!(left > 0.0 && left <= 9.0, "{validity}");

    let mut stolen: Value = stored;
    stolen["spec"]["holderIdentity"] = json!("thief");
    stolen["metadata"]["resourceVersion"] = json!("50");
    watch.send("MODIFIED", &stolen);
    term.cancelled().await;
    elector.ended().await;
    drop(put);
    let text = scrape(&registry);
    assert!(text.contains(&format!("leader_election_master_status{name} 0")), "{text}");
    assert!(
        text.contains("leader_election_losses_total{name=\"memcached.cache.example.com\",reason=\"foreign_holder\"} 1"),
        "{text}"
    );
    assert!(!text.contains("leader_election_validity_seconds{"), "no term, no validity: {text}");
}

#[tokio::test]
async fn the_leadership_is_told_as_it_changes() {
    let mut server = Server::start().await;
    let elector = Elector::start(server.kube(), config()).await.expect("starts");
    let mut leadership = elector.subscribe();
    server.expect_get().await.with(http::StatusCode::OK, &held_lease("other"));
    let watch = server.expect_watch().await;
    let standing = leadership.wait_for(|l| is_standby(l, "other")).await.expect("stands by").clone();
    assert!(matches!(standing, Leadership::Standby { transitions: 41, trouble: None, .. }));
    let mut freed = free_lease();
    freed["metadata"]["resourceVersion"] = json!("2000");
    watch.send("MODIFIED", &freed);
    let put = loop {
        let exchange = server.next().await;
        if exchange.method == http::Method::PUT {
            break exchange;
        }
        exchange.with(http::StatusCode::OK, &held_lease("other"));
    };
    put.store("2001");
    leadership.wait_for(|l| matches!(l, Leadership::Leading { .. })).await.expect("leads");
    let (outcome, ()) = tokio::join!(elector.shutdown(), async { drop(release(&mut server).await.store("9999")) });
    let ended = leadership.wait_for(|l| matches!(l, Leadership::Ended { .. })).await.expect("ended").clone();
    assert!(matches!(ended, Leadership::Ended { reason } if reason == outcome));
    assert!(elector.lead().await.is_err());
}
