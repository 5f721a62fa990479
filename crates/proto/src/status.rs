//! The broker's errors as rich gRPC statuses, written and read in one place for both sides.
//!
//! A status of the broker carries a packed `google.rpc.Status` with a `google.rpc.ErrorInfo` whose domain is
//! [`ERROR_DOMAIN`] and whose reason is one of [`Reason`], and where they apply a `google.rpc.RetryInfo` and a
//! [`ClaimsChallenge`]. Reading is total: a status by something else (a proxy, a hostile peer) yields what can be
//! trusted of it and never fails. Sizes are bounded both ways, because details travel in an HTTP/2 header.
//! See <https://google.aip.dev/193>.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use prost::Message as _;
use prost_types::Any;
use tonic::{Code, Status};
use tonic_types::{ErrorInfo, RetryInfo, pb};

use crate::v1::ClaimsChallenge;

pub use words::{Block, ConsumerCause, UnknownWord, metadata};

mod words;

/// `ErrorInfo.domain` of every error the broker itself raises.
pub const ERROR_DOMAIN: &str = "token-broker";

/// The longest claims request relayed, in bytes. With base64 it still fits HTTP/2's usual 16 KiB of headers.
pub const MAX_CLAIMS_LEN: usize = 8 * 1024;

/// The longest wait a `RetryInfo` may ask for.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// Type URL of the [`ClaimsChallenge`] detail.
const CLAIMS_CHALLENGE_URL: &str = "type.googleapis.com/token_broker.v1.ClaimsChallenge";

const MAX_DETAILS_LEN: usize = 16 * 1024;
const MAX_METADATA_ENTRIES: usize = 16;
const MAX_METADATA_KEY_LEN: usize = 64;
const MAX_METADATA_VALUE_LEN: usize = 256;

/// An error of the broker: what a consumer acts on, without the transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerError {
    code: Code,
    /// Whether the broker wrote it.
    from_broker: bool,
    reason: Option<Reason>,
    message: String,
    metadata: BTreeMap<String, String>,
    retry_after: Option<Duration>,
    claims: Option<String>,
}

impl BrokerError {
    /// An error with the gRPC code that belongs to `reason`. `message` is for developers and holds no internals.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            code: reason.code(),
            from_broker: true,
            reason: Some(reason),
            message: message.into(),
            metadata: BTreeMap::new(),
            retry_after: None,
            claims: None,
        }
    }

    /// Adds a metadata entry. An empty value, an overlong one, or one too many is left out.
    #[must_use]
    pub fn with_metadata(mut self, key: &str, value: impl Into<String>) -> Self {
        let value = value.into();
        if !value.is_empty() && self.metadata.len() < MAX_METADATA_ENTRIES && fits(key, &value) {
            self.metadata.insert(key.to_owned(), value);
        }
        self
    }

    /// Asks the consumer to wait before it tries again; capped at [`MAX_RETRY_AFTER`].
    #[must_use]
    pub fn with_retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay.min(MAX_RETRY_AFTER));
        self
    }

    /// Attaches a claims request (a JSON object as text). One longer than [`MAX_CLAIMS_LEN`] is left out.
    #[must_use]
    pub fn with_claims(mut self, claims: impl Into<String>) -> Self {
        let claims = claims.into();
        self.claims = (!claims.is_empty() && claims.len() <= MAX_CLAIMS_LEN).then_some(claims);
        self
    }

    /// Reads a status that a call of the broker ended with. Never fails: details that are missing, malformed,
    /// oversized or of another domain leave their fields empty.
    pub fn from_status(status: &Status) -> Self {
        let mut error = Self {
            code: status.code(),
            from_broker: false,
            reason: None,
            message: status.message().to_owned(),
            metadata: BTreeMap::new(),
            retry_after: None,
            claims: None,
        };
        if status.details().len() <= MAX_DETAILS_LEN
            && let Ok(packed) = pb::Status::decode(status.details())
        {
            packed.details.iter().for_each(|detail| error.read(detail));
        }
        error
    }

    /// The gRPC code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// Whether the broker wrote this status. If not, nobody answered who knows: a connection broke, or a proxy says so.
    pub fn is_from_broker(&self) -> bool {
        self.from_broker
    }

    /// The broker's reason; `None` where the status is not one the broker wrote, and where the reason is newer than this
    /// client: then the code says what to do.
    pub fn reason(&self) -> Option<Reason> {
        self.reason
    }

    /// A text for developers.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// One metadata entry, by a key of [`metadata`].
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).map(String::as_str)
    }

    /// How long to wait before another try, where the broker knows.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// What the user's next sign-in must satisfy: the claims request exactly as Entra ID sent it.
    pub fn claims(&self) -> Option<&str> {
        self.claims.as_deref()
    }

    /// Takes over what one detail says, if it is of a known type and ours.
    fn read(&mut self, detail: &Any) {
        match detail.type_url.as_str() {
            ErrorInfo::TYPE_URL => {
                let Ok(info) = pb::ErrorInfo::decode(detail.value.as_slice()) else { return };
                if info.domain != ERROR_DOMAIN {
                    return;
                }
                self.from_broker = true;
                self.reason = info.reason.parse().ok();
                self.metadata = info
                    .metadata
                    .into_iter()
                    .filter(|(key, value)| fits(key, value))
                    .take(MAX_METADATA_ENTRIES)
                    .collect();
            }
            RetryInfo::TYPE_URL => {
                let Ok(info) = pb::RetryInfo::decode(detail.value.as_slice()) else { return };
                self.retry_after = info
                    .retry_delay
                    .and_then(|delay| Duration::try_from(delay).ok())
                    .map(|delay| delay.min(MAX_RETRY_AFTER));
            }
            CLAIMS_CHALLENGE_URL => {
                let Ok(challenge) = ClaimsChallenge::decode(detail.value.as_slice()) else { return };
                let usable = !challenge.claims.is_empty() && challenge.claims.len() <= MAX_CLAIMS_LEN;
                self.claims = usable.then_some(challenge.claims);
            }
            _ => {}
        }
    }

    fn details(&self) -> Vec<Any> {
        let mut details = Vec::with_capacity(3);
        if let Some(reason) = self.reason {
            let info = pb::ErrorInfo {
                reason: reason.as_str().to_owned(),
                domain: ERROR_DOMAIN.to_owned(),
                metadata: self.metadata.clone().into_iter().collect(),
            };
            details.push(any(ErrorInfo::TYPE_URL, &info));
        }
        if let Some(delay) = self.retry_after.and_then(|delay| delay.try_into().ok()) {
            details.push(any(RetryInfo::TYPE_URL, &pb::RetryInfo { retry_delay: Some(delay) }));
        }
        if let Some(claims) = &self.claims {
            details.push(any(CLAIMS_CHALLENGE_URL, &ClaimsChallenge { claims: claims.clone() }));
        }
        details
    }
}

