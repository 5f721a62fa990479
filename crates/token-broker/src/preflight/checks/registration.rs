//! The application's registration: tokens, names, scopes and roles.

use telemetry::report::Outcome;

use super::found::{Found, View};
use crate::preflight::graph::{AppRole, Application, PermissionScope};
use crate::preflight::untold::Untold;

/// What a token of this API must carry, and what it is for.
const CLAIMS: &[(&str, &str)] = &[
    ("xms_cc", "tells whether a client can answer a claims challenge"),
    ("idtyp", "tells applications' own tokens from users'"),
];
/// Needed where the policy names an authentication context.
const CONTEXT_CLAIM: (&str, &str) = (
    "acrs",
    "proves the authentication context that the policy asks for: without, its tools are never allowed",
);

/// Tokens are of version 2.0, unless 1.0 is accepted.
pub(super) fn token_version(view: &View<'_>) -> Result<Vec<Found>, Untold> {
    let subject = "version of access tokens";
    let version = application(view)?.api.requested_access_token_version;
    let found = match version {
        Some(2) => Found::granted(subject, "2.0"),
        _ if view.expected.accept_v1 => Found::granted(subject, "1.0, which is accepted"),
        other => Found::missing(
            subject,
            format!(
                "requestedAccessTokenVersion is {}: tokens are of version 1.0 and are refused",
                other.map_or("null".to_owned(), |number| number.to_string())
            ),
            format!(
                "Set it to 2: `az ad app update --id {} --set api.requestedAccessTokenVersion=2`.",
                view.expected.client_id
            ),
        ),
    };
    Ok(vec![found])
}

const NO_PUBLIC_URL: Untold =
    Untold::NotSet { setting: "GATEWAY_PUBLIC_URL", to: "what it is at the gateway" };

/// What stands before a scope must be an identifier URI, letter by letter; so should be the public URL, where scopes have
/// another prefix.
pub(super) fn identifier_uris(view: &View<'_>) -> Result<Vec<Found>, Untold> {
    let application = application(view)?;
    let prefix = view.expected.scope_prefix.as_ref().ok_or(NO_PUBLIC_URL)?;
    let url = view.expected.public_url.as_ref().filter(|url| *url != prefix);
    let found = [Some(scope_prefix(view, application, prefix)), url.map(|url| resource(application, url))];
    Ok(found.into_iter().flatten().collect())
}

/// Most clients send the public URL as `resource` (RFC 8707), and Entra ID wants it to be the scopes' application too.
/// Whether these ones do is not to be seen here.
fn resource(application: &Application, url: &str) -> Found {
    if application.identifier_uris.iter().any(|uri| uri == url) {
        return Found::granted(url, "is an identifier URI of the application");
    }
    let detail = "clients send it as `resource`, and it is not an identifier URI: unless yours leave `resource` out, Entra ID \
                  answers AADSTS9010010";
    let fix = "Make the public URL an identifier URI and leave GATEWAY_SCOPE_PREFIX out, or use clients that send no \
               `resource` (docs/troubleshooting.md).";
    Found::new(url, Outcome::Unknown, detail, fix)
}

fn scope_prefix(view: &View<'_>, application: &Application, prefix: &String) -> Found {
    let uris = &application.identifier_uris;
    let id = view.expected.client_id.to_string();
    // An application's id, bare or as `api://`, always names it.
    let own = prefix.strip_prefix("api://").unwrap_or(prefix).eq_ignore_ascii_case(&id);
    if own || uris.contains(prefix) {
        return Found::granted(prefix, "is an identifier URI of the application");
    }
    let alike = |uri: &&String| uri.trim_end_matches('/').eq_ignore_ascii_case(prefix.trim_end_matches('/'));
    let detail = match (uris.iter().find(alike), uris.as_slice()) {
        (Some(uri), _) => format!("the identifier URI is {uri}: Entra ID compares letter by letter"),
        (None, []) => "the application has no identifier URI".to_owned(),
        (None, uris) => format!("no identifier URI of the application, which has {}", shown(uris)),
    };
    let fix = format!(
        "Add it under \"Expose an API\", or sign-ins fail with AADSTS9010010 or AADSTS500011: `az ad app update --id {id} \
         --identifier-uris {}`. Where its domain cannot be verified, see docs/troubleshooting.md, AADSTS9010010.",
        [uris.as_slice(), std::slice::from_ref(prefix)].concat().join(" ")
    );
    Found::missing(prefix, detail, fix)
}

