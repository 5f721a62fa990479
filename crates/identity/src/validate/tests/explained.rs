//! An explanation says of every token what the validation says, and then the rest.

use serde_json::{Map, Value, json};

use super::super::RULES;
use super::support::{API, Authority, TENANT, TestKey, claims, token, without};
use crate::error::{Reason, ValidationError};
use crate::explain::{Explanation, Verdict};
use crate::token::BearerToken;
use crate::validate::{LEEWAY, Validator};

const OTHER: &str = "99999999-0000-4000-8000-000000000000";

/// Names and reasons of the pins that failed.
fn failed(explanation: &Explanation) -> Vec<(&'static str, Reason)> {
    let reason = |verdict| match verdict {
        Verdict::Failed(invalid) => Some(crate::InvalidToken::reason(&invalid)),
        Verdict::Passed | Verdict::Unknown(_) => None,
    };
    explanation.pins.iter().filter_map(|pin| Some((pin.name, reason(pin.verdict)?))).collect()
}

/// What must hold of every token: all pins passed if and only if it is accepted, and the first that failed is the
/// one that the refusal names.
async fn agreed(validator: &Validator, token: &BearerToken) -> Explanation {
    let explanation = validator.explain(token).await;
    let all_passed = explanation.pins.iter().all(|pin| pin.verdict == Verdict::Passed);
    let outcome = validator.validate(token).await;
    assert_eq!(all_passed, outcome.is_ok(), "{explanation:#?}");
    match &outcome {
        Ok(principal) => assert_eq!(explanation.outcome.as_ref().unwrap().oid(), principal.oid()),
        Err(ValidationError::Invalid(invalid)) => {
            assert_eq!(failed(&explanation)[0].1, invalid.reason(), "{explanation:#?}");
        }
        Err(_) => assert_eq!(failed(&explanation), []),
    }
    explanation
}

#[tokio::test]
async fn of_a_right_token_every_pin_passes_and_says_what_it_is() {
    let authority = Authority::start().await;
    let right = token(&authority.key, &claims(&authority));
    let explanation = agreed(authority.validator(), &right).await;
    let names: Vec<_> = explanation.pins.iter().map(|pin| pin.name).collect();
    let rules = RULES.iter().map(|(name, _)| *name);
    let first = ["form", "header", "key", "signature", "version", "claims"];
    let expected: Vec<_> = first.into_iter().chain(rules).chain(["kind"]).collect();
    assert_eq!(names, expected);
    assert!(explanation.pins.iter().all(|pin| !pin.expected.is_empty()), "{explanation:#?}");
    let audience = explanation.pins.iter().find(|pin| pin.name == "audience").unwrap();
    assert_eq!((audience.expected.as_str(), audience.found.as_str()), (API, API));
}

/// What a person reads, to the letter.
#[tokio::test]
async fn every_pin_says_what_would_hold_and_what_there_is() {
    let authority = Authority::start().await;
    let issuer = authority.issuer_of(TENANT);
    let limited = authority.validator_with_key_of(&authority.issuer_of("{tenantid}")).await;
    let explanation = agreed(&limited, &token(&authority.key, &claims(&authority))).await;
    let said: Vec<_> =
        explanation.pins.iter().map(|pin| (pin.name, pin.expected.as_str(), pin.found.as_str())).collect();
    let header =
        "alg RS256, typ JWT or at+jwt, a kid, and no parameter that names a key of the sender's choice";
    let expected = [
        (
            "form",
            "three parts of base64url; a short header, in JSON in which no name stands twice",
            "a JSON Web Token",
        ),
        ("header", header, "alg RS256, typ JWT, kid key-1"),
        ("key", "one of the 1 signing keys that the tenant publishes", "key-1"),
        ("signature", "a signature that verifies with the tenant's key key-1", ""),
        ("version", "2.0", "2.0"),
        ("claims", "iss, aud, tid, nbf, exp, each of its form", "all of them"),
        ("issuer", &issuer, &issuer),
        ("issuer of the key", &issuer, &issuer),
        ("audience", API, API),
        ("tenant", TENANT, TENANT),
        ("not before", "not after 2026-11-22T20:01:00Z", "2026-11-22T20:00:00Z"),
        ("expiry", "after 2026-11-22T19:59:00Z", "2026-11-22T21:00:00Z"),
        (
            "kind",
            "an access token: oid, azp or appid, and scp or roles",
            "oid 00000000-0000-4000-8000-00000000a11c, azp 22223333-cccc-4444-dddd-5555eeee6666, scp cost.read",
        ),
    ];
    assert_eq!(said, expected);
}

