//! What a refusal of Entra ID means for the caller: the order in which signs are read.
//!
//! Microsoft asks applications to react to `error` and `suberror` and not to numbers, which may change
//! ("Microsoft Entra authentication and authorization error codes"). So the words decide what the numbers do not
//! know; the numbers tell apart what the words throw together: `invalid_grant` alone is a dozen different things.

use std::sync::Arc;
use std::time::Duration;

use proto::status::Block;
use reqwest::StatusCode;

use super::answer::Refusal;
use crate::aadsts::Meaning::{
    self, AppOnly, BadCredential, Blocked, Consent, Loop, OurFault, SignIn, Transient, Unmet,
};
use crate::aadsts::{UNKNOWN_CERTIFICATE, invalid_token, meaning_of};
use crate::error::{ExchangeError, Kind};
use crate::resource::Resource;

/// The wait after a loop was detected (MSAL keeps an identical refusal for as long).
const LOOP_PAUSE: Duration = Duration::from_secs(60);

/// The words MSAL takes for "a person must act" (msal-common, InteractionRequiredAuthError), but for `message_only`: it
/// says that a sign-in would only show why not.
const INTERACTION: &[&str] = &[
    "interaction_required",
    "login_required",
    "bad_token",
    "ui_not_allowed",
    "interrupted_user",
    "additional_action",
    "basic_action",
    "user_password_expired",
];

/// Tells what a refusal means. Signs are read in this order:
///
/// 1. throttling and outages by HTTP status, which say nothing about the user;
/// 2. app-only and terminal blocks by number: a block may carry `claims`, and to relay them starts a loop;
/// 3. `claims`: a challenge, whatever the `error` (live answers say `invalid_grant`);
/// 4. every other number of the table;
/// 5. the words `error` and `suberror`.
pub(super) fn classify(
    status: StatusCode,
    retry_after: Option<Duration>,
    refusal: &Refusal,
    resource: &Resource,
) -> ExchangeError {
    let unavailable = || ExchangeError::from(Kind::IdentityProviderUnavailable { retry_after });
    if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
        return unavailable();
    }
    let known = refusal.number().and_then(meaning_of);
    match (known, refusal.claims()) {
        (Some(AppOnly), _) => Kind::AppOnlyToken.into(),
        (Some(Blocked(cause)), _) => Kind::BlockedByPolicy { cause }.into(),
        // Before every other number: `Unmet` is terminal without claims alone.
        (_, Some(claims)) => Kind::ClaimsChallenge { claims }.into(),
        (known, None) => match known.unwrap_or_else(|| by_words(refusal)) {
            AppOnly => Kind::AppOnlyToken.into(),
            Blocked(cause) | Unmet(cause) => Kind::BlockedByPolicy { cause }.into(),
            Consent => Kind::ConsentRequired { permission: Arc::clone(&resource.permission) }.into(),
            SignIn(reason) => invalid_token(reason).into(),
            BadCredential | OurFault => Kind::BrokerMisconfigured.into(),
            Transient => unavailable(),
            Loop => unavailable().with_retry_after(retry_after.unwrap_or_default().max(LOOP_PAUSE)),
        },
    }
}

/// Whether a refusal is about the broker's own credential or application, and hence about every exchange.
pub(super) fn is_about_credential(refusal: &Refusal) -> bool {
    match refusal.number().and_then(meaning_of) {
        Some(meaning) => meaning == BadCredential,
        None => refusal.error() == "invalid_client",
    }
}

/// Whether another certificate of the application may be known where this one is not.
pub(super) fn is_unknown_certificate(refusal: &Refusal) -> bool {
    refusal.number() == Some(UNKNOWN_CERTIFICATE)
}

/// Whether Entra ID, or what stands before it, could not answer just now. The words decide where they say that the request
/// was looked at: a number beside them may be of one request's own trouble, and holds nobody else back.
pub(super) fn is_transient(refusal: &Refusal) -> bool {
    match by_words(refusal) {
        Transient => refusal.number().and_then(meaning_of).is_none_or(|meaning| meaning == Transient),
        _ => false,
    }
}

