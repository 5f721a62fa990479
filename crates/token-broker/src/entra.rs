//! Entra ID's token endpoint: the On-Behalf-Of request and what comes back.
//!
//! The request is Microsoft's, "Microsoft identity platform and OAuth 2.0 On-Behalf-Of flow", on top of RFC 7523.
//! This module must not know who calls the broker, nor what is cached.

use std::sync::Arc;
use std::time::Duration;

use identity::clock::SharedClock;
use identity::{BearerToken, ClientId};
use reqwest::Client;
use secrecy::ExposeSecret as _;
use tokio::sync::{Notify, Semaphore};
use tokio::time;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::aadsts;
use crate::application::Application;
use crate::credential::{Credential, Proof, Unavailable};
use crate::error::{ExchangeError, Kind};
use crate::metrics::Metrics;
use crate::outcome::DownstreamToken;
use crate::resource::Resource;
use crate::throttle::{Pass, Throttle};
use answer::Refusal;
use bearing::{Bearing, Opinion};
use endpoint::{Answer, Endpoint};

pub(crate) use claims::ClaimsRequest;
pub(crate) use endpoint::{Attempt, AttemptFailed};

mod answer;
mod bearing;
mod claims;
mod classify;
mod endpoint;

/// How long one exchange may take, retry and wait for a free slot included.
const DEADLINE: Duration = Duration::from_secs(15);
/// Requests to Entra ID at the same time, over all users.
const MAX_CONCURRENT: usize = 128;
/// How often it is looked whether Entra ID should be asked about the credential.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The kind of call that asks for the application itself, next to the names of resources, which have no spaces. Whatever
/// scope is asked for, it is one kind: each answer proves the credential.
const FOR_ITSELF: &str = "the credential itself";

/// The client of one tenant's token endpoint, acting as one application.
#[derive(Debug)]
pub(crate) struct Entra {
    endpoint: Endpoint,
    client_id: ClientId,
    credential: Arc<Credential>,
    capabilities: Vec<String>,
    clock: SharedClock,
    metrics: Metrics,
    slots: Semaphore,
    throttle: Throttle,
    asked_for_itself: Notify,
}

impl Entra {
    pub(crate) fn new(
        http: Client,
        application: &Application,
        credential: Arc<Credential>,
        capabilities: Vec<String>,
        clock: SharedClock,
        metrics: Metrics,
    ) -> Self {
        credential.observe(metrics.meter());
        let endpoint = Endpoint::new(http, application.token_endpoint(), metrics.clone());
        let (slots, throttle) = (Semaphore::new(MAX_CONCURRENT), Throttle::new());
        let client_id = application.client_id;
        Self {
            endpoint,
            client_id,
            credential,
            capabilities,
            clock,
            metrics,
            slots,
            throttle,
            asked_for_itself: Notify::new(),
        }
    }

    /// Whether the credential is valid now, and Entra ID does not refuse it.
    pub(crate) fn has_good_credential(&self) -> bool {
        self.credential.is_good(self.clock.now())
    }

