//! What an error of Entra ID means for the caller: one table of numbers, and the order in which signs are read.
//!
//! Microsoft asks applications to react to `error` and `suberror` and not to numbers, which may change
//! ("Microsoft Entra authentication and authorization error codes"). So the words decide what the numbers do not
//! know; the numbers tell apart what the words throw together: `invalid_grant` alone is a dozen different things.

use std::{sync::Arc, time::Duration};

use reqwest::StatusCode;

use super::answer::Refusal;
use crate::{
    error::{Block, ExchangeError, Kind},
    resource::Resource,
};

/// What a refusal means for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// The assertion is an application's own token.
    AppOnly,
    /// Something stands against it that no sign-in removes: terminal.
    Blocked(Block),
    /// A policy that a sign-in with the right claims can meet; where Entra ID names none, terminal as well.
    Unmet(Block),
    /// Somebody must consent.
    Consent,
    /// A fresh sign-in cures it; the word is the reason given to the caller.
    SignIn(&'static str),
    /// The broker's own credential, or the application that it is one of, is not accepted: no exchange can succeed.
    BadCredential,
    /// The broker's own registration or request is wrong.
    OurFault,
    /// Entra ID cannot answer just now.
    Transient,
    /// The same thing was asked too often: whoever goes on asking is locked out for longer.
    Loop,
}

use Meaning::{AppOnly, BadCredential, Blocked, Consent, Loop, OurFault, SignIn, Transient, Unmet};

/// The wait after a loop was detected (MSAL keeps an identical refusal for as long).
const LOOP_PAUSE: Duration = Duration::from_secs(60);

/// Numbers by their meaning. The comments name what Microsoft calls them.
///
/// Every number of Microsoft's page that the token endpoint can answer an exchange with was asked one question: does a
/// new sign-in help? A client that is sent to sign in where it does not comes back with a fresh assertion, which is
/// exchanged anew, without end. Numbers of SAML, of the device code and of what happens on the sign-in pages alone
/// are left out.
const TABLE: &[(Meaning, &[u32])] = &[
    // The application isn't allowed to make application on-behalf-of calls.
    (AppOnly, &[7_000_114]),
    // Blocked by Conditional Access; platform, security policy, security defaults, risk; a claims provider denies it.
    (Blocked(Block::Policy), &[50005, 53003, 53004, 53010, 53011, 530_032, 530_034, 530_035, 90123]),
    // Conditional Access failed: device state, suspicious activity.
    (Unmet(Block::Policy), &[50131]),
    // Not compliant, not joined, no approved app, a disabled device: what the person signs in with, not how.
    (Unmet(Block::Device), &[53000, 53001, 53002, 53009, 50127, 50129, 50155, 130_007, 135_011]),
    (Unmet(Block::Device), &[530_001, 530_002, 530_003, 530_021]),
    // The user is not assigned to the application.
    (Blocked(Block::NotAssigned), &[50105]),
    // The account is not in the tenant, was deleted from it or is disabled, has not taken up its invitation, is of
    // another kind than the tenant admits, or is a minor's.
    (Blocked(Block::Account), &[16000, 16003, 50014, 50020, 50034, 50057, 51004, 54000, 90072]),
    (Blocked(Block::Account), &[500_208, 500_341]),
    // The cross-tenant access settings of the user's own directory, or the cloud that it is in.
    (Blocked(Block::HomeTenant), &[500_212, 1_000_104]),
    // The cross-tenant access settings of this directory.
    (Blocked(Block::ResourceTenant), &[500_213, 90084]),
    // Locked after failed sign-ins, or signed in from an address of attackers.
    (Blocked(Block::Locked), &[50053]),
    // Consent was not granted, was declined, or needs an administrator.
    (Consent, &[65001, 65004, 90093, 90094, 90095]),
    // Grant revoked; inactivity; session invalid.
    (SignIn("session_revoked"), &[50173, 70008, 700_082, 700_084, 50089, 50132, 50133]),
    // The sign-in frequency of Conditional Access has run out.
    (SignIn("sign_in_frequency"), &[70043]),
    // Assertion outside its lifetime; for another audience; otherwise not acceptable.
    (SignIn("expired"), &[500_133]),
    (SignIn("wrong_audience"), &[500_131]),
    (SignIn("assertion_refused"), &[50013, 50027, 240_002]),
    // MFA, device and third-party challenges: with `claims` a challenge, without them only a sign-in is left.
    (SignIn("interaction_required"), &[50072, 50074, 50076, 50078, 50079, 50097, 50158, 50187, 700_020]),
    // The sign-in page has a new password set, or asks for what it lacks.
    (SignIn("interaction_required"), &[50055, 50058, 50125, 50135, 50144, 9_002_341]),
    (BadCredential, CREDENTIAL),
    (BadCredential, FEDERATED_CREDENTIAL),
    // The issuer of a federated credential is silent.
    (BadCredential, &[50166]),
    // The application is unknown in the tenant, or disabled.
    (BadCredential, &[700_016, 700_011, 700_038, 7_000_112, 70001]),
    // Resource unknown or not subscribed in the tenant; permissions not registered; not assigned to itself.
    (OurFault, &[500_011, 500_014, 50001, 650_054, 501_051]),
    (OurFault, &[65002, 65005, 650_052, 650_056, 650_057, 90099, 1_000_031]),
    // What stands between the broker and Entra ID restricts tenants.
    (OurFault, TENANT_RESTRICTED),
    // The tenant is blocked, or not there any more.
    (OurFault, &[5_000_224, 5_000_225]),
    // Signing keys, salts, audiences and claims mapping of the registration.
    (OurFault, &[50003, 50010, 50042, 50043, 50124, 501_241, 50146, 501_461, 90016]),
    // Scope, tenant, cloud or request malformed, or not for this kind of application.
    (OurFault, &[28000, 28002, 28003, 70011, 700_022, 700_023, 90009, 90002, 90019, 50059, 50128, 50194]),
    (OurFault, &[900_144, 90004, 90013, 90014, 90023, 90100, 9_002_313, 900_384, 900_382, 900_432, 901_002]),
    (OurFault, &[70003, 90008, 90010, 90027, 90038, 90051, 90124, 90130, 9_001_023, 67003]),
    (Loop, &[50196]),
    // The tenant is throttled; transient faults.
    (Transient, &[90055, 50033, 90006, 90012, 90024, 90033, 90036, 90090, 90091, 50000, 501_621]),
];

