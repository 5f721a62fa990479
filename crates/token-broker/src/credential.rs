//! The broker's own credential: how it proves to Entra ID that it is the API's application, without a secret.
//!
//! | kind | what the client assertion is |
//! |---|---|
//! | certificate (`rotation`) | signed here (`client_assertion`), with a key from a file that is followed |
//! | federated token (`federated`) | the token in a file that the platform rewrites |
//! | managed identity (`managed_identity`) | the identity's token, asked of this machine's metadata service |
//!
//! `settings` is how it is chosen, `proof` what each kind gives, `verdict` what Entra ID thinks of it. This module must not
//! know what the assertion is used for.

use std::sync::Arc;
use std::time::Duration;

use identity::clock::SharedClock;
use identity::outbound::OutboundError;
use jiff::Timestamp;
use opentelemetry::metrics::Meter;
use telemetry::names;
use tokio::time;

use crate::application::Application;
use certificate::{SigningCertificate, SigningFailed};
use expiry::Reminder;
pub(crate) use expiry::URGENT_BELOW;
use federated::Federated;
use managed_identity::ManagedIdentity;
pub(crate) use proof::{Own, Proof, Unavailable};
use rotation::Rotation;
pub use settings::{CredentialArgs, CredentialConfig, CredentialConfigError, IdentityEndpoint};
pub(crate) use verdict::Verdict;
use watched::WatchError;

mod certificate;
mod client_assertion;
mod expiry;
mod federated;
mod managed_identity;
mod proof;
mod rotation;
mod settings;
mod verdict;

/// How often a changed file is taken over and reminders are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The broker's own credential, whichever kind it is.
#[derive(Debug)]
pub(crate) struct Credential {
    means: Means,
    clock: SharedClock,
    verdict: Verdict,
    reminder: Reminder,
}

#[derive(Debug)]
enum Means {
    Certificate(Rotation),
    Federated(Federated),
    ManagedIdentity(ManagedIdentity),
}

impl Credential {
    /// Reads the files; asks nobody.
    ///
    /// # Errors
    /// [`CredentialError`] names the setting that cannot be used.
    pub(crate) fn load(
        settings: &CredentialConfig,
        application: &Application,
        clock: &SharedClock,
    ) -> Result<Self, CredentialError> {
        let means = match settings {
            CredentialConfig::Certificate { path, password_file } => {
                let token_endpoint = application.token_endpoint();
                Rotation::load(
                    path.clone(),
                    password_file.clone(),
                    application.client_id,
                    token_endpoint,
                    Arc::clone(clock),
                )
                .map(Means::Certificate)
                .map_err(|source| CredentialError::Certificate { path: path.clone(), source })?
            }
            CredentialConfig::FederatedToken { path } => Federated::load(path.clone())
                .map(Means::Federated)
                .map_err(|source| CredentialError::FederatedToken { path: path.clone(), source })?,
            CredentialConfig::ManagedIdentity { client_id, endpoint } => {
                Means::ManagedIdentity(ManagedIdentity::new(
                    *client_id,
                    endpoint.clone(),
                    application.token_exchange_audience.clone(),
                )?)
            }
        };
        let credential =
            Self { means, clock: Arc::clone(clock), verdict: Verdict::new(), reminder: Reminder::default() };
        credential.remind(clock.now());
        Ok(credential)
    }

    /// Shows in the metrics whether its files are in force.
    pub(crate) fn observe(&self, meter: &Meter) {
        match &self.means {
            Means::Certificate(rotation) => rotation.file().observe(meter, names::BROKER_FILES_STALE),
            Means::Federated(federated) => federated.file().observe(meter, names::BROKER_FILES_STALE),
            Means::ManagedIdentity(_) => {}
        }
    }

    /// Keeps the credential current: follows its files, or renews the managed identity's token. Never returns.
    pub(crate) async fn keep(&self) {
        match &self.means {
            Means::Certificate(rotation) => {
                tokio::join!(Arc::clone(rotation.file()).follow(), self.look());
            }
            Means::Federated(federated) => {
                tokio::join!(Arc::clone(federated.file()).follow(), self.look());
            }
            Means::ManagedIdentity(identity) => identity.keep(&self.clock).await,
        }
    }

    /// A client assertion.
    ///
    /// # Errors
    /// [`Unavailable`] if there is none just now.
    pub(crate) async fn prove(&self, now: Timestamp) -> Result<Proof, Unavailable> {
        match &self.means {
            Means::Certificate(rotation) => rotation.prove(now),
            Means::Federated(federated) => federated.prove(now),
            Means::ManagedIdentity(identity) => identity.prove(&self.clock).await,
        }
    }

    /// Another client assertion, after Entra ID did not know the certificate of this one: once after a swap the
    /// certificate before, or the one in force where that one went first.
    pub(crate) fn prove_otherwise(&self, refused: &Proof, now: Timestamp) -> Option<Proof> {
        match (&self.means, refused.thumbprint()) {
            (Means::Certificate(rotation), Some(thumbprint)) => rotation.prove_otherwise(thumbprint, now),
            _ => None,
        }
    }

    /// Entra ID knew this one, and not the other.
    pub(crate) fn prefer(&self, proof: &Proof, now: Timestamp) {
        if let (Means::Certificate(rotation), Some(thumbprint)) = (&self.means, proof.thumbprint()) {
            rotation.prefer(thumbprint, now);
        }
    }

    /// What Entra ID thinks of it.
    pub(crate) fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// Whether there is a credential that has not expired, and Entra ID does not refuse it.
    pub(crate) fn is_good(&self, now: Timestamp) -> bool {
        let valid = match &self.means {
            Means::Certificate(rotation) => rotation.is_valid_at(now),
            Means::Federated(federated) => federated.expires_at() > now,
            Means::ManagedIdentity(identity) => identity.has_token(now),
        };
        valid && self.verdict.is_good()
    }

    /// Days until the certificate ends. The other kinds renew themselves and have no such date.
    pub(crate) fn days_left(&self) -> Option<f64> {
        match &self.means {
            Means::Certificate(rotation) => Some(expiry::days_left(&rotation.current(), self.clock.now())),
            Means::Federated(_) | Means::ManagedIdentity(_) => None,
        }
    }

    async fn look(&self) {
        loop {
            time::sleep(LOOK_EVERY).await;
            let now = self.clock.now();
            let replaced = match &self.means {
                Means::Certificate(rotation) => rotation.reload(now),
                Means::Federated(federated) => federated.reload(),
                Means::ManagedIdentity(_) => false,
            };
            if replaced {
                self.verdict.replaced(now);
            }
            self.remind(now);
        }
    }

    fn remind(&self, now: Timestamp) {
        if let Means::Certificate(rotation) = &self.means {
            self.reminder.remind(&rotation.current(), now);
        }
    }
}

/// A credential that cannot be used at the start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// The certificate.
    #[error("the file of AZURE_CLIENT_CERTIFICATE_PATH, `{}`, is not a usable credential", path.display())]
    Certificate {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: WatchError,
    },
    /// The token file.
    #[error("the file of AZURE_FEDERATED_TOKEN_FILE, `{}`, is not a usable credential", path.display())]
    FederatedToken {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: WatchError,
    },
    /// The client for the metadata service cannot be built.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
}
