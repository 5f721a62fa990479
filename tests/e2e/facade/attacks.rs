//! Each attack on a facade as a request: refused with the right error, and nothing of it reaches Entra ID.

use e2e::{Answer, Caller, Stack};
use emulator::Counts;
use serde_json::json;

use super::{
    CHALLENGE, DOCUMENT, VERIFIER, authorize, authorize_query, changed, code, post_form, redeem, started, url,
};

/// Nothing was asked of Entra ID since the last reset.
#[track_caller]
fn assert_untouched(stack: &Stack, what: &str) {
    let Counts { authorize_requests, token_requests, token_errors, .. } = stack.emulator.counts();
    assert_eq!((authorize_requests, token_requests.len(), token_errors.len()), (0, 0, 0), "{what}");
}

/// A page for the person, that leads nowhere.
#[track_caller]
fn assert_page(answer: &Answer, code: &str, what: &str) {
    assert_eq!((answer.status, answer.headers.get("location")), (400, None), "{what}");
    assert!(answer.text.contains(&format!("<code>{code}</code>")), "{what}: {}", answer.text);
    assert!(answer.text.contains("can mend that"), "{what}: {}", answer.text);
    assert_eq!(answer.headers["cache-control"], "no-store", "{what}");
    let policy = answer.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
}

#[track_caller]
fn assert_error(answer: &Answer, status: u16, error: &str, what: &str) {
    assert_eq!(
        (answer.status, &answer.document["error"]),
        (status, &json!(error)),
        "{what}: {}",
        answer.text
    );
    assert_eq!(answer.headers["cache-control"], "no-store", "{what}");
}

#[tokio::test]
async fn what_is_wrong_with_a_sign_in_is_said_on_a_page_and_leads_nowhere() {
    let stack = started().await;
    stack.emulator.reset_counts();
    let elsewhere = format!("{}/", stack.emulator.endpoints().authority);
    for (name, value, code) in [
        ("redirect_uri", "https://elsewhere.example/callback", "unlisted_redirect"),
        ("redirect_uri", "http://user@127.0.0.1:3030/callback", "unlisted_redirect"),
        ("redirect_uri", "http://127.0.0.1:3030@elsewhere.example/callback", "unlisted_redirect"),
        ("redirect_uri", "javascript://127.0.0.1/callback", "unlisted_redirect"),
        ("redirect_uri", "http://127.0.0.1:3030/callback#fragment", "unlisted_redirect"),
        ("redirect_uri", "http://127.0.0.1:3030/callback?more=1", "unlisted_redirect"),
        ("redirect_uri", "http://localhost:3030/elsewhere", "unlisted_redirect"),
        ("redirect_uri", "", "unlisted_redirect"),
        ("client_id", "99999999-0000-4000-8000-000000000000", "unknown_client"),
        ("client_id", "https://elsewhere.example/client-metadata.json", "unknown_client"),
        ("client_id", elsewhere.as_str(), "unknown_client"),
        ("client_id", "", "unknown_client"),
        ("response_type", "token", "response_type"),
        ("response_type", "code id_token", "response_type"),
        ("response_type", "", "response_type"),
        ("code_challenge", "", "no_pkce"),
        ("code_challenge", "short", "no_pkce"),
        ("code_challenge_method", "plain", "no_pkce"),
        ("code_challenge_method", "", "no_pkce"),
        ("resource", "https://management.azure.com/", "foreign_resource"),
        ("scope", "https://management.azure.com/user_impersonation", "foreign_scope"),
        ("scope", "cost.read User.Read", "foreign_scope"),
        ("scope", "api://mcp-cost-server/.default", "foreign_scope"),
        ("scope", "cost.read email", "foreign_scope"),
        ("claims", "no object", "bad_claims"),
        ("state", "a\r\nSet-Cookie: a=b", "malformed"),
        ("state", "a\0b", "malformed"),
    ] {
        let what = format!("{name}={value}");
        let answer = authorize(&stack, &authorize_query(&stack, &[(name, value)])).await;
        assert_page(&answer, code, &what);
        assert!(
            value.is_empty() || !answer.text.contains(value),
            "nothing of the request is repeated: {what}"
        );
        assert_untouched(&stack, &what);
    }
    let right = authorize_query(&stack, &[]);
    for (more, code) in [
        ("&state=again", "repeated"),
        ("&%73tate=again", "repeated"),
        ("&resource=https%3A%2F%2Felsewhere.example", "repeated"),
        ("&x=%ff", "malformed"),
        ("&x=%", "malformed"),
    ] {
        assert_page(&authorize(&stack, &format!("{right}{more}")).await, code, more);
        assert_untouched(&stack, more);
    }
    let long = authorize(&stack, &authorize_query(&stack, &[("state", &"a".repeat(9_000))])).await;
    assert_eq!((long.status, long.headers.get("location")), (413, None));
    assert_untouched(&stack, "a long query");
}

