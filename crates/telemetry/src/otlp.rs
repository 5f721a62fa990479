//! Where telemetry goes: which collector, by which protocol, and whether what it holds may travel there as it would.
//!
//! A setting that cannot be used costs the telemetry and never the service. Only where following it would give something
//! away is it an error.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use http::Uri;
use opentelemetry_otlp::tonic_types::transport::{Certificate, ClientTlsConfig};
use opentelemetry_otlp::{
    ExporterBuildError, LogExporter, MetricExporter, SpanExporter, WithExportConfig, WithHttpConfig,
    WithTonicConfig,
};

use self::http_client::Sender;
use crate::settings::{Signal, TelemetryArgs};

mod http_client;

/// How long an export may take where `OTEL_EXPORTER_OTLP_TIMEOUT` says nothing.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A collector that one signal may be sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Collector {
    endpoint: String,
    protocol: Protocol,
    tls: bool,
    extra_ca: Option<PathBuf>,
    /// How long one export may take.
    timeout: Duration,
}

/// How telemetry travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Grpc,
    HttpProtobuf,
}

impl Collector {
    /// The collector of the settings, if there is one for this signal.
    pub(crate) fn of(
        args: &TelemetryArgs,
        signal: Signal,
        extra_ca: Option<&Path>,
    ) -> Result<Option<Self>, Unusable> {
        // Headers may hold keys. The exporter reads them itself.
        let has_headers = variable(signal, "HEADERS", |name| std::env::var_os(name)).is_some();
        let milliseconds = variable(signal, "TIMEOUT", |name| std::env::var_os(name));
        let milliseconds = milliseconds.and_then(|text| text.to_str()?.parse().ok());
        let timeout = milliseconds.map_or(TIMEOUT, Duration::from_millis);
        let collector = Self::decide(args, signal, extra_ca, has_headers)?;
        Ok(collector.map(|collector| Self { timeout, ..collector }))
    }

    fn decide(
        args: &TelemetryArgs,
        signal: Signal,
        extra_ca: Option<&Path>,
        has_headers: bool,
    ) -> Result<Option<Self>, Unusable> {
        let Some(wanted) = args.wanted(signal) else { return Ok(None) };
        if !is_exported(wanted.exporter)? {
            return Ok(None);
        }
        let uri = with_scheme(wanted.endpoint, args.insecure).parse::<Uri>().map_err(|_| Unusable::NoUrl)?;
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
        let protocol: Protocol = wanted.protocol.parse()?;
        let endpoint = match (protocol, wanted.is_own) {
            (Protocol::HttpProtobuf, false) => {
                format!("{}/v1/{}", uri.to_string().trim_end_matches('/'), signal.name())
            }
            _ => uri.to_string(),
        };
        Ok(Some(Self { endpoint, protocol, tls, extra_ca: extra_ca.map(Path::to_owned), timeout: TIMEOUT }))
    }

    /// What sends spans there. Call it within the runtime: the exporter's connections live on it. So do the others'.
    pub(crate) fn spans(&self) -> Result<SpanExporter, Unusable> {
        Ok(match self.protocol {
            Protocol::Grpc => self.over_grpc(SpanExporter::builder().with_tonic())?.build()?,
            Protocol::HttpProtobuf => self.over_http(SpanExporter::builder().with_http())?.build()?,
        })
    }

    /// What sends metrics there.
    pub(crate) fn metrics(&self) -> Result<MetricExporter, Unusable> {
        Ok(match self.protocol {
            Protocol::Grpc => self.over_grpc(MetricExporter::builder().with_tonic())?.build()?,
            Protocol::HttpProtobuf => self.over_http(MetricExporter::builder().with_http())?.build()?,
        })
    }

    /// What sends log records there.
    pub(crate) fn logs(&self) -> Result<LogExporter, Unusable> {
        Ok(match self.protocol {
            Protocol::Grpc => self.over_grpc(LogExporter::builder().with_tonic())?.build()?,
            Protocol::HttpProtobuf => self.over_http(LogExporter::builder().with_http())?.build()?,
        })
    }

