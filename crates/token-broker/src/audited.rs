//! What of a call goes into the audit: which consumer, for whom by tenant and object id, to what, and how it ended.
//!
//! What anybody can cause, who need not be a consumer or proved, is counted and not a record of its own. This module must not
//! know gRPC, nor how anything is exchanged.

use std::sync::Arc;

use audit::{Audit, Call, Origin, Outcome, Person, StartError};
use identity::clock::SharedClock;
use identity::{ObjectId, Principal, TenantId};
use telemetry::Metrics;
use telemetry::names::OUTCOME_OK;

use crate::error::{ExchangeError, Kind};
use crate::outcome::{Outcome as ExchangeOutcome, Source};

/// Begins the audit of a broker with these settings in force.
///
/// # Errors
/// When it cannot be written where it should be.
pub(crate) async fn start(
    settings: &audit::Settings,
    in_force: String,
    clock: &SharedClock,
    metrics: &Metrics,
) -> Result<Audit, StartError> {
    let origin = Origin { service: "token-broker", version: env!("CARGO_PKG_VERSION"), settings: in_force };
    let clock = Arc::clone(clock);
    Audit::start(settings, origin, Arc::new(move || clock.now()), &metrics.meter("audit")).await
}

/// A consumer asks for this person's token.
pub(crate) fn exchange(principal: &Principal, consumer: &str, resource: &str) -> Call {
    let person = Person {
        tenant: *principal.tenant().as_uuid(),
        oid: *principal.oid().as_uuid(),
        client: Some(*principal.client().as_uuid()),
    };
    of(consumer, "exchange").by(person).resource(resource)
}

/// A consumer has this person's tokens forgotten.
pub(crate) fn purge(tenant: TenantId, oid: ObjectId, consumer: &str) -> Call {
    let person = Person { tenant: *tenant.as_uuid(), oid: *oid.as_uuid(), client: None };
    of(consumer, "purge").by(person)
}

/// A consumer asks how the tenant is set up.
pub(crate) fn preflight(consumer: &str) -> Call {
    of(consumer, "preflight")
}

fn of(consumer: &str, operation: &'static str) -> Call {
    Call::new(operation).of_consumer(consumer).trace(telemetry::trace_id().as_deref())
}

/// How an exchange ended, with the id by which Entra ID knows the request that it answered or refused; none where it was not
/// asked.
pub(crate) fn exchanged(result: &ExchangeOutcome, source: Source) -> Outcome {
    let token = result.as_ref().ok().filter(|_| source == Source::Entra);
    match token.and_then(|token| token.correlation_id) {
        Some(id) => Outcome::new(OUTCOME_OK).requests([&*id.to_string()]),
        None => outcome(result),
    }
}

/// How a call ended, with Entra ID's id of a request that it refused.
pub(crate) fn outcome<T>(result: &Result<T, ExchangeError>) -> Outcome {
    let error = result.as_ref().err();
    let request = error.and_then(|error| error.evidence()?.correlation_id.as_deref());
    Outcome::new(error.map_or(OUTCOME_OK, ExchangeError::code)).requests(request)
}

/// Counts a refusal of nobody who is proved.
pub(crate) fn refused(audit: &Audit, error: &ExchangeError, consumer: &str) {
    match error.kind() {
        Kind::InvalidToken { reason, .. } => {
            audit.counted(&format!("{}:{reason}", error.code()), Some(consumer));
        }
        _ => audit.counted(error.code(), Some(consumer)),
    }
}
