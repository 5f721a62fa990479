//! An outcome as bytes, to be sealed.
//!
//! Outages and faults of a broker's own credential are not shared: another replica may do better.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::aadsts;
use crate::cache::Terms;
use crate::error::{Evidence, ExchangeError, Kind};
use crate::outcome::{DownstreamToken, Outcome};

/// Writes an outcome; `None` if it is not to be shared.
pub(super) fn write(outcome: &Outcome, terms: Terms) -> Option<Zeroizing<Vec<u8>>> {
    let outcome = match outcome {
        Ok(token) => Shared::Token {
            access_token: Cow::Borrowed(token.access_token.expose_secret()),
            expires_at: token.expires_at.as_millisecond(),
        },
        Err(error) => {
            Shared::Refusal { kind: Refusal::of(error.kind())?, evidence: EvidenceRecord::of(error) }
        }
    };
    let record = Record {
        fresh_until: terms.fresh_until.as_millisecond(),
        refresh_at: terms.refresh_at.map(Timestamp::as_millisecond),
        outcome,
    };
    // Room at once: a buffer that grows leaves copies of the token behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity(&record)));
    serde_json::to_writer(&mut *bytes, &record).ok()?;
    Some(bytes)
}

/// Reads what [`write()`] wrote; `None` if it is of another version of this program.
pub(super) fn read(bytes: &[u8]) -> Option<(Outcome, Terms)> {
    let record: Record<'_> = serde_json::from_slice(bytes).ok()?;
    let at = |millisecond| Timestamp::from_millisecond(millisecond).ok();
    let terms = Terms {
        fresh_until: at(record.fresh_until)?,
        refresh_at: match record.refresh_at {
            Some(millisecond) => Some(at(millisecond)?),
            None => None,
        },
    };
    let outcome = match record.outcome {
        Shared::Token { access_token, expires_at } => Ok(DownstreamToken {
            access_token: Arc::new(SecretString::from(access_token.as_ref())),
            expires_at: at(expires_at)?,
            refresh_at: terms.refresh_at,
            correlation_id: None,
        }),
        Shared::Refusal { kind, evidence } => {
            let error = ExchangeError::from(kind.into_kind()?);
            Err(match evidence {
                Some(evidence) => error.with_evidence(evidence.into_evidence()),
                None => error,
            })
        }
    };
    Some((outcome, terms))
}

