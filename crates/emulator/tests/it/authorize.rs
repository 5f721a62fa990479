//! Sign-in: codes with PKCE, consent, the second factor, refresh tokens, and RFC 8707's `resource`.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use emulator::{API_CLIENT_ID, Config, OwnRefresh, PUBLIC_CLIENT_ID, Platform, RedirectUri};
use serde_json::Value;

use crate::harness::{Stand, claims};

const REDIRECT: &str = "http://127.0.0.1:33418/callback";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const READ: &str = "api://mcp-cost-server/cost.read offline_access openid";
const BOTH: &str = "api://mcp-cost-server/cost.read api://mcp-cost-server/cost.export";

fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, VERIFIER.as_bytes()))
}

/// The parameters of the redirect the authorize endpoint answered, or the page if it answered one.
async fn authorize(stand: &Stand, more: &[(&str, &str)]) -> Result<HashMap<String, String>, String> {
    let challenge = challenge();
    let mut query = vec![
        ("client_id", PUBLIC_CLIENT_ID),
        ("response_type", "code"),
        ("redirect_uri", REDIRECT),
        ("scope", READ),
        ("state", "s&1"),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    query.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
    query.extend_from_slice(more);
    let response = stand.http.get(stand.entra("oauth2/v2.0/authorize")).query(&query).send().await.unwrap();
    if response.status() != 302 {
        return Err(response.text().await.unwrap());
    }
    let location = response.headers()["location"].to_str().unwrap();
    assert!(location.starts_with(REDIRECT), "{location}");
    Ok(url::Url::parse(location).unwrap().query_pairs().into_owned().collect())
}

async fn redeem(stand: &Stand, code: &str, more: &[(&str, &str)]) -> (u16, Value) {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("client_id", PUBLIC_CLIENT_ID),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    form.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
    form.extend_from_slice(more);
    stand.token(&form).await
}

#[tokio::test]
async fn alice_signs_in_with_pkce_and_refreshes() {
    let stand = Stand::start().await;
    let answer = authorize(&stand, &[("prompt", "none"), ("login_hint", "alice@contoso.com")]).await.unwrap();
    assert_eq!(answer["state"], "s&1");
    assert!(!answer.contains_key("iss"), "nobody has seen Entra ID send it");
    let (status, tokens) = redeem(&stand, &answer["code"], &[]).await;
    assert_eq!(status, 200, "{tokens}");
    let access = claims(tokens["access_token"].as_str().unwrap());
    assert_eq!((&access["scp"], &access["azpacr"]), (&"cost.read".into(), &"0".into()));
    assert_eq!(claims(tokens["id_token"].as_str().unwrap())["aud"], PUBLIC_CLIENT_ID);

    let (_, again) = redeem(&stand, &answer["code"], &[]).await;
    assert_eq!(again["error_codes"][0], 54_005);

    let refresh = tokens["refresh_token"].as_str().unwrap();
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", PUBLIC_CLIENT_ID),
        ("refresh_token", refresh),
        ("scope", BOTH),
    ];
    let (status, tokens) = stand.token(&form).await;
    assert_eq!(status, 200, "{tokens}");
    assert_eq!(claims(tokens["access_token"].as_str().unwrap())["scp"], "cost.read cost.export");
    stand.emulator.revoke_sessions("alice").unwrap();
    assert_eq!(stand.token(&form).await.1["error_codes"][0], 50_173);
}

#[tokio::test]
async fn a_wrong_verifier_gets_nothing() {
    let stand = Stand::start().await;
    let answer = authorize(&stand, &[("emulator_person", "alice")]).await.unwrap();
    let (status, body) = redeem(&stand, &answer["code"], &[("code_verifier", "wrong")]).await;
    assert_eq!((status, &body["error_codes"][0]), (400, &501_481.into()));
}

#[tokio::test]
async fn pages_are_shown_and_posted_back() {
    let stand = Stand::start().await;
    let page = authorize(&stand, &[("state", "\"><script>")]).await.unwrap_err();
    assert!(page.contains("Pick an account") && page.contains("Alice Abel") && !page.contains("<script>"));

    let challenge = challenge();
    let form = [
        ("client_id", PUBLIC_CLIENT_ID),
        ("response_type", "code"),
        ("redirect_uri", REDIRECT),
        ("scope", READ),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
        ("emulator_person", "bob"),
    ];
    let response = stand.http.post(stand.entra("oauth2/v2.0/authorize")).form(&form).send().await.unwrap();
    assert_eq!(response.status(), 302);
}

#[tokio::test]
async fn bad_clients_and_redirects_never_get_an_answer_sent_anywhere() {
    let stand = Stand::start().await;
    let elsewhere = authorize(&stand, &[("redirect_uri", "https://evil.example/cb")]).await.unwrap_err();
    assert!(elsewhere.contains("AADSTS50011"));
    let unknown = authorize(&stand, &[("client_id", "aaaa")]).await.unwrap_err();
    assert!(unknown.contains("AADSTS700016"));
}

