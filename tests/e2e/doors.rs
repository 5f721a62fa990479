//! The gateway's own doors: who says nothing, too much, or two things at once costs nobody else their answer.

use std::time::Duration;

use e2e::{BUILT_IN_POLICY, Caller, Stack};
use futures::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// Far longer than anything that is not waited for takes, and far shorter than what is.
const SOON: Duration = Duration::from_secs(5);

/// What the gateway answers to these bytes, to the end of the connection or of the first answer.
async fn answer_to(stack: &Stack, bytes: &[u8]) -> String {
    let mut connection = connect(stack).await;
    // Whoever is refused may be cut off while still sending.
    let _ = connection.write_all(bytes).await;
    read_answer(&mut connection).await
}

async fn connect(stack: &Stack) -> TcpStream {
    let connection = TcpStream::connect(stack.gateway_address()).await.unwrap();
    connection.set_nodelay(true).unwrap();
    connection
}

/// Reads until the answer's JSON is whole, or the connection ends.
async fn read_answer(connection: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&answer).into_owned();
        let body = text.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
        if serde_json::from_str::<Value>(body).is_ok() {
            return text;
        }
        if !matches!(connection.read_buf(&mut answer).await, Ok(1..)) {
            return text;
        }
    }
}

fn head(stack: &Stack, more: &str) -> String {
    format!(
        "POST /mcp HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\n{more}",
        stack.gateway_address()
    )
}

