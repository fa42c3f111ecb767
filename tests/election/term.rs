//! The proof of leadership itself, on the real clock.
use std::time::Duration;

use leasehold::election::{BootInstant, Epoch, Expired, Term, term::Tenure};

fn epoch() -> Epoch {
    Epoch { uid: "u".into(), transitions: 3 }
}

fn open(valid_for: Duration) -> (Tenure, Term) {
    Tenure::open(epoch(), "41".into(), BootInstant::now() + valid_for)
}

const LONG: Duration = Duration::from_hours(1);

#[test]
fn a_term_proves_its_epoch_and_since_which_version() {
    let (_tenure, term) = open(LONG);
    assert_eq!(term.epoch(), Some(&epoch()));
    assert_eq!(term.acquired_at_resource_version(), "41");
    assert_eq!(term.check(), Ok(()));
    assert!(term.remaining() > LONG / 2 && term.remaining() <= LONG);
}

#[test]
fn n13_a_term_past_its_deadline_is_over_although_no_timer_fired() {
    let (_tenure, term) = open(Duration::ZERO);
    assert_eq!(term.check(), Err(Expired::Overdue));
    assert!(term.enter().is_none());
    assert_eq!(term.remaining(), Duration::ZERO);
}

#[test]
fn a_renewal_extends_and_never_shortens() {
    let (tenure, term) = open(Duration::ZERO);
    tenure.extend(BootInstant::now() + LONG);
    assert_eq!(term.check(), Ok(()));
    tenure.extend(BootInstant::now());
    assert_eq!(term.check(), Ok(()));
}

#[tokio::test]
async fn cancel_reaches_every_clone_and_is_final() {
    let (tenure, term) = open(LONG);
    let clone = term.clone();
    tenure.cancel();
    clone.cancelled().await;
    assert_eq!(clone.check(), Err(Expired::Cancelled));
    tenure.extend(BootInstant::now() + LONG * 2);
    assert_eq!(term.check(), Err(Expired::Cancelled));
    assert!(term.enter().is_none());
}

#[tokio::test]
async fn n30_an_elector_that_dies_takes_its_term_along() {
    let (tenure, term) = open(LONG);
    let died = tokio::spawn(async move {
        let _held = tenure;
        panic!("on purpose");
    });
    term.cancelled().await;
    assert!(died.await.is_err());
    assert_eq!(term.check(), Err(Expired::Cancelled));
}

#[tokio::test]
async fn n33_drained_waits_for_the_last_write() {
    let (tenure, term) = open(LONG);
    let first = term.enter().expect("open");
    let second = term.enter().expect("open");
    tenure.cancel();
    let mut drained = Box::pin(tenure.drained());
    assert!(futures::poll!(&mut drained).is_pending());
    drop(first);
    assert!(futures::poll!(&mut drained).is_pending());
    assert_eq!(term.in_flight(), 1);
    drop(second);
    drained.await;
}

#[tokio::test]
async fn n40_a_write_that_hangs_is_dropped_at_the_deadline() {
    let (_tenure, term) = open(Duration::from_millis(30));
    let late = term.write(std::future::pending::<()>()).await;
    assert_eq!(late, Err(Expired::Overdue));
    assert_eq!(term.in_flight(), 0);
    assert_eq!(term.write(async { "too late" }).await, Err(Expired::Overdue));
}

#[tokio::test]
async fn n40_a_write_after_the_cancel_does_not_start() {
    let (tenure, term) = open(LONG);
    assert_eq!(term.write(async { 1 }).await, Ok(1));
    tenure.cancel();
    let started = std::sync::atomic::AtomicBool::new(false);
    let write = term.write(async { started.store(true, std::sync::atomic::Ordering::SeqCst) });
    assert_eq!(write.await, Err(Expired::Cancelled));
    assert!(!started.into_inner());
}

#[tokio::test]
async fn a_write_under_way_finishes_while_the_term_drains() {
    let (tenure, term) = open(LONG);
    let (go, gone) = tokio::sync::oneshot::channel();
    let writer = tokio::spawn({
        let term = term.clone();
        async move { term.write(gone).await }
    });
    while term.in_flight() == 0 {
        tokio::task::yield_now().await;
    }
    tenure.cancel();
    go.send("written").expect("still waiting");
    assert_eq!(writer.await.expect("no panic"), Ok(Ok("written")));
    tenure.drained().await;
}

#[tokio::test]
async fn without_election_a_term_has_no_epoch_and_no_end() {
    let term = Term::unfenced();
    assert_eq!(term.epoch(), None);
    assert_eq!(term.check(), Ok(()));
    assert_eq!(term.remaining(), Duration::MAX);
    assert_eq!(term.write(async { 7 }).await, Ok(7));
    assert!(futures::poll!(Box::pin(term.cancelled())).is_pending());
}

#[test]
fn the_boot_clock_goes_on_and_saturates() {
    let now = BootInstant::now();
    assert!(BootInstant::now() >= now);
    assert_eq!(BootInstant::NEVER + LONG, BootInstant::NEVER);
    assert_eq!((now + LONG).until(now), Duration::ZERO);
    assert_eq!(now.until(now + LONG), LONG);
}
