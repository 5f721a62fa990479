//! The client of the token broker: one call in, the user's token or a typed refusal out.
//!
//! What every consumer would otherwise write again: connections by loopback, unix socket or mutual TLS that follow
//! their certificate files, to every broker behind a name, with calls spread over them; a deadline that holds though the broker is gone; another try where one is safe and helps;
//! the caller's trace; and errors with their reason. Every call of the contract may be repeated, so nothing here has
//! to guess whether a broken call was worked on.
//!
//! ```no_run
//! # async fn example(assertion: &str) -> Result<(), Box<dyn std::error::Error>> {
//! use token_broker_proto::Reason;
//! use token_broker_proto::client::{Client, ClientConfig, Exchange, TlsFiles};
//!
//! let files = TlsFiles::new("/etc/tls/broker-ca.pem").with_identity("/etc/tls/tls.crt", "/etc/tls/tls.key");
//! let client = Client::new(ClientConfig::new("https://token-broker:50051".parse()?).with_tls(files))?;
//!
//! match client.exchange(Exchange { assertion, resource: "arm", claims: None }).await {
//!     Ok(answer) => println!("a token until {:?}", answer.expires_at),
//!     Err(error) if error.reason() == Some(Reason::ClaimsChallenge) => {
//!         println!("sign in again, with {:?}", error.claims());
//!     }
//!     Err(error) => return Err(error.into()),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! This module must not know what a token is used for, nor who its caller's users are.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use secrecy::SecretString;
use tokio::time::{Instant, sleep, timeout_at};
use tonic::{Request, Response, Status};

use crate::status::BrokerError;
use crate::v1::token_broker_client::TokenBrokerClient;
use crate::v1::{ExchangeRequest, PreflightRequest, PreflightResponse, PurgeUserRequest, TokenSource};

use connect::Route;
use retry::Retries;

pub use address::{BrokerAddress, InvalidBrokerAddress};
pub use balance::Channel;
pub use error::{SetupError, TlsFile, TlsFileError, TlsFileProblem};
pub use resolve::{Resolve, Resolving, SystemResolver};
pub use tls::TlsFiles;

mod address;
mod balance;
mod connect;
mod error;
mod keeper;
mod members;
mod resolve;
mod retry;
mod tls;
mod trace;

/// How long a call may take, where nothing else is said: as long as the broker gives one.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(20);
/// How often a call is tried, where nothing else is said.
pub const DEFAULT_ATTEMPTS: NonZeroU32 = NonZeroU32::MIN.saturating_add(2);
/// How long a broker that says when to come back is waited for, where nothing else is said.
pub const DEFAULT_PATIENCE: Duration = Duration::from_secs(2);

/// The longest answer. Entra ID's own answers are at most 128 KiB at the broker.
const MAX_ANSWER_BYTES: usize = 160 * 1024;

/// How to reach the broker, and how long to try.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    address: BrokerAddress,
    tls: Option<TlsFiles>,
    deadline: Duration,
    attempts: NonZeroU32,
    patience: Duration,
    resolver: Arc<dyn Resolve>,
}

impl ClientConfig {
    /// A broker at `address`. An `https://` one needs [`ClientConfig::with_tls`] as well.
    pub fn new(address: BrokerAddress) -> Self {
        Self {
            address,
            tls: None,
            deadline: DEFAULT_DEADLINE,
            attempts: DEFAULT_ATTEMPTS,
            patience: DEFAULT_PATIENCE,
            resolver: Arc::new(SystemResolver),
        }
    }

    /// The files that the broker is known by and that this consumer is known by.
    #[must_use]
    pub fn with_tls(mut self, files: TlsFiles) -> Self {
        self.tls = Some(files);
        self
    }

    /// How long one call may take, all its tries and pauses included.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// How often one call is tried at most; 1 is never again.
    #[must_use]
    pub fn with_attempts(mut self, attempts: NonZeroU32) -> Self {
        self.attempts = attempts;
        self
    }

    /// The longest pause that the broker may ask for (`RetryInfo`) and that is waited for within a call. A longer one
    /// ends the call with the error, for the caller to act on; zero leaves every such pause to the caller.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Where the broker is.
    pub fn address(&self) -> &BrokerAddress {
        &self.address
    }

    /// What looks the broker's name up, in place of the system.
    #[must_use]
    pub fn with_resolver(mut self, resolver: Arc<dyn Resolve>) -> Self {
        self.resolver = resolver;
        self
    }

    /// The connections themselves, for what is not a call of a consumer: the standard health service, the preflight. They
    /// are made when first needed. Call it within a Tokio runtime.
    ///
    /// # Errors
    /// As for [`Client::new`].
    pub fn channel(self) -> Result<Channel, SetupError> {
        Ok(Channel::new(Route::new(self.address, self.tls)?, self.resolver))
    }
}

/// A client of the broker. Cheap to clone; clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    grpc: TokenBrokerClient<Channel>,
    retries: Retries,
    deadline: Duration,
}

impl Client {
    /// Sets up connections to every address behind the broker's name; they are made when first needed, and again whenever
    /// they break or are closed. Call it within a Tokio runtime.
    ///
    /// # Errors
    /// [`SetupError`] if a TLS file is missing or cannot be used, now at the start.
    pub fn new(config: ClientConfig) -> Result<Self, SetupError> {
        let (deadline, retries) =
            (config.deadline, Retries { attempts: config.attempts, patience: config.patience });
        let channel = config.channel()?;
        let grpc = TokenBrokerClient::new(channel).max_decoding_message_size(MAX_ANSWER_BYTES);
        Ok(Self { grpc, retries, deadline })
    }

