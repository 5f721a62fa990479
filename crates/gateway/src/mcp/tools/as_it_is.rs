//! What Azure sends, and what a tool says: odd answers that people reported, played through the client and the tool's words.

use cost::{Client, Metric, NameSearch};
use jiff::civil::date;
use rmcp::model::CallToolResult;
use serde_json::{Value, json};
use telemetry::testing::Captured;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::cost_by_service::{Input, answer};
use super::subscription::{Found, chosen};
use crate::mcp::answer::Failure;

const S: &str = "10000000-0000-4000-8000-000000000001";
const OTHER: &str = "20000000-0000-4000-8000-000000000002";

fn client(azure: &MockServer) -> Client {
    let http = identity::outbound::local_client().unwrap();
    Client::new(http, azure.uri().parse().unwrap(), Vec::new())
}

/// Azure that answers every request with this.
async fn azure(answer: ResponseTemplate) -> MockServer {
    let azure = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&azure).await;
    azure
}

/// What cost_by_service says on 2026-11-26 where Azure answers with this: its text and its data.
async fn says(input: Value, sent: ResponseTemplate) -> (String, Value) {
    let azure = azure(sent).await;
    let input: Input = serde_json::from_value(input).unwrap();
    let days = input.days(date(2026, 11, 26)).unwrap_or_else(|failure| panic!("{}", failure.code()));
    let found = Found { id: S.parse().unwrap(), name: None, note: None };
    let asked = client(&azure).cost_by_service(&"token".into(), found.id, days.period, Metric::Actual).await;
    let result = match asked {
        Ok(costs) => answer(costs, &found, days, &input).into_result(),
        // In a span as the one of a tool call.
        Err(error) => tracing::info_span!(
            "call",
            otel.status_code = tracing::field::Empty,
            otel.status_description = tracing::field::Empty
        )
        .in_scope(|| Err(Failure::from(error))),
    };
    match result {
        Ok(result) => parts(result),
        Err(Failure::Tool(error)) => parts(error.into_result()),
        Err(failure) => panic!("{}", failure.code()),
    }
}

fn parts(result: CallToolResult) -> (String, Value) {
    let text = result.content[0].as_text().unwrap().text.clone();
    (text, result.structured_content.unwrap())
}

fn month() -> Value {
    json!({"subscription": S, "from": "2026-11-01", "to": "2026-11-25"})
}

fn rows(rows: &str) -> ResponseTemplate {
    page(&["Cost", "ServiceName", "Currency"], rows, "null")
}

