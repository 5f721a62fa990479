//! A refusal as an HTTP response.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use identity::{ClientId, TenantId};
use serde::Serialize;
use serde_json::{Map, Value, json};
use telemetry::http::ErrorType;
use url::Url;

use super::challenge::Challenge;
use super::{Refusal, RequestFault, seconds};
use crate::policy::Policies;

/// What refusals need to know of this deployment.
#[derive(Debug)]
pub(crate) struct Refusals {
    /// Where the resource's metadata is.
    pub(crate) resource_metadata: String,
    /// What stands before a scope in a fully qualified one, without a slash at the end.
    pub(crate) scope_prefix: String,
    pub(crate) policies: Policies,
    /// Where MCP is served.
    pub(crate) mcp_url: String,
    pub(crate) admin_consent_url: Url,
    /// The status of a refusal that carries claims.
    pub(crate) claims_status: u16,
}

impl Refusals {
    /// Scopes as Entra ID needs them in a request: unqualified ones would be taken for Microsoft Graph's.
    pub(crate) fn qualified(&self, scopes: &[String]) -> String {
        let qualify = |scope: &String| format!("{}/{scope}", self.scope_prefix);
        scopes.iter().map(qualify).collect::<Vec<_>>().join(" ")
    }

    /// The scopes that everybody needs, as Entra ID needs them in a request.
    pub(crate) fn base_scopes(&self) -> String {
        self.qualified(self.policies.current().base_scopes())
    }
}

/// Where an administrator consents (Microsoft: "Admin consent on the Microsoft identity platform"). This form asks for all
/// that the registration lists, and needs no redirect URI.
pub(crate) fn admin_consent_url(authority: &Url, tenant: TenantId, client: ClientId) -> Url {
    let mut url = authority.clone();
    url.set_path(&format!("/{tenant}/adminconsent"));
    url.query_pairs_mut().append_pair("client_id", &client.to_string());
    url
}

/// What a refusal needs to know of the request that it answers.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// The id of the JSON-RPC request, where there was one.
    pub(crate) id: Option<Value>,
    plain_json: bool,
}

impl Asked {
    /// Notes what the client accepts. MCP clients list `application/json` and read no error of another type;
    /// whoever does not ask for it gets the type that RFC 9457 registers.
    pub(crate) fn by(headers: &HeaderMap) -> Self {
        let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
        let plain_json = accept.contains("application/json") && !accept.contains(PROBLEM);
        Self { id: None, plain_json }
    }

    #[cfg(test)]
    pub(super) fn with_id(id: Value) -> Self {
        Self { id: Some(id), plain_json: false }
    }
}

const PROBLEM: &str = "application/problem+json";

/// Turns a refusal into a response.
pub(crate) trait Render {
    /// The response to what was asked.
    fn render(&self, refusals: &Refusals, asked: &Asked) -> Response<Body>;
}

impl Render for Refusal {
    fn render(&self, refusals: &Refusals, asked: &Asked) -> Response<Body> {
        let status = match self {
            Self::ClaimsChallenge { .. } => refusals.claims_status,
            _ => self.status().as_u16(),
        };
        let document = self.document(status, refusals, asked.id.as_ref());
        // Strings and JSON values always serialize.
        let body = serde_json::to_string(&document).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(self.status());
        let headers = response.headers_mut();
        let content_type = if asked.plain_json { "application/json" } else { PROBLEM };
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(challenge) = self.challenge(refusals) {
            headers.insert(header::WWW_AUTHENTICATE, challenge.into_header());
        }
        if let Some(wait) = self.retry_after() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds(wait)));
        }
        if matches!(self, Self::Request(RequestFault::MethodNotAllowed)) {
            headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
        }
        response.extensions_mut().insert(ErrorType(self.code().into()));
        response
    }
}

impl Refusal {
    /// The body alone, for where there is no response to put it in.
    pub(crate) fn body(&self, refusals: &Refusals) -> String {
        let document = self.document(self.status().as_u16(), refusals, None);
        serde_json::to_string(&document).unwrap_or_default()
    }

    /// The challenge of this refusal, if the client can do something about it.
    fn challenge(&self, refusals: &Refusals) -> Option<Challenge> {
        let bearer = || Challenge::bearer().param("resource_metadata", &refusals.resource_metadata);
        let base = || bearer().param("scope", &refusals.base_scopes());
        match self {
            Self::MissingBearer => Some(base()),
            Self::InvalidToken { detail, claims, .. } => {
                let challenge = base().param("error", "invalid_token").description(detail);
                Some(match claims {
                    Some(claims) => challenge.param("claims", &encoded(claims)),
                    None => challenge,
                })
            }
            Self::MissingScope { scopes, .. } => Some(
                bearer()
                    .param("scope", &refusals.qualified(scopes))
                    .param("error", "insufficient_scope")
                    .description(&self.detail()),
            ),
            // Without `scope`: a client that steps up at every 403 would sign in for scopes it already has.
            Self::ClaimsChallenge { claims } => Some(
                bearer()
                    .param("error", "insufficient_claims")
                    .param("claims", &encoded(claims))
                    .description(&self.detail()),
            ),
            // No challenge where a sign-in cannot help, such as for a missing role: clients that step up at
            // `insufficient_scope` would sign in for nothing, and then show their own text instead of ours.
            _ => None,
        }
    }

    fn document(&self, status: u16, refusals: &Refusals, id: Option<&Value>) -> Problem {
        let (code, detail) = (self.code(), self.detail());
        let mut facts: Map<_, _> =
            self.members(refusals).into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        facts.insert("code".into(), json!(code));
        if let Some(wait) = self.retry_after() {
            facts.insert("retry_after_seconds".into(), json!(seconds(wait)));
        }
        let mut members = facts.clone();
        let name = code.split(':').next().unwrap_or_default();
        members.insert("type".into(), json!(format!("urn:mcp-cost-server:{name}")));
        members.insert("title".into(), json!(name.replace('_', " ")));
        members.insert("status".into(), json!(status));
        members.insert("jsonrpc".into(), json!("2.0"));
        members.insert("id".into(), id.cloned().unwrap_or(Value::Null));
        let message = format!("{code}: {detail}");
        members.insert("error".into(), json!({"code": rpc_code(status), "message": message, "data": facts}));
        Problem { detail, members }
    }
}

/// The body: a problem document (RFC 9457), which is a JSON-RPC error as well. The prose comes first, for several MCP
/// clients show a person the body as it is, and what else stands in it can be long.
#[derive(Serialize)]
struct Problem {
    detail: String,
    #[serde(flatten)]
    members: Map<String, Value>,
}

/// Claims for a header: base64 of the JSON text, standard alphabet with padding (Microsoft: "Claims challenges").
fn encoded(claims: &Value) -> String {
    BASE64_STANDARD.encode(claims.to_string())
}

/// Codes from the range MCP leaves to implementations (-32019 to -32000).
fn rpc_code(status: u16) -> i32 {
    match status {
        401 => -32001,
        403 => -32003,
        _ => -32005,
    }
}
