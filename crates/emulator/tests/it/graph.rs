//! Graph: what consent look-ups see, and who may look.

use emulator::{
    API_CLIENT_ID, ARM_APP_ID, DAEMON_CLIENT_ID, DAEMON_CLIENT_SECRET, PreAuthorized, RegisteredRole,
    ScopeText, TokenKind, TokenSpec,
};
use reqwest::Response;
use serde_json::Value;

use crate::harness::Stand;

async fn app_token(stand: &Stand) -> String {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", DAEMON_CLIENT_ID),
        ("client_secret", DAEMON_CLIENT_SECRET),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    stand.token(&form).await.1["access_token"].as_str().unwrap().to_owned()
}

async fn get(stand: &Stand, token: &str, path: &str) -> Response {
    let url = format!("{}/v1.0/{path}", stand.emulator.endpoints().graph);
    stand.http.get(url).bearer_auth(token).send().await.unwrap()
}

async fn json(stand: &Stand, token: &str, path: &str) -> Value {
    get(stand, token, path).await.json().await.unwrap()
}

#[tokio::test]
async fn grants_are_found_by_object_ids() {
    let stand = Stand::start().await;
    let token = app_token(&stand).await;
    let api =
        json(&stand, &token, &format!("servicePrincipals(appId='{API_CLIENT_ID}')?$select=id,appId")).await;
    assert_eq!(api.as_object().unwrap().len(), 2);
    let arm = json(&stand, &token, &format!("servicePrincipals?$filter=appId eq '{ARM_APP_ID}'")).await;
    let (api, arm) = (api["id"].as_str().unwrap(), arm["value"][0]["id"].as_str().unwrap());

    let filter = format!("oauth2PermissionGrants?$filter=clientId eq '{api}'");
    let grants = json(&stand, &token, &filter).await;
    let grant = &grants["value"][0];
    assert_eq!((&grant["resourceId"], &grant["consentType"]), (&arm.into(), &"AllPrincipals".into()));
    assert_eq!(grant["scope"].as_str().unwrap().trim(), "user_impersonation");

    stand.emulator.set_arm_consent(false);
    assert_eq!(json(&stand, &token, &filter).await["value"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn what_is_missing_is_told_in_two_ways() {
    let stand = Stand::start().await;
    let token = app_token(&stand).await;
    let by_key = get(&stand, &token, "servicePrincipals(appId='99999999-0000-0000-0000-000000000000')").await;
    assert_eq!(by_key.status(), 404);
    let by_filter = json(&stand, &token, "servicePrincipals?$filter=appId eq 'x'").await;
    assert_eq!(by_filter["value"], serde_json::json!([]));
    let unsupported = get(&stand, &token, "oauth2PermissionGrants?$filter=startswith(scope,'a')").await;
    assert_eq!(unsupported.status(), 400);
}

#[tokio::test]
async fn only_app_only_tokens_with_permissions_may_look() {
    let stand = Stand::start().await;
    let path = format!("applications(appId='{API_CLIENT_ID}')");
    let wrong = get(&stand, &stand.mint(&TokenSpec::app_only()), &path).await;
    assert!(
        wrong.headers()["www-authenticate"]
            .to_str()
            .unwrap()
            .contains("00000003-0000-0000-c000-000000000000")
    );
    assert_eq!(wrong.status(), 401);
    let spec = TokenSpec::for_person("alice").kind(TokenKind::Arm).audience("https://graph.microsoft.com");
    let denied = get(&stand, &stand.mint(&spec), &path).await;
    assert_eq!(denied.status(), 403);
    let body: Value = denied.json().await.unwrap();
    assert_eq!(body["error"]["code"], "Authorization_RequestDenied");
}

#[tokio::test]
async fn collections_are_paged_and_roles_are_listed() {
    let stand = Stand::start().await;
    let token = app_token(&stand).await;
    let first = json(&stand, &token, "oauth2PermissionGrants?$top=2").await;
    assert_eq!(first["value"].as_array().unwrap().len(), 2);
    let next = first["@odata.nextLink"].as_str().unwrap();
    let second: Value = stand.http.get(next).bearer_auth(&token).send().await.unwrap().json().await.unwrap();
    assert_ne!(first["value"][0], second["value"][0]);

    let path = format!("servicePrincipals(appId='{API_CLIENT_ID}')/appRoleAssignedTo");
    let assigned = json(&stand, &token, &path).await;
    let names: Vec<_> =
        assigned["value"].as_array().unwrap().iter().map(|a| &a["principalDisplayName"]).collect();
    assert_eq!(names, ["Alice Abel", "Contoso Nightly Job"]);
    let application = json(&stand, &token, &format!("applications(appId='{API_CLIENT_ID}')")).await;
    assert_eq!(application["api"]["requestedAccessTokenVersion"], 2);
    assert_eq!(application["requiredResourceAccess"][0]["resourceAppId"], ARM_APP_ID);
}

#[tokio::test]
async fn a_broken_registration_shows_at_graph_and_at_the_token_endpoint() {
    let stand = Stand::start().await;
    let token = app_token(&stand).await;
    let path = format!("applications(appId='{API_CLIENT_ID}')");
    stand
        .emulator
        .register(|api| {
            api.scopes.retain(|scope| scope.value == "cost.read");
            api.scopes[0].enabled = false;
            api.roles.clear();
            api.token_version = None;
            api.optional_claims = vec!["idtyp".to_owned()];
            api.pre_authorized =
                vec![PreAuthorized { client: "c".to_owned(), scopes: vec!["cost.read".to_owned()] }];
        })
        .unwrap();
    let application = json(&stand, &token, &path).await;
    let scopes = application["api"]["oauth2PermissionScopes"].as_array().unwrap();
    assert_eq!((scopes.len(), &scopes[0]["isEnabled"]), (1, &false.into()));
    assert_eq!(application["api"]["requestedAccessTokenVersion"], Value::Null);
    let pre_authorized = &application["api"]["preAuthorizedApplications"][0]["delegatedPermissionIds"][0];
    assert_eq!(*pre_authorized, scopes[0]["id"]);
    assert_eq!(application["appRoles"], serde_json::json!([]));
    assert_eq!(application["optionalClaims"]["accessToken"].as_array().unwrap().len(), 1);
    assert_eq!(application["keyCredentials"][0]["key"], Value::Null);
    let keys = json(&stand, &token, &format!("{path}?$select=keyCredentials")).await;
    assert!(keys["keyCredentials"][0]["key"].is_string());

    stand.emulator.register(|api| api.installed = false).unwrap();
    assert_eq!(
        get(&stand, &token, &format!("servicePrincipals(appId='{API_CLIENT_ID}')")).await.status(),
        404
    );
    let refused = stand.exchange(&stand.mint(&TokenSpec::for_person("alice")), &[]).await;
    assert_eq!(refused.1["error_codes"][0], 700_016);
    let impossible = stand.emulator.register(|api| api.roles = vec![role("Cost.Emperor")]);
    assert!(impossible.unwrap_err().to_string().contains("Cost.Emperor"));
}

#[tokio::test]
async fn an_application_reads_itself_without_permissions_and_nothing_else() {
    let stand = Stand::start().await;
    stand.emulator.graph(|graph| graph.permissions.clear());
    let assertion = stand.client_assertion();
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", API_CLIENT_ID),
        ("client_assertion_type", crate::harness::ASSERTION_TYPE),
        ("client_assertion", assertion.as_str()),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    let token = stand.token(&form).await.1["access_token"].as_str().unwrap().to_owned();
    for (path, status) in [
        (format!("servicePrincipals(appId='{API_CLIENT_ID}')"), 200),
        (format!("applications(appId='{API_CLIENT_ID}')"), 200),
        (format!("servicePrincipals(appId='{ARM_APP_ID}')"), 403),
        ("oauth2PermissionGrants".to_owned(), 403),
    ] {
        assert_eq!(get(&stand, &token, &path).await.status(), status, "{path}");
    }
}

#[tokio::test]
async fn grants_come_late_and_in_any_spelling() {
    let stand = Stand::start().await;
    let token = app_token(&stand).await;
    stand.emulator.graph(|graph| {
        graph.page_size = 1;
        graph.late_grant_reads = 1;
        graph.scope_text = ScopeText::Odd;
    });
    let none = json(&stand, &token, "oauth2PermissionGrants").await;
    assert_eq!(none["value"], serde_json::json!([]));
    let first = json(&stand, &token, "oauth2PermissionGrants").await;
    assert_eq!(first["value"].as_array().unwrap().len(), 1);
    assert!(first["@odata.nextLink"].is_string());
    assert_eq!(first["value"][0]["scope"], "  USER_IMPERSONATION ");
}

#[tokio::test]
async fn answers_are_dated_by_the_emulators_clock() {
    let stand = Stand::start().await;
    stand.emulator.advance_clock(86_400 * 400);
    let answer = stand.http.get(stand.entra("discovery/v2.0/keys")).send().await.unwrap();
    let date = answer.headers()["date"].to_str().unwrap();
    let now = jiff::Timestamp::from_second(stand.now()).unwrap();
    let year = now.to_zoned(jiff::tz::TimeZone::UTC).year();
    assert!(date.ends_with(" GMT") && date.contains(&format!(" {year} ")), "{date}");
}

fn role(value: &str) -> RegisteredRole {
    RegisteredRole { value: value.to_owned(), enabled: true, members: vec!["User".to_owned()] }
}