/// The audience that tokens will have is among those that are accepted.
pub(super) fn audiences(view: &View<'_>) -> Result<Vec<Found>, Untold> {
    let (subject, accepted) = ("audiences", &view.expected.audiences);
    let application = application(view)?;
    let id = view.expected.client_id.to_string();
    let accepts = |name: &str| accepted.iter().any(|one| one == name);
    if application.api.requested_access_token_version == Some(2) {
        if accepts(&id) {
            return Ok(vec![Found::granted(
                subject,
                "the client id, which version 2.0 tokens are for, is accepted",
            )]);
        }
        let detail = format!("tokens are for the client id {id}, and only {} is accepted", shown(accepted));
        let fix = "Add the client id to BROKER_AUDIENCES and GATEWAY_AUDIENCES, or leave both unset.";
        return Ok(vec![Found::missing(subject, detail, fix)]);
    }
    if application.identifier_uris.iter().any(|uri| accepts(uri) || accepts(&format!("{uri}/")))
        || accepts(&id)
    {
        return Ok(vec![Found::granted(
            subject,
            "an identifier URI, which version 1.0 tokens are for, is accepted",
        )]);
    }
    let detail = format!(
        "tokens are for one of {}, and only {} is accepted",
        shown(&application.identifier_uris),
        shown(accepted)
    );
    let fix = "Add the identifier URI that clients ask for to BROKER_AUDIENCES and GATEWAY_AUDIENCES.";
    Ok(vec![Found::missing(subject, detail, fix)])
}

/// Tokens carry the claims that decisions rest on.
pub(super) fn optional_claims(view: &View<'_>) -> Result<Vec<Found>, Untold> {
    let application = application(view)?;
    let configured = &application.optional_claims.access_token;
    let context = view.expected.needs.auth_context.then_some(CONTEXT_CLAIM);
    let look = |(name, what_for): (&str, &str)| {
        let subject = format!("optional claim {name}");
        if configured.iter().any(|claim| claim.name == name) {
            return Found::granted(subject, "is in access tokens");
        }
        let fix = format!("Add {name} to the access token under \"Token configuration\" or in the manifest.");
        Found::missing(subject, format!("is not in access tokens; it {what_for}"), fix)
    };
    Ok(CLAIMS.iter().copied().chain(context).map(look).collect())
}

/// Every scope of the policy exists, is enabled and has the right type.
pub(super) fn scopes(view: &View<'_>) -> Result<Vec<Found>, Untold> {
    let offered = match offered(view)? {
        Offered::Application(application) => &application.api.scopes,
        Offered::Principal(principal) => &principal.scopes,
    };
    Ok(view.expected.needs.scopes.iter().map(|scope| one_scope(view, scope, offered)).collect())
}

/// Every role of the policy exists, is enabled and can be assigned to people.
pub(super) fn app_roles(view: &View<'_>) -> Result<Vec<Found>, Untold> {
    let offered = match offered(view)? {
        Offered::Application(application) => &application.app_roles,
        Offered::Principal(principal) => &principal.app_roles,
    };
    Ok(view.expected.needs.roles.iter().map(|role| one_role(role, offered)).collect())
}

