//! Exports under way: whose they are, how far they have come, and what became of them.
//!
//! Who is told of one may come back for it, and it goes on by itself until it is ready or the person's sign-in ends. Who leaves
//! before anything was told ends it. It must not know what is exported, nor how.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cost::{ExportPlan, ExportProgress};
use futures::FutureExt;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, timeout_at};

use super::answer::{Failure, ToolError};
use crate::engine::Person;
use crate::exports::{ExportId, Kept};

pub(super) use door::Door;
pub(super) use made::Making;

mod door;
mod made;
#[cfg(test)]
mod tests;

/// How many are made at a time: of all people, and of one.
const MOST: usize = 8;
const MOST_OF_ONE: usize = 4;
/// How many are remembered once they have ended.
const REMEMBERED: usize = 500;
/// How often it is looked whether Azure has said when a report will be ready.
const LOOKED_AT_EVERY: Duration = Duration::from_millis(200);

/// The exports. Clones share them; with the last of them, all that are under way end.
#[derive(Clone, Default)]
pub(crate) struct ExportJobs(Arc<Inner>);

#[derive(Default)]
struct Inner {
    jobs: Mutex<HashMap<ExportId, Arc<Job>>>,
    tasks: Mutex<JoinSet<()>>,
}

/// What was asked for.
pub(super) struct Order {
    pub(super) person: Person,
    pub(super) plan: ExportPlan,
    /// What the scope is called, for a text.
    pub(super) title: String,
    /// Sentences about the days, or nothing.
    pub(super) note: String,
}

/// One export.
pub(super) struct Job {
    pub(super) id: ExportId,
    pub(super) order: Order,
    pub(super) progress: Arc<ExportProgress>,
    began: Instant,
    state: watch::Sender<State>,
    hold: Mutex<Hold>,
    task: Mutex<Option<AbortHandle>>,
}

/// Who has an interest in it.
#[derive(Default)]
struct Hold {
    waiting: usize,
    /// Somebody was told its id.
    told: bool,
}

/// What became of it so far.
#[derive(Clone)]
pub(super) enum State {
    Running,
    Ready(Kept),
    Failed(Failure),
}

impl State {
    pub(super) const fn is_running(&self) -> bool {
        matches!(self, Self::Running)
    }
}

impl Job {
    pub(super) fn state(&self) -> State {
        self.state.borrow().clone()
    }

    fn hold(&self) -> MutexGuard<'_, Hold> {
        self.hold.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self) {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            task.abort();
        }
    }
}

impl ExportJobs {
    /// Joins what this person has under way of the same plan, or begins it: `work` is given the id and what is counted in.
    ///
    /// # Errors
    /// Where as many are made as may be.
    pub(super) fn enter<F>(
        &self,
        order: Order,
        id: ExportId,
        end: Instant,
        work: impl FnOnce(Arc<ExportProgress>) -> F,
    ) -> Result<Waiting, Failure>
    where
        F: Future<Output = Result<Kept, Failure>> + Send + 'static,
    {
        let mut jobs = self.jobs();
        let is_same = |job: &&Arc<Job>| {
            job.order.person == order.person && job.order.plan == order.plan && job.state().is_running()
        };
        if let Some(job) = jobs.values().find(is_same) {
            return Ok(self.waiting(Arc::clone(job)));
        }
        has_room(&jobs, order.person)?;
        forget_oldest(&mut jobs);
        let job = Arc::new(Job {
            id,
            order,
            progress: Arc::default(),
            began: Instant::now(),
            state: watch::Sender::new(State::Running),
            hold: Mutex::default(),
            task: Mutex::default(),
        });
        jobs.insert(id, Arc::clone(&job));
        drop(jobs);
        let (work, of_task) = (work(Arc::clone(&job.progress)), Arc::clone(&job));
        let mut tasks = self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        let task = tasks.spawn(async move {
            let ended = match timeout_at(end, AssertUnwindSafe(work).catch_unwind()).await {
                Ok(Ok(ended)) => ended,
                Ok(Err(_panicked)) => Err(ToolError::internal().into()),
                Err(_) => Err(signed_out().into()),
            };
            of_task.state.send_replace(ended.map_or_else(State::Failed, State::Ready));
        });
        *job.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
        Ok(self.waiting(job))
    }

    /// Waits for an export of this person's, if it is one. Those of others are not there.
    pub(super) fn watch(&self, person: Person, id: ExportId) -> Option<Waiting> {
        let jobs = self.jobs();
        let job = jobs.get(&id).filter(|job| job.order.person == person).cloned();
        job.map(|job| self.waiting(job))
    }

    fn waiting(&self, job: Arc<Job>) -> Waiting {
        job.hold().waiting += 1;
        Waiting { jobs: self.clone(), job }
    }

    fn jobs(&self) -> MutexGuard<'_, HashMap<ExportId, Arc<Job>>> {
        self.0.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that waits for an export. Where it leaves, and it was the last and nobody was told, the export is over.
pub(super) struct Waiting {
    jobs: ExportJobs,
    pub(super) job: Arc<Job>,
}

impl Waiting {
    /// What becomes of it, or what it is by `until`: earlier, where Azure says that it will not be ready by then.
    pub(super) async fn state(&self, until: Instant) -> State {
        let mut state = self.job.state.subscribe();
        while state.borrow().is_running() && Instant::now() < until {
            let ready_in = self.job.progress.snapshot().ready_in.unwrap_or_default();
            if Instant::now() + ready_in > until {
                break;
            }
            let look = until.min(Instant::now() + LOOKED_AT_EVERY);
            let _ = timeout_at(look, state.changed()).await;
        }
        self.job.state()
    }

    /// The caller knows the id from now on: the export goes on by itself.
    pub(super) fn told(&self) {
        self.job.hold().told = true;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // Held throughout: nobody joins what is about to end.
        let mut jobs = self.jobs.jobs();
        let mut hold = self.job.hold();
        hold.waiting -= 1;
        if hold.waiting == 0 && !hold.told {
            self.job.stop();
            jobs.remove(&self.job.id);
        }
    }
}

fn has_room(jobs: &HashMap<ExportId, Arc<Job>>, person: Person) -> Result<(), Failure> {
    let running = || jobs.values().filter(|job| job.state().is_running());
    let own = running().filter(|job| job.order.person == person).count();
    let said = if own >= MOST_OF_ONE {
        format!(
            "{own} of your exports are being made, which is as many as one person may have made at a time: wait for one of them"
        )
    } else if running().count() >= MOST {
        format!(
            "This server makes {MOST} exports at a time, and others' are being made: ask again in a minute"
        )
    } else {
        return Ok(());
    };
    Err(ToolError::new("export_busy", format!("{said}.")).retry_after(60).into())
}

/// Makes room for one that is new.
fn forget_oldest(jobs: &mut HashMap<ExportId, Arc<Job>>) {
    while jobs.len() >= REMEMBERED {
        let ended = jobs.values().filter(|job| !job.state().is_running());
        let Some(oldest) = ended.min_by_key(|job| job.began).map(|job| job.id) else { return };
        jobs.remove(&oldest);
    }
}

fn signed_out() -> ToolError {
    let detail = "Your sign-in ended before the export was ready, and nothing is done in your name without one. Sign in again \
                  and ask for it once more; for fewer days it takes less time.";
    ToolError::new("export_sign_in_ended", detail.to_owned())
}
