//! The broker's instruments, made once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::notification::RemovalCause;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter, UpDownCounter};
use telemetry::names;

use crate::aadsts;
use crate::error::ExchangeError;
use crate::outcome::Source;
use crate::throttle::PauseCause;

/// The broker's instruments. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    meter: Meter,
    exchanges: Counter<u64>,
    duration: Histogram<f64>,
    inflight: UpDownCounter<i64>,
    hits: Counter<u64>,
    misses: Counter<u64>,
    entra_requests: Counter<u64>,
    entra_duration: Histogram<f64>,
    evictions: Counter<u64>,
    refreshes: Counter<u64>,
    purges: Counter<u64>,
    redis_duration: Histogram<f64>,
    redis_unusable: Counter<u64>,
    http_requests: Histogram<f64>,
    entra_pauses: Counter<u64>,
    entra_held_back: Counter<u64>,
}

impl Metrics {
    pub(crate) fn new(meter: &Meter) -> Self {
        let seconds = |name| meter.f64_histogram(name).with_unit(names::UNIT_SECONDS).build();
        Self {
            meter: meter.clone(),
            exchanges: meter.u64_counter(names::BROKER_EXCHANGES).build(),
            duration: seconds(names::BROKER_EXCHANGE_DURATION),
            inflight: meter.i64_up_down_counter(names::BROKER_INFLIGHT).build(),
            hits: meter.u64_counter(names::BROKER_CACHE_HITS).build(),
            misses: meter.u64_counter(names::BROKER_CACHE_MISSES).build(),
            entra_requests: meter.u64_counter(names::BROKER_ENTRA_REQUESTS).build(),
            entra_duration: seconds(names::BROKER_ENTRA_DURATION),
            evictions: meter.u64_counter(names::BROKER_CACHE_EVICTIONS).build(),
            refreshes: meter.u64_counter(names::BROKER_CACHE_REFRESHES).build(),
            purges: meter.u64_counter(names::BROKER_PURGES).build(),
            redis_duration: seconds(names::BROKER_REDIS_DURATION),
            redis_unusable: meter.u64_counter(names::BROKER_REDIS_UNUSABLE).build(),
            http_requests: seconds(names::HTTP_CLIENT_REQUEST_DURATION),
            entra_pauses: meter.u64_counter(names::BROKER_ENTRA_PAUSES).build(),
            entra_held_back: meter.u64_counter(names::BROKER_ENTRA_THROTTLED).build(),
        }
    }

    /// For gauges that are read when somebody looks.
    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Begins to observe one exchange.
    pub(crate) fn start(&self, consumer: &Arc<str>) -> Observation {
        self.inflight.add(1, &[]);
        Observation {
            metrics: self.clone(),
            started: Instant::now(),
            cache: None,
            consumer: KeyValue::new(names::CONSUMER, Arc::clone(consumer)),
            outcome: vec![KeyValue::new(names::OUTCOME, names::OUTCOME_CANCELLED)],
        }
    }

    /// Counts an entry that left this process's memory.
    pub(crate) fn evicted(&self, cause: RemovalCause) {
        let cause = match cause {
            RemovalCause::Size => "size",
            RemovalCause::Expired => "expired",
            RemovalCause::Explicit => "dropped",
            // Not gone: there is a newer one.
            RemovalCause::Replaced => return,
        };
        self.evictions.add(1, &[KeyValue::new(names::CAUSE, cause)]);
    }

    /// Counts an exchange in the background.
    pub(crate) fn refreshed<T, E>(&self, result: &Result<T, E>) {
        self.refreshes.add(1, &[outcome_of(result.is_ok())]);
    }

    /// Counts the purge of a user.
    pub(crate) fn purged<T, E>(&self, result: &Result<T, E>) {
        self.purges.add(1, &[outcome_of(result.is_ok())]);
    }

    /// Counts one operation at Redis.
    pub(crate) fn redis_answered(&self, operation: &'static str, took: Duration, ok: bool) {
        let attributes = [KeyValue::new(names::OPERATION, operation), outcome_of(ok)];
        self.redis_duration.record(took.as_secs_f64(), &attributes);
    }

    /// Counts an entry of Redis that does not open.
    pub(crate) fn unusable_entry(&self, cause: &'static str) {
        self.redis_unusable.add(1, &[KeyValue::new(names::CAUSE, cause)]);
    }

    /// Counts one request to Entra ID.
    pub(crate) fn entra_answered(&self, took: Duration, outcome: KeyValue) {
        let attributes = [outcome];
        self.entra_requests.add(1, &attributes);
        self.entra_duration.record(took.as_secs_f64(), &attributes);
    }

    /// Records one request to Entra ID by the conventions of HTTP clients.
    pub(crate) fn entra_requested(&self, took: Duration, attributes: &[KeyValue]) {
        self.http_requests.record(took.as_secs_f64(), attributes);
    }

    /// Counts one pause of the calls of a kind.
    pub(crate) fn entra_pause(&self, kind: &str, cause: PauseCause) {
        let cause = match cause {
            PauseCause::Asked => names::CAUSE_THROTTLED,
            PauseCause::Faults => names::CAUSE_FAULTS,
        };
        self.entra_pauses
            .add(1, &[KeyValue::new(names::RESOURCE, kind.to_owned()), KeyValue::new(names::CAUSE, cause)]);
    }

    /// Counts one call that a pause held back.
    pub(crate) fn entra_held_back(&self, kind: &str) {
        self.entra_held_back.add(1, &[KeyValue::new(names::RESOURCE, kind.to_owned())]);
    }
}

/// One exchange under way. Dropped before it ended, the caller went away: counted as that, not as a success.
#[derive(Debug)]
pub(crate) struct Observation {
    metrics: Metrics,
    started: Instant,
    cache: Option<&'static str>,
    consumer: KeyValue,
    outcome: Vec<KeyValue>,
}

impl Observation {
    /// Notes who answered.
    pub(crate) fn answered_from(&mut self, source: Source) {
        let level = match source {
            Source::Local => "local",
            Source::Shared => "shared",
            Source::Entra => {
                self.cache = Some("miss");
                return self.metrics.misses.add(1, &[]);
            }
        };
        self.cache = Some(level);
        self.metrics.hits.add(1, &[KeyValue::new(names::LEVEL, level)]);
    }

    /// Who answered: `local`, `shared` or `miss`; nothing if it did not come to that.
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
        if let Some(number) = error.evidence().and_then(|evidence| evidence.aadsts) {
            self.outcome.push(aadsts_label(number));
        }
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        self.metrics.inflight.add(-1, &[]);
        let mut attributes = vec![self.outcome[0].clone()];
        attributes.extend(self.cache.map(|cache| KeyValue::new(names::CACHE, cache)));
        self.metrics.duration.record(self.started.elapsed().as_secs_f64(), &attributes);
        self.outcome.push(self.consumer.clone());
        self.metrics.exchanges.add(1, &self.outcome);
    }
}

fn outcome_of(ok: bool) -> KeyValue {
    KeyValue::new(names::OUTCOME, if ok { names::OUTCOME_OK } else { names::OUTCOME_ERROR })
}

/// A number of the table, or `other`: Entra ID has thousands, and new ones every month.
fn aadsts_label(number: u32) -> KeyValue {
    let text = if aadsts::is_known(number) { number.to_string() } else { "other".to_owned() };
    KeyValue::new(names::AADSTS, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_of_the_table_are_labels() {
        assert_eq!(aadsts_label(65001), KeyValue::new(names::AADSTS, "65001"));
        assert_eq!(aadsts_label(999_999), KeyValue::new(names::AADSTS, "other"));
    }
}
