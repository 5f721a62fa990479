//! Claims challenges from Azure itself (Continuous Access Evaluation), and what must not get through with them.

use e2e::Stack;
use emulator::{ArmChallenge, CaeDialect, Control, Policy, TokenSpec};
use serde_json::{Value, json};

async fn list(stack: &Stack, token: &str) -> e2e::Answer {
    stack.caller.call(token, "list_subscriptions", json!({})).await
}

#[tokio::test]
async fn a_challenge_that_entra_can_satisfy_is_not_noticed() {
    let stack = Stack::start().await;
    let token = stack.token("alice");
    assert_eq!(list(&stack, &token).await.status, 200);
    // Azure wants the token of the cache renewed; the user need not do anything.
    let claims = json!({"access_token": {"xms_rp_ipaddr": {"value": "1.2.3.4"}}});
    stack.emulator.faults().update(|faults| {
        faults.arm_challenge = Some(ArmChallenge { claims, times: Some(1), ..ArmChallenge::default() });
    });
    let answer = list(&stack, &token).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(stack.emulator.counts().exchanges, 2, "exactly one more exchange, with the claims");
    // The renewed token is the cached one from now on.
    assert_eq!(list(&stack, &token).await.status, 200);
    assert_eq!(stack.emulator.counts().exchanges, 2);
}

#[tokio::test]
async fn a_second_challenge_goes_to_the_client_and_there_is_no_third_try() {
    let stack = Stack::start().await;
    let claims = json!({"access_token": {"acrs": {"essential": true, "value": "c7"}}});
    stack.emulator.faults().update(|faults| {
        faults.arm_challenge =
            Some(ArmChallenge { claims: claims.clone(), times: None, ..ArmChallenge::default() });
    });
    let answer = list(&stack, &stack.token("alice")).await;
    assert_eq!((answer.status, answer.code()), (403, "claims_challenge"), "{}", answer.text);
    assert_eq!(answer.document["claims"], claims);
    let counts = stack.emulator.counts();
    assert_eq!((counts.exchanges, counts.arm_requests), (2, 2), "one renewal and no third try");
}

#[tokio::test]
async fn a_revoked_session_is_challenged_in_every_dialect_and_never_answered_from_a_cache() {
    for dialect in [CaeDialect::InvalidToken, CaeDialect::InsufficientClaims, CaeDialect::IpPolicy] {
        let stack = Stack::start().await;
        stack.emulator.faults().update(|faults| faults.cae_dialect = dialect);
        let before = stack.mint(&TokenSpec::for_person("alice").with_cp1());
        assert_eq!(list(&stack, &before).await.status, 200);
        stack.emulator.revoke_sessions("alice").unwrap();
        for call in 0..3 {
            let answer = list(&stack, &before).await;
            assert_eq!(
                (answer.status, answer.code()),
                (401, "invalid_token"),
                "{dialect:?}: {}",
                answer.text
            );
            assert!(answer.challenge().contains("error=\"invalid_token\""), "{}", answer.challenge());
            // Azure's own words come with the answer to its challenge; after that the broker knows without asking.
            if call == 0 {
                assert!(answer.challenge().contains("claims=\""), "{dialect:?}: {}", answer.challenge());
                assert!(answer.document["claims"]["access_token"]["nbf"].is_object(), "{}", answer.text);
            }
        }
        // bob was not revoked, and alice signs in again.
        assert_eq!(list(&stack, &stack.token("bob")).await.status, 200);
        let after = stack.mint(&TokenSpec::for_person("alice").with_cp1());
        assert_eq!(list(&stack, &after).await.status, 200, "{dialect:?}");
    }
}

#[tokio::test]
async fn hostile_claims_and_headers_of_azure_reach_no_header_of_ours() {
    let stack = Stack::start().await;
    let long = "A".repeat(64 * 1024);
    let hostile = [
        "Bearer claims=\"not base64 !!\"".to_owned(),
        format!("Bearer error=\"insufficient_claims\", claims=\"{long}\""),
        "Bearer claims=\"W10=\"".to_owned(),
        "Bearer claims=\"eyJhIjoxfQ==\", claims=\"eyJhIjoyfQ==\"".to_owned(),
        "Bearer claims=\"eyJhY2Nlc3NfdG9rZW4iOnsieCI6IlxyXG5TZXQtQ29va2llOiBhPWJcIiJ9fQ==\"".to_owned(),
        "Bearer realm=\"\\\"\\\\\", claims=".to_owned(),
    ];
    for header in hostile {
        stack.emulator.faults().update(|faults| {
            faults.arm_challenge =
                Some(ArmChallenge { header: Some(header.clone()), times: None, ..ArmChallenge::default() });
        });
        let answer = list(&stack, &stack.token("alice")).await;
        assert!(matches!(answer.status, 200 | 401 | 403), "{header:.80}: {} {}", answer.status, answer.text);
        if answer.status == 200 {
            assert!(answer.is_tool_error(), "{header:.80}");
        }
        assert!(!answer.headers.contains_key("set-cookie"));
        assert!(answer.challenge().len() < 16 * 1024);
        assert!(!answer.challenge().contains(['\r', '\n']));
    }
    assert!(!stack.logs().contains("Set-Cookie: a=b"), "nor does the log");
}

