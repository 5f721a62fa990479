//! What is decided of the settings.

use std::ffi::OsStr;

use clap::Parser;

use super::*;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    telemetry: TelemetryArgs,
}

/// What is decided of these flags: endpoint and protocol, or what is wrong and whether it stops the start.
fn decided(
    signal: Signal,
    flags: &[&str],
    has_headers: bool,
) -> Result<Option<(String, Protocol)>, (String, bool)> {
    let cli = Cli::parse_from(std::iter::once("x").chain(flags.iter().copied()));
    match Collector::decide(&cli.telemetry, signal, None, has_headers) {
        Ok(collector) => Ok(collector.map(|collector| (collector.endpoint, collector.protocol))),
        Err(unusable) => Err((unusable.to_string(), unusable.would_leak())),
    }
}

#[test]
fn where_and_how_traces_go() {
    use Protocol::{Grpc, HttpProtobuf};
    let http = "--otlp-protocol=http/protobuf";
    for (flags, endpoint, protocol) in [
        (&["--otlp-endpoint=https://collector:4317"][..], "https://collector:4317/", Grpc),
        (&["--otlp-endpoint=http://localhost:4317"], "http://localhost:4317/", Grpc),
        (&["--otlp-endpoint=http://[::1]:4317"], "http://[::1]:4317/", Grpc),
        (&["--otlp-endpoint=https://collector:4318", http], "https://collector:4318/v1/traces", HttpProtobuf),
        (
            &["--otlp-endpoint=https://collector/base/", http],
            "https://collector/base/v1/traces",
            HttpProtobuf,
        ),
        (&["--otlp-traces-endpoint=https://collector/own", http], "https://collector/own", HttpProtobuf),
        (
            &["--otlp-endpoint=https://collector", "--otlp-traces-protocol=http/protobuf"],
            "https://collector/v1/traces",
            HttpProtobuf,
        ),
        // Without a scheme it is https, unless plain text is consented to.
        (&["--otlp-endpoint=collector:4317"], "https://collector:4317/", Grpc),
        (&["--otlp-endpoint=collector:4317", "--otlp-insecure"], "http://collector:4317/", Grpc),
        (&["--otlp-endpoint=http://collector:4317", "--otlp-insecure=TRUE"], "http://collector:4317/", Grpc),
    ] {
        assert_eq!(
            decided(Signal::Traces, flags, false),
            Ok(Some((endpoint.to_owned(), protocol))),
            "{flags:?}"
        );
    }
    assert_eq!(decided(Signal::Traces, &[], true), Ok(None));
    let at_home = decided(Signal::Traces, &["--otlp-endpoint=http://127.0.0.1:4317"], true);
    assert!(matches!(at_home, Ok(Some(_))), "headers may travel in plain text on loopback");
}

#[test]
fn what_cannot_be_used_is_a_warning_and_what_would_leak_an_error() {
    let plain = "--otlp-endpoint=http://collector:4317";
    for (flags, has_headers, said, stops) in [
        (&[plain][..], false, "OTEL_EXPORTER_OTLP_INSECURE=true", false),
        (&[plain, "--otlp-insecure=1"], false, "OTEL_EXPORTER_OTLP_INSECURE=true", false),
        (&[plain], true, "OTEL_EXPORTER_OTLP_INSECURE=true", false),
        (&[plain, "--otlp-insecure=true"], true, "would send OTEL_EXPORTER_OTLP_HEADERS in plain text", true),
        (&["--otlp-endpoint=collector:4317", "--otlp-insecure"], true, "OTEL_EXPORTER_OTLP_HEADERS", true),
        (&["--otlp-endpoint=https://user:pw@collector"], false, "no user name or password", true),
        (&["--otlp-endpoint=ftp://collector"], false, "no http or https URL", false),
        (&["--otlp-endpoint=https:// x"], false, "no http or https URL", false),
        (
            &["--otlp-endpoint=https://collector", "--otlp-protocol=http/json"],
            false,
            "grpc or http/protobuf",
            false,
        ),
    ] {
        let (text, leaks) = decided(Signal::Metrics, flags, has_headers).unwrap_err();
        assert!(text.contains(said) && leaks == stops, "{flags:?}: {leaks} {text}");
    }
}

#[tokio::test]
async fn an_authority_that_cannot_be_read_is_named() {
    let cli = Cli::parse_from(["x", "--otlp-endpoint=https://collector", "--otlp-protocol=http/protobuf"]);
    let collector =
        Collector::of(&cli.telemetry, Signal::Traces, Some(Path::new("/nowhere/ca.pem"))).unwrap().unwrap();
    let error = collector.spans().unwrap_err().to_string();
    assert!(error.contains("EXTRA_CA_FILE `/nowhere/ca.pem`"), "{error}");
}

#[test]
fn each_signal_has_its_path_its_own_settings_and_may_be_left_out() {
    use Protocol::{Grpc, HttpProtobuf};
    let (general, http) = ("--otlp-endpoint=https://a", "--otlp-protocol=http/protobuf");
    let sent = |flags: &[&str]| Signal::ALL.map(|signal| decided(signal, flags, false).unwrap());
    let to = |endpoint: &str, protocol| Some((endpoint.to_owned(), protocol));
    assert_eq!(
        sent(&[general, http]),
        ["https://a/v1/traces", "https://a/v1/metrics", "https://a/v1/logs"].map(|url| to(url, HttpProtobuf))
    );
    assert_eq!(
        sent(&["--otlp-metrics-endpoint=https://b/own", "--otlp-metrics-protocol=http/protobuf"]),
        [None, to("https://b/own", HttpProtobuf), None]
    );
    let all = to("https://a/", Grpc);
    for (flag, expected) in [
        ("--traces-exporter=none", [None, all.clone(), all.clone()]),
        ("--metrics-exporter=none", [all.clone(), None, all.clone()]),
        ("--metrics-exporter=prometheus", [all.clone(), None, all.clone()]),
        ("--metrics-exporter=prometheus, otlp", [all.clone(), all.clone(), all.clone()]),
        ("--logs-exporter=none", [all.clone(), all.clone(), None]),
    ] {
        assert_eq!(sent(&[general, flag]), expected, "{flag}");
    }
}

#[test]
fn headers_and_timeouts_are_those_of_the_signal_or_else_of_all() {
    let set = [
        ("OTEL_EXPORTER_OTLP_HEADERS", ""),
        ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "key=1"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "300"),
        ("OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", "400"),
    ];
    let read = |name: &str| set.iter().find(|(set, _)| *set == name).map(|(_, value)| value.into());
    for (signal, headers, timeout) in
        [(Signal::Traces, None, "300"), (Signal::Metrics, Some("key=1"), "300"), (Signal::Logs, None, "400")]
    {
        assert_eq!(variable(signal, "HEADERS", read).as_deref(), headers.map(OsStr::new), "{signal:?}");
        assert_eq!(variable(signal, "TIMEOUT", read).as_deref(), Some(OsStr::new(timeout)), "{signal:?}");
    }
}
