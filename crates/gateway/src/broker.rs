//! The token broker as the gateway sees it: an assertion goes in, the same user's token for Azure comes out.

use std::path::PathBuf;
use std::time::Instant;

use identity::BearerToken;
use proto::client::{BrokerAddress, Client, ClientConfig, Exchange, SetupError, TlsFile, TlsFileError};
use proto::status::{Block, BrokerError, Reason, metadata};
use secrecy::SecretString;
use telemetry::{grpc, names};
use tonic::Code;
use tracing::{Instrument, field, info_span};

use crate::metrics::Instruments;
use crate::refusal::Refusal;

/// The downstream resource this gateway asks for, by the name the broker's configuration gives it.
pub(crate) const RESOURCE: &str = "arm";

/// A connection to the token broker. Cheap to clone; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Broker {
    client: Client,
    address: BrokerAddress,
    instruments: Instruments,
}

impl Broker {
    /// Sets up the connection to where `config` says; it is made when first needed and again whenever it breaks.
    ///
    /// # Errors
    /// When a TLS file cannot be used.
    pub(crate) fn new(config: ClientConfig, instruments: Instruments) -> Result<Self, BrokerSetupError> {
        Ok(Self { address: config.address().clone(), client: Client::new(config)?, instruments })
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
        let (server, port) = self.address.server();
        let span = info_span!(
            names::SPAN_GATEWAY_EXCHANGE,
            otel.name = names::RPC_EXCHANGE,
            otel.kind = "client",
            rpc.system.name = "grpc",
            rpc.method = names::RPC_EXCHANGE,
            rpc.status_code = field::Empty,
            server.address = server,
            server.port = port,
            challenged = claims.is_some(),
            error.type = field::Empty,
            otel.status_code = field::Empty
        );
        let started = Instant::now();
        let exchange = Exchange { assertion: assertion.expose(), resource: RESOURCE, claims };
        let exchanged = self.client.exchange(exchange).instrument(span.clone()).await;
        let status = grpc::status_name(exchanged.as_ref().err().map_or(Code::Ok, BrokerError::code));
        span.record("rpc.status_code", status);
        let result = exchanged.map_err(|error| span.in_scope(|| refusal(&error)));
        let code = result.as_ref().err().map(Refusal::code);
        if let Some(code) = &code {
            span.record("error.type", &**code).record("otel.status_code", "ERROR");
        }
        self.instruments.broker_called(status, code.as_deref(), started.elapsed());
        result.map(|exchanged| exchanged.access_token)
    }
}

/// What the broker's error means for the caller. The one table of it.
pub(crate) fn refusal(error: &BrokerError) -> Refusal {
    match error.reason() {
        Some(Reason::InvalidToken) => invalid_token(error),
        Some(Reason::AppOnlyToken) => Refusal::AppOnlyToken,
        Some(Reason::BlockedByPolicy) => Refusal::BlockedByPolicy {
            cause: blocked_by(error.metadata(metadata::CAUSE)),
            correlation_id: error.metadata(metadata::CORRELATION_ID).map(str::to_owned),
        },
        Some(Reason::ClaimsChallenge) => Refusal::challenged(error.claims().unwrap_or_default()),
        Some(Reason::ConsentRequired) => Refusal::ConsentRequired {
            permission: error
                .metadata(metadata::PERMISSION)
                .unwrap_or("the downstream permission")
                .to_owned(),
        },
        Some(Reason::IdentityProviderUnavailable) => {
            Refusal::IdentityProviderUnavailable { retry_after: error.retry_after() }
        }
        Some(Reason::Overloaded | Reason::PurgeIncomplete) => Refusal::BrokerUnavailable,
        Some(Reason::AuditUnavailable) => Refusal::AuditUnavailable,
        Some(
            reason @ (Reason::BrokerMisconfigured
            | Reason::ConsumerNotAllowed
            | Reason::InvalidRequest
            | Reason::UnknownResource),
        ) => {
            tracing::error!(%reason, message = error.message(), "the token broker cannot serve this gateway");
            Refusal::BrokerMisconfigured
        }
        // Newer than this gateway: the code says that coming back does not help.
        None if error.is_from_broker() && !is_passing(error.code()) => {
            tracing::error!(code = ?error.code(), message = error.message(), "the token broker refuses for a reason that is not known here");
            Refusal::BrokerMisconfigured
        }
        None => {
            tracing::error!(code = ?error.code(), message = error.message(), "no answer of the token broker's own");
            Refusal::BrokerUnavailable
        }
    }
}

/// A cause that is newer than this gateway is some policy.
fn blocked_by(cause: Option<&str>) -> Block {
    cause.and_then(|cause| cause.parse().ok()).unwrap_or(Block::Policy)
}

fn is_passing(code: Code) -> bool {
    matches!(code, Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded)
}

/// Reasons that the gateway would have refused a moment ago: if the broker sees them, the two are set up
/// differently, and no sign-in can mend that.
pub(crate) const SETTINGS_DIFFER: [&str; 4] =
    ["wrong_audience", "wrong_issuer", "wrong_tenant", "unsupported_version"];

fn invalid_token(error: &BrokerError) -> Refusal {
    let reason = error.metadata(metadata::REASON).unwrap_or("rejected");
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
    let who =
        if error.metadata(metadata::AADSTS).is_some() { "Microsoft Entra ID" } else { "The token broker" };
    let detail = format!("{who} no longer accepts this sign-in: {}", error.message());
    Refusal::InvalidToken { reason: reason.to_owned(), detail, claims: None }
}

/// Why the connection to the broker cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrokerSetupError {
    /// A file cannot be used.
    #[error("{setting} `{}` cannot be used", path.display())]
    File {
        /// The setting.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<TlsFileError>,
    },
    /// The address and the files do not fit together.
    #[error(
        "the connection to the token broker cannot be set up: check GATEWAY_BROKER_URL and the GATEWAY_BROKER_* files"
    )]
    Client(#[source] SetupError),
}

impl From<SetupError> for BrokerSetupError {
    fn from(error: SetupError) -> Self {
        let SetupError::TlsFile(error) = error else { return Self::Client(error) };
        let setting = match error.file {
            TlsFile::Authority => "GATEWAY_BROKER_CA_FILE",
            TlsFile::Certificate => "GATEWAY_BROKER_CERT_FILE",
            TlsFile::Key => "GATEWAY_BROKER_KEY_FILE",
        };
        Self::File { setting, path: error.path.clone(), source: Box::new(error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_that_is_newer_than_this_gateway_is_some_policy() {
        for (cause, block) in [
            (Some("device"), Block::Device),
            (Some("newer_than_this"), Block::Policy),
            (Some(""), Block::Policy),
            (None, Block::Policy),
        ] {
            let error = BrokerError::new(Reason::BlockedByPolicy, "no");
            let error = error.with_metadata(metadata::CAUSE, cause.unwrap_or_default());
            let Refusal::BlockedByPolicy { cause: found, .. } = refusal(&error) else { panic!("{error}") };
            assert_eq!(found, block);
        }
    }
}
