//! The directory's objects as Graph shows them, made from the same data the token endpoint obeys.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::GraphError;
use super::lookup::{application_of, by_id, by_key, clause_eq, equals, is_of_this_tenant, named};
use crate::tenant::contoso::{API_CLIENT_ID, CONSUMERS_TENANT_ID, TENANT_ID};
use crate::tenant::directory::{Application, Directory, PLATFORMS};
use crate::tenant::federation::FederatedCredential;
use crate::tenant::grants::Grant;
use crate::tenant::graph_settings::ScopeText;
use crate::tenant::ids::object_id;
use crate::tenant::people::Person;
use crate::world::World;

/// What a path names.
pub(super) enum Found {
    One(Value),
    Many(Vec<Value>),
}

/// The object or collection at `path`, which has no `/v1.0/` any more.
pub(super) fn find(world: &World, path: &str, query: &HashMap<String, String>) -> Result<Found, GraphError> {
    let filter = query.get("$filter").map(String::as_str);
    let directory = world.tenant.directory();
    let segments: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    match segments.as_slice() {
        ["servicePrincipals"] => {
            let matching = named(&directory, filter, "servicePrincipalNames")?;
            let installed = matching.into_iter().filter(|app| app.installed);
            Ok(Found::Many(installed.map(|app| service_principal(&app)).collect()))
        }
        ["servicePrincipals", id] => Ok(Found::One(service_principal(by_id(&directory, id)?.as_ref()))),
        ["applications"] => {
            let matching = named(&directory, filter, "identifierUris")?;
            let ours = matching.into_iter().filter(|app| is_of_this_tenant(&directory, app));
            Ok(Found::Many(ours.map(|app| application(&directory, &app, false)).collect()))
        }
        ["applications", _] => {
            let app = application_of(&directory, &segments)?;
            Ok(Found::One(application(&directory, &app, asks_for_keys(query))))
        }
        ["users"] => {
            let upn = equals(filter, "userPrincipalName")?;
            let matching = world
                .tenant
                .people
                .iter()
                .filter(|one| upn.is_none_or(|upn| one.upn.eq_ignore_ascii_case(upn)));
            Ok(Found::Many(matching.map(|one| user(one)).collect()))
        }
        ["users", id] => {
            let found =
                world.tenant.people.iter().find(|one| one.oid == *id || one.upn.eq_ignore_ascii_case(id));
            Ok(Found::One(user(found.ok_or_else(|| GraphError::not_found(id))?)))
        }
        ["oauth2PermissionGrants"] => grants(world, &directory, filter),
        [key] if key.starts_with("servicePrincipals(") => {
            Ok(Found::One(service_principal(by_key(&directory, key, "servicePrincipals")?.as_ref())))
        }
        [key] if key.starts_with("applications(") => {
            let app = by_key(&directory, key, "applications")?;
            Ok(Found::One(application(&directory, &app, asks_for_keys(query))))
        }
        [key, "federatedIdentityCredentials"] if key.starts_with("applications(") => {
            let app = by_key(&directory, key, "applications")?;
            Ok(Found::Many(federated(&directory, &app)))
        }
        [key, "appRoleAssignedTo"] if key.starts_with("servicePrincipals(") => Ok(Found::Many(assigned(
            world,
            &directory,
            by_key(&directory, key, "servicePrincipals")?.as_ref(),
        ))),
        ["servicePrincipals", id, relation] => {
            let of = by_id(&directory, id)?;
            match *relation {
                "oauth2PermissionGrants" => {
                    let own = directory.grants.iter().filter(|grant| grant.client == of.app_id);
                    let text = world.tenant.graph().scope_text;
                    Ok(Found::Many(own.map(|grant| grant_object(&directory, grant, text)).collect()))
                }
                "appRoleAssignedTo" => Ok(Found::Many(assigned(world, &directory, &of))),
                "appRoleAssignments" => Ok(Found::Many(held(&directory, &of))),
                other => Err(GraphError::not_found(other)),
            }
        }
        _ => Err(GraphError::not_found(path)),
    }
}

/// `oauth2PermissionGrants`: `$filter` supports `eq` alone, on these four properties.
fn grants(world: &World, directory: &Directory, filter: Option<&str>) -> Result<Found, GraphError> {
    let (text, late) = {
        let mut settings = world.tenant.graph_mut();
        let late = settings.late_grant_reads > 0;
        settings.late_grant_reads = settings.late_grant_reads.saturating_sub(1);
        (settings.scope_text, late)
    };
    let mut all: Vec<Value> =
        directory.grants.iter().map(|grant| grant_object(directory, grant, text)).collect();
    if late {
        all.clear();
    }
    for clause in filter.into_iter().flat_map(|filter| filter.split(" and ")) {
        let (name, value) = clause_eq(clause)?;
        if !matches!(name, "clientId" | "consentType" | "principalId" | "resourceId") {
            return Err(GraphError::unsupported_filter());
        }
        all.retain(|grant| grant[name].as_str() == Some(value));
    }
    Ok(Found::Many(all))
}