fn by_words(refusal: &Refusal) -> Meaning {
    let (error, suberror) = (refusal.error(), refusal.suberror());
    if error == "consent_required" || suberror == "consent_required" {
        return Consent;
    }
    if suberror == "message_only" {
        return Blocked(Block::Policy);
    }
    if suberror == "protection_policy_required" {
        return Unmet(Block::Device);
    }
    if INTERACTION.contains(&error) || INTERACTION.contains(&suberror) {
        return SignIn("interaction_required");
    }
    match error {
        "invalid_grant" => SignIn("assertion_refused"),
        "access_denied" => Blocked(Block::Policy),
        // An empty word is not OAuth at all: a proxy or an outage page answered.
        "temporarily_unavailable" | "server_error" | "" => Transient,
        _ => OurFault,
    }
}

#[cfg(test)]
mod tests {
    use identity::cloud::Cloud;
    use serde_json::{Value, json};

    use super::*;
    use crate::aadsts::{TENANT_RESTRICTED, hint};
    use crate::resource::Resources;

    const CLAIMS: &str = r#"{"access_token":{"polids":{"essential":true,"values":["x"]}}}"#;

    fn code(status: u16, body: &Value) -> (&'static str, ExchangeError) {
        let resources = Resources::of(Cloud::AzureCloud).unwrap();
        let refusal = Refusal::parse(body.to_string().as_bytes());
        let status = StatusCode::from_u16(status).unwrap();
        let retry_after = Some(Duration::from_secs(7));
        let error = classify(status, retry_after, &refusal, resources.find("arm").unwrap());
        (error.code(), error)
    }

