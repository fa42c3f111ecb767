//! Places in which expressions are worked out: few, because each holds megabytes of what a tenant wrote and a whole thread. A
//! place is free again when its thread has really ended, however long ago somebody gave up waiting for it.
use std::{sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places.
#[derive(Clone)]
pub struct Thoughts(Arc<Semaphore>);

/// One of them, taken.
pub struct Place(OwnedSemaphorePermit);

impl Thoughts {
    #[must_use]
    pub fn new(places: usize) -> Self {
        Self(Arc::new(Semaphore::new(places)))
    }

    /// Waits for a place.
    ///
    /// # Errors
    /// Never, in fact: that nobody gives any more.
    pub async fn place(&self) -> Result<Place, String> {
        self.0.clone().acquire_owned().await.map(Place).map_err(|error| error.to_string())
    }
}

impl Place {
    /// Works something out on a thread of its own, which is waited for no longer than that.
    ///
    /// # Errors
    /// That it takes longer, or panicked.
    pub async fn work<T: Send + 'static>(
        self,
        bound: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, String> {
        let Self(permit) = self;
        let thread = tokio::task::spawn_blocking(move || {
            // What the work was handed is gone before its place is free.
            let done = work();
            drop(permit);
            done
        });
        let done = tokio::time::timeout(bound, thread).await;
        let done = done.map_err(|_| format!("the expression was not evaluated within {bound:?}"))?;
        done.map_err(|_| "evaluating the expression panicked: please report this".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_place_is_taken_until_its_thread_ends_and_not_until_somebody_gives_up() {
        let thoughts = Thoughts::new(1);
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let place = thoughts.place().await.unwrap();
        let late = place.work(Duration::ZERO, move || wait.recv()).await;
        assert!(late.unwrap_err().contains("not evaluated within"));
        assert!(thoughts.0.try_acquire().is_err(), "its thread still runs");
        go.send(()).unwrap();
        let place = thoughts.place().await.unwrap();
        assert_eq!(place.work(Duration::MAX, || 7).await, Ok(7));
    }
}
