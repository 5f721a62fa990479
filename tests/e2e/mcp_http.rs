//! The endpoint as HTTP: metadata, methods, hosts, origins, sizes, and a policy that headers cannot get around.

use std::time::Duration;

use e2e::{Caller, Stack};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn the_metadata_is_the_same_at_both_well_known_paths() {
    let stack = Stack::start().await;
    let url = stack.public_url();
    let origin = url.trim_end_matches("/mcp");
    let (status, of_path) =
        stack.caller.get(&format!("{origin}/.well-known/oauth-protected-resource/mcp")).await;
    assert_eq!(status, 200);
    let (_, at_root) = stack.caller.get(&format!("{origin}/.well-known/oauth-protected-resource")).await;
    assert_eq!(of_path, at_root);
    let document: serde_json::Value = serde_json::from_str(&of_path).unwrap();
    assert_eq!(document["resource"], url);
    assert_eq!(document["scopes_supported"], json!([format!("{url}/cost.read")]));
    let issuer = format!("{}/{}/v2.0", stack.emulator.endpoints().authority, emulator::TENANT_ID);
    assert_eq!(document["authorization_servers"], json!([issuer]));
}

#[tokio::test]
async fn every_tool_is_listed_for_everybody() {
    let stack = Stack::start().await;
    for person in ["alice", "bob", "carol"] {
        let answer = stack.caller.request(Some(&stack.token(person)), "tools/list", json!({})).await;
        let tools = answer.document["result"]["tools"].as_array().unwrap();
        let names: Vec<_> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["list_subscriptions", "cost_by_service", "cost_export"], "{person}");
    }
}

#[tokio::test]
async fn an_unknown_tool_is_no_question_of_permission() {
    let stack = Stack::start().await;
    let answer = stack.caller.call(&stack.token("alice"), "delete_everything", json!({})).await;
    assert_eq!((answer.status, &answer.document["error"]["code"]), (200, &json!(-32602)), "{}", answer.text);
}

#[tokio::test]
async fn headers_cannot_talk_the_policy_out_of_what_the_body_says() {
    let stack = Stack::start().await;
    let bob = stack.token("bob");
    let export = json!({"name": "cost_export", "arguments": {"subscription": "Contoso Dev"}});
    for (name, value) in [("Mcp-Name", "list_subscriptions"), ("Mcp-Method", "tools/list")] {
        let request =
            stack.caller.prepared("tools/call", export.clone()).header(name, value).bearer_auth(&bob);
        let answer = Caller::send(request).await;
        assert_eq!((answer.status, answer.code()), (403, "missing_scope:cost.export"), "{}", answer.text);
    }
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_subscriptions","name":"cost_export","arguments":{}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call","params":{"name":"cost_export"}}"#,
        r#"[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"cost_export"}}]"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"cost_export"}} "#,
        r#"{"params":{"name":"cost_export"},"method":"tools/call","id":1,"jsonrpc":"2.0"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools\/call","params":{"name":"cost\u005fexport"}}"#,
    ] {
        let answer = Caller::send(stack.caller.prepared("x", json!({})).body(body).bearer_auth(&bob)).await;
        assert!(answer.document["result"].is_null(), "{body}: {}", answer.text);
    }
    let counts = stack.emulator.counts();
    assert_eq!((counts.exchanges, counts.arm_requests), (0, 0));
}

#[tokio::test]
async fn foreign_hosts_and_origins_are_refused() {
    let stack = Stack::builder().gateway(&["--allowed-hosts=mcp.contoso.com"]).start().await;
    let token = stack.token("alice");
    let list = || stack.caller.prepared("tools/list", json!({})).bearer_auth(&token);
    assert_eq!(Caller::send(list().header("Host", "mcp.contoso.com")).await.status, 200);
    assert_eq!(Caller::send(list().header("Host", "evil.example")).await.status, 403);
    assert_eq!(Caller::send(list().header("Origin", "https://evil.example")).await.status, 403);
    let own = stack.public_url().trim_end_matches("/mcp").to_owned();
    assert_eq!(Caller::send(list().header("Origin", own)).await.status, 200);
}

#[tokio::test]
async fn sizes_and_methods_are_bounded() {
    let stack = Stack::start().await;
    let token = stack.token("alice");
    let large =
        stack.caller.prepared("tools/list", json!({"padding": "p".repeat(300_000)})).bearer_auth(&token);
    let answer = Caller::send(large).await;
    assert_eq!((answer.status, answer.code()), (413, "body_too_large"));
    let garbage = stack.caller.prepared("x", json!({})).body("{\"jsonrpc\"").bearer_auth(&token);
    assert!(matches!(Caller::send(garbage).await.status, 400 | 415));
    let (status, _) = stack.caller.get(&stack.public_url()).await;
    assert_eq!(status, 401, "a GET is authenticated before it is refused");
}

#[tokio::test]
async fn health_and_metrics_are_on_the_admin_port_alone() {
    let stack = Stack::start().await;
    assert_eq!(stack.gateway_admin("healthz").await.0, 200);
    assert_eq!(stack.gateway_admin("readyz").await.0, 200);
    let origin = stack.public_url().trim_end_matches("/mcp").to_owned();
    for path in ["healthz", "readyz", "metrics"] {
        assert_eq!(stack.caller.get(&format!("{origin}/{path}")).await.0, 404, "{path}");
    }
}

/// The head of a request and its body often come apart. Were the refusal sent without reading the body, the
/// connection would be closed, and the client's next request, sent on it at once, lost.
#[tokio::test]
async fn a_connection_outlives_a_refusal_that_needed_no_body() {
    let stack = Stack::start().await;
    let url = url::Url::parse(&stack.public_url()).unwrap();
    let address = format!("127.0.0.1:{}", url.port().unwrap());
    let mut connection = TcpStream::connect(&address).await.unwrap();
    connection.set_nodelay(true).unwrap();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nContent-Length: 2\r\n\r\n"
    );
    for _ in 0..3 {
        connection.write_all(head.as_bytes()).await.unwrap();
        // Long enough to be answered too early, were it so.
        tokio::time::sleep(Duration::from_millis(100)).await;
        connection.write_all(b"{}").await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"}") {
            assert_ne!(connection.read_buf(&mut answer).await.unwrap(), 0, "the connection was closed");
        }
        assert!(answer.starts_with(b"HTTP/1.1 401 "), "{}", String::from_utf8_lossy(&answer));
    }
}
