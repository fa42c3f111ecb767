//! What is sent when it does not go well.
use http::StatusCode;
use leasehold::election::{Elector, Expired, Leadership, Outcome, Reason};
use serde_json::json;

use crate::{
    config, free_lease, held_lease, is_standby, leading, release, renew,
    server::{Server, status},
};

#[tokio::test]
async fn a_conflict_falls_back_to_get_and_goes_on() {
    let mut server = Server::start().await;
    let (_elector, term, _watch, mut stored) = leading(&mut server, config()).await;
    server.expect_put().await.conflict();
    stored["metadata"]["resourceVersion"] = json!("5");
    stored["metadata"]["labels"] = json!({"somebody": "was-here"});
    server.expect_get().await.with(StatusCode::OK, &stored);
    let put = server.expect_put().await;
    assert_eq!(put.body["metadata"]["resourceVersion"], "5");
    assert_eq!(put.body["metadata"]["labels"]["somebody"], "was-here");
    put.store("6");
    renew(&mut server, 1, &mut 6).await;
    assert_eq!(term.check(), Ok(()));
}

#[tokio::test]
async fn n04_a_foreign_holder_in_the_read_after_a_conflict_ends_the_term_with_no_further_request() {
    let mut server = Server::start().await;
    let (elector, term, _watch, mut stored) = leading(&mut server, config()).await;
    server.expect_put().await.conflict();
    stored["spec"]["holderIdentity"] = json!("thief");
    stored["metadata"]["resourceVersion"] = json!("5");
    server.expect_get().await.with(StatusCode::OK, &stored);
    term.cancelled().await;
    assert_eq!(term.check(), Err(Expired::Cancelled));
    assert_eq!(elector.shutdown().await, Outcome::Lost(Reason::ForeignHolder));
    assert!(server.waiting().is_none(), "a lost term is not released");
}

#[tokio::test]
async fn n04_a_foreign_holder_in_the_watch_ends_the_term() {
    let mut server = Server::start().await;
    let (elector, term, watch, mut stored) = leading(&mut server, config()).await;
    stored["spec"]["holderIdentity"] = json!("thief");
    stored["metadata"]["resourceVersion"] = json!("5000");
    watch.send("MODIFIED", &stored);
    term.cancelled().await;
    assert_eq!(elector.ended().await, Outcome::Lost(Reason::ForeignHolder));
}

#[tokio::test]
async fn n15_a_deletion_in_the_watch_ends_the_term() {
    let mut server = Server::start().await;
    let (elector, _term, watch, mut stored) = leading(&mut server, config()).await;
    stored["metadata"]["resourceVersion"] = json!("5000");
    watch.send("DELETED", &stored);
    assert_eq!(elector.ended().await, Outcome::Lost(Reason::Deleted));
}

#[tokio::test]
async fn n26_n27_overload_answers_are_neither_retried_by_the_client_nor_waited_out() {
    let mut server = Server::start().await;
    let (_elector, term, _watch, _) = leading(&mut server, config()).await;
    for (code, reason) in [(429, "TooManyRequests"), (503, "ServiceUnavailable"), (504, "Timeout")] {
        let body = status(code, reason, "try again in a minute");
        let code = StatusCode::from_u16(code).expect("a status");
        // Waiting as told would outlive the term of 9 s; a client that retries by itself would send the same stamp.
        let put = server.expect_put().await;
        let stamp = put.body["spec"]["renewTime"].clone();
        put.with_header(code, "retry-after", "60", &body);
        let next = server.expect_put().await;
        assert_ne!(next.body["spec"]["renewTime"], stamp, "a new attempt of the elector, not a repetition");
        next.with_header(code, "retry-after", "60", &body);
    }
    let put = server.next().await;
    put.store("50");
    renew(&mut server, 1, &mut 50).await;
    assert_eq!(term.check(), Ok(()));
}

#[tokio::test]
async fn n25_a_hung_renewal_is_given_up_and_the_next_one_saves_the_term() {
    let mut server = Server::start().await;
    let (_elector, term, _watch, _) = leading(&mut server, config()).await;
    server.expect_put().await.given_up().await;
    renew(&mut server, 2, &mut 1).await;
    assert_eq!(term.check(), Ok(()));
}

#[tokio::test]
async fn n07_an_acquisition_whose_answer_is_lost_is_recognised_by_its_nonce() {
    let mut server = Server::start().await;
    let elector = Elector::start(server.kube(), config()).await.expect("starts");
    server.expect_get().await.not_found();
    let post = server.expect_post().await;
    let mut stored = post.body.clone();
    stored["metadata"]["uid"] = json!("u");
    stored["metadata"]["resourceVersion"] = json!("3");
    drop(post); // stored, then the connection broke
    server.expect_get().await.with(StatusCode::OK, &stored);
    let term = elector.lead().await.expect("recognises its own Lease");
    assert_eq!(term.epoch().map(|e| e.transitions), Some(0));
    assert_eq!(server.expect_put().await.body["metadata"]["resourceVersion"], "3", "the renewal follows");
}

