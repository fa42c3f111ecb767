//! In: what an answer is to be. Out: an HTTP response with a body that hyper can send. Never: decides which.

use std::convert::Infallible;

use futures::Stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::Response;
use hyper::body::{Bytes, Frame};
use serde_json::json;

/// The connection is to end without (the rest of) an answer.
#[derive(Debug, thiserror::Error)]
#[error("the proxy broke the connection")]
pub(super) struct Broken;

pub(super) type Body = UnsyncBoxBody<Bytes, Broken>;

pub(super) fn whole(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never: Infallible| match never {}).boxed_unsync()
}

pub(super) fn streamed(events: impl Stream<Item = Result<Bytes, Broken>> + Send + 'static) -> Body {
    use futures::TryStreamExt;
    StreamBody::new(events.map_ok(Frame::data)).boxed_unsync()
}

/// A `Status` as the API server words one.
pub(super) fn status(code: u16, retry_after_seconds: Option<u32>) -> Response<Body> {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code,
        "reason": reason(code), "message": format!("the fault proxy answers {code}"),
        "details": {"retryAfterSeconds": retry_after_seconds.unwrap_or(0)},
    });
    let mut response = Response::builder().status(code).header("content-type", "application/json");
    if let Some(seconds) = retry_after_seconds {
        response = response.header("retry-after", seconds);
    }
    response.body(whole(body.to_string().into())).expect("a valid status code")
}

/// The same list without its items.
pub(super) fn without_items(list: &Bytes) -> Bytes {
    let mut list: serde_json::Value = serde_json::from_slice(list).unwrap_or_default();
    list["items"] = json!([]);
    list.to_string().into()
}

/// The event with which a watch says that its resourceVersion is too old.
pub(super) fn expired_event() -> Bytes {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 410,
        "reason": "Expired", "message": "too old resource version (the fault proxy)",
    });
    format!("{}\n", json!({"type": "ERROR", "object": status})).into()
}

fn reason(code: u16) -> &'static str {
    match code {
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        410 => "Gone",
        422 => "Invalid",
        429 => "TooManyRequests",
        500 => "InternalError",
        503 => "ServiceUnavailable",
        504 => "Timeout",
        _ => "",
    }
}
