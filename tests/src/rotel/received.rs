//! What a collector passed on, out of its wire form.

use std::collections::BTreeSet;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message;
use serde_json::json;
use telemetry::testing::FinishedSpan;

/// All of it so far.
#[derive(Debug, Default)]
pub(super) struct Received {
    /// When each began, which service sent it, and the span.
    pub(super) spans: Vec<(u64, String, FinishedSpan)>,
    pub(super) metrics: BTreeSet<(String, String)>,
    pub(super) resources: BTreeSet<(String, String)>,
    pub(super) logs: Vec<String>,
    /// All of it, as it came.
    pub(super) bytes: Vec<u8>,
}

impl Received {
    /// Takes one request; tells whether it could be read.
    pub(super) fn take(&mut self, path: &str, body: &[u8]) -> bool {
        self.bytes.extend_from_slice(body);
        let taken = match path {
            "/v1/traces" => ExportTraceServiceRequest::decode(body).map(|request| self.take_spans(request)),
            "/v1/metrics" => {
                ExportMetricsServiceRequest::decode(body).map(|request| self.take_metrics(request))
            }
            "/v1/logs" => ExportLogsServiceRequest::decode(body).map(|request| self.take_logs(request)),
            _ => return false,
        };
        taken.is_ok()
    }

    fn take_spans(&mut self, request: ExportTraceServiceRequest) {
        for sent in request.resource_spans {
            let service = self.service(sent.resource.as_ref());
            let spans = sent.scope_spans.into_iter().flat_map(|scope| scope.spans);
            self.spans
                .extend(spans.map(|span| (span.start_time_unix_nano, service.clone(), finished(&span))));
        }
    }

    fn take_metrics(&mut self, request: ExportMetricsServiceRequest) {
        for sent in request.resource_metrics {
            let service = self.service(sent.resource.as_ref());
            let metrics = sent.scope_metrics.into_iter().flat_map(|scope| scope.metrics);
            self.metrics.extend(metrics.map(|metric| (service.clone(), metric.name)));
        }
    }

    /// As JSON (OTLP, "JSON Protobuf Encoding"), of which no more than is looked at here.
    fn take_logs(&mut self, request: ExportLogsServiceRequest) {
        for sent in request.resource_logs {
            self.service(sent.resource.as_ref());
            for scope in sent.scope_logs {
                let name = scope.scope.map(|scope| scope.name).unwrap_or_default();
                let records: Vec<_> = scope
                    .log_records
                    .iter()
                    .map(|record| json!({"attributes": record.attributes.iter().map(attribute).collect::<Vec<_>>()}))
                    .collect();
                let scopes = json!([{"scope": {"name": name}, "logRecords": records}]);
                self.logs.push(json!({"resourceLogs": [{"scopeLogs": scopes}]}).to_string());
            }
        }
    }

    /// The name of the service, whose other attributes are noted.
    fn service(&mut self, resource: Option<&Resource>) -> String {
        let attributes = resource.map_or(&[][..], |resource| &resource.attributes);
        let name = attributes.iter().find(|pair| pair.key == "service.name").map(text).unwrap_or_default();
        let said = attributes.iter().map(|pair| (name.clone(), format!("{}={}", pair.key, text(pair))));
        self.resources.extend(said);
        name
    }
}

fn finished(span: &Span) -> FinishedSpan {
    let kind = SpanKind::try_from(span.kind).unwrap_or_default().as_str_name();
    FinishedSpan {
        name: span.name.clone(),
        trace_id: hex(&span.trace_id),
        span_id: hex(&span.span_id),
        parent_id: hex(&span.parent_span_id),
        kind: kind.trim_start_matches("SPAN_KIND_").to_lowercase(),
        links: span.links.iter().map(|link| hex(&link.trace_id)).collect(),
        attributes: span.attributes.iter().map(|pair| (pair.key.clone(), text(pair))).collect(),
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn text(pair: &KeyValue) -> String {
    match pair.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(whether)) => whether.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

fn attribute(pair: &KeyValue) -> serde_json::Value {
    let value = match pair.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::IntValue(number)) => json!({"intValue": number.to_string()}),
        _ => json!({"stringValue": text(pair)}),
    };
    json!({"key": pair.key, "value": value})
}
