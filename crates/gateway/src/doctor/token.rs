//! One real token, explained: each pin, which tools it can call, and whether it can be exchanged.
//!
//! What is shown: `aud`, `iss`, `tid`, `ver`, times, `oid`, `azp`, scopes, roles, `acrs`, `idtyp`, and of the header `alg`,
//! `typ` and `kid`. An object id finds the person in Entra ID for those who may look; names and addresses stay out.

use std::sync::Arc;

use identity::{
    BearerToken, ClientId, Explanation, Pin, Principal, Reason, Validator, ValidatorConfig, Verdict,
};
use secrecy::ExposeSecret;
use serde_json::Value;
use telemetry::report::{Finding, Outcome};

use super::broker;
use super::site::Site;
use super::words::sentence;
use crate::mcp::tool_names;
use crate::refusal::Refusal;

const TOOL: &str = "tool";
const FORM: &str = "token_form";
const GRAPH: &str = "Microsoft Graph";
const PIPED: &str = "what is on standard input";

/// What to do about each reason; `{scope}` and `{tenant}` are filled in.
const FIXES: &[(Reason, &str)] = &[
    (
        Reason::WrongAudience,
        "Ask for a token with the scope {scope}, for example with `az account get-access-token --scope {scope}`: this one was issued for another API.",
    ),
    (Reason::WrongIssuer, "Sign in to the tenant {tenant}, for example with `az login --tenant {tenant}`."),
    (Reason::WrongTenant, "Sign in to the tenant {tenant}, for example with `az login --tenant {tenant}`."),
    (Reason::Expired, "Get a new token; if this one is new, set the clock of this machine right."),
    (Reason::NotYetValid, "Set the clock of this machine right: the token is from its future."),
    (
        Reason::UnsupportedVersion,
        "Set api.requestedAccessTokenVersion to 2 in the manifest of the API's registration, then get a new token.",
    ),
    (
        Reason::NotAnAccessToken,
        "Send the access token: an ID token tells a client who signed in and opens no API.",
    ),
    (
        Reason::BadSignature,
        "Take the token whole and unchanged; a token for Microsoft Graph never verifies elsewhere.",
    ),
    (
        Reason::UnknownKey,
        "Get a new token from the tenant {tenant}; check AZURE_CLOUD if it is one of this tenant.",
    ),
    (
        Reason::MissingClaim,
        "Get an access token from Entra ID itself: each of its tokens carries these claims.",
    ),
    (Reason::UnsupportedAlgorithm, "Get an access token from Entra ID, which signs with RS256."),
    (Reason::ForbiddenHeader, "Get an access token from Entra ID, which sends no such header parameter."),
    (
        Reason::TooLarge,
        "In the token configuration of the API's app registration choose \"Groups assigned to the application\" for the group claims, or none.",
    ),
    (
        Reason::TooManyValues,
        "Assign this person fewer roles, or have the API's app registration emit fewer claims: no more are read.",
    ),
    (Reason::HeaderTooLarge, "Get an access token from Entra ID, whose headers are short."),
    (
        Reason::SeveralAudiences,
        "Ask Entra ID for a token with the scope {scope}: each of its tokens is for one API, and none has a list as its audience.",
    ),
    (
        Reason::Malformed,
        "Take the token whole, three parts joined by dots, for example `az account get-access-token --scope {scope}`.",
    ),
];

/// Explains the token on standard input.
pub(super) async fn look(site: &Site) -> Vec<Finding> {
    let Some(piped) = &site.token else { return Vec::new() };
    let Some(text) = text(piped.expose_secret()) else { return vec![no_text()] };
    let token = match BearerToken::parse(picked(text)) {
        Ok(token) => token,
        Err(invalid) => {
            let fix = fix(invalid.reason(), site);
            return vec![Finding::missing(FORM, PIPED, invalid.to_string(), fix)];
        }
    };
    let validator = match validator(site) {
        Ok(validator) => validator,
        Err(why) => return vec![Finding::unknown("token", "the token", why, "Mend the settings first.")],
    };
    let Explanation { pins, outcome } = validator.explain(&token).await;
    let mut findings: Vec<_> = pins.iter().map(|pin| line(pin, &pins, site)).collect();
    // A token that proves nobody calls nothing: its pins have said so.
    if let Ok(principal) = outcome {
        findings.extend(client(site, &principal));
        // What a scope that is not a name opens is said by the line of the client.
        if !principal.scopes().iter().any(is_no_name) {
            findings.extend(tools(site, &principal));
        }
        if !principal.is_app_only() {
            findings.extend(broker::exchange(site, &token).await);
        }
    }
    findings
}

/// What was piped in, as far as it is text. UTF-16 in plain letters is UTF-8 too, with a zero beside each letter.
fn text(piped: &[u8]) -> Option<&str> {
    std::str::from_utf8(piped).ok().filter(|text| !text.contains('\0'))
}

