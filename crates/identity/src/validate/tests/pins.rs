//! Each rule taken away alone, with the attack that then succeeds: no rule is there for show, none hides another.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::super::{Evidence, RULES};
use super::support::{API, Authority, TENANT, TestKey, claims, token};
use crate::claims::Claims;
use crate::error::Reason;
use crate::keys::{SigningKey, Snapshot};
use crate::proved::ProvedTokens;
use crate::token::BearerToken;
use crate::unverified::{Parts, UnverifiedToken};
use crate::validate::{LEEWAY, ValidatorConfig};

/// The rule, and a token that breaks this rule and no other.
type Attack = (&'static str, fn(&Authority) -> (BearerToken, SigningKey));

const ATTACKS: &[Attack] = &[
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

fn config() -> ValidatorConfig {
    ValidatorConfig {
        tenant: TENANT.parse().unwrap(),
        audiences: vec![API.to_owned()],
        identifier_uris: Vec::new(),
        accept_v1: false,
    }
}

fn metadata(authority: &Authority) -> Snapshot {
    Snapshot {
        issuer: authority.issuer_of("{tenantid}"),
        keys: std::collections::HashMap::new(),
        fetched_at: authority.now(),
        proved: ProvedTokens::default(),
    }
}

#[tokio::test]
async fn a_rule_alone_stops_its_attack() {
    let authority = Authority::start().await;
    let (config, metadata) = (config(), metadata(&authority));
    for (name, attack) in ATTACKS {
        let (token, key) = attack(&authority);
        let claims = UnverifiedToken::parse(&token).unwrap().signed_claims(&key).unwrap();
        let claims = &Claims::read(&claims).unwrap();
        let evidence =
            Evidence { claims, key: &key, metadata: &metadata, config: &config, now: authority.now() };
        let others: Vec<_> = RULES.iter().filter(|(rule, _)| rule != name).copied().collect();
        assert!(evidence.pass(RULES).is_err(), "{name}");
        assert_eq!(evidence.pass(&others), Ok(()), "without `{name}` the attack succeeds");
    }
}

/// The first pin is not an entry of the table: without it there are no claims to apply the table to.
#[tokio::test]
async fn the_signature_alone_stops_a_forger() {
    let authority = Authority::start().await;
    let (config, metadata, key) = (config(), metadata(&authority), authority.key.signing_key(None));
    let forged = token(&TestKey::generate("key-1"), &claims(&authority));
    let refusal = UnverifiedToken::parse(&forged).unwrap().signed_claims(&key).unwrap_err();
    assert_eq!(refusal.reason(), Reason::BadSignature);
    let claims = &Claims::read(&Parts::split(&forged).unwrap().claims().unwrap()).unwrap();
    let evidence = Evidence { claims, key: &key, metadata: &metadata, config: &config, now: authority.now() };
    assert_eq!(evidence.pass(RULES), Ok(()), "all else is right");
}
