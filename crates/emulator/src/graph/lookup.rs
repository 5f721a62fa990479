//! Which application a path or a filter names.

use std::sync::Arc;

use super::GraphError;
use crate::tenant::contoso::API_CLIENT_ID;
use crate::tenant::directory::{Application, Directory};

/// Applications by id, or by one of their names as `$filter=…/any(x:x eq '…')` asks for it; all without a filter.
pub(super) fn named(
    directory: &Directory,
    filter: Option<&str>,
    names: &str,
) -> Result<Vec<Arc<Application>>, GraphError> {
    let any = filter.and_then(|filter| filter.strip_prefix(names)?.strip_prefix("/any(")?.strip_suffix(')'));
    if let Some((variable, clause)) = any.and_then(|lambda| lambda.split_once(':')) {
        let name = equals(Some(clause), variable)?.unwrap_or_default();
        let is = |app: &&Arc<Application>| {
            app.identifier_uris
                .iter()
                .map(String::as_str)
                .chain([app.app_id])
                .any(|known| known.eq_ignore_ascii_case(name))
        };
        return Ok(directory.applications.iter().filter(is).cloned().collect());
    }
    let app_id = equals(filter, "appId")?;
    let is = |app: &&Arc<Application>| app_id.is_none_or(|id| app.app_id.eq_ignore_ascii_case(id));
    Ok(directory.applications.iter().filter(is).cloned().collect())
}

/// The service principal of this object id.
pub(super) fn by_id(directory: &Directory, id: &str) -> Result<Arc<Application>, GraphError> {
    let found = directory.applications.iter().find(|app| app.service_principal_id() == id);
    found.filter(|app| app.installed).cloned().ok_or_else(|| GraphError::not_found(id))
}

/// `servicePrincipals(appId='…')`: the alternate key.
pub(super) fn by_key(
    directory: &Directory,
    key: &str,
    collection: &str,
) -> Result<Arc<Application>, GraphError> {
    let inner = key.strip_prefix(collection).and_then(|rest| rest.strip_prefix("(appId='"));
    let app_id = inner.and_then(|rest| rest.strip_suffix("')")).ok_or_else(|| GraphError::not_found(key))?;
    let seen = |app: &Arc<Application>| match collection {
        "servicePrincipals" => app.installed,
        _ => is_of_this_tenant(directory, app),
    };
    directory.application(app_id).filter(seen).ok_or_else(|| GraphError::not_found(app_id))
}

/// The application that the first segments name: `applications(appId='…')` or `applications/{object id}`.
pub(super) fn application_of(
    directory: &Directory,
    segments: &[&str],
) -> Result<Arc<Application>, GraphError> {
    match segments {
        ["applications", id, ..] => {
            let found = directory.applications.iter().find(|app| app.object_id() == *id);
            found
                .filter(|app| is_of_this_tenant(directory, app))
                .cloned()
                .ok_or_else(|| GraphError::not_found(id))
        }
        [key, ..] => by_key(directory, key, "applications"),
        [] => Err(GraphError::not_found("")),
    }
}

/// The same of a service principal.
pub(super) fn service_principal_of(
    directory: &Directory,
    segments: &[&str],
) -> Result<Arc<Application>, GraphError> {
    match segments {
        ["servicePrincipals", id, ..] => by_id(directory, id),
        [key, ..] => by_key(directory, key, "servicePrincipals"),
        [] => Err(GraphError::not_found("")),
    }
}

pub(super) fn is_of_this_tenant(directory: &Directory, app: &Application) -> bool {
    !app.microsofts && (app.app_id != API_CLIENT_ID || directory.registration().home)
}

pub(super) fn equals<'a>(filter: Option<&'a str>, name: &str) -> Result<Option<&'a str>, GraphError> {
    let Some(filter) = filter else { return Ok(None) };
    let (given, value) = clause_eq(filter)?;
    if given == name { Ok(Some(value)) } else { Err(GraphError::unsupported_filter()) }
}

pub(super) fn clause_eq(clause: &str) -> Result<(&str, &str), GraphError> {
    let (name, value) = clause.trim().split_once(" eq ").ok_or_else(GraphError::unsupported_filter)?;
    let value = value.trim().strip_prefix('\'').and_then(|value| value.strip_suffix('\''));
    Ok((name.trim(), value.ok_or_else(GraphError::unsupported_filter)?))
}
