//! One exchange, as a tool call has it made: what it says of both services' settings and of the person.

use identity::BearerToken;
use proto::status::{BrokerError, ConsumerCause, Reason, metadata};
use proto::v1::ExchangeRequest;
use proto::v1::token_broker_client::TokenBrokerClient;
use telemetry::report::Finding;
use tonic::Request;

use super::super::deadline::STEP_DEADLINE;
use super::super::site::Site;
use super::super::words::sentence;
use super::{CONSUMER, not_allowed, reach};
use crate::broker::{RESOURCE, SETTINGS_DIFFER, refusal};
use crate::refusal::{Refusal, admin_consent_url};

const NAME: &str = "exchange";

/// Exchanges a proved token as a tool call would. What comes back is dropped.
pub(in crate::doctor) async fn exchange(site: &Site, token: &BearerToken) -> Option<Finding> {
    // A broker that cannot be reached has its own line.
    let channel = reach(site).await.ok()?.channel;
    let mut request = Request::new(ExchangeRequest {
        assertion: token.expose().to_owned(),
        resource: RESOURCE.to_owned(),
        claims: String::new(),
    });
    request.set_timeout(2 * STEP_DEADLINE);
    let subject = "this token for the same person's token for Azure";
    let mut client = TokenBrokerClient::new(channel);
    let exchange = tokio::time::timeout(2 * STEP_DEADLINE, client.exchange(request));
    match exchange.await {
        Ok(Ok(_dropped)) => Some(Finding::ok(NAME, subject, "the broker exchanged it, and Entra ID agreed")),
        Ok(Err(status)) => Some(refused(site, &BrokerError::from_status(&status), subject)),
        Err(_) => {
            let fix = "Look at the broker's log, and at the line of the authority on the broker's machine.";
            Some(Finding::unknown(NAME, subject, "the broker did not answer in time", fix))
        }
    }
}

fn refused(site: &Site, error: &BrokerError, subject: &str) -> Finding {
    let reason = error.metadata(metadata::REASON).unwrap_or_default();
    if error.reason() == Some(Reason::InvalidToken) && SETTINGS_DIFFER.contains(&reason) {
        let detail = format!(
            "the broker refuses as {reason} what the gateway accepts, so every call is answered 503 broker_misconfigured"
        );
        let fix = "Give both the same tenant, audiences and token versions: GATEWAY_AUDIENCES as BROKER_AUDIENCES, GATEWAY_ACCEPT_V1_TOKENS as BROKER_ACCEPT_V1_TOKENS.";
        return Finding::missing(NAME, subject, detail, fix);
    }
    if error.reason() == Some(Reason::ConsumerNotAllowed) {
        return not_allowed_to_exchange(error, subject);
    }
    let refusal = refusal(error);
    let number =
        error.metadata(metadata::AADSTS).map(|number| format!(" (AADSTS{number})")).unwrap_or_default();
    let detail = format!("{}{number}: {}", refusal.code(), error.message());
    let missing = |fix: &str| Finding::missing(NAME, subject, detail.as_str(), fix);
    match &refusal {
        Refusal::ConsentRequired { permission } => {
            let fix = format!("Let an administrator consent to {permission} for this server.");
            missing(&fix).at(admin_consent_url(
                &site.endpoints.authority,
                site.args.tenant_id,
                site.args.client_id,
            ))
        }
        // Nobody said no: whether the exchange would work is not known.
        Refusal::BrokerUnavailable
        | Refusal::AuditUnavailable
        | Refusal::IdentityProviderUnavailable { .. } => {
            let fix = "Run doctor again; if it stays so, the broker's log says why.";
            Finding::unknown(NAME, subject, detail, fix)
        }
        Refusal::BrokerMisconfigured => missing(
            "Mend the lines of the preflight; docs/troubleshooting.md goes by the AADSTS number, and the broker's log says what to do.",
        ),
        refusal => missing(&sentence(&refusal.detail())),
    }
}

/// Which entry of the consumers file is at fault. That there is none is what the preflight was told already.
fn not_allowed_to_exchange(error: &BrokerError, subject: &str) -> Finding {
    if error.metadata(metadata::CAUSE) == Some(ConsumerCause::Resource.as_str()) {
        return not_allowed(error);
    }
    let detail = format!("follows from the line `{CONSUMER}`: the broker does not serve this gateway");
    Finding::unknown(NAME, subject, detail, "Mend that line first.")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use clap::Parser;
    use identity::clock::SystemClock;
    use telemetry::report::Outcome;
    use tonic::{Code, Status};

    use super::*;
    use crate::config::Args;

    fn site() -> Site {
        let args = Args::parse_from([
            "gateway",
            "--tenant-id=aaaabbbb-0000-cccc-1111-dddd2222eeee",
            "--client-id=11112222-bbbb-3333-cccc-4444dddd5555",
            "--public-url=https://mcp.contoso.com/mcp",
        ]);
        Site::new(args, BTreeSet::new(), None, Arc::new(SystemClock))
    }

    #[test]
    fn who_does_not_answer_has_not_refused() {
        let site = site();
        let nobody = |code| BrokerError::from_status(&Status::new(code, "transport error"));
        let of = |reason| BrokerError::new(reason, "a text");
        for (error, outcome) in [
            (nobody(Code::Unavailable), Outcome::Unknown),
            (nobody(Code::DeadlineExceeded), Outcome::Unknown),
            (of(Reason::Overloaded), Outcome::Unknown),
            (of(Reason::AuditUnavailable), Outcome::Unknown),
            (of(Reason::IdentityProviderUnavailable), Outcome::Unknown),
            // The broker has not fetched a new key yet.
            (of(Reason::InvalidToken).with_metadata(metadata::REASON, "unknown_key"), Outcome::Unknown),
            // The line of the consumer says it.
            (
                of(Reason::ConsumerNotAllowed).with_metadata(metadata::CAUSE, "unknown_consumer"),
                Outcome::Unknown,
            ),
            (of(Reason::ConsumerNotAllowed).with_metadata(metadata::CAUSE, "resource"), Outcome::Missing),
            (of(Reason::InvalidToken).with_metadata(metadata::REASON, "wrong_audience"), Outcome::Missing),
            (of(Reason::InvalidToken).with_metadata(metadata::REASON, "session_revoked"), Outcome::Missing),
            (of(Reason::BrokerMisconfigured).with_metadata(metadata::AADSTS, "700027"), Outcome::Missing),
            (of(Reason::UnknownResource), Outcome::Missing),
            (of(Reason::BlockedByPolicy), Outcome::Missing),
            (of(Reason::ClaimsChallenge).with_claims(r#"{"access_token":{}}"#), Outcome::Missing),
            (of(Reason::ConsentRequired), Outcome::Missing),
        ] {
            let finding = refused(&site, &error, "a token");
            assert_eq!(finding.outcome, outcome, "{error}: {finding:?}");
            assert!(!finding.fix.is_empty() && !finding.detail.is_empty(), "{finding:?}");
        }
    }
}