#[tokio::test]
async fn what_is_odd_about_a_token_is_shown() {
    let authority = Authority::start().await;
    let header = json!({"alg": "RS256", "kid": "another", "jku": "https://evil.example", "x5t": "another"});
    let odd = without(without(claims(&authority), "ver"), "azp");
    let token = authority.key.sign_raw(&header.to_string(), &odd.to_string());
    let explanation = agreed(&authority.validator_accepting_v1(), &token).await;
    let said = |name: &str| {
        let pin = explanation.pins.iter().find(|pin| pin.name == name).unwrap();
        (pin.verdict, pin.expected.as_str(), pin.found.as_str())
    };
    assert_eq!(said("header").2, "alg RS256, typ none, kid another; further parameters: jku");
    assert_eq!(said("key").0, Verdict::Unknown("the header is refused, so no key is looked up"));
    assert_eq!(said("signature").0, Verdict::Unknown("there is no key to check it with"));
    assert_eq!((said("version").1, said("version").2), ("2.0 or 1.0", "none"));
    let unaccepted = "tokens of this version are not accepted, so their issuer is not looked up";
    assert_eq!(said("issuer").0, Verdict::Unknown(unaccepted));
    assert_eq!(said("issuer of the key").0, Verdict::Unknown(unaccepted));
}

#[tokio::test]
async fn why_a_pin_is_unknown_is_told() {
    let authority = Authority::start().await;
    let unknown = |explanation: &Explanation| -> Vec<_> {
        let why = |pin: &crate::Pin| match pin.verdict {
            Verdict::Unknown(why) => Some((pin.name, why)),
            Verdict::Passed | Verdict::Failed(_) => None,
        };
        explanation.pins.iter().filter_map(why).collect()
    };
    let of_another_key = token(&TestKey::generate("another"), &claims(&authority));
    let no_key = "the tenant publishes no key of this id";
    let explanation = agreed(authority.validator(), &of_another_key).await;
    let expected = [("signature", "there is no key to check it with"), ("issuer of the key", no_key)];
    assert_eq!(unknown(&explanation), expected);
    let mut wrong = claims(&authority);
    wrong["oid"] = json!("alice");
    wrong["aud"] = json!([]);
    let explanation = agreed(authority.validator(), &token(&authority.key, &wrong)).await;
    let expected =
        [("audience", "the claim cannot be read"), ("kind", "a claim that tells the kind cannot be read")];
    assert_eq!(unknown(&explanation), expected);
    authority.go_down().await;
    let explanation = authority.another_validator().explain(&of_another_key).await;
    let unreachable = "the signing keys of the tenant cannot be fetched";
    let expected = [
        ("key", unreachable),
        ("signature", "there is no key to check it with"),
        ("issuer", unreachable),
        ("issuer of the key", unreachable),
    ];
    assert_eq!(unknown(&explanation), expected);
}

#[tokio::test]
async fn of_a_wrong_claim_the_pin_is_named_and_no_other() {
    let authority = Authority::start().await;
    let now = authority.now().as_second();
    for (name, value, pin, reason) in [
        ("aud", json!(OTHER), "audience", Reason::WrongAudience),
        ("aud", json!([API]), "claims", Reason::SeveralAudiences),
        ("aud", json!(7), "claims", Reason::Malformed),
        ("iss", json!(authority.issuer_of(OTHER)), "issuer", Reason::WrongIssuer),
        ("tid", json!(OTHER), "tenant", Reason::WrongTenant),
        ("tid", json!("contoso.com"), "claims", Reason::Malformed),
        ("exp", json!(now - LEEWAY.as_secs()), "expiry", Reason::Expired),
        ("exp", json!("9999999999"), "claims", Reason::Malformed),
        ("nbf", json!(now + LEEWAY.as_secs() + 1), "not before", Reason::NotYetValid),
        ("oid", json!({"a": []}), "claims", Reason::Malformed),
        ("scp", json!(["cost.read"]), "claims", Reason::Malformed),
        ("roles", json!([["x"]]), "claims", Reason::Malformed),
        ("acrs", json!(7), "claims", Reason::Malformed),
        ("scp", json!("x ".repeat(257)), "claims", Reason::TooManyValues),
        ("ver", json!("1.0"), "version", Reason::UnsupportedVersion),
        ("ver", json!(2), "version", Reason::UnsupportedVersion),
        ("idtyp", json!("device"), "kind", Reason::NotAnAccessToken),
    ] {
        let mut wrong = claims(&authority);
        wrong[name] = value.clone();
        let explanation = agreed(authority.validator(), &token(&authority.key, &wrong)).await;
        assert_eq!(failed(&explanation), [(pin, reason)], "{name} = {value}");
    }
}