    /// Keeps the credential current, and asks Entra ID about it when nobody else does: at the start, after it was
    /// replaced, and while it is refused. Never returns. Where `another_asks` for the application itself at the start, that
    /// one's answer is waited for: a start costs one request.
    pub(crate) async fn keep_credential(&self, another_asks: bool) {
        let ask = async {
            if another_asks {
                // Not for ever: it may be late.
                let _late = time::timeout(DEADLINE, self.asked_for_itself.notified()).await;
            }
            loop {
                if self.credential.verdict().is_due(self.clock.now()) {
                    self.prove_itself().await;
                }
                time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::join!(self.credential.keep(), ask);
    }

    /// Exchanges a user's token for the same user's token for `resource`.
    ///
    /// # Errors
    /// [`ExchangeError`], classified by what the caller can do about it.
    pub(crate) async fn on_behalf_of(
        &self,
        assertion: &BearerToken,
        resource: &Resource,
        claims: Option<&ClaimsRequest>,
    ) -> Result<DownstreamToken, ExchangeError> {
        let correlation_id = Uuid::new_v4();
        let exchange = self.exchange(assertion, resource, claims, correlation_id);
        time::timeout(DEADLINE, exchange).await.unwrap_or_else(|_| Err(ExchangeError::unavailable()))
    }

    async fn exchange(
        &self,
        assertion: &BearerToken,
        resource: &Resource,
        claims: Option<&ClaimsRequest>,
        correlation_id: Uuid,
    ) -> Result<DownstreamToken, ExchangeError> {
        let kind = &*resource.name;
        if let Some(left) = self.throttle.pause(kind, self.clock.now()) {
            return Err(self.held_back(kind, left));
        }
        let Ok(_slot) = self.slots.acquire().await else {
            return Err(ExchangeError::unavailable());
        };
        let mut proof = self.credential.prove(self.clock.now()).await.map_err(no_proof)?;
        let now = self.clock.now();
        let pass = self.throttle.admit(kind, now).map_err(|left| self.held_back(kind, left))?;
        let claims = claims::merged(claims, &self.capabilities);
        let form = |proof: &Proof| {
            let mut fields = vec![
                ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
                ("assertion", assertion.expose()),
                ("requested_token_use", "on_behalf_of"),
                ("scope", &resource.scope),
            ];
            fields.extend(claims.as_deref().map(|claims| ("claims", claims)));
            self.form(proof, &fields)
        };
        let attempt = self.ask(form, &mut proof, correlation_id).await;
        self.learn(&attempt, pass, kind);
        let answer = attempt.map_err(|_| ExchangeError::unavailable())?;
        if !answer.status.is_success() {
            let refusal = Refusal::parse(&answer.body);
            let error = classify::classify(answer.status, answer.retry_after, &refusal, resource);
            self.log(&answer, &refusal, error.kind(), &resource.scope, &proof);
            return Err(error.with_evidence(refusal.evidence()));
        }
        let token = answer::token(&answer.body, now).inspect_err(|_| {
            tracing::error!(%correlation_id, "Entra ID's answer holds no usable token");
        })?;
        Ok(DownstreamToken { correlation_id: Some(correlation_id), ..token })
    }

    /// Asks for a token of the application for itself (RFC 6749, section 4.4). Whatever it is for, the answer shows whether
    /// Entra ID accepts the credential. The proof is the one that was used last.
    ///
    /// # Errors
    /// [`Unavailable`] if there is nothing to ask with.
    pub(crate) async fn for_itself(
        &self,
        scope: &str,
        within: Duration,
    ) -> Result<(Attempt, Proof), Unavailable> {
        let asked = self.ask_for_itself(scope, within).await;
        self.asked_for_itself.notify_one();
        asked
    }

    async fn ask_for_itself(&self, scope: &str, within: Duration) -> Result<(Attempt, Proof), Unavailable> {
        let (verdict, now) = (self.credential.verdict(), self.clock.now());
        let mut proof = self.credential.prove(now).await?;
        let asked = async {
            let Ok(_slot) = self.slots.acquire().await else { return Err(AttemptFailed::NoAnswer) };
            let admitted = self.throttle.admit(FOR_ITSELF, self.clock.now());
            let pass = admitted.map_err(|left| AttemptFailed::HeldBack { left })?;
            let form =
                |proof: &Proof| self.form(proof, &[("grant_type", "client_credentials"), ("scope", scope)]);
            let attempt = self.ask(form, &mut proof, Uuid::new_v4()).await;
            self.learn(&attempt, pass, FOR_ITSELF);
            attempt
        };
        let attempt = time::timeout(within, asked).await.unwrap_or(Err(AttemptFailed::NoAnswer));
        match (&attempt, Bearing::of(&attempt).credential) {
            (Ok(answer), Some(Opinion::Refused)) => {
                let refusal = Refusal::parse(&answer.body);
                self.log(answer, &refusal, &Kind::BrokerMisconfigured, scope, &proof);
            }
            (_, Some(Opinion::Accepted)) => tracing::debug!("Entra ID accepts the broker's credential"),
            (_, _) => verdict.unanswered(now),
        }
        Ok((attempt, proof))
    }

    /// Asks for a token that nobody accepts and nobody keeps: the one way to learn without a user, and without a need,
    /// whether the credential is accepted.
    async fn prove_itself(&self) {
        let _learned = self.for_itself(&format!("{}/.default", self.client_id), DEADLINE).await;
    }

    /// Sends the form; once more with another certificate where Entra ID does not know the first. Leaves the proof that
    /// was used last.
    async fn ask(
        &self,
        form: impl Fn(&Proof) -> Zeroizing<String>,
        proof: &mut Proof,
        correlation_id: Uuid,
    ) -> Attempt {
        let first = self.endpoint.send(&form(proof), correlation_id, self.clock.now()).await;
        let now = self.clock.now();
        let unknown = Bearing::of(&first).unknown_certificate;
        let Some(other) = unknown.then(|| self.credential.prove_otherwise(proof, now)).flatten() else {
            return first;
        };
        tracing::warn!(
            refused = proof.thumbprint().map(AsRef::as_ref),
            tried = other.thumbprint().map(AsRef::as_ref),
            %correlation_id,
            "Entra ID does not know the certificate: the other one is tried, once"
        );
        let second = self.endpoint.send(&form(&other), correlation_id, self.clock.now()).await;
        if Bearing::of(&second).credential == Some(Opinion::Accepted) {
            self.credential.prefer(&other, now);
        }
        *proof = other;
        second
    }

    /// Takes from an attempt what it means for everybody: whether to hold back, and what Entra ID thinks of the
    /// credential.
    fn learn(&self, attempt: &Attempt, pass: Pass<'_>, kind: &str) {
        let (bearing, now) = (Bearing::of(attempt), self.clock.now());
        if let Some((cause, pause)) = pass.end(bearing.ending, now) {
            self.metrics.entra_pause(kind, cause);
            tracing::warn!(resource = kind, ?cause, ?pause, "calls to Entra ID of this kind pause");
        }
        match bearing.credential {
            Some(Opinion::Accepted) => self.credential.verdict().accepted(),
            Some(Opinion::Refused) => self.credential.verdict().refused(now),
            None => {}
        }
    }

    fn held_back(&self, kind: &str, left: Duration) -> ExchangeError {
        self.metrics.entra_held_back(kind);
        // Rounded up: who comes back a moment too early is refused once more.
        let left = Duration::from_secs(left.as_secs() + u64::from(left.subsec_nanos() > 0));
        ExchangeError::unavailable().with_retry_after(left)
    }

    fn form(&self, proof: &Proof, more: &[(&str, &str)]) -> Zeroizing<String> {
        let client_id = self.client_id.to_string();
        let fields = [
            ("client_id", &*client_id),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", proof.jwt.expose_secret()),
        ];
        // Room for all of it at once: a buffer that grows leaves copies behind that nobody wipes.
        let length = fields.iter().chain(more).map(|(name, value)| name.len() + 3 * value.len() + 2).sum();
        let mut form = url::form_urlencoded::Serializer::new(String::with_capacity(length));
        form.extend_pairs(fields).extend_pairs(more);
        Zeroizing::new(form.finish())
    }

    fn log(&self, answer: &Answer, refusal: &Refusal, kind: &Kind, scope: &str, proof: &Proof) {
        match kind {
            Kind::BrokerMisconfigured => tracing::error!(
                aadsts = refusal.number(),
                oauth_error = refusal.error(),
                entra_message = %refusal.message(),
                correlation_id = refusal.correlation_id(),
                trace_id = refusal.trace_id(),
                client_id = %self.client_id,
                certificate_thumbprint = proof.thumbprint().map(AsRef::as_ref),
                scope,
                hint = aadsts::hint(refusal.number()),
                "Entra ID refuses this broker itself: every exchange of this kind fails until an operator acts"
            ),
            Kind::IdentityProviderUnavailable { retry_after } => tracing::warn!(
                status = answer.status.as_u16(),
                aadsts = refusal.number(),
                ?retry_after,
                "Entra ID cannot answer"
            ),
            _ => {}
        }
    }
}

fn no_proof(why: Unavailable) -> ExchangeError {
    match why {
        Unavailable::Misconfigured => Kind::BrokerMisconfigured.into(),
        Unavailable::ForNow { retry_after } => Kind::IdentityProviderUnavailable { retry_after }.into(),
    }
}
