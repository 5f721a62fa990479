//! Every refusal there is: one enum, one table of how it looks over HTTP.
//!
//! A refusal says what to do next, to the client in `WWW-Authenticate` (RFC 6750, RFC 9728, Microsoft's claims
//! challenge format) and to the person in a problem document (RFC 9457). MCP clients show the message of a
//! JSON-RPC error where they show anything, so the document is that as well.

use std::time::Duration;

use axum::http::StatusCode;
use identity::{ClientId, Reason};
use proto::status::Block;
use serde_json::{Value, json};

use crate::policy::Denied;

pub(crate) use render::{Asked, Refusals, Render, admin_consent_url};
pub(crate) use request::RequestFault;

mod block;
mod challenge;
mod render;
mod request;

/// Why a request goes no further.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Refusal {
    /// No Bearer token, or two.
    MissingBearer,
    /// The token fails a check; `claims` if a fresh sign-in has to satisfy some.
    InvalidToken { reason: String, detail: String, claims: Option<Value> },
    /// A delegated scope is missing. `scopes` are the granted and the required ones together.
    MissingScope { missing: String, scopes: Vec<String> },
    /// An app role is missing; any of `any_of` would do.
    MissingRole { role: String, any_of: Vec<String> },
    /// There is no user in the token.
    AppOnlyToken,
    /// The tool has no policy entry.
    NoPolicy { tool: String },
    /// The user must satisfy more: Conditional Access, or the tool's authentication context.
    ClaimsChallenge { claims: Value },
    /// A permission was never granted.
    ConsentRequired { permission: String },
    /// Conditional Access, the account or a directory forbids it; `correlation_id` is Entra ID's of the refused exchange.
    BlockedByPolicy { cause: Block, correlation_id: Option<String> },
    /// The user has made more calls than their limit allows.
    RateLimited { retry_after: Duration },
    /// The token broker does not answer.
    BrokerUnavailable,
    /// Entra ID does not answer, or throttles.
    IdentityProviderUnavailable { retry_after: Option<Duration> },
    /// The broker's credential or registration is wrong, or ours towards it.
    BrokerMisconfigured,
    /// The decision about this call cannot be recorded, so it is not made.
    AuditUnavailable,
    /// The client application is not among those that may call.
    ClientNotAllowed { client: ClientId },
    /// The request itself cannot be served.
    Request(RequestFault),
    /// The request took too long.
    DeadlineExceeded,
}

impl Refusal {
    /// The refusal of a token that is at fault.
    pub(crate) fn invalid(token: identity::InvalidToken) -> Self {
        // No 401, which asks for a new sign-in: it would bring the same token.
        match token.reason() {
            Reason::TooLarge => return RequestFault::TokenTooLarge.into(),
            Reason::TooManyValues => return RequestFault::TooManyValues.into(),
            _ => {}
        }
        Self::InvalidToken {
            reason: token.reason().as_str().to_owned(),
            detail: token.to_string(),
            claims: None,
        }
    }

    /// The refusal of a claims request from Entra ID or ARM.
    ///
    /// What a fresh sign-in alone cures is said with 401, so that every client signs in again; what needs more
    /// is said with 403, because a client that does not know claims would sign in forever.
    pub(crate) fn claims(claims: Value) -> Self {
        if !cured_by_sign_in(&claims) {
            return Self::ClaimsChallenge { claims };
        }
        let detail =
            "the session was ended (password change, sign-out everywhere or an administrator); sign in again";
        Self::InvalidToken { reason: "session_revoked".into(), detail: detail.into(), claims: Some(claims) }
    }

    /// The refusal of a claims request that came as text. One that cannot be read still means: sign in anew.
    pub(crate) fn challenged(claims: &str) -> Self {
        match serde_json::from_str::<Value>(claims) {
            Ok(claims) if claims.is_object() => Self::claims(claims),
            _ => Self::claims(json!({"access_token": {"nbf": {}}})),
        }
    }