#[tokio::test]
async fn of_a_missing_claim_the_pin_is_named_and_no_other() {
    let authority = Authority::start().await;
    for (name, pin) in [
        ("aud", "claims"),
        ("iss", "claims"),
        ("tid", "claims"),
        ("exp", "claims"),
        ("nbf", "claims"),
        ("oid", "kind"),
        ("azp", "kind"),
        ("scp", "kind"),
        ("ver", "version"),
    ] {
        let token = token(&authority.key, &without(claims(&authority), name));
        let explanation = agreed(authority.validator(), &token).await;
        let names: Vec<_> = failed(&explanation).iter().map(|(pin, _)| *pin).collect();
        assert_eq!(names, [pin], "{name}");
    }
}

#[tokio::test]
async fn several_faults_are_all_named() {
    let authority = Authority::start().await;
    let now = authority.now().as_second();
    let mut wrong = claims(&authority);
    wrong["aud"] = json!("00000003-0000-0000-c000-000000000000");
    wrong["exp"] = json!(now - 7200);
    wrong["nbf"] = json!("soon");
    let explanation = agreed(authority.validator(), &token(&TestKey::generate("key-9"), &wrong)).await;
    let names: Vec<_> = failed(&explanation).iter().map(|(pin, _)| *pin).collect();
    assert_eq!(names, ["key", "claims", "audience", "expiry"]);
}

#[tokio::test]
async fn headers_and_signatures_are_judged_alike() {
    let authority = Authority::start().await;
    let claims = claims(&authority);
    let kid = &authority.key.kid;
    for (header, pin) in [
        (json!({"alg": "none", "kid": kid}), "header"),
        (json!({"alg": "RS256", "kid": kid, "jku": "https://evil.example"}), "header"),
        (json!({"alg": "RS256", "kid": ""}), "header"),
        (json!({"alg": "RS256"}), "header"),
        (json!({"alg": "RS256", "kid": kid, "typ": "logout+jwt"}), "header"),
        (json!({"alg": "RS256", "kid": "another"}), "key"),
    ] {
        let token = authority.key.sign_raw(&header.to_string(), &claims.to_string());
        let explanation = agreed(authority.validator(), &token).await;
        assert_eq!(failed(&explanation)[0].0, pin, "{header}");
        assert_eq!(failed(&explanation).len(), 1, "{header}: {explanation:#?}");
    }
    let forged = agreed(authority.validator(), &token(&TestKey::generate(kid), &claims)).await;
    assert_eq!(failed(&forged), [("signature", Reason::BadSignature)]);
    let consumers = authority.issuer_of("9188040d-6c67-4c5b-b112-36a304b66dad");
    let limited = authority.validator_with_key_of(&consumers).await;
    let explanation = agreed(&limited, &token(&authority.key, &claims)).await;
    assert_eq!(failed(&explanation), [("issuer of the key", Reason::WrongIssuer)]);
}

#[tokio::test]
async fn what_is_no_token_has_no_form_and_no_more_is_said() {
    let authority = Authority::start().await;
    for text in ["a", "a.b", "a.b.c", "..", "a.b.c.d", "a.e30.c"] {
        let explanation = agreed(authority.validator(), &BearerToken::parse(text).unwrap()).await;
        assert_eq!(failed(&explanation), [("form", Reason::Malformed)], "{text}");
        assert_eq!(explanation.pins.len(), 1);
    }
}

#[tokio::test]
async fn a_version_1_token_is_explained_where_it_is_accepted() {
    let authority = Authority::start().await;
    let mut v1 = without(claims(&authority), "azp");
    v1["ver"] = json!("1.0");
    v1["appid"] = json!("22223333-cccc-4444-dddd-5555eeee6666");
    v1["iss"] = json!(super::support::V1_ISSUER);
    agreed(&authority.validator_accepting_v1(), &token(&authority.key, &v1)).await;
}

/// Its version is another API's choice, and no fault to mend here.
#[tokio::test]
async fn of_a_token_for_another_api_the_version_is_no_fault() {
    let authority = Authority::start().await;
    let mut for_azure = claims(&authority);
    for_azure["ver"] = json!("1.0");
    for_azure["aud"] = json!("https://management.core.windows.net/");
    let explanation = agreed(authority.validator(), &token(&authority.key, &for_azure)).await;
    assert_eq!(failed(&explanation), [("audience", Reason::WrongAudience)]);
    let version = explanation.pins.iter().find(|pin| pin.name == "version").unwrap();
    assert!(matches!(version.verdict, Verdict::Unknown(why) if why.contains("another API")), "{version:?}");
}

#[tokio::test]
async fn an_audience_that_is_a_list_is_called_one() {
    let authority = Authority::start().await;
    let mut listed = claims(&authority);
    listed["aud"] = json!([API]);
    let explanation = agreed(authority.validator(), &token(&authority.key, &listed)).await;
    let claims = explanation.pins.iter().find(|pin| pin.name == "claims").unwrap();
    assert_eq!(claims.found, "aud is a list");
}

