//! What the numbers of Entra ID's errors mean for the caller: one table, and what is said of a number to whom. Knows no
//! answer that a number stands in.

use std::sync::Arc;

use proto::status::Block;

use crate::error::Kind;

/// What a refusal means for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
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
pub(crate) const TENANT_RESTRICTED: &[u32] = &[50002, 500_021, 500_022];

/// Credential: unknown certificate, wrong, expired or missing secret, bad signature or subject.
const CREDENTIAL: &[u32] =
    &[UNKNOWN_CERTIFICATE, 700_030, 700_025, 700_021, 700_024, 7_000_215, 7_000_218, 7_000_222, 50012, 50048];

/// Federated credential: no match, none at all, no match of issuer, audience, subject; a user's token.
const FEDERATED_CREDENTIAL: &[u32] = &[70021, 70025, 700_211, 700_212, 700_213, 700_229];

/// Entra ID does not know the certificate as the application's, or not yet.
pub(crate) const UNKNOWN_CERTIFICATE: u32 = 700_027;

/// Whether a number says that the application does not know the credential, or not as it is.
pub(crate) fn is_of_credential(number: u32) -> bool {
    CREDENTIAL.contains(&number) || FEDERATED_CREDENTIAL.contains(&number)
}

/// The numbers of the table.
pub fn known() -> impl Iterator<Item = u32> {
    TABLE.iter().flat_map(|(_, numbers)| numbers.iter().copied())
}

/// Whether a number stands in the table: what keeps a label's values to a closed list.
pub(crate) fn is_known(number: u32) -> bool {
    meaning_of(number).is_some()
}

/// What an operator does about the most common of our own faults.
pub(crate) fn hint(number: Option<u32>) -> &'static str {
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

/// What a number means, if it stands in the table.
pub(crate) fn meaning_of(number: u32) -> Option<Meaning> {
    TABLE.iter().find(|(_, numbers)| numbers.contains(&number)).map(|(meaning, _)| *meaning)
}

/// The refusal that asks for a new sign-in, by its reason; `None` for a reason that is not in the table.
pub(crate) fn sign_in_again(reason: &str) -> Option<Kind> {
    TABLE.iter().find_map(|(meaning, _)| match meaning {
        SignIn(known) if *known == reason => Some(invalid_token(known)),
        _ => None,
    })
}

/// The refusal that asks for a new sign-in, for a reason of the table.
pub(crate) fn invalid_token(reason: &'static str) -> Kind {
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
    use super::*;

    #[test]
    fn no_number_stands_twice() {
        let mut numbers: Vec<_> = TABLE.iter().flat_map(|(_, numbers)| *numbers).collect();
        let all = numbers.len();
        numbers.sort();
        numbers.dedup();
        assert_eq!(numbers.len(), all);
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
