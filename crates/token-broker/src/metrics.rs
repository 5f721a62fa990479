//! The broker's instruments, made once.

use std::time::{Duration, Instant};

use opentelemetry::{
    KeyValue,
    metrics::{Counter, Histogram, Meter, UpDownCounter},
};
use telemetry::names;

use crate::error::ExchangeError;

/// The broker's instruments. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    exchanges: Counter<u64>,
    duration: Histogram<f64>,
    inflight: UpDownCounter<i64>,
    hits: Counter<u64>,
    misses: Counter<u64>,
    entra_requests: Counter<u64>,
    entra_duration: Histogram<f64>,
}

impl Metrics {
    pub(crate) fn new(meter: &Meter) -> Self {
        let seconds = |name| meter.f64_histogram(name).with_unit(names::UNIT_SECONDS).build();
        Self {
            exchanges: meter.u64_counter(names::BROKER_EXCHANGES).build(),
            duration: seconds(names::BROKER_EXCHANGE_DURATION),
            inflight: meter.i64_up_down_counter(names::BROKER_INFLIGHT).build(),
            hits: meter.u64_counter(names::BROKER_CACHE_HITS).build(),
            misses: meter.u64_counter(names::BROKER_CACHE_MISSES).build(),
            entra_requests: meter.u64_counter(names::BROKER_ENTRA_REQUESTS).build(),
            entra_duration: seconds(names::BROKER_ENTRA_DURATION),
        }
    }

    /// Begins to observe one exchange.
    pub(crate) fn start(&self) -> Observation {
        self.inflight.add(1, &[]);
        Observation {
            metrics: self.clone(),
            started: Instant::now(),
            cache: None,
            outcome: vec![KeyValue::new(names::OUTCOME, names::OUTCOME_CANCELLED)],
        }
    }

    /// Counts one request to Entra ID.
    pub(crate) fn entra_answered(&self, took: Duration, outcome: KeyValue) {
        let attributes = [outcome];
        self.entra_requests.add(1, &attributes);
        self.entra_duration.record(took.as_secs_f64(), &attributes);
    }
}

/// One exchange under way. Dropped before it ended, the caller went away: counted as that, not as a success.
#[derive(Debug)]
pub(crate) struct Observation {
    metrics: Metrics,
    started: Instant,
    cache: Option<&'static str>,
    outcome: Vec<KeyValue>,
}

impl Observation {
    pub(crate) fn cache_hit(&mut self) {
        self.cache = Some("hit");
        self.metrics.hits.add(1, &[]);
    }

    pub(crate) fn cache_missed(&mut self) {
        self.cache = Some("miss");
        self.metrics.misses.add(1, &[]);
    }

    /// Whether the cache answered: `hit`, `miss`, or nothing if it was not asked.
    pub(crate) fn cache(&self) -> Option<&'static str> {
        self.cache
    }

    pub(crate) fn end<T>(&mut self, result: &Result<T, ExchangeError>) {
        let Err(error) = result else {
            self.outcome = vec![KeyValue::new(names::OUTCOME, names::OUTCOME_OK)];
            return;
        };
        self.outcome = vec![
            KeyValue::new(names::OUTCOME, names::OUTCOME_ERROR),
            KeyValue::new(names::ERROR_TYPE, error.code()),
        ];
        // Bounded: a number only gets here if Entra ID itself sent it, over verified TLS.
        if let Some(number) = error.evidence().and_then(|evidence| evidence.aadsts) {
            self.outcome.push(KeyValue::new(names::AADSTS, i64::from(number)));
        }
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        self.metrics.inflight.add(-1, &[]);
        self.metrics.exchanges.add(1, &self.outcome);
        let mut attributes = vec![self.outcome.swap_remove(0)];
        attributes.extend(self.cache.map(|cache| KeyValue::new(names::CACHE, cache)));
        self.metrics.duration.record(self.started.elapsed().as_secs_f64(), &attributes);
    }
}
