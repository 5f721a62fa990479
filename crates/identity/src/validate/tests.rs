//! One test per rule, each with a token that is right in every other respect.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as B64;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;

use self::support::{Authority, TENANT, TestKey, claims, token, without};
use crate::error::{Reason, ValidationError};
use crate::token::BearerToken;
use crate::validate::LEEWAY;

mod explained;
mod pins;
mod proved;
mod ready;
mod rollover;
mod support;
mod unsigned;

#[tokio::test]
async fn a_right_token_tells_who_is_calling() {
    let authority = Authority::start().await;
    let mut claims = claims(&authority);
    claims["roles"] = json!(["Cost.Exporter"]);
    claims["acrs"] = json!("c1");
    claims["xms_cc"] = json!(["CP1"]);
    let principal = authority.validator().validate(&token(&authority.key, &claims)).await.unwrap();
    assert_eq!(principal.tenant().to_string(), TENANT);
    assert_eq!(principal.oid().to_string(), "00000000-0000-4000-8000-00000000a11c");
    assert_eq!(principal.client().to_string(), "22223333-cccc-4444-dddd-5555eeee6666");
    assert!(principal.scopes().contains("cost.read") && !principal.is_app_only());
    assert!(principal.roles().contains("Cost.Exporter"));
    assert_eq!(principal.acrs(), ["c1"]);
    assert_eq!(principal.capabilities(), ["CP1"]);
    assert_eq!(principal.token_id(), Some("uti-1"));
}

#[tokio::test]
async fn each_wrong_claim_is_named() {
    let authority = Authority::start().await;
    let now = authority.now().as_second();
    let other = "99999999-0000-4000-8000-000000000000";
    let cases = [
        ("aud", json!(other), Reason::WrongAudience),
        ("aud", json!([support::API]), Reason::SeveralAudiences),
        ("aud", json!(7), Reason::Malformed),
        ("iss", json!(authority.issuer_of(other)), Reason::WrongIssuer),
        ("iss", json!("https://evil.example/v2.0"), Reason::WrongIssuer),
        ("tid", json!(other), Reason::WrongTenant),
        ("tid", json!("contoso.com"), Reason::Malformed),
        ("exp", json!(now - LEEWAY.as_secs()), Reason::Expired),
        ("exp", json!("9999999999"), Reason::Malformed),
        ("exp", json!(f64::MAX), Reason::Malformed),
        ("nbf", json!(now + LEEWAY.as_secs() + 1), Reason::NotYetValid),
        ("oid", json!({"a": {"b": []}}), Reason::Malformed),
        ("scp", json!(["cost.read"]), Reason::Malformed),
        ("roles", json!([["Cost.Exporter"]]), Reason::Malformed),
        ("ver", json!("1.0"), Reason::UnsupportedVersion),
        ("ver", json!("3.0"), Reason::UnsupportedVersion),
        ("idtyp", json!("device"), Reason::NotAnAccessToken),
    ];
    for (name, value, reason) in cases {
        let mut claims = claims(&authority);
        claims[name] = value.clone();
        assert_eq!(authority.refusal(&token(&authority.key, &claims)).await, reason, "{name} = {value}");
    }
}

#[tokio::test]
async fn each_missing_claim_is_noticed() {
    let authority = Authority::start().await;
    for (name, reason) in [
        ("aud", Reason::MissingClaim),
        ("iss", Reason::MissingClaim),
        ("tid", Reason::MissingClaim),
        ("exp", Reason::MissingClaim),
        ("nbf", Reason::MissingClaim),
        ("oid", Reason::MissingClaim),
        ("ver", Reason::UnsupportedVersion),
        ("azp", Reason::NotAnAccessToken),
        ("scp", Reason::NotAnAccessToken),
    ] {
        let claims = without(claims(&authority), name);
        assert_eq!(authority.refusal(&token(&authority.key, &claims)).await, reason, "{name}");
    }
}

#[tokio::test]
async fn the_leeway_is_the_same_on_both_ends() {
    let authority = Authority::start().await;
    let now = authority.now().as_second();
    for (name, value) in [("exp", now - LEEWAY.as_secs() + 1), ("nbf", now + LEEWAY.as_secs())] {
        let mut claims = claims(&authority);
        claims[name] = json!(value);
        assert!(authority.validator().validate(&token(&authority.key, &claims)).await.is_ok(), "{name}");
    }
}

