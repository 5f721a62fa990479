//! What the facade does for a client that does everything right, and what of it is kept: nothing.

use e2e::{Caller, Stack};
use emulator::TokenSpec;
use serde_json::{Value, json};

use super::{authorize, authorize_query, changed, code, parameter, post_form, redeem, started, text, url};

pub(super) fn metadata_url(stack: &Stack) -> String {
    format!("http://{}/.well-known/oauth-authorization-server/connect/mcp", stack.gateway_address())
}

async fn document(stack: &Stack, url: &str) -> Value {
    let (status, text) = stack.caller.get(url).await;
    assert_eq!(status, 200, "{url}: {text}");
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn a_client_finds_the_facade_from_its_own_path_and_entra_id_from_the_other() {
    let stack = started().await;
    let (origin, facade) = (format!("http://{}", stack.gateway_address()), url(&stack));
    let call = Caller::new(&facade).request(None, "tools/list", json!({})).await;
    let of_facade = format!("{origin}/.well-known/oauth-protected-resource/connect/mcp");
    assert!(call.challenge().contains(&format!("resource_metadata=\"{of_facade}\"")), "{}", call.challenge());
    let resource = document(&stack, &of_facade).await;
    assert_eq!(
        (text(&resource, "resource"), &resource["authorization_servers"]),
        (facade.as_str(), &json!([facade]))
    );

    let server = document(&stack, &metadata_url(&stack)).await;
    let at = |name: &str| format!("{facade}/{name}");
    let expected = json!({
        "issuer": facade,
        "authorization_endpoint": at("authorize"),
        "token_endpoint": at("token"),
        "registration_endpoint": at("register"),
        "scopes_supported": ["api://mcp-cost-server/cost.read", "openid", "profile", "offline_access"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "client_id_metadata_document_supported": true,
    });
    // Not copied, so that nothing is promised which Entra ID alone could keep: no `iss`, no userinfo, no device flow.
    assert_eq!(server, expected);
    for same in [
        format!("{origin}/.well-known/openid-configuration/connect/mcp"),
        format!("{facade}/.well-known/openid-configuration"),
    ] {
        assert_eq!(document(&stack, &same).await, server, "{same}");
    }

    let entra = format!("{}/{}/v2.0", stack.emulator.endpoints().authority, emulator::TENANT_ID);
    for own in ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"] {
        let resource = document(&stack, &format!("{origin}{own}")).await;
        assert_eq!(resource["authorization_servers"], json!([entra]), "{own}");
    }
    let call = stack.caller.request(None, "tools/list", json!({})).await;
    assert!(call.challenge().contains("oauth-protected-resource/mcp\""), "{}", call.challenge());
}

/// The same guard: what it refuses at one path it refuses at the other, and names that path's metadata.
#[tokio::test]
async fn behind_the_second_path_is_the_same_guard() {
    let stack = started().await;
    let caller = Caller::new(url(&stack));
    let refused = caller
        .call(&stack.mint(&TokenSpec::for_person("bob").scopes(&["cost.read"])), "cost_export", json!({}))
        .await;
    assert_eq!((refused.status, text(&refused.document, "code")), (403, "missing_scope:cost.export"));
    assert!(
        refused.challenge().contains("oauth-protected-resource/connect/mcp\""),
        "{}",
        refused.challenge()
    );
    let foreign = caller.prepared("tools/list", json!({})).header("origin", "https://elsewhere.example");
    let foreign = Caller::send(foreign.bearer_auth(stack.token("alice"))).await;
    assert_eq!((foreign.status, text(&foreign.document, "code")), (403, "origin_not_allowed"));
    let allowed = caller.call(&stack.token("alice"), "list_subscriptions", json!({})).await;
    assert_eq!(allowed.status, 200, "{}", allowed.text);
}

#[tokio::test]
async fn what_goes_on_to_entra_id_is_what_it_takes() {
    let stack = started().await;
    let claims = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
    let change = [
        ("claims", claims),
        ("login_hint", "alice@contoso.com"),
        ("domain_hint", "contoso.com"),
        ("prompt", "consent select_account"),
        ("state", "a+b €&state=c"),
        ("nonce", "n"),
        ("response_mode", "form_post"),
        ("emulator_person", "alice"),
    ];
    let sent_on = authorize(&stack, &authorize_query(&stack, &change)).await;
    assert_eq!((sent_on.status, &sent_on.headers["cache-control"]), (302, &"no-store".parse().unwrap()));
    assert_eq!(sent_on.headers["referrer-policy"], "no-referrer");
    let location = sent_on.headers["location"].to_str().unwrap();
    let authority = &stack.emulator.endpoints().authority;
    assert!(
        location.starts_with(&format!("{authority}/{}/oauth2/v2.0/authorize?", emulator::TENANT_ID)),
        "{location}"
    );
    let location = url::Url::parse(location).unwrap();
    let passed: Vec<_> = location.query_pairs().into_owned().collect();
    let expected = [
        ("client_id", emulator::PUBLIC_CLIENT_ID),
        ("response_type", "code"),
        ("redirect_uri", "http://127.0.0.1:3030/callback"),
        ("scope", "api://mcp-cost-server/cost.read offline_access"),
        ("code_challenge", super::CHALLENGE),
        ("code_challenge_method", "S256"),
        ("prompt", "select_account"),
        ("claims", claims),
        ("state", "a+b €&state=c"),
        ("login_hint", "alice@contoso.com"),
        ("domain_hint", "contoso.com"),
    ];
    assert_eq!(passed, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));

    for (asked, scope) in [
        ("", "api://mcp-cost-server/cost.read"),
        ("openid profile", "api://mcp-cost-server/cost.read openid profile"),
        ("cost.export api://mcp-cost-server/cost.export", "api://mcp-cost-server/cost.export"),
    ] {
        let sent_on =
            authorize(&stack, &authorize_query(&stack, &[("scope", asked), ("prompt", "consent")])).await;
        let location = sent_on.headers["location"].to_str().unwrap();
        assert_eq!(parameter(location, "scope").as_deref(), Some(scope), "{asked}");
        assert_eq!(parameter(location, "prompt"), None);
    }
}