fn one_scope(view: &View<'_>, wanted: &str, offered: &[PermissionScope]) -> Found {
    let subject = format!("scope {wanted}");
    let admin = view.expected.is_admin_scope(wanted);
    let kind = if admin { "Admin" } else { "User" };
    // Entra ID lets no two scopes differ in case alone.
    let Some(scope) = offered.iter().find(|scope| scope.value.eq_ignore_ascii_case(wanted)) else {
        let who = if admin { "Admins only" } else { "Admins and users" };
        let detail = "the application does not offer it: sign-ins that ask for it fail with AADSTS650053";
        let fix = format!("Add it under \"Expose an API\", with \"Who can consent?\" set to \"{who}\".");
        return Found::missing(subject, detail, fix);
    };
    if !scope.is_enabled {
        let detail = "is disabled: sign-ins that ask for it fail with AADSTS650053";
        return Found::missing(subject, detail, "Set its state to Enabled under \"Expose an API\".");
    }
    if scope.kind != kind && admin {
        let detail = "every user can consent to it, though it is for administrators to decide";
        return Found::missing(subject, detail, decide_by_role_or_by_consent(view, wanted));
    }
    if scope.kind != kind {
        let detail = "only administrators can consent to it: users are stopped at their first sign-in";
        let fix = "Set \"Who can consent?\" to \"Admins and users\" under \"Expose an API\", or add it to PREFLIGHT_ADMIN_SCOPES.";
        return Found::missing(subject, detail, fix);
    }
    Found::granted(subject, if admin { "exists, for administrators to consent to" } else { "exists" })
}

/// The two ways to say who may have a scope that is not for everybody (docs/clients.md, "Who may export").
fn decide_by_role_or_by_consent(view: &View<'_>, scope: &str) -> String {
    if view.expected.is_with_role(scope) {
        return format!(
            "The policy's roles decide who may use {scope}: set PREFLIGHT_ADMIN_SCOPES=none. Or set \"Who can consent?\" to \
             \"Admins only\" under \"Expose an API\"."
        );
    }
    format!(
        "Decide by app role: name one under `roles` for each tool of {scope} in the policy, and set \
         PREFLIGHT_ADMIN_SCOPES=none. Or set \"Who can consent?\" to \"Admins only\" under \"Expose an API\"."
    )
}

fn one_role(wanted: &str, offered: &[AppRole]) -> Found {
    let subject = format!("app role {wanted}");
    let Some(role) = offered.iter().find(|role| role.value == wanted) else {
        let detail = "the application does not have it: nobody can be assigned to it";
        let fix = "Create it under \"App roles\" with this value, for users and groups, then assign people.";
        return Found::missing(subject, detail, fix);
    };
    if !role.is_enabled {
        return Found::missing(subject, "is disabled", "Enable it under \"App roles\".");
    }
    if !role.allowed_member_types.iter().any(|kind| kind == "User") {
        let detail = "is for applications only: no user or group can be assigned to it";
        return Found::missing(
            subject,
            detail,
            "Allow users and groups as member types under \"App roles\".",
        );
    }
    Found::granted(subject, "exists, for users and groups")
}

enum Offered<'a> {
    Application(&'a Application),
    Principal(&'a crate::preflight::graph::ServicePrincipal),
}

/// Who tells what is offered: the application, or, where that is another tenant's or may not be read, its service
/// principal, which mirrors it.
fn offered<'a>(view: &View<'a>) -> Result<Offered<'a>, Untold> {
    match (&view.tenant.application, &view.tenant.principal) {
        (Ok(Some(application)), _) => Ok(Offered::Application(application)),
        (_, Ok(Some(principal))) => Ok(Offered::Principal(principal)),
        (Err(untold), _) | (_, Err(untold)) => Err(untold.clone()),
        (Ok(None), Ok(None)) => Err(Untold::Elsewhere),
    }
}

pub(super) fn application<'a>(view: &View<'a>) -> Result<&'a Application, Untold> {
    let application = view.tenant.application.as_ref().map_err(Clone::clone)?;
    application.as_ref().ok_or(Untold::Elsewhere)
}

fn shown(texts: &[String]) -> String {
    if texts.is_empty() { "none".to_owned() } else { texts.join(", ") }
}