#[derive(Deserialize, Serialize)]
struct Record<'a> {
    fresh_until: i64,
    refresh_at: Option<i64>,
    #[serde(borrow)]
    outcome: Shared<'a>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Shared<'a> {
    Token {
        #[serde(borrow)]
        access_token: Cow<'a, str>,
        expires_at: i64,
    },
    Refusal {
        #[serde(borrow)]
        kind: Refusal<'a>,
        evidence: Option<EvidenceRecord>,
    },
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Refusal<'a> {
    InvalidToken { reason: Cow<'a, str> },
    AppOnlyToken,
    BlockedByPolicy { cause: Cow<'a, str> },
    ClaimsChallenge { claims: Cow<'a, str> },
    ConsentRequired { permission: Cow<'a, str> },
}

impl<'a> Refusal<'a> {
    fn of(kind: &'a Kind) -> Option<Self> {
        Some(match kind {
            Kind::InvalidToken { reason, .. } => Self::InvalidToken { reason: (*reason).into() },
            Kind::AppOnlyToken => Self::AppOnlyToken,
            Kind::BlockedByPolicy { cause } => Self::BlockedByPolicy { cause: cause.as_str().into() },
            Kind::ClaimsChallenge { claims } => Self::ClaimsChallenge { claims: claims.as_ref().into() },
            Kind::ConsentRequired { permission } => {
                Self::ConsentRequired { permission: permission.as_ref().into() }
            }
            Kind::InvalidRequest(_)
            | Kind::UnknownResource
            | Kind::Overloaded
            | Kind::PurgeIncomplete
            | Kind::AuditUnavailable
            | Kind::IdentityProviderUnavailable { .. }
            | Kind::BrokerMisconfigured => return None,
        })
    }

    fn into_kind(self) -> Option<Kind> {
        Some(match self {
            Self::InvalidToken { reason } => aadsts::sign_in_again(&reason)?,
            Self::AppOnlyToken => Kind::AppOnlyToken,
            Self::BlockedByPolicy { cause } => Kind::BlockedByPolicy { cause: cause.parse().ok()? },
            Self::ClaimsChallenge { claims } => Kind::ClaimsChallenge { claims: Arc::from(claims.as_ref()) },
            Self::ConsentRequired { permission } => {
                Kind::ConsentRequired { permission: Arc::from(permission.as_ref()) }
            }
        })
    }
}

#[derive(Deserialize, Serialize)]
struct EvidenceRecord {
    aadsts: Option<u32>,
    correlation_id: Option<String>,
    trace_id: Option<String>,
}

impl EvidenceRecord {
    fn of(error: &ExchangeError) -> Option<Self> {
        let Evidence { aadsts, correlation_id, trace_id } = error.evidence()?.clone();
        Some(Self { aadsts, correlation_id, trace_id })
    }

    fn into_evidence(self) -> Evidence {
        Evidence { aadsts: self.aadsts, correlation_id: self.correlation_id, trace_id: self.trace_id }
    }
}

fn capacity(record: &Record<'_>) -> usize {
    const REST: usize = 16 * 1024;
    match &record.outcome {
        Shared::Token { access_token, .. } => access_token.len() + 256,
        Shared::Refusal { .. } => REST,
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use proto::status::Block;

    use super::*;
    use crate::testing::NOW;

    const TERMS: Terms = Terms { fresh_until: NOW, refresh_at: None };

    #[test]
    fn a_token_comes_back_as_it_was() {
        let token = DownstreamToken::sample("eyJ.a.b", NOW + SignedDuration::from_mins(60));
        let terms = Terms { fresh_until: NOW + SignedDuration::from_mins(30), refresh_at: Some(NOW) };
        let (outcome, read_terms) = read(&write(&Ok(token.clone()), terms).unwrap()).unwrap();
        let read = outcome.unwrap();
        assert_eq!(read.access_token.expose_secret(), token.access_token.expose_secret());
        assert_eq!((read.expires_at, read_terms), (token.expires_at, terms));
    }

    #[test]
    fn there_is_room_at_once_so_that_no_copy_of_a_token_is_left_behind() {
        let token = DownstreamToken::sample(&"t".repeat(1843), NOW);
        let written = write(&Ok(token), TERMS).unwrap();
        assert!((1843 + 256..1843 + 512).contains(&written.capacity()), "{}", written.capacity());
        let claims = Kind::ClaimsChallenge { claims: Arc::from("c".repeat(8192)) };
        let written = write(&Err(claims.into()), TERMS).unwrap();
        assert_eq!(written.capacity(), 16_384);
    }

    #[test]
    fn refusals_of_a_user_are_shared_and_outages_are_not() {
        let evidence = Evidence { aadsts: Some(50076), correlation_id: Some("c".into()), trace_id: None };
        for kind in [
            aadsts::sign_in_again("interaction_required").unwrap(),
            Kind::AppOnlyToken,
            aadsts::sign_in_again("sign_in_frequency").unwrap(),
            Kind::ClaimsChallenge { claims: Arc::from(r#"{"access_token":{"a":"\n"}}"#) },
            Kind::ConsentRequired { permission: "Azure".into() },
        ]
        .into_iter()
        .chain(Block::ALL.map(|cause| Kind::BlockedByPolicy { cause }))
        {
            let error = ExchangeError::from(kind).with_evidence(evidence.clone());
            let (outcome, _) = read(&write(&Err(error.clone()), TERMS).unwrap()).unwrap();
            assert_eq!(outcome.unwrap_err(), error);
        }
        for kind in [
            Kind::IdentityProviderUnavailable { retry_after: None },
            Kind::BrokerMisconfigured,
            Kind::UnknownResource,
        ] {
            assert!(write(&Err(kind.into()), TERMS).is_none());
        }
    }

    #[test]
    fn what_another_version_wrote_is_nothing() {
        for text in ["", "{}", r#"{"fresh_until":0,"refresh_at":null,"outcome":{"later":{}}}"#] {
            assert!(read(text.as_bytes()).is_none());
        }
        let unknown = r#"{"fresh_until":0,"refresh_at":null,"outcome":{"refusal":{"kind":{"invalid_token":{"reason":"made_up"}},"evidence":null}}}"#;
        assert!(read(unknown.as_bytes()).is_none());
    }
}
