//! One service instance's metrics, to be scraped in Prometheus' text form and, where there is a collector, sent to it.
//!
//! Nothing here is global: several instances in one process (as in tests) each count for themselves.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry_otlp::MetricExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{
    Aggregation, Instrument, InstrumentKind, PeriodicReader, SdkMeterProvider, Stream,
};
use prometheus::TextEncoder;

use crate::{names, resource};

/// Bucket bounds of histograms in seconds: from a cache hit (100 µs) to the longest export (5 min).
/// The SDK's own default is made for milliseconds and would put everything into one bucket.
const SECONDS: &[f64] = &[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0,
    60.0, 120.0, 300.0,
];
/// What the conventions advise for HTTP and RPC.
const CALLS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// Histograms with bounds of the conventions' own.
const BOUNDS: &[(&str, &[f64])] = &[
    (
        names::MCP_SERVER_OPERATION_DURATION,
        &[0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0],
    ),
    (names::RPC_CLIENT_CALL_DURATION, CALLS),
    (names::RPC_SERVER_CALL_DURATION, CALLS),
    (names::HTTP_CLIENT_REQUEST_DURATION, CALLS),
    (names::HTTP_SERVER_REQUEST_DURATION, CALLS),
];

/// A service instance's metrics: hand out [`Metrics::meter`], read with [`Metrics::render`].
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: prometheus::Registry,
    provider: SdkMeterProvider,
}

impl Metrics {
    /// Makes an empty set of metrics for the service of this name, to be scraped only.
    ///
    /// # Errors
    /// The exporter could not register itself with its registry.
    pub fn new(service_name: &'static str) -> Result<Self, MetricsError> {
        Self::sent(resource::of(None, service_name), None::<MetricExporter>)
    }

    /// The same for this resource, sent from time to time where there is an exporter.
    pub(crate) fn sent(
        resource: Resource,
        exporter: Option<impl PushMetricExporter>,
    ) -> Result<Self, MetricsError> {
        let registry = prometheus::Registry::new();
        let scraped = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .scope_info_enabled(false)
            .build()
            .map_err(|error| MetricsError(error.to_string()))?;
        let mut provider = SdkMeterProvider::builder()
            .with_resource(resource)
            .with_reader(scraped)
            .with_view(buckets_for_seconds);
        if let Some(exporter) = exporter {
            provider = provider.with_reader(PeriodicReader::builder(exporter).build());
        }
        Ok(Self { registry, provider: provider.build() })
    }

    /// A meter for one part of the service. Create instruments once and keep them: they are cheap to use
    /// and dear to make.
    pub fn meter(&self, scope: &'static str) -> Meter {
        self.provider.meter(scope)
    }

    /// Shows the age of the signing keys: `age` is asked on each scrape, in seconds.
    pub fn observe_key_age(&self, age: impl Fn() -> Option<i64> + Send + Sync + 'static) {
        self.meter("identity")
            .i64_observable_gauge(names::IDENTITY_JWKS_AGE)
            .with_unit(names::UNIT_SECONDS)
            .with_description("Age of the signing keys in use")
            .with_callback(move |gauge| {
                if let Some(age) = age() {
                    gauge.observe(age, &[]);
                }
            })
            .build();
    }

    /// Shows under this name, which ends in `build.info`, what runs: by its version, always 1.
    pub fn observe_build(&self, name: &'static str) {
        self.meter("build")
            .u64_observable_gauge(name)
            .with_description("What runs, by its version")
            .with_callback(|gauge| {
                gauge.observe(1, &[KeyValue::new(names::VERSION, env!("CARGO_PKG_VERSION"))]);
            })
            .build();
    }

    /// Sends what there is, if somebody gets it, and ends.
    pub(crate) fn shutdown(&self) -> OTelSdkResult {
        self.provider.shutdown()
    }

    /// Everything counted so far, in the Prometheus text exposition format 0.0.4.
    pub fn render(&self) -> String {
        let families = self.registry.gather();
        TextEncoder::new().encode_to_string(&families).unwrap_or_else(|error| {
            tracing::error!(%error, "metrics could not be encoded");
            String::new()
        })
    }
}

/// The metrics registry could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("metrics could not be set up: {0}")]
pub struct MetricsError(String);

fn buckets_for_seconds(instrument: &Instrument) -> Option<Stream> {
    if instrument.kind() != InstrumentKind::Histogram || instrument.unit() != names::UNIT_SECONDS {
        return None;
    }
    let own = BOUNDS.iter().find(|(name, _)| *name == instrument.name());
    let boundaries = own.map_or(SECONDS, |(_, bounds)| bounds).to_vec();
    let aggregation = Aggregation::ExplicitBucketHistogram { boundaries, record_min_max: false };
    Stream::builder().with_aggregation(aggregation).build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_and_seconds_are_rendered_in_prometheus_form() {
        let metrics = Metrics::new("gateway").unwrap();
        let meter = metrics.meter("test");
        meter.u64_counter(names::GATEWAY_REFUSALS).build().add(2, &[KeyValue::new(names::ERROR_TYPE, "x")]);
        let duration =
            meter.f64_histogram(names::GATEWAY_TOOL_DURATION).with_unit(names::UNIT_SECONDS).build();
        duration.record(0.0002, &[]);

        let text = metrics.render();
        assert!(text.contains(r#"gateway_refusals_total{error_type="x"} 2"#), "{text}");
        assert!(text.contains(r#"gateway_tool_duration_seconds_bucket{le="0.0001"} 0"#), "{text}");
        assert!(text.contains(r#"gateway_tool_duration_seconds_bucket{le="0.00025"} 1"#), "{text}");
        assert!(text.contains(r#"service_name="gateway""#), "{text}");
    }

    #[test]
    fn two_instances_share_nothing() {
        let (one, other) = (Metrics::new("gateway").unwrap(), Metrics::new("gateway").unwrap());
        one.meter("test").u64_counter(names::GATEWAY_REFUSALS).build().add(1, &[]);
        assert!(one.render().contains("gateway_refusals_total"));
        assert!(!other.render().contains("gateway_refusals_total"));
    }
}
