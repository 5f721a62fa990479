//! Work that several wait for and one does. It ends when nobody waits any more: whoever is left goes on with it. It must not know
//! what is worked at.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};

/// The work under way, by what it is for.
pub(crate) struct Flights<K, T: Clone>(Arc<Mutex<HashMap<K, Flight<T>>>>);

struct Flight<T: Clone> {
    id: u64,
    work: WeakShared<BoxFuture<'static, T>>,
}

impl<K, T: Clone> Default for Flights<K, T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Eq + Hash + Clone + Send, T: Clone + Send + Sync + 'static> Flights<K, T> {
    /// Waits for the work of this key, and begins it if it is not under way. Whether it was already.
    pub(crate) async fn join<F>(&self, key: K, begin: impl FnOnce() -> F) -> (T, bool)
    where
        F: Future<Output = T> + Send + 'static,
    {
        let (id, work, joined) = self.enter(&key, begin);
        let _end = End { flights: self, key, id };
        (work.await, joined)
    }

    fn enter<F>(&self, key: &K, begin: impl FnOnce() -> F) -> (u64, Shared<BoxFuture<'static, T>>, bool)
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.get(key);
        // What is done is not under way: whoever comes now wants to know anew.
        let under_way = known.and_then(|flight| Some((flight.id, flight.work.upgrade()?)));
        if let Some((id, work)) = under_way.filter(|(_, work)| work.peek().is_none()) {
            return (id, work, true);
        }
        let id = known.map_or(0, |flight| flight.id + 1);
        let work = begin().boxed().shared();
        // There was no poll yet, so there is a weak form.
        if let Some(weak) = work.downgrade() {
            all.insert(key.clone(), Flight { id, work: weak });
        }
        (id, work, false)
    }
}

/// Takes the work away once nobody waits for it, or it is done.
struct End<'a, K: Eq + Hash, T: Clone> {
    flights: &'a Flights<K, T>,
    key: K,
    id: u64,
}

impl<K: Eq + Hash, T: Clone> Drop for End<'_, K, T> {
    fn drop(&mut self) {
        let mut all = self.flights.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |flight: &Flight<T>| {
            flight.id == self.id && flight.work.upgrade().is_none_or(|work| work.peek().is_some())
        };
        if all.get(&self.key).is_some_and(is_over) {
            all.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn one_works_for_all_and_goes_on_when_the_first_leaves() {
        let flights = Arc::new(Flights::<u8, u8>::default());
        let begun = Arc::new(AtomicU32::new(0));
        let (go, wait) = oneshot::channel::<()>();
        let mut wait = Some(wait);
        let mut join = |key: u8| {
            let (flights, begun, wait) = (Arc::clone(&flights), Arc::clone(&begun), wait.take());
            tokio::spawn(async move {
                flights
                    .join(key, || async move {
                        begun.fetch_add(1, Ordering::Relaxed);
                        if let Some(wait) = wait {
                            wait.await.unwrap();
                        }
                        key
                    })
                    .await
            })
        };
        let first = join(7);
        tokio::task::yield_now().await;
        let second = join(7);
        assert_eq!(join(8).await.unwrap(), (8, false));
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
        go.send(()).unwrap();
        assert_eq!(second.await.unwrap(), (7, true));
        assert_eq!(begun.load(Ordering::Relaxed), 2);
        assert_eq!(join(7).await.unwrap(), (7, false), "what is done is done anew");
        assert!(flights.0.lock().unwrap().is_empty(), "nothing is remembered of what is over");
    }
}
