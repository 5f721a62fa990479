//! The authorization endpoint: sends a person on to Entra ID, and nowhere else. What is wrong is said on a page, and never sent
//! to a redirect URI.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};
use url::Url;

use super::Facade;
use super::fault::Fault;
use super::parameters::Parameters;
use super::settings::Client;

/// What is passed on as it came. Everything else a client sends is dropped.
const KEPT: [&str; 4] = ["claims", "state", "login_hint", "domain_hint"];
/// What of `prompt` is. `consent` stops everybody where people may not consent (AADSTS90095), and Entra ID asks without it.
const PROMPTS: [&str; 3] = ["login", "select_account", "none"];
/// The length of a SHA-256 digest in base64url (RFC 7636 section 4.2).
const CHALLENGE_LENGTH: usize = 43;

pub(super) async fn authorize(State(facade): State<Arc<Facade>>, uri: Uri) -> Response {
    let mut client = None;
    match facade.leads_to(uri.query().unwrap_or_default(), &mut client) {
        Ok(location) => {
            let response = (StatusCode::FOUND, [(header::LOCATION, location)]).into_response();
            facade.note("authorize", client, None, response)
        }
        Err(fault) => facade.note("authorize", client, Some(fault.code()), fault.as_page()),
    }
}

impl Facade {
    /// Where a person goes from here. `known` is whose request it is, as soon as that is known.
    fn leads_to<'a>(&'a self, query: &str, known: &mut Option<&'a Client>) -> Result<HeaderValue, Fault> {
        let asked = Parameters::parse(query.as_bytes())?;
        let client = self.parts.settings.client(asked.get("client_id"))?;
        *known = Some(client);
        let redirect =
            asked.get("redirect_uri").filter(|uri| client.takes(uri)).ok_or(Fault::ForeignRedirect)?;
        if asked.get("response_type") != Some("code") {
            return Err(Fault::ResponseType);
        }
        let challenge = challenge(&asked)?;
        self.check_resource(&asked)?;
        let scopes = self.scopes(client, asked.get("scope"))?;
        let of_object = |claims: &str| serde_json::from_str::<Map<String, Value>>(claims).is_ok();
        if !asked.get("claims").is_none_or(of_object) {
            return Err(Fault::Claims);
        }
        let mut url: Url = self.parts.authorize.clone();
        let id = client.id().to_string();
        url.query_pairs_mut().extend_pairs([
            ("client_id", id.as_str()),
            ("response_type", "code"),
            ("redirect_uri", redirect),
            ("scope", scopes.as_str()),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256"),
        ]);
        let prompts: Vec<_> =
            asked.get("prompt").unwrap_or_default().split(' ').filter(|one| PROMPTS.contains(one)).collect();
        if !prompts.is_empty() {
            url.query_pairs_mut().append_pair("prompt", &prompts.join(" "));
        }
        let kept = KEPT.iter().filter_map(|name| Some((*name, asked.get(name)?)));
        url.query_pairs_mut().extend_pairs(kept);
        HeaderValue::try_from(url.as_str()).map_err(|_| Fault::Malformed)
    }

    /// A token is asked for this server, or for nothing in particular (RFC 8707). Entra ID compares the parameter with
    /// identifier URIs, which not every host can be (AADSTS9010010), so it is not passed on.
    pub(super) fn check_resource(&self, asked: &Parameters) -> Result<(), Fault> {
        let ours = [self.parts.url.as_str(), self.parts.canonical.as_str()];
        match asked.get("resource") {
            Some(resource) if !ours.contains(&resource) => Err(Fault::ForeignResource),
            _ => Ok(()),
        }
    }
}

/// The challenge of PKCE, S256 and no other: a code is of no use to whoever else sees it.
fn challenge(asked: &Parameters) -> Result<&str, Fault> {
    let is_base64url =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let challenge =
        asked.get("code_challenge").filter(|text| text.len() == CHALLENGE_LENGTH && is_base64url(text));
    challenge.filter(|_| asked.get("code_challenge_method") == Some("S256")).ok_or(Fault::NoProof)
}
