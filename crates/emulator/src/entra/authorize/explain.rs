//! What AADSTS codes mean and what mends them, for the person who sees the error page.
//!
//! Real Entra ID shows the bare code. Source of the meanings: Microsoft's "AADSTS error codes" and the reports of
//! people who set up MCP servers with Entra ID.

/// Code, what it means, what mends it.
const EXPLANATIONS: &[(u32, &str, &str)] = &[
    (28_000, "The request asks for scopes of more than one API.", "Ask for the scopes of one API at a time."),
    (
        50_011,
        "The client's redirect URI is not registered.",
        "Add it to the client's app registration, letter by letter, under the right platform (Web, SPA, or Mobile and desktop).",
    ),
    (
        50_076,
        "Conditional Access asks for multifactor authentication.",
        "Sign in again and approve the request; pass on the claims the API answered with.",
    ),
    (
        50_105,
        "The person is not assigned to the application.",
        "An administrator assigns them under Enterprise applications, Users and groups.",
    ),
    (
        53_003,
        "A Conditional Access policy blocks the sign-in.",
        "Trying again does not help; an administrator changes the policy, or the place or device changes.",
    ),
    (
        65_001,
        "Nobody has consented to this permission.",
        "The person consents, or an administrator does for everyone.",
    ),
    (65_004, "The person declined to consent.", "Sign in again and accept."),
    (
        70_011,
        "A scope is not written as Entra ID needs it.",
        "Write scopes in full, for example https://mcp.contoso.com/mcp/cost.read.",
    ),
    (
        90_094,
        "Only an administrator can grant this permission.",
        "Ask an administrator to grant admin consent for the client.",
    ),
    (
        90_095,
        "People in this tenant may not consent to anything.",
        "An administrator consents for everyone; a client that adds prompt=consent meets this page all the same.",
    ),
    (
        500_011,
        "There is no API of this identifier in the tenant.",
        "Check the Application ID URI, and that an enterprise application exists for it.",
    ),
    (
        650_053,
        "The API has no such scope. A scope without a prefix belongs to Microsoft Graph.",
        "Write the scope in full, with the API's Application ID URI in front.",
    ),
    (
        700_016,
        "There is no application of this client id in the tenant.",
        "Entra ID does not let clients register themselves: register the client and configure its id.",
    ),
    (
        700_051,
        "The response type is not enabled for the application.",
        "Use the authorization code flow (response_type=code) with PKCE.",
    ),
    (
        9_002_344,
        "The request carries no usable PKCE challenge.",
        "Send code_challenge with code_challenge_method=S256.",
    ),
    (
        9_010_010,
        "The resource parameter is not the identifier of the API whose scopes are asked for.",
        "Make the MCP URL the Application ID URI of the API, without a slash at the end, and ask for scopes that begin with it.",
    ),
];

/// Meaning and mending of a code, if it is one that people meet here.
pub(super) fn explain(code: u32) -> Option<(&'static str, &'static str)> {
    let found = EXPLANATIONS.iter().find(|(known, ..)| *known == code);
    found.map(|(_, meaning, mending)| (*meaning, *mending))
}

#[cfg(test)]
mod tests {
    use super::EXPLANATIONS;

    #[test]
    fn codes_are_in_order_and_explained_once() {
        assert!(EXPLANATIONS.is_sorted_by(|one, next| one.0 < next.0));
    }
}
