//! Where traces go: which collector, by which protocol, and whether what they hold may travel there as it would.
//!
//! A setting that cannot be used costs the traces and never the service. Only where following it would give something
//! away is it an error.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use http::Uri;
use opentelemetry_otlp::tonic_types::transport::{Certificate, ClientTlsConfig};
use opentelemetry_otlp::{
    ExporterBuildError, SpanExporter, WithExportConfig, WithHttpConfig, WithTonicConfig,
};

use self::http_client::Sender;
use crate::settings::TelemetryArgs;

mod http_client;

/// Headers of the exporter, which it reads itself: they may hold keys.
const HEADERS: [&str; 2] = ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"];
/// What stands behind the address that is for all signals (OTLP, "Endpoint URLs for OTLP/HTTP").
const TRACES_PATH: &str = "v1/traces";

/// A collector that may be sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Collector {
    endpoint: String,
    protocol: Protocol,
    tls: bool,
    extra_ca: Option<PathBuf>,
}

/// How traces travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Grpc,
    HttpProtobuf,
}

impl Collector {
    /// The collector of the settings, if there is one.
    pub(crate) fn of(args: &TelemetryArgs, extra_ca: Option<&Path>) -> Result<Option<Self>, Unusable> {
        let has_headers =
            HEADERS.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
        Self::decide(args, extra_ca, has_headers)
    }

    fn decide(
        args: &TelemetryArgs,
        extra_ca: Option<&Path>,
        has_headers: bool,
    ) -> Result<Option<Self>, Unusable> {
        let Some(endpoint) = args.traces_endpoint() else { return Ok(None) };
        let uri = with_scheme(endpoint, args.insecure).parse::<Uri>().map_err(|_| Unusable::NoUrl)?;
        let authority = uri.authority().ok_or(Unusable::NoUrl)?;
        if authority.as_str().contains('@') {
            return Err(Unusable::UserInfo);
        }
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(Unusable::NoUrl),
        };
        if !tls && !is_loopback(uri.host().unwrap_or_default()) {
            match (args.insecure, has_headers) {
                (false, _) => return Err(Unusable::PlainText),
                (true, true) => return Err(Unusable::PlainHeaders),
                (true, false) => {}
            }
        }
        let protocol: Protocol = args.traces_protocol().parse()?;
        let endpoint = match (protocol, args.otlp_traces_endpoint.is_some()) {
            (Protocol::HttpProtobuf, false) => {
                format!("{}/{TRACES_PATH}", uri.to_string().trim_end_matches('/'))
            }
            _ => uri.to_string(),
        };
        Ok(Some(Self { endpoint, protocol, tls, extra_ca: extra_ca.map(Path::to_owned) }))
    }

    /// What exports to it. Call it within the runtime: the exporter's connections live on it.
    pub(crate) fn exporter(&self) -> Result<SpanExporter, Unusable> {
        let extra_ca = self.extra_ca.as_ref().filter(|_| self.tls);
        let extra_ca = extra_ca.map(|path| std::fs::read(path).map_err(|_| Unusable::ExtraCa(path.clone())));
        let exporter = match self.protocol {
            Protocol::Grpc => self.over_grpc(extra_ca.transpose()?)?,
            Protocol::HttpProtobuf => self.over_http(extra_ca.transpose()?.as_deref())?,
        };
        Ok(exporter)
    }

    fn over_grpc(&self, extra_ca: Option<Vec<u8>>) -> Result<SpanExporter, Unusable> {
        let mut builder = SpanExporter::builder().with_tonic().with_endpoint(&self.endpoint);
        if self.tls {
            let mut tls = ClientTlsConfig::new().with_enabled_roots();
            if let Some(pem) = extra_ca {
                tls = tls.ca_certificate(Certificate::from_pem(pem));
            }
            builder = builder.with_tls_config(tls);
        }
        Ok(builder.build()?)
    }

    fn over_http(&self, extra_ca: Option<&[u8]>) -> Result<SpanExporter, Unusable> {
        let sender = Sender::new(extra_ca).map_err(|_| Unusable::Client)?;
        let builder = SpanExporter::builder().with_http().with_http_client(sender);
        let builder =
            builder.with_endpoint(&self.endpoint).with_protocol(opentelemetry_otlp::Protocol::HttpBinary);
        Ok(builder.build()?)
    }
}

impl FromStr for Protocol {
    type Err = Unusable;

    fn from_str(text: &str) -> Result<Self, Unusable> {
        match text {
            "grpc" => Ok(Self::Grpc),
            "http/protobuf" => Ok(Self::HttpProtobuf),
            _ => Err(Unusable::Protocol),
        }
    }
}

