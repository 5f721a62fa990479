//! What Azure answers that nobody foresaw, through the whole stack: the person has an id, the operator has the reason under
//! the same id, and what passes by itself is tried again.

use e2e::{Answer, Stack};
use emulator::{Answering, EndpointFault, OddAnswer, PROD_SUBSCRIPTION};
use serde_json::json;

async fn ask(stack: &Stack) -> Answer {
    let question = json!({"subscription": PROD_SUBSCRIPTION, "from": "2026-10-01", "to": "2026-10-31"});
    stack.caller.call(&stack.token("alice"), "cost_by_service", question).await
}

async fn ask_while_arm_answers(stack: &Stack, status: u16, times: Option<u32>) -> Answer {
    stack.emulator.faults().update(|faults| {
        faults.arm = EndpointFault { status: Some(status), times, ..EndpointFault::default() }
    });
    ask(stack).await
}

#[tokio::test]
async fn the_operator_finds_the_call_that_the_person_speaks_of() {
    const REASON: &str = "azure answered in a way this server does not understand";
    let stack = Stack::start().await;
    let answer = ask_while_arm_answers(&stack, 418, None).await;
    assert_eq!(answer.data()["code"], "unexpected_response", "{}", answer.text);
    let id = answer.data()["azure"]["request_id"].as_str().unwrap().to_owned();
    assert!(answer.readable().contains(&id), "{}", answer.readable());
    let logs = stack.logs();
    let lines: Vec<_> = logs.lines().filter(|line| line.contains(REASON)).collect();
    let [line] = lines[..] else { panic!("{lines:?}") };
    for words in ["WARN", "trace_id=", "status=418", &id] {
        assert!(line.contains(words), "{words} not in {line}");
    }
}

#[tokio::test]
async fn what_passes_by_itself_is_tried_again() {
    let stack = Stack::start().await;
    for status in [408, 502] {
        let answer = ask_while_arm_answers(&stack, status, Some(2)).await;
        assert!(!answer.is_tool_error(), "{status}: {}", answer.text);
    }
    let answer = ask_while_arm_answers(&stack, 504, None).await;
    assert_eq!(answer.data()["code"], "azure_timeout");
    assert!(answer.readable().contains("Ask for a shorter period"), "{}", answer.readable());
}

#[tokio::test]
async fn what_cost_management_was_reported_to_say_is_told_as_what_it_is() {
    let stack = Stack::start().await;
    for (status, body, code, words) in [
        (
            400,
            r#"{"error":{"code":"BadRequest","message":"Cost management data is unavailable for subscription S. The offer MS-AZR-0243P is not supported. (Request ID: 1)"}}"#,
            "subscription_type_not_supported",
            "does not cover the offer",
        ),
        (
            404,
            r#"{"error":{"code":"NotFound","message":"GtmDimensionDataProvider.GetAzureSubscriptionsById returns null or empty list for id: S (Request ID: 1)"}}"#,
            "no_data_yet",
            "up to 48 hours",
        ),
        (400, r#"{"code":"AccountCostDisabled","message":"m"}"#, "cost_data_disabled", "AO view charges"),
        (
            200,
            r#"{"error":{"code":"BillingAccessDenied","message":"m"}}"#,
            "no_access",
            "Cost Management Reader",
        ),
        (
            409,
            r#"{"error":{"code":"MissingSubscriptionRegistration","message":"m"}}"#,
            "provider_not_registered",
            "register Microsoft.CostManagement",
        ),
    ] {
        let odd = OddAnswer { status, body: body.to_owned(), ..OddAnswer::default() };
        stack.emulator.faults().update(|faults| faults.odd_answer = Some(odd));
        let answer = ask(&stack).await;
        assert_eq!(answer.data()["code"], code, "{}", answer.text);
        assert!(answer.readable().contains(words), "{}", answer.readable());
        assert!(answer.data()["azure"]["request_id"].is_string(), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_page_of_whatever_stands_in_front_is_not_azures_word() {
    let stack = Stack::start().await;
    for status in [200, 403, 404] {
        let page = OddAnswer {
            of: Answering::CostManagement,
            status,
            body: "<html>Blocked by policy</html>".to_owned(),
            content_type: "text/html".to_owned(),
            foreign: true,
            times: Some(1),
        };
        stack.emulator.faults().update(|faults| faults.odd_answer = Some(page));
        let answer = ask(&stack).await;
        assert_eq!(answer.data()["code"], "azure_unavailable", "{}", answer.text);
        assert!(answer.readable().contains("proxy"), "{}", answer.readable());
        assert!(!ask(&stack).await.is_tool_error());
    }
}

#[tokio::test]
async fn odd_but_right_answers_are_answers() {
    let stack = Stack::start().await;
    for (body, services, words) in [
        ("\u{feff}{\"properties\":null}", 0, "no actual costs"),
        (
            r#"{"properties":{"columns":[{"name":"PreTaxCost"},{"name":"ServiceName"},{"name":"Currency"}],"rows":[[2,"Storage","EUR"],[1,"storage","EUR"],[1,null,"EUR"],[0,"Nothing",null]],"nextLink":""}}"#,
            2,
            "(no service: purchases, credits) | 1.00 EUR",
        ),
    ] {
        let odd = OddAnswer { body: body.to_owned(), ..OddAnswer::default() };
        stack.emulator.faults().update(|faults| faults.odd_answer = Some(odd));
        let answer = ask(&stack).await;
        assert_eq!(answer.data()["total_services"], services, "{}", answer.text);
        assert!(answer.readable().contains(words), "{}", answer.readable());
    }
}

#[tokio::test]
async fn one_odd_subscription_does_not_hide_the_others() {
    let stack = Stack::start().await;
    let body = json!({"value": [
        {"subscriptionId": "20000000-0000-4000-8000-000000000002", "displayName": null, "tenantId": ""},
        {"subscriptionId": PROD_SUBSCRIPTION, "displayName": "Contoso Prod", "state": "Enabled"},
    ]});
    let odd = OddAnswer { of: Answering::Subscriptions, body: body.to_string(), ..OddAnswer::default() };
    stack.emulator.faults().update(|faults| faults.odd_answer = Some(odd));
    let token = stack.token("alice");
    let list = stack.caller.call(&token, "list_subscriptions", json!({})).await;
    assert_eq!(list.data()["subscriptions"][0]["state"], "unknown", "{}", list.text);
    let question = json!({"subscription": "contoso prod"});
    let costs = stack.caller.call(&token, "cost_by_service", question).await;
    assert_eq!(costs.data()["subscription"], PROD_SUBSCRIPTION, "{}", costs.text);
}

#[tokio::test]
async fn a_link_that_ended_is_cured_by_a_new_one() {
    let stack = Stack::start().await;
    let odd = OddAnswer {
        of: Answering::Blob,
        status: 403,
        body: "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>AuthenticationFailed</Code><Message>Server \
               failed to authenticate the request.</Message><AuthenticationErrorDetail>Signature not valid in the specified \
               time frame</AuthenticationErrorDetail></Error>"
            .to_owned(),
        content_type: "application/xml".to_owned(),
        foreign: false,
        times: Some(1),
    };
    stack.emulator.faults().update(|faults| faults.odd_answer = Some(odd));
    let question = json!({"subscription": PROD_SUBSCRIPTION, "from": "2026-10-01", "to": "2026-10-02"});
    let token = stack.token("alice");
    let answer = stack.caller.call(&token, "cost_export", question).await;
    assert_eq!(answer.data()["status"], "ready", "{}", answer.text);
}