#[tokio::test]
async fn n09_a_release_whose_answer_is_lost_is_recognised() {
    let mut server = Server::start().await;
    let (elector, _term, _watch, _) = leading(&mut server, config()).await;
    let (outcome, ()) = tokio::join!(elector.shutdown(), async {
        let put = release(&mut server).await;
        let mut stored = put.body.clone();
        stored["metadata"]["resourceVersion"] = json!("77");
        drop(put);
        server.expect_get().await.with(StatusCode::OK, &stored);
    });
    assert_eq!(outcome, Outcome::Released);
}

#[tokio::test]
async fn n42_a_missing_right_is_reported_by_verb_and_object() {
    let mut server = Server::start().await;
    let elector = Elector::start(server.kube(), config()).await.expect("starts");
    let mut leadership = elector.subscribe();
    server.expect_get().await.not_found();
    server.expect_post().await.fail(403, "Forbidden", "User \"sa\" cannot create resource \"leases\"");
    let troubled = leadership.wait_for(|l| matches!(l, Leadership::Standby { trouble: Some(_), .. })).await;
    let text = format!("{:?}", *troubled.expect("still there"));
    assert!(text.contains("create of lease tenant-acme/memcached.cache.example.com is forbidden"), "{text}");
    // Given back, it is used; a read may come in between.
    loop {
        let exchange = server.next().await;
        if exchange.method == http::Method::POST {
            break drop(exchange.store("1"));
        }
        exchange.not_found();
    }
    elector.lead().await.expect("wins");
}

#[tokio::test]
async fn n24_a_watch_that_ends_again_and_again_is_not_reopened_in_a_hurry() {
    let mut server = Server::start().await;
    let (_elector, term, watch, _) = leading(&mut server, config()).await;
    drop(watch);
    // Twelve renewals are 2.4 s: pauses of 0.1, 0.2, 0.4, … leave room for five watches.
    let ended = server.end_watches_during(12, &mut 1).await;
    assert!(ended <= 6, "{ended} watches");
    assert_eq!(term.check(), Ok(()));
}

#[tokio::test]
async fn n23_a_watch_that_says_nothing_while_the_lease_changes_is_replaced() {
    let mut server = Server::start().await;
    let elector = Elector::start(server.kube(), config()).await.expect("starts");
    server.expect_get().await.with(StatusCode::OK, &held_lease("other"));
    let silent = server.expect_watch().await;
    let mut leadership = elector.subscribe();
    leadership.wait_for(|l| is_standby(l, "other")).await.expect("stands by");
    for version in 1001..1004 {
        let mut lease = held_lease("other");
        lease["metadata"]["resourceVersion"] = json!(version.to_string());
        server.expect_get().await.with(StatusCode::OK, &lease);
    }
    silent.dropped().await;
}

#[tokio::test]
async fn n23_a_watch_that_is_too_old_starts_over() {
    let mut server = Server::start().await;
    let elector = Elector::start(server.kube(), config()).await.expect("starts");
    server.expect_get().await.with(StatusCode::OK, &held_lease("other"));
    server.expect_watch().await.send("ERROR", &status(410, "Expired", "too old resource version"));
    let again = server.watch_while_reading(&held_lease("other")).await;
    let mut freed = free_lease();
    freed["metadata"]["resourceVersion"] = json!("2000");
    again.send("MODIFIED", &freed);
    loop {
        let exchange = server.next().await;
        if exchange.method == http::Method::PUT {
            break drop(exchange.store("2001"));
        }
        exchange.with(StatusCode::OK, &held_lease("other"));
    }
    elector.lead().await.expect("wins");
}

#[tokio::test]
async fn n28_a_saturated_work_client_does_not_hold_up_renewals() {
    let mut server = Server::start().await;
    let (_elector, term, _watch, _) = leading(&mut server, config()).await;
    let work = kube::Client::try_from(server.kube()).expect("a client");
    let mut hanging = tokio::task::JoinSet::new();
    for i in 0..50 {
        let work = work.clone();
        let pods = kube::Api::<k8s_openapi::api::core::v1::Pod>::namespaced(work, "tenant-acme");
        hanging.spawn(async move { pods.get(&format!("pod-{i}")).await.map(drop) });
    }
    let (mut hung, mut renewed, mut version) = (Vec::new(), 0, 1);
    while hung.len() < 50 || renewed < 3 {
        let exchange = server.next().await;
        if exchange.method == http::Method::PUT {
            version += 1;
            renewed += 1;
            exchange.store(&version.to_string());
        } else {
            hung.push(exchange);
        }
    }
    renew(&mut server, 2, &mut version).await;
    assert_eq!(term.check(), Ok(()));
}
