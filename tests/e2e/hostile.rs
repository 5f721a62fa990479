//! Hostile tokens at the gateway, and at the broker's port directly: internal-only is not authentication.

use e2e::{Caller, Stack};
use emulator::TokenSpec;
use proto::status::BrokerError;
use proto::v1::ExchangeRequest;
use proto::v1::token_broker_client::TokenBrokerClient;
use serde_json::json;
use tonic::transport::Channel;

use crate::hostile_tokens;

#[tokio::test]
async fn the_gateway_names_what_is_wrong_with_each_token() {
    let stack = Stack::start().await;
    for hostile in hostile_tokens::all() {
        let token = stack.mint(&hostile.spec);
        let answer = stack.caller.call(&token, "list_subscriptions", json!({})).await;
        if hostile.reason == "too_large" {
            // A header of 100 kB is refused before anybody looks for a token in it.
            assert_eq!(answer.status, 431, "{}: {}", hostile.name, answer.text);
            assert!(matches!(answer.code(), "token_too_large" | "headers_too_large"), "{}", answer.text);
            continue;
        }
        assert_eq!(answer.status, 401, "{}: {}", hostile.name, answer.text);
        assert_eq!((answer.code(), answer.reason()), ("invalid_token", hostile.reason), "{}", hostile.name);
        assert!(answer.challenge().contains("error=\"invalid_token\""), "{}", hostile.name);
        assert!(answer.challenge().contains("resource_metadata=\""), "{}", hostile.name);
    }
    let counts = stack.emulator.counts();
    assert_eq!((counts.exchanges, counts.arm_requests), (0, 0), "Entra ID and Azure were never asked");
}

#[tokio::test]
async fn the_broker_refuses_the_same_tokens_when_called_directly() {
    let stack = Stack::start().await;
    let mut broker = broker(&stack).await;
    for hostile in hostile_tokens::all() {
        let error = exchange(&mut broker, &stack.mint(&hostile.spec)).await.unwrap_err();
        let reason = error.reason().map(proto::Reason::as_str);
        assert!(
            matches!(reason, Some("invalid_token" | "invalid_request")) || hostile.reason == "too_large",
            "{}: {error}",
            hostile.name
        );
        if reason == Some("invalid_token") {
            assert_eq!(error.metadata("reason"), Some(hostile.reason), "{}", hostile.name);
        }
    }
    assert_eq!(stack.emulator.counts().exchanges, 0);
}

#[tokio::test]
async fn a_forged_assertion_gets_nothing_from_the_cache_either() {
    let stack = Stack::start().await;
    let mut broker = broker(&stack).await;
    let genuine = stack.token("alice");
    assert!(exchange(&mut broker, &genuine).await.is_ok());
    // The same claims with the last bytes of the signature changed: the cache holds alice's token already.
    let (signed, signature) = genuine.rsplit_once('.').unwrap();
    let flipped: String = signature.chars().rev().collect();
    let error = exchange(&mut broker, &format!("{signed}.{flipped}")).await.unwrap_err();
    assert_eq!(error.metadata("reason"), Some("bad_signature"));
    let forged = stack.mint(&TokenSpec::for_person("alice").signed_by(emulator::SignedBy::Forged));
    assert_eq!(exchange(&mut broker, &forged).await.unwrap_err().metadata("reason"), Some("bad_signature"));
    assert_eq!(stack.emulator.counts().exchanges, 1);
}

#[tokio::test]
async fn an_application_is_refused_without_asking_entra() {
    let stack = Stack::start().await;
    let token = stack.mint(&TokenSpec::app_only());
    let answer = stack.caller.call(&token, "list_subscriptions", json!({})).await;
    assert_eq!((answer.status, answer.code()), (403, "app_only_token"), "{}", answer.text);
    let answer = stack.caller.request(Some(&token), "tools/list", json!({})).await;
    assert_eq!((answer.status, answer.code()), (403, "app_only_token"), "an application sees no list either");
    let error = exchange(&mut broker(&stack).await, &token).await.unwrap_err();
    assert_eq!(error.reason(), Some(proto::Reason::AppOnlyToken));
    let requests = stack.emulator.counts().token_requests;
    assert!(!requests.contains_key("on_behalf_of"), "{requests:?}");
}

#[tokio::test]
async fn two_authorization_headers_are_no_token() {
    let stack = Stack::start().await;
    let request = |values: &[String]| {
        let mut request =
            stack.caller.prepared("tools/call", json!({"name": "list_subscriptions", "arguments": {}}));
        for value in values {
            request = request.header("Authorization", value);
        }
        Caller::send(request)
    };
    let bearer = format!("Bearer {}", stack.token("alice"));
    for values in [
        vec![bearer.clone(), format!("Bearer {}", stack.token("bob"))],
        vec![bearer.clone(), bearer.clone()],
        vec!["Basic YTpi".to_owned()],
        vec![stack.token("alice")],
        vec![],
    ] {
        let answer = request(&values).await;
        assert_eq!((answer.status, answer.code()), (401, "missing_bearer"), "{}", answer.text);
    }
    assert_eq!(request(&[bearer.replacen("Bearer", "bEARER", 1)]).await.status, 200);
}

#[tokio::test]
async fn version_1_tokens_pass_where_both_services_are_told_to_take_them() {
    let both = ["--accept-v1-tokens"];
    let audiences = format!("--audiences={},api://mcp-cost-server", emulator::API_CLIENT_ID);
    let stack = Stack::builder().gateway(&both).gateway(&[&audiences]).broker(&both).start().await;
    let token = stack.mint(&TokenSpec::for_person("alice").kind(emulator::TokenKind::AccessV1));
    let answer = stack.caller.call(&token, "list_subscriptions", json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

pub(crate) async fn broker(stack: &Stack) -> TokenBrokerClient<Channel> {
    TokenBrokerClient::connect(stack.broker_url().to_owned()).await.expect("the broker answers")
}

pub(crate) async fn exchange(
    broker: &mut TokenBrokerClient<Channel>,
    assertion: &str,
) -> Result<proto::v1::ExchangeResponse, BrokerError> {
    let request = ExchangeRequest {
        assertion: assertion.to_owned(),
        resource: "arm".to_owned(),
        claims: String::new(),
    };
    broker
        .exchange(request)
        .await
        .map(tonic::Response::into_inner)
        .map_err(|status| BrokerError::from_status(&status))
}