fn code(answer: &str) -> String {
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
    let document: Value = serde_json::from_str(body).unwrap_or_default();
    document["code"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn idle_connections_make_room_for_an_honest_call() {
    let stack = Stack::builder().gateway(&["--max-connections=16"]).start().await;
    let token = stack.token("alice");
    let silent: Vec<_> = join_all((0..100).map(|_| connect(&stack))).await;
    let begun = Instant::now();
    let call = timeout(SOON, stack.caller.call(&token, "list_subscriptions", json!({}))).await;
    assert_eq!(call.expect("the call is not held up").status, 200, "after {:?}", begun.elapsed());
    let (metrics, _) = stack.metrics().await;
    let full = metrics.lines().find(|line| {
        line.starts_with("gateway_connections_refused_total{") && line.contains("cause=\"full\"")
    });
    assert!(full.is_some(), "{metrics}");
    let open = metrics.lines().filter(|line| line.starts_with("gateway_connections ")).count();
    assert_eq!(open, 1, "one series for both addresses, or a scrape is refused: {metrics}");
    assert_eq!(stack.logs().matches("no room for another connection").count(), 1, "told, and not each time");
    drop(silent);
}

#[tokio::test]
async fn an_idle_connection_ends_after_its_time_and_a_call_under_way_does_not() {
    let stack = Stack::builder().gateway(&["--idle-seconds=1"]).start().await;
    let mut connection = connect(&stack).await;
    let ping = head(&stack, "Content-Length: 2\r\n\r\n{}");
    connection.write_all(ping.as_bytes()).await.unwrap();
    assert!(read_answer(&mut connection).await.starts_with("HTTP/1.1 401 "));
    let mut rest = Vec::new();
    let closed = timeout(Duration::from_secs(20), connection.read_to_end(&mut rest)).await;
    assert!(closed.is_ok(), "an idle connection is kept for a second here");
}

/// One after the other would take minutes.
#[tokio::test]
async fn what_has_begun_is_waited_for_half_a_minute() {
    let stack = Stack::builder().gateway(&["--idle-seconds=3600"]).start().await;
    let token = stack.token("alice");
    let second_head = async {
        let mut connection = connect(&stack).await;
        connection.write_all(head(&stack, "Content-Length: 2\r\n\r\n{}").as_bytes()).await.unwrap();
        read_answer(&mut connection).await;
        connection.write_all(b"POST /mcp HT").await.unwrap();
        let mut rest = Vec::new();
        let closed = timeout(Duration::from_secs(50), connection.read_to_end(&mut rest)).await;
        assert!(closed.is_ok(), "half a head is not an idle connection");
    };
    let slow_body = async {
        let mut connection = connect(&stack).await;
        let more = format!("Authorization: Bearer {token}\r\nContent-Length: 1000\r\n\r\n{{\"json");
        connection.write_all(head(&stack, &more).as_bytes()).await.unwrap();
        let (mut reading, mut writing) = connection.into_split();
        let drip = async {
            loop {
                tokio::time::sleep(Duration::from_millis(500)).await;
                if writing.write_all(b" ").await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        let answer = async {
            let mut answer = [0; 2048];
            let length = reading.read(&mut answer).await.unwrap();
            String::from_utf8_lossy(&answer[..length]).into_owned()
        };
        let answer = tokio::select! { answer = answer => answer, () = drip => unreachable!("it drips on") };
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert_eq!(code(&answer), "body_timeout");
    };
    tokio::join!(second_head, slow_body);
}

/// A person in 199 groups, behind a proxy that adds 5 kB: the same over both protocols.
#[tokio::test]
async fn fields_have_one_limit_over_both_protocols() {
    let stack = Stack::start().await;
    let token = stack.token("alice");
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}).to_string();
    let http2 = h2_client();
    for (padding, status, said) in [
        (5_000, 200, ""),
        (40_000, 200, ""),
        (70_000, 431, "headers_too_large"),
        (100_000, 431, "headers_too_large"),
    ] {
        let field = |n: usize| format!("X-Padding-{n}: {}\r\n", "p".repeat(4985));
        let fields = (0..padding / 5000).map(field).collect::<Vec<_>>().concat();
        let more =
            format!("Authorization: Bearer {token}\r\n{fields}Content-Length: {}\r\n\r\n{list}", list.len());
        let answer = answer_to(&stack, head(&stack, &more).as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{padding}: {answer}");
        assert_eq!(code(&answer), said, "{padding} over HTTP/1.1");

        let mut request = http2
            .post(stack.public_url())
            .bearer_auth(&token)
            .header("Accept", "application/json, text/event-stream")
            .header("Content-Type", "application/json")
            .body(list.clone());
        for n in 0..padding / 5000 {
            request = request.header(format!("x-padding-{n}"), "p".repeat(4985));
        }
        let answer = Caller::send(request).await;
        assert_eq!((answer.status, answer.code()), (status, said), "{padding} over HTTP/2: {}", answer.text);
    }
    // What is far longer is answered too, not cut off.
    let endless = head(&stack, &format!("X-Padding: {}\r\n\r\n", "p".repeat(400_000)));
    let answer = answer_to(&stack, endless.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    assert_eq!(code(&answer), "headers_too_large");
}

/// Heads are counted one by one: a connection may carry any number.
#[tokio::test]
async fn a_connection_of_many_requests_is_no_long_head() {
    let stack = Stack::builder().start().await;
    let mut connection = connect(&stack).await;
    let padding = "p".repeat(8_000);
    let request = head(&stack, &format!("X-Padding: {padding}\r\nContent-Length: 2\r\n\r\n{{}}"));
    for _ in 0..30 {
        connection.write_all(request.as_bytes()).await.unwrap();
        assert!(read_answer(&mut connection).await.starts_with("HTTP/1.1 401 "));
    }
}

#[tokio::test]
async fn a_token_too_large_is_told_the_cure_and_not_to_sign_in() {
    let stack = Stack::start().await;
    let token = format!("{}{}", stack.token("alice"), "a".repeat(16_000));
    let answer = stack.caller.request(Some(&token), "tools/list", json!({})).await;
    assert_eq!((answer.status, answer.code()), (431, "token_too_large"), "{}", answer.text);
    assert_eq!(answer.challenge(), "");
    assert!(answer.text.contains("Groups assigned to the application"), "{}", answer.text);
}

#[tokio::test]
async fn exports_stand_behind_the_same_door_as_the_tool_that_makes_them() {
    let stack = Stack::start().await;
    let at = |id: &str| stack.caller.url().replace("/mcp", &format!("/exports/{id}"));
    let elsewhere = format!("{}-{}", "0".repeat(8), "0".repeat(32));
    let (bob, alice) = (stack.token("bob"), stack.token("alice"));
    for id in ["x", &elsewhere] {
        let nobody = stack.caller.fetch(None, &at(id), &[]).await;
        assert_eq!((nobody.status, &*nobody.code()), (401, "missing_bearer"));
        assert!(nobody.headers["www-authenticate"].to_str().unwrap().contains("resource_metadata"));
        let refused = stack.caller.fetch(Some(&bob), &at(id), &[]).await;
        assert_eq!((refused.status, &*refused.code()), (403, "missing_scope:cost.export"));
    }
    assert_eq!(stack.emulator.counts().exchanges, 0, "nobody was exchanged for");
    let never = stack.caller.fetch(Some(&alice), &at("x"), &[]).await;
    assert_eq!((never.status, &*never.code()), (404, "export_not_found"));
    let other = stack.caller.fetch(Some(&alice), &at(&elsewhere), &[]).await;
    assert_eq!((other.status, &*other.code()), (421, "export_elsewhere"));
    assert_eq!(stack.emulator.counts().exchanges, 1, "alice was, before anything was looked up");
}

#[tokio::test]
async fn a_request_names_one_host() {
    let stack = Stack::start().await;
    let address = stack.gateway_address();
    let token = stack.token("alice");
    let rest = format!(
        "Authorization: Bearer {token}\r\nContent-Type: application/json\r\nAccept: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
    );
    for (target, hosts) in [
        ("/mcp".to_owned(), format!("Host: {address}\r\nHost: {address}\r\n")),
        ("/mcp".to_owned(), format!("Host: {address}\r\nHost: evil.example\r\n")),
        ("/mcp".to_owned(), format!("Host: evil.example\r\nHost: {address}\r\n")),
        ("http://evil.example/mcp".to_owned(), format!("Host: {address}\r\n")),
        (format!("http://{address}/mcp"), "Host: evil.example\r\n".to_owned()),
        ("/mcp".to_owned(), String::new()),
        (
            "/.well-known/oauth-protected-resource".to_owned(),
            format!("Host: {address}\r\nHost: evil.example\r\n"),
        ),
    ] {
        let bytes = format!("POST {target} HTTP/1.1\r\n{hosts}{rest}");
        let answer = answer_to(&stack, bytes.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{target} {hosts}: {answer}");
        assert_eq!(code(&answer), "ambiguous_host", "{target} {hosts}: {answer}");
    }
    let agreeing = format!("POST http://{address}/mcp HTTP/1.1\r\nHost: {address}\r\n{rest}");
    assert!(answer_to(&stack, agreeing.as_bytes()).await.contains("-32600"), "one host is served");

    let over_http2 = h2_client().post(stack.public_url()).header("Host", "evil.example").body("{}");
    let answer = Caller::send(over_http2).await;
    assert_eq!((answer.status, answer.code()), (400, "ambiguous_host"), "{}", answer.text);
}

#[tokio::test]
async fn who_waits_to_be_asked_for_the_body_is_refused_without_being_asked() {
    let stack = Stack::start().await;
    let waiting = head(&stack, "Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n");
    let answer =
        timeout(SOON, answer_to(&stack, waiting.as_bytes())).await.expect("the body is not waited for");
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");

    let token = stack.token("alice");
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).to_string();
    let more = format!(
        "Authorization: Bearer {token}\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        list.len()
    );
    let mut connection = connect(&stack).await;
    connection.write_all(head(&stack, &more).as_bytes()).await.unwrap();
    let mut asked = [0; 25];
    connection.read_exact(&mut asked).await.unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    connection.write_all(list.as_bytes()).await.unwrap();
    assert!(read_answer(&mut connection).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_no_message() {
    let stack = Stack::start().await;
    let token = stack.token("alice");
    let more =
        format!("Authorization: Bearer {token}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{{}}\r\n0\r\n\r\n");
    let answer = answer_to(&stack, head(&stack, &more).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("-32700"), "{answer}");
}

#[tokio::test]
async fn only_the_clients_of_the_list_may_call() {
    let other = "00001111-aaaa-2222-bbbb-3333cccc4444";
    let stack = Stack::builder().gateway(&[&format!("--client-ids={other}")]).start().await;
    let answer = stack.caller.call(&stack.token("alice"), "list_subscriptions", json!({})).await;
    assert_eq!((answer.status, answer.code()), (403, "client_not_allowed"), "{}", answer.text);
    assert_eq!(answer.document["client_id"], emulator::PUBLIC_CLIENT_ID);
    assert_eq!(answer.challenge(), "", "no sign-in helps");

    let both = format!("--client-ids={other},{}", emulator::PUBLIC_CLIENT_ID);
    let stack = Stack::builder().gateway(&[&both]).start().await;
    assert_eq!(stack.caller.call(&stack.token("alice"), "list_subscriptions", json!({})).await.status, 200);
}

#[expect(
    clippy::disallowed_methods,
    reason = "the caller speaks plain HTTP to loopback, which outgoing clients refuse"
)]
fn h2_client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap()
}

/// Files are looked at every two seconds and believed when seen twice.
const FOLLOWED_WITHIN: Duration = Duration::from_secs(20);

async fn eventually<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let reached = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    assert!(timeout(FOLLOWED_WITHIN, reached).await.is_ok(), "{what} after {FOLLOWED_WITHIN:?}");
}

#[tokio::test]
async fn a_changed_policy_holds_without_a_restart_and_one_that_is_none_does_not() {
    let stack = Stack::builder().policy(BUILT_IN_POLICY).start().await;
    let token = stack.token("alice");
    let code =
        || async { stack.caller.call(&token, "list_subscriptions", json!({})).await.code().to_owned() };
    assert_eq!(code().await, "");
    let file = stack.policy_file().unwrap();
    std::fs::write(file, BUILT_IN_POLICY.replacen("cost.read", "cost.export\", \"cost.admin", 1)).unwrap();
    eventually("the new policy is in force", || async { code().await == "missing_scope:cost.admin" }).await;

    std::fs::write(file, "[tools.list_subscriptions]\nscopes = [\"cost.read\"]\n").unwrap();
    let stale = || async {
        let (metrics, _) = stack.metrics().await;
        metrics.lines().any(|line| line.starts_with("gateway_files_stale{") && line.ends_with(" 1"))
    };
    eventually("the gauge shows it", stale).await;
    assert_eq!(code().await, "missing_scope:cost.admin", "the last good policy stays in force");
    assert!(stack.logs().contains("cannot be used: the last good value stays in force"));
}
