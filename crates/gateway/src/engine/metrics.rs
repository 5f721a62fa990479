//! What the engine counts.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter};
use telemetry::names;

use super::governor::Governor;

const GIVEN: &str = "given";
const COLLECTED: &str = "collected";

/// The engine's instruments.
#[derive(Clone, Debug)]
pub(crate) struct CostInstruments {
    waits: Histogram<f64>,
    lookups: Counter<u64>,
    pending: Counter<u64>,
}

/// What became of a look into the answers that are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// There was one to this very question.
    Hit,
    /// There was one that it could be made of.
    Derived,
    /// There was none.
    Miss,
    /// There was one, and it was not proved that the person may still see it.
    Refused,
}

impl CostInstruments {
    pub(crate) fn new(meter: &Meter) -> Self {
        let pending = meter
            .u64_counter(names::GATEWAY_COST_PENDING)
            .with_description(
                "Calls that were told that their answer is still to come, and answers fetched later",
            )
            .build();
        // From the start, so that the first of them is a rise.
        for result in [GIVEN, COLLECTED] {
            pending.add(0, &[KeyValue::new(names::RESULT, result)]);
        }
        Self {
            waits: meter
                .f64_histogram(names::GATEWAY_COST_WAIT_DURATION)
                .with_unit(names::UNIT_SECONDS)
                .with_description("How long questions waited for their turn at Azure")
                .build(),
            lookups: meter
                .u64_counter(names::GATEWAY_COST_CACHE_LOOKUPS)
                .with_description("Looks into the answers that are kept, by what was found")
                .build(),
            pending,
        }
    }

    pub(crate) fn waited(&self, kind: &'static str, time: Duration) {
        self.waits.record(time.as_secs_f64(), &[KeyValue::new(names::KIND, kind)]);
    }

    pub(crate) fn looked_up(&self, found: Lookup) {
        let result = match found {
            Lookup::Hit => "hit",
            Lookup::Derived => "derived",
            Lookup::Miss => "miss",
            Lookup::Refused => "refused",
        };
        self.lookups.add(1, &[KeyValue::new(names::RESULT, result)]);
    }

    pub(crate) fn pending_given(&self) {
        self.pending.add(1, &[KeyValue::new(names::RESULT, GIVEN)]);
    }

    pub(crate) fn pending_collected(&self) {
        self.pending.add(1, &[KeyValue::new(names::RESULT, COLLECTED)]);
    }
}

/// Shows what is left of the quota and how many wait.
pub(crate) fn observe(governor: &Governor, meter: &Meter) {
    let of_units = governor.clone();
    meter
        .u64_observable_gauge(names::GATEWAY_COST_UNITS_LEFT)
        .with_description("Query units that the directory has left, by window")
        .with_callback(move |gauge| {
            for (left, window) in of_units.units_left().into_iter().zip(["10s", "min", "h"]) {
                gauge.observe(left.into(), &[KeyValue::new(names::WINDOW, window)]);
            }
        })
        .build();
    let of_queue = governor.clone();
    meter
        .u64_observable_gauge(names::GATEWAY_COST_QUEUE)
        .with_description("Questions that wait for their turn at Azure")
        .with_callback(move |gauge| gauge.observe(of_queue.waiting() as u64, &[]))
        .build();
}
