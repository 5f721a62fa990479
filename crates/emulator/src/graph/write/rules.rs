//! What an application's document must hold, as far as Graph looks.

use std::collections::HashSet;

use http::StatusCode;
use serde_json::Value;
use url::Url;
use uuid::Uuid;

use super::{GraphError, bad_request};
use crate::clock::Clock;
use crate::jwt;
use crate::tenant::certificate::Certificate;
use crate::tenant::contoso::{TENANT_DOMAIN, TENANT_ID, VERIFIED_DOMAIN};
use crate::tenant::directory::Directory;

/// A document that is to be kept, and what it is compared with.
pub(super) struct Draft<'a> {
    pub(super) directory: &'a Directory,
    pub(super) clock: &'a Clock,
    /// The application's id, where it has one already.
    pub(super) app_id: Option<&'a str>,
    /// What is kept of it until now; null for a new one.
    pub(super) before: &'a Value,
    pub(super) after: &'a Value,
}

type Rule = fn(&Draft<'_>) -> Result<(), GraphError>;

/// Every rule, in the order in which a mistake is told.
const RULES: &[Rule] =
    &[names, scopes, roles, duplicates, enabled_ones, pre_authorized, identifier_uris, redirect_uris, keys];

/// Whether Graph keeps the document.
pub(super) fn check(draft: &Draft<'_>) -> Result<(), GraphError> {
    RULES.iter().try_for_each(|rule| rule(draft))
}

fn names(draft: &Draft<'_>) -> Result<(), GraphError> {
    if draft.after["displayName"].as_str().is_none_or(|name| name.trim().is_empty()) {
        return Err(bad_request("A value is required for property 'displayName' of resource 'Application'."));
    }
    let audiences = [
        "AzureADMyOrg",
        "AzureADMultipleOrgs",
        "AzureADandPersonalMicrosoftAccount",
        "PersonalMicrosoftAccount",
    ];
    one_of(&draft.after["signInAudience"], &audiences, "signInAudience", "Application")?;
    match &draft.after["api"]["requestedAccessTokenVersion"] {
        Value::Null => Ok(()),
        version if *version == 1 || *version == 2 => Ok(()),
        _ => Err(invalid("requestedAccessTokenVersion", "ApiApplication")),
    }
}

fn scopes(draft: &Draft<'_>) -> Result<(), GraphError> {
    for scope in list(&draft.after["api"]["oauth2PermissionScopes"]) {
        guid(&scope["id"], "id", "PermissionScope")?;
        one_of(&scope["type"], &["User", "Admin"], "type", "PermissionScope")?;
        for name in ["value", "adminConsentDisplayName", "adminConsentDescription"] {
            word_or_text(&scope[name], name, "PermissionScope")?;
        }
    }
    Ok(())
}

fn roles(draft: &Draft<'_>) -> Result<(), GraphError> {
    for role in list(&draft.after["appRoles"]) {
        guid(&role["id"], "id", "AppRole")?;
        for name in ["value", "displayName", "description"] {
            word_or_text(&role[name], name, "AppRole")?;
        }
        let members = list(&role["allowedMemberTypes"]);
        if members.is_empty() {
            return Err(invalid("allowedMemberTypes", "AppRole"));
        }
        members
            .iter()
            .try_for_each(|of| one_of(of, &["User", "Application"], "allowedMemberTypes", "AppRole"))?;
    }
    Ok(())
}

fn duplicates(draft: &Draft<'_>) -> Result<(), GraphError> {
    let (scopes, roles) =
        (list(&draft.after["api"]["oauth2PermissionScopes"]), list(&draft.after["appRoles"]));
    let of = |objects: &[Value], name: &str| -> Vec<String> {
        objects.iter().filter_map(|one| one[name].as_str()).map(str::to_lowercase).collect()
    };
    let ids = [of(scopes, "id"), of(roles, "id")].concat();
    let uris = list(&draft.after["identifierUris"]).iter().filter_map(Value::as_str).map(str::to_lowercase);
    for values in [of(scopes, "value"), of(roles, "value"), ids, uris.collect()] {
        if values.iter().collect::<HashSet<_>>().len() < values.len() {
            let message = "Request contains a property with duplicate values.";
            return Err(GraphError::new(StatusCode::BAD_REQUEST, "DuplicateValue", message));
        }
    }
    Ok(())
}

/// An enabled scope or role stays as it is, until it is disabled in a request of its own.
fn enabled_ones(draft: &Draft<'_>) -> Result<(), GraphError> {
    let pairs = [
        (&draft.before["api"]["oauth2PermissionScopes"], &draft.after["api"]["oauth2PermissionScopes"]),
        (&draft.before["appRoles"], &draft.after["appRoles"]),
    ];
    for (before, after) in pairs {
        for kept in list(before).iter().filter(|one| one["isEnabled"] == true) {
            let now = list(after).iter().find(|one| one["id"] == kept["id"]);
            if now.is_none_or(|now| now["value"] != kept["value"]) {
                let message =
                    "Permission (scope or role) cannot be deleted or updated unless disabled first.";
                let code = "CannotDeleteOrUpdateEnabledEntitlement";
                return Err(GraphError::new(StatusCode::BAD_REQUEST, code, message));
            }
        }
    }
    Ok(())
}

fn pre_authorized(draft: &Draft<'_>) -> Result<(), GraphError> {
    let offered: Vec<_> = list(&draft.after["api"]["oauth2PermissionScopes"])
        .iter()
        .filter_map(|one| one["id"].as_str())
        .collect();
    for one in list(&draft.after["api"]["preAuthorizedApplications"]) {
        let client = one["appId"].as_str().unwrap_or_default();
        if draft.directory.application(client).is_none() {
            let message = format!(
                "Property PreAuthorizedApplication references applications {client} that cannot be found."
            );
            return Err(GraphError::new(StatusCode::BAD_REQUEST, "InvalidAppId", message));
        }
        let known = |id: &Value| {
            offered.iter().any(|offered| id.as_str().is_some_and(|id| id.eq_ignore_ascii_case(offered)))
        };
        if !list(&one["delegatedPermissionIds"]).iter().all(known) {
            let message = "Property api.preAuthorizedApplications.delegatedPermissionIds has a Permission Id that cannot \
                           be found in the AppPermissions sets.";
            return Err(GraphError::new(StatusCode::BAD_REQUEST, "InvalidValue", message));
        }
    }
    Ok(())
}

fn identifier_uris(draft: &Draft<'_>) -> Result<(), GraphError> {
    for uri in list(&draft.after["identifierUris"]).iter().filter_map(Value::as_str) {
        if list(&draft.before["identifierUris"]).iter().any(|kept| kept == uri) {
            continue;
        }
        if uri.ends_with('/') || !is_ours(uri, draft.app_id) {
            let message = format!(
                "Failed to add identifier URI {uri}. All newly added URIs must contain a tenant verified domain, tenant \
                 ID, or app ID, as per the default tenant policy of your organization. See \
                 https://aka.ms/identifier-uri-formatting-error for more information on this error."
            );
            return Err(GraphError::new(StatusCode::BAD_REQUEST, "HostNameNotOnVerifiedDomain", message));
        }
        if draft.directory.resource(uri).is_some_and(|app| Some(app.app_id) != draft.app_id) {
            let message = "Another object with the same value for property identifierUris already exists.";
            return Err(GraphError::new(StatusCode::BAD_REQUEST, "ObjectConflict", message));
        }
    }
    Ok(())
}

/// <https://learn.microsoft.com/entra/identity-platform/identifier-uri-restrictions>
fn is_ours(uri: &str, app_id: Option<&str>) -> bool {
    let Ok(parsed) = Url::parse(uri) else { return false };
    let host = parsed.host_str().unwrap_or_default();
    let of =
        |domain: &str| host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    let verified = of(VERIFIED_DOMAIN) || of(TENANT_DOMAIN);
    match parsed.scheme() {
        "https" => verified,
        "api" => verified || host == TENANT_ID || app_id.is_some_and(|id| host == id),
        _ => false,
    }
}

fn redirect_uris(draft: &Draft<'_>) -> Result<(), GraphError> {
    for of in ["web", "spa"] {
        for uri in list(&draft.after[of]["redirectUris"]).iter().filter_map(Value::as_str) {
            let parsed = Url::parse(uri).ok();
            let good = |uri: &Url| {
                uri.scheme() == "https" || uri.scheme() == "http" && uri.host_str() == Some("localhost")
            };
            if !parsed.as_ref().is_some_and(good) {
                let message = format!(
                    "The URI '{uri}' is not valid: it must start with 'HTTPS' or 'http://localhost'."
                );
                return Err(GraphError::new(StatusCode::BAD_REQUEST, "InvalidRedirectUri", message));
            }
        }
    }
    Ok(())
}

fn keys(draft: &Draft<'_>) -> Result<(), GraphError> {
    for key in list(&draft.after["keyCredentials"]) {
        one_of(&key["type"], &["AsymmetricX509Cert"], "type", "KeyCredential")?;
        one_of(&key["usage"], &["Verify"], "usage", "KeyCredential")?;
        let der = key["key"].as_str().and_then(jwt::decode_standard);
        let certificate = der.and_then(|der| Certificate::from_der(&der));
        let Some(certificate) = certificate else { return Err(invalid("key", "KeyCredential")) };
        if certificate.not_after <= draft.clock.seconds() {
            let message = "Key credential end date is invalid.";
            return Err(GraphError::new(StatusCode::BAD_REQUEST, "KeyCredentialsInvalidEndDate", message));
        }
    }
    Ok(())
}

fn guid(value: &Value, name: &str, of: &str) -> Result<(), GraphError> {
    let good = value.as_str().is_some_and(|text| Uuid::parse_str(text).is_ok());
    if good { Ok(()) } else { Err(invalid(name, of)) }
}

fn one_of(value: &Value, allowed: &[&str], name: &str, of: &str) -> Result<(), GraphError> {
    let good = value.as_str().is_some_and(|text| allowed.contains(&text));
    if good { Ok(()) } else { Err(invalid(name, of)) }
}

/// `value` is one word; the other texts are texts.
fn word_or_text(value: &Value, name: &str, of: &str) -> Result<(), GraphError> {
    let good = |text: &str| !text.is_empty() && (name != "value" || !text.contains(char::is_whitespace));
    if value.as_str().is_some_and(good) { Ok(()) } else { Err(invalid(name, of)) }
}

fn invalid(name: &str, of: &str) -> GraphError {
    bad_request(format!("Invalid value specified for property '{name}' of resource '{of}'."))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