#[tokio::test]
async fn an_application_is_told_from_a_user() {
    let authority = Authority::start().await;
    let app = without(claims(&authority), "scp");
    for (name, value) in [("idtyp", json!("app")), ("roles", json!(["Cost.Exporter"]))] {
        let mut claims = app.clone();
        claims[name] = value;
        let principal = authority.validator().validate(&token(&authority.key, &claims)).await.unwrap();
        assert!(principal.is_app_only(), "{name}");
    }
    let mut odd = claims(&authority);
    odd["idtyp"] = json!("app");
    assert!(authority.validator().validate(&token(&authority.key, &odd)).await.unwrap().is_app_only());
}

#[tokio::test]
async fn a_signature_by_another_key_under_a_known_id_is_refused() {
    let authority = Authority::start().await;
    let forger = TestKey::generate(&authority.key.kid);
    assert_eq!(authority.refusal(&token(&forger, &claims(&authority))).await, Reason::BadSignature);
}

#[tokio::test]
async fn changed_claims_break_the_signature() {
    let authority = Authority::start().await;
    let good = token(&authority.key, &claims(&authority));
    let mut parts: Vec<_> = good.expose().split('.').map(str::to_owned).collect();
    let mut mallory = claims(&authority);
    mallory["oid"] = json!("00000000-0000-4000-8000-0000000000ff");
    parts[1] = B64.encode(mallory.to_string());
    let forged = BearerToken::parse(parts.join(".")).unwrap();
    assert_eq!(authority.refusal(&forged).await, Reason::BadSignature);
}

#[tokio::test]
async fn algorithms_off_the_list_are_refused_before_any_signature_work() {
    let authority = Authority::start().await;
    let claims = claims(&authority);
    let mut hs256 = Header::new(Algorithm::HS256);
    hs256.kid = Some(authority.key.kid.clone());
    // The classic confusion: the public key, which everyone has, as an HMAC secret.
    let secret = EncodingKey::from_secret(authority.key.modulus.as_bytes());
    let confused = jsonwebtoken::encode(&hs256, &claims, &secret).unwrap();
    let unsigned = |alg: &str| {
        let header = json!({"alg": alg, "kid": authority.key.kid, "typ": "JWT"}).to_string();
        format!("{}.{}.", B64.encode(header), B64.encode(claims.to_string()))
    };
    for text in [confused, unsigned("none"), unsigned("NONE"), unsigned("RS512"), unsigned("PS256")] {
        let token = BearerToken::parse(text).unwrap();
        assert_eq!(authority.refusal(&token).await, Reason::UnsupportedAlgorithm);
    }
    assert_eq!(authority.fetches().await, 0, "no key is looked up for such a token");
}

#[tokio::test]
async fn headers_that_choose_the_key_are_refused() {
    let authority = Authority::start().await;
    for name in ["jku", "x5u", "jwk", "x5c", "crit", "b64", "zip", "enc"] {
        let header = json!({"alg": "RS256", "kid": authority.key.kid, name: "https://evil.example/keys"});
        let token = authority.key.sign_raw(&header.to_string(), &claims(&authority).to_string());
        assert_eq!(authority.refusal(&token).await, Reason::ForbiddenHeader, "{name}");
    }
}

#[tokio::test]
async fn a_key_id_that_is_a_path_or_missing_finds_nothing() {
    let authority = Authority::start().await;
    for kid in [json!("../../etc/passwd"), json!("' OR 1=1"), json!(""), json!(7), json!(null)] {
        let header = json!({"alg": "RS256", "kid": kid});
        let token = authority.key.sign_raw(&header.to_string(), &claims(&authority).to_string());
        assert_eq!(authority.refusal(&token).await, Reason::UnknownKey, "{kid}");
    }
}

