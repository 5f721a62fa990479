//! Registering an application through Graph: what is written holds at the token endpoint, and what Graph refuses is refused
//! in its words.

use emulator::{
    ARM_APP_ID, DAEMON_CLIENT_ID, DAEMON_CLIENT_SECRET, DEPLOYER_CLIENT_ID, DEPLOYER_CLIENT_SECRET,
    GRAPH_APP_ID, PROD_SUBSCRIPTION, ServiceAccountToken, VSCODE_CLIENT_ID,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::Stand;

const READ: &str = "5a1f0000-0000-4000-8000-000000000001";
const ROLE: &str = "5a1f0000-0000-4000-8000-000000000002";
const URL: &str = "https://mcp.contoso.com/mcp";

/// The platform team at work.
struct Team {
    stand: Stand,
    token: String,
}

impl Team {
    async fn start() -> Self {
        let stand = Stand::start().await;
        let token =
            app_token(&stand, DEPLOYER_CLIENT_ID, DEPLOYER_CLIENT_SECRET, "https://graph.microsoft.com")
                .await;
        Self { stand, token }
    }

    /// Status and body, which is null where there is none.
    async fn send(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        self.send_as(&self.token, method, path, body).await
    }

    async fn send_as(&self, token: &str, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let url = format!("{}/v1.0/{path}", self.stand.emulator.endpoints().graph);
        let answer = self.stand.http.request(method, url).bearer_auth(token).json(body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    async fn register(&self) -> String {
        let (status, app) = self.send(Method::POST, "applications", &registration()).await;
        assert_eq!(status, 201, "{app}");
        app["appId"].as_str().unwrap().to_owned()
    }

    async fn install(&self, app_id: &str) -> String {
        let (status, principal) =
            self.send(Method::POST, "servicePrincipals", &json!({"appId": app_id})).await;
        assert_eq!(status, 201, "{principal}");
        principal["id"].as_str().unwrap().to_owned()
    }

    async fn principal_of(&self, app_id: &str) -> String {
        let path = format!("servicePrincipals(appId='{app_id}')");
        self.send(Method::GET, &path, &Value::Null).await.1["id"].as_str().unwrap().to_owned()
    }

    /// What a sign-in of carol with Visual Studio Code is told: a code, or the number of an error.
    async fn sign_in(&self) -> Result<(), String> {
        let form = [
            ("client_id", VSCODE_CLIENT_ID),
            ("redirect_uri", "http://127.0.0.1:33418"),
            ("response_type", "code"),
            ("scope", "https://mcp.contoso.com/mcp/cost.read"),
            ("emulator_person", "carol"),
        ];
        let url = self.stand.entra("oauth2/v2.0/authorize");
        let answer = self.stand.http.get(url).query(&form).send().await.unwrap();
        let location = answer.headers().get("location").map(|to| to.to_str().unwrap().to_owned());
        match location {
            Some(to) if to.contains("code=") => Ok(()),
            Some(to) => Err(to),
            None => Err(answer.text().await.unwrap()),
        }
    }
}

async fn app_token(stand: &Stand, id: &str, secret: &str, resource: &str) -> String {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", id),
        ("client_secret", secret),
        ("scope", &format!("{resource}/.default")),
    ];
    stand.token(&form).await.1["access_token"].as_str().unwrap().to_owned()
}

fn scope(id: &str, value: &str) -> Value {
    json!({"id": id, "value": value, "type": "User", "isEnabled": true,
           "adminConsentDisplayName": "Read", "adminConsentDescription": "Read costs."})
}

fn role(id: &str, value: &str) -> Value {
    json!({"id": id, "value": value, "isEnabled": true, "allowedMemberTypes": ["User"], "displayName": "Exporter",
           "description": "May export."})
}

fn registration() -> Value {
    json!({
        "displayName": "Costs", "signInAudience": "AzureADMyOrg", "identifierUris": [URL],
        "api": {"requestedAccessTokenVersion": 2, "oauth2PermissionScopes": [scope(READ, "cost.read")]},
        "appRoles": [role(ROLE, "Cost.Exporter")],
    })
}

fn with(change: impl FnOnce(&mut Value)) -> Value {
    let mut changed = registration();
    change(&mut changed);
    changed
}

fn pre_authorizing(client: &str, scope: &str) -> Value {
    json!({"api": {"preAuthorizedApplications": [{"appId": client, "delegatedPermissionIds": [scope]}]}})
}

#[tokio::test]
async fn what_is_registered_holds_at_the_token_endpoint() {
    let team = Team::start().await;
    assert!(team.sign_in().await.unwrap_err().contains("500011"), "nothing is registered");
    let app_id = team.register().await;
    assert!(
        team.sign_in().await.unwrap_err().contains("500011"),
        "an application alone is nothing in the tenant"
    );
    let principal = team.install(&app_id).await;
    assert!(team.sign_in().await.unwrap_err().contains("cost.read"), "consent is asked for");

    let path = format!("applications(appId='{app_id}')");
    let (status, _) = team.send(Method::PATCH, &path, &pre_authorizing(VSCODE_CLIENT_ID, READ)).await;
    assert_eq!((status, team.sign_in().await), (204, Ok(())));
    let (_, kept) = team.send(Method::GET, &path, &Value::Null).await;
    assert_eq!(kept["api"]["oauth2PermissionScopes"][0]["value"], "cost.read", "what is not named stays");

    // Consent for the application itself, and a role for a person.
    let arm = team.principal_of(ARM_APP_ID).await;
    let grant = json!({"clientId": principal, "consentType": "AllPrincipals", "resourceId": arm, "scope": "user_impersonation"});
    assert_eq!(team.send(Method::POST, "oauth2PermissionGrants", &grant).await.0, 201);
    let again = team.send(Method::POST, "oauth2PermissionGrants", &grant).await;
    assert_eq!((again.0, &again.1["error"]["message"]), (409, &"Permission entry already exists.".into()));
    let carol = team.stand.emulator.oid("carol").unwrap();
    let assignment = json!({"principalId": carol, "resourceId": principal, "appRoleId": ROLE});
    let path = format!("servicePrincipals/{principal}/appRoleAssignedTo");
    assert_eq!(team.send(Method::POST, &path, &assignment).await.0, 201);
    let (status, again) = team.send(Method::POST, &path, &assignment).await;
    assert_eq!((status, &again["error"]["code"]), (400, &"Request_BadRequest".into()), "{again}");
    let held = team.send(Method::GET, &path, &Value::Null).await.1;
    assert_eq!(held["value"][0]["principalDisplayName"], "Carol Costa");
}

#[tokio::test]
async fn a_registration_that_graph_refuses_is_refused_in_its_words() {
    let team = Team::start().await;
    let duplicate = || vec![scope(READ, "cost.read"), scope(ROLE, "cost.read")];
    let cases = [
        (with(|app| app["colour"] = "red".into()), "Request_BadRequest", "Invalid property 'colour'."),
        (
            with(|app| app["api"]["oauth2PermissionScopes"][0]["origin"] = "Application".into()),
            "Request_BadRequest",
            "Unexpected contents",
        ),
        (
            with(|app| app["api"]["oauth2PermissionScopes"] = json!(duplicate())),
            "DuplicateValue",
            "duplicate values",
        ),
        (with(|app| app["appRoles"][0]["id"] = READ.into()), "DuplicateValue", "duplicate values"),
        (
            with(|app| app["api"]["oauth2PermissionScopes"][0]["type"] = "Everybody".into()),
            "Request_BadRequest",
            "'type' of resource 'PermissionScope'",
        ),
        (
            with(|app| app["api"]["oauth2PermissionScopes"][0]["id"] = "one".into()),
            "Request_BadRequest",
            "'id' of resource 'PermissionScope'",
        ),
        (
            with(|app| app["api"]["requestedAccessTokenVersion"] = 3.into()),
            "Request_BadRequest",
            "requestedAccessTokenVersion",
        ),
        (
            with(|app| app["displayName"] = Value::Null),
            "Request_BadRequest",
            "A value is required for property 'displayName'",
        ),
        (
            with(|app| app["identifierUris"][0] = "https://mcp.fabrikam.com/mcp".into()),
            "HostNameNotOnVerifiedDomain",
            "Failed to add identifier URI",
        ),
        (
            with(|app| app["identifierUris"][0] = "https://mcp.contoso.com/mcp/".into()),
            "HostNameNotOnVerifiedDomain",
            "Failed to add identifier URI",
        ),
        (
            with(|app| app["identifierUris"][0] = "http://127.0.0.1:8080/mcp".into()),
            "HostNameNotOnVerifiedDomain",
            "Failed to add identifier URI",
        ),
        (
            with(|app| {
                app["api"]["preAuthorizedApplications"] =
                    pre_authorizing(VSCODE_CLIENT_ID, ROLE)["api"]["preAuthorizedApplications"].clone();
            }),
            "InvalidValue",
            "cannot be found in the AppPermissions sets",
        ),
        (
            with(|app| {
                app["api"]["preAuthorizedApplications"] =
                    pre_authorizing(ROLE, READ)["api"]["preAuthorizedApplications"].clone();
            }),
            "InvalidAppId",
            "cannot be found",
        ),
        (
            with(|app| app["web"] = json!({"redirectUris": ["http://mcp.contoso.com/"]})),
            "InvalidRedirectUri",
            "must start with",
        ),
        (
            with(|app| {
                app["keyCredentials"] =
                    json!([{"type": "AsymmetricX509Cert", "usage": "Verify", "key": "AAAA"}]);
            }),
            "Request_BadRequest",
            "'key' of resource 'KeyCredential'",
        ),
    ];
    for (body, code, words) in cases {
        let (status, answer) = team.send(Method::POST, "applications", &body).await;
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert_eq!((status, &answer["error"]["code"]), (400, &code.into()), "{body}");
        assert!(message.contains(words), "{words}: {message}");
    }
    team.register().await;
    let (_, taken) = team.send(Method::POST, "applications", &registration()).await;
    assert_eq!(taken["error"]["code"], "ObjectConflict");
}

#[tokio::test]
async fn an_enabled_scope_is_not_taken_away() {
    let team = Team::start().await;
    let path = format!("applications(appId='{}')", team.register().await);
    let without = json!({"api": {"oauth2PermissionScopes": []}});
    let (status, refused) = team.send(Method::PATCH, &path, &without).await;
    assert_eq!((status, &refused["error"]["code"]), (400, &"CannotDeleteOrUpdateEnabledEntitlement".into()));
    let mut disabled = json!({"api": {"oauth2PermissionScopes": [scope(READ, "cost.read")]}});
    disabled["api"]["oauth2PermissionScopes"][0]["isEnabled"] = false.into();
    assert_eq!(team.send(Method::PATCH, &path, &disabled).await.0, 204);
    assert_eq!(team.send(Method::PATCH, &path, &without).await.0, 204);
}

#[tokio::test]
async fn who_may_not_write_writes_nothing() {
    let team = Team::start().await;
    let daemon =
        app_token(&team.stand, DAEMON_CLIENT_ID, DAEMON_CLIENT_SECRET, "https://graph.microsoft.com").await;
    for path in [
        "applications",
        "servicePrincipals",
        "oauth2PermissionGrants",
        "servicePrincipals/x/appRoleAssignments",
    ] {
        let (status, body) = team.send_as(&daemon, Method::POST, path, &registration()).await;
        assert_eq!((status, &body["error"]["code"]), (403, &"Authorization_RequestDenied".into()), "{path}");
        let (status, body) = team.send_as("no token", Method::POST, path, &registration()).await;
        assert_eq!((status, &body["error"]["code"]), (401, &"InvalidAuthenticationToken".into()), "{path}");
    }
    assert_eq!(team.send(Method::DELETE, "applications", &json!({})).await.0, 405);
}

#[tokio::test]
async fn a_role_of_graph_needs_its_right_id_and_a_principal_that_is_there() {
    let team = Team::start().await;
    let app_id = team.register().await;
    let (status, body) = team.send(Method::POST, "servicePrincipals", &json!({"appId": READ})).await;
    assert_eq!((status, &body["error"]["code"]), (400, &"NoBackingApplicationObject".into()));
    let principal = team.install(&app_id).await;
    assert_eq!(team.send(Method::POST, "servicePrincipals", &json!({"appId": app_id})).await.0, 409);
    let graph = team.principal_of(GRAPH_APP_ID).await;
    let path = format!("servicePrincipals/{principal}/appRoleAssignments");
    let order = |role: &str| json!({"principalId": principal, "resourceId": graph, "appRoleId": role});
    let (status, body) = team.send(Method::POST, &path, &order(ROLE)).await;
    assert_eq!(status, 400);
    assert!(body["error"]["message"].as_str().unwrap().contains("was not found on application"), "{body}");
    let application_read_all = order("9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30");
    assert_eq!(team.send(Method::POST, &path, &application_read_all).await.0, 201);
}

#[tokio::test]
async fn a_role_on_a_subscription_is_given_by_who_may_give_it() {
    let team = Team::start().await;
    let azure = team.stand.emulator.endpoints().arm.clone();
    let pipeline = app_token(&team.stand, DEPLOYER_CLIENT_ID, DEPLOYER_CLIENT_SECRET, &azure).await;
    let alice = team.stand.arm_token("alice").await;
    let carol = team.stand.emulator.oid("carol").unwrap();
    let own = format!("/subscriptions/{PROD_SUBSCRIPTION}/providers/Microsoft.Authorization");
    let path = format!("{own}/roleAssignments/5a1f0000-0000-4000-8000-000000000003?api-version=2022-04-01");
    let reader = format!("{own}/roleDefinitions/72fafb9e-0641-4937-9268-a91bfd8191a3");
    let order =
        |principal: &str| json!({"properties": {"roleDefinitionId": reader, "principalId": principal}});
    let put = async |token: &str, body: &Value| {
        let url = team.stand.arm_url(&path);
        team.stand.http.put(url).bearer_auth(token).json(body).send().await.unwrap().status().as_u16()
    };
    let seen = async || {
        let token = team.stand.arm_token("carol").await;
        let list = team.stand.arm_get(&token, "/subscriptions?api-version=2022-12-01").await;
        list.json::<Value>().await.unwrap()["value"].as_array().unwrap().len()
    };
    assert_eq!(put(&alice, &order(&carol)).await, 403, "a reader gives no roles");
    assert_eq!(put(&pipeline, &order("nobody")).await, 400);
    assert_eq!(seen().await, 0);
    assert_eq!(put(&pipeline, &order(&carol)).await, 201);
    assert_eq!(put(&pipeline, &order(&carol)).await, 409);
    assert_eq!(seen().await, 1);
}

#[tokio::test]
async fn what_an_application_trusts_in_place_of_a_key_is_its_own() {
    let team = Team::start().await;
    let app_id = team.register().await;
    team.install(&app_id).await;
    let token = team.stand.emulator.service_account_token(&ServiceAccountToken::default());
    let refusal = async || {
        let scope = format!("{app_id}/.default");
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &app_id),
            ("client_assertion_type", crate::harness::ASSERTION_TYPE),
            ("client_assertion", &token),
            ("scope", &scope),
        ];
        team.stand.token(&form).await.1["error_codes"][0].as_u64().unwrap_or_default()
    };
    assert_eq!(refusal().await, 70_025, "what another application trusts is nothing here");

    let path = format!("applications(appId='{app_id}')/federatedIdentityCredentials");
    let issuer = team.stand.emulator.cluster_issuer();
    let trusted = |name: &str, audiences: Value| json!({"name": name, "issuer": issuer, "subject": "system:serviceaccount:mcp:token-broker", "audiences": audiences});
    let right = trusted("aks", json!(["api://AzureADTokenExchange"]));
    let mut unknown = right.clone();
    unknown["tenant"] = "contoso".into();
    for wrong in
        [trusted("", json!(["a"])), trusted("aks", json!([])), trusted("aks", json!(["a", "b"])), unknown]
    {
        let (status, body) = team.send(Method::POST, &path, &wrong).await;
        assert_eq!((status, &body["error"]["code"]), (400, &"Request_BadRequest".into()), "{wrong}");
    }
    assert_eq!(team.send(Method::POST, &path, &right).await.0, 201);
    for again in [right.clone(), trusted("other", json!(["a"]))] {
        let (status, body) = team.send(Method::POST, &path, &again).await;
        assert_eq!(status, 409, "{body}");
    }
    let (_, all) = team.send(Method::GET, &path, &Value::Null).await;
    assert_eq!((all["value"].as_array().unwrap().len(), &all["value"][0]["name"]), (1, &"aks".into()));
    assert_eq!(refusal().await, 0);
}
