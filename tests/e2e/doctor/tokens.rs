//! One token explained: each fault is one line to mend, and what only follows from it says so.

use e2e::Stack;
use emulator::{API_CLIENT_ID, SignedBy, TokenKind, TokenSpec};
use serde_json::json;
use telemetry::report::Outcome;

use super::{OTHER_TENANT, doctor, missing, named, only, unknown};

fn alice() -> TokenSpec {
    TokenSpec::for_person("alice")
}

#[tokio::test]
async fn each_wrong_token_is_explained() {
    let stack = Stack::start().await;
    let expired = TokenSpec { lifetime_seconds: Some(-600), not_before_offset: -4200, ..alice() };
    for (spec, names, words) in [
        (expired, &["token_expiry"][..], "expired"),
        (alice().audience("00000003-0000-0000-c000-000000000000"), &["token_audience"], "Microsoft Graph"),
        (alice().kind(TokenKind::AccessV1), &["token_version"], "requestedAccessTokenVersion"),
        (alice().kind(TokenKind::Id), &["token_audience", "token_kind"], "ID token"),
        (alice().signed_by(SignedBy::Broken), &["token_signature"], "whole"),
        (TokenSpec::app_only(), &["tool"], "app_only_token"),
        (alice().scopes(&["elsewhere"]), &["tool"; 10], "missing_scope:cost.export"),
    ] {
        let report = doctor(&stack, &[], Some(&stack.mint(&spec))).await;
        assert_eq!(missing(&report), names, "{}", report.table(false));
        assert!(report.table(false).contains(words), "{words}: {}", report.table(false));
        assert!(!report.table(false).contains("Alice"), "a name is shown: {}", report.table(false));
    }
}

#[tokio::test]
async fn a_token_of_another_tenant_is_one_fault() {
    let stack = Stack::start().await;
    let authority = stack.emulator.endpoints().authority.clone();
    let other_tenant = || alice().other_tenant(&authority, OTHER_TENANT);
    let report = doctor(&stack, &[], Some(&stack.mint(&other_tenant()))).await;
    let sentence = format!("issued by another directory ({OTHER_TENANT}), not by {}", emulator::TENANT_ID);
    assert_eq!(missing(&report), ["token_tenant"], "{}", report.table(false));
    let finding = named(&report, "token_tenant");
    assert!(finding.detail.contains(&sentence) && finding.fix.contains("az login --tenant"), "{finding:?}");
    let consequences = ["token_issuer", "token_issuer_of_the_key"];
    assert_eq!(unknown(&report), consequences, "{}", report.table(false));
    for name in consequences {
        assert!(named(&report, name).detail.starts_with("follows from the token's tenant"));
    }

    // As in life, where that directory signs with keys of its own.
    let token = stack.mint(&other_tenant().signed_by(SignedBy::Unpublished));
    let report = doctor(&stack, &[], Some(&token)).await;
    assert_eq!(missing(&report), ["token_tenant"], "{}", report.table(false));
    assert!(named(&report, "token_key").detail.starts_with("follows from the token's tenant"));

    // An issuer that is not that directory's is a fault of its own, and so is a key without such a tenant.
    let report =
        doctor(&stack, &[], Some(&stack.mint(&other_tenant().claim("iss", "https://evil.example/v2.0"))))
            .await;
    let faults = ["token_issuer", "token_issuer_of_the_key", "token_tenant"];
    assert_eq!(missing(&report), faults, "{}", report.table(false));
    let report = doctor(&stack, &[], Some(&stack.mint(&alice().signed_by(SignedBy::Unpublished)))).await;
    assert_eq!(missing(&report), ["token_key"], "{}", report.table(false));
}

/// What `az account get-access-token` gives without `--scope`.
#[tokio::test]
async fn a_token_for_azure_itself_blames_no_registration() {
    let stack = Stack::start().await;
    let for_azure = || alice().kind(TokenKind::Arm).audience("https://management.core.windows.net/");
    let report = doctor(&stack, &[], Some(&stack.mint(&for_azure()))).await;
    assert_eq!(missing(&report), ["token_audience"], "{}", report.table(false));
    let audience = named(&report, "token_audience");
    assert!(audience.detail.ends_with("which is Azure Resource Manager"), "{audience:?}");
    assert!(audience.fix.contains("az account get-access-token --scope http"), "{audience:?}");
    let version = named(&report, "token_version");
    assert_eq!(version.outcome, Outcome::Unknown);
    assert!(version.detail.starts_with("follows from the token's audience"), "{version:?}");
    assert!(version.fix.contains("audience first"), "{version:?}");
    assert!(!report.table(false).contains("requestedAccessTokenVersion"), "{}", report.table(false));

    // Of another tenant besides: two faults, and neither is the version.
    let token = for_azure().claim("tid", OTHER_TENANT);
    let report = doctor(&stack, &[], Some(&stack.mint(&token))).await;
    assert_eq!(missing(&report), ["token_audience", "token_tenant"], "{}", report.table(false));
}

