//! What is scraped and what is sent are the same: every series, every bucket, every value.

use std::collections::{BTreeMap, BTreeSet};

use clap::Parser;
use opentelemetry::KeyValue;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue as Pair;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{HistogramDataPoint, Metric, NumberDataPoint};
use prost::Message;
use telemetry::{Callers, Metrics, init, names};

use super::{Cli, METRICS, collector, sent_to};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_scraped_and_what_is_sent_are_the_same() {
    let (endpoint, received) = collector().await;
    let flags = ["x", "--otlp-metrics-endpoint", &endpoint, "--otel-service-name", "costs", "--log", "off"];
    let guard = init("gateway", Callers::Strangers, &Cli::parse_from(flags).telemetry, None).unwrap();
    let metrics = guard.metrics();
    let _kept = count_something(&metrics);
    let scraped = metrics.render();
    tokio::task::spawn_blocking(move || drop(guard)).await.unwrap();

    let bodies = sent_to(&received, METRICS);
    let [body] = &bodies[..] else { panic!("{} requests", bodies.len()) };
    // Five bytes of gRPC's frame come first.
    let sent = ExportMetricsServiceRequest::decode(&body[5..]).unwrap();
    let [resource] = &sent.resource_metrics[..] else { panic!("{sent:?}") };
    let all = resource.scope_metrics.iter().flat_map(|scope| &scope.metrics);
    let sent_lines: BTreeSet<_> = all.flat_map(as_scraped).collect();
    let is_series = |line: &&str| !line.starts_with('#') && !line.starts_with("target_info");
    let scraped_lines: BTreeSet<_> = scraped.lines().filter(is_series).map(str::to_owned).collect();
    assert_eq!(sent_lines, scraped_lines);
    for line in [
        r#"gateway_refusals_total{error_type="a"} 2"#,
        r#"gateway_tool_duration_seconds_bucket{le="0.0001"} 0"#,
        r#"gateway_tool_duration_seconds_bucket{le="300"} 1"#,
        r#"mcp_server_operation_duration_seconds_bucket{le="0.02"} 1"#,
        "gateway_connections -3",
        concat!(r#"gateway_build_info{version=""#, env!("CARGO_PKG_VERSION"), r#""} 1"#),
    ] {
        assert!(sent_lines.contains(line), "{line} in {sent_lines:#?}");
    }

    let said = labels(&resource.resource.as_ref().unwrap().attributes);
    assert_eq!(said["service_name"], "costs");
    let info = scraped.lines().find(|line| line.starts_with("target_info{")).unwrap();
    for key in ["service_name", "service_version", "service_instance_id"] {
        assert!(info.contains(&format!("{key}={:?}", said[key])), "{key} in {info}");
    }
}

/// One of each kind of instrument.
fn count_something(metrics: &Metrics) -> impl Sized + use<> {
    let meter = metrics.meter("gateway");
    meter.u64_counter(names::GATEWAY_REFUSALS).build().add(2, &[KeyValue::new(names::ERROR_TYPE, "a")]);
    meter.i64_up_down_counter(names::GATEWAY_CONNECTIONS).build().add(-3, &[]);
    let seconds = |name| meter.f64_histogram(name).with_unit(names::UNIT_SECONDS).build();
    seconds(names::GATEWAY_TOOL_DURATION).record(0.0002, &[]);
    seconds(names::MCP_SERVER_OPERATION_DURATION).record(0.015, &[]);
    metrics.observe_build(names::GATEWAY_BUILD_INFO);
    metrics.observe_key_age(|| Some(5));
    meter
}

/// The lines that a metric of OTLP has in Prometheus' text form.
fn as_scraped(metric: &Metric) -> Vec<String> {
    let unit = match metric.unit.as_str() {
        "s" => "_seconds",
        "By" => "_bytes",
        _ => "",
    };
    let name = format!("{}{unit}", metric.name.replace('.', "_"));
    match metric.data.as_ref().unwrap() {
        Data::Sum(sum) => {
            let name = if sum.is_monotonic { format!("{name}_total") } else { name };
            sum.data_points.iter().map(|point| number(&name, point)).collect()
        }
        Data::Gauge(gauge) => gauge.data_points.iter().map(|point| number(&name, point)).collect(),
        Data::Histogram(histogram) => {
            histogram.data_points.iter().flat_map(|point| buckets(&name, point)).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn number(name: &str, point: &NumberDataPoint) -> String {
    let value = match point.value.as_ref().unwrap() {
        Number::AsInt(value) => value.to_string(),
        Number::AsDouble(value) => value.to_string(),
    };
    format!("{} {value}", series(name, &labels(&point.attributes)))
}

fn buckets(name: &str, point: &HistogramDataPoint) -> Vec<String> {
    let labels = labels(&point.attributes);
    let bounds = point.explicit_bounds.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
    let mut below = 0;
    let mut lines: Vec<_> = bounds
        .zip(&point.bucket_counts)
        .map(|(bound, count)| {
            below += count;
            let mut labels = labels.clone();
            labels.insert("le".to_owned(), bound);
            format!("{} {below}", series(&format!("{name}_bucket"), &labels))
        })
        .collect();
    lines.push(format!("{} {}", series(&format!("{name}_sum"), &labels), point.sum.unwrap()));
    lines.push(format!("{} {}", series(&format!("{name}_count"), &labels), point.count));
    lines
}

fn series(name: &str, labels: &BTreeMap<String, String>) -> String {
    if labels.is_empty() {
        return name.to_owned();
    }
    let labels: Vec<_> = labels.iter().map(|(key, value)| format!("{key}={value:?}")).collect();
    format!("{name}{{{}}}", labels.join(","))
}

fn labels(pairs: &[Pair]) -> BTreeMap<String, String> {
    let text = |pair: &Pair| match pair.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        _ => None,
    };
    pairs.iter().map(|pair| (pair.key.replace('.', "_"), text(pair).unwrap())).collect()
}