#[tokio::test]
async fn what_is_wrong_at_the_token_endpoint_is_refused_and_nothing_is_passed_on() {
    let stack = started().await;
    let at = format!("{}/token", url(&stack));
    stack.emulator.reset_counts();
    let client = ("client_id", emulator::PUBLIC_CLIENT_ID);
    let refresh = [("grant_type", "refresh_token"), client, ("refresh_token", "a-token")];
    let redeemed = [
        ("grant_type", "authorization_code"),
        client,
        ("code", "a-code"),
        ("redirect_uri", "http://127.0.0.1:3030/callback"),
        ("code_verifier", VERIFIER),
    ];
    let jwt_bearer = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    for (right, change, status, error) in [
        (&refresh[..], &[("grant_type", "client_credentials")][..], 400, "unsupported_grant_type"),
        (&refresh, &[("grant_type", "password")], 400, "unsupported_grant_type"),
        (&refresh, &[("grant_type", jwt_bearer)], 400, "unsupported_grant_type"),
        (
            &refresh,
            &[("grant_type", "urn:ietf:params:oauth:grant-type:device_code")],
            400,
            "unsupported_grant_type",
        ),
        (&refresh, &[("grant_type", "")], 400, "unsupported_grant_type"),
        (&refresh, &[("client_secret", "a-secret")], 401, "invalid_client"),
        (&refresh, &[("client_assertion", "a.b.c")], 401, "invalid_client"),
        (&refresh, &[("assertion", "a.b.c"), ("grant_type", jwt_bearer)], 401, "invalid_client"),
        (&refresh, &[("username", "alice"), ("password", "p")], 401, "invalid_client"),
        (&refresh, &[("client_id", "99999999-0000-4000-8000-000000000000")], 401, "invalid_client"),
        (&refresh, &[("client_id", "https://elsewhere.example/client.json")], 401, "invalid_client"),
        (&refresh, &[("client_id", "")], 401, "invalid_client"),
        (&refresh, &[("refresh_token", "")], 400, "invalid_request"),
        (&refresh, &[("resource", "https://management.azure.com/")], 400, "invalid_target"),
        (&refresh, &[("scope", "https://management.azure.com/.default")], 400, "invalid_scope"),
        (&refresh, &[("refresh_token", "a\r\nb")], 400, "invalid_request"),
        (&redeemed, &[("code", "")], 400, "invalid_request"),
        (&redeemed, &[("code_verifier", "")], 400, "invalid_request"),
        (&redeemed, &[("redirect_uri", "https://elsewhere.example/callback")], 400, "invalid_request"),
        (&redeemed, &[("redirect_uri", "")], 400, "invalid_request"),
        (&redeemed, &[("scope", "User.Read")], 400, "invalid_scope"),
        (&redeemed, &[("refresh_token", &"a".repeat(9_000))], 413, "invalid_request"),
    ] {
        let what = format!("{change:?}");
        assert_error(&post_form(&at, &stack, changed(right, change)).await, status, error, &what);
        assert_untouched(&stack, &what);
    }
    let right = changed(&refresh, &[]);
    for more in ["&grant_type=refresh_token", "&%67rant_type=x", "&client_id=x", "&x=%00"] {
        assert_error(&post_form(&at, &stack, format!("{right}{more}")).await, 400, "invalid_request", more);
        assert_untouched(&stack, more);
    }
    let polluted = format!("{at}?client_id={}", emulator::PUBLIC_CLIENT_ID);
    assert_error(&post_form(&polluted, &stack, right.clone()).await, 400, "invalid_request", "the query");
    let form = ("content-type", "application/x-www-form-urlencoded");
    for (headers, status, error) in [
        (&[form, ("authorization", "Basic YTpi")][..], 401, "invalid_client"),
        (&[form, ("authorization", "Bearer a.b.c")], 401, "invalid_client"),
        (&[("content-type", "application/json")], 400, "invalid_request"),
        (&[form, ("content-type", "text/plain")], 400, "invalid_request"),
        (&[], 400, "invalid_request"),
    ] {
        let request = stack.caller.requesting(reqwest::Method::POST, &at).body(right.clone());
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        assert_error(&Caller::send(request).await, status, error, &format!("{headers:?}"));
    }
    for method in [reqwest::Method::GET, reqwest::Method::PUT] {
        let request = stack.caller.requesting(method, &format!("{at}?{right}"));
        assert_eq!(Caller::send(request).await.status, 405);
    }
    assert_untouched(&stack, "all of it");
}

/// The one thing that only Entra ID can tell.
#[tokio::test]
async fn a_code_of_another_client_is_refused_by_entra_id_in_its_words_and_ours() {
    let stack = started().await;
    let at = format!("{}/token", url(&stack));
    let code = code(&stack, &authorize_query(&stack, &[]), "alice").await;
    let forged = redeem(&code).replace(VERIFIER, CHALLENGE);
    assert_error(&post_form(&at, &stack, forged).await, 400, "invalid_grant", "another's verifier");
    let stolen = post_form(&at, &stack, redeem("of-another")).await;
    assert_error(&stolen, 400, "invalid_grant", "another's code");
    assert_eq!(stack.emulator.counts().token_requests["authorization_code"], 2);
}

