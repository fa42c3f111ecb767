//! Servers that are no Prometheus, or none that is well: each is an answer that tells nothing.
use std::net::SocketAddr;

use leasehold::{
    api::Decimal,
    domain::analysis::{Outcome, Reply},
    observe::Prometheus,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

const GOOD: &str = r#"{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}"#;

/// Gives every request the same answer, and hands back what was asked.
async fn server(head: &'static str, body: Vec<u8>) -> (SocketAddr, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (told, requests) = tokio::sync::mpsc::unbounded_channel();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 8192];
            let read = stream.read(&mut request).await.unwrap_or(0);
            let _ = told.send(String::from_utf8_lossy(&request[..read]).into_owned());
            let head = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.write_all(&body).await;
        }
    });
    (address, requests)
}

async fn ask(address: &str, query: &str) -> Reply {
    let max: Decimal = "1".to_owned().try_into().unwrap();
    Prometheus::new().expect("certificates of this machine").ask(address, query, None, Some(&max)).await
}

async fn says(head: &'static str, body: Vec<u8>, words: &str) {
    let (address, _requests) = server(head, body).await;
    let reply = ask(&format!("http://{address}"), "up").await;
    assert_eq!(reply.outcome, Outcome::Inconclusive, "{head}");
    assert!(reply.message.contains(words), "{head}: {}", reply.message);
}

#[tokio::test]
async fn only_a_good_reply_is_told_from() {
    let (address, mut requests) = server("200 OK", GOOD.into()).await;
    let reply = ask(&format!("http://{address}/prefix/"), r#"up{a="b"} & c"#).await;
    assert_eq!(reply.outcome, Outcome::Passed, "{}", reply.message);
    let request = requests.recv().await.unwrap();
    let line = "GET /prefix/api/v1/query?query=up%7Ba%3D%22b%22%7D%20%26%20c HTTP/1.1";
    assert!(request.starts_with(line), "{request}");
    assert!(
        !request.to_lowercase().contains("authorization") && !request.to_lowercase().contains("cookie"),
        "{request}"
    );
    says("503 Service Unavailable", b"later".to_vec(), "answers 503").await;
    says("401 Unauthorized", Vec::new(), "answers 401").await;
    says("200 OK", b"<html>".to_vec(), "none of a Prometheus").await;
    let refused = br#"{"status":"error","errorType":"bad_data","error":"parse error"}"#;
    says("400 Bad Request", refused.to_vec(), "parse error").await;
}

#[tokio::test]
async fn a_redirect_leads_nowhere() {
    let (elsewhere, mut asked) = server("200 OK", GOOD.into()).await;
    let head: &'static str = format!("302 Found\r\nlocation: http://{elsewhere}/").leak();
    says(head, Vec::new(), "answers 302").await;
    assert!(asked.try_recv().is_err(), "nobody went there");
}

#[tokio::test]
async fn a_reply_without_end_is_not_read() {
    let mut endless = GOOD.as_bytes().to_vec();
    endless.resize(2 << 20, b' ');
    says("200 OK", endless, "cannot be read").await;
}

#[tokio::test]
async fn nobody_there_is_no_answer() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let reply = ask(&format!("http://{free}"), "up").await;
    assert_eq!(reply.outcome, Outcome::Inconclusive);
    assert!(reply.message.contains(&free.to_string()), "{}", reply.message);
    let (address, _requests) = server("200 OK", GOOD.into()).await;
    let reply = ask(&format!("https://{address}"), "up").await;
    assert_eq!(reply.outcome, Outcome::Inconclusive, "no TLS there: {}", reply.message);
}