#[tokio::test]
async fn without_keys_the_claims_are_still_explained() {
    let authority = Authority::start().await;
    authority.go_down().await;
    let mut wrong = claims(&authority);
    wrong["aud"] = json!(OTHER);
    let explanation = authority.validator().explain(&token(&authority.key, &wrong)).await;
    assert_eq!(failed(&explanation), [("audience", Reason::WrongAudience)]);
    assert_eq!(explanation.outcome.unwrap_err(), ValidationError::KeysUnavailable);
}

#[tokio::test]
async fn nothing_of_the_person_or_of_the_token_itself_is_shown() {
    let authority = Authority::start().await;
    let mut personal = claims(&authority);
    for (name, value) in [
        ("name", "Alice Adams"),
        ("preferred_username", "alice@contoso.com"),
        ("upn", "alice@contoso.com"),
        ("email", "alice@contoso.com"),
        ("ipaddr", "198.51.100.7"),
    ] {
        personal[name] = json!(value);
    }
    let token = token(&authority.key, &personal);
    let shown = format!("{:?}", authority.validator().explain(&token).await);
    for part in token.expose().split('.') {
        assert!(!shown.contains(part));
        assert!(!shown.contains(&part[part.len() - 16..]));
    }
    for personal in ["Alice", "contoso.com", "198.51"] {
        assert!(!shown.contains(personal), "{shown}");
    }
}

#[tokio::test]
async fn a_claim_as_long_as_a_book_is_cut() {
    let authority = Authority::start().await;
    let mut long = claims(&authority);
    for (length, found) in [(160, "a".repeat(160)), (161, format!("{}…", "a".repeat(160)))] {
        long["aud"] = json!("a".repeat(length));
        let explanation = agreed(authority.validator(), &token(&authority.key, &long)).await;
        let audience = explanation.pins.iter().find(|pin| pin.name == "audience").unwrap();
        assert_eq!(audience.found, found);
    }
}

#[tokio::test]
async fn claims_that_are_no_object_are_explained_no_further() {
    let authority = Authority::start().await;
    let header = json!({"alg": "RS256", "kid": authority.key.kid}).to_string();
    let good: Map<String, Value> = serde_json::from_value(claims(&authority)).unwrap();
    let twice = format!(r#"{{"aud":"x",{}"#, &json!(good).to_string()[1..]);
    for (claims, reason) in [
        (twice.as_str(), Reason::Malformed),
        ("[]", Reason::Malformed),
        (&format!(r#"{{"a":[{}0]}}"#, "0,".repeat(2000)), Reason::TooManyValues),
    ] {
        let explanation = agreed(authority.validator(), &authority.key.sign_raw(&header, claims)).await;
        assert_eq!(failed(&explanation), [("claims", reason)]);
        assert_eq!(explanation.pins.last().map(|pin| pin.name), Some("claims"));
    }
}

/// Graph signs over a header in which the nonce is hashed: nobody else can verify its tokens, by design.
#[tokio::test]
async fn a_token_for_graph_is_known_by_its_nonce() {
    let authority = Authority::start().await;
    let mut for_graph = claims(&authority);
    for_graph["aud"] = json!("00000003-0000-0000-c000-000000000000");
    for (nonce, about_graph) in [(true, true), (false, false)] {
        let mut header = json!({"alg": "RS256", "typ": "JWT", "kid": authority.key.kid});
        if nonce {
            header["nonce"] = json!("dGhlIG5vbmNlIHRoYXQgR3JhcGggaGFzaGVz");
        }
        let token =
            TestKey::generate(&authority.key.kid).sign_raw(&header.to_string(), &for_graph.to_string());
        let explanation = agreed(authority.validator(), &token).await;
        assert_eq!(
            failed(&explanation),
            [("signature", Reason::BadSignature), ("audience", Reason::WrongAudience)]
        );
        let signature = explanation.pins.iter().find(|pin| pin.name == "signature").unwrap();
        assert_eq!(signature.found.contains("Microsoft Graph"), about_graph, "{signature:?}");
        assert!(explanation.outcome.unwrap_err().to_string().contains("Microsoft Graph"));
    }
}

#[tokio::test]
async fn a_fault_of_a_claim_says_what_is_wrong_with_it() {
    let authority = Authority::start().await;
    let mut wrong = without(claims(&authority), "exp");
    wrong["scp"] = json!("x ".repeat(257));
    wrong["tid"] = json!("contoso.com");
    let explanation = agreed(authority.validator(), &token(&authority.key, &wrong)).await;
    let readable = explanation.pins.iter().find(|pin| pin.name == "claims").unwrap();
    let expected = "tid is of the wrong form, exp is missing, scp has more than 256 entries";
    assert_eq!(readable.found, expected);
}
