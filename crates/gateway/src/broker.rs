//! The token broker as the gateway sees it: an assertion goes in, the same user's token for Azure comes out.

use std::path::Path;
use std::time::Duration;

use identity::BearerToken;
use proto::status::{BrokerError, Reason};
use proto::v1::ExchangeRequest;
use proto::v1::token_broker_client::TokenBrokerClient;
use secrecy::SecretString;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status};
use tracing::{Instrument, field, info_span};

use crate::config::Args;
use crate::refusal::Refusal;

/// The downstream resource this gateway asks for, by the name the broker's configuration gives it.
const RESOURCE: &str = "arm";
/// How long one exchange may take. The broker itself gives Entra ID less.
const EXCHANGE_DEADLINE: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// An exchange is safe to repeat: one that did happen is answered from the broker's cache.
const ATTEMPTS: u32 = 2;

/// A connection to the token broker. Cheap to clone; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Broker {
    client: TokenBrokerClient<Channel>,
}

impl Broker {
    /// Sets up the connection; it is made when first needed and again whenever it breaks.
    ///
    /// # Errors
    /// When a TLS file cannot be read or holds no PEM.
    pub(crate) fn new(args: &Args) -> Result<Self, BrokerSetupError> {
        let mut endpoint = Endpoint::from_shared(args.broker_url.as_str().to_owned())?
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(10));
        if args.broker_url.is_tls() {
            endpoint = endpoint.tls_config(tls(args)?)?;
        }
        Ok(Self { client: TokenBrokerClient::new(endpoint.connect_lazy()) })
    }

    /// Exchanges the caller's assertion for their token for Azure Resource Manager. `claims` is a challenge
    /// that Azure answered with, if this is the second try.
    ///
    /// # Errors
    /// The refusal that the caller is owed.
    pub(crate) async fn exchange(
        &self,
        assertion: &BearerToken,
        claims: Option<&str>,
    ) -> Result<SecretString, Refusal> {
        let span = info_span!(
            telemetry::names::SPAN_GATEWAY_EXCHANGE,
            otel.kind = "client",
            challenged = claims.is_some(),
            error.type = field::Empty
        );
        let exchange = async {
            let mut outcome = self.try_exchange(assertion, claims).await;
            for _ in 1..ATTEMPTS {
                match &outcome {
                    Err(error) if connection_broke(error) => {
                        outcome = self.try_exchange(assertion, claims).await;
                    }
                    _ => break,
                }
            }
            outcome.map_err(|error| refusal(&error))
        };
        let outcome = exchange.instrument(span.clone()).await;
        if let Err(refusal) = &outcome {
            span.record("error.type", refusal.code());
        }
        outcome
    }

    async fn try_exchange(
        &self,
        assertion: &BearerToken,
        claims: Option<&str>,
    ) -> Result<SecretString, BrokerError> {
        let mut request = Request::new(ExchangeRequest {
            assertion: assertion.expose().to_owned(),
            resource: RESOURCE.to_owned(),
            claims: claims.unwrap_or_default().to_owned(),
        });
        request.set_timeout(EXCHANGE_DEADLINE);
        telemetry::grpc::inject(request.metadata_mut());
        // `grpc-timeout` asks the broker to give up; this makes sure of it where the broker is gone.
        let mut client = self.client.clone();
        let exchange = tokio::time::timeout(EXCHANGE_DEADLINE, client.exchange(request));
        let answer = exchange.await.unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer in time")));
        match answer {
            Ok(response) => Ok(SecretString::from(response.into_inner().access_token)),
            Err(status) => Err(BrokerError::from_status(&status)),
        }
    }
}

/// What the broker's error means for the caller. The one table of it.
fn refusal(error: &BrokerError) -> Refusal {
    match error.reason() {
        Some(Reason::InvalidToken) => invalid_token(error),
        Some(Reason::AppOnlyToken) => Refusal::AppOnlyToken,
        Some(Reason::BlockedByPolicy) => Refusal::BlockedByPolicy { cause: error.metadata("cause").into() },
        Some(Reason::ClaimsChallenge) => Refusal::challenged(error.claims().unwrap_or_default()),
        Some(Reason::ConsentRequired) => Refusal::ConsentRequired {
            permission: error.metadata("permission").unwrap_or("the downstream permission").to_owned(),
        },
        Some(Reason::IdentityProviderUnavailable) => {
            Refusal::IdentityProviderUnavailable { retry_after: error.retry_after() }
        }
        Some(Reason::Overloaded) => Refusal::BrokerUnavailable,
        Some(reason @ (Reason::BrokerMisconfigured | Reason::InvalidRequest | Reason::UnknownResource)) => {
            tracing::error!(%reason, message = error.message(), "the token broker cannot serve this gateway");
            Refusal::BrokerMisconfigured
        }
        None => {
            tracing::error!(code = ?error.code(), message = error.message(), "no answer of the token broker's own");
            Refusal::BrokerUnavailable
        }
    }
}

/// Reasons that the gateway would have refused a moment ago: if the broker sees them, the two are set up
/// differently, and no sign-in can mend that.
const SETTINGS_DIFFER: [&str; 4] = ["wrong_audience", "wrong_issuer", "wrong_tenant", "unsupported_version"];

fn invalid_token(error: &BrokerError) -> Refusal {
    let reason = error.metadata("reason").unwrap_or("rejected");
    if SETTINGS_DIFFER.contains(&reason) {
        tracing::error!(
            reason,
            "the token broker refuses what this gateway accepts: compare tenant, audiences and token versions"
        );
        return Refusal::BrokerMisconfigured;
    }
    if reason == identity::Reason::UnknownKey.as_str() {
        // The gateway knows the key already; the broker will in a moment.
        return Refusal::IdentityProviderUnavailable { retry_after: None };
    }
    let who = if error.metadata("aadsts").is_some() { "Microsoft Entra ID" } else { "The token broker" };
    let detail = format!("{who} no longer accepts this sign-in: {}", error.message());
    Refusal::InvalidToken { reason: reason.to_owned(), detail, claims: None }
}

fn connection_broke(error: &BrokerError) -> bool {
    error.reason().is_none() && error.code() == tonic::Code::Unavailable
}

fn tls(args: &Args) -> Result<ClientTlsConfig, BrokerSetupError> {
    let mut tls = ClientTlsConfig::new();
    if let Some(ca) = &args.broker_ca_file {
        tls = tls.ca_certificate(Certificate::from_pem(read("GATEWAY_BROKER_CA_FILE", ca)?));
    }
    if let (Some(certificate), Some(key)) = (&args.broker_cert_file, &args.broker_key_file) {
        let certificate = read("GATEWAY_BROKER_CERT_FILE", certificate)?;
        tls = tls.identity(Identity::from_pem(certificate, read("GATEWAY_BROKER_KEY_FILE", key)?));
    }
    Ok(tls)
}

fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, BrokerSetupError> {
    std::fs::read(path).map_err(|source| BrokerSetupError::Unreadable {
        setting,
        path: path.display().to_string(),
        source,
    })
}

/// Why the connection to the broker cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrokerSetupError {
    /// The address or the TLS files do not work.
    #[error(
        "the connection to the token broker cannot be set up: check GATEWAY_BROKER_URL and the GATEWAY_BROKER_* files"
    )]
    Transport(#[from] tonic::transport::Error),
    /// A file cannot be read.
    #[error("{setting} `{path}` cannot be read")]
    Unreadable {
        /// The setting.
        setting: &'static str,
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}
