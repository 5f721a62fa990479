//! What is granted: requests to Entra ID, cache, ageing, one exchange at a time.

use std::time::Duration;

use futures::future::join_all;
use jiff::SignedDuration;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use proto::BrokerError;
use proto::v1::TokenSource;
use serde_json::{Value, json};
use testkit::NOW;

use crate::support::{ALICE, API, BOB, Broker, Entra};

const NBF: &str = r#"{"access_token":{"nbf":{"essential":true,"value":"1795348000"}}}"#;

#[tokio::test]
async fn the_request_to_entra_is_the_documented_one() {
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    let assertion = entra.token(ALICE);

    let answer = broker.exchange(&assertion).await.unwrap();

    assert!(answer.access_token.starts_with(&format!("downstream-{ALICE}")));
    assert_eq!(answer.expires_at.unwrap().seconds, NOW.as_second() + 7200);
    assert_eq!(answer.source(), TokenSource::Entra);
    let mut fields = entra.requests().remove(0);
    let client_assertion = fields.remove("client_assertion").unwrap();
    assert_eq!(
        json!(fields),
        json!({
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "client_id": API,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "assertion": assertion,
            "requested_token_use": "on_behalf_of",
            "scope": "https://management.azure.com/user_impersonation",
            "claims": r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#,
        })
    );
    let headers = entra.headers().remove(0);
    assert!(uuid::Uuid::try_parse(headers["client-request-id"].to_str().unwrap()).is_ok());
    assert_eq!(headers["x-client-sku"], "mcp-cost-server");
    verify(&entra, &client_assertion);
}

/// Verifies a client assertion with another implementation than the one that made it.
fn verify(entra: &Entra, assertion: &str) {
    let mut validation = Validation::new(Algorithm::PS256);
    validation.set_audience(&[entra.token_endpoint()]);
    validation.set_issuer(&[API]);
    // The tests' clock stands still; the library reads the machine's.
    validation.validate_exp = false;
    let key = DecodingKey::from_rsa_der(&entra.application.public_key());
    let token = jsonwebtoken::decode::<Value>(assertion, &key, &validation).unwrap();
    assert_eq!(token.header.x5t_s256, Some(entra.application.thumbprint_sha256()));
    assert_eq!(token.claims["sub"], API);
}

#[tokio::test]
async fn a_second_call_is_answered_from_the_cache_and_another_session_is_not() {
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    let (first_session, second_session) = (entra.token(ALICE), entra.token(ALICE));

    let first = broker.exchange(&first_session).await.unwrap();
    let again = broker.exchange(&first_session).await.unwrap();
    let other = broker.exchange(&second_session).await.unwrap();

    assert_eq!(again.source(), TokenSource::Cache);
    assert_eq!(again.access_token, first.access_token);
    assert_eq!(other.source(), TokenSource::Entra);
    assert_ne!(other.access_token, first.access_token);
    assert_eq!(entra.count(), 2);
}

#[tokio::test]
async fn client_assertions_are_reused() {
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    for user in [ALICE, BOB] {
        broker.exchange(&entra.token(user)).await.unwrap();
    }
    let sent: Vec<_> = entra.requests().iter().map(|fields| fields["client_assertion"].clone()).collect();
    assert_eq!(sent[0], sent[1], "no key operation per exchange");
}

#[tokio::test]
async fn five_hundred_first_calls_make_one_exchange() {
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    let assertion = entra.token(ALICE);

    let answers = join_all((0..500).map(|_| broker.exchange(&assertion))).await;

    let first = answers[0].as_ref().unwrap().access_token.clone();
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().access_token == first));
    assert_eq!(entra.count(), 1);
}

#[tokio::test]
async fn many_people_side_by_side_each_get_their_own() {
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    let people: Vec<_> = (0..40).map(|i| format!("00000000-0000-4000-8000-{i:012}")).collect();
    let tokens: Vec<_> = people.iter().map(|oid| entra.token(oid)).collect();

    let calls = (0..400).map(|i| (i % 40, broker.exchange(&tokens[i % 40])));
    let answers = join_all(calls.map(|(who, call)| async move { (who, call.await.unwrap()) })).await;

    for (who, answer) in answers {
        assert!(answer.access_token.starts_with(&format!("downstream-{}", people[who])));
    }
    assert_eq!(entra.count(), 40);
}

#[tokio::test]
async fn a_leader_who_goes_away_leaves_the_exchange_to_the_others() {
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    let assertion = entra.token(ALICE);
    entra.gate(false);

    {
        let leader = broker.exchange(&assertion);
        tokio::select! {
            _ = leader => panic!("the gate is closed"),
            () = entra.arrival() => {}
        }
    }
    let follower = broker.exchange(&assertion);
    let (answer, ()) = tokio::join!(follower, async { entra.gate(true) });

    assert!(answer.unwrap().access_token.starts_with(&format!("downstream-{ALICE}")));
    assert_eq!(entra.count(), 1);
}