fn no_text() -> Finding {
    let detail = "it is not UTF-8 text; a file that Windows PowerShell wrote with `>` is UTF-16";
    let fix = "Pipe the token straight in, or write it with `Out-File -Encoding ascii`.";
    Finding::missing(FORM, PIPED, detail, fix)
}

/// The token in what was piped in: itself, a header line, or the JSON document of a tool or a token endpoint.
fn picked(text: &str) -> String {
    // A byte order mark is not a blank.
    let text = text.trim_start_matches('\u{feff}').trim();
    if let Ok(Value::Object(document)) = serde_json::from_str::<Value>(text) {
        let names = ["accessToken", "access_token"];
        return names.iter().find_map(|name| document.get(*name)?.as_str()).unwrap_or_default().to_owned();
    }
    let unquoted = text.trim_matches(['"', '\'']);
    let words = unquoted
        .split_ascii_whitespace()
        .skip_while(|word| ["authorization:", "bearer"].contains(&word.to_ascii_lowercase().as_str()));
    words.collect::<Vec<_>>().join(" ")
}

fn validator(site: &Site) -> Result<Validator, String> {
    let rules = ValidatorConfig {
        tenant: site.args.tenant_id,
        audiences: site.audiences(),
        identifier_uris: site.args.identifier_uris(),
        accept_v1: site.args.accept_v1_tokens,
    };
    let http = site.http.clone()?;
    Validator::new(rules, &site.endpoints.authority, http, Arc::clone(&site.clock))
        .map_err(|error| error.to_string())
}

fn line(pin: &Pin, pins: &[Pin], site: &Site) -> Finding {
    let name = format!("token_{}", pin.name.replace(' ', "_"));
    let (subject, found) = (format!("the token's {}", pin.name), known(&pin.found));
    match pin.verdict {
        Verdict::Passed => Finding::ok(&name, subject, found),
        Verdict::Failed(invalid) => {
            let reason = invalid.reason();
            if let Some(Consequence { why, fix }) = follows(pin, reason, pins) {
                return Finding::unknown(&name, subject, format!("{why}; found {found}"), fix);
            }
            let detail = format!("{}: {}", reason.as_str(), told(pin, reason, &found));
            Finding::missing(&name, subject, detail, fix(reason, site))
        }
        Verdict::Unknown(why) => {
            if pin.name == "version" {
                let fix =
                    "Mend the line of the audience first; the registration of this API is not at fault.";
                return Finding::unknown(&name, subject, format!("{why}; found {found}"), fix);
            }
            Finding::unknown(&name, subject, why, "Mend the other lines first.")
        }
    }
}

/// What is wrong, in words.
fn told(pin: &Pin, reason: Reason, found: &str) -> String {
    match (reason, found) {
        (Reason::WrongTenant, _) => format!("issued by another directory ({found}), not by {}", pin.expected),
        (_, "") => format!("expected {}; found nothing that fits", pin.expected),
        _ => format!("expected {}; found {found}", pin.expected),
    }
}

/// Why a pin fails only because another does.
struct Consequence {
    why: &'static str,
    fix: &'static str,
}

/// The cause behind a pin that fails, if it is another that fails: one fault is one line to mend.
fn follows(pin: &Pin, reason: Reason, pins: &[Pin]) -> Option<Consequence> {
    let failed =
        |name: &str| pins.iter().find(|pin| pin.name == name && matches!(pin.verdict, Verdict::Failed(_)));
    let of_tenant = Consequence {
        why: "follows from the token's tenant: another directory signs with another issuer and with keys of its own",
        fix: "Mend the line of the tenant first.",
    };
    match reason {
        Reason::WrongIssuer => {
            failed("tenant").filter(|tenant| pin.found.contains(&tenant.found)).map(|_| of_tenant)
        }
        Reason::UnknownKey => failed("tenant").map(|_| of_tenant),
        Reason::BadSignature => {
            failed("audience").filter(|audience| known(&audience.found).ends_with(GRAPH)).map(|_| Consequence {
                why: "follows from the token's audience: nobody but Microsoft Graph can verify a token for it",
                fix: "Mend the line of the audience first.",
            })
        }
        _ => None,
    }
}

/// Resources that tokens are often asked for by mistake (Microsoft: "First-party applications").
fn known(found: &str) -> String {
    let name = match found.trim_end_matches('/') {
        "00000003-0000-0000-c000-000000000000" | "https://graph.microsoft.com" => GRAPH,
        "797f4846-ba00-4fd7-ba43-dac1f8f63013"
        | "https://management.azure.com"
        | "https://management.core.windows.net"
        | "https://management.usgovcloudapi.net"
        | "https://management.core.usgovcloudapi.net"
        | "https://management.chinacloudapi.cn"
        | "https://management.core.chinacloudapi.cn" => "Azure Resource Manager",
        _ => return found.to_owned(),
    };
    format!("{found}, which is {name}")
}

