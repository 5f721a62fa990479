//! What Azure refuses, and what a person reads about it.

use cost::{Error, Settings};
use serde_json::json;
use wiremock::{MockServer, ResponseTemplate};

use crate::support::{
    always, by_service, client, costs, in_turn, prod_scope, requests, settings, status, token,
};

/// What Azure sends; our code; words that our text has; words that it has not.
type Case = (&'static str, ResponseTemplate, &'static str, &'static [&'static str], &'static [&'static str]);

async fn query(azure: &MockServer) -> Error {
    client(azure).query(&token(), &prod_scope(), &by_service()).await.unwrap_err()
}

async fn check(cases: Vec<Case>) {
    for (name, answer, code, has, has_not) in cases {
        let azure = MockServer::start().await;
        always(&azure, answer).await;
        let error = query(&azure).await;
        let detail = error.detail();
        assert_eq!(error.code(), code, "{name}: {error}");
        for words in has {
            assert!(detail.contains(words), "{name}: {words:?} not in {detail:?}");
        }
        for words in has_not {
            assert!(!detail.contains(words), "{name}: {words:?} in {detail:?}");
        }
    }
}

/// ARM's envelope around these words.
fn said(http: u16, code: &str, message: &str) -> ResponseTemplate {
    status(http)
        .insert_header("x-ms-request-id", "r-1")
        .set_body_json(json!({"error": {"code": code, "message": message}}))
}

fn html(http: u16) -> ResponseTemplate {
    status(http).set_body_raw("<html>The resource you are looking for has been removed.</html>", "text/html")
}

#[tokio::test]
async fn what_azure_keeps_for_its_portal_starts_no_new_sign_in() {
    const BLOCKED: &str = "Request blocked. Your request to this resource has been denied. Please access this resource from \
         the Cost Analysis blade on the Azure Portal.";
    let not = &["Ask the subscription's owner"][..];
    check(vec![("AKS", said(401, "401", BLOCKED), "no_access", &["portal only", "signing in again"], not)])
        .await;
}

#[tokio::test]
async fn an_offer_that_is_not_covered() {
    const CODE: &str = "subscription_type_not_supported";
    const NOT: &[&str] = &["Check", "role"];
    check(vec![
        ("MS-AZR-0243P", said(400, "BadRequest", "Cost management data is unavailable for subscription S. The offer MS-AZR-0243P is not supported. (Request ID: 1)"), CODE, &["offer"], NOT),
        ("None", said(400, "400", "Cost Management supports only Enterprise Agreement, Web direct and Microsoft Customer Agreement offer types. offerId: MS-AZR-0036P is associated with offerType: None"), CODE, &["offer"], NOT),
        ("422", said(422, "422", "The request is invalid. Subscription S is not associated with a valid offer type."), CODE, &["offer"], NOT),
        ("AIRS", said(404, "NotFound", "Given subscription S doesn't have valid WebDirect/AIRS offer type."), CODE, &["offer"], NOT),
        ("subscription(s)", said(404, "NotFound", "Cost management data is not supported for subscription(s) S"), CODE, &["offer"], NOT),
        ("provider", said(403, "DisallowedProvider", "The operation is not permitted for namespace 'Microsoft.CostManagement'. List of permitted provider namespaces is 'x'."), CODE, &["offer"], NOT),
        ("WebDirect", said(422, "422", "Unsupported request. offer type: WebDirect is not supported"), "no_report_of_offer", &["cost details", "cost_query", "exports"], NOT),
        ("a management group", said(400, "BadRequest", "Management group MyMgId does not have any valid subscriptions. (Request ID: 1)"), CODE, &["management group", "billing account"], NOT),
        ("a real mistake", said(400, "BadRequest", "Invalid query definition: Missing dataset granularity"), "invalid_query", &[], &["offer"]),
        ("a real 404", said(404, "NotFound", "Nothing here"), "not_found", &[], &["offer"]),
    ])
    .await;
}

#[tokio::test]
async fn a_subscription_that_is_new() {
    const MESSAGE: &str = "GtmDimensionDataProvider.GetAzureSubscriptionsById returns null or empty list for id: S (Request ID: 1)";
    check(vec![
        ("code", said(404, "NotFound", MESSAGE), "no_data_yet", &["48 hours"], &["Check the subscription"]),
        ("number", said(404, "404", MESSAGE), "no_data_yet", &["48 hours"], &["Check the subscription"]),
    ])
    .await;
}

#[tokio::test]
async fn what_stands_between_is_not_azure() {
    const BETWEEN: &[&str] = &["proxy", "network"];
    check(vec![
        ("403", html(403), "azure_unavailable", BETWEEN, &["role"]),
        ("404", html(404), "azure_unavailable", BETWEEN, &["Check the subscription"]),
        ("200", html(200), "azure_unavailable", BETWEEN, &["operator"]),
        ("403 of Azure", html(403).insert_header("x-ms-request-id", "r-1"), "no_access", &["role"], BETWEEN),
        (
            "404 of ARM",
            status(404).set_body_json(
                json!({"message": "No HTTP resource was found that matches the request URI."}),
            ),
            "not_found",
            &[],
            BETWEEN,
        ),
    ])
    .await;
    let azure = MockServer::start().await;
    always(&azure, html(403)).await;
    assert_eq!(client(&azure).subscriptions(&token()).await.unwrap_err().code(), "azure_unavailable");
}

