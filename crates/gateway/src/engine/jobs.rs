//! Work that may take longer than a caller waits: it goes on for whoever was told that the answer is still to come, and the same
//! call of the same person gets it.
//!
//! Who leaves before any answer ends the work; who was told does not. It must not know what is worked at.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout_at};

use super::key::Person;

/// How long a result waits to be fetched.
const KEPT: Duration = Duration::from_secs(600);
/// Jobs in all, those included whose result waits; and of one person.
const MOST: usize = 500;
const MOST_OF_ONE: usize = 16;

/// The jobs. Clones share them.
pub(crate) struct Jobs<T: Clone>(Arc<Inner<T>>);

struct Inner<T: Clone> {
    jobs: Mutex<HashMap<Key, Job<T>>>,
    /// Whether a result is about the sign-in that came with the call, and not about what was asked.
    of_sign_in: fn(&T) -> bool,
}

/// Whose work, and at what: the digest of a tool and its arguments.
pub(crate) type Key = (Person, [u8; 32]);

struct Job<T: Clone> {
    id: u64,
    work: Work<T>,
    sign_in: [u8; 32],
    /// Goes on with it, once somebody was told.
    keeper: Option<AbortHandle>,
}

enum Work<T: Clone> {
    /// As long as somebody waits.
    Waited(WeakShared<BoxFuture<'static, T>>),
    /// Somebody was told, so it is held here as well.
    Kept(Shared<BoxFuture<'static, T>>),
}

impl<T: Clone> Work<T> {
    fn get(&self) -> Option<Shared<BoxFuture<'static, T>>> {
        match self {
            Self::Waited(work) => work.upgrade(),
            Self::Kept(work) => Some(work.clone()),
        }
    }
}

/// A call that may join a job.
pub(crate) struct Joining {
    pub(crate) key: Key,
    /// The digest of the sign-in that came with it.
    pub(crate) sign_in: [u8; 32],
    /// When its caller must be told.
    pub(crate) soft: Instant,
    /// When its sign-in ends, and the work with it.
    pub(crate) end: Instant,
}

/// What a call has of its job.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended<T> {
    /// The result. `told` is whether an earlier call was told that it is still to come.
    Done { result: T, told: bool },
    /// It is still to come.
    Pending,
}

impl<T: Clone> Clone for Jobs<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Clone + Send + Sync + 'static> Jobs<T> {
    pub(crate) fn new(of_sign_in: fn(&T) -> bool) -> Self {
        Self(Arc::new(Inner { jobs: Mutex::default(), of_sign_in }))
    }

    /// Joins the job of this key, or begins it. Whoever joins must be admitted first.
    ///
    /// # Errors
    /// What `admit` says.
    pub(crate) async fn run<E, F>(
        &self,
        call: &Joining,
        admit: impl Future<Output = Result<(), E>>,
        begin: impl Fn() -> F,
    ) -> Result<Ended<T>, E>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut entered = self.enter(call, &begin, false);
        if entered.joined {
            admit.await?;
        }
        loop {
            let mut waiting = Waiting { jobs: self, key: call.key, entered };
            let Some(result) = waiting.result(call.soft).await else {
                self.keep(call, &waiting.entered);
                return Ok(Ended::Pending);
            };
            let Entered { id, sign_in, joined, .. } = waiting.entered;
            // A refusal of another sign-in says nothing about this one.
            if joined && sign_in != call.sign_in && (self.0.of_sign_in)(&result) {
                entered = self.enter(call, &begin, true);
                continue;
            }
            let told = self.take(call.key, id);
            return Ok(Ended::Done { result, told });
        }
    }

    fn enter<F>(&self, call: &Joining, begin: impl Fn() -> F, anew: bool) -> Entered<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut jobs = self.lock();
        let known = jobs.get(&call.key).filter(|_| !anew);
        if let Some((job, work)) = known.and_then(|job| Some((job, job.work.get()?))) {
            return Entered {
                id: job.id,
                work: Some(work),
                sign_in: job.sign_in,
                joined: true,
                listed: true,
            };
        }
        let id = jobs.get(&call.key).map_or(0, |job| job.id + 1);
        let (work, sign_in) = (begin().boxed().shared(), call.sign_in);
        let of_one = jobs.keys().filter(|(person, _)| *person == call.key.0).count();
        let has_room = anew || jobs.contains_key(&call.key) || (jobs.len() < MOST && of_one < MOST_OF_ONE);
        let weak = work.downgrade().filter(|_| has_room);
        let listed = weak.is_some();
        if let Some(weak) = weak {
            let job = Job { id, work: Work::Waited(weak), sign_in, keeper: None };
            if let Some(keeper) = jobs.insert(call.key, job).and_then(|old| old.keeper) {
                keeper.abort();
            }
        }
        Entered { id, work: Some(work), sign_in, joined: false, listed }
    }

    /// The caller is told: from now on the work goes on by itself, until the sign-in ends that it is done with.
    fn keep(&self, call: &Joining, entered: &Entered<T>) {
        let mut jobs = self.lock();
        let job = jobs.get_mut(&call.key).filter(|job| job.id == entered.id && job.keeper.is_none());
        let (Some(job), Some(work)) = (job, entered.work.clone()) else { return };
        job.work = Work::Kept(work.clone());
        let (all, key, id, end) = (self.clone(), call.key, entered.id, call.end);
        let keeper = tokio::spawn(async move {
            if timeout_at(end, work).await.is_ok() {
                sleep(KEPT).await;
            }
            all.take(key, id);
        });
        job.keeper = Some(keeper.abort_handle());
    }

    /// Takes a job away. Whether somebody had been told of it.
    fn take(&self, key: Key, id: u64) -> bool {
        let mut jobs = self.lock();
        if jobs.get(&key).is_none_or(|job| job.id != id) {
            return false;
        }
        let keeper = jobs.remove(&key).and_then(|job| job.keeper);
        drop(jobs);
        keeper.as_ref().map(AbortHandle::abort).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Job<T>>> {
        self.0.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Entered<T: Clone> {
    id: u64,
    work: Option<Shared<BoxFuture<'static, T>>>,
    /// Of the call that began it.
    sign_in: [u8; 32],
    joined: bool,
    /// Beyond the bounds a job is not listed: nobody can be told to come back for it.
    listed: bool,
}

/// A call that waits for a job. Where it leaves, and it was the last and nobody was told, the job is over.
struct Waiting<'a, T: Clone + Send + Sync + 'static> {
    jobs: &'a Jobs<T>,
    key: Key,
    entered: Entered<T>,
}

impl<T: Clone + Send + Sync + 'static> Waiting<'_, T> {
    /// `None` where it takes longer than until `soft`.
    async fn result(&mut self, soft: Instant) -> Option<T> {
        let work = self.entered.work.clone()?;
        if self.entered.listed { timeout_at(soft, work).await.ok() } else { Some(work.await) }
    }
}

impl<T: Clone + Send + Sync + 'static> Drop for Waiting<'_, T> {
    fn drop(&mut self) {
        self.entered.work = None;
        let mut jobs = self.jobs.lock();
        let is_over = |job: &Job<T>| job.id == self.entered.id && job.work.get().is_none();
        if jobs.get(&self.key).is_some_and(is_over) {
            jobs.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests;
