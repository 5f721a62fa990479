//! The on-behalf-of exchange: what Entra checks of client, assertion, consent and policy.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use emulator::{API_CLIENT_ID, Control, EndpointFault, Policy, TokenKind, TokenSpec};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::harness::{JWT_BEARER, Stand, claims};

fn code(body: &Value) -> i64 {
    body["error_codes"][0].as_i64().unwrap_or_else(|| panic!("{body}"))
}

#[tokio::test]
async fn the_exchange_gives_a_v1_token_of_the_person_for_arm() {
    let stand = Stand::start().await;
    let (status, body) = stand.exchange(&stand.mint(&TokenSpec::for_person("alice")), &[]).await;
    assert_eq!(status, 200, "{body}");
    let token = claims(body["access_token"].as_str().unwrap());
    assert_eq!((&token["ver"], &token["aud"]), (&json!("1.0"), &json!("https://management.azure.com")));
    assert_eq!(token["scp"], "user_impersonation");
    assert_eq!((&token["appid"], &token["appidacr"]), (&json!(API_CLIENT_ID), &json!("2")));
    assert_eq!(token["oid"], stand.emulator.oid("alice").unwrap());
    let lifetime = body["expires_in"].as_i64().unwrap();
    assert!(
        (3_600..5_400).contains(&lifetime)
            && body.get("refresh_in").is_none()
            && body.get("refresh_token").is_none()
    );
    let counts = stand.emulator.counts();
    assert_eq!((counts.exchanges, counts.token_requests["on_behalf_of"]), (1, 1));
    assert_eq!(counts.exchanges_by_person["alice"].values().sum::<u64>(), 1);
}

#[tokio::test]
async fn the_resource_may_be_spelled_in_any_known_way() {
    let stand = Stand::start().await;
    let assertion = stand.mint(&TokenSpec::for_person("bob"));
    let own = format!("{}/user_impersonation", stand.emulator.endpoints().arm);
    let double = "https://management.azure.com//.default";
    for (scope, audience) in [
        ("https://management.azure.com/user_impersonation", "https://management.azure.com"),
        (double, "https://management.azure.com/"),
        ("https://management.core.windows.net//.default", "https://management.core.windows.net/"),
        (own.as_str(), stand.emulator.endpoints().arm.as_str()),
    ] {
        let (status, body) = stand.exchange(&assertion, &[("scope", scope)]).await;
        assert_eq!(status, 200, "{scope}: {body}");
        let token = body["access_token"].as_str().unwrap();
        assert_eq!(claims(token)["aud"], audience);
        let answer = stand.arm_get(token, "/subscriptions?api-version=2022-12-01").await;
        assert_eq!(answer.status(), 200, "{scope}");
    }
}

#[tokio::test]
async fn assertions_entra_refuses_are_refused_with_its_codes() {
    let stand = Stand::start().await;
    let alice = || TokenSpec::for_person("alice");
    let authority = stand.emulator.endpoints().authority.clone();
    for (spec, expected) in [
        (alice().audience("api://other"), 500_131),
        (alice().kind(TokenKind::Arm), 500_131),
        (alice().kind(TokenKind::Id), 500_131),
        (alice().kind(TokenKind::Id).audience(API_CLIENT_ID), 240_002),
        (alice().expired(), 500_133),
        (alice().not_yet_valid(), 500_133),
        (TokenSpec::app_only(), 7_000_114),
        (alice().other_tenant(&authority, "99998888-7777-6666-5555-444433332222"), 50_013),
        (alice().signed_by(emulator::SignedBy::Forged), 50_013),
        (alice().signed_by(emulator::SignedBy::Nobody), 50_013),
        (alice().without("oid"), 50_034),
    ] {
        let (status, body) = stand.exchange(&stand.mint(&spec), &[]).await;
        assert_eq!((status, code(&body)), (400, expected), "{spec:?}");
    }
    let (_, body) = stand.exchange(&stand.mint(&alice()), &[("requested_token_use", "")]).await;
    assert_eq!(code(&body), 900_144);
    let two = "https://management.azure.com/.default https://graph.microsoft.com/.default";
    let (_, body) = stand.exchange(&stand.mint(&alice()), &[("scope", two)]).await;
    assert_eq!(code(&body), 28_000);
}

