use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering};

use cost::{Bound, Error, Metric, Scope, Settings};
use serde_json::Value;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request};

use crate::support::{
    PROD, TOKEN, always, by_service, client, costs, in_turn, november, prod, prod_scope, refusal, requests,
    settings, status, token,
};

#[tokio::test]
async fn pages_are_asked_for_with_the_same_body() {
    let azure = MockServer::start().await;
    let next = format!("{}/any/query?api-version=2025-03-01&$top=5000&$skiptoken=AQAAAA%3D%3D", azure.uri());
    let first = costs(r#"[[0.1234567890123456, "Storage", "EUR"]]"#, Some(&next));
    in_turn(&azure, [first, costs(r#"[[1E-7, "Bandwidth", "EUR"]]"#, None)]).await;

    let result = client(&azure).query(&token(), &prod_scope(), &by_service()).await.unwrap();
    let rows: Vec<_> = result.rows.iter().map(|row| (row.cost.to_string(), row.groups[0].as_str())).collect();
    assert_eq!(
        rows,
        [("0.1234567890123456 EUR".to_owned(), "Storage"), ("0.0000001 EUR".to_owned(), "Bandwidth")]
    );
    assert_eq!((result.pages, result.truncated), (2, None));

    let seen = requests(&azure).await;
    assert_eq!(seen[0].url.path(), format!("/subscriptions/{PROD}/providers/Microsoft.CostManagement/query"));
    let query: Vec<_> = seen[0].url.query_pairs().collect();
    assert_eq!(query, [("api-version".into(), "2025-03-01".into()), ("$top".into(), "5000".into())]);
    assert_eq!(seen[1].url.query(), Some("api-version=2025-03-01&$top=5000&$skiptoken=AQAAAA%3D%3D"));
    assert_eq!(seen[0].body, seen[1].body);
    assert_eq!(seen[0].body_json::<Value>().unwrap()["type"], "ActualCost");
    for request in &seen {
        assert_eq!(request.method.as_str(), "POST");
        assert_eq!(request.headers["authorization"], format!("Bearer {TOKEN}"));
        assert_eq!(request.headers["clienttype"], concat!("mcp-cost-server/", env!("CARGO_PKG_VERSION")));
        assert_eq!(request.headers["content-type"], "application/json");
    }
    let ids: HashSet<_> = seen.iter().map(|request| &request.headers["x-ms-client-request-id"]).collect();
    assert_eq!(ids.len(), 2);
}

#[tokio::test]
async fn a_next_link_to_another_host_gets_no_token() {
    let (azure, foreign) = (MockServer::start().await, MockServer::start().await);
    always(&foreign, costs("[]", None)).await;
    let next = format!("{}/query", foreign.uri());
    always(&azure, costs(r#"[[1, "Storage", "EUR"]]"#, Some(&next))).await;

    let error = client(&azure).query(&token(), &prod_scope(), &by_service()).await.unwrap_err();
    assert!(matches!(error, Error::UntrustedLink { .. }), "{error}");
    assert_eq!(error.code(), "untrusted_link");
    assert_eq!(requests(&foreign).await.len(), 0);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (azure, foreign) = (MockServer::start().await, MockServer::start().await);
    // What has no request id is not from Azure: a portal that wants a sign-in first.
    let moved = || status(307).insert_header("location", foreign.uri());
    in_turn(&azure, [moved().insert_header("x-ms-request-id", "r-1"), moved()]).await;
    for code in ["unexpected_response", "azure_unavailable"] {
        let error = client(&azure).query(&token(), &prod_scope(), &by_service()).await.unwrap_err();
        assert_eq!(error.code(), code);
    }
    assert_eq!(requests(&foreign).await.len(), 0);
}

#[tokio::test]
async fn no_content_is_no_costs() {
    let azure = MockServer::start().await;
    always(&azure, status(204)).await;
    let result = client(&azure).query(&token(), &prod_scope(), &by_service()).await.unwrap();
    assert!(result.rows.is_empty() && result.truncated.is_none());
    let costs = client(&azure).cost_by_service(&token(), prod(), november(), Metric::Actual).await.unwrap();
    assert!(costs.services.is_empty() && costs.totals.is_empty());
}

#[tokio::test]
async fn currencies_are_never_added() {
    let azure = MockServer::start().await;
    let rows = r#"[[10.5, "Storage", "EUR"], [20, "Storage", "USD"], [31.5, "Virtual Machines", "EUR"]]"#;
    always(&azure, costs(rows, None)).await;
    let costs =
        client(&azure).cost_by_service(&token(), prod(), november(), Metric::Amortized).await.unwrap();
    let services: Vec<_> = costs
        .services
        .iter()
        .map(|line| format!("{} {} {}", line.service, line.cost, line.share.unwrap()))
        .collect();
    assert_eq!(services, ["Virtual Machines 31.5 EUR 0.75", "Storage 10.5 EUR 0.25", "Storage 20 USD 1"]);
    let totals: Vec<_> = costs.totals.iter().map(|total| total.to_string()).collect();
    assert_eq!(totals, ["42 EUR", "20 USD"]);
    assert_eq!(requests(&azure).await[0].body_json::<Value>().unwrap()["type"], "AmortizedCost");
}

#[tokio::test]
async fn a_cut_answer_says_so() {
    let azure = MockServer::start().await;
    let two_rows = r#"[[1, "Storage", "EUR"], [2, "Bandwidth", "EUR"]]"#;
    let counted = AtomicU32::new(0);
    let uri = azure.uri();
    let next_page = move |_: &Request| {
        costs(two_rows, Some(&format!("{uri}/more?page={}", counted.fetch_add(1, Ordering::Relaxed))))
    };
    Mock::given(any()).respond_with(next_page).mount(&azure).await;

    let pages = client(&azure).with_settings(Settings { most_pages: 3, ..settings() });
    let result = pages.query(&token(), &prod_scope(), &by_service()).await.unwrap();
    assert_eq!((result.pages, result.rows.len(), result.truncated), (3, 6, Some(Bound::Pages(3))));

    let rows = client(&azure).with_settings(Settings { most_rows: 3, ..settings() });
    let result = rows.query(&token(), &prod_scope(), &by_service()).await.unwrap();
    assert_eq!((result.pages, result.rows.len(), result.truncated), (2, 3, Some(Bound::Rows(3))));
    // Sums of a part would pass for sums of the whole.
    let error = rows.cost_by_service(&token(), prod(), november(), Metric::Actual).await.unwrap_err();
    assert_eq!(error.code(), "too_large");
}

#[tokio::test]
async fn an_answer_that_fits_exactly_is_not_cut() {
    let azure = MockServer::start().await;
    always(&azure, costs(r#"[[1, "Storage", "EUR"], [2, "Bandwidth", "EUR"]]"#, Some(""))).await;
    let client = client(&azure).with_settings(Settings { most_rows: 2, most_pages: 1, ..settings() });
    assert_eq!(client.query(&token(), &prod_scope(), &by_service()).await.unwrap().truncated, None);
}

#[tokio::test]
async fn rbac_refusals_are_no_token_problem() {
    let azure = MockServer::start().await;
    always(&azure, refusal(401, "RBACAccessDenied").insert_header("x-ms-request-id", "r-1")).await;
    let error = client(&azure).query(&token(), &prod_scope(), &by_service()).await.unwrap_err();
    assert_eq!(error.code(), "no_access");
    let said = error.azure().unwrap();
    assert_eq!(
        (said.status, said.code.as_deref(), said.request_id.as_deref()),
        (401, Some("RBACAccessDenied"), Some("r-1"))
    );
    assert_eq!(said.message(), Some("RBACAccessDenied. Request ID: 1"));
    assert_eq!(requests(&azure).await.len(), 1);
}

#[tokio::test]
async fn a_claims_challenge_is_read() {
    let azure = MockServer::start().await;
    let header = "Bearer authorization_uri=\"https://login.windows.net/\", error=\"invalid_token\", \
                  error_description=\"Tenant IP Policy validate failed.\", claims=\"eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7fX19\"";
    let answer = refusal(401, "InvalidAuthenticationToken").insert_header("www-authenticate", header);
    always(&azure, answer).await;
    let error = client(&azure).subscriptions(&token()).await.unwrap_err();
    let Error::ClaimsChallenge { claims, .. } = error else { panic!("{error}") };
    assert_eq!(claims, r#"{"access_token":{"nbf":{}}}"#);
}

#[tokio::test]
async fn a_resource_group_is_one_path_segment() {
    let azure = MockServer::start().await;
    always(&azure, status(204)).await;
    let scope: Scope = format!("subscriptions/{PROD}/resourceGroups/größe_(1)").parse().unwrap();
    client(&azure).query(&token(), &scope, &by_service()).await.unwrap();
    let expected = format!(
        "/subscriptions/{PROD}/resourceGroups/gr%C3%B6%C3%9Fe_(1)/providers/Microsoft.CostManagement/query"
    );
    assert_eq!(requests(&azure).await[0].url.path(), expected);
}

#[tokio::test]
async fn arm_may_live_below_a_path() {
    let azure = MockServer::start().await;
    always(&azure, status(204)).await;
    let arm = format!("{}/arm/?x=1", azure.uri()).parse().unwrap();
    let client = cost::Client::new(crate::support::http(), arm, Vec::new());
    client.query(&token(), &prod_scope(), &by_service()).await.unwrap();
    let url = &requests(&azure).await[0].url;
    assert!(url.path().starts_with("/arm/subscriptions/"), "{url}");
    assert!(!url.query().unwrap().contains("x=1"));
}

#[tokio::test]
async fn the_size_of_an_answer_is_bounded_after_decompression() {
    let azure = MockServer::start().await;
    let small_on_the_wire: &[u8] = include_bytes!("../data/one-mebibyte-of-spaces.gz");
    always(&azure, status(200).insert_header("content-encoding", "gzip").set_body_bytes(small_on_the_wire))
        .await;
    let client = client(&azure).with_settings(Settings { most_body_bytes: 64 * 1024, ..settings() });
    let error = client.query(&token(), &prod_scope(), &by_service()).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit: 65_536, .. }), "{error}");
}

#[tokio::test]
async fn an_answer_of_another_kind_is_told() {
    let azure = MockServer::start().await;
    always(&azure, status(200).insert_header("x-ms-request-id", "r-1").set_body_string("<html>")).await;
    let error = client(&azure).query(&token(), &prod_scope(), &by_service()).await.unwrap_err();
    assert_eq!(error.code(), "unexpected_response");
}
