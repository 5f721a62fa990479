//! What the gateway counts.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter};
use telemetry::names;

/// The gateway's instruments.
#[derive(Clone, Debug)]
pub(crate) struct Instruments {
    refusals: Counter<u64>,
    tool_duration: Histogram<f64>,
}

impl Instruments {
    pub(crate) fn new(meter: &Meter) -> Self {
        Self {
            refusals: meter
                .u64_counter(names::GATEWAY_REFUSALS)
                .with_description("Requests refused, by code")
                .build(),
            tool_duration: meter
                .f64_histogram(names::GATEWAY_TOOL_DURATION)
                .with_unit(names::UNIT_SECONDS)
                .with_description("Duration of tool calls, by tool and outcome")
                .build(),
        }
    }

    /// Counts a refusal. Codes are few: scopes and roles in them come from the policy.
    pub(crate) fn refused(&self, code: &str) {
        self.refusals.add(1, &[KeyValue::new(names::ERROR_TYPE, code.to_owned())]);
    }

    /// Records a tool call; `outcome` is "ok" or the error's code.
    pub(crate) fn tool_called(&self, tool: &'static str, outcome: &str, duration: Duration) {
        let attributes =
            [KeyValue::new(names::TOOL_NAME, tool), KeyValue::new(names::OUTCOME, outcome.to_owned())];
        self.tool_duration.record(duration.as_secs_f64(), &attributes);
    }
}
