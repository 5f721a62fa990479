//! Pages of other origins in a real browser: what the list of origins opens, and that it opens no more.

use e2e::{Caller, Stack};
use reqwest::Method;
use serde_json::json;

use crate::interop::Client;

#[tokio::test]
async fn clients_in_a_page_of_an_allowed_origin_call_and_read_challenges_and_others_do_not() {
    // Bound until the browser's page takes its place: no other test gets the port meanwhile.
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port().to_string();
    let stack =
        Stack::builder().gateway(&[&format!("--allowed-origins=http://127.0.0.1:{port}")]).start().await;
    drop(held);
    let (code, shown) = Client::new("browser_page.mjs", &stack)
        .env("MCP_URL", &stack.public_url())
        .env("MCP_TOKEN", &stack.token("alice"))
        .env("ORIGIN_PORT", &port)
        .run()
        .await;
    assert_eq!(code, 0, "{shown}");
    let own = &shown["own"];
    assert_eq!(own["withToken"]["status"], 200, "{shown}");
    assert!(own["withToken"]["body"].as_str().unwrap().contains("Contoso Prod"), "{shown}");
    assert_eq!(own["without"]["status"], 401, "{shown}");
    assert!(own["without"]["challenge"].as_str().unwrap().contains("resource_metadata="), "{shown}");
    assert_eq!(own["metadata"]["resource"], stack.public_url(), "{shown}");

    let foreign = &shown["foreign"];
    for call in ["withToken", "without"] {
        assert!(
            foreign[call]["error"].as_str().is_some_and(|error| error.contains("Failed to fetch")),
            "{shown}"
        );
    }
    assert_eq!(foreign["metadata"]["resource"], stack.public_url(), "metadata is public");
    assert_eq!(stack.emulator.counts().exchanges, 1, "the foreign page's call went nowhere");
}

#[tokio::test]
async fn a_browser_is_answered_before_a_token_is_asked_for() {
    let origin = "https://app.contoso.com";
    let stack = Stack::builder().gateway(&[&format!("--allowed-origins={origin}")]).start().await;
    let ask = |origin: &str| {
        let request = stack
            .caller
            .requesting(Method::OPTIONS, &stack.public_url())
            .header("Origin", origin)
            .header("Access-Control-Request-Method", "POST")
            .header("Access-Control-Request-Headers", "authorization,content-type,mcp-protocol-version");
        Caller::send(request)
    };
    let header = |answer: &e2e::Answer, name: &str| {
        answer.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    };
    let allowed = ask(origin).await;
    assert_eq!(allowed.status, 204, "{}", allowed.text);
    assert_eq!(header(&allowed, "access-control-allow-origin"), origin);
    assert_eq!(header(&allowed, "access-control-allow-methods"), "POST");
    assert_eq!(
        header(&allowed, "access-control-allow-headers"),
        "authorization, content-type, mcp-protocol-version"
    );
    assert_eq!(header(&allowed, "vary"), "Access-Control-Request-Headers");
    let foreign = ask("https://evil.example").await;
    assert_eq!((foreign.status, foreign.code()), (403, "origin_not_allowed"));
    assert_eq!(header(&foreign, "access-control-allow-origin"), "");

    // A refusal can be read, and when to come back.
    let limited = Stack::builder().calls_per_minute(1).gateway(&[&format!("--allowed-origins={origin}")]);
    let stack = limited.start().await;
    let token = stack.token("alice");
    let call = || {
        let list = stack.caller.prepared("tools/list", json!({})).header("Origin", origin);
        Caller::send(list.bearer_auth(&token))
    };
    assert_eq!(call().await.status, 200);
    let refused = call().await;
    assert_eq!((refused.status, header(&refused, "access-control-allow-origin").as_str()), (429, origin));
    assert_eq!(header(&refused, "access-control-expose-headers"), "WWW-Authenticate, Retry-After");
    let without = Caller::send(stack.caller.prepared("tools/list", json!({})).header("Origin", origin)).await;
    assert_eq!((without.status, header(&without, "access-control-allow-origin").as_str()), (401, origin));
}
