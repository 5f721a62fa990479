//! The token endpoint: passes a code or a refresh token on to Entra ID, and the answer back. Nothing is added that proves
//! anything, and nothing is kept: what passes is wiped when it has passed.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use tokio::time::timeout;
use url::form_urlencoded::Serializer;
use zeroize::Zeroizing;

use super::fault::Fault;
use super::parameters::{MAX_BYTES, Parameters};
use super::settings::Client;
use super::{Facade, aadsts};

/// What proves a client or a person in another way than these clients can. None of it is taken, and none is passed on.
const CREDENTIALS: [&str; 6] =
    ["client_secret", "client_assertion", "client_assertion_type", "assertion", "username", "password"];
/// Errors of OAuth that may stand in a metric. An answer says what it likes.
const ERRORS: [&str; 8] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "invalid_scope",
    "interaction_required",
    "consent_required",
    "unauthorized_client",
    "temporarily_unavailable",
];
/// Three tokens of 16 KiB fit, encoded.
pub(super) const MAX_ANSWER_BYTES: usize = 128 * 1024;
const FORM: &str = "application/x-www-form-urlencoded";

pub(super) async fn token(State(facade): State<Arc<Facade>>, request: Request) -> Response {
    let mut client = None;
    let redeemed = facade.redeem(request, &mut client).await;
    let (response, error) = redeemed.unwrap_or_else(|fault| (fault.as_json(), Some(fault.code())));
    facade.note("token", client, error, response)
}

impl Facade {
    /// A body, wiped when it has been used: as much of it as any client of ours sends.
    pub(super) async fn read(&self, body: Body) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let whole = timeout(self.body_deadline, Limited::new(body, MAX_BYTES).collect()).await;
        match whole.map_err(|_| Fault::NoForm)? {
            Ok(body) => Ok(Zeroizing::new(body.to_bytes().to_vec())),
            Err(error) if error.is::<LengthLimitError>() => Err(Fault::TooLarge),
            Err(_) => Err(Fault::NoForm),
        }
    }

    /// What Entra ID answers, and its error. `known` is whose request it is, as soon as that is known.
    async fn redeem<'a>(
        &'a self,
        request: Request,
        known: &mut Option<&'a Client>,
    ) -> Result<(Response, Option<&'static str>), Fault> {
        self.admit(&request)?;
        check_head(&request)?;
        let asked = Parameters::parse(&self.read(request.into_body()).await?)?;
        if CREDENTIALS.iter().any(|name| asked.get(name).is_some()) {
            return Err(Fault::Credential);
        }
        let client = self.parts.settings.client(asked.get("client_id"))?;
        *known = Some(client);
        let form = self.form(client, &asked)?;
        drop(asked);
        let _place = self.in_flight.try_acquire().map_err(|_| Fault::Overloaded)?;
        timeout(self.entra_deadline, self.pass_on(form)).await.map_err(|_| Fault::Unreachable)?
    }

    /// What is sent to Entra ID: written anew, from what each grant needs.
    fn form(&self, client: &Client, asked: &Parameters) -> Result<Bytes, Fault> {
        self.check_resource(asked)?;
        let id = client.id().to_string();
        let mut pairs = vec![("client_id", id.as_str())];
        let scope = match asked.get("grant_type") {
            Some("authorization_code") => {
                let redirect = asked.get("redirect_uri").filter(|uri| client.takes(uri));
                pairs.extend([
                    ("grant_type", "authorization_code"),
                    ("code", asked.get("code").ok_or(Fault::NothingToRedeem)?),
                    ("redirect_uri", redirect.ok_or(Fault::ForeignRedirect)?),
                    ("code_verifier", asked.get("code_verifier").ok_or(Fault::NoProof)?),
                ]);
                asked.get("scope").map(|scope| self.scopes(client, Some(scope))).transpose()?
            }
            Some("refresh_token") => {
                let token = asked.get("refresh_token").ok_or(Fault::NothingToRedeem)?;
                pairs.extend([("grant_type", "refresh_token"), ("refresh_token", token)]);
                Some(match asked.get("scope") {
                    Some(scope) => self.scopes(client, Some(scope))?,
                    None => self.scopes_of_refresh(),
                })
            }
            _ => return Err(Fault::GrantType),
        };
        pairs.extend(scope.iter().map(|scope| ("scope", scope.as_str())));
        // A byte is three at most: it does not grow, and so leaves nothing behind.
        let length = pairs.iter().map(|(name, value)| name.len() + 3 * value.len() + 2).sum();
        let written = Serializer::new(String::with_capacity(length)).extend_pairs(pairs).finish();
        Ok(Bytes::from_owner(Zeroizing::new(written.into_bytes())))
    }

    async fn pass_on(&self, form: Bytes) -> Result<(Response, Option<&'static str>), Fault> {
        let request =
            self.parts.client.post(self.parts.token.clone()).header(header::CONTENT_TYPE, FORM).body(form);
        let mut answer = request.send().await.map_err(|_| Fault::Unreachable)?;
        let mut body = Zeroizing::new(Vec::with_capacity(MAX_ANSWER_BYTES));
        while let Some(chunk) = answer.chunk().await.map_err(|_| Fault::Unreachable)? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(Fault::OddAnswer);
            }
            body.extend_from_slice(&chunk);
        }
        let (body, error) = judged(answer.status(), body)?;
        let mut response = Response::new(Body::from(Bytes::from_owner(body)));
        *response.status_mut() = answer.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.extend(
            answer.headers().get(header::RETRY_AFTER).map(|wait| (header::RETRY_AFTER, wait.clone())),
        );
        Ok((response, error))
    }
}

/// An answer that is one of a token endpoint: tokens as they are, or an error with its number explained. No redirect is followed,
/// and none is passed on; nor is anything but JSON.
fn judged(
    status: StatusCode,
    body: Zeroizing<Vec<u8>>,
) -> Result<(Zeroizing<Vec<u8>>, Option<&'static str>), Fault> {
    if status.is_success() {
        let is_json = serde_json::from_slice::<IgnoredAny>(&body).is_ok();
        return if is_json { Ok((body, None)) } else { Err(Fault::OddAnswer) };
    }
    if !(status.is_client_error() || status.is_server_error()) {
        return Err(Fault::OddAnswer);
    }
    let mut document: Map<String, Value> = serde_json::from_slice(&body).map_err(|_| Fault::OddAnswer)?;
    let error = explain(&mut document);
    Ok((Zeroizing::new(Value::Object(document).to_string().into_bytes()), Some(error)))
}

/// One form, no credential, and nothing in the address.
fn check_head(request: &Request) -> Result<(), Fault> {
    if request.headers().contains_key(header::AUTHORIZATION) {
        return Err(Fault::Credential);
    }
    if request.uri().query().is_some_and(|query| !query.is_empty()) {
        return Err(Fault::Query);
    }
    let mut types = request.headers().get_all(header::CONTENT_TYPE).iter();
    let (Some(given), None) = (types.next(), types.next()) else { return Err(Fault::NoForm) };
    let essence = given.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(FORM) { Ok(()) } else { Err(Fault::NoForm) }
}

/// Adds to the description what it means; everything else stays as Entra ID wrote it. The error, as far as it is a known one.
fn explain(document: &mut Map<String, Value>) -> &'static str {
    if let Some(Value::String(description)) = document.get_mut("error_description")
        && let Some(meaning) = aadsts::meaning(description)
    {
        *description = format!("{meaning} {description}");
    }
    let said = document.get("error").and_then(Value::as_str).unwrap_or_default();
    ERRORS.into_iter().find(|known| *known == said).unwrap_or("other")
}