#[tokio::test]
async fn client_assertions_are_checked() {
    let stand = Stand::start().await;
    let now = stand.now();
    let header = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": stand.thumbprint()});
    let good = json!({"aud": stand.entra("oauth2/v2.0/token"), "iss": API_CLIENT_ID, "sub": API_CLIENT_ID,
                      "exp": now + 600});
    let with = |name: &str, value: Value| {
        let mut changed = good.clone();
        changed[name] = value;
        changed
    };
    let ps = Algorithm::PS256;
    let mut other = stand.sign(&header, &good, ps);
    other.replace_range(other.len() - 12..other.len() - 8, "AAAA");
    let sha1 = URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(
        &aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY,
        &stand.certificate(),
    ));
    let old = json!({"alg": "RS256", "typ": "JWT", "x5t": sha1, "x5c": "a string"});
    for (assertion, expected) in [
        (stand.sign(&header, &good, ps), None),
        (stand.sign(&old, &good, Algorithm::RS256), None),
        (stand.sign(&header, &with("exp", (now + 600).to_string().into()), ps), None),
        (stand.sign(&header, &with("nbf", (now + 60).into()), ps), None),
        (stand.sign(&header, &with("aud", stand.entra("v2.0").into()), ps), None),
        (stand.sign(&json!({"alg": "PS256", "x5t#S256": "AAAA"}), &good, ps), Some(700_027)),
        (other, Some(700_027)),
        (stand.sign(&header, &with("exp", (now - 900).into()), ps), Some(700_024)),
        (stand.sign(&header, &with("aud", "https://login.microsoftonline.com/x".into()), ps), Some(700_023)),
        (stand.sign(&header, &with("sub", "someone".into()), ps), Some(50_048)),
        ("nonsense".to_owned(), Some(50_027)),
    ] {
        let token = stand.mint(&TokenSpec::for_person("alice"));
        let (status, body) = stand.exchange(&token, &[("client_assertion", &assertion)]).await;
        match expected {
            None => assert_eq!(status, 200, "{body}"),
            Some(expected) => {
                assert_eq!(
                    (status, code(&body), &body["error"]),
                    (401, expected, &"invalid_client".into()),
                    "{body}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_managed_identity_replaces_the_certificate() {
    let stand = Stand::start().await;
    let identity = || TokenSpec::default().kind(TokenKind::ManagedIdentity);
    for (spec, expected) in [
        (identity(), None),
        (identity().claim("sub", "someone"), Some(700_213)),
        (identity().audience("api://other"), Some(700_212)),
        (identity().lifetime(-3_600), Some(700_024)),
        (TokenSpec::for_person("alice"), Some(700_229)),
    ] {
        let assertion = stand.mint(&TokenSpec::for_person("alice"));
        let (status, body) = stand.exchange(&assertion, &[("client_assertion", &stand.mint(&spec))]).await;
        match expected {
            None => assert_eq!(status, 200, "{body}"),
            Some(expected) => assert_eq!((status, code(&body)), (401, expected), "{spec:?}"),
        }
    }
}

#[tokio::test]
async fn a_client_without_credential_is_told_so() {
    let stand = Stand::start().await;
    let token = stand.mint(&TokenSpec::for_person("alice"));
    let form = [("grant_type", JWT_BEARER), ("client_id", API_CLIENT_ID), ("assertion", token.as_str())];
    let (status, body) = stand.token(&form).await;
    assert_eq!((status, code(&body)), (401, 7_000_218));
    let (status, body) = stand.token(&[("grant_type", JWT_BEARER), ("client_id", "nobody")]).await;
    assert_eq!((status, code(&body), &body["error"]), (400, 700_016, &"unauthorized_client".into()));
}

#[tokio::test]
async fn certificates_rotate() {
    let stand = Stand::start().await;
    let old = stand.emulator.app_credential_pem().to_owned();
    let new = stand.emulator.add_app_credential().unwrap();
    assert_ne!(old, new);
    let token = stand.mint(&TokenSpec::for_person("alice"));
    assert_eq!(stand.exchange(&token, &[]).await.0, 200);
    stand.emulator.remove_app_credential(&old).unwrap();
    let (status, body) = stand.exchange(&token, &[]).await;
    assert_eq!((status, code(&body)), (401, 700_027));
    assert!(body["error_description"].as_str().unwrap().contains("[Reason - The key was not found."));
}

#[tokio::test]
async fn missing_consent_names_the_application() {
    let stand = Stand::start().await;
    stand.emulator.set_arm_consent(false);
    let token = stand.mint(&TokenSpec::for_person("alice"));
    let (status, body) =
        stand.exchange(&token, &[("client-request-id", "3e0f5d8a-0000-4000-8000-000000000001")]).await;
    assert_eq!((status, code(&body)), (400, 65_001));
    assert_eq!((&body["error"], &body["suberror"]), (&"invalid_grant".into(), &"consent_required".into()));
    assert_eq!(body["correlation_id"], "3e0f5d8a-0000-4000-8000-000000000001");
    assert!(body["error_description"].as_str().unwrap().contains(API_CLIENT_ID));
    stand.emulator.set_arm_consent(true);
    assert_eq!(stand.exchange(&token, &[]).await.0, 200);
}

#[tokio::test]
async fn dave_is_challenged_until_he_proved_more() {
    let stand = Stand::start().await;
    let dave = || TokenSpec::for_person("dave");
    let (status, body) = stand.exchange(&stand.mint(&dave()), &[]).await;
    assert_eq!((status, code(&body)), (400, 50_076));
    assert_eq!((&body["error"], &body["suberror"]), (&"invalid_grant".into(), &"basic_action".into()));
    let claims: Value = serde_json::from_str(body["claims"].as_str().unwrap()).unwrap();
    assert!(claims["access_token"]["polids"]["values"][0].is_string());
    assert_eq!(stand.exchange(&stand.mint(&dave().after_mfa()), &[]).await.0, 200);

    let policy = |control| Policy {
        id: "1".into(),
        resource: emulator::ARM_APP_ID.into(),
        people: vec![],
        control,
        documented_error: true,
    };
    stand.emulator.set_policies(vec![policy(Control::AuthContext { id: "c1".into() })]);
    let (_, body) = stand.exchange(&stand.mint(&dave()), &[]).await;
    assert_eq!((&body["error"], code(&body)), (&"interaction_required".into(), 50_076));
    assert_eq!(stand.exchange(&stand.mint(&dave().with_auth_context("c1")), &[]).await.0, 200);

    stand.emulator.set_policies(vec![policy(Control::Block)]);
    let (_, body) = stand.exchange(&stand.mint(&dave().after_mfa()), &[]).await;
    assert_eq!((code(&body), body.get("claims")), (53_003, None));
}

#[tokio::test]
async fn a_revoked_session_ends_assertions_of_before() {
    let stand = Stand::start().await;
    let before = stand.mint(&TokenSpec::for_person("alice"));
    stand.emulator.revoke_sessions("alice").unwrap();
    let (status, body) = stand.exchange(&before, &[]).await;
    assert_eq!((status, code(&body)), (400, 50_173));
    let after = stand.mint(&TokenSpec::for_person("alice"));
    assert_eq!(stand.exchange(&after, &[]).await.0, 200, "even in the same second");
}

#[tokio::test]
async fn outages_throttling_and_loops_are_worded_as_live() {
    let stand = Stand::start().await;
    let token = stand.mint(&TokenSpec::for_person("dave"));
    stand.emulator.faults().update(|faults| faults.token_endpoint = EndpointFault::throttled(9, 1));
    let form = [("grant_type", "refresh_token"), ("client_id", emulator::PUBLIC_CLIENT_ID)];
    let response = stand.http.post(stand.entra("oauth2/v2.0/token")).form(&form).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (429, &"9".parse().unwrap())
    );

    stand.emulator.faults().update(|faults| faults.loop_detection_after = Some(2));
    let mut codes = Vec::new();
    for _ in 0..3 {
        codes.push(code(&stand.exchange(&token, &[]).await.1));
    }
    assert_eq!(codes, [50_076, 50_076, 50_196]);
}

#[tokio::test]
async fn the_daemon_gets_app_only_tokens_and_no_exchange() {
    let stand = Stand::start().await;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", emulator::DAEMON_CLIENT_ID),
        ("client_secret", emulator::DAEMON_CLIENT_SECRET),
        ("scope", "api://mcp-cost-server/.default"),
    ];
    let (status, body) = stand.token(&form).await;
    assert_eq!(status, 200, "{body}");
    let token = claims(body["access_token"].as_str().unwrap());
    assert_eq!(
        (&token["idtyp"], &token["azpacr"], &token["sub"]),
        (&"app".into(), &"1".into(), &token["oid"])
    );
    assert!(token.get("scp").is_none());
    assert_eq!(token["roles"][0], "Cost.Exporter");
    let wrong = form.map(|(name, value)| (name, if name == "client_secret" { "wrong" } else { value }));
    let (status, body) = stand.token(&wrong).await;
    assert_eq!((status, code(&body)), (401, 7_000_215));
    let basic = stand
        .http
        .post(stand.entra("oauth2/v2.0/token"))
        .basic_auth(emulator::DAEMON_CLIENT_ID, Some(emulator::DAEMON_CLIENT_SECRET))
        .form(&[("grant_type", "client_credentials"), ("scope", "api://mcp-cost-server/.default")]);
    assert_eq!(basic.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn every_credential_is_remembered_if_asked() {
    let stand = Stand::with(emulator::Config { record_secrets: true, ..Default::default() }).await;
    let minted = stand.mint(&TokenSpec::for_person("alice"));
    let arm = stand.arm_token("alice").await;
    let secrets = stand.emulator.issued_secrets();
    assert!(secrets.contains(&minted) && secrets.contains(&arm));
}
