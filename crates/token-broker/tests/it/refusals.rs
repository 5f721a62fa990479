//! What is refused: hostile assertions before anything else, and Entra ID's refusals in the contract's words.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, StatusCode};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures::future::join_all;
use jiff::SignedDuration;
use proto::{BrokerError, Reason};
use serde_json::{Value, json};
use telemetry::testing::Captured;
use testkit::key_and_cert;
use tonic::Code;

use crate::support::{self, ALICE, BOB, Broker, Entra};

const CLAIMS: &str =
    r#"{"access_token":{"polids":{"essential":true,"values":["c0ffee00-0000-4000-8000-000000000000"]}}}"#;
const CORRELATION: &str = "deadbeef-0000-4000-8000-000000000001";

async fn refusal(broker: &Broker, assertion: &str) -> BrokerError {
    BrokerError::from_status(&broker.exchange(assertion).await.unwrap_err())
}

fn encode(part: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(part.to_string())
}

#[tokio::test]
async fn a_forged_user_gets_nothing_from_a_warm_cache_either() {
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    let alice = entra.token(ALICE);
    broker.exchange(&alice).await.unwrap();

    let parts: Vec<_> = alice.split('.').collect();
    let (header, signature) = (parts[0], parts[2]);
    let forged = [
        // Bob's token with Alice's oid written into it.
        format!("{header}.{}.{}", encode(&entra.claims(ALICE)), entra.token(BOB).rsplit_once('.').unwrap().1),
        // Alice's own token with its signature cut, changed, or taken away.
        format!("{header}.{}.{}", parts[1], &signature[..signature.len() - 4]),
        format!("{header}.{}.", parts[1]),
        // Signed by somebody else under the tenant's key id.
        support::sign(&key_and_cert(), &entra.claims(ALICE)),
        // No signature, called so.
        format!("{}.{}.", encode(&json!({"alg": "none", "kid": "key-1"})), parts[1]),
        // A symmetric signature, for which the public key would be the secret.
        format!("{}.{}.{signature}", encode(&json!({"alg": "HS256", "kid": "key-1"})), parts[1]),
        // A key of the sender's choice.
        format!(
            "{}.{}.{signature}",
            encode(&json!({"alg": "RS256", "kid": "key-1", "jku": "https://evil.test/keys"})),
            parts[1]
        ),
    ];
    for assertion in forged {
        let error = refusal(&broker, &assertion).await;
        assert_eq!(error.reason(), Some(Reason::InvalidToken), "{assertion}");
        assert_eq!(error.code(), Code::Unauthenticated);
        assert!(error.metadata("reason").is_some());
    }
    assert_eq!(entra.count(), 1, "Entra ID never hears of them");
}

#[tokio::test]
async fn every_pin_names_its_reason_and_entra_is_not_asked() {
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    let good = entra.claims(ALICE);
    let (now, other) = (good["nbf"].as_i64().unwrap(), "99999999-0000-4000-8000-000000000000");
    let with = |changes: Value| {
        let mut claims = good.clone();
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => claims.as_object_mut().unwrap().remove(name),
                value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
            };
        }
        entra.sign(&claims)
    };

    for (changes, reason) in [
        (json!({"aud": "https://management.azure.com"}), "wrong_audience"),
        (json!({"iss": format!("https://login.microsoftonline.com/{other}/v2.0")}), "wrong_issuer"),
        (json!({"tid": other}), "wrong_tenant"),
        (json!({"exp": now - 3600, "nbf": now - 7200}), "expired"),
        (json!({"nbf": now + 3600}), "not_yet_valid"),
        (json!({"oid": null}), "missing_claim"),
        (json!({"azp": null, "scp": null, "nonce": "n"}), "not_an_access_token"),
        (json!({"ver": "1.0"}), "unsupported_version"),
    ] {
        let error = refusal(&broker, &with(changes)).await;
        assert_eq!((error.reason(), error.metadata("reason")), (Some(Reason::InvalidToken), Some(reason)));
    }
    let app_only = with(json!({"scp": null, "roles": ["Cost.Exporter"], "idtyp": "app"}));
    assert_eq!(refusal(&broker, &app_only).await.reason(), Some(Reason::AppOnlyToken));
    assert_eq!(refusal(&broker, "not a token").await.metadata("reason"), Some("malformed"));
    assert_eq!(refusal(&broker, &"a".repeat(20_000)).await.metadata("reason"), Some("too_large"));
    assert_eq!(refusal(&broker, &"a".repeat(100_000)).await.reason(), Some(Reason::InvalidRequest));
    assert_eq!(entra.count(), 0);
}

#[tokio::test]
async fn malformed_requests_are_told_apart() {
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    let token = entra.token(ALICE);
    let reason = async |assertion: &str, resource: &str, claims: &str| {
        let status = broker.call(assertion, resource, claims).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        BrokerError::from_status(&status).reason()
    };
    assert_eq!(reason("", "arm", "").await, Some(Reason::InvalidRequest));
    assert_eq!(reason(&token, "", "").await, Some(Reason::UnknownResource));
    assert_eq!(
        reason(&token, "https://graph.microsoft.com/.default", "").await,
        Some(Reason::UnknownResource)
    );
    assert_eq!(reason(&token, "arm", "[]").await, Some(Reason::InvalidRequest));
    assert_eq!(reason(&token, "arm", &"{".repeat(9000)).await, Some(Reason::InvalidRequest));
    assert_eq!(entra.count(), 0);
}

