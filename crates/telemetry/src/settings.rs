//! The telemetry settings, by the names the ecosystem already uses.
//!
//! Only what decides *whether* and *where* is a flag. The rest of `OTEL_*` (`OTEL_RESOURCE_ATTRIBUTES`,
//! `OTEL_TRACES_SAMPLER`, `OTEL_BSP_*`, `OTEL_METRIC_EXPORT_INTERVAL`, `OTEL_EXPORTER_OTLP_HEADERS`, …) is read by the
//! OpenTelemetry SDK itself, exactly as its specification defines it.

use std::convert::Infallible;

use clap::{ArgAction, Args, ValueEnum};

/// Where logs, traces and metrics go.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Telemetry")]
pub struct TelemetryArgs {
    /// Log filter, in the syntax of `tracing`'s EnvFilter (for example `info,gateway=debug`). A level alone is for the
    /// service's own lines; libraries say errors only, unless one is named (`info,rmcp=warn`).
    #[arg(long = "log", env = "RUST_LOG", default_value = "info", value_name = "FILTER")]
    pub log: String,

    /// Log lines for people, or one JSON object per line for machines. Both go to stderr.
    #[arg(long = "log-format", env = "LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,

    /// OTLP collector (for example `http://localhost:4317`), for traces, metrics and the audit's checkpoints. Nothing is
    /// exported without one.
    ///
    /// The other OTEL_* variables work as OpenTelemetry defines them.
    #[arg(long = "otlp-endpoint", env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<String>,

    /// OTLP collector for traces alone; wins over the general one.
    #[arg(long = "otlp-traces-endpoint", env = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", value_name = "URL")]
    pub otlp_traces_endpoint: Option<String>,

    /// OTLP collector for metrics alone; wins over the general one.
    #[arg(long = "otlp-metrics-endpoint", env = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", value_name = "URL")]
    pub otlp_metrics_endpoint: Option<String>,

    /// OTLP collector for log records alone, which are the audit's checkpoints; wins over the general one.
    #[arg(long = "otlp-logs-endpoint", env = "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", value_name = "URL")]
    pub otlp_logs_endpoint: Option<String>,

    /// Protocol of the collector: `grpc`, or `http/protobuf`.
    #[arg(
        long = "otlp-protocol",
        env = "OTEL_EXPORTER_OTLP_PROTOCOL",
        default_value = "grpc",
        value_name = "PROTOCOL"
    )]
    pub otlp_protocol: String,

    /// Protocol for traces alone; wins over the general one.
    #[arg(
        long = "otlp-traces-protocol",
        env = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
        value_name = "PROTOCOL"
    )]
    pub otlp_traces_protocol: Option<String>,

    /// Protocol for metrics alone; wins over the general one.
    #[arg(
        long = "otlp-metrics-protocol",
        env = "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
        value_name = "PROTOCOL"
    )]
    pub otlp_metrics_protocol: Option<String>,

    /// Protocol for log records alone; wins over the general one.
    #[arg(long = "otlp-logs-protocol", env = "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", value_name = "PROTOCOL")]
    pub otlp_logs_protocol: Option<String>,

    /// Who gets traces: `otlp`, if there is a collector, or `none`.
    #[arg(
        long = "traces-exporter",
        env = "OTEL_TRACES_EXPORTER",
        default_value = "otlp",
        value_name = "NAME"
    )]
    pub traces_exporter: String,

    /// Who gets metrics: `otlp`, if there is a collector, or `none`. They can be scraped in any case.
    #[arg(
        long = "metrics-exporter",
        env = "OTEL_METRICS_EXPORTER",
        default_value = "otlp",
        value_name = "NAME"
    )]
    pub metrics_exporter: String,

    /// Who gets log records: `otlp`, if there is a collector, or `none`.
    #[arg(long = "logs-exporter", env = "OTEL_LOGS_EXPORTER", default_value = "otlp", value_name = "NAME")]
    pub logs_exporter: String,

    /// Consent to send telemetry in plain text to a collector beyond loopback (`http://`); never with
    /// OTEL_EXPORTER_OTLP_HEADERS.
    #[arg(
        long = "otlp-insecure",
        env = "OTEL_EXPORTER_OTLP_INSECURE",
        action = ArgAction::Set,
        num_args = 0..=1,
        default_value = "false",
        default_missing_value = "true",
        value_parser = as_otel_says
    )]
    pub insecure: bool,

    /// Name of this service in traces and metrics, in place of the built-in one.
    #[arg(long = "otel-service-name", env = "OTEL_SERVICE_NAME", value_name = "NAME")]
    pub service_name: Option<String>,

    /// Export nothing, whatever else is set.
    #[arg(
        long = "otel-disabled",
        env = "OTEL_SDK_DISABLED",
        action = ArgAction::Set,
        num_args = 0..=1,
        default_value = "false",
        default_missing_value = "true",
        value_parser = as_otel_says
    )]
    pub disabled: bool,
}