fn fix(reason: Reason, site: &Site) -> String {
    let text = FIXES.iter().find(|(known, _)| *known == reason).map_or("Get a new token.", |(_, fix)| fix);
    let scope = format!("{}/cost.read", site.scope_prefix());
    text.replace("{scope}", &scope).replace("{tenant}", &site.args.tenant_id.to_string())
}

/// Whether the client that the token was issued to is an application of its own. Where it is the API's own registration,
/// its first token is right and each one after it is not: most refresh without `scope`, and Entra ID answers that
/// with AADSTS90009, or with a token whose `scp` is a dot and an id.
fn client(site: &Site, principal: &Principal) -> Option<Finding> {
    const NAME: &str = "token_client";
    if principal.is_app_only() {
        return None;
    }
    let client = principal.client();
    let subject = format!("the client that the token was issued to, {client}");
    let odd = principal.scopes().iter().find(|scope| is_no_name(scope));
    let fix = "Register the client by itself, never on the API's registration (docs/clients.md), take its redirect URIs off that one, and sign in again with the new client id.";
    if let Some(odd) = odd {
        let detail = format!(
            "its scope is {odd}, which Entra ID writes into a token that a client got by a refresh without `scope` where client and API are one registration: no tool can be called with it"
        );
        return Some(Finding::missing(NAME, subject, detail, fix));
    }
    if client == site.args.client_id {
        let detail = "it is this API's own registration: this token is right, but a refresh without `scope`, which is how most clients refresh, gets AADSTS90009 or a token without the scopes";
        return Some(Finding::missing(NAME, subject, detail, fix));
    }
    Some(Finding::ok(NAME, subject, "is an application of its own"))
}

/// A scope that is not a name: a dot and an id.
fn is_no_name(scope: &str) -> bool {
    scope.strip_prefix('.').is_some_and(|id| id.parse::<ClientId>().is_ok())
}

/// What `tools/call` would decide for each tool, by the function that decides there. Who may call some tools and not
/// others is as it should be for most; a token that can call none is a fault.
fn tools(site: &Site, principal: &Principal) -> Vec<Finding> {
    let Ok(policy) = &site.policy else {
        let why = "the policy cannot be used, so nobody may call anything";
        return vec![Finding::unknown(TOOL, "every tool", why, "Mend the line of the policy first.")];
    };
    let decide = |tool| (tool, policy.decide(tool, principal).map_err(Refusal::from));
    let decided: Vec<_> = tool_names().into_iter().map(decide).collect();
    if principal.is_app_only() {
        // The same for each tool, and said once.
        let first = decided.into_iter().find_map(|(_, decision)| decision.err());
        return first.map(|refusal| refused("every tool", &refusal, false)).into_iter().collect();
    }
    let some = decided.iter().any(|(_, decision)| decision.is_ok());
    let line = |(tool, decision): (&'static str, Result<(), Refusal>)| match decision {
        Ok(()) => Finding::ok(TOOL, tool, "this token can call it"),
        Err(refusal) => refused(tool, &refusal, some),
    };
    decided.into_iter().map(line).collect()
}

/// A tool that the token cannot call; `others` if there are some that it can.
fn refused(tool: &str, refusal: &Refusal, others: bool) -> Finding {
    let fix = sentence(&refusal.detail());
    if others {
        let detail = format!("refused: {}", refusal.code());
        return Finding::new(TOOL, tool, Outcome::Ok, detail, fix);
    }
    Finding::missing(TOOL, tool, refusal.code(), fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_in_what_people_pipe_in() {
        for text in [
            "a.b.c",
            " a.b.c\n",
            "Bearer a.b.c",
            "Authorization: Bearer a.b.c\r\n",
            "\"a.b.c\"",
            r#"{"accessToken":"a.b.c","tenant":"x"}"#,
            r#"{"token_type":"Bearer","access_token":"a.b.c"}"#,
            "\u{feff}a.b.c\r\n",
        ] {
            assert_eq!(picked(text), "a.b.c", "{text}");
        }
        assert_eq!(picked("{}"), "");
    }

    #[test]
    fn what_is_no_utf_8_is_no_text() {
        let utf_16: Vec<_> = "a.b.c".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!((text(b"a.b.c"), text(&utf_16)), (Some("a.b.c"), None));
        assert_eq!(text(&[b"\xff\xfe", utf_16.as_slice()].concat()), None);
    }

    #[test]
    fn a_dot_and_an_id_is_no_name_of_a_scope() {
        assert!(is_no_name(".4f0c7c3e-0000-4000-8000-000000000001"));
        for name in ["cost.read", ".default", "4f0c7c3e-0000-4000-8000-000000000001", ".", ""] {
            assert!(!is_no_name(name), "{name}");
        }
    }

    #[test]
    fn every_reason_has_a_fix() {
        for reason in Reason::ALL {
            assert!(FIXES.iter().any(|(known, _)| known == reason), "{reason:?}");
        }
    }
}
