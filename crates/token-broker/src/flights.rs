//! One piece of work at a time per key: whoever comes while it is under way waits for the same result.
//!
//! The work runs in a task of its own. A caller who goes away neither ends it for the others nor makes it start
//! again.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt as _;
use futures::future::Shared;
use tokio::sync::oneshot;
use tracing::Instrument as _;

/// Work under way, by key.
pub(crate) struct Flights<K, T> {
    flights: Arc<Mutex<HashMap<K, Flight<T>>>>,
    max: usize,
}

type Flight<T> = Shared<oneshot::Receiver<T>>;

impl<K, T> Flights<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// No work yet; at most `max` keys at the same time.
    pub(crate) fn new(max: usize) -> Self {
        Self { flights: Arc::default(), max }
    }

    /// How many keys there is work under way for.
    pub(crate) fn len(&self) -> usize {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Waits for the work under way for `key`, which is `start` if there is none.
    ///
    /// # Errors
    /// [`NoResult`] says why there is none.
    pub(crate) async fn join<F>(&self, key: K, start: impl FnOnce() -> F) -> Result<T, NoResult>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let flight = self.find_or_start(key, self.max, start).ok_or(NoResult::TooMany)?;
        flight.await.map_err(|_| NoResult::Panicked)
    }

    /// Starts the work for `key` for nobody in particular, unless some is under way, or there is half as much as there may
    /// be: those come first who wait.
    pub(crate) fn start<F>(&self, key: K, start: impl FnOnce() -> F)
    where
        F: Future<Output = T> + Send + 'static,
    {
        let _nobody_waits = self.find_or_start(key, self.max / 2, start);
    }

    fn find_or_start<F>(&self, key: K, max: usize, start: impl FnOnce() -> F) -> Option<Flight<T>>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(&key) {
            return Some(flight.clone());
        }
        if flights.len() >= max {
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        let flight = receiver.shared();
        flights.insert(key.clone(), flight.clone());
        drop(flights);

        let landing = Landing { flights: Arc::clone(&self.flights), key };
        let work = start();
        tokio::spawn(
            async move {
                let result = work.await;
                // Before the result is out: whoever sees it and comes again must not find the old flight.
                drop(landing);
                let _nobody_waits = sender.send(result);
            }
            .in_current_span(),
        );
        Some(flight)
    }
}

impl<K, T> fmt::Debug for Flights<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flights").field("max", &self.max).finish_non_exhaustive()
    }
}

/// Why there is no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoResult {
    /// As many keys have work under way as may have.
    TooMany,
    /// The work panicked.
    Panicked,
}

/// Takes the flight off the list, however it ends.
struct Landing<K: Eq + Hash, T> {
    flights: Arc<Mutex<HashMap<K, Flight<T>>>>,
    key: K,
}

impl<K: Eq + Hash, T> Drop for Landing<K, T> {
    fn drop(&mut self) {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn callers_of_one_key_share_the_work() {
        let flights = Flights::new(10);
        let (count, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
        let call = || {
            let (count, gate) = (Arc::clone(&count), Arc::clone(&gate));
            flights.join("key", move || async move {
                gate.acquire().await.unwrap().forget();
                count.fetch_add(1, Ordering::SeqCst)
            })
        };

        let all = futures::future::join_all((0..100).map(|_| call()));
        let (results, ()) = tokio::join!(all, async { gate.add_permits(1) });

        assert!(results.iter().all(|result| *result == Ok(0)));
        gate.add_permits(1);
        assert_eq!(call().await, Ok(1), "after the landing, the next call starts anew");
    }

    #[tokio::test]
    async fn a_caller_who_goes_away_does_not_end_the_work() {
        let flights = Arc::new(Flights::new(10));
        let (count, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
        let call = || {
            let (count, gate) = (Arc::clone(&count), Arc::clone(&gate));
            let flights = Arc::clone(&flights);
            async move {
                flights
                    .join("key", move || async move {
                        gate.acquire().await.unwrap().forget();
                        count.fetch_add(1, Ordering::SeqCst) + 1
                    })
                    .await
            }
        };
        let mut leader = Box::pin(call());
        assert!(futures::poll!(&mut leader).is_pending());
        drop(leader);

        let (result, ()) = tokio::join!(call(), async { gate.add_permits(1) });

        assert_eq!(result, Ok(1));
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn work_that_panics_leaves_nothing_behind() {
        let flights = Flights::new(1);
        let fail = flights.join("key", || async { panic!("the work fails") });
        assert_eq!(fail.await, Err::<u8, _>(NoResult::Panicked));
        assert_eq!(flights.join("key", || async { 7_u8 }).await, Ok(7));
    }

    #[tokio::test]
    async fn the_number_of_keys_is_bounded() {
        let flights = Flights::new(1);
        let mut first = Box::pin(flights.join("a", std::future::pending::<u8>));
        assert!(futures::poll!(&mut first).is_pending());
        assert_eq!(flights.join("b", || async { 1 }).await, Err(NoResult::TooMany));
    }

    #[tokio::test]
    async fn work_for_nobody_leaves_half_of_the_room_to_those_who_wait() {
        let flights = Flights::new(4);
        for key in ["a", "b", "c"] {
            flights.start(key, std::future::pending::<u8>);
        }
        assert_eq!(flights.len(), 2);
        assert_eq!(flights.join("c", || async { 1 }).await, Ok(1));
    }
}
