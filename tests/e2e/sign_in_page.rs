//! The emulator's sign-in page in a real browser: choosing a person, the second factor, consent, and errors.
//!
//! With `SCREENSHOTS=docs/images/sign-in` the pictures of the documentation are taken anew.

use e2e::Stack;
use serde_json::{Value, json};

use crate::interop::Client;

fn authorize_url(stack: &Stack, change: &[(&str, &str)]) -> String {
    let resource = stack.public_url();
    let scope = format!("{resource}/cost.read offline_access");
    let mut parameters = vec![
        ("client_id", emulator::PUBLIC_CLIENT_ID),
        ("response_type", "code"),
        ("redirect_uri", "http://127.0.0.1/callback"),
        ("scope", &scope),
        ("resource", &resource),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_challenge_method", "S256"),
        ("state", "the-clients-state"),
    ];
    for (name, value) in change {
        parameters.retain(|(known, _)| known != name);
        parameters.push((name, value));
    }
    let base =
        format!("{}/{}/oauth2/v2.0/authorize", stack.emulator.endpoints().authority, emulator::TENANT_ID);
    url::Url::parse_with_params(&base, parameters).unwrap().into()
}

async fn browse(stack: &Stack, steps: &str, url: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let kept = std::env::var_os("SCREENSHOTS")
        .map(|folder| format!("{}/../{}", env!("CARGO_MANIFEST_DIR"), folder.display()));
    let pictures = kept.unwrap_or_else(|| folder.path().display().to_string());
    let (code, printed) =
        Client::new("browser_sign_in.mjs", stack).args(&[steps, url, &pictures]).run().await;
    assert_eq!(code, 0, "{printed}");
    printed
}

#[tokio::test]
async fn clients_of_alice_are_sent_back_with_a_code_and_their_state() {
    let stack = Stack::start().await;
    let shown = browse(&stack, "shot:pick-an-account,pick:Alice Abel", &authorize_url(&stack, &[])).await;
    assert_eq!(shown["titles"][0], "Pick an account");
    let answer = &shown["answer"];
    assert_eq!(answer["code"], "present", "{shown}");
    // Nobody has seen Entra ID send `iss`.
    assert_eq!((&answer["state"], &answer["iss"]), (&json!("the-clients-state"), &Value::Null));
}

#[tokio::test]
async fn clients_of_dave_see_the_second_factor_when_claims_ask_for_it() {
    let stack = Stack::start().await;
    let refused = stack.caller.call(&stack.token("dave"), "list_subscriptions", json!({})).await;
    let claims = refused.document["claims"].to_string();
    let url = authorize_url(&stack, &[("claims", &claims)]);
    let shown = browse(&stack, "pick:Dave Dunn,shot:second-factor,approve", &url).await;
    assert_eq!(shown["titles"][1], "Approve sign in request", "{shown}");
    assert_eq!(shown["answer"]["code"], "present", "{shown}");
}

#[tokio::test]
async fn clients_that_nobody_consented_to_name_the_scopes_and_may_be_declined() {
    let stack = Stack::start().await;
    stack.emulator.withdraw_consent(Some("erin"), &["cost.read"]).unwrap();
    let url = authorize_url(&stack, &[]);
    let declined = browse(&stack, "pick:Erin Eide (Fabrikam),shot:consent,cancel", &url).await;
    assert_eq!(declined["titles"][1], "Permissions requested", "{declined}");
    assert_eq!(declined["answer"]["error"], "access_denied", "{declined}");
    let accepted = browse(&stack, "pick:Erin Eide (Fabrikam),accept", &url).await;
    assert_eq!(accepted["answer"]["code"], "present", "{accepted}");
}

#[tokio::test]
async fn clients_that_ask_bob_for_the_export_are_told_who_must_consent() {
    let stack = Stack::start().await;
    let scope = format!("{}/cost.export", stack.public_url());
    let url = authorize_url(&stack, &[("scope", &scope)]);
    let shown = browse(&stack, "pick:Bob Berg,shot:admin-approval", &url).await;
    assert_eq!(shown["titles"][1], "Need admin approval", "{shown}");
    assert!(shown["text"].as_str().unwrap().contains("cost.export"), "{shown}");
}

#[tokio::test]
async fn clients_see_errors_explained() {
    let stack = Stack::start().await;
    for (name, value, code) in [
        ("redirect_uri", "https://elsewhere.example/callback", "AADSTS50011"),
        ("client_id", "99999999-0000-4000-8000-000000000000", "AADSTS700016"),
    ] {
        let url = authorize_url(&stack, &[(name, value)]);
        let steps = if name == "redirect_uri" { "shot:error" } else { "" };
        let shown = browse(&stack, steps, &url).await;
        let text = shown["text"].as_str().unwrap();
        assert!(text.contains(code), "{name}: {shown}");
        assert!(text.contains("regist"), "{name}: {shown}");
    }
    let url = authorize_url(&stack, &[("resource", "https://elsewhere.example/mcp")]);
    let shown = browse(&stack, "", &url).await;
    let seen = shown.to_string();
    assert!(seen.contains("AADSTS9010010"), "{shown}");
}