/// Keys are shown to whoever asks for them by name alone.
fn asks_for_keys(query: &HashMap<String, String>) -> bool {
    query.get("$select").is_some_and(|names| names.contains("keyCredentials"))
}

fn user(person: &Person) -> Value {
    json!({
        "id": person.oid, "userPrincipalName": person.upn, "displayName": person.display_name, "mail": person.upn,
        "userType": if person.idp.is_some() { "Guest" } else { "Member" },
    })
}

/// Whether `path` is the caller's own application or service principal, which it may read without any permission.
pub(super) fn is_own(world: &World, path: &str, app_id: &str) -> bool {
    let directory = world.tenant.directory();
    let keys = ["servicePrincipals", "applications"].map(|of| format!("{of}(appId='{app_id}')"));
    let ids = directory
        .application(app_id)
        .map(|app| [format!("servicePrincipals/{}", app.service_principal_id())])
        .unwrap_or_default();
    keys.iter().chain(&ids).any(|own| own == path)
}

pub(super) fn service_principal(app: &Application) -> Value {
    json!({
        "id": app.service_principal_id(), "appId": app.app_id, "displayName": app.display_name,
        "accountEnabled": app.enabled, "appRoleAssignmentRequired": app.assignment_required,
        "replyUrls": app.redirect_uris.iter().map(|known| &known.uri).collect::<Vec<_>>(), "keyCredentials": [],
        "passwordCredentials": [], "appOwnerOrganizationId": if app.microsofts { CONSUMERS_TENANT_ID } else { TENANT_ID },
        "servicePrincipalType": "Application",
        "servicePrincipalNames": app.identifier_uris.iter().map(String::as_str).chain([app.app_id]).collect::<Vec<_>>(),
        "appRoles": app_roles(app), "oauth2PermissionScopes": scopes(app),
    })
}

/// Visible in the application's home tenant alone: those of Microsoft are not.
pub(super) fn application(directory: &Directory, app: &Application, with_key: bool) -> Value {
    match &app.document {
        Some(document) => registered(app, document.clone(), with_key),
        None => built_in(directory, app, with_key),
    }
}

/// What was written, with what Graph adds to it.
fn registered(app: &Application, mut document: Value, with_key: bool) -> Value {
    document["id"] = app.object_id().into();
    document["appId"] = app.app_id.into();
    document["passwordCredentials"] = json!([]);
    for list in ["identifierUris", "keyCredentials", "appRoles", "requiredResourceAccess"] {
        if document[list].is_null() {
            document[list] = json!([]);
        }
    }
    for (name, _) in PLATFORMS {
        if document[name]["redirectUris"].is_null() {
            document[name]["redirectUris"] = json!([]);
        }
    }
    for list in ["oauth2PermissionScopes", "preAuthorizedApplications", "knownClientApplications"] {
        if document["api"][list].is_null() {
            document["api"][list] = json!([]);
        }
    }
    for key in document["keyCredentials"].as_array_mut().into_iter().flatten().filter(|_| !with_key) {
        key["key"] = Value::Null;
    }
    document
}

fn built_in(directory: &Directory, app: &Application, with_key: bool) -> Value {
    let registration = directory.registration();
    let is_api = app.app_id == API_CLIENT_ID;
    let keys: Vec<_> = app.certificates.iter().map(|key| key.key_credential(with_key)).collect();
    let pre_authorized: Vec<_> = app
        .pre_authorized
        .iter()
        .map(|(client, ids)| json!({"appId": client, "delegatedPermissionIds": ids}))
        .collect();
    let required: Vec<Value> = app
        .required
        .iter()
        .filter_map(|(resource, scope)| {
            let resource = directory.application(resource)?;
            let id = resource.scope(scope)?.id;
            Some(json!({"resourceAppId": resource.app_id, "resourceAccess": [{"id": id, "type": "Scope"}]}))
        })
        .collect();
    let mut document = json!({
        "id": app.object_id(), "appId": app.app_id, "displayName": app.display_name,
        "signInAudience": "AzureADMyOrg", "identifierUris": app.identifier_uris, "appRoles": app_roles(app),
        "requiredResourceAccess": required, "isFallbackPublicClient": app.public_client,
        "passwordCredentials": app.secret.iter().map(|_| json!({"hint": "emu"})).collect::<Vec<_>>(),
        "api": {
            "requestedAccessTokenVersion": if is_api { registration.token_version } else { Some(1) },
            "oauth2PermissionScopes": scopes(app), "preAuthorizedApplications": pre_authorized,
            "knownClientApplications": [],
        },
        "keyCredentials": keys,
        "optionalClaims": {"accessToken": optional_claims(&registration.optional_claims)},
    });
    for (name, platform) in PLATFORMS {
        document[name] = json!({"redirectUris": app.redirect_uris_of(platform)});
    }
    document
}