#[tokio::test]
async fn a_challenge_arrives_whole() {
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    entra.refuse(
        400,
        json!({
            "error": "invalid_grant", "suberror": "basic_action", "error_codes": [50076],
            "error_description": "AADSTS50076: Due to a configuration change made by your administrator",
            "correlation_id": CORRELATION, "trace_id": CORRELATION, "claims": CLAIMS,
        }),
    );
    let error = refusal(&broker, &entra.token(ALICE)).await;
    assert_eq!((error.reason(), error.code()), (Some(Reason::ClaimsChallenge), Code::FailedPrecondition));
    assert_eq!(error.claims(), Some(CLAIMS));
    assert_eq!(error.metadata("aadsts"), Some("50076"));
    assert_eq!(error.metadata("correlation_id"), Some(CORRELATION));
    assert_eq!(error.metadata("trace_id"), Some(CORRELATION));
}

#[tokio::test]
async fn entras_refusals_have_the_contracts_words() {
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    for (status, body, reason, code) in [
        (
            400,
            json!({"error": "invalid_grant", "suberror": "consent_required", "error_codes": [65001]}),
            Reason::ConsentRequired,
            Code::FailedPrecondition,
        ),
        (
            400,
            json!({"error": "access_denied", "error_codes": [53003], "claims": CLAIMS}),
            Reason::BlockedByPolicy,
            Code::PermissionDenied,
        ),
        (
            401,
            json!({"error": "invalid_client", "error_codes": [700_027]}),
            Reason::BrokerMisconfigured,
            Code::Internal,
        ),
        (
            400,
            json!({"error": "invalid_grant", "error_codes": [500_133]}),
            Reason::InvalidToken,
            Code::Unauthenticated,
        ),
        (
            401,
            json!({"error": "invalid_client", "error_codes": [7_000_114]}),
            Reason::AppOnlyToken,
            Code::PermissionDenied,
        ),
    ] {
        entra.refuse(status, body);
        let error = refusal(&broker, &entra.token(ALICE)).await;
        assert_eq!((error.reason(), error.code()), (Some(reason), code));
        let permission =
            (reason == Reason::ConsentRequired).then_some("Azure Resource Manager user_impersonation");
        assert_eq!(error.metadata("permission"), permission);
    }
}

#[tokio::test]
async fn refusals_are_remembered_for_a_minute_per_assertion() {
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    entra.refuse(
        400,
        json!({"error": "invalid_grant", "suberror": "consent_required", "error_codes": [65001]}),
    );
    let assertion = entra.token(ALICE);

    let answers = join_all((0..500).map(|_| broker.exchange(&assertion))).await;
    assert!(answers.iter().all(Result::is_err));
    assert_eq!(entra.count(), 1);

    entra.grant();
    broker.clock.advance(SignedDuration::from_secs(59));
    assert_eq!(refusal(&broker, &assertion).await.reason(), Some(Reason::ConsentRequired));
    broker.exchange(&entra.token(ALICE)).await.expect("a new sign-in is a new question");
    broker.clock.advance(SignedDuration::from_secs(1));
    broker.exchange(&assertion).await.expect("after a minute it is asked again");
    assert_eq!(entra.count(), 3);
}

#[tokio::test]
async fn throttling_is_passed_on_and_respected() {
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    entra.answer(|_| {
        let headers =
            HeaderMap::from_iter([("retry-after".parse().unwrap(), HeaderValue::from_static("30"))]);
        (StatusCode::TOO_MANY_REQUESTS, headers, json!({"error": "temporarily_unavailable"}))
    });
    let assertion = entra.token(ALICE);

    let error = refusal(&broker, &assertion).await;
    assert_eq!(error.reason(), Some(Reason::IdentityProviderUnavailable));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(30)));

    broker.clock.advance(SignedDuration::from_secs(20));
    assert_eq!(refusal(&broker, &assertion).await.retry_after(), Some(Duration::from_secs(10)));
    assert_eq!(entra.count(), 1);

    broker.clock.advance(SignedDuration::from_secs(10));
    entra.grant();
    broker.exchange(&assertion).await.unwrap();
}

#[tokio::test]
async fn a_fault_of_entra_is_tried_once_more_and_no_more() {
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    entra.refuse(500, json!("<html>oops</html>"));
    let error = refusal(&broker, &entra.token(ALICE)).await;
    assert_eq!(error.reason(), Some(Reason::IdentityProviderUnavailable));
    assert_eq!(entra.count(), 2);
}

#[tokio::test]
async fn nothing_secret_is_logged() {
    let captured = Captured::install("trace,h2=info,rustls=info,hyper_util=info");
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    let (granted, refused) = (entra.token(ALICE), entra.token(BOB));
    let downstream = broker.exchange(&granted).await.unwrap().access_token;
    // Entra ID echoes what it was sent, and claims that hold a secret.
    let echo = refused.clone();
    entra.answer(move |fields| {
        let description = format!("AADSTS700027: bad assertion {} for {echo}", fields["client_assertion"]);
        let body =
            json!({"error": "invalid_client", "error_codes": [700_027], "error_description": description});
        (StatusCode::UNAUTHORIZED, HeaderMap::new(), body)
    });
    assert_eq!(refusal(&broker, &refused).await.reason(), Some(Reason::BrokerMisconfigured));
    refusal(&broker, &format!("{granted}x")).await;

    let logs = captured.logs();
    assert!(logs.contains("refuses this broker itself") && logs.contains("700027"), "{logs}");
    assert!(logs.contains(&entra.application.thumbprint_sha256()), "{logs}");
    let signature = |token: &str| token.rsplit_once('.').unwrap().1[..40].to_owned();
    let key = entra.application.key.serialize_pem();
    for secret in [
        signature(&granted),
        signature(&refused),
        signature(&entra.requests()[0]["client_assertion"]),
        downstream,
        key.lines().nth(1).unwrap().to_owned(),
    ] {
        assert_eq!(captured.find(&secret), None);
    }
}
