//! Logs, traces and metrics: set-up, propagation, and every name as a constant.
//!
//! This is the only crate that names `opentelemetry_sdk`, the OTLP exporter or `tracing-subscriber`. The
//! others write `tracing` spans and events, and record into an [`opentelemetry::metrics::Meter`] they are
//! handed. What only one service needs stays in that service: both mains call what is here.
//!
//! - [`init()`]: logs to stderr; traces, metrics and the audit's checkpoints to an OTLP collector if one is configured.
//! - [`Metrics`]: one registry per service instance, read by [`admin`] at `/metrics`.
//! - `delivery`: what of all that did not arrive.
//! - `lines`: what a log line says.
//! - `filter`: whose lines and spans there are: our own, and of libraries their errors.
//! - [`http`], [`grpc`]: the trace context across our own hops.
//! - [`names`]: what dashboards and alerts may rely on; [`catalogue`]: what each metric of them is.
//! - [`report`]: what a self-check found, as a table and as JSON.
//! - [`command_line`]: how both mains read flags and environment.
//! - [`probe`]: how both mains ask a running service how it is.
//! - [`signals`]: how both mains are told to stop.
//! - `testing` (a feature): what was logged and traced, for assertions.
//!
//! It must not know tokens, principals, MCP or Azure. Nothing here records a query string, a header value
//! or a body: a credential that is never read cannot leak.

pub use init::{Callers, Guard, InitError, init};
pub use metrics::{Metrics, MetricsError};
pub use otlp::Unusable;
pub use propagation::trace_id;
pub use settings::{LogFormat, TelemetryArgs};

pub mod admin;
pub mod catalogue;
pub mod command_line;
mod delivery;
mod filter;
pub mod grpc;
pub mod http;
mod init;
mod lines;
mod metrics;
pub mod names;
mod otlp;
pub mod probe;
mod propagation;
pub mod report;
mod resource;
mod sampling;
mod settings;
pub mod signals;
#[cfg(feature = "testing")]
pub mod testing;