/// Restricted proxy access; tenant restrictions: a header that a proxy adds to what passes it.
const TENANT_RESTRICTED: &[u32] = &[50002, 500_021, 500_022];

/// Credential: unknown certificate, wrong, expired or missing secret, bad signature or subject.
const CREDENTIAL: &[u32] =
    &[UNKNOWN_CERTIFICATE, 700_030, 700_025, 700_021, 700_024, 7_000_215, 7_000_218, 7_000_222, 50012, 50048];

/// Federated credential: no match, none at all, no match of issuer, audience, subject; a user's token.
const FEDERATED_CREDENTIAL: &[u32] = &[70021, 70025, 700_211, 700_212, 700_213, 700_229];

/// The certificate is none of the application's, or not known to be one yet.
const UNKNOWN_CERTIFICATE: u32 = 700_027;

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

/// Whether a number says that the application does not know the credential, or not as it is.
pub(crate) fn is_of_credential(number: u32) -> bool {
    CREDENTIAL.contains(&number) || FEDERATED_CREDENTIAL.contains(&number)
}

/// Whether a number stands in the table: what keeps a label's values to a closed list.
pub(crate) fn is_known(number: u32) -> bool {
    meaning_of(number).is_some()
}

/// What an operator does about the most common of our own faults.
pub(super) fn hint(number: Option<u32>) -> &'static str {
    match number {
        Some(700_027) => {
            "add this certificate (public part) to the app registration, or wait a few minutes if that was just done"
        }
        Some(700_016 | 70001) => {
            "check AZURE_CLIENT_ID and AZURE_TENANT_ID: the tenant has no such application"
        }
        Some(70021 | 70025 | 700_211 | 700_212 | 700_213) => {
            "issuer, subject and audience of a federated identity credential of the application must match the token exactly"
        }
        Some(700_024) => "the client assertion is not of now: check the machine's clock",
        Some(90002) => "check AZURE_TENANT_ID: the authority has no such tenant",
        Some(500_011 | 650_052 | 650_054 | 650_057) => {
            "give the app registration the delegated permission for this scope; its API must exist in the tenant"
        }
        Some(500_014) => {
            "the service principal of the downstream resource is disabled in this tenant: an administrator enables it"
        }
        Some(50002 | 500_021 | 500_022) => {
            "a proxy between this broker and Entra ID restricts tenants: let it allow this tenant"
        }
        Some(7_000_218 | 700_025) => "the app registration must be a confidential client",
        _ => "look the number up in Microsoft's list of AADSTS error codes",
    }
}

fn meaning_of(number: u32) -> Option<Meaning> {
    TABLE.iter().find(|(_, numbers)| numbers.contains(&number)).map(|(meaning, _)| *meaning)
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
        // An empty word is no OAuth at all: a proxy or an outage page answered.
        "temporarily_unavailable" | "server_error" | "" => Transient,
        _ => OurFault,
    }
}

/// The refusal that asks for a new sign-in, by its reason; `None` for a reason that is not in the table.
pub(crate) fn sign_in_again(reason: &str) -> Option<Kind> {
    TABLE.iter().find_map(|(meaning, _)| match meaning {
        SignIn(known) if *known == reason => Some(invalid_token(known)),
        _ => None,
    })
}

fn invalid_token(reason: &'static str) -> Kind {
    Kind::InvalidToken { reason, text: Arc::from(sign_in_text(reason)) }
}

fn sign_in_text(reason: &str) -> &'static str {
    match reason {
        "session_revoked" => "the session was revoked or has ended; sign in again",
        "sign_in_frequency" => {
            "the time after which Conditional Access asks for a sign-in has run out; a silent sign-in will not do, sign in again on the page, with password or second factor"
        }
        "expired" => "Microsoft Entra ID considers the token expired; sign in again or refresh it",
        "wrong_audience" => "Microsoft Entra ID says the token was issued for another audience",
        "interaction_required" => "Microsoft Entra ID asks for a new, interactive sign-in",
        _ => "Microsoft Entra ID does not accept the token for an exchange; sign in again",
    }
}

#[cfg(test)]
mod tests {
    use identity::cloud::Cloud;
    use serde_json::{Value, json};

    use super::*;
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
    fn no_number_stands_twice() {
        let mut numbers: Vec<_> = TABLE.iter().flat_map(|(_, numbers)| *numbers).collect();
        let all = numbers.len();
        numbers.sort();
        numbers.dedup();
        assert_eq!(numbers.len(), all);
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

    #[test]
    fn no_text_can_confuse_the_parser_of_a_challenge() {
        for (meaning, _) in TABLE {
            if let SignIn(reason) = meaning {
                let text = sign_in_text(reason);
                assert!(!text.contains(['"', '=', '\\']) && text.is_ascii(), "{text}");
            }
        }
    }
}
