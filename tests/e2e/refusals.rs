//! The table of refusals, each over real HTTP.

use e2e::{BUILT_IN_POLICY, Era, Stack};
use emulator::{EndpointFault, TokenSpec};
use serde_json::json;

#[tokio::test]
async fn without_a_token_the_client_learns_where_to_get_one() {
    let stack = Stack::start().await;
    for method in ["initialize", "tools/list", "tools/call"] {
        let answer = stack.caller.request(None, method, json!({"name": "list_subscriptions"})).await;
        assert_eq!((answer.status, answer.code()), (401, "missing_bearer"));
        let base = format!("scope=\"{}/cost.read\"", stack.public_url());
        assert!(answer.challenge().contains(&base), "{}", answer.challenge());
    }
}

#[tokio::test]
async fn a_missing_scope_is_a_step_up_that_keeps_what_is_granted() {
    let stack = Stack::start().await;
    let url = stack.public_url();
    for era in [Era::Legacy, Era::Modern] {
        let caller = stack.caller.in_era(era);
        let answer =
            caller.call(&stack.token("bob"), "cost_export", json!({"subscription": "Contoso Dev"})).await;
        assert_eq!((answer.status, answer.code()), (403, "missing_scope:cost.export"), "{}", answer.text);
        let expected = format!("scope=\"{url}/cost.read {url}/cost.export\", error=\"insufficient_scope\"");
        assert!(answer.challenge().contains(&expected), "{}", answer.challenge());
        assert!(answer.document["error"]["message"].as_str().unwrap().contains("cost.export"));
        assert_eq!(answer.document["id"], 1);
    }
    assert_eq!(stack.emulator.counts().exchanges, 0);
}

/// What Entra ID makes up where client and API share a registration, and scopes that are not the API's: asked for again, they
/// would fail the sign-in (AADSTS650053).
#[tokio::test]
async fn the_challenge_asks_only_for_scopes_that_can_be_had() {
    let stack = Stack::start().await;
    let url = stack.public_url();
    let odd = ["openid", "profile", "cost.read", ".4f0c7c3e-0000-4000-8000-000000000000"];
    let token = stack.mint(&TokenSpec::for_person("alice").claim("scp", odd.join(" ")));
    let answer = stack.caller.call(&token, "cost_export", json!({"subscription": "Contoso Dev"})).await;
    assert_eq!((answer.status, answer.code()), (403, "missing_scope:cost.export"), "{}", answer.text);
    let expected = format!("scope=\"{url}/cost.read {url}/cost.export\", error=");
    assert!(answer.challenge().contains(&expected), "{}", answer.challenge());
    assert_eq!(answer.document["scope"], format!("{url}/cost.read {url}/cost.export"));
}

/// The built-in policy, with a role for exports and a context for the costs by service.
fn strict() -> String {
    let tools = [
        "[tools.cost_by_service]
",
        "[tools.cost_export]
",
    ];
    let more = [
        "auth_context = \"c1\"
",
        "roles = [\"Cost.Exporter\"]
",
    ];
    tools.iter().zip(more).fold(BUILT_IN_POLICY.to_owned(), |policy, (tool, more)| {
        assert!(policy.contains(tool), "{tool}");
        policy.replace(tool, &format!("{tool}{more}"))
    })
}

#[tokio::test]
async fn a_missing_role_says_who_assigns_it() {
    let stack = Stack::builder().policy(&strict()).start().await;
    let question = json!({"subscription": "Contoso Dev", "from": "2026-10-01", "to": "2026-10-01"});
    let without_role = stack.mint(&TokenSpec::for_person("bob").scopes(&["cost.read", "cost.export"]));
    let refused = stack.caller.call(&without_role, "cost_export", question.clone()).await;
    assert_eq!((refused.status, refused.code()), (403, "missing_role:Cost.Exporter"), "{}", refused.text);
    assert!(refused.document["detail"].as_str().unwrap().contains("administrator assigns"));
    // Without scope and role it is the role that is named: consent to the scope would be in vain.
    let neither = stack.caller.call(&stack.token("bob"), "cost_export", question.clone()).await;
    assert_eq!(neither.code(), "missing_role:Cost.Exporter", "{}", neither.text);
    let exporter = stack.token("alice");
    let answer = stack.caller.call(&exporter, "cost_export", question).await;
    assert!(answer.status == 200 && !answer.is_tool_error(), "{}", answer.text);
}

