//! What a message is taken for, and what is answered to what is not a message.

use axum::http::HeaderValue;

use super::*;

fn versioned(version: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if !version.is_empty() {
        headers.insert("mcp-protocol-version", HeaderValue::from_static(version));
    }
    headers
}

fn one(body: &str) -> Result<Message, Value> {
    match Body::read(body.as_bytes(), &versioned("2025-11-25")) {
        Ok(Body::One(message)) => Ok(message),
        Ok(Body::Batch(_)) => panic!("{body} is a batch"),
        Err(fault) => Err(serde_json::from_str(&fault.json()).unwrap()),
    }
}

#[test]
fn a_fault_is_told_by_its_code_and_names_the_member() {
    let call =
        |params: &str| format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{params}}}"#);
    let initialize =
        |params: &str| format!(r#"{{"jsonrpc":"2.0","id":7,"method":"initialize","params":{params}}}"#);
    let of = |method: &str, params: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":7,"method":"{method}","params":{params}}}"#)
    };
    for (body, code, named) in [
        (String::new(), -32700, "line 1, column 0"),
        (r#"{"jsonrpc":"2.0","id":1,"meth"#.into(), -32700, "line 1, column 29"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping"} {}"#.into(), -32700, "not JSON"),
        ("7".into(), -32600, "an object"),
        ("null".into(), -32600, "an object"),
        (r#""ping""#.into(), -32600, "an object"),
        ("{}".into(), -32600, "`jsonrpc`"),
        (r#"{"id":7,"method":"ping"}"#.into(), -32600, "`jsonrpc`"),
        (r#"{"jsonrpc":"1.0","id":7,"method":"ping"}"#.into(), -32600, "`jsonrpc`"),
        (r#"{"jsonrpc":2.0,"id":7,"method":"ping"}"#.into(), -32600, "`jsonrpc`"),
        (r#"{"jsonrpc":"2.0","id":7}"#.into(), -32600, "`method`"),
        (r#"{"jsonrpc":"2.0","id":7,"method":7}"#.into(), -32600, "`method`"),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#.into(), -32600, "`id`"),
        (r#"{"jsonrpc":"2.0","id":true,"method":"ping"}"#.into(), -32600, "`id`"),
        (r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#.into(), -32600, "`id`"),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#.into(), -32600, "`id`"),
        (r#"{"jsonrpc":"2.0","id":7,"method":"ping","method":"tools/call"}"#.into(), -32600, "twice"),
        (r#"{"jsonrpc":"2.0","id":7,"method":"ping","params":[]}"#.into(), -32602, "`params`"),
        (r#"{"jsonrpc":"2.0","id":7,"method":"ping","params":"{}"}"#.into(), -32602, "`params`"),
        (call("{}"), -32602, "`name`"),
        (call(r#"{"name":7}"#), -32602, "`name`"),
        (call(r#"{"name":"a","name":"b"}"#), -32602, "`params`"),
        (call(r#"{"name":"a","arguments":"{}"}"#), -32602, "`arguments`"),
        (call(r#"{"name":"a","arguments":[1]}"#), -32602, "`arguments`"),
        (call(r#"{"name":"a","arguments":{},"arguments":{}}"#), -32602, "`params`"),
        (of("prompts/get", "{}"), -32602, "`name`"),
        (of("prompts/get", r#"{"name":"a","arguments":"x"}"#), -32602, "`arguments`"),
        (of("resources/read", "{}"), -32602, "`uri`"),
        (of("resources/read", r#"{"uri":7}"#), -32602, "`uri`"),
        (of("completion/complete", r#"{"argument":{"name":"a","value":""}}"#), -32602, "`ref`"),
        (of("completion/complete", r#"{"ref":{"type":"ref/prompt"}}"#), -32602, "`ref`"),
        (
            of(
                "completion/complete",
                r#"{"ref":{"type":"ref/prompt","name":"a"},"argument":{"name":"a","value":7}}"#,
            ),
            -32602,
            "`argument`",
        ),
        (initialize("{}"), -32602, "`protocolVersion`"),
        (
            initialize(r#"{"protocolVersion":"2025-11-25","clientInfo":{"name":"a","version":"1"}}"#),
            -32602,
            "`capabilities`",
        ),
        (
            initialize(r#"{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"a"}}"#),
            -32602,
            "`clientInfo`",
        ),
    ] {
        let answer = one(&body).expect_err(&body);
        assert_eq!(answer["error"]["code"], code, "{body}: {answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(named), "{body}: {answer}");
        assert_eq!(answer["jsonrpc"], "2.0");
    }
}

#[test]
fn an_id_goes_back_as_it_came() {
    let unknown = |id: &str| {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"no/such"}}"#);
        match Body::read(body.as_bytes(), &versioned("")) {
            Ok(Body::One(message)) => Fault::unknown_method(message.id, message.era).json(),
            Ok(Body::Batch(_)) => panic!("no batch"),
            Err(fault) => fault.json(),
        }
    };
    for id in [
        "0",
        "-1",
        r#""""#,
        r#""\u00e9\n\"""#,
        "9007199254740993",
        "1.0",
        "-1.5",
        "12345678901234567890123",
        "1e400",
    ] {
        assert!(
            unknown(id).starts_with(&format!(r#"{{"jsonrpc":"2.0","id":{id},"#)),
            "{id}: {}",
            unknown(id)
        );
    }
    let longest = format!("\"{}\"", "x".repeat(254));
    assert!(unknown(&longest).contains(&longest));
    let longer = format!("\"{}\"", "x".repeat(255));
    assert!(unknown(&longer).contains(r#""id":null,"#));
}

#[test]
fn what_is_asked_for_and_is_not_there_has_the_code_that_clients_know() {
    for (fault, rpc_code, code) in [
        (Fault::unknown_method(Id::none(), Era::Legacy), -32601, "unknown_method"),
        (Fault::unknown_tool(Id::none()), -32602, "unknown_tool"),
        (Fault::internal(Id::none()), -32603, "internal"),
        (Fault::cancelled(Id::none()), -32005, "cancelled"),
    ] {
        let answer: Value = serde_json::from_str(&fault.json()).unwrap();
        assert_eq!(
            (&answer["error"]["code"], &answer["error"]["data"]["code"]),
            (&json!(rpc_code), &json!(code))
        );
        assert_eq!(fault.code(), code, "the same in metrics and logs");
    }
}

#[test]
fn what_php_writes_is_taken_for_what_it_means() {
    let body = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"a","arguments":[],"_meta":{"x":1}}}"#;
    let message = one(body).unwrap();
    assert_eq!(message.kind, Kind::Call { tool: "a".into() });
    let rewritten: Value = serde_json::from_slice(&message.rewritten.unwrap()).unwrap();
    let expected = json!({
        "jsonrpc": "2.0", "id": 7, "method": "tools/call",
        "params": {"name": "a", "arguments": {}, "_meta": {"x": 1}}
    });
    assert_eq!(rewritten, expected);
    let untouched = body.replace("[]", "{}");
    assert!(one(&untouched).unwrap().rewritten.is_none());
    let capabilities = r#"{"jsonrpc":"2.0","id":7,"method":"initialize","params":{"protocolVersion":"2025-03-26","capabilities":[],"clientInfo":{"name":"a","version":"1"}}}"#;
    assert!(one(capabilities).unwrap().rewritten.is_some());
}

#[test]
fn the_tool_is_found_wherever_it_stands_and_however_it_is_written() {
    for body in [
        r#"{"params":{"arguments":{},"name":"cost_export"},"method":"tools/call","id":1,"jsonrpc":"2.0"}"#,
        r#" {"jsonrpc":"2.0","id":1,"method":"tools\/call","params":{"na\u006de":"cost\u005fexport"}} "#,
    ] {
        assert_eq!(one(body).unwrap().kind, Kind::Call { tool: "cost_export".into() }, "{body}");
    }
    let twice = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","na\u006de":"b"}}"#;
    assert!(one(twice).is_err());
}

#[test]
fn notifications_and_answers_ask_for_nothing() {
    let kind = |body: &str| one(body).unwrap().kind;
    assert_eq!(kind(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#), Kind::Notification);
    let cancelled = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}"#;
    assert_eq!(kind(cancelled), Kind::Cancelled { request: json!(7) });
    assert_eq!(kind(&cancelled.replace("requestId", "request")), Kind::Notification);
    assert_eq!(kind(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#), Kind::Response);
    assert_eq!(kind(r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":""}}"#), Kind::Response);
}

#[test]
fn batches_are_for_the_one_version_that_has_them() {
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let batch = format!("[{ping},{ping}]");
    for version in ["", "2025-03-26"] {
        let read = Body::read(batch.as_bytes(), &versioned(version));
        assert!(matches!(read, Ok(Body::Batch(messages)) if messages.len() == 2), "{version}");
    }
    let refused = |body: &str, version| Body::read(body.as_bytes(), &versioned(version)).unwrap_err().json();
    for version in ["2025-06-18", "2025-11-25", "2026-07-28"] {
        assert!(refused(&batch, version).contains("-32600"), "{version}");
    }
    assert!(refused("[]", "").contains("empty"));
    let many = |count: usize| format!("[{}]", vec![ping; count].join(","));
    assert!(Body::read(many(MAX_BATCH).as_bytes(), &versioned("")).is_ok());
    assert!(refused(&many(MAX_BATCH + 1), "").contains("32 messages"));
}

#[test]
fn the_era_is_told_by_the_message_or_its_field() {
    let era_of = |body: &str, version| match Body::read(body.as_bytes(), &versioned(version)) {
        Ok(Body::One(message)) => message.era,
        other => panic!("{other:?}"),
    };
    let plain = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let modern = r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
    assert_eq!(era_of(plain, ""), Era::Legacy);
    assert_eq!(era_of(plain, "2025-11-25"), Era::Legacy);
    assert_eq!(era_of(plain, "2026-07-28"), Era::Modern);
    assert_eq!(era_of(modern, ""), Era::Modern);
}

#[test]
fn the_handshake_of_the_older_protocol_is_looked_at_in_that_protocol_alone() {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#;
    assert!(Body::read(body.as_bytes(), &versioned("2025-11-25")).is_err());
    assert!(Body::read(body.as_bytes(), &versioned("2026-07-28")).is_ok());
}

#[test]
fn json_is_sent_to_everybody_who_does_not_refuse_it() {
    for (accept, expected) in [
        (&[][..], true),
        (&[""], true),
        (&["application/json"], true),
        (&["application/json, text/event-stream"], true),
        (&["text/event-stream", "application/json"], true),
        (&["*/*"], true),
        (&["application/*;q=0.5"], true),
        (&["Application/JSON; charset=utf-8"], true),
        (&["text/event-stream"], false),
        (&["text/html"], false),
        (&["application/json;q=0"], false),
        (&["application/json; q=0.000, text/html"], false),
    ] {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append("accept", HeaderValue::from_static(value));
        }
        assert_eq!(accepts_json(&headers), expected, "{accept:?}");
    }
}
