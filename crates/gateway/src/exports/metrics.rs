//! What is counted of exports.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Meter};
use telemetry::names;

use super::Exports;

/// The instruments of exports. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Instruments {
    refused: Counter<u64>,
    downloads: Counter<u64>,
    sent: Counter<u64>,
}

impl Instruments {
    pub(super) fn new(meter: &Meter) -> Self {
        let counter = |name, description| meter.u64_counter(name).with_description(description).build();
        Self {
            refused: counter(names::GATEWAY_EXPORTS_REFUSED, "Exports that could not be kept, by code"),
            downloads: counter(names::GATEWAY_EXPORT_DOWNLOADS, "Exports fetched, by outcome"),
            sent: meter
                .u64_counter(names::GATEWAY_EXPORT_SENT)
                .with_unit(names::UNIT_BYTES)
                .with_description("Bytes of exports that were fetched")
                .build(),
        }
    }

    /// An export is not kept.
    pub(super) fn refused(&self, code: &'static str) {
        self.refused.add(1, &[KeyValue::new(names::ERROR_TYPE, code)]);
    }

    /// An export was fetched, or some of it.
    pub(super) fn fetched(&self, outcome: &'static str, bytes: u64) {
        self.downloads.add(1, &[KeyValue::new(names::OUTCOME, outcome)]);
        self.sent.add(bytes, &[]);
    }
}

impl Exports {
    /// Shows in the metrics what is kept, and the room that it takes.
    pub(super) fn observe(&self, meter: &Meter) {
        let exports = self.clone();
        meter
            .u64_observable_gauge(names::GATEWAY_EXPORTS)
            .with_description("Exports that are kept, by state")
            .with_callback(move |gauge| {
                let counted = exports.0.shelf.count();
                for (state, exports) in [("ready", counted.ready), ("written", counted.written)] {
                    gauge.observe(exports, &[KeyValue::new(names::KIND, state)]);
                }
            })
            .build();
        let exports = self.clone();
        meter
            .u64_observable_gauge(names::GATEWAY_EXPORT_DISK)
            .with_unit(names::UNIT_BYTES)
            .with_description("Bytes on disk of all exports, and the most that they may take")
            .with_callback(move |gauge| {
                let room = &exports.0.room;
                gauge.observe(room.taken(), &[KeyValue::new(names::KIND, "taken")]);
                gauge.observe(room.most, &[KeyValue::new(names::KIND, "most")]);
            })
            .build();
    }
}