/// Nothing is kept: another gateway answers what one began, also when that one is gone.
#[tokio::test]
async fn another_gateway_goes_on_with_what_one_began_and_did_not_live_to_see() {
    let mut stack = started().await;
    let other = format!("http://{}/connect/mcp", stack.another_gateway().await);
    let code = code(&stack, &authorize_query(&stack, &[]), "alice").await;
    stack.begin_gateway_shutdown();
    stack.gateway_stopped().await;
    let tokens = post_form(&format!("{other}/token"), &stack, redeem(&code)).await;
    assert_eq!(
        (tokens.status, &tokens.headers["cache-control"]),
        (200, &"no-store".parse().unwrap()),
        "{}",
        tokens.document["error"]
    );
    let refresh = changed(
        &[
            ("grant_type", "refresh_token"),
            ("client_id", emulator::PUBLIC_CLIENT_ID),
            ("refresh_token", text(&tokens.document, "refresh_token")),
        ],
        &[],
    );
    let refreshed = post_form(&format!("{other}/token"), &stack, refresh).await;
    assert_eq!(refreshed.status, 200, "{}", refreshed.document["error"]);
    assert!(refreshed.document["refresh_token"].is_string(), "a client that drops its old one has a new one");
    let caller = Caller::new(&other);
    for token in [&tokens, &refreshed] {
        let answer =
            caller.call(text(&token.document, "access_token"), "list_subscriptions", json!({})).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
}

/// What may be said of a sign-in: the endpoint, the table's name, the code. The credentials are searched for in every log.
#[tokio::test]
async fn of_a_sign_in_the_log_and_the_metrics_have_the_clients_name_and_a_code() {
    let stack = started().await;
    let code = code(&stack, &authorize_query(&stack, &[("login_hint", "carol@contoso.com")]), "alice").await;
    post_form(&format!("{}/token", url(&stack)), &stack, redeem(&code)).await;
    authorize(&stack, &authorize_query(&stack, &[("client_id", "someone-unknown")])).await;
    let (metrics, _) = stack.metrics().await;
    for labels in [
        r#"client="assistant",operation="authorize""#,
        r#"client="assistant",operation="token""#,
        r#"client="unknown",error_type="unknown_client",operation="authorize""#,
    ] {
        let line = metrics
            .lines()
            .find(|line| line.starts_with("gateway_sign_in_requests_total{") && line.contains(labels));
        assert!(line.is_some_and(|line| line.ends_with(" 1")), "{labels}: {metrics}");
    }
    let seen = format!("{}{metrics}", stack.logs());
    for said in
        ["someone-unknown", "carol@contoso.com", "the clients' state", "the+clients", super::VERIFIER, &code]
    {
        assert!(!seen.contains(said), "{said}");
    }
}

#[tokio::test]
async fn without_a_file_nothing_of_it_exists() {
    let stack = Stack::start().await;
    for path in ["", "/authorize", "/token", "/register", "/.well-known/openid-configuration"] {
        let (status, text) = stack.caller.get(&format!("{}{path}", url(&stack))).await;
        assert_eq!(status, 404, "{path}: {text}");
    }
    assert_eq!(stack.caller.get(&metadata_url(&stack)).await.0, 404);
}