/// Graph signs over a header in which the nonce is hashed, so that its tokens verify nowhere else.
#[tokio::test]
async fn a_token_for_graph_is_one_fault() {
    let stack = Stack::start().await;
    let for_graph = |graph: &str| {
        let nonce = "dGhlIG5vbmNlIHRoYXQgR3JhcGggaGFzaGVz";
        stack.mint(&alice().audience(graph).header("nonce", nonce).signed_by(SignedBy::Broken))
    };
    for graph in ["00000003-0000-0000-c000-000000000000", "https://graph.microsoft.com"] {
        let report = doctor(&stack, &[], Some(&for_graph(graph))).await;
        assert_eq!(missing(&report), ["token_audience"], "{}", report.table(false));
        let signature = named(&report, "token_signature");
        assert!(signature.detail.starts_with("follows from the token's audience"), "{signature:?}");
        assert!(signature.detail.contains("only Graph itself can verify"), "{signature:?}");
    }
    // Broken as well, but for another API: two faults.
    let report = doctor(&stack, &[], Some(&for_graph("https://vault.azure.net"))).await;
    assert_eq!(missing(&report), ["token_signature", "token_audience"], "{}", report.table(false));
}

/// Client and API in one registration: the token is right as long as it lives, and what comes after it is not.
#[tokio::test]
async fn a_client_that_is_the_apis_own_registration_is_named() {
    let stack = Stack::start().await;
    let itself = || alice().claim("azp", API_CLIENT_ID);
    let report = doctor(&stack, &[], Some(&stack.mint(&itself()))).await;
    assert_eq!(missing(&report), ["token_client"], "{}", report.table(false));
    assert!(named(&report, "token_client").detail.contains("AADSTS90009"));

    // As Entra ID issues it to a refresh without `scope`.
    let odd = itself().claim("scp", ".4f0c7c3e-0000-4000-8000-000000000001");
    let report = doctor(&stack, &[], Some(&stack.mint(&odd))).await;
    assert_eq!(missing(&report), ["token_client"], "{}", report.table(false));
    let finding = named(&report, "token_client");
    assert!(finding.detail.contains(".4f0c7c3e-0000-4000-8000-000000000001"), "{finding:?}");
    assert!(finding.fix.contains("by itself, never on the API's registration"), "{finding:?}");
}

#[tokio::test]
async fn a_version_1_token_is_this_apis_under_every_name() {
    let stack = Stack::start().await;
    for name in [format!("api://{API_CLIENT_ID}"), stack.public_url()] {
        let token = stack.mint(&alice().kind(TokenKind::AccessV1).audience(&name));
        let report = doctor(&stack, &[], Some(&token)).await;
        assert_eq!(missing(&report).first(), Some(&"token_version"), "{name}: {}", report.table(false));
        assert!(report.table(false).contains("requestedAccessTokenVersion"), "{}", report.table(false));
        let answer = stack.caller.request(Some(&token), "tools/list", json!({})).await;
        assert_eq!(answer.document["reason"], "unsupported_version", "{name}: {}", answer.text);
    }
    let for_azure = alice().kind(TokenKind::Arm).audience("https://management.core.windows.net/");
    let answer = stack.caller.request(Some(&stack.mint(&for_azure)), "tools/list", json!({})).await;
    assert_eq!(answer.document["reason"], "wrong_audience", "{}", answer.text);
    assert!(answer.text.contains("request one with this server's scope"), "{}", answer.text);
}

#[tokio::test]
async fn who_may_call_some_tools_is_shown_how_to_get_the_others_and_has_no_fault() {
    let stack = Stack::start().await;
    let report = doctor(&stack, &[], Some(&stack.token("bob"))).await;
    assert_eq!((missing(&report), unknown(&report)), (vec![], vec![]), "{}", report.table(false));
    let refused: Vec<_> =
        report.findings.iter().filter(|finding| finding.name == "tool" && !finding.fix.is_empty()).collect();
    assert_eq!(refused.len(), 1, "{}", report.table(false));
    assert_eq!(
        (refused[0].subject.as_str(), refused[0].detail.as_str(), refused[0].outcome),
        ("cost_export", "refused: missing_scope:cost.export", Outcome::Ok)
    );
    assert!(report.table(false).contains("fix: This tool needs the permission cost.export"));
}

#[tokio::test]
async fn what_is_no_token_is_not_repeated() {
    let stack = Stack::start().await;
    let pasted = "hunter2-a-password-in-the-wrong-place!";
    let report = doctor(&stack, &[], Some(pasted)).await;
    only(&report, "token_form");
    assert!(!report.table(false).contains("hunter2"), "{}", report.table(false));
}
