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
        assert_eq!(
            names,
            [
                "list_subscriptions",
                "cost_query",
                "cost_compare",
                "list_budgets",
                "cost_anomalies",
                "cost_commitments",
                "cost_forecast",
                "list_dimensions",
                "cost_by_service",
                "cost_export"
            ],
            "{person}"
        );
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
    let answer = Caller::send(garbage).await;
    assert_eq!((answer.status, &answer.document["error"]["code"]), (400, &json!(-32700)), "{}", answer.text);
    let text =
        stack.caller.requesting(reqwest::Method::POST, &stack.public_url()).body("{}").bearer_auth(&token);
    assert_eq!(Caller::send(text).await.code(), "unsupported_media_type");
    let (status, _) = stack.caller.get(&stack.public_url()).await;
    assert_eq!(status, 401, "a GET is authenticated before it is refused");
}

/// Clients look for metadata in many places, and people mistype the path.
#[tokio::test]
async fn where_there_is_nothing_the_answer_names_where_there_is() {
    let stack = Stack::start().await;
    let url = stack.public_url();
    let origin = url.trim_end_matches("/mcp");
    for path in
        ["/mcp/", "/", "/sse", "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"]
    {
        let post = stack.caller.requesting(reqwest::Method::POST, &format!("{origin}{path}")).body("{}");
        let get = stack.caller.requesting(reqwest::Method::GET, &format!("{origin}{path}"));
        for request in [post, get] {
            let answer = Caller::send(request).await;
            assert_eq!((answer.status, answer.code()), (404, "not_found"), "{path}: {}", answer.text);
            assert_eq!(answer.document["mcp_url"], url, "{path}");
        }
    }
    let token = stack.token("alice");
    let get = Caller::send(stack.caller.requesting(reqwest::Method::GET, &url).bearer_auth(&token)).await;
    assert_eq!((get.status, get.code()), (405, "method_not_allowed"), "{}", get.text);
    assert_eq!(get.headers["allow"], "POST");
}

/// What is answered is JSON in any case: whoever takes JSON gets it, and who does not is told so in JSON-RPC's words.
#[tokio::test]
async fn any_accept_that_takes_json_is_served() {
    let stack = Stack::start().await;
    let token = stack.token("alice");
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).to_string();
    let send = |accept: Option<&'static str>| {
        let request = stack.caller.requesting(reqwest::Method::POST, &stack.public_url());
        let request =
            request.header("Content-Type", "application/json").body(list.clone()).bearer_auth(&token);
        Caller::send(match accept {
            Some(accept) => request.header("Accept", accept),
            None => request,
        })
    };
    for accept in [
        None,
        Some("application/json"),
        Some("*/*"),
        Some("application/*"),
        Some("text/event-stream, */*;q=0.1"),
    ] {
        let answer = send(accept).await;
        assert_eq!(answer.status, 200, "{accept:?}: {}", answer.text);
        assert!(answer.document["result"]["tools"].is_array(), "{accept:?}");
    }
    let refused = send(Some("text/html")).await;
    assert_eq!((refused.status, refused.code()), (406, "not_acceptable"), "{}", refused.text);
    let message = refused.document["error"]["message"].as_str().unwrap();
    assert!(message.contains("application/json") && message.contains("text/event-stream"), "{message}");
}

/// Nothing is streamed: who would take a stream, and asks for progress, is told in one answer that the result is still to come.
#[tokio::test]
async fn what_is_still_to_come_is_told_whole_to_who_would_take_a_stream() {
    let flags = ["--cost-scope-per-minute=1", "--cost-soft-deadline-seconds=1"];
    let stack = Stack::builder().gateway(&flags).start().await;
    let token = stack.token("alice");
    let send = |month: &str| {
        let arguments = json!({"scopes": ["Contoso Prod"], "period": month});
        let params = json!({"name": "cost_query", "arguments": arguments, "_meta": {"progressToken": 7}});
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
        let request = stack.caller.requesting(reqwest::Method::POST, &stack.public_url());
        let request = request.header("Content-Type", "application/json").bearer_auth(&token);
        let accept = "text/event-stream, application/json;q=0.1";
        Caller::send(request.header("Accept", accept).body(call.to_string()))
    };
    let first = send("2026-10").await;
    assert!(first.data()["rows"].is_array(), "{}", first.text);
    // A question of a scope that had its one of this minute.
    let second = send("2026-09").await;
    assert_eq!((second.status, &second.headers["content-type"]), (200, &"application/json".parse().unwrap()));
    assert_eq!(second.data()["pending"], true, "{}", second.text);
    assert!(second.data()["ready_in_seconds"].as_u64().is_some_and(|wait| wait > 0), "{}", second.text);
}

/// Version 2025-03-26 asks servers to take several messages at once.
#[tokio::test]
async fn each_message_of_a_batch_is_answered_and_decided_by_itself() {
    let stack = Stack::start().await;
    let send = |token: String, messages: serde_json::Value| {
        Caller::send(stack.caller.prepared("x", json!({})).body(messages.to_string()).bearer_auth(token))
    };
    let call = |id: u8, tool: &str| json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool, "arguments": {}}});
    let notification = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let messages = json!([
        call(1, "list_subscriptions"),
        notification,
        call(2, "no_such_tool"),
        {"jsonrpc": "2.0", "id": 3, "method": "initialize", "params": {
            "protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}
        }},
        {"jsonrpc": "2.0", "id": "four", "method": "ping"},
        {"id": 5},
    ]);
    let answer = send(stack.token("alice"), messages).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let answers = answer.document.as_array().unwrap();
    let ids: Vec<_> = answers.iter().map(|answer| answer["id"].clone()).collect();
    assert_eq!(ids, [json!(1), json!(2), json!(3), json!("four"), json!(5)]);
    assert!(answers[0]["result"]["structuredContent"].is_object(), "{}", answers[0]);
    let codes: Vec<_> = answers[1..].iter().map(|answer| answer["error"]["code"].clone()).collect();
    assert_eq!(codes, [json!(-32602), json!(-32600), json!(null), json!(-32600)]);

    assert_eq!(send(stack.token("alice"), json!([notification])).await.status, 202);
    // What one message is refused for refuses them all: the challenge stands in the head of the one answer.
    let refused =
        send(stack.token("bob"), json!([call(1, "list_subscriptions"), call(2, "cost_export")])).await;
    assert_eq!((refused.status, refused.code()), (403, "missing_scope:cost.export"), "{}", refused.text);
    let dave = send(stack.token("dave"), json!([call(1, "list_subscriptions")])).await;
    assert_eq!((dave.status, dave.code()), (403, "claims_challenge"), "{}", dave.text);
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
    let large = "x".repeat(60_000);
    for body in ["{}", "{}", &large, "{}"] {
        let head = format!(
            "POST /mcp HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        connection.write_all(head.as_bytes()).await.unwrap();
        // Long enough to be answered too early, were it so.
        tokio::time::sleep(Duration::from_millis(100)).await;
        connection.write_all(body.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"}") {
            assert_ne!(connection.read_buf(&mut answer).await.unwrap(), 0, "the connection was closed");
        }
        assert!(answer.starts_with(b"HTTP/1.1 401 "), "{}", String::from_utf8_lossy(&answer));
    }
}
