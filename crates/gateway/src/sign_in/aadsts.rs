//! What refusals of Entra ID mean behind the facade: clients show the description, and its number alone helps nobody.

/// Number, and what mends it.
const MEANINGS: [(u32, &str); 11] = [
    (50_011, "The redirect URI is not registered in Entra ID for this client."),
    (50_076, "A Conditional Access policy asks for more: sign in again."),
    (50_173, "The session was ended: sign in again."),
    (53_003, "A Conditional Access policy blocks this sign-in: an administrator can say which."),
    (65_001, "Nobody has consented to this for this client: sign in again, or an administrator consents."),
    (90_009, "Client and API are one registration in Entra ID: register the client by itself."),
    (700_016, "The client_id of the entry in GATEWAY_SIGN_IN_FILE is not known to this tenant."),
    (700_082, "The session is too old: sign in again."),
    (7_000_218, "Register the redirect URI under \"Mobile and desktop applications\", not \"Web\"."),
    (9_002_326, "Register the redirect URI under \"Mobile and desktop applications\"; no page redeems here."),
    (9_002_327, "Register the redirect URI under \"Mobile and desktop applications\", not \"Single-page\"."),
];

/// What a description of Entra ID means, by the number in it.
pub(super) fn meaning(description: &str) -> Option<&'static str> {
    let (_, behind) = description.split_once("AADSTS")?;
    let number: u32 = behind.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    MEANINGS.iter().find(|(known, _)| *known == number).map(|(_, meaning)| *meaning)
}