#[tokio::test]
async fn registration_gives_an_id_of_the_table_to_who_has_its_redirect_uris_and_nothing_else() {
    let stack = started().await;
    let at = format!("{}/register", url(&stack));
    stack.emulator.reset_counts();
    let ask = async |body: String| {
        let request =
            stack.caller.requesting(reqwest::Method::POST, &at).header("content-type", "application/json");
        Caller::send(request.body(body)).await
    };
    let own = ["http://localhost:3334/oauth/callback", "http://127.0.0.1:5/callback"];
    let given = ask(
        json!({"redirect_uris": own, "client_name": "x", "token_endpoint_auth_method": "client_secret_post"})
            .to_string(),
    )
    .await;
    assert_eq!(
        (given.status, &given.document["client_id"]),
        (201, &json!(emulator::PUBLIC_CLIENT_ID)),
        "{}",
        given.text
    );
    assert_eq!(
        (&given.document["redirect_uris"], &given.document["token_endpoint_auth_method"]),
        (&json!(own), &json!("none"))
    );
    assert_eq!(given.document.get("client_secret"), None);
    for (uris, error) in [
        (json!(["https://elsewhere.example/callback"]), "invalid_redirect_uri"),
        (json!([own[0], "https://elsewhere.example/callback"]), "invalid_redirect_uri"),
        (json!(["http://localhost:3334/elsewhere"]), "invalid_redirect_uri"),
        (json!([]), "invalid_redirect_uri"),
        (json!("http://localhost/callback"), "invalid_client_metadata"),
        (json!(null), "invalid_client_metadata"),
    ] {
        let refused = ask(json!({"redirect_uris": uris}).to_string()).await;
        assert_error(&refused, 400, error, &uris.to_string());
    }
    let twice =
        format!(r#"{{"redirect_uris": ["{}"], "redirect_uris": ["https://elsewhere.example/"]}}"#, own[0]);
    assert_error(&ask(twice).await, 400, "invalid_client_metadata", "a member twice");
    assert_error(&ask("[".repeat(9_000)).await, 413, "invalid_request", "a long body");
    assert_untouched(&stack, "registration");

    let closed =
        Stack::builder().sign_in(&super::entry("assistant", emulator::PUBLIC_CLIENT_ID)).start().await;
    let request = closed.caller.requesting(reqwest::Method::POST, &format!("{}/register", url(&closed)));
    assert_eq!(Caller::send(request.body("{}")).await.status, 404, "it has a switch of its own");
    assert!(
        !closed.caller.get(&super::flow::metadata_url(&closed)).await.1.contains("registration_endpoint")
    );
}

#[tokio::test]
async fn a_document_that_is_named_as_client_is_looked_up_and_never_fetched() {
    let stack = started().await;
    stack.emulator.reset_counts();
    let known = authorize(&stack, &authorize_query(&stack, &[("client_id", DOCUMENT)])).await;
    let location = known.headers["location"].to_str().unwrap();
    assert_eq!(super::parameter(location, "client_id").unwrap(), emulator::PUBLIC_CLIENT_ID);
    // A listener of this machine's, which a facade that fetches would call.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let document = format!("http://{}/client.json", listener.local_addr().unwrap());
    let unknown = authorize(&stack, &authorize_query(&stack, &[("client_id", &document)])).await;
    assert_page(&unknown, "unknown_client", "a document that is not listed");
    assert!(futures::FutureExt::now_or_never(listener.accept()).is_none(), "nobody came for it");
    assert_untouched(&stack, "documents");
}

/// Addresses come from the connection, and from what a listed proxy says of it.
#[tokio::test]
async fn each_address_has_its_own_limit_and_nobody_makes_one_up() {
    for (flags, other) in [(&["--trusted-proxies=127.0.0.1"][..], 400), (&[], 429)] {
        let file = super::entry("assistant", emulator::PUBLIC_CLIENT_ID);
        let stack = Stack::builder().sign_in(&file).gateway(flags).start().await;
        stack.emulator.reset_counts();
        let ask = async |from: &str| {
            let at = format!("{}/token", url(&stack));
            let request = stack.caller.requesting(reqwest::Method::POST, &at).header("x-forwarded-for", from);
            Caller::send(request).await
        };
        // More than a minute's worth, and what is forgiven meanwhile, come when they may.
        let mut answer = ask("198.51.100.4").await;
        for _ in 0..2_000 {
            if answer.status == 429 {
                break;
            }
            answer = ask("198.51.100.4").await;
        }
        assert_error(&answer, 429, "temporarily_unavailable", "one address");
        assert_eq!(answer.headers["retry-after"], "1");
        assert_eq!(ask("198.51.100.5").await.status, other, "another address, with {flags:?}");
        assert_untouched(&stack, "a flood");
    }
}