#[tokio::test]
async fn a_page_that_fails_is_not_about_the_subscription() {
    for failed in [
        html(404),
        said(404, "NotFound", "x"),
        said(403, "AuthorizationFailed", "x"),
        said(400, "BadRequest", "x"),
    ] {
        let azure = MockServer::start().await;
        let next = format!("{}/more?$skiptoken={}", azure.uri(), "x".repeat(9_400));
        in_turn(&azure, [costs(r#"[[1, "Storage", "EUR"]]"#, Some(&next)), failed]).await;
        let error = query(&azure).await;
        assert_eq!(error.code(), "answer_incomplete", "{error}");
        assert!(error.detail().contains("could not continue its own list"), "{}", error.detail());
    }
}

#[tokio::test]
async fn errors_in_other_clothes() {
    let root = json!({"code": "AccountCostDisabled", "message": "m"});
    let inside = json!({"error": {"code": "BillingAccessDenied", "message": "m"}});
    let number = json!({"error": {"code": 401, "message": {"lang": "en-us", "value": "m"}}});
    let text = json!({"error": "m"});
    for (name, answer, code) in [
        ("root", status(400).set_body_json(root), "cost_data_disabled"),
        ("subscription", said(400, "SubscriptionCostDisabled", "m"), "cost_data_disabled"),
        ("subscription, 403", said(403, "SubscriptionCostDisabled", "m"), "cost_data_disabled"),
        ("200", status(200).set_body_json(inside), "no_access"),
        ("number", status(401).set_body_json(number), "no_access"),
        ("text", status(403).set_body_json(text), "no_access"),
    ] {
        let azure = MockServer::start().await;
        always(&azure, answer).await;
        let error = query(&azure).await;
        assert_eq!(error.code(), code, "{name}: {error}");
        assert_eq!(error.azure().unwrap().message(), Some("m"), "{name}");
    }
}

#[tokio::test]
async fn conflicts_have_a_meaning() {
    check(vec![
        (
            "unregistered",
            said(
                409,
                "MissingSubscriptionRegistration",
                "The subscription is not registered to use namespace 'Microsoft.CostManagement'.",
            ),
            "provider_not_registered",
            &["owner", "register Microsoft.CostManagement"],
            &["operator"],
        ),
        (
            "disabled",
            said(
                409,
                "ReadOnlyDisabledSubscription",
                "The subscription 'S' is disabled and therefore marked as read only.",
            ),
            "subscription_disabled",
            &["disabled"],
            &["operator"],
        ),
        (
            "busy",
            said(409, "Conflict", "Too many connections"),
            "azure_unavailable",
            &["Ask again"],
            &["operator"],
        ),
        (
            "too large",
            said(413, "413", "The report is above 2 GB"),
            "too_large",
            &["shorter period"],
            &["operator"],
        ),
    ])
    .await;
    let azure = MockServer::start().await;
    in_turn(&azure, [said(409, "Conflict", "Too many connections"), costs("[]", None)]).await;
    client(&azure).query(&token(), &prod_scope(), &by_service()).await.unwrap();
}

#[tokio::test]
async fn advice_can_be_followed() {
    check(vec![
        (
            "504",
            said(504, "GatewayTimeout", "x"),
            "azure_timeout",
            &["shorter period"],
            &["cannot be reached", "in a minute"],
        ),
        (
            "503",
            said(503, "ServerTimeout", "x").insert_header("retry-after", "300"),
            "azure_unavailable",
            &["300 seconds"],
            &["in a minute"],
        ),
        ("500", said(500, "500", "x"), "azure_unavailable", &["support"], &["cannot be reached"]),
    ])
    .await;
}

/// As an agreement of 2025 lists its dimensions (azure-rest-api-specs#36332).
fn dimensions() -> Vec<String> {
    (1..=70).map(|number| format!("SomeLongDimension{number}")).collect()
}

#[tokio::test]
async fn the_list_of_valid_dimensions_is_whole() {
    let names = dimensions().iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(",");
    let message = format!(
        "Invalid query definition: Invalid dataset grouping: 'ServiceName'; valid values: {names},''.\r\n\r\n (Request ID: 1)"
    );
    let azure = MockServer::start().await;
    always(&azure, said(400, "BadRequest", &message)).await;
    let error = query(&azure).await;
    assert_eq!(error.code(), "invalid_query");
    assert_eq!(error.azure().unwrap().valid_values(), dimensions());
}

#[tokio::test]
async fn a_list_that_leads_back_ends_at_once() {
    let azure = MockServer::start().await;
    let next = format!("{}/more?$skiptoken=1", azure.uri());
    always(&azure, costs(r#"[[1, "Storage", "EUR"]]"#, Some(&next)).insert_header("x-ms-request-id", "r-1"))
        .await;
    let error = query(&azure).await;
    assert_eq!((error.code(), requests(&azure).await.len()), ("answer_incomplete", 2), "{error}");
    assert_eq!(error.azure().unwrap().request_id.as_deref(), Some("r-1"));
    assert!(error.to_string().contains("a page that was there before"), "{error}");
}

#[tokio::test]
async fn the_bound_that_was_met_is_named() {
    let period = crate::support::november();
    let azure = MockServer::start().await;
    let pages: Vec<_> = (1..5)
        .map(|page| costs(r#"[[1, "Storage", "EUR"]]"#, Some(&format!("{}/more?page={page}", azure.uri()))))
        .collect();
    in_turn(&azure, pages).await;
    let client = client(&azure).with_settings(Settings { most_pages: 3, ..settings() });
    let error = client
        .cost_by_service(&token(), crate::support::prod(), period, cost::Metric::Actual)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "too_large");
    assert!(error.detail().contains("more than 3 pages"), "{}", error.detail());
}