    fn over_grpc<B: WithExportConfig + WithTonicConfig>(&self, builder: B) -> Result<B, Unusable> {
        let builder = builder.with_endpoint(&self.endpoint).with_timeout(self.timeout);
        if !self.tls {
            return Ok(builder);
        }
        let mut tls = ClientTlsConfig::new().with_enabled_roots();
        if let Some(pem) = self.extra_ca()? {
            tls = tls.ca_certificate(Certificate::from_pem(pem));
        }
        Ok(builder.with_tls_config(tls))
    }

    fn over_http<B: WithExportConfig + WithHttpConfig>(&self, builder: B) -> Result<B, Unusable> {
        let sender = Sender::new(self.extra_ca()?.as_deref(), self.timeout).map_err(|_| Unusable::Client)?;
        let builder = builder.with_http_client(sender).with_endpoint(&self.endpoint);
        Ok(builder.with_protocol(opentelemetry_otlp::Protocol::HttpBinary))
    }

    fn extra_ca(&self) -> Result<Option<Vec<u8>>, Unusable> {
        let path = self.extra_ca.as_ref().filter(|_| self.tls);
        path.map(|path| std::fs::read(path).map_err(|_| Unusable::ExtraCa(path.clone()))).transpose()
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

/// A variable of the exporter's that is no flag: of this signal, or else of all.
fn variable(signal: Signal, what: &str, read: impl Fn(&str) -> Option<OsString>) -> Option<OsString> {
    let own = format!("OTEL_EXPORTER_OTLP_{}_{what}", signal.name().to_ascii_uppercase());
    let names = [own, format!("OTEL_EXPORTER_OTLP_{what}")];
    names.iter().filter_map(|name| read(name)).find(|value| !value.is_empty())
}

/// Whether `otlp` is among the exporters named. Metrics can be scraped always, so nothing need be done for `prometheus`.
fn is_exported(exporters: &str) -> Result<bool, Unusable> {
    let mut names = exporters.split(',').map(str::trim);
    if names.clone().any(|name| !matches!(name, "otlp" | "none" | "prometheus")) {
        return Err(Unusable::Name);
    }
    Ok(names.any(|name| name == "otlp"))
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

/// Why nothing is sent though somebody wants it.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// It is no URL of a collector.
    #[error("OTEL_EXPORTER_OTLP_ENDPOINT (or its variant for one signal) is no http or https URL")]
    NoUrl,
    /// The endpoint holds a user name or password, which the start-up log would show.
    #[error(
        "OTEL_EXPORTER_OTLP_ENDPOINT (or its variant for one signal) must hold no user name or password: use OTEL_EXPORTER_OTLP_HEADERS"
    )]
    UserInfo,
    /// Plain text beyond loopback, and nobody has said that it may be.
    #[error(
        "OTEL_EXPORTER_OTLP_ENDPOINT (or its variant for one signal) is not https and not loopback: make it https, or consent to plain text with OTEL_EXPORTER_OTLP_INSECURE=true"
    )]
    PlainText,
    /// Keys of the collector would travel in plain text.
    #[error(
        "OTEL_EXPORTER_OTLP_INSECURE=true would send OTEL_EXPORTER_OTLP_HEADERS in plain text beyond loopback: make the endpoint https, or leave the headers out"
    )]
    PlainHeaders,
    /// An exporter that there is not.
    #[error("OTEL_TRACES_EXPORTER, OTEL_METRICS_EXPORTER and OTEL_LOGS_EXPORTER must be otlp or none")]
    Name,
    /// A protocol that is not spoken here.
    #[error("OTEL_EXPORTER_OTLP_PROTOCOL (or its variant for one signal) must be grpc or http/protobuf")]
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
    /// Whether to go on would give away what a setting holds. Everything else costs no more than the telemetry.
    pub(crate) fn would_leak(&self) -> bool {
        matches!(self, Self::UserInfo | Self::PlainHeaders)
    }
}

#[cfg(test)]
mod tests;
