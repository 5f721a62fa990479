//! Every hostile token is what it says it is: a test of a validator is worth no more than its forgeries.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use emulator::{PUBLIC_CLIENT_ID, SignedBy, TENANT_ID, TokenKind, TokenSpec};
use serde_json::json;

use crate::harness::{Stand, claims, header};

fn alice() -> TokenSpec {
    TokenSpec::for_person("alice")
}

/// The exact text of a token's part.
fn text(token: &str, at: usize) -> String {
    String::from_utf8(URL_SAFE_NO_PAD.decode(token.split('.').nth(at).unwrap()).unwrap()).unwrap()
}

#[tokio::test]
async fn algorithms_and_signatures() {
    let stand = Stand::start().await;
    let none = stand.mint(&alice().signed_by(SignedBy::Nobody));
    assert!(header(&none)["alg"] == "none" && none.ends_with('.'));

    let hs256 = stand.mint(&alice().signed_by(SignedBy::Hs256WithPublicKey));
    assert_eq!(header(&hs256)["alg"], "HS256");
    let (message, signature) = hs256.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    assert_eq!(signature.len(), hmac::HMAC_SHA256.digest_algorithm().output_len());
    assert!(!message.is_empty());

    let kid = |by| header(&stand.mint(&alice().signed_by(by)))["kid"].clone();
    assert_eq!(kid(SignedBy::Forged), kid(SignedBy::Active));
    for other in [SignedBy::Standby, SignedBy::Consumers, SignedBy::Unpublished] {
        assert_ne!(kid(other), kid(SignedBy::Active), "{other:?}");
    }
    let pointed =
        stand.mint(&alice().header("jku", "https://evil.example/keys").header("jwk", json!({"kty": "oct"})));
    assert_eq!(header(&pointed)["jku"], "https://evil.example/keys");
}

#[tokio::test]
async fn duplicates_stand_in_the_text() {
    let stand = Stand::start().await;
    let token = stand.mint(&alice().duplicate_claim("oid", "someone else").duplicate_header("alg", "none"));
    assert_eq!(text(&token, 1).matches("\"oid\":").count(), 2);
    assert_eq!(text(&token, 0).matches("\"alg\":").count(), 2);
}

#[tokio::test]
async fn claims_of_other_kinds() {
    let stand = Stand::start().await;
    let authority = &stand.emulator.endpoints().authority;
    let foreign =
        claims(&stand.mint(&alice().other_tenant(authority, "99998888-7777-6666-5555-444433332222")));
    assert_eq!(foreign["tid"], "99998888-7777-6666-5555-444433332222");
    assert_ne!(foreign["iss"], format!("{authority}/{TENANT_ID}/v2.0"));

    assert_eq!(claims(&stand.mint(&alice().kind(TokenKind::Id)))["aud"], PUBLIC_CLIENT_ID);
    let v1 = claims(&stand.mint(&alice().kind(TokenKind::AccessV1)));
    assert_eq!((&v1["ver"], &v1["aud"]), (&"1.0".into(), &"api://mcp-cost-server".into()));
    assert_eq!(v1["iss"], format!("{authority}/{TENANT_ID}/"));

    let app = claims(&stand.mint(&TokenSpec::app_only()));
    assert!(app["idtyp"] == "app" && app.get("scp").is_none() && app["sub"] == app["oid"]);

    let now = stand.now();
    assert!(claims(&stand.mint(&alice().expired()))["exp"].as_i64().unwrap() < now);
    assert!(claims(&stand.mint(&alice().not_yet_valid()))["nbf"].as_i64().unwrap() > now);
    for gone in ["oid", "tid", "ver", "exp"] {
        assert!(claims(&stand.mint(&alice().without(gone))).get(gone).is_none());
    }
    let erin = claims(&stand.mint(&TokenSpec::for_person("erin")));
    assert_eq!((&erin["tid"], &erin["acct"]), (&TENANT_ID.into(), &1.into()));
    assert!(erin["idp"].is_string());
    let more = claims(&stand.mint(&alice().with_cp1().after_mfa().with_auth_context("c1").roles(&["Other"])));
    assert_eq!((&more["xms_cc"], &more["acrs"]), (&json!(["cp1"]), &json!(["c1"])));
    assert_eq!((&more["amr"], &more["roles"]), (&json!(["pwd", "mfa"]), &json!(["Other"])));
}

#[tokio::test]
async fn size_depth_and_garbage() {
    let stand = Stand::start().await;
    assert!(stand.mint(&alice().huge(100_000)).len() > 100_000);
    assert_eq!(text(&stand.mint(&alice().nested(500)), 1).matches('[').count(), 501 + 1);
    let garbage = TokenSpec { raw_payload: Some("not json".into()), ..alice() };
    assert_eq!(text(&stand.mint(&garbage), 1), "not json");
}