/// The rows are JSON text: costs must not be rounded on the way into the test.
fn page(columns: &[&str], rows: &str, next: &str) -> ResponseTemplate {
    let columns: Vec<_> = columns.iter().map(|name| json!({"name": name})).collect();
    let body =
        format!(r#"{{"properties":{{"columns":{},"rows":{rows},"nextLink":{next}}}}}"#, Value::from(columns));
    ResponseTemplate::new(200).insert_header("x-ms-request-id", "r-77").set_body_raw(body, "application/json")
}

#[tokio::test]
async fn figures_read_as_what_they_are() {
    for (name, sent, has, has_not) in [
        (
            "one service is one line, and none has a name",
            rows(r#"[[10,"Storage","EUR"],[7,null,"EUR"],[5,"storage","EUR"],[3,"","EUR"]]"#),
            &[
                "| Storage | 15.00 EUR | 60.0 % |",
                "| (no service: purchases, credits) | 10.00 EUR | 40.0 % |",
            ][..],
            &["storage", "|  |"][..],
        ),
        (
            "a small amount is not nothing",
            rows(r#"[[9.126E-05,"Storage","DKK"]]"#),
            &["to 2026-11-25: < 0.01 DKK", "| Share of DKK |", "| Storage | < 0.01 DKK | 100.0 % |"],
            &["0.00 DKK"],
        ),
        (
            "a small share is not nothing",
            rows(r#"[[7986.08,"Storage","EUR"],[3.78,"Key Vault","EUR"]]"#),
            &["| Share of EUR |", "| Key Vault | 3.78 EUR | < 0.1 % |"],
            &["| 0.0 %"],
        ),
        (
            "with several currencies each share says of which it is",
            rows(r#"[[75,"Storage","EUR"],[25,"SQL Database","EUR"],[390,"SaaS","USD"]]"#),
            &[
                "| Service | Cost | Share |",
                "| Storage | 75.00 EUR | 75.0 % of EUR |",
                "| SaaS | 390.00 USD | 100.0 % of USD |",
            ],
            &["Share of"],
        ),
        (
            "a row without a figure is told",
            rows(r#"[[1.5,"Storage","EUR"],[null,"Bandwidth","EUR"]]"#),
            &["1.50 EUR", "without a figure, which are in no sum: 1."],
            &["Bandwidth"],
        ),
        (
            "nobody's choice turns the text around",
            rows("[[1.5,\"Sto\u{202e}rage\",\"EUR\"]]"),
            &["| Storage | 1.50 EUR | 100.0 % |"],
            &["\u{202e}"],
        ),
    ] {
        let (text, _) = says(month(), sent).await;
        for words in has {
            assert!(text.contains(words), "{name}: {words:?} not in {text}");
        }
        for words in has_not {
            assert!(!text.contains(words), "{name}: {words:?} in {text}");
        }
    }
}

#[tokio::test]
async fn days_ahead_are_not_answered_as_if_they_were_spent() {
    let ahead = json!({"subscription": S, "from": "2026-11-01", "to": "2026-12-31"});
    let (text, data) = says(ahead, rows(r#"[[1.5,"Storage","EUR"]]"#)).await;
    let heading = format!("Subscription {S}, actual costs from 2026-11-01 to 2026-11-26 (today): 1.50 EUR\n");
    assert!(text.starts_with(&heading), "{text}");
    assert!(text.contains("up to 2026-12-31 were asked for; those after 2026-11-26 lie ahead"), "{text}");
    assert!(text.contains("2026-11-26 is not complete."), "{text}");
    let period = json!({
        "from": "2026-11-01", "to": "2026-11-26", "requested_to": "2026-12-31", "incomplete_day": "2026-11-26",
    });
    assert_eq!(data["period"], period);
    for (asked, words) in [
        (
            json!({"from": "2027-01-01", "to": "2027-01-31"}),
            "`from` 2027-01-01 is in the future: today is 2026-11-26 (UTC)",
        ),
        // Nobody said 2026-11-26: the day that is named is the one that was given.
        (json!({"from": "2027-01-01"}), "`from` 2027-01-01 is in the future: today is 2026-11-26 (UTC)"),
        (json!({"to": "2026-12-31"}), "`to` 2026-12-31 is in the future: today is 2026-11-26 (UTC)"),
    ] {
        let mut asked = asked;
        asked["subscription"] = S.into();
        let input: Input = serde_json::from_value(asked).unwrap();
        let Err(Failure::Tool(refused)) = input.days(date(2026, 11, 26)) else { panic!("asked") };
        let (text, data) = parts(refused.into_result());
        assert_eq!(data["code"], "invalid_period");
        for words in [words, "cost_forecast tells", "eave `to` out for today"] {
            assert!(text.contains(words), "{words}: {text}");
        }
    }
}

#[tokio::test]
async fn figures_that_may_still_change_are_said_to_under_the_table() {
    const CAUTION: &str = "Azure may still change the costs of the last 72 hours.";
    for (to, may_change) in [("2026-11-26", true), ("2026-11-23", true), ("2026-11-22", false)] {
        let asked = json!({"subscription": S, "from": "2026-11-01", "to": to});
        let (text, _) = says(asked, rows(r#"[[1.5,"Storage","EUR"]]"#)).await;
        assert_eq!(text.lines().last() == Some(CAUTION), may_change, "{to}: {text}");
    }
}

#[tokio::test]
async fn an_answer_is_headed_by_the_name_that_was_asked_for() {
    let prod = json!([{"subscriptionId": S, "displayName": "Contoso | Prod", "state": "Enabled"}]);
    let found = chosen(&named(prod, "contoso | prod").await).ok().unwrap();
    assert_eq!(found.title(), "Contoso \\| Prod");
}

#[tokio::test]
async fn whom_to_ask_for_which_role_is_said_where_a_subscription_is_not_seen() {
    let other = json!([{"subscriptionId": S, "displayName": "Fabrikam Dev", "state": "Enabled"}]);
    for (seen, words) in [(json!([]), "no role is assigned to you on any"), (other, "You see: Fabrikam Dev.")]
    {
        let search = named(seen, "Contoso Prod").await;
        let Err(Failure::Tool(error)) = chosen(&search) else { panic!("chosen") };
        let (text, data) = parts(error.into_result());
        assert_eq!(data["code"], "subscription_not_found");
        for words in [words, "Ask an owner of the subscription", "the role Cost Management Reader"] {
            assert!(text.contains(words), "{words}: {text}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_one_line_for_the_operator_and_an_id_for_both() {
    let captured = Captured::install("warn");
    for (name, sent, code, reason) in [
        (
            "a changed column",
            page(&["Costs", "ServiceName", "Currency"], r#"[[1,"Storage","EUR"]]"#, "null"),
            "unexpected_response",
            "costs without the cost column (HTTP 200, request id r-77)",
        ),
        (
            "another currency",
            rows(r#"[[1,"Storage","Euro"]]"#),
            "unexpected_response",
            "a currency that is not a currency code (HTTP 200, request id r-77)",
        ),
        (
            "a status of no meaning",
            ResponseTemplate::new(418)
                .insert_header("x-ms-request-id", "r-77")
                .set_body_json(json!({"error": {"code": "Odd", "message": "for bob@contoso.com"}})),
            "unexpected_response",
            "HTTP 418, Odd, request id r-77)",
        ),
        (
            "a link elsewhere",
            page(&["Cost", "ServiceName", "Currency"], "[]", r#""https://evil.example/x?sig=1""#),
            "untrusted_link",
            "leads to an untrusted place: evil.example (HTTP 200, request id r-77)",
        ),
    ] {
        let before = captured.logs().lines().count();
        let (text, data) = says(month(), sent).await;
        assert_eq!(data["code"], code, "{name}: {text}");
        assert_eq!(data["azure"]["request_id"], "r-77", "{name}");
        assert!(text.contains("Azure's request id: r-77"), "{name}: {text}");
        let logs = captured.logs();
        let lines: Vec<_> = logs.lines().skip(before).collect();
        let [line] = lines[..] else { panic!("{name}: {lines:?}") };
        for words in ["WARN", reason, "request_id=\"r-77\"", "status="] {
            assert!(line.contains(words), "{name}: {words:?} not in {line}");
        }
        assert!(!line.contains("bob") && !line.contains("sig="), "{name}: {line}");
        let status = format!("{reason}\" }}, instrumentation_scope");
        assert!(captured.find(&status).is_some(), "{name}: no span has this status");
    }
    // What the person can do something about is no matter for the log.
    let before = captured.logs().lines().count();
    let refused = json!({"error": {"code": "AuthorizationFailed", "message": "m"}});
    says(month(), ResponseTemplate::new(403).set_body_json(refused)).await;
    assert_eq!(captured.logs().lines().count(), before);
}

#[tokio::test]
async fn the_valid_names_are_whole_in_data_and_cut_at_a_name_in_the_text() {
    let names: Vec<_> = (1..=60).map(|number| format!("LongDimension{number}")).collect();
    let list = names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(",");
    let message =
        format!("Invalid dataset grouping: 'ServiceName'; valid values: {list},''.\r\n\r\n (Request ID: 1)");
    let refused = json!({"error": {"code": "BadRequest", "message": message}});
    let (text, data) = says(month(), ResponseTemplate::new(400).set_body_json(refused)).await;
    assert_eq!(data["azure"]["valid_values"], json!(names));
    let (shown, more) = text.rsplit_once(" and ").unwrap();
    assert!(shown.ends_with('\'') && more.ends_with(" more"), "{text}");
}

async fn named(entries: Value, name: &str) -> NameSearch {
    let azure = azure(ResponseTemplate::new(200).set_body_json(json!({"value": entries}))).await;
    client(&azure).subscriptions_named(&"token".into(), name).await.unwrap()
}

#[tokio::test]
async fn two_of_one_name_are_told_apart_and_one_is_one() {
    let entry = |id: &str, home: &str| json!({"subscriptionId": id, "displayName": "Production", "state": "Enabled", "tenantId": S, "homeTenantId": home});
    let one = named(json!([entry(S, S), entry(S, S)]), "Production").await;
    assert_eq!(chosen(&one).ok().unwrap().id.to_string(), S);
    let two = named(json!([entry(S, S), entry(OTHER, OTHER)]), "production ").await;
    let Err(Failure::Tool(error)) = chosen(&two) else { panic!("chosen") };
    let (text, data) = parts(error.into_result());
    assert_eq!(data["code"], "subscription_ambiguous");
    for words in [format!("{S} (Enabled, directory {S})"), format!("{OTHER} (Enabled, directory {OTHER})")] {
        assert!(text.contains(&words), "{words} not in {text}");
    }
    assert_eq!(data["subscriptions"][1]["directory"], OTHER);
}
