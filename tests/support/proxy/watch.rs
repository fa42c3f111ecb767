//! In: the body of a watch and its faults. Out: its events, one by one, late, cut, muted or followed by a 410.
//! Never: reorders, drops or changes an event in between.

use std::time::Duration;

use futures::{Stream, stream};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Bytes};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::Link;
use super::answer::{Broken, expired_event};
use super::rule::Fault;
use super::socket::ResetFlag;

/// How a watch ends before its time, and after how many events.
#[derive(Clone, Copy)]
enum End {
    Cut,
    Orderly,
    Mute,
    Expire,
    Over,
}

struct Watched {
    events: mpsc::Receiver<(Instant, Bytes)>,
    link: watch::Receiver<Link>,
    lag: Duration,
    left: usize,
    end: End,
    reset: ResetFlag,
}

pub(super) fn events<B>(
    upstream: B,
    faults: &[Fault],
    link: watch::Receiver<Link>,
    reset: ResetFlag,
) -> impl Stream<Item = Result<Bytes, Broken>> + Send + 'static
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Send,
{
    let (send, events) = mpsc::channel(1024);
    tokio::spawn(split(upstream, send));
    let (left, end, lag) = plan(faults);
    stream::unfold(Watched { events, link, lag, left, end, reset }, next)
}

fn plan(faults: &[Fault]) -> (usize, End, Duration) {
    let mut planned = (usize::MAX, End::Over, Duration::ZERO);
    for fault in faults {
        (planned.0, planned.1) = match *fault {
            Fault::CutWatch { after } => (after, End::Cut),
            Fault::EndWatch { after } => (after, End::Orderly),
            Fault::MuteWatch { after } => (after, End::Mute),
            Fault::ExpireWatch { after } => (after, End::Expire),
            Fault::LagWatch(by) => {
                planned.2 = by;
                continue;
            }
            _ => continue,
        };
    }
    planned
}

/// Cuts the body at its line ends and notes when each line came. Ends with the reader.
async fn split<B>(mut body: B, send: mpsc::Sender<(Instant, Bytes)>)
where
    B: HttpBody<Data = Bytes> + Send + Unpin,
{
    let mut rest = Vec::new();
    loop {
        let frame = tokio::select! {
            frame = body.frame() => frame,
            () = send.closed() => return,
        };
        let Some(Ok(frame)) = frame else { return };
        rest.extend_from_slice(&frame.into_data().unwrap_or_default());
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            if send.send((Instant::now(), line.into())).await.is_err() {
                return;
            }
        }
    }
}

async fn next(mut watched: Watched) -> Option<(Result<Bytes, Broken>, Watched)> {
    if watched.left == 0 {
        match watched.end {
            End::Orderly | End::Over => return None,
            End::Mute => std::future::pending().await,
            End::Cut => {
                // hyper sends what it holds when the body is pending, and throws it away on an error.
                tokio::task::yield_now().await;
                watched.reset.store(true, std::sync::atomic::Ordering::Relaxed);
                return Some((Err(Broken), watched));
            }
            End::Expire => {
                watched.end = End::Over;
                return Some((Ok(expired_event()), watched));
            }
        }
    }
    let (came, event) = watched.events.recv().await?;
    if !watched.lag.is_zero() {
        sleep_until(came + watched.lag).await;
    }
    let _ = watched.link.wait_for(|link| *link == Link::Open).await;
    if !event.starts_with(br#"{"type":"BOOKMARK""#) {
        watched.left -= 1;
    }
    Some((Ok(event), watched))
}
