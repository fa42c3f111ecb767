//! A tenant's objects, however large the tenant makes them: what is too much is refused before it is read or parsed.
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use kube::{Client, Config};
use leasehold::{
    api::CustomResources,
    domain::listing::{Budget, REPLY},
    observe::documents::Documents,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
};

fn page(items: &[Value], more: &str) -> Vec<u8> {
    serde_json::to_vec(&json!({"kind": "MemcachedList", "metadata": {"continue": more}, "items": items})).unwrap()
}

/// An API server with one kind of custom resources, without end: each page has as many of these as are asked for. Counts pages.
async fn endless(item: Value, left: usize) -> (Client, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let pages = Arc::new(AtomicUsize::new(0));
    let counted = pages.clone();
    tokio::spawn(async move {
        let mut left = left;
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            let (mut line, mut rest) = (String::new(), String::new());
            stream.read_line(&mut line).await.unwrap();
            while stream.read_line(&mut rest).await.is_ok_and(|n| n > 2) {}
            let limit = line.split("limit=").nth(1).and_then(|rest| rest.split(['&', ' ']).next()?.parse().ok());
            let body = if line.contains("/memcacheds") {
                counted.fetch_add(1, Ordering::SeqCst);
                let n = limit.unwrap_or(usize::MAX).min(left);
                left -= n;
                page(&vec![item.clone(); n], if left > 0 { "more" } else { "" })
            } else {
                let resource = json!({"name": "memcacheds", "singularName": "", "namespaced": true, "kind": "Memcached", "verbs": ["list"]});
                let list =
                    json!({"kind": "APIResourceList", "groupVersion": "cache.example.com/v1", "resources": [resource]});
                serde_json::to_vec(&list).unwrap()
            };
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.write_all(&body).await;
            let _ = stream.shutdown().await;
        }
    });
    (Client::try_from(Config::new(format!("http://{address}").parse().unwrap())).unwrap(), pages)
}

async fn read(client: Client) -> Result<Value, String> {
    let wanted = [CustomResources { api_version: "cache.example.com/v1".into(), kind: "Memcached".into() }];
    Documents::new(client).resources("tenant-a", &wanted).await
}

/// Two hundred of 1.5 MB each: once they filled the memory of one leader after the other.
#[tokio::test]
async fn objects_as_large_as_there_are_stop_at_the_first_page() {
    let (client, pages) = endless(json!({"spec": {"of": "x".repeat(1_500_000)}}), 200).await;
    let why = read(client).await.map(|_| ()).unwrap_err();
    assert!(why.contains("Memcached of cache.example.com/v1: there is too much to look at"), "{why}");
    assert_eq!(pages.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn objects_of_some_size_stop_where_they_come_to_four_megabytes() {
    let (client, pages) = endless(json!({"spec": {"of": "x".repeat(150_000)}}), 200).await;
    let why = read(client).await.map(|_| ()).unwrap_err();
    assert!(why.contains("too much to look at"), "{why}");
    assert_eq!(pages.load(Ordering::SeqCst), 3, "1.5 MB a page");
}

#[tokio::test]
async fn two_hundred_of_ordinary_size_are_read_whole_in_pages_and_one_more_is_refused() {
    let managed = json!([{"manager": "kubectl", "fieldsV1": {"f:spec": {"f:size": {}}}}]);
    let item = json!({"metadata": {"name": "c", "managedFields": managed}, "spec": {"size": 3}});
    let (client, pages) = endless(item.clone(), 200).await;
    let all = read(client).await.unwrap();
    let wanted = json!({"apiVersion": "cache.example.com/v1", "kind": "Memcached", "metadata": {"name": "c"}, "spec": {"size": 3}});
    assert!(all.as_array().unwrap().len() == 200 && all.as_array().unwrap().iter().all(|one| *one == wanted));
    assert_eq!(pages.load(Ordering::SeqCst), 20);
    let (client, _) = endless(item, 201).await;
    assert!(read(client).await.map(|_| ()).unwrap_err().contains("more than 200 objects"));
}

/// What nobody looks at is read and parsed like the rest.
#[tokio::test]
async fn a_reply_is_bounded_also_where_little_of_it_is_kept() {
    let managed = json!([{"manager": "x".repeat(1_000_000)}]);
    let item = json!({"metadata": {"name": "c", "managedFields": managed}});
    let (client, _) = endless(item.clone(), 5).await;
    assert_eq!(read(client).await.unwrap().as_array().unwrap().len(), 5);
    let (client, pages) = endless(item, 10).await;
    assert!(read(client).await.map(|_| ()).unwrap_err().contains("too much to look at"));
    assert_eq!(pages.load(Ordering::SeqCst), 1);
}

/// Eight bytes of text that take seven hundred once they are parsed.
#[test]
fn what_is_small_as_text_and_large_in_memory_is_not_parsed() {
    let many = |n: usize| page(&[json!({"spec": vec![json!({"": 0}); n]})], "");
    assert!(many(400_000).len() < 4 << 20);
    let why = Budget::default().page(&many(400_000)).map(|_| ()).unwrap_err();
    assert!(why.contains("too much to look at"), "{why}");
    assert_eq!(Budget::default().page(&many(4000)).unwrap().0.len(), 1);
    // Brackets in a text are text.
    let text = page(&[json!({"spec": "{[,\"\\".repeat(200_000)})], "");
    assert!(Budget::default().page(&text).is_ok());
}

#[test]
fn a_budget_is_of_all_that_is_read_together() {
    let mut budget = Budget::default();
    let one = serde_json::to_vec(&json!({"spec": "x".repeat(1_500_000)})).unwrap();
    assert!(one.len() < REPLY && budget.object(&one).is_ok() && budget.object(&one).is_ok());
    assert!(budget.object(&one).map(|_| ()).unwrap_err().contains("too much"), "the third is beyond 4 MiB");
    assert!(Budget::default().page(b"{}").unwrap_err().contains("no list"));
    assert!(Budget::default().object(b"<html>").unwrap_err().contains("no JSON"));
}