fn optional_claims(names: &[String]) -> Vec<Value> {
    let claim = |name: &String| match name.as_str() {
        "idtyp" => json!({"name": name, "additionalProperties": ["include_user_token"]}),
        _ => json!({"name": name}),
    };
    names.iter().map(claim).collect()
}

/// What the application trusts in place of a certificate.
fn federated(directory: &Directory, app: &Application) -> Vec<Value> {
    directory.federated_credentials(app.app_id).iter().map(federated_credential).collect()
}

/// A `federatedIdentityCredential`.
pub(super) fn federated_credential(trusted: &FederatedCredential) -> Value {
    json!({
        "id": object_id("federated", &trusted.name), "name": trusted.name, "issuer": trusted.issuer,
        "subject": trusted.subject, "audiences": trusted.audiences,
    })
}

fn app_roles(app: &Application) -> Vec<Value> {
    let role = |role: &crate::tenant::directory::AppRole| {
        json!({"id": role.id, "value": role.value, "displayName": role.value, "isEnabled": role.enabled,
               "allowedMemberTypes": role.members})
    };
    app.roles.iter().map(role).collect()
}

fn scopes(app: &Application) -> Vec<Value> {
    let scope = |scope: &crate::tenant::directory::DelegatedScope| {
        json!({"id": scope.id, "value": scope.value, "isEnabled": scope.enabled,
               "type": if scope.admin_only { "Admin" } else { "User" },
               "adminConsentDisplayName": scope.description, "userConsentDisplayName": scope.description})
    };
    app.scopes.iter().map(scope).collect()
}

pub(super) fn grant_object(directory: &Directory, grant: &Grant, text: ScopeText) -> Value {
    let principal = |app_id: &str| directory.application(app_id).map(|app| app.service_principal_id());
    json!({
        "id": grant.id(),
        "clientId": principal(&grant.client), "resourceId": principal(&grant.resource),
        "consentType": if grant.principal.is_none() { "AllPrincipals" } else { "Principal" },
        "principalId": grant.principal,
        "scope": text.write(grant.scopes.iter().map(String::as_str)),
    })
}

/// Who holds roles of `resource`: people and service principals.
fn assigned(world: &World, directory: &Directory, resource: &Application) -> Vec<Value> {
    let people = world.tenant.people.iter().flat_map(|person| {
        let held = directory.roles_of(person, resource);
        let roles = resource.roles.iter().filter(move |role| held.contains(&role.value));
        roles.map(|role| assignment(resource, role.id, &person.oid, &person.display_name, "User"))
    });
    let applications = resource.roles.iter().flat_map(|role| {
        let holders = role.held_by.iter().filter_map(|app_id| directory.application(app_id));
        holders.map(|holder| {
            let id = holder.service_principal_id();
            assignment(resource, role.id, &id, &holder.display_name, "ServicePrincipal")
        })
    });
    people.chain(applications).collect()
}

/// The roles `holder` has on other applications.
fn held(directory: &Directory, holder: &Application) -> Vec<Value> {
    let of = |resource: &Arc<Application>| {
        let roles = resource.roles.iter().filter(|role| role.held_by.contains(&holder.app_id));
        let id = holder.service_principal_id();
        roles
            .map(|role| assignment(resource, role.id, &id, &holder.display_name, "ServicePrincipal"))
            .collect::<Vec<_>>()
    };
    directory.applications.iter().flat_map(of).collect()
}

pub(super) fn assignment(
    resource: &Application,
    role: uuid::Uuid,
    principal: &str,
    name: &str,
    kind: &str,
) -> Value {
    json!({
        "id": object_id("assignment", &format!("{}/{role}/{principal}", resource.app_id)),
        "appRoleId": role, "principalId": principal, "principalDisplayName": name, "principalType": kind,
        "resourceId": resource.service_principal_id(), "resourceDisplayName": resource.display_name,
    })
}