/// Without a scheme the exporter would choose one by itself, and by further variables.
fn with_scheme(endpoint: &str, insecure: bool) -> String {
    match endpoint.contains("://") {
        true => endpoint.to_owned(),
        false if insecure => format!("http://{endpoint}"),
        false => format!("https://{endpoint}"),
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Why there are no traces though somebody wants them.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// It is no URL of a collector.
    #[error("OTEL_EXPORTER_OTLP_ENDPOINT (or its TRACES variant) is no http or https URL")]
    NoUrl,
    /// The endpoint holds a user name or password, which the start-up log would show.
    #[error(
        "OTEL_EXPORTER_OTLP_ENDPOINT (or its TRACES variant) must hold no user name or password: use OTEL_EXPORTER_OTLP_HEADERS"
    )]
    UserInfo,
    /// Plain text beyond loopback, and nobody has said that it may be.
    #[error(
        "OTEL_EXPORTER_OTLP_ENDPOINT (or its TRACES variant) is not https and not loopback: make it https, or consent to plain text with OTEL_EXPORTER_OTLP_INSECURE=true"
    )]
    PlainText,
    /// Keys of the collector would travel in plain text.
    #[error(
        "OTEL_EXPORTER_OTLP_INSECURE=true would send OTEL_EXPORTER_OTLP_HEADERS in plain text beyond loopback: make the endpoint https, or leave the headers out"
    )]
    PlainHeaders,
    /// A protocol that is not spoken here.
    #[error("OTEL_EXPORTER_OTLP_PROTOCOL (or its TRACES variant) must be grpc or http/protobuf")]
    Protocol,
    /// The file of further authorities.
    #[error("EXTRA_CA_FILE `{}` cannot be read", .0.display())]
    ExtraCa(PathBuf),
    /// The client of OTLP over HTTP.
    #[error("the client of OTLP/HTTP cannot be set up: is EXTRA_CA_FILE PEM?")]
    Client,
    /// Another setting of the exporter.
    #[error("the OTLP exporter refused its settings")]
    Exporter(#[from] ExporterBuildError),
}

impl Unusable {
    /// Whether to go on would give away what a setting holds. Everything else costs no more than the traces.
    pub(crate) fn would_leak(&self) -> bool {
        matches!(self, Self::UserInfo | Self::PlainHeaders)
    }
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

    /// What is decided of these flags: endpoint and protocol, or what is wrong and whether it stops the start.
    fn decided(flags: &[&str], has_headers: bool) -> Result<Option<(String, Protocol)>, (String, bool)> {
        let cli = Cli::parse_from(std::iter::once("x").chain(flags.iter().copied()));
        match Collector::decide(&cli.telemetry, None, has_headers) {
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
            (
                &["--otlp-endpoint=https://collector:4318", http],
                "https://collector:4318/v1/traces",
                HttpProtobuf,
            ),
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
            (
                &["--otlp-endpoint=http://collector:4317", "--otlp-insecure=TRUE"],
                "http://collector:4317/",
                Grpc,
            ),
        ] {
            assert_eq!(decided(flags, false), Ok(Some((endpoint.to_owned(), protocol))), "{flags:?}");
        }
        assert_eq!(decided(&[], true), Ok(None));
        let at_home = decided(&["--otlp-endpoint=http://127.0.0.1:4317"], true);
        assert!(matches!(at_home, Ok(Some(_))), "headers may travel in plain text on loopback");
    }

    #[test]
    fn what_cannot_be_used_is_a_warning_and_what_would_leak_an_error() {
        let plain = "--otlp-endpoint=http://collector:4317";
        for (flags, has_headers, said, stops) in [
            (&[plain][..], false, "OTEL_EXPORTER_OTLP_INSECURE=true", false),
            (&[plain, "--otlp-insecure=1"], false, "OTEL_EXPORTER_OTLP_INSECURE=true", false),
            (&[plain], true, "OTEL_EXPORTER_OTLP_INSECURE=true", false),
            (
                &[plain, "--otlp-insecure=true"],
                true,
                "would send OTEL_EXPORTER_OTLP_HEADERS in plain text",
                true,
            ),
            (
                &["--otlp-endpoint=collector:4317", "--otlp-insecure"],
                true,
                "OTEL_EXPORTER_OTLP_HEADERS",
                true,
            ),
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
            let (text, leaks) = decided(flags, has_headers).unwrap_err();
            assert!(text.contains(said) && leaks == stops, "{flags:?}: {leaks} {text}");
        }
    }

    #[tokio::test]
    async fn an_authority_that_cannot_be_read_is_named() {
        let cli =
            Cli::parse_from(["x", "--otlp-endpoint=https://collector", "--otlp-protocol=http/protobuf"]);
        let collector = Collector::of(&cli.telemetry, Some(Path::new("/nowhere/ca.pem"))).unwrap().unwrap();
        let error = collector.exporter().unwrap_err().to_string();
        assert!(error.contains("EXTRA_CA_FILE `/nowhere/ca.pem`"), "{error}");
    }
}