#[tokio::test]
async fn admin_scopes_need_an_admin() {
    let stand = Stand::start().await;
    let bob = [("scope", BOTH), ("emulator_person", "bob")];
    let page = authorize(&stand, &bob).await.unwrap_err();
    assert!(page.contains("Need admin approval") && page.contains("AADSTS90094"));
    let silent =
        authorize(&stand, &[("scope", BOTH), ("prompt", "none"), ("login_hint", "bob")]).await.unwrap();
    assert_eq!(silent["error"], "interaction_required");
    stand.emulator.grant_consent(Some("bob"), &["cost.export"]).unwrap();
    assert!(authorize(&stand, &bob).await.unwrap().contains_key("code"));
    // Whoever asks for the consent page meets it, granted or not.
    let prompted = [bob[0], bob[1], ("prompt", "consent")];
    assert!(authorize(&stand, &prompted).await.unwrap_err().contains("Need admin approval"));
}

#[tokio::test]
async fn user_scopes_are_consented_on_a_page() {
    let stand = Stand::start().await;
    stand.emulator.withdraw_consent(Some("carol"), &[]).unwrap();
    let carol = [("emulator_person", "carol")];
    assert!(authorize(&stand, &carol).await.unwrap_err().contains("Permissions requested"));
    let declined = authorize(&stand, &[carol[0], ("emulator_consent", "decline")]).await.unwrap();
    assert!(declined["error"] == "access_denied" && declined["error_description"].contains("AADSTS65004"));
    assert!(
        authorize(&stand, &[carol[0], ("emulator_consent", "accept")]).await.unwrap().contains_key("code")
    );
    assert!(authorize(&stand, &carol).await.unwrap().contains_key("code"), "consent is remembered");
}

#[tokio::test]
async fn a_challenge_is_met_by_signing_in_again() {
    let stand = Stand::start().await;
    let (_, refused) = stand.exchange(&stand.mint(&emulator::TokenSpec::for_person("dave")), &[]).await;
    let claims_wanted = refused["claims"].as_str().unwrap();
    let dave = [("emulator_person", "dave"), ("claims", claims_wanted)];
    assert!(authorize(&stand, &dave).await.unwrap_err().contains("Approve sign in request"));
    let answer = authorize(&stand, &[dave[0], dave[1], ("emulator_mfa", "true")]).await.unwrap();
    let (_, tokens) = redeem(&stand, &answer["code"], &[]).await;
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(claims(token)["amr"], serde_json::json!(["pwd", "mfa"]));
    assert_eq!(stand.exchange(token, &[]).await.0, 200);
}

#[tokio::test]
async fn the_resource_parameter_must_name_the_scopes_application() {
    let url = "https://mcp.contoso.com/mcp";
    let stand = Stand::with(Config { identifier_uris: vec![url.to_owned()], ..Config::default() }).await;
    let alice = ("emulator_person", "alice");
    let other = authorize(&stand, &[alice, ("resource", "https://elsewhere.example/mcp")]).await.unwrap();
    assert!(other["error"] == "invalid_target" && other["error_description"].contains("AADSTS9010010"));

    let scope = format!("{url}/cost.read");
    let answer = authorize(&stand, &[alice, ("resource", url), ("scope", &scope)]).await.unwrap();
    let (status, tokens) = redeem(&stand, &answer["code"], &[("resource", url)]).await;
    assert_eq!(status, 200, "{tokens}");
    let access = claims(tokens["access_token"].as_str().unwrap());
    assert_eq!((&access["aud"], &access["scp"]), (&API_CLIENT_ID.into(), &"cost.read".into()));

    let late = "http://127.0.0.1:9/mcp";
    stand.emulator.add_identifier_uri(late);
    assert!(authorize(&stand, &[alice, ("resource", late)]).await.unwrap().contains_key("code"));
    let unqualified = authorize(&stand, &[alice, ("scope", "cost.read")]).await.unwrap();
    assert!(unqualified["error_description"].contains("AADSTS650053"));
}

#[tokio::test]
async fn the_issuer_comes_with_the_answer_where_it_is_switched_on() {
    let stand = Stand::with(Config { authorization_response_iss: true, ..Config::default() }).await;
    let answer = authorize(&stand, &[("emulator_person", "alice")]).await.unwrap();
    assert!(answer["iss"].ends_with("/v2.0"));
    let refused = authorize(&stand, &[("scope", "cost.read")]).await.unwrap();
    assert!(refused.contains_key("error") && refused["iss"].ends_with("/v2.0"));
    let discovery =
        stand.http.get(stand.entra("v2.0/.well-known/openid-configuration")).send().await.unwrap();
    let discovery: Value = discovery.json().await.unwrap();
    assert_eq!(discovery["authorization_response_iss_parameter_supported"], true);
}