#[tokio::test]
async fn an_authentication_context_is_challenged_and_then_enough() {
    let stack = Stack::builder().policy(&strict()).start().await;
    let question = json!({"subscription": "Contoso Dev"});
    let refused = stack.caller.call(&stack.token("alice"), "cost_by_service", question.clone()).await;
    assert_eq!((refused.status, refused.code()), (403, "claims_challenge"), "{}", refused.text);
    assert_eq!(refused.document["claims"]["access_token"]["acrs"]["value"], "c1");
    let satisfied = stack.mint(&TokenSpec::for_person("alice").with_auth_context("c1"));
    assert_eq!(stack.caller.call(&satisfied, "cost_by_service", question).await.status, 200);
}

#[tokio::test]
async fn conditional_access_reaches_dave_as_a_challenge() {
    let stack = Stack::start().await;
    let refused = stack.caller.call(&stack.token("dave"), "list_subscriptions", json!({})).await;
    assert_eq!((refused.status, refused.code()), (403, "claims_challenge"), "{}", refused.text);
    assert!(
        refused.challenge().contains("error=\"insufficient_claims\", claims=\""),
        "{}",
        refused.challenge()
    );
    assert!(refused.document["claims"]["access_token"].is_object(), "{}", refused.text);
    let satisfied = stack.mint(&TokenSpec::for_person("dave").after_mfa());
    let answer = stack.caller.call(&satisfied, "list_subscriptions", json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.data()["subscriptions"][0]["name"], "Contoso Prod");
}

#[tokio::test]
async fn missing_consent_names_the_permission_and_the_link() {
    let stack = Stack::start().await;
    stack.emulator.set_arm_consent(false);
    let refused = stack.caller.call(&stack.token("alice"), "list_subscriptions", json!({})).await;
    assert_eq!((refused.status, refused.code()), (403, "consent_required"), "{}", refused.text);
    assert!(refused.document["permission"].as_str().unwrap().contains("user_impersonation"));
    let link = refused.document["admin_consent_url"].as_str().unwrap();
    assert!(link.contains("/adminconsent?client_id="), "{link}");
}

#[tokio::test]
async fn a_broker_that_is_gone_is_ours_and_says_when_to_try_again() {
    let mut stack = Stack::start().await;
    let token = stack.token("alice");
    stack.stop_broker().await;
    let refused = stack.caller.call(&token, "list_subscriptions", json!({})).await;
    assert_eq!((refused.status, refused.code()), (503, "broker_unavailable"), "{}", refused.text);
    assert!(refused.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn an_outage_of_entra_is_told_from_a_fault_of_the_caller() {
    let stack = Stack::start().await;
    stack.emulator.faults().update(|faults| faults.token_endpoint = EndpointFault::throttled(7, 100));
    let refused = stack.caller.call(&stack.token("alice"), "list_subscriptions", json!({})).await;
    assert_eq!((refused.status, refused.code()), (503, "identity_provider_unavailable"), "{}", refused.text);
    assert_eq!(refused.headers["retry-after"], "7");
}

#[tokio::test]
async fn a_credential_that_entra_does_not_know_is_the_operators_business() {
    let stack = Stack::start().await;
    stack.emulator.remove_app_credential(stack.emulator.app_credential_pem()).unwrap();
    let refused = stack.caller.call(&stack.token("alice"), "list_subscriptions", json!({})).await;
    assert_eq!((refused.status, refused.code()), (503, "broker_misconfigured"), "{}", refused.text);
    assert!(!refused.text.contains("AADSTS") && !refused.text.contains("thumbprint"), "{}", refused.text);
    assert!(stack.logs().contains("700027"), "the operator reads Entra's number in the log");
}

#[tokio::test]
async fn azures_throttling_is_a_tool_result_with_the_wait() {
    let stack = Stack::start().await;
    stack.emulator.faults().update(|faults| faults.arm = EndpointFault::throttled(77, 100));
    let answer = stack.caller.call(&stack.token("alice"), "list_subscriptions", json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.is_tool_error());
    assert_eq!(
        (&answer.data()["code"], &answer.data()["retry_after_seconds"]),
        (&json!("throttled"), &json!(77))
    );
}

#[tokio::test]
async fn odd_answers_to_one_person_stop_nobody_else() {
    let stack = Stack::start().await;
    stack.emulator.faults().update(|faults| faults.odd_refusals = true);
    for _ in 0..4 {
        // A new session each time: Entra ID is asked.
        let answer = stack.caller.call(&stack.token("dave"), "list_subscriptions", json!({})).await;
        assert_eq!((answer.status, answer.code()), (403, "claims_challenge"), "{}", answer.text);
    }
    let answer = stack.caller.call(&stack.token("alice"), "list_subscriptions", json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}