#[tokio::test]
async fn tokens_age_by_the_clock() {
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    let assertion = entra.token(ALICE);
    let minutes = |minutes| broker.clock.advance(SignedDuration::from_mins(minutes));

    broker.exchange(&assertion).await.unwrap();
    // After 24 minutes a call would start a refresh.
    minutes(23);
    assert_eq!(broker.exchange(&assertion).await.unwrap().source(), TokenSource::Cache);
    minutes(7);
    assert_eq!(broker.exchange(&assertion).await.unwrap().source(), TokenSource::Entra);
    minutes(23);
    assert_eq!(broker.exchange(&assertion).await.unwrap().source(), TokenSource::Cache);
    assert_eq!(entra.count(), 2);
    minutes(75);
    let error = BrokerError::from_status(&broker.exchange(&assertion).await.unwrap_err());
    assert_eq!(error.metadata("reason"), Some("expired"));
}

#[tokio::test]
async fn a_token_that_is_about_to_end_is_not_kept() {
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    entra.answer(|_| {
        let body = json!({"token_type": "Bearer", "expires_in": "299", "access_token": "short"});
        (axum::http::StatusCode::OK, axum::http::HeaderMap::new(), body)
    });
    let assertion = entra.token(ALICE);
    for _ in 0..2 {
        assert_eq!(broker.exchange(&assertion).await.unwrap().source(), TokenSource::Entra);
    }
    assert_eq!(entra.count(), 2);
}

#[tokio::test]
async fn claims_pass_by_the_cached_token_and_replace_it() {
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    let assertion = entra.token(ALICE);
    let old = broker.exchange(&assertion).await.unwrap();

    let answers = join_all((0..100).map(|_| broker.call(&assertion, "arm", NBF))).await;

    let new = answers[0].as_ref().unwrap();
    assert_ne!(new.access_token, old.access_token);
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().access_token == new.access_token));
    assert_eq!(entra.count(), 2, "calls that met the same challenge share one exchange");
    assert_eq!(
        serde_json::from_str::<Value>(&entra.requests()[1]["claims"]).unwrap(),
        json!({"access_token": {
            "nbf": {"essential": true, "value": "1795348000"},
            "xms_cc": {"values": ["cp1"]},
        }})
    );
    let plain = broker.exchange(&assertion).await.unwrap();
    assert_eq!((plain.source(), plain.access_token), (TokenSource::Cache, new.access_token.clone()));

    broker.clock.advance(SignedDuration::from_secs(60));
    broker.call(&assertion, "arm", NBF).await.unwrap();
    assert_eq!(entra.count(), 3, "a challenge that comes back later is asked again");
}

#[tokio::test]
async fn a_consumer_that_loops_over_challenges_is_stopped() {
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    let (assertion, other) = (entra.token(ALICE), entra.token(BOB));
    let claims = |i: u32| json!({"access_token": {"nbf": {"value": i.to_string()}}}).to_string();
    for i in 0..10 {
        broker.call(&assertion, "arm", &claims(i)).await.unwrap();
    }
    broker.clock.advance(SignedDuration::from_secs(20));

    let error = BrokerError::from_status(&broker.call(&assertion, "arm", &claims(10)).await.unwrap_err());

    assert_eq!(error.retry_after(), Some(Duration::from_secs(40)));
    assert_eq!(entra.count(), 10);
    broker.exchange(&assertion).await.expect("an ordinary call is answered");
    broker.call(&other, "arm", &claims(10)).await.expect("another session is not concerned");
    broker.clock.advance(SignedDuration::from_secs(40));
    broker.call(&assertion, "arm", &claims(10)).await.expect("the window is over");
}

#[tokio::test]
async fn a_refused_challenge_leaves_no_old_token_behind() {
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    let assertion = entra.token(ALICE);
    broker.exchange(&assertion).await.unwrap();
    entra.refuse(400, json!({"error": "invalid_grant", "error_codes": [50173]}));

    for claims in [NBF, ""] {
        let status = broker.call(&assertion, "arm", claims).await.unwrap_err();
        assert_eq!(BrokerError::from_status(&status).metadata("reason"), Some("session_revoked"));
    }
    assert_eq!(entra.count(), 3);
}

#[tokio::test]
async fn without_capabilities_no_claims_are_sent() {
    let entra = Entra::start().await;
    let broker = Broker::start_with(entra.config(&["--client-capabilities="])).await;
    broker.exchange(&entra.token(ALICE)).await.unwrap();
    assert!(!entra.requests()[0].contains_key("claims"));
}
