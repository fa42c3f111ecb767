//! A page whose list's snapshot is gone: etcd is compacted behind the API server's back, and the token is made older than what its
//! cache still knows.

use std::fs;

use kube::api::ListParams;
use kube::{Client, Config};
use leasehold::act::Pace;
use leasehold::plan::crds::step::What;
use serde_json::{Value, json};

use crate::scene::{SOON, Scene, fine};
use crate::support::eventually;

/// The base64 alphabet of URLs (RFC 4648, section 5), in which the API server writes its tokens.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Where this cluster's etcd listens, off its command line. None on another's cluster, or without `/proc`.
fn etcd(scene: &Scene) -> Option<String> {
    let data = format!("-data-dir={}", scene.cluster.dir().join("etcd").display());
    fs::read_dir("/proc").ok()?.flatten().find_map(|process| {
        let line = fs::read_to_string(process.path().join("cmdline")).ok()?;
        let arguments: Vec<&str> = line.split('\0').collect();
        let url = arguments.iter().find_map(|argument| argument.strip_prefix("-client-url="))?;
        arguments.contains(&&*data).then(|| url.to_owned())
    })
}

async fn compact(etcd: &str, revision: &str) {
    let client = Client::try_from(Config::new(etcd.parse().unwrap())).unwrap();
    let body = json!({"revision": revision, "physical": true}).to_string().into_bytes();
    let request = http::Request::post("/v3/kv/compaction").header("content-type", "application/json").body(body);
    client.request_text(request.unwrap()).await.unwrap();
}

fn decode(token: &str) -> Vec<u8> {
    let digit = |byte: u8| ALPHABET.iter().position(|letter| *letter == byte).unwrap();
    let mut bytes = Vec::new();
    for chunk in token.trim_end_matches('=').as_bytes().chunks(4) {
        let bits = chunk.iter().fold(0, |bits, byte| (bits << 6) | digit(*byte)) << (6 * (4 - chunk.len()));
        bytes.extend((0..chunk.len() - 1).map(|n| u8::try_from((bits >> (16 - 8 * n)) & 255).unwrap()));
    }
    bytes
}

fn encode(bytes: &[u8]) -> String {
    let mut token = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_usize, |bits, byte| (bits << 8) | usize::from(*byte)) << (8 * (3 - chunk.len()));
        token.extend((0..=chunk.len()).map(|n| char::from(ALPHABET[(bits >> (18 - 6 * n)) & 63])));
    }
    token
}

/// The same place in the list, in a snapshot of the cluster's first moments.
fn aged(token: &str) -> String {
    let mut place: Value = serde_json::from_slice(&decode(token)).unwrap();
    assert!(place["rv"].as_i64().unwrap() > 2 && place["start"].is_string(), "{place}");
    place["rv"] = json!(2);
    encode(place.to_string().as_bytes())
}

#[tokio::test]
async fn a_token_that_expired_goes_on_from_where_it_was() {
    let scene = Scene::begin("expired").await;
    scene.fill(20).await;
    let Some(etcd) = etcd(&scene) else {
        eprintln!("no etcd here that could be compacted: not shown");
        return;
    };
    let first = scene.pages(&scene.writer(), What::Rewrite, 8).await.remove(0);
    let now = scene.all("v2").list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    compact(&etcd, &now).await;
    let mut work = scene.work(What::Rewrite, 8);
    work.continue_ = Some(aged(&first.continue_.unwrap()));
    let page = eventually("the snapshot is gone", SOON, async || {
        let page = scene.writer().page(&scene.term, &work, Pace::default(), fine).await.unwrap();
        page.restarted.then_some(page)
    })
    .await;
    assert_eq!((page.seen, page.done), (8, 8), "the second page, and not the first again");
    work.continue_ = page.continue_;
    let last = scene.writer().page(&scene.term, &work, Pace::default(), fine).await.unwrap();
    assert_eq!((last.seen, last.continue_, last.restarted), (4, None, false));
}
