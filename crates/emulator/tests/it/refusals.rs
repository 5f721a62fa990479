//! Refusals on a switch: what Cost Management was seen to say, and how long it says to wait.

use std::collections::BTreeMap;

use emulator::{CostRefusal, CostRefusalKind, PROD_SUBSCRIPTION};
use reqwest::Response;
use serde_json::{Value, json};

use crate::harness::Stand;

async fn query(stand: &Stand) -> Response {
    let token = stand.arm_token("alice").await;
    let body = json!({"type": "ActualCost", "timeframe": "MonthToDate", "dataset": {"granularity": "None"}});
    let scope = format!("/subscriptions/{PROD_SUBSCRIPTION}");
    let path = format!("{scope}/providers/Microsoft.CostManagement/query?api-version=2025-03-01");
    stand.arm_post(&token, &path, &body).await
}

#[tokio::test]
async fn each_has_its_status_its_code_and_its_words() {
    let stand = Stand::start().await;
    for (kind, status, code, words) in [
        ("request_blocked", 401, "401", "Request blocked. Your request to this resource has been denied."),
        ("report_too_large", 413, "413", "2 GB"),
        ("unsupported_offer", 422, "422", "Unsupported request. offer type: WebDirect"),
        ("failed_dependency", 424, "FailedDependency", "(Request ID: "),
        ("internal", 500, "500", ""),
        ("not_supported", 404, "NotFound", "Cost management data is not supported for subscription(s) 1000"),
        ("account_cost_disabled", 400, "AccountCostDisabled", "'AO View Charges'"),
        ("department_cost_disabled", 400, "DepartmentCostDisabled", "'DA View Charges'"),
        ("indirect_cost_disabled", 400, "IndirectCostDisabled", "partner"),
        ("gateway_timeout", 504, "GatewayTimeout", "within the specified time period"),
    ] {
        let url = format!("{}/_emulator/faults", stand.emulator.endpoints().authority);
        let order = json!({"cost_refusal": {"kind": kind, "times": 1}});
        assert_eq!(stand.http.put(url).json(&order).send().await.unwrap().status(), 204, "{kind}");
        let refused = query(&stand).await;
        assert_eq!(refused.status(), status, "{kind}");
        assert!(
            !refused.headers().contains_key("www-authenticate"),
            "{kind}: nothing is wrong with the token"
        );
        assert!(refused.headers().contains_key("x-ms-request-id"), "{kind}");
        let body: Value = refused.json().await.unwrap();
        assert_eq!(body["error"]["code"], code, "{kind}");
        assert!(body["error"]["message"].as_str().unwrap().contains(words), "{kind}: {body}");
        assert_eq!(query(&stand).await.status(), 200, "{kind}: once");
    }
}

#[tokio::test]
async fn one_operation_can_be_refused_and_others_not() {
    let stand = Stand::start().await;
    stand.emulator.faults().update(|faults| {
        let operation = Some("costDetailsOperationResults".to_owned());
        faults.cost_refusal = Some(CostRefusal {
            operation,
            times: Some(1),
            ..CostRefusal::of(CostRefusalKind::NotAcceptable)
        });
    });
    assert_eq!(query(&stand).await.status(), 200);
    let token = stand.arm_token("alice").await;
    let scope = format!("/subscriptions/{PROD_SUBSCRIPTION}/providers/Microsoft.CostManagement");
    let order = json!({"metric": "ActualCost", "timePeriod": {"start": "2026-11-01", "end": "2026-11-02"}});
    let path = format!("{scope}/generateCostDetailsReport?api-version=2025-03-01");
    let accepted = stand.arm_post(&token, &path, &order).await;
    assert_eq!(accepted.status(), 202);
    let location = accepted.headers()["location"].to_str().unwrap().to_owned();
    let refused = stand.arm_get(&token, &location).await;
    assert_eq!(refused.status(), 406);
    assert_eq!(refused.text().await.unwrap(), "", "nothing is said of why");
    assert_eq!(stand.arm_get(&token, &location).await.status(), 202);
}

#[tokio::test]
async fn waits_are_told_letter_by_letter() {
    let stand = Stand::start().await;
    let waits = [
        ("entity", "7"),
        ("qpu", "0"),
        ("tenant", "-3"),
        ("clienttype", "2.5"),
        ("client", "soon"),
        ("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"),
    ];
    let told = waits.map(|(kind, wait)| (kind.to_owned(), wait.to_owned()));
    let of = |waits| Some(CostRefusal::of(CostRefusalKind::TooManyRequests(waits)));
    stand.emulator.faults().update(|faults| faults.cost_refusal = of(BTreeMap::from(told)));
    let refused = query(&stand).await;
    assert_eq!(refused.status(), 429);
    for (kind, wait) in waits {
        let name = match kind {
            "retry-after" => kind.to_owned(),
            kind => format!("x-ms-ratelimit-microsoft.costmanagement-{kind}-retry-after"),
        };
        assert_eq!(refused.headers()[name], wait);
    }
    stand.emulator.faults().update(|faults| faults.cost_refusal = of(BTreeMap::new()));
    let silent = query(&stand).await;
    assert_eq!(silent.status(), 429);
    assert!(silent.headers().keys().all(|name| !name.as_str().ends_with("retry-after")));
}
