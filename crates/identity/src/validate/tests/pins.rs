//! Each rule taken away alone, with the attack that then succeeds: no rule is there for show, none hides another.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::super::{Evidence, RULES};
use super::support::{API, Authority, TENANT, TestKey, claims, token};
use crate::keys::{SigningKey, Snapshot};
use crate::proved::ProvedTokens;
use crate::unverified::UnverifiedToken;
use crate::{BearerToken, LEEWAY, ValidatorConfig};

/// The rule, and a token that breaks this rule and no other.
type Attack = (&'static str, fn(&Authority) -> (BearerToken, SigningKey));

const ATTACKS: &[Attack] = &[
    ("signature", |authority| {
        let forger = TestKey::generate("key-1");
        (token(&forger, &claims(authority)), authority.key.signing_key(None))
    }),
    ("issuer", |authority| attack(authority, "iss", &json!("https://evil.example/v2.0"))),
    ("issuer of the key", |authority| {
        let personal_accounts = authority.issuer_of("9188040d-6c67-4c5b-b112-36a304b66dad");
        (token(&authority.key, &claims(authority)), authority.key.signing_key(Some(personal_accounts)))
    }),
    ("audience", |authority| attack(authority, "aud", &json!("https://management.azure.com"))),
    ("tenant", |authority| attack(authority, "tid", &json!("99999999-0000-4000-8000-000000000000"))),
    ("not before", |authority| {
        let later = authority.now() + LEEWAY + SignedDuration::from_secs(1);
        attack(authority, "nbf", &json!(later.as_second()))
    }),
    ("expiry", |authority| {
        let earlier = authority.now() - LEEWAY;
        attack(authority, "exp", &json!(earlier.as_second()))
    }),
];

fn attack(authority: &Authority, claim: &str, value: &Value) -> (BearerToken, SigningKey) {
    let mut claims = claims(authority);
    claims[claim] = value.clone();
    (token(&authority.key, &claims), authority.key.signing_key(None))
}

#[tokio::test]
async fn every_rule_has_its_attack() {
    let ruled: Vec<_> = RULES.iter().map(|(name, _)| *name).collect();
    let attacked: Vec<_> = ATTACKS.iter().map(|(name, _)| *name).collect();
    assert_eq!(ruled, attacked);
}

#[tokio::test]
async fn a_rule_alone_stops_its_attack() {
    let authority = Authority::start().await;
    let config = ValidatorConfig {
        tenant: TENANT.parse().unwrap(),
        audiences: vec![API.to_owned()],
        accept_v1: false,
    };
    let metadata = Snapshot {
        issuer: authority.issuer_of("{tenantid}"),
        keys: std::collections::HashMap::new(),
        fetched_at: authority.now(),
        proved: ProvedTokens::default(),
    };
    for (name, attack) in ATTACKS {
        let (token, key) = attack(&authority);
        let unverified = UnverifiedToken::parse(&token).unwrap();
        let evidence = Evidence {
            token: &unverified,
            claims: &unverified.claims().unwrap(),
            key: &key,
            metadata: &metadata,
            config: &config,
            now: authority.now(),
        };
        let others: Vec<_> = RULES.iter().filter(|(rule, _)| rule != name).copied().collect();
        assert!(evidence.pass(RULES).is_err(), "{name}");
        assert_eq!(evidence.pass(&others), Ok(()), "without `{name}` the attack succeeds");
    }
}
