//! What a registration needs written: applications, service principals, consent and app roles.
//!
//! Refuses what Graph refuses, in its words, and what it does not know: an administrator's mistake must show here first.
//!
//! <https://learn.microsoft.com/graph/api/resources/application>

use http::{Method, StatusCode};
use serde_json::Value;

use super::{Caller, GraphError};
use crate::world::World;

mod application;
mod consent;
mod federation;
mod rules;
mod shape;

/// What was written: 201 with the object, or 204.
pub(super) enum Written {
    Created(Value),
    Changed,
}

type Handler = fn(&World, &[&str], &Value) -> Result<Written, GraphError>;

/// A request that writes: its method, its path (`*` is any one segment), and the application permission it needs.
const ROUTES: &[(&Method, &[&str], &str, Handler)] = &[
    (&Method::POST, &["applications"], "Application.ReadWrite.All", application::create),
    (&Method::PATCH, &["applications*"], "Application.ReadWrite.All", application::patch),
    (&Method::PATCH, &["applications", "*"], "Application.ReadWrite.All", application::patch),
    (&Method::POST, &["applications*", "federatedIdentityCredentials"], TRUSTS, federation::trust),
    (&Method::POST, &["applications", "*", "federatedIdentityCredentials"], TRUSTS, federation::trust),
    (&Method::POST, &["servicePrincipals"], "Application.ReadWrite.All", consent::install),
    (&Method::POST, &["oauth2PermissionGrants"], "DelegatedPermissionGrant.ReadWrite.All", consent::grant),
    (&Method::POST, &["servicePrincipals*", "appRoleAssignments"], ASSIGNS, consent::assign),
    (&Method::POST, &["servicePrincipals", "*", "appRoleAssignments"], ASSIGNS, consent::assign),
    (&Method::POST, &["servicePrincipals*", "appRoleAssignedTo"], ASSIGNS, consent::assign),
    (&Method::POST, &["servicePrincipals", "*", "appRoleAssignedTo"], ASSIGNS, consent::assign),
];

const TRUSTS: &str = "Application.ReadWrite.All";
const ASSIGNS: &str = "AppRoleAssignment.ReadWrite.All";

/// Writes, if the path is one that can be written to and the caller may.
pub(super) fn write(
    world: &World,
    caller: &Caller,
    method: &Method,
    path: &str,
    body: &[u8],
) -> Result<Written, GraphError> {
    let segments: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    let route = ROUTES.iter().find(|(of, pattern, ..)| **of == *method && matches(pattern, &segments));
    let Some((_, _, permission, handler)) = route else {
        let message = "Resource not found for the segment or the method is not allowed on it.";
        return Err(GraphError::new(StatusCode::METHOD_NOT_ALLOWED, "Request_BadRequest", message));
    };
    if !caller.roles.iter().any(|role| role == permission) {
        let message = "Insufficient privileges to complete the operation.";
        return Err(GraphError::new(StatusCode::FORBIDDEN, "Authorization_RequestDenied", message));
    }
    let body: Value = serde_json::from_slice(body).ok().filter(Value::is_object).ok_or_else(|| {
        let message = "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of \
                       valid JSON format.";
        bad_request(message)
    })?;
    handler(world, &segments, &body)
}

/// `*` alone is any one segment; `name*` is that collection with an alternate key in parentheses.
fn matches(pattern: &[&str], segments: &[&str]) -> bool {
    let one = |(pattern, segment): (&&str, &&str)| match pattern.strip_suffix('*') {
        Some("") => true,
        Some(collection) => segment.strip_prefix(collection).is_some_and(|rest| rest.starts_with('(')),
        None => pattern == segment,
    };
    pattern.len() == segments.len() && pattern.iter().zip(segments).all(one)
}

fn bad_request(message: impl Into<String>) -> GraphError {
    GraphError::new(StatusCode::BAD_REQUEST, "Request_BadRequest", message)
}