#[tokio::test]
async fn names_that_stand_twice_are_refused() {
    let authority = Authority::start().await;
    let (kid, claims) = (&authority.key.kid, claims(&authority).to_string());
    let header = format!(r#"{{"alg":"RS256","kid":"{kid}"}}"#);
    let twice_header = format!(r#"{{"alg":"none","alg":"RS256","kid":"{kid}"}}"#);
    let twice_claims = format!(r#"{{"oid":"x",{}"#, &claims[1..]);
    for (header, claims) in [(&twice_header, &claims), (&header, &twice_claims)] {
        let token = authority.key.sign_raw(header, claims);
        assert_eq!(authority.refusal(&token).await, Reason::Malformed);
    }
}

#[test]
fn what_is_no_token_is_refused_at_the_door() {
    for text in ["", " ", "a b", "a\r\nb", "é.é.é", "a=.b.c"] {
        assert_eq!(BearerToken::parse(text).unwrap_err().reason(), Reason::Malformed, "{text:?}");
    }
    assert_eq!(BearerToken::parse("a".repeat(100_000)).unwrap_err().reason(), Reason::TooLarge);
}

#[tokio::test]
async fn nested_garbage_is_refused() {
    let authority = Authority::start().await;
    let deep = "[".repeat(1_000);
    for text in ["a", "a.b", "a.b.c", "..", "a.b.c.d", "a.b.c.d.e", &format!("{}.e30.x", B64.encode(&deep))] {
        assert_eq!(
            authority.refusal(&BearerToken::parse(text).unwrap()).await,
            Reason::Malformed,
            "{text:.20}"
        );
    }
}

#[tokio::test]
async fn a_key_limited_to_another_issuer_does_not_vouch_for_ours() {
    let authority = Authority::start().await;
    let token = token(&authority.key, &claims(&authority));
    let consumers = authority.issuer_of("9188040d-6c67-4c5b-b112-36a304b66dad");
    let refusal = authority.validator_with_key_of(&consumers).await.validate(&token).await.unwrap_err();
    assert_eq!(refusal, ValidationError::Invalid(Reason::WrongIssuer.into()));
    let any_tenant = authority.issuer_of("{tenantid}");
    assert!(authority.validator_with_key_of(&any_tenant).await.validate(&token).await.is_ok());
}

#[tokio::test]
async fn version_1_is_off_unless_configured() {
    let authority = Authority::start().await;
    let mut v1 = without(claims(&authority), "azp");
    v1["ver"] = json!("1.0");
    v1["appid"] = json!("22223333-cccc-4444-dddd-5555eeee6666");
    v1["iss"] = json!(support::V1_ISSUER);
    let token = token(&authority.key, &v1);
    assert_eq!(authority.refusal(&token).await, Reason::UnsupportedVersion);
    assert!(authority.validator_accepting_v1().validate(&token).await.is_ok());
}

/// The two commonest wrong tokens: one for Azure or Graph, whose version is theirs to choose, and one of this API whose
/// registration was left as it came, under each name that it can be asked for by.
#[tokio::test]
async fn a_version_that_is_not_accepted_is_to_blame_for_this_apis_tokens_alone() {
    let authority = Authority::start().await;
    let own = format!("api://{}", support::API);
    for (audience, reason) in [
        (json!("https://management.core.windows.net/"), Reason::WrongAudience),
        (json!("00000003-0000-0000-c000-000000000000"), Reason::WrongAudience),
        (json!("api://99999999-0000-4000-8000-000000000000"), Reason::WrongAudience),
        (json!(support::API), Reason::UnsupportedVersion),
        (json!(own), Reason::UnsupportedVersion),
        (json!(format!("{own}/")), Reason::UnsupportedVersion),
        (json!(support::OWN_URI), Reason::UnsupportedVersion),
        (json!(format!("{}/", support::OWN_URI)), Reason::UnsupportedVersion),
        (json!([support::API]), Reason::SeveralAudiences),
    ] {
        let mut v1 = without(claims(&authority), "azp");
        v1["ver"] = json!("1.0");
        v1["appid"] = json!("22223333-cccc-4444-dddd-5555eeee6666");
        v1["iss"] = json!(support::V1_ISSUER);
        v1["aud"] = audience.clone();
        let token = token(&authority.key, &v1);
        assert_eq!(authority.refusal(&token).await, reason, "{audience}");
        // Where the version is accepted, a name of this API that is not an accepted audience is a matter of the version too.
        let accepting = authority.validator_accepting_v1().validate(&token).await;
        let accepted = audience == support::API;
        assert_eq!(
            accepting.err(),
            (!accepted).then(|| ValidationError::Invalid(reason.into())),
            "{audience}"
        );
    }
}

#[tokio::test]
async fn without_keys_nothing_is_said_of_the_token() {
    let authority = Authority::start().await;
    authority.go_down().await;
    let token = token(&authority.key, &claims(&authority));
    let outcome = authority.validator().validate(&token).await;
    assert_eq!(outcome.unwrap_err(), ValidationError::KeysUnavailable);
}

#[test]
fn debug_shows_nothing_of_a_token() {
    let token = BearerToken::parse("eyJhbGciOi.eyJvaWQi.c2ln").unwrap();
    assert_eq!(format!("{token:?}"), "BearerToken(redacted)");
}
