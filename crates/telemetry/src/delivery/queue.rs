//! The queue of spans, and the thread that exports them.
//!
//! As the SDK's batch processor, with its settings: a batch is sent when it is full, or some seconds old. What has no place is
//! counted and let go of; nobody waits for the collector.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use futures::executor::block_on;
use opentelemetry::{Context, InstrumentationScope};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE, OTEL_BSP_MAX_EXPORT_BATCH_SIZE_DEFAULT, OTEL_BSP_MAX_QUEUE_SIZE,
    OTEL_BSP_MAX_QUEUE_SIZE_DEFAULT, OTEL_BSP_SCHEDULE_DELAY, OTEL_BSP_SCHEDULE_DELAY_DEFAULT, SpanData,
    SpanExporter,
};

use super::{Counted, Deliveries};
use crate::settings::Signal;
use crate::spans::{Batch, Sink};

/// How many spans wait at most, and when they are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(super) most: usize,
    pub(super) batch: usize,
    pub(super) delay: Duration,
}

impl Limits {
    /// As `OTEL_BSP_*` say.
    pub(crate) fn of_environment() -> Self {
        let said = |name| std::env::var_os(name)?.to_str()?.trim().parse::<u64>().ok();
        let count = |name, default| {
            said(name)
                .and_then(|count| usize::try_from(count).ok())
                .filter(|count| *count > 0)
                .unwrap_or(default)
        };
        let most = count(OTEL_BSP_MAX_QUEUE_SIZE, OTEL_BSP_MAX_QUEUE_SIZE_DEFAULT);
        let batch = count(OTEL_BSP_MAX_EXPORT_BATCH_SIZE, OTEL_BSP_MAX_EXPORT_BATCH_SIZE_DEFAULT);
        let delay =
            said(OTEL_BSP_SCHEDULE_DELAY).map_or(OTEL_BSP_SCHEDULE_DELAY_DEFAULT, Duration::from_millis);
        Self { most, batch: batch.min(most), delay }
    }
}

/// Spans that wait to be exported.
#[derive(Debug)]
pub(crate) struct SpanQueue {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// There is something to do.
    wake: Condvar,
    /// Something is done.
    done: Condvar,
    limits: Limits,
    deliveries: Arc<Deliveries>,
}

#[derive(Debug)]
struct State {
    batch: Batch,
    /// How often it was asked for all to be sent at once, and which of these is done with what result.
    asked: u64,
    answered: u64,
    result: OTelSdkResult,
    stop: bool,
    is_over: bool,
}

impl SpanQueue {
    /// A queue whose thread begins now.
    ///
    /// # Errors
    /// When there can be no thread.
    pub(crate) fn start<E: SpanExporter + 'static>(
        mut exporter: E,
        scope: InstrumentationScope,
        resource: &Resource,
        limits: Limits,
        deliveries: &Arc<Deliveries>,
    ) -> io::Result<Self> {
        exporter.set_resource(resource);
        let batch = Batch::default();
        let state = State { batch, asked: 0, answered: 0, result: Ok(()), stop: false, is_over: false };
        let (wake, done) = (Condvar::new(), Condvar::new());
        let deliveries = Arc::clone(deliveries);
        let exporter = Counted::new(exporter, Signal::Traces, &deliveries);
        let shared = Arc::new(Shared { state: Mutex::new(state), wake, done, limits, deliveries });
        let its = Arc::clone(&shared);
        thread::Builder::new().name("spans".to_owned()).spawn(move || its.run(&exporter, &scope))?;
        Ok(Self { shared })
    }

    /// Sends what waits, and then nothing more.
    pub(crate) fn shutdown(&self, timeout: Duration) -> OTelSdkResult {
        self.shared.lock().stop = true;
        self.send_all(timeout, |state, _| state.is_over)
    }

    /// Sends what waits.
    #[cfg(test)]
    pub(crate) fn flush(&self, timeout: Duration) -> OTelSdkResult {
        self.send_all(timeout, |state, mine| state.answered >= mine)
    }

    fn send_all(&self, timeout: Duration, is_done: impl Fn(&State, u64) -> bool) -> OTelSdkResult {
        let mut state = self.shared.lock();
        state.asked += 1;
        let mine = state.asked;
        self.shared.wake.notify_all();
        let waits = |state: &mut State| !is_done(state, mine);
        let (mut state, waited) = self
            .shared
            .done
            .wait_timeout_while(state, timeout, waits)
            .unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            Err(OTelSdkError::Timeout(timeout))
        } else {
            std::mem::replace(&mut state.result, Ok(()))
        }
    }
}

impl Drop for SpanQueue {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.wake.notify_all();
    }
}

impl Sink for SpanQueue {
    fn take(&self, put: &mut dyn FnMut(&mut Batch)) {
        let Shared { wake, limits, deliveries, .. } = &*self.shared;
        if !deliveries.enqueue(limits.most) {
            return;
        }
        let mut state = self.shared.lock();
        put(&mut state.batch);
        if state.batch.len() == limits.batch {
            wake.notify_all();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread's work.
    fn run(&self, exporter: &impl SpanExporter, scope: &InstrumentationScope) {
        let _not_traced = Context::enter_telemetry_suppressed_scope();
        let mut batch = Batch::default();
        loop {
            let (asked, stop) = self.next(&mut batch);
            let result = self.export(&mut batch, exporter, scope);
            if stop {
                let _ended = exporter.shutdown();
            }
            let mut state = self.lock();
            state.answered = asked;
            state.result = result;
            state.is_over = stop;
            self.done.notify_all();
            if stop {
                return;
            }
        }
    }

    /// Waits for what is to be sent. Which of the questions for all of it that answers, and whether it is the last.
    fn next(&self, batch: &mut Batch) -> (u64, bool) {
        let Limits { batch: full, delay, .. } = self.limits;
        let waits =
            |state: &mut State| state.batch.len() < full && state.asked == state.answered && !state.stop;
        let waited = self.wake.wait_timeout_while(self.lock(), delay, waits);
        let (mut state, _timed_out) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut state.batch, batch);
        (state.asked, state.stop)
    }

    fn export(
        &self,
        batch: &mut Batch,
        exporter: &impl SpanExporter,
        scope: &InstrumentationScope,
    ) -> OTelSdkResult {
        let mut spans = batch.drain(scope);
        let mut result = Ok(());
        loop {
            let some: Vec<SpanData> = spans.by_ref().take(self.limits.batch).collect();
            if some.is_empty() {
                return result;
            }
            if let Err(error) = block_on(exporter.export(some)) {
                result = Err(error);
            }
        }
    }
}
