//! Whose turn it is to ask Azure: one for the whole process, for Azure counts by directory, scope and person, whoever asks.
//!
//! It waits where waiting helps, says how long it will take, and believes what Azure's answers say of the quotas over its own
//! count. It must not know what is asked, nor with which token.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cost::Quota;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::{Instrument, info_span};

use self::state::State;
use super::key::{Person, ScopeKey};
use super::metrics::CostInstruments;
use super::settings::Quotas;

pub(crate) use queue::Class;
pub(crate) use state::Outlook;

mod queue;
mod state;
#[cfg(test)]
mod tests;
mod window;

/// How often one question may be refused with a 429 before the refusal is passed on.
const MOST_REFUSALS: u32 = 10;

/// The one that says whose turn it is. Clones are the same.
#[derive(Clone)]
pub(crate) struct Governor(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    changed: Notify,
    instruments: CostInstruments,
}

/// A question that is to be asked.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) person: Person,
    pub(crate) scope: ScopeKey,
    /// What it takes, as far as that is known before.
    pub(crate) units: u32,
    /// Who asks waits no longer.
    pub(crate) patience: Instant,
}

/// It is not this question's turn within the time that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Busy {
    pub(crate) retry_after: Duration,
}

impl Governor {
    pub(crate) fn new(quotas: Quotas, instruments: CostInstruments) -> Self {
        let state = Mutex::new(State::new(quotas));
        Self(Arc::new(Inner { state, changed: Notify::new(), instruments }))
    }

    /// Waits for the turn of a question.
    ///
    /// # Errors
    /// Where it would take longer than the patience, or too many wait already.
    pub(crate) async fn turn(&self, wanted: Wanted) -> Result<Turn, Busy> {
        let entered = self.lock().enter(&wanted, Instant::now())?;
        let mut turn = Turn {
            governor: self.clone(),
            wanted,
            id: entered.id,
            class: entered.class,
            refusals: 0,
            sent: false,
        };
        turn.wait(entered.turn).await?;
        Ok(turn)
    }

    /// What a person's questions wait for, if any waits.
    pub(crate) fn outlook(&self, person: Person) -> Option<Outlook> {
        self.lock().outlook(person, Instant::now())
    }

    /// Query units that are left: of ten seconds, of a minute, of an hour.
    pub(crate) fn units_left(&self) -> [u32; 3] {
        self.lock().units_left(Instant::now())
    }

    /// Questions that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().waiting()
    }

    /// Gives turns to whoever may have one now, and sees to it that the others get theirs.
    fn dispatch(&self) {
        let mut state = self.lock();
        state.dispatch(Instant::now());
        let must_pump = state.waiting() > 0 && !state.pumping;
        state.pumping |= must_pump;
        drop(state);
        if must_pump {
            tokio::spawn(self.clone().pump());
        }
        self.0.changed.notify_one();
    }

    /// Gives turns as time goes by, for as long as anybody waits.
    async fn pump(self) {
        loop {
            let wake = {
                let mut state = self.lock();
                let wake = state.dispatch(Instant::now());
                if state.waiting() == 0 {
                    state.pumping = false;
                    return;
                }
                wake
            };
            let changed = self.0.changed.notified();
            match wake {
                Some(wake) => tokio::select! { () = changed => {}, () = sleep_until(wake) => {} },
                None => changed.await,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The turn of one question: a request may be sent now. Ends when it is dropped.
pub(crate) struct Turn {
    governor: Governor,
    wanted: Wanted,
    id: u64,
    class: Class,
    refusals: u32,
    /// Whether the request that it was charged for may have left.
    sent: bool,
}

impl Turn {
    /// A request is on its way: whatever becomes of it, Azure may count it.
    pub(crate) fn sends(&mut self) {
        self.sent = true;
    }

    /// A page came.
    pub(crate) fn answered(&mut self, quota: &Quota) {
        self.governor.lock().answered(&self.wanted, self.id, quota, Instant::now());
        self.sent = false;
        self.governor.dispatch();
    }

    /// Waits until the next page may be asked for: at once, unless Azure's own answers say otherwise.
    ///
    /// # Errors
    /// Where that takes longer than the patience.
    pub(crate) async fn next_page(&mut self) -> Result<(), Busy> {
        let since = Instant::now();
        loop {
            let now = Instant::now();
            let at = match self.governor.lock().begin_page(&self.wanted, now) {
                Ok(id) => {
                    self.id = id;
                    self.governor.0.instruments.waited("page", since.elapsed());
                    return Ok(());
                }
                Err(at) => at,
            };
            if at > self.wanted.patience {
                return Err(Busy { retry_after: at - now });
            }
            sleep_until(at).await;
        }
    }

    /// Azure refused the request for now: waits for another turn, and never comes early.
    ///
    /// # Errors
    /// Where that takes longer than the patience, or it was refused too often.
    pub(crate) async fn again(&mut self, wait: Duration, quota: &Quota) -> Result<(), Busy> {
        let now = Instant::now();
        self.refusals += 1;
        self.sent = false;
        let entered = self.governor.lock().refused(&self.wanted, self.id, self.class, wait, quota, now);
        self.id = entered.id;
        self.governor.dispatch();
        if self.refusals >= MOST_REFUSALS || now + wait > self.wanted.patience {
            return Err(Busy { retry_after: wait });
        }
        self.wait(entered.turn).await
    }

    async fn wait(&mut self, mut turn: oneshot::Receiver<()>) -> Result<(), Busy> {
        self.governor.dispatch();
        let (since, kind) = (Instant::now(), self.kind());
        if turn.try_recv().is_ok() {
            self.governor.0.instruments.waited(kind, Duration::ZERO);
            return Ok(());
        }
        let outlook = self.governor.outlook(self.wanted.person);
        let wait = outlook.map_or(Duration::ZERO, |outlook| outlook.first);
        if since + wait > self.wanted.patience {
            return Err(Busy { retry_after: wait });
        }
        let span =
            info_span!("cost.wait", kind, units = self.wanted.units, expected_seconds = wait.as_secs());
        let came = timeout_at(self.wanted.patience, turn).instrument(span).await;
        self.governor.0.instruments.waited(kind, since.elapsed());
        match came {
            Ok(Ok(())) => Ok(()),
            _ => Err(Busy { retry_after: self.still() }),
        }
    }

    /// How long it would still take.
    fn still(&self) -> Duration {
        let outlook = self.governor.outlook(self.wanted.person);
        outlook.map_or(Duration::ZERO, |outlook| outlook.first).max(Duration::from_secs(1))
    }

    const fn kind(&self) -> &'static str {
        match (self.refusals, self.class) {
            (1.., _) => "refused",
            (0, Class::Interactive) => "interactive",
            (0, Class::Bulk) => "bulk",
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.governor.lock().leave(&self.wanted, self.id, self.sent, Instant::now());
        self.governor.dispatch();
    }
}
