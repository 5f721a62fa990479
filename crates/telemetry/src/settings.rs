//! The telemetry settings, by the names the ecosystem already uses.
//!
//! Only what decides *whether* and *where* is a flag. The rest of `OTEL_*` (`OTEL_RESOURCE_ATTRIBUTES`,
//! `OTEL_TRACES_SAMPLER`, `OTEL_BSP_*`, `OTEL_EXPORTER_OTLP_HEADERS`, …) is read by the OpenTelemetry SDK
//! itself, exactly as its specification defines it.

use std::convert::Infallible;

use clap::{ArgAction, Args, ValueEnum};

/// Where logs and traces go.
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

    /// OTLP collector (for example `http://localhost:4317`). No traces are exported without one.
    ///
    /// The other OTEL_* variables work as OpenTelemetry defines them.
    #[arg(long = "otlp-endpoint", env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<String>,

    /// OTLP collector for traces alone; wins over the general one.
    #[arg(long = "otlp-traces-endpoint", env = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", value_name = "URL")]
    pub otlp_traces_endpoint: Option<String>,

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

    /// Consent to send traces in plain text to a collector beyond loopback (`http://`); never with
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

    /// Name of this service in traces, in place of the built-in one.
    #[arg(long = "otel-service-name", env = "OTEL_SERVICE_NAME", value_name = "NAME")]
    pub service_name: Option<String>,

    /// Export no traces, whatever else is set.
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

impl TelemetryArgs {
    /// The collector traces go to, if any.
    pub fn traces_endpoint(&self) -> Option<&str> {
        if self.disabled {
            return None;
        }
        self.otlp_traces_endpoint.as_deref().or(self.otlp_endpoint.as_deref())
    }

    /// The protocol traces travel by, as it was written.
    pub(crate) fn traces_protocol(&self) -> &str {
        self.otlp_traces_protocol.as_deref().unwrap_or(&self.otlp_protocol)
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
    fn the_traces_endpoint_wins_over_the_general_one() {
        let general = parse(&["--otlp-endpoint", "http://a:4317"]);
        assert_eq!(general.traces_endpoint(), Some("http://a:4317"));
        let both = parse(&["--otlp-endpoint", "http://a:4317", "--otlp-traces-endpoint", "http://b:4317"]);
        assert_eq!(both.traces_endpoint(), Some("http://b:4317"));
    }

    #[test]
    fn a_disabled_endpoint_is_none() {
        assert_eq!(parse(&["--otlp-endpoint", "http://a:4317", "--otel-disabled"]).traces_endpoint(), None);
        let on = parse(&["--otlp-endpoint", "http://a:4317", "--otel-disabled=0"]);
        assert!(on.traces_endpoint().is_some(), "only true is true");
    }
}
