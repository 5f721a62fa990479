//! What the audit counts.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter};
use telemetry::names;

use crate::state::State;

/// The audit's instruments.
#[derive(Clone, Debug)]
pub(crate) struct Instruments {
    records: Counter<u64>,
    lost: Counter<u64>,
    write: Histogram<f64>,
}

impl Instruments {
    pub(crate) fn new(meter: &Meter, state: &Arc<State>) -> Self {
        let state = Arc::clone(state);
        meter
            .u64_observable_gauge(names::AUDIT_UP)
            .with_description("Whether audit records can be written")
            .with_callback(move |gauge| gauge.observe(u64::from(!state.is_down()), &[]))
            .build();
        let lost = meter.u64_counter(names::AUDIT_LOST).with_description("Audit records lost").build();
        // There from the start: nobody can alert on a series that begins with the loss.
        lost.add(0, &[]);
        Self {
            records: meter
                .u64_counter(names::AUDIT_RECORDS)
                .with_description("Audit records written, by kind")
                .build(),
            lost,
            write: meter
                .f64_histogram(names::AUDIT_WRITE_DURATION)
                .with_unit(names::UNIT_SECONDS)
                .with_description("Duration of writing one group of audit records")
                .build(),
        }
    }

    pub(crate) fn written(&self, kind: &'static str) {
        self.records.add(1, &[KeyValue::new(names::KIND, kind)]);
    }

    pub(crate) fn lost(&self) {
        self.lost.add(1, &[]);
    }

    pub(crate) fn wrote(&self, duration: Duration) {
        self.write.record(duration.as_secs_f64(), &[]);
    }
}