impl From<BrokerError> for Status {
    fn from(error: BrokerError) -> Self {
        let packed =
            pb::Status { code: error.code as i32, message: error.message.clone(), details: error.details() };
        Self::with_details(error.code, error.message, packed.encode_to_vec().into())
    }
}

impl fmt::Display for BrokerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            Some(reason) => write!(f, "{reason}: {}", self.message),
            None => write!(f, "{}: {}", self.code, self.message),
        }
    }
}

impl std::error::Error for BrokerError {}

/// `ErrorInfo.reason`: why the broker refused. The strings are the same everywhere in the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A field is missing or malformed.
    InvalidRequest,
    /// No downstream resource of that name.
    UnknownResource,
    /// The assertion fails a check; metadata `reason` names it.
    InvalidToken,
    /// The calling service may not do this; metadata `cause` says what is missing.
    ConsumerNotAllowed,
    /// No user in the assertion.
    AppOnlyToken,
    /// Conditional Access forbids it; trying again cannot help.
    BlockedByPolicy,
    /// The user must satisfy more; the claims say what.
    ClaimsChallenge,
    /// A permission was never granted; metadata `permission` names it.
    ConsentRequired,
    /// Entra ID is out of reach or throttles.
    IdentityProviderUnavailable,
    /// More calls at the same time than the broker, or this consumer, may have.
    Overloaded,
    /// Other replicas may not have heard of the purge yet.
    PurgeIncomplete,
    /// The broker records each call before it is made, and cannot at present.
    AuditUnavailable,
    /// The broker's own credential or registration is wrong.
    BrokerMisconfigured,
}

impl Reason {
    /// Every reason, in the order of the contract's table.
    pub const ALL: [Self; 13] = [
        Self::InvalidRequest,
        Self::UnknownResource,
        Self::InvalidToken,
        Self::ConsumerNotAllowed,
        Self::AppOnlyToken,
        Self::BlockedByPolicy,
        Self::ClaimsChallenge,
        Self::ConsentRequired,
        Self::IdentityProviderUnavailable,
        Self::Overloaded,
        Self::PurgeIncomplete,
        Self::AuditUnavailable,
        Self::BrokerMisconfigured,
    ];

    /// The string on the wire, in logs and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::UnknownResource => "unknown_resource",
            Self::InvalidToken => "invalid_token",
            Self::ConsumerNotAllowed => "consumer_not_allowed",
            Self::AppOnlyToken => "app_only_token",
            Self::BlockedByPolicy => "blocked_by_policy",
            Self::ClaimsChallenge => "claims_challenge",
            Self::ConsentRequired => "consent_required",
            Self::IdentityProviderUnavailable => "identity_provider_unavailable",
            Self::Overloaded => "overloaded",
            Self::PurgeIncomplete => "purge_incomplete",
            Self::AuditUnavailable => "audit_unavailable",
            Self::BrokerMisconfigured => "broker_misconfigured",
        }
    }

    /// The gRPC code that goes with it.
    pub const fn code(self) -> Code {
        match self {
            Self::InvalidRequest | Self::UnknownResource => Code::InvalidArgument,
            Self::InvalidToken => Code::Unauthenticated,
            Self::ConsumerNotAllowed | Self::AppOnlyToken | Self::BlockedByPolicy => Code::PermissionDenied,
            Self::ClaimsChallenge | Self::ConsentRequired => Code::FailedPrecondition,
            Self::IdentityProviderUnavailable | Self::PurgeIncomplete | Self::AuditUnavailable => {
                Code::Unavailable
            }
            Self::Overloaded => Code::ResourceExhausted,
            Self::BrokerMisconfigured => Code::Internal,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Reason {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text).ok_or(UnknownWord)
    }
}

fn any(type_url: &str, message: &impl prost::Message) -> Any {
    Any { type_url: type_url.to_owned(), value: message.encode_to_vec() }
}

fn fits(key: &str, value: &str) -> bool {
    key.len() <= MAX_METADATA_KEY_LEN && value.len() <= MAX_METADATA_VALUE_LEN
}

#[cfg(test)]
mod tests;
