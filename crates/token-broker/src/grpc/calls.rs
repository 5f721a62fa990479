//! One call of the contract as it is counted and traced: which method, which code, how long.

use std::time::Instant;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, Meter};
use proto::{BrokerError, Reason};
use telemetry::grpc::{is_server_fault, status_name};
use telemetry::names;
use tonic::{Code, Response, Status};
use tracing::Span;

/// What calls are counted in.
#[derive(Clone, Debug)]
pub(super) struct CallMetrics(Histogram<f64>);

impl CallMetrics {
    pub(super) fn new(meter: &Meter) -> Self {
        let duration = meter.f64_histogram(names::RPC_SERVER_CALL_DURATION).with_unit(names::UNIT_SECONDS);
        Self(duration.with_description("Duration of calls of the contract").build())
    }

    /// A call of `method` that begins now.
    pub(super) fn called(&self, method: &'static str) -> Call<'_> {
        Call { metrics: self, method, started: Instant::now() }
    }
}

/// A call under way.
#[derive(Debug)]
pub(super) struct Call<'a> {
    metrics: &'a CallMetrics,
    method: &'static str,
    started: Instant,
}

impl Call<'_> {
    /// It was answered with this.
    pub(super) fn answered<T>(&self, answer: T) -> Response<T> {
        self.ended(Code::Ok, None);
        Response::new(answer)
    }

    /// It was refused with this.
    pub(super) fn refused(&self, status: Status) -> Status {
        let reason = BrokerError::from_status(&status).reason().map(Reason::as_str);
        self.ended(status.code(), reason);
        status
    }

    fn ended(&self, code: Code, reason: Option<&'static str>) {
        let span = Span::current();
        span.record("rpc.status_code", status_name(code));
        if is_server_fault(code) {
            span.record("otel.status_code", "ERROR");
        }
        let mut attributes = vec![
            KeyValue::new(names::RPC_SYSTEM_NAME, "grpc"),
            KeyValue::new(names::RPC_METHOD, self.method),
            KeyValue::new(names::RPC_STATUS_CODE, status_name(code)),
        ];
        attributes.extend(reason.map(|reason| KeyValue::new(names::ERROR_TYPE, reason)));
        self.metrics.0.record(self.started.elapsed().as_secs_f64(), &attributes);
    }
}