    fn reason(body: &Value) -> &'static str {
        match code(400, body).1.kind() {
            Kind::InvalidToken { reason, .. } => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn claims_make_a_challenge_whatever_the_error_says() {
        for error in ["invalid_grant", "interaction_required", "something_new"] {
            for number in [50076, 50079, 50158, 53000, 999_999] {
                let body = json!({"error": error, "suberror": "basic_action", "error_codes": [number], "claims": CLAIMS});
                let (code, error) = code(400, &body);
                assert_eq!(code, "claims_challenge");
                assert_eq!(*error.kind(), Kind::ClaimsChallenge { claims: Arc::from(CLAIMS) });
            }
        }
    }

    #[test]
    fn a_terminal_block_stays_one_with_claims_too() {
        let body = json!({"error": "invalid_grant", "error_codes": [53003], "claims": CLAIMS});
        assert_eq!(code(400, &body).0, "blocked_by_policy");
    }

    /// Each of these was once, or would be by its words, a 401: the client signs in, the fresh assertion is exchanged
    /// anew, and so on for ever.
    #[test]
    fn what_no_sign_in_cures_says_who_does() {
        for (cause, numbers) in [
            (Block::Policy, &[53003, 530_032, 53004, 53010, 50005, 50131][..]),
            (Block::NotAssigned, &[50105]),
            (Block::Account, &[50020, 500_341, 50014, 50057, 16000, 500_208]),
            (Block::HomeTenant, &[500_212]),
            (Block::ResourceTenant, &[500_213]),
            (Block::Locked, &[50053]),
            (Block::Device, &[53000, 53001, 53002, 50129, 530_003]),
        ] {
            for number in numbers {
                let body = json!({"error": "invalid_grant", "error_codes": [number]});
                assert_eq!(*code(400, &body).1.kind(), Kind::BlockedByPolicy { cause }, "{number}");
            }
        }
    }

    #[test]
    fn a_word_that_says_a_sign_in_would_only_show_why_not_is_terminal() {
        for (suberror, cause) in
            [("message_only", Block::Policy), ("protection_policy_required", Block::Device)]
        {
            let mut body = json!({"error": "invalid_grant", "error_codes": [1], "suberror": suberror});
            assert_eq!(*code(400, &body).1.kind(), Kind::BlockedByPolicy { cause });
            body["claims"] = CLAIMS.into();
            assert_eq!(code(400, &body).0, "claims_challenge");
        }
    }

    #[test]
    fn what_a_proxy_of_the_operator_refuses_is_not_put_to_the_user() {
        for number in TENANT_RESTRICTED {
            let body = json!({"error": "invalid_grant", "error_codes": [number]});
            assert_eq!(code(400, &body).0, "broker_misconfigured");
            assert!(hint(Some(*number)).contains("proxy"));
        }
    }

    #[test]
    fn missing_consent_names_the_permission() {
        for body in [
            json!({"error": "invalid_grant", "suberror": "consent_required", "error_codes": [65001]}),
            json!({"error": "invalid_grant", "suberror": "consent_required"}),
            json!({"error": "consent_required"}),
            json!({"error": "invalid_grant", "error_codes": [90094]}),
        ] {
            let (code, error) = code(400, &body);
            assert_eq!(code, "consent_required");
            assert!(error.to_string().contains("Azure Resource Manager user_impersonation"));
        }
    }

    #[test]
    fn our_own_faults_are_called_so() {
        for (error, number) in [
            ("invalid_client", 700_027),
            ("invalid_client", 7_000_222),
            ("unauthorized_client", 700_016),
            ("invalid_resource", 500_011),
            ("invalid_resource", 500_014),
            ("invalid_scope", 70011),
            ("invalid_client", 999_999),
            ("invalid_request", 900_144),
        ] {
            let body = json!({"error": error, "error_codes": [number]});
            assert_eq!(code(401, &body).0, "broker_misconfigured", "{number}");
        }
    }

    #[test]
    fn an_app_only_assertion_is_no_fault_of_ours() {
        let body = json!({"error": "invalid_client", "error_codes": [7_000_114]});
        assert_eq!(code(401, &body).0, "app_only_token");
    }

    #[test]
    fn what_a_sign_in_cures_names_its_reason() {
        let grant = |number: u32| json!({"error": "invalid_grant", "error_codes": [number]});
        assert_eq!(reason(&grant(50173)), "session_revoked");
        assert_eq!(reason(&grant(70043)), "sign_in_frequency");
        assert_eq!(reason(&grant(50055)), "interaction_required");
        assert_eq!(reason(&grant(500_133)), "expired");
        assert_eq!(reason(&grant(500_131)), "wrong_audience");
        assert_eq!(reason(&grant(50013)), "assertion_refused");
        assert_eq!(reason(&grant(50076)), "interaction_required");
        assert_eq!(reason(&grant(1)), "assertion_refused");
        assert_eq!(
            reason(&json!({"error": "invalid_grant", "suberror": "basic_action"})),
            "interaction_required"
        );
    }

    #[test]
    fn throttling_and_outages_carry_the_wait() {
        for (status, body) in [
            (429, json!({"error": "invalid_client", "error_codes": [700_027]})),
            (503, json!({"error": "temporarily_unavailable"})),
            (500, json!("<html>")),
            (400, json!({"error": "temporarily_unavailable", "error_codes": [90033]})),
            (404, json!("not found")),
        ] {
            let error = code(status, &body).1;
            let wait = Kind::IdentityProviderUnavailable { retry_after: Some(Duration::from_secs(7)) };
            assert_eq!(*error.kind(), wait, "{status}");
        }
    }

    #[test]
    fn a_detected_loop_is_left_alone_for_a_minute() {
        let error = code(400, &json!({"error": "invalid_grant", "error_codes": [50196]})).1;
        assert_eq!(*error.kind(), Kind::IdentityProviderUnavailable { retry_after: Some(LOOP_PAUSE) });
    }
}