#[tokio::test]
async fn a_policy_that_blocks_is_final_and_entra_is_not_asked_again() {
    let stack = Stack::start().await;
    let blocked = Policy { control: Control::Block, ..stack.emulator.policies().remove(0) };
    stack.emulator.set_policies(vec![blocked]);
    let token = stack.token("dave");
    for _ in 0..5 {
        let answer = list(&stack, &token).await;
        assert_eq!((answer.status, answer.code()), (403, "blocked_by_policy"), "{}", answer.text);
        assert!(answer.challenge().is_empty(), "a sign-in cannot help: {}", answer.challenge());
    }
    let asked = stack.emulator.counts().token_requests["on_behalf_of"];
    assert_eq!(asked, 1);
}

/// What no sign-in cures is told with who mends it and where it is found, and no client is sent to sign in for it.
#[tokio::test]
async fn what_no_sign_in_cures_says_who_mends_it_and_where_it_is_found() {
    let stack = Stack::start().await;
    for (number, words) in [
        (500_212, "an administrator of your home directory"),
        (500_213, "an administrator of this server's directory"),
        (500_341, "does not exist in this organisation's directory"),
        (50_053, "wait some minutes"),
        (53_001, "use such a device"),
        (53_003, "the address that this server itself speaks from"),
    ] {
        let refusal = Control::Refusal { number };
        let policies = stack.emulator.policies().into_iter();
        stack
            .emulator
            .set_policies(policies.map(|policy| Policy { control: refusal.clone(), ..policy }).collect());
        let token = stack.token("dave");
        let answer = list(&stack, &token).await;
        assert_eq!((answer.status, answer.code()), (403, "blocked_by_policy"), "{number}: {}", answer.text);
        assert!(answer.challenge().is_empty(), "{number}: {}", answer.challenge());
        let detail = answer.document["detail"].as_str().unwrap();
        assert!(detail.contains(words), "{number}: {detail}");
        let id = answer.document["correlation_id"].as_str().unwrap();
        assert!(uuid::Uuid::parse_str(id).is_ok() && detail.contains(id), "{number}: {detail}");
        // The remembered answer has the same to say.
        assert_eq!(list(&stack, &token).await.document["correlation_id"], id);
    }
}

#[tokio::test]
async fn a_sign_in_that_is_too_old_asks_for_one_that_is_not_silent() {
    let stack = Stack::start().await;
    let policies = stack.emulator.policies().into_iter();
    let too_old = Control::Refusal { number: 70_043 };
    stack
        .emulator
        .set_policies(policies.map(|policy| Policy { control: too_old.clone(), ..policy }).collect());
    let answer = list(&stack, &stack.token("dave")).await;
    assert_eq!(
        (answer.status, &answer.document["reason"]),
        (401, &"sign_in_frequency".into()),
        "{}",
        answer.text
    );
    assert!(answer.challenge().contains("a silent sign-in will not do"), "{}", answer.challenge());
}

#[tokio::test]
async fn failures_are_remembered_for_the_assertion_that_failed_and_for_no_other() {
    let stack = Stack::builder().emulator(|config| config.record_secrets = true).start().await;
    stack.emulator.faults().update(|faults| faults.loop_detection_after = Some(3));
    let token = stack.token("dave");
    for _ in 0..30 {
        assert_eq!(list(&stack, &token).await.code(), "claims_challenge");
    }
    let errors = stack.emulator.counts().token_errors;
    assert!(!errors.contains_key(&50196), "{errors:?}");
    let satisfied = stack.mint(&TokenSpec::for_person("dave").after_mfa());
    assert_eq!(list(&stack, &satisfied).await.status, 200);
}

#[tokio::test]
async fn the_older_way_of_asking_for_interaction_is_understood() {
    let stack = Stack::start().await;
    let documented =
        stack.emulator.policies().into_iter().map(|policy| Policy { documented_error: true, ..policy });
    stack.emulator.set_policies(documented.collect());
    let answer = list(&stack, &stack.token("dave")).await;
    assert_eq!((answer.status, answer.code()), (403, "claims_challenge"), "{}", answer.text);
}

#[tokio::test]
async fn claims_can_be_sent_with_401_for_clients_built_on_msal() {
    let stack = Stack::builder().gateway(&["--claims-status=401"]).start().await;
    let answer = list(&stack, &stack.token("dave")).await;
    assert_eq!((answer.status, answer.code()), (401, "claims_challenge"), "{}", answer.text);
    assert!(answer.challenge().contains("error=\"insufficient_claims\""));
}

#[tokio::test]
async fn a_person_who_asks_too_often_is_told_when_to_come_back() {
    let stack = Stack::builder().calls_per_minute(3).start().await;
    let token = stack.token("alice");
    for _ in 0..3 {
        assert_eq!(list(&stack, &token).await.status, 200);
    }
    let refused = list(&stack, &token).await;
    assert_eq!((refused.status, refused.code()), (429, "rate_limited"), "{}", refused.text);
    assert!(refused.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() <= 20);
    assert!(matches!(refused.document["retry_after_seconds"], Value::Number(_)));
    assert_eq!(list(&stack, &stack.token("bob")).await.status, 200, "bob's limit is his own");
    let listed = stack.caller.request(Some(&token), "tools/list", json!({})).await;
    assert_eq!(listed.status, 429, "every request counts");
}
