//! Every refusal as it leaves, to the letter: clients parse these, and people search for their words.

use std::fmt::Write as _;

use super::*;

/// One refusal of each kind, and of each kind within.
fn all() -> Vec<Refusal> {
    let claims = |claims: Value| Refusal::claims(json!({ "access_token": claims }));
    let scopes = vec!["cost.read".to_owned(), "cost.export".to_owned()];
    let client = "22223333-cccc-4444-dddd-5555eeee6666".parse().unwrap();
    let token = Reason::ALL.iter().map(|reason| Refusal::invalid((*reason).into()));
    let faults = [
        RequestFault::BodyTooLarge { limit: 1 << 20 },
        RequestFault::BodyTimeout,
        RequestFault::FieldsTooLarge,
        RequestFault::AmbiguousHost,
        RequestFault::HostNotAllowed,
        RequestFault::OriginNotAllowed,
        RequestFault::MethodNotAllowed,
        RequestFault::NotAcceptable,
        RequestFault::NotJson,
        RequestFault::NotFound,
        RequestFault::TooManyOfAddress,
        RequestFault::ExportNotFound,
        RequestFault::ExportElsewhere,
        RequestFault::TooManyDownloads,
    ];
    let blocks = Block::ALL.map(|cause| Refusal::BlockedByPolicy {
        cause,
        correlation_id: Some("deadbeef-0000-4000-8000-000000000001".into()),
    });
    let any_of = vec!["Cost.Exporter".to_owned(), "Cost.Admin".to_owned()];
    let rest = [
        Refusal::MissingBearer,
        Refusal::MissingScope { missing: "cost.export".into(), scopes },
        Refusal::MissingRole { role: "Cost.Exporter".into(), any_of },
        Refusal::AppOnlyToken,
        Refusal::NoPolicy { tool: "cost_by_service".into() },
        claims(json!({"acrs": {"essential": true, "value": "c1"}})),
        claims(json!({"nbf": {"essential": true, "value": "1603742800"}})),
        Refusal::ConsentRequired { permission: "Azure Resource Manager user_impersonation".into() },
        Refusal::RateLimited { retry_after: Duration::from_millis(1_200) },
        Refusal::BrokerUnavailable,
        Refusal::IdentityProviderUnavailable { retry_after: Some(Duration::from_secs(30)) },
        Refusal::IdentityProviderUnavailable { retry_after: None },
        Refusal::BrokerMisconfigured,
        Refusal::AuditUnavailable,
        Refusal::ClientNotAllowed { client },
        Refusal::DeadlineExceeded,
    ];
    rest.into_iter().chain(blocks).chain(faults.map(Refusal::from)).chain(token).collect()
}

#[tokio::test]
async fn every_refusal_reads_as_it_did() {
    let mut text = String::new();
    for refusal in all() {
        let response = refusal.render(&refusals(&[]), &Asked::with_id(json!(7)));
        writeln!(text, "{}", response.status()).unwrap();
        let mut fields: Vec<_> = response.headers().iter().collect();
        fields.sort_by_key(|(name, _)| name.as_str());
        for (name, value) in fields {
            writeln!(text, "{name}: {}", value.to_str().unwrap()).unwrap();
        }
        let body = response.into_body().collect().await.unwrap().to_bytes();
        writeln!(text, "{}\n", std::str::from_utf8(&body).unwrap()).unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn the_page_of_refusals_lists_every_code_and_reason() {
    let page = include_str!("../../../../../docs/refusals.md");
    for refusal in all() {
        let code = refusal.code();
        // A scope or a role stands behind some.
        let code = code.split_once(':').map_or_else(|| format!("`{code}`"), |(code, _)| format!("`{code}:<"));
        assert!(page.contains(&code), "docs/refusals.md does not list {code}");
        if let Refusal::InvalidToken { reason, .. } = &refusal {
            assert!(page.contains(&format!("`{reason}`")), "docs/refusals.md does not list {reason}");
        }
    }
}