    /// The same refusal, carrying the claims that Azure asked for where Entra ID named none of its own.
    pub(crate) fn with_claims(self, azure: &str) -> Self {
        match (self, serde_json::from_str::<Value>(azure)) {
            (Self::InvalidToken { reason, detail, claims: None }, Ok(claims)) if claims.is_object() => {
                Self::InvalidToken { reason, detail, claims: Some(claims) }
            }
            // The broker has had enough of this session's challenges: the client is told what Azure wants.
            (Self::IdentityProviderUnavailable { .. }, Ok(claims)) if claims.is_object() => {
                Self::claims(claims)
            }
            (refusal, _) => refusal,
        }
    }

    /// The code of this refusal, the same string in answers, logs and metrics.
    pub(crate) fn code(&self) -> String {
        match self {
            Self::MissingBearer => "missing_bearer".to_owned(),
            Self::InvalidToken { .. } => "invalid_token".to_owned(),
            Self::MissingScope { missing, .. } => format!("missing_scope:{missing}"),
            Self::MissingRole { role, .. } => format!("missing_role:{role}"),
            Self::AppOnlyToken => "app_only_token".to_owned(),
            Self::NoPolicy { .. } => "no_policy".to_owned(),
            Self::ClaimsChallenge { .. } => "claims_challenge".to_owned(),
            Self::ConsentRequired { .. } => "consent_required".to_owned(),
            Self::BlockedByPolicy { .. } => "blocked_by_policy".to_owned(),
            Self::RateLimited { .. } => "rate_limited".to_owned(),
            Self::BrokerUnavailable => "broker_unavailable".to_owned(),
            Self::IdentityProviderUnavailable { .. } => "identity_provider_unavailable".to_owned(),
            Self::BrokerMisconfigured => "broker_misconfigured".to_owned(),
            Self::AuditUnavailable => audit::AUDIT_UNAVAILABLE.to_owned(),
            Self::ClientNotAllowed { .. } => "client_not_allowed".to_owned(),
            Self::Request(fault) => fault.code().to_owned(),
            Self::DeadlineExceeded => "deadline_exceeded".to_owned(),
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::MissingBearer | Self::InvalidToken { .. } => StatusCode::UNAUTHORIZED,
            Self::MissingScope { .. }
            | Self::MissingRole { .. }
            | Self::AppOnlyToken
            | Self::NoPolicy { .. }
            | Self::ClientNotAllowed { .. }
            | Self::ClaimsChallenge { .. }
            | Self::ConsentRequired { .. }
            | Self::BlockedByPolicy { .. } => StatusCode::FORBIDDEN,
            Self::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::BrokerUnavailable
            | Self::IdentityProviderUnavailable { .. }
            | Self::BrokerMisconfigured
            | Self::AuditUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Request(fault) => fault.status(),
            Self::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// What happened and what to do next, in words.
    pub(crate) fn detail(&self) -> String {
        match self {
            Self::MissingBearer => "send one Authorization header with a Bearer token that Microsoft Entra ID issued for this server; the resource metadata says where to get it".into(),
            Self::InvalidToken { detail, .. } => detail.clone(),
            Self::MissingScope { missing, .. } => format!("this tool needs the permission {missing}, which the token does not carry; sign in again and request it (an administrator may have to consent)"),
            Self::MissingRole { any_of, .. } => format!("this tool needs the app role {}; an administrator assigns it to the person or a group in Entra ID, Enterprise applications, Users and groups", any_of.join(" or ")),
            Self::AppOnlyToken => "the token belongs to an application, not to a person; cost data is read as the person who asks, so call with a user's token (delegated permissions)".into(),
            Self::NoPolicy { tool } => format!("the tool {tool} has no policy entry, so nobody may call it; the operator adds one"),
            Self::ClaimsChallenge { .. } => "your organisation's Conditional Access policy asks for more (for example multifactor authentication): sign in again with the claims of this answer".into(),
            Self::ConsentRequired { permission } => format!("an administrator has not yet consented to {permission} for this server; send them the link in admin_consent_url"),
            Self::BlockedByPolicy { cause, correlation_id } => block::detail(*cause, correlation_id.as_deref()),
            Self::RateLimited { retry_after } => format!("you have asked more often than this server allows one person; ask again in {} seconds", seconds(*retry_after)),
            Self::BrokerUnavailable => "the service that fetches your Azure token cannot be reached; try again shortly".into(),
            Self::IdentityProviderUnavailable { .. } => "Microsoft Entra ID cannot be reached or is throttling; try again shortly".into(),
            Self::BrokerMisconfigured => "the server is not set up correctly to act on your behalf; its operator has been told in the log".into(),
            Self::AuditUnavailable => "this server records each call before it is made, and cannot at present; try again shortly, and tell its operator".into(),
            Self::ClientNotAllowed { client } => format!("the application {client} may not call this server; use one that its operator allows, or ask them to add this one to GATEWAY_CLIENT_IDS"),
            Self::Request(fault) => fault.detail().into_owned(),
            Self::DeadlineExceeded => "the request took longer than this server allows; ask for a shorter period".into(),
        }
    }

    /// Members of the problem document beyond those every refusal has.
    fn members(&self, refusals: &Refusals) -> Vec<(&'static str, Value)> {
        match self {
            Self::InvalidToken { reason, claims, .. } => {
                let claims = claims.iter().map(|claims| ("claims", claims.clone()));
                [("reason", json!(reason))].into_iter().chain(claims).collect()
            }
            Self::MissingScope { scopes, .. } => vec![("scope", json!(refusals.qualified(scopes)))],
            Self::MissingRole { any_of, .. } => vec![("roles", json!(any_of))],
            Self::ClaimsChallenge { claims } => vec![("claims", claims.clone())],
            Self::ConsentRequired { permission } => vec![
                ("permission", json!(permission)),
                ("admin_consent_url", json!(refusals.admin_consent_url.as_str())),
            ],
            Self::ClientNotAllowed { client } => vec![("client_id", json!(client.to_string()))],
            Self::Request(RequestFault::NotFound) => vec![("mcp_url", json!(refusals.mcp_url))],
            Self::BlockedByPolicy { correlation_id: Some(id), .. } => vec![("correlation_id", json!(id))],
            _ => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } => Some(*retry_after),
            Self::BrokerUnavailable
            | Self::AuditUnavailable
            | Self::Request(RequestFault::TooManyDownloads) => Some(Duration::from_secs(5)),
            Self::IdentityProviderUnavailable { retry_after } => {
                Some(retry_after.unwrap_or(Duration::from_secs(10)))
            }
            _ => None,
        }
    }
}

impl From<RequestFault> for Refusal {
    fn from(fault: RequestFault) -> Self {
        Self::Request(fault)
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::AppOnly => Self::AppOnlyToken,
            Denied::Context { claims } => Self::ClaimsChallenge { claims },
            Denied::MissingRole { role, any_of } => Self::MissingRole { role, any_of },
            Denied::MissingScope { missing, scopes } => Self::MissingScope { missing, scopes },
            Denied::NoEntry { tool } => Self::NoPolicy { tool },
        }
    }
}

/// Whole seconds to wait, rounded up, at least one: whoever comes back a moment early would be refused again.
fn seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

/// Whether the claims ask for nothing but a newer sign-in: Continuous Access Evaluation's `nbf`, to which it adds
/// the address it saw where the session moved.
fn cured_by_sign_in(claims: &Value) -> bool {
    let Some(demands) = claims.get("access_token").and_then(Value::as_object) else { return false };
    let newer = |name: &String| matches!(name.as_str(), "nbf" | "xms_cc" | "xms_rp_ipaddr");
    demands.contains_key("nbf") && demands.keys().all(newer)
}

#[cfg(test)]
mod tests;
