use reqwest::header::HeaderName;

use super::*;

const DEFAULT: Duration = Duration::from_secs(10);

fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Error {
    let headers =
        headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect();
    from_answer(StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes(), Quota::default(), DEFAULT)
}

fn body(code: &str) -> String {
    serde_json::json!({ "error": { "code": code, "message": "a message (Request ID: 1)" } }).to_string()
}

#[test]
fn azures_codes_have_one_meaning_each() {
    for (status, code, expected) in [
        (401, "RBACAccessDenied", "no_access"),
        (403, "AuthorizationFailed", "no_access"),
        (404, "SubscriptionNotFound", "subscription_not_found"),
        (404, "resourcegroupnotfound", "resource_group_not_found"),
        (400, "AccountCostDisabled", "cost_data_disabled"),
        (400, "DepartmentCostDisabled", "cost_data_disabled"),
        (400, "IndirectCostDisabled", "cost_data_disabled"),
        (400, "SubscriptionTypeNotSupported", "subscription_type_not_supported"),
        (400, "BadRequest", "invalid_query"),
        (401, "InvalidAuthenticationToken", "token_rejected"),
        (401, "InvalidAuthenticationTokenTenant", "wrong_tenant"),
        (424, "FailedDependency", "forecast_failed"),
        (429, "429", "throttled"),
        (503, "ServerTimeout", "azure_unavailable"),
        (504, "GatewayTimeout", "azure_timeout"),
        (500, "InternalServerError", "azure_unavailable"),
        (400, "SomethingNew", "invalid_query"),
        (401, "SomethingNew", "no_access"),
        (403, "SomethingNew", "no_access"),
        (404, "SomethingNew", "not_found"),
        (418, "SomethingNew", "unexpected_response"),
        (302, "", "unexpected_response"),
    ] {
        let error = answer(status, &[], &body(code));
        assert_eq!(error.code(), expected, "{status} {code}");
        assert_eq!(error.azure().unwrap().message(), Some("a message (Request ID: 1)"));
        assert!(!error.detail().is_empty());
    }
}

#[test]
fn a_body_of_another_kind_is_no_obstacle() {
    for body in ["", "<html>", "{}", "[]", r#"{"error":"text"}"#, r#"{"error":{"code":1}}"#] {
        assert_eq!(answer(403, &[("x-ms-request-id", "1")], body).code(), "no_access", "{body}");
    }
    for body in ["", "<html>", "{}", "[]"] {
        let error = answer(403, &[], body);
        assert_eq!(error.code(), "azure_unavailable", "{body}");
        assert!(error.detail().contains("proxy"), "{}", error.detail());
    }
}

#[test]
fn only_a_challenge_makes_a_401_a_matter_of_the_token() {
    const BEARER: &str = "Bearer authorization_uri=\"https://login.windows.net/x\", error=\"invalid_token\"";
    let rejected = answer(401, &[("www-authenticate", BEARER)], &body("SomethingNew"));
    assert_eq!(rejected.code(), "token_rejected");
    // The code says what it is, whatever else the answer carries.
    let denied = answer(401, &[("www-authenticate", BEARER)], &body("RBACAccessDenied"));
    assert_eq!(denied.code(), "no_access");
}

#[test]
fn claims_count_with_a_401_only() {
    const CLAIMS: &str =
        "Bearer realm=\"\", error=\"insufficient_claims\", claims=\"eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7fX19\"";
    let challenged = answer(401, &[("www-authenticate", CLAIMS)], &body("InvalidAuthenticationToken"));
    let Error::ClaimsChallenge { claims, .. } = challenged else { panic!("{challenged}") };
    assert_eq!(claims, r#"{"access_token":{"nbf":{}}}"#);
    assert_eq!(answer(403, &[("www-authenticate", CLAIMS)], &body("Forbidden")).code(), "no_access");
}

#[test]
fn throttling_without_a_header_has_a_default() {
    assert_eq!(answer(429, &[], "").retry_after(), Some(DEFAULT));
    assert_eq!(answer(503, &[], "").retry_after(), None);
}

#[test]
fn what_is_logged_is_reduced_and_the_message_is_exact() {
    let message = format!("line\r\nforged \u{202e}hidden {}", "x".repeat(3000));
    let body =
        serde_json::json!({ "error": { "code": "Bad\u{e0041}\nRequest", "message": message } }).to_string();
    let error = answer(400, &[("x-ms-request-id", &format!("a1{}", "2".repeat(300)))], &body);
    let azure = error.azure().unwrap();
    assert_eq!(azure.code.as_deref(), Some("Bad Request"));
    let id = azure.request_id.as_deref().unwrap();
    assert!(id.starts_with("a12") && id.ends_with("2…") && id.chars().count() == 80);
    let kept = azure.message().unwrap();
    assert!(message.starts_with(kept.strip_suffix('…').unwrap()));
    assert_eq!(kept.chars().count(), 2001);
}

#[test]
fn messages_that_name_people_stay_out_of_logs() {
    let body = r#"{"error":{"code":"AuthorizationFailed","message":"The client 'bob@contoso.com' …"}}"#;
    let error = answer(403, &[], body);
    assert!(!format!("{error} {error:?}").contains("bob"));
    assert_eq!(error.to_string(), "azure refused access (HTTP 403, AuthorizationFailed)");
}

#[test]
fn a_failed_report_is_read_like_any_refusal() {
    let report = |code: &str| {
        let body = ErrorBody { code: Some(code.to_owned()), message: None };
        from_inside(StatusCode::OK, &HeaderMap::new(), Some(body), Error::ReportFailed).code()
    };
    assert_eq!(report("AccountCostDisabled"), "cost_data_disabled");
    assert_eq!(report("SomethingNew"), "report_failed");
    assert_eq!(
        from_inside(StatusCode::OK, &HeaderMap::new(), None, Error::ReportFailed).code(),
        "report_failed"
    );
}