/// A code for alice, sent to `REDIRECT`, whose platform is `platform`; and what its redemption with `origin` answers.
async fn redeem_on(stand: &Stand, platform: Platform, origin: Option<&str>) -> (u16, Value) {
    let uri = RedirectUri { uri: REDIRECT.to_owned(), platform };
    stand.emulator.register(|api| api.client_redirect_uris = vec![uri]).unwrap();
    let answer = authorize(stand, &[("emulator_person", "alice")]).await.unwrap();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", PUBLIC_CLIENT_ID),
        ("code", &answer["code"]),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    let mut request = stand.http.post(stand.entra("oauth2/v2.0/token")).form(&form);
    if let Some(origin) = origin {
        request = request.header("origin", origin);
    }
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn the_platform_of_a_redirect_uri_decides_how_its_code_is_redeemed() {
    use Platform::{MobileAndDesktop, SinglePage, Web};
    let stand = Stand::start().await;
    let page = Some("http://localhost:6274");
    for (platform, origin, refused) in [
        (MobileAndDesktop, None, None),
        (MobileAndDesktop, page, Some(9_002_326)),
        (SinglePage, page, None),
        (SinglePage, None, Some(9_002_327)),
        (Web, None, Some(7_000_218)),
        (Web, page, Some(7_000_218)),
    ] {
        let (status, body) = redeem_on(&stand, platform, origin).await;
        match refused {
            None => assert_eq!(status, 200, "{platform:?} {origin:?}: {body}"),
            Some(number) => assert_eq!(body["error_codes"][0], number, "{platform:?} {origin:?}: {body}"),
        }
    }
}

#[tokio::test]
async fn a_refresh_token_is_bound_to_the_platform_of_its_sign_in() {
    let stand = Stand::start().await;
    let (_, tokens) = redeem_on(&stand, Platform::SinglePage, Some("http://localhost:6274")).await;
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", PUBLIC_CLIENT_ID),
        ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
    ];
    assert_eq!(stand.token(&form).await.1["error_codes"][0], 9_002_327);
}

#[tokio::test]
async fn a_client_that_is_the_api_itself_signs_in_and_cannot_refresh_without_scope() {
    let stand = Stand::start().await;
    stand.emulator.register(|api| api.redirect_uris = vec![RedirectUri::mobile("http://localhost")]).unwrap();
    let itself = ("client_id", API_CLIENT_ID);
    let answer = authorize(&stand, &[itself, ("emulator_person", "alice")]).await.unwrap();
    let (status, tokens) = redeem(&stand, &answer["code"], &[itself]).await;
    assert_eq!(status, 200, "{tokens}");
    assert_eq!(claims(tokens["access_token"].as_str().unwrap())["scp"], "cost.read");

    let refresh = tokens["refresh_token"].as_str().unwrap();
    let scopeless = [("grant_type", "refresh_token"), itself, ("refresh_token", refresh)];
    let (status, refused) = stand.token(&scopeless).await;
    assert_eq!((status, &refused["error_codes"][0]), (400, &90_009.into()), "{refused}");
    let with_scope = [scopeless[0], itself, scopeless[2], ("scope", READ)];
    assert_eq!(stand.token(&with_scope).await.0, 200);

    stand.emulator.register(|api| api.own_refresh = OwnRefresh::OddScope).unwrap();
    let (status, tokens) = stand.token(&scopeless).await;
    assert_eq!(status, 200, "{tokens}");
    let scp = claims(tokens["access_token"].as_str().unwrap())["scp"].as_str().unwrap().to_owned();
    assert!(scp.starts_with('.') && scp.len() == 37, "{scp}");
    assert_eq!(claims(tokens["access_token"].as_str().unwrap())["aud"], API_CLIENT_ID);
}

#[tokio::test]
async fn where_people_may_consent_to_nothing_the_consent_page_is_an_administrators() {
    let stand = Stand::with(Config { users_may_consent: false, ..Config::default() }).await;
    let alice = ("emulator_person", "alice");
    assert!(authorize(&stand, &[alice]).await.unwrap().contains_key("code"), "it was granted before");
    let page = authorize(&stand, &[alice, ("prompt", "consent")]).await.unwrap_err();
    assert!(page.contains("Approval required") && page.contains("AADSTS90095"), "{page}");
    stand.emulator.withdraw_consent(Some("alice"), &[]).unwrap();
    assert!(authorize(&stand, &[alice]).await.unwrap_err().contains("AADSTS90095"));
    let accepted = authorize(&stand, &[alice, ("emulator_consent", "accept")]).await.unwrap();
    assert!(accepted["error_description"].contains("AADSTS65004"), "nobody gets past it");
    stand.emulator.grant_consent(None, &["cost.read"]).unwrap();
    assert!(
        authorize(&stand, &[alice]).await.unwrap().contains_key("code"),
        "an administrator's consent is enough"
    );
}
