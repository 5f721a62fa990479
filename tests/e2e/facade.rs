//! The sign-in facade, in a tenant that nobody signs in to without it: the MCP URL is no identifier URI (AADSTS9010010), people
//! may consent to nothing (AADSTS90095), and the client may be the API's own registration (AADSTS90009).

use e2e::{Stack, StackBuilder};
use emulator::RedirectUri;
use serde_json::Value;

mod attacks;
mod clients;
mod flow;

/// Where clients are called back, by their own entries.
const REDIRECTS: [&str; 6] = [
    "http://localhost/callback",
    "http://localhost:3030/callback",
    "http://localhost/oauth/callback",
    "http://127.0.0.1/callback",
    "http://127.0.0.1/oauth/callback",
    "https://claude.ai/api/mcp/auth_callback",
];
const DOCUMENT: &str = "https://assistant.example/client-metadata.json";
/// The example of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn entry(name: &str, client_id: &str) -> String {
    format!(
        "[clients.{name}]\nclient_id = \"{client_id}\"\nredirect_uris = {REDIRECTS:?}\nmetadata_documents = [\"{DOCUMENT}\"]\n"
    )
}

/// A tenant that stops every client, and a facade with one client in front of it.
fn stopped_without(client_id: &str) -> StackBuilder {
    let file = format!("registration = true\n{}", entry("assistant", client_id));
    Stack::builder().unregistered_url().sign_in(&file).emulator(|config| config.users_may_consent = false)
}

/// What administrators do in such a tenant.
fn administered(stack: &Stack) {
    stack.emulator.grant_consent(None, &["cost.read", "cost.export"]).unwrap();
    let redirects: Vec<_> = REDIRECTS.iter().map(|uri| RedirectUri::mobile(uri)).collect();
    let of_client = redirects.clone();
    stack
        .emulator
        .register(|api| {
            api.redirect_uris = redirects;
            api.client_redirect_uris = of_client;
        })
        .unwrap();
}

async fn started() -> Stack {
    let stack = stopped_without(emulator::PUBLIC_CLIENT_ID).start().await;
    administered(&stack);
    stack
}

/// The URL that clients are given.
fn url(stack: &Stack) -> String {
    format!("http://{}/connect/mcp", stack.gateway_address())
}

/// The parameters of a client that does everything right, with some replaced; empty: left out.
fn authorize_query(stack: &Stack, change: &[(&str, &str)]) -> String {
    let resource = url(stack);
    let right = [
        ("client_id", emulator::PUBLIC_CLIENT_ID),
        ("response_type", "code"),
        ("redirect_uri", "http://127.0.0.1:3030/callback"),
        ("scope", "cost.read offline_access"),
        ("resource", resource.as_str()),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("state", "the clients' state"),
        ("prompt", "consent"),
    ];
    changed(&right, change)
}

fn changed(right: &[(&str, &str)], change: &[(&str, &str)]) -> String {
    let kept = right.iter().filter(|(name, _)| !change.iter().any(|(other, _)| name == other));
    let all = kept.chain(change).filter(|(_, value)| !value.is_empty());
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(all).finish()
}

/// What the facade answers a browser, which follows nothing by itself.
async fn authorize(stack: &Stack, query: &str) -> e2e::Answer {
    let request = stack.caller.requesting(reqwest::Method::GET, &format!("{}/authorize?{query}", url(stack)));
    e2e::Caller::send(request).await
}

async fn post_form(at: &str, stack: &Stack, body: String) -> e2e::Answer {
    let request = stack.caller.requesting(reqwest::Method::POST, at);
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
    e2e::Caller::send(request).await
}

/// A code, from a sign-in of this person's that began at the facade.
async fn code(stack: &Stack, query: &str, person: &str) -> String {
    let sent_on = authorize(stack, query).await;
    assert_eq!(sent_on.status, 302, "{}", sent_on.text);
    let deeds = format!("emulator_person={person}&emulator_consent=accept&emulator_mfa=true");
    let page = format!("{}&{deeds}", sent_on.headers["location"].to_str().unwrap());
    let entra = identity::outbound::client(Some(stack.emulator.ca_pem().as_bytes())).unwrap();
    let back = entra.get(page).send().await.unwrap();
    let back = back.headers()["location"].to_str().unwrap().to_owned();
    parameter(&back, "code").unwrap_or_else(|| panic!("no code: {back}"))
}

fn parameter(url: &str, name: &str) -> Option<String> {
    let url = url::Url::parse(url).unwrap();
    url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

fn redeem(code: &str) -> String {
    changed(
        &[
            ("grant_type", "authorization_code"),
            ("client_id", emulator::PUBLIC_CLIENT_ID),
            ("code", code),
            ("redirect_uri", "http://127.0.0.1:3030/callback"),
            ("code_verifier", VERIFIER),
        ],
        &[],
    )
}

fn text<'a>(document: &'a Value, name: &str) -> &'a str {
    document[name].as_str().unwrap_or_else(|| panic!("no {name}: {document}"))
}