/// A kind of what is sent to a collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Traces,
    Metrics,
    /// Of the log only the audit's checkpoints are sent: the rest is for stderr.
    Logs,
}

impl Signal {
    pub(crate) const ALL: [Self; 3] = [Self::Traces, Self::Metrics, Self::Logs];

    /// Its name, in metrics and in the log.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
            Self::Logs => "logs",
        }
    }
}

/// Where somebody wants a signal, as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted<'a> {
    pub(crate) endpoint: &'a str,
    /// It is this signal's own: the whole URL.
    pub(crate) is_own: bool,
    pub(crate) protocol: &'a str,
    /// `otlp`, or something else.
    pub(crate) exporter: &'a str,
}

impl TelemetryArgs {
    /// Where this signal shall go, if there is a collector.
    pub(crate) fn wanted(&self, signal: Signal) -> Option<Wanted<'_>> {
        let (endpoint, protocol, exporter) = match signal {
            Signal::Traces => (&self.otlp_traces_endpoint, &self.otlp_traces_protocol, &self.traces_exporter),
            Signal::Metrics => {
                (&self.otlp_metrics_endpoint, &self.otlp_metrics_protocol, &self.metrics_exporter)
            }
            Signal::Logs => (&self.otlp_logs_endpoint, &self.otlp_logs_protocol, &self.logs_exporter),
        };
        let wanted = Wanted {
            endpoint: endpoint.as_deref().or(self.otlp_endpoint.as_deref())?,
            is_own: endpoint.is_some(),
            protocol: protocol.as_deref().unwrap_or(&self.otlp_protocol),
            exporter,
        };
        (!self.disabled).then_some(wanted)
    }
}

/// What OpenTelemetry takes for true is `true` in any case; all else is false, and no mistake.
#[expect(clippy::unnecessary_wraps, reason = "the form of a parser")]
fn as_otel_says(text: &str) -> Result<bool, Infallible> {
    Ok(text.eq_ignore_ascii_case("true"))
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum LogFormat {
    /// One line per event, for people.
    Text,
    /// One JSON object per line, for machines.
    Json,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        telemetry: TelemetryArgs,
    }

    fn parse(args: &[&str]) -> TelemetryArgs {
        Cli::parse_from(std::iter::once("x").chain(args.iter().copied())).telemetry
    }

    #[test]
    fn the_endpoint_of_a_signal_wins_over_the_general_one() {
        let general = "--otlp-endpoint=http://a:4317";
        for (signal, own) in [
            (Signal::Traces, "--otlp-traces-endpoint=http://b:4317"),
            (Signal::Metrics, "--otlp-metrics-endpoint=http://b:4317"),
            (Signal::Logs, "--otlp-logs-endpoint=http://b:4317"),
        ] {
            let args = parse(&[general, own]);
            for other in Signal::ALL {
                let endpoint = if other == signal { "http://b:4317" } else { "http://a:4317" };
                let wanted = args.wanted(other).unwrap();
                assert_eq!((wanted.endpoint, wanted.is_own), (endpoint, other == signal), "{own} {other:?}");
            }
        }
    }

    #[test]
    fn a_disabled_endpoint_is_none() {
        for signal in Signal::ALL {
            let off = parse(&["--otlp-endpoint", "http://a:4317", "--otel-disabled"]);
            assert_eq!(off.wanted(signal), None);
            let on = parse(&["--otlp-endpoint", "http://a:4317", "--otel-disabled=0"]);
            assert!(on.wanted(signal).is_some(), "only true is true");
        }
    }
}
