//! The table of refusals, row by row: status, challenge, document.

use axum::http::header;
use clap::Parser;
use http_body_util::BodyExt;

use super::*;
use crate::config::{Args, Config};
use crate::server::parts;

mod documents;

fn refusals(more: &[&str]) -> Refusals {
    let args = [
        "gateway",
        "--tenant-id=aaaabbbb-0000-cccc-1111-dddd2222eeee",
        "--client-id=11112222-bbbb-3333-cccc-4444dddd5555",
        "--public-url=https://mcp.contoso.com/mcp",
    ];
    let config = Config::try_from(Args::parse_from(args.iter().chain(more))).unwrap();
    parts::refusals(&config, &config.public_url)
}

async fn rendered(refusal: &Refusal, more: &[&str]) -> (u16, String, Value) {
    let asked = Asked::with_id(json!(7));
    let response = refusal.render(&refusals(more), &asked);
    let status = response.status().as_u16();
    let challenge = response.headers().get(header::WWW_AUTHENTICATE);
    let challenge = challenge.map(|c| c.to_str().unwrap().to_owned()).unwrap_or_default();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, challenge, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn a_missing_token_is_told_where_to_get_one() {
    let (status, challenge, body) = rendered(&Refusal::MissingBearer, &[]).await;
    assert_eq!(status, 401);
    assert_eq!(
        challenge,
        "Bearer resource_metadata=\"https://mcp.contoso.com/.well-known/oauth-protected-resource/mcp\", \
         scope=\"https://mcp.contoso.com/mcp/cost.read\""
    );
    assert_eq!((&body["code"], &body["id"]), (&json!("missing_bearer"), &json!(7)));
}

#[tokio::test]
async fn a_missing_scope_is_asked_for_together_with_the_granted_ones() {
    let scopes = vec!["cost.read".to_owned(), "cost.export".to_owned()];
    let refusal = Refusal::MissingScope { missing: "cost.export".into(), scopes };
    let (status, challenge, body) = rendered(&refusal, &[]).await;
    assert_eq!(status, 403);
    assert!(challenge.contains(
        "scope=\"https://mcp.contoso.com/mcp/cost.read https://mcp.contoso.com/mcp/cost.export\", \
         error=\"insufficient_scope\""
    ));
    assert_eq!(body["code"], "missing_scope:cost.export");
    assert!(body["error"]["message"].as_str().unwrap().contains("cost.export"));
    let (_, challenge, _) = rendered(&refusal, &["--scope-prefix=api://mcp-cost-server/"]).await;
    assert!(
        challenge.contains("scope=\"api://mcp-cost-server/cost.read api://mcp-cost-server/cost.export\"")
    );
}

#[tokio::test]
async fn a_missing_role_challenges_nobody_to_sign_in() {
    let refusal = Refusal::MissingRole { role: "Cost.Exporter".into(), any_of: vec!["Cost.Exporter".into()] };
    let (status, challenge, body) = rendered(&refusal, &[]).await;
    assert_eq!((status, challenge.as_str()), (403, ""));
    assert_eq!(body["roles"], json!(["Cost.Exporter"]));
}

#[tokio::test]
async fn prose_comes_first_for_clients_that_show_the_body() {
    let claims = json!({"access_token": {"acrs": {"essential": true, "value": "c1"}}});
    let response = Refusal::claims(claims).render(&refusals(&[]), &Asked::with_id(json!(7)));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(body.starts_with(b"{\"detail\":\"your organisation's Conditional Access policy asks for more"));
}

#[tokio::test]
async fn claims_travel_in_the_header_and_readable_in_the_body() {
    let claims = json!({"access_token": {"acrs": {"essential": true, "value": "c1"}}});
    let refusal = Refusal::claims(claims.clone());
    let (status, challenge, body) = rendered(&refusal, &[]).await;
    assert_eq!(status, 403);
    assert!(challenge.contains("error=\"insufficient_claims\", claims=\"eyJhY2Nlc3NfdG9rZW4iOnsi"));
    assert!(!challenge.contains("scope="));
    assert_eq!(body["claims"], claims);
    assert_eq!(rendered(&refusal, &["--claims-status=401"]).await.0, 401);
}

#[tokio::test]
async fn a_revoked_session_is_cured_by_a_sign_in() {
    let refusal =
        Refusal::claims(json!({"access_token": {"nbf": {"essential": true, "value": "1603742800"}}}));
    let (status, challenge, body) = rendered(&refusal, &[]).await;
    assert_eq!((status, &body["reason"]), (401, &json!("session_revoked")));
    assert!(challenge.contains("error=\"invalid_token\"") && challenge.contains("claims=\""));
    let moved = json!({"access_token": {"nbf": {}, "xms_rp_ipaddr": {"value": "1.2.3.4"}}});
    assert_eq!(rendered(&Refusal::claims(moved), &[]).await.0, 401);
    let more = json!({"access_token": {"nbf": {}, "acrs": {"value": "c1"}}});
    assert_eq!(rendered(&Refusal::claims(more), &[]).await.0, 403);
}

#[test]
fn claims_are_an_object_or_none_at_all() {
    let newer_sign_in = Refusal::claims(json!({"access_token": {"nbf": {}}}));
    for text in ["", "7", "[]", "null", "{"] {
        assert_eq!(Refusal::challenged(text), newer_sign_in, "{text}");
        for refusal in [invalid(None), Refusal::IdentityProviderUnavailable { retry_after: None }] {
            assert_eq!(refusal.clone().with_claims(text), refusal, "{text}");
        }
    }
    let more = json!({"access_token": {"acrs": {"essential": true, "value": "c1"}}});
    let text = more.to_string();
    assert_eq!(Refusal::challenged(&text), Refusal::ClaimsChallenge { claims: more.clone() });
    assert_eq!(invalid(None).with_claims(&text), invalid(Some(more.clone())));
    assert_eq!(
        invalid(Some(json!({}))).with_claims(&text),
        invalid(Some(json!({}))),
        "Entra ID's own come first"
    );
    let outage = Refusal::IdentityProviderUnavailable { retry_after: None };
    assert_eq!(outage.with_claims(&text), Refusal::ClaimsChallenge { claims: more });
}

fn invalid(claims: Option<Value>) -> Refusal {
    Refusal::InvalidToken { reason: "interaction_required".into(), detail: "sign in".into(), claims }
}

#[tokio::test]
async fn missing_consent_comes_with_the_link() {
    let refusal = Refusal::ConsentRequired { permission: "Azure Resource Manager user_impersonation".into() };
    let (status, challenge, body) = rendered(&refusal, &[]).await;
    assert_eq!((status, challenge.as_str()), (403, ""));
    assert_eq!(
        body["admin_consent_url"],
        "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/adminconsent?client_id=11112222-bbbb-3333-cccc-4444dddd5555"
    );
}

fn blocked(cause: Block) -> Refusal {
    Refusal::BlockedByPolicy { cause, correlation_id: None }
}

#[tokio::test]
async fn who_is_blocked_hears_who_can_mend_it_and_is_not_sent_to_sign_in() {
    for (cause, mended_by) in [
        (Block::Policy, "the address that this server itself speaks from"),
        (Block::Device, "use such a device"),
        (Block::NotAssigned, "an administrator assigns you"),
        (Block::Account, "ask your administrator"),
        (Block::Locked, "wait some minutes"),
        (Block::HomeTenant, "an administrator of your home directory"),
        (Block::ResourceTenant, "an administrator of this server's directory"),
    ] {
        let (status, challenge, body) = rendered(&blocked(cause), &[]).await;
        assert_eq!((status, challenge.as_str(), &body["code"]), (403, "", &json!("blocked_by_policy")));
        assert!(body["detail"].as_str().unwrap().contains(mended_by), "{cause:?}: {body}");
        assert!(body.get("correlation_id").is_none());
    }
}

#[tokio::test]
async fn a_block_says_where_its_administrator_finds_it() {
    let id = "deadbeef-0000-4000-8000-000000000001";
    let refusal = Refusal::BlockedByPolicy { cause: Block::Policy, correlation_id: Some(id.to_owned()) };
    let body = rendered(&refusal, &[]).await.2;
    assert_eq!(body["correlation_id"], id);
    let detail = body["detail"].as_str().unwrap();
    assert!(detail.contains("User sign-ins (non-interactive)") && detail.contains(id), "{detail}");
}

#[tokio::test]
async fn whoever_is_at_fault_the_text_is_whole_and_the_code_stable() {
    let any = |n: u64| Some(Duration::from_secs(n));
    for (refusal, status, code) in [
        (Refusal::AppOnlyToken, 403, "app_only_token"),
        (blocked(Block::Policy), 403, "blocked_by_policy"),
        (Refusal::NoPolicy { tool: "x".into() }, 403, "no_policy"),
        (
            Refusal::MissingRole { role: "A".into(), any_of: vec!["A".into(), "B".into()] },
            403,
            "missing_role:A",
        ),
        (Refusal::RateLimited { retry_after: Duration::from_millis(1_200) }, 429, "rate_limited"),
        (Refusal::BrokerUnavailable, 503, "broker_unavailable"),
        (Refusal::BrokerMisconfigured, 503, "broker_misconfigured"),
        (Refusal::AuditUnavailable, 503, "audit_unavailable"),
        (Refusal::IdentityProviderUnavailable { retry_after: any(30) }, 503, "identity_provider_unavailable"),
        (RequestFault::BodyTooLarge { limit: 1 }.into(), 413, "body_too_large"),
        (RequestFault::BodyTimeout.into(), 408, "body_timeout"),
        (RequestFault::FieldsTooLarge.into(), 431, "headers_too_large"),
        (RequestFault::TokenTooLarge.into(), 431, "token_too_large"),
        (RequestFault::TooManyValues.into(), 403, "too_many_values"),
        (RequestFault::AmbiguousHost.into(), 400, "ambiguous_host"),
        (RequestFault::HostNotAllowed.into(), 403, "host_not_allowed"),
        (RequestFault::OriginNotAllowed.into(), 403, "origin_not_allowed"),
        (RequestFault::MethodNotAllowed.into(), 405, "method_not_allowed"),
        (RequestFault::NotAcceptable.into(), 406, "not_acceptable"),
        (RequestFault::NotJson.into(), 415, "unsupported_media_type"),
        (RequestFault::NotFound.into(), 404, "not_found"),
        (RequestFault::TooManyOfAddress.into(), 429, "too_many_requests"),
        (RequestFault::ExportNotFound.into(), 404, "export_not_found"),
        (RequestFault::ExportElsewhere.into(), 421, "export_elsewhere"),
        (RequestFault::TooManyDownloads.into(), 429, "too_many_downloads"),
        (Refusal::DeadlineExceeded, 504, "deadline_exceeded"),
    ] {
        let (found, challenge, body) = rendered(&refusal, &[]).await;
        assert_eq!((found, body["code"].as_str().unwrap()), (status, code));
        assert!(body["detail"].as_str().unwrap().len() > 30);
        // What a client reads by regular expression must not be found in prose.
        let prose = challenge.split("error_description=").nth(1).unwrap_or_default();
        assert!(!prose.contains("scope=") && !prose.contains("error="), "{challenge}");
    }
}

#[tokio::test]
async fn every_reason_of_an_invalid_token_reaches_the_client() {
    // Two are not 401, for a new sign-in brings the same token.
    assert_eq!(Refusal::invalid(Reason::TooLarge.into()), RequestFault::TokenTooLarge.into());
    assert_eq!(Refusal::invalid(Reason::TooManyValues.into()), RequestFault::TooManyValues.into());
    let others = |reason: &&Reason| !matches!(reason, Reason::TooLarge | Reason::TooManyValues);
    for reason in Reason::ALL.iter().filter(others) {
        let invalid = Refusal::invalid((*reason).into());
        let (status, challenge, body) = rendered(&invalid, &[]).await;
        assert_eq!((status, body["reason"].as_str().unwrap()), (401, reason.as_str()));
        assert_eq!(challenge.matches('"').count(), 8, "{challenge}");
    }
}

#[test]
fn mcp_clients_get_the_one_type_they_read() {
    let content_type = |accept: &str| {
        let headers = [(header::ACCEPT, accept.parse().unwrap())].into_iter().collect();
        let response = Refusal::MissingBearer.render(&refusals(&[]), &Asked::by(&headers));
        response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned()
    };
    assert_eq!(content_type("application/json, text/event-stream"), "application/json");
    assert_eq!(content_type("*/*"), "application/problem+json");
    assert_eq!(content_type("application/problem+json, application/json"), "application/problem+json");
}