    /// The same client with another deadline for its calls.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Exchanges a user's token for the same user's token for a downstream resource.
    ///
    /// The current span's trace goes along: open a span of kind `client` around the call.
    ///
    /// # Errors
    /// [`BrokerError`], with a reason if the broker said no, and without one if nobody answered: then its code is
    /// `DEADLINE_EXCEEDED`, `UNAVAILABLE` or what the transport made of it.
    pub async fn exchange(&self, exchange: Exchange<'_>) -> Result<Exchanged, BrokerError> {
        let message = || ExchangeRequest {
            assertion: exchange.assertion.to_owned(),
            resource: exchange.resource.to_owned(),
            claims: exchange.claims.unwrap_or_default().to_owned(),
        };
        let send =
            |mut grpc: TokenBrokerClient<Channel>, request| async move { grpc.exchange(request).await };
        let answer = self.call(message, send).await?;
        let source = answer.source();
        if answer.access_token.is_empty() {
            return Err(malformed("an answer without a token"));
        }
        Ok(Exchanged {
            access_token: SecretString::from(answer.access_token),
            expires_at: time(answer.expires_at)?,
            source,
        })
    }

    /// Has the broker forget a user's tokens, on every replica. Returns from when on none serves one that was
    /// exchanged before.
    ///
    /// # Errors
    /// As for [`Client::exchange`].
    pub async fn purge_user(&self, purge: Purge<'_>) -> Result<SystemTime, BrokerError> {
        let message = || PurgeUserRequest {
            tenant_id: purge.tenant_id.to_owned(),
            user_oid: purge.user_oid.to_owned(),
        };
        let send =
            |mut grpc: TokenBrokerClient<Channel>, request| async move { grpc.purge_user(request).await };
        time(self.call(message, send).await?.effective_at)
    }

    /// What the broker knows of its tenant's set-up. `refresh` has it looked up anew first.
    ///
    /// # Errors
    /// As for [`Client::exchange`].
    pub async fn preflight(&self, refresh: bool) -> Result<PreflightResponse, BrokerError> {
        let message = || PreflightRequest { refresh };
        let send =
            |mut grpc: TokenBrokerClient<Channel>, request| async move { grpc.preflight(request).await };
        self.call(message, send).await
    }

    /// One call with all its tries. The whole is bounded by the deadline, of which each try gets what is left.
    async fn call<M, T, F>(
        &self,
        message: impl Fn() -> M,
        send: impl Fn(TokenBrokerClient<Channel>, Request<M>) -> F,
    ) -> Result<T, BrokerError>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let deadline = Instant::now() + self.deadline;
        let mut tries = 0;
        loop {
            let mut request = Request::new(message());
            request.set_timeout(deadline.saturating_duration_since(Instant::now()));
            trace::inject(request.metadata_mut());
            // `grpc-timeout` asks the broker to give up; this makes sure of it where the broker is gone.
            let answer = timeout_at(deadline, send(self.grpc.clone(), request)).await;
            let status = match answer {
                Ok(Ok(response)) => return Ok(response.into_inner()),
                Ok(Err(status)) => status,
                Err(_elapsed) => return Err(overdue()),
            };
            tries += 1;
            let error = BrokerError::from_status(&status);
            if error.reason().is_none() && deadline <= Instant::now() {
                // The transport's own timer was first.
                return Err(overdue());
            }
            match self.retries.pause(tries, &error, &status) {
                Some(pause) if Instant::now() + pause < deadline => {
                    tracing::debug!(%error, tries, "the token broker is asked again");
                    sleep(pause).await;
                }
                _ => return Err(error),
            }
        }
    }
}

/// What is to be exchanged.
#[derive(Clone, Copy)]
pub struct Exchange<'a> {
    /// The access token that the user sent, without `Bearer`.
    pub assertion: &'a str,
    /// The downstream resource by the name that the broker's configuration gives it.
    pub resource: &'a str,
    /// A claims challenge that the downstream resource answered with, decoded; `None` in an ordinary call.
    pub claims: Option<&'a str>,
}

impl fmt::Debug for Exchange<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("resource", &self.resource).finish_non_exhaustive()
    }
}

/// The user's token for the downstream resource.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Exchanged {
    /// The access token: a live credential. It is not shown by `Debug`, and wiped when dropped.
    pub access_token: SecretString,
    /// When it expires.
    pub expires_at: SystemTime,
    /// Where it came from.
    pub source: TokenSource,
}

/// Whose tokens are to be forgotten.
#[derive(Clone, Copy, Debug)]
pub struct Purge<'a> {
    /// The user's tenant, a GUID.
    pub tenant_id: &'a str,
    /// The user's object id there, a GUID.
    pub user_oid: &'a str,
}

fn time(timestamp: Option<prost_types::Timestamp>) -> Result<SystemTime, BrokerError> {
    timestamp
        .and_then(|timestamp| SystemTime::try_from(timestamp).ok())
        .ok_or_else(|| malformed("an answer without a time"))
}

fn overdue() -> BrokerError {
    BrokerError::from_status(&Status::deadline_exceeded("the token broker did not answer in time"))
}

fn malformed(what: &str) -> BrokerError {
    BrokerError::from_status(&Status::internal(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_do_not_reach_debug() {
        let exchange =
            Exchange { assertion: "eyJ.secret.one", resource: "arm", claims: Some("{\"secret\":1}") };
        let exchanged = Exchanged {
            access_token: SecretString::from("eyJ.secret.two"),
            expires_at: SystemTime::UNIX_EPOCH,
            source: TokenSource::Cache,
        };
        let shown = format!("{exchange:?} {exchanged:?}");
        assert!(!shown.contains("secret") && shown.contains("arm"), "{shown}");
    }
}
