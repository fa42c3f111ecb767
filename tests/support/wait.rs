//! In: a description, a deadline, a condition on the world. Out: what was waited for, or a panic that says what did not
//! come true. Never: used to let time pass; the harness waits for the world, tests never sleep.

use std::fmt::Debug;
use std::time::Duration;

use futures::TryStreamExt;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::watch_object;
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

/// How often a condition that cannot be watched is looked at: quick for a person, cheap for two cores.
const LOOK: Duration = Duration::from_millis(50);

/// The answer of a check: `bool`, or `Option` when there is something to hand back.
pub trait Answer {
    type Found;
    fn found(self) -> Option<Self::Found>;
}

impl Answer for bool {
    type Found = ();
    fn found(self) -> Option<()> {
        self.then_some(())
    }
}

impl<T> Answer for Option<T> {
    type Found = T;
    fn found(self) -> Option<T> {
        self
    }
}

/// An error is "not yet": the deadline bounds it.
impl<T, E> Answer for Result<Option<T>, E> {
    type Found = T;
    fn found(self) -> Option<T> {
        self.ok().flatten()
    }
}

/// Looks every 50 ms until `check` says yes. For what has no watch (files, processes, more than one object); a single
/// object is watched with [`watch_until`].
///
/// # Panics
/// When the deadline passes: `what` names what was missing.
pub async fn eventually<A: Answer>(what: &str, deadline: Duration, mut check: impl AsyncFnMut() -> A) -> A::Found {
    let until = Instant::now() + deadline;
    let mut tick = interval(LOOK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let left = until.saturating_duration_since(Instant::now()).max(LOOK);
        if let Ok(answer) = timeout(left, check()).await
            && let Some(found) = answer.found()
        {
            return found;
        }
        assert!(Instant::now() < until, "not within {deadline:?}: {what}");
    }
}

/// Watches one object (`None` while it does not exist) until `check` says yes, and hands back the object as it then was.
///
/// # Panics
/// When the deadline passes, with the object as last seen.
pub async fn watch_until<K>(
    api: &Api<K>,
    name: &str,
    what: &str,
    deadline: Duration,
    mut check: impl FnMut(Option<&K>) -> bool,
) -> Option<K>
where
    K: Resource + Clone + Debug + Send + DeserializeOwned + 'static,
{
    let mut last = None;
    let watched = async {
        let mut objects = std::pin::pin!(watch_object(api.clone(), name).default_backoff());
        loop {
            // An error is tried again by the watcher, with its back-off; the deadline bounds it.
            let Ok(Some(object)) = objects.try_next().await else { continue };
            let done = check(object.as_ref());
            last = object;
            if done {
                return;
            }
        }
    };
    let in_time = timeout(deadline, watched).await.is_ok();
    assert!(in_time, "not within {deadline:?}: {what}; {name} was last {last:#?}");
    last
}
