//! What an application trusts in place of a key of its own.
//!
//! <https://learn.microsoft.com/graph/api/application-post-federatedidentitycredentials>

use http::StatusCode;
use serde_json::Value;

use super::{GraphError, Written, bad_request, shape};
use crate::graph::{lookup, objects};
use crate::tenant::federation::{FederatedCredential, MOST_CREDENTIALS};
use crate::world::World;

/// The longest name, and the longest issuer, subject or audience.
const LONGEST: [usize; 2] = [120, 600];

/// `POST /applications/{id}/federatedIdentityCredentials`.
pub(super) fn trust(world: &World, segments: &[&str], body: &Value) -> Result<Written, GraphError> {
    shape::federated(body)?;
    let wanted = FederatedCredential {
        name: needed(body, "name", LONGEST[0])?,
        issuer: needed(body, "issuer", LONGEST[1])?,
        subject: needed(body, "subject", LONGEST[1])?,
        audiences: vec![audience(body)?],
    };
    let mut directory = world.tenant.directory_mut();
    let app = lookup::application_of(&directory, segments)?;
    let trusted = directory.federated_credentials_mut(app.app_id);
    if trusted.iter().any(|one| one.name == wanted.name) {
        return Err(conflict(format!(
            "FederatedIdentityCredential with name {} already exists.",
            wanted.name
        )));
    }
    if trusted.iter().any(|one| one.issuer == wanted.issuer && one.subject == wanted.subject) {
        let (issuer, subject) = (&wanted.issuer, &wanted.subject);
        let message =
            format!("FederatedIdentityCredential with Issuer {issuer} and Subject {subject} already exists.");
        return Err(conflict(message));
    }
    if trusted.len() >= MOST_CREDENTIALS {
        let message =
            format!("The number of federated identity credentials must not exceed {MOST_CREDENTIALS}.");
        return Err(bad_request(message));
    }
    let written = objects::federated_credential(&wanted);
    trusted.push(wanted);
    Ok(Written::Created(written))
}

/// A text that must be there, and not too long.
fn needed(body: &Value, name: &str, longest: usize) -> Result<String, GraphError> {
    let text = body[name].as_str().filter(|text| !text.is_empty() && text.len() <= longest);
    text.map(str::to_owned).ok_or_else(|| invalid(name))
}

/// It is a list, and holds one.
fn audience(body: &Value) -> Result<String, GraphError> {
    match body["audiences"].as_array().map(Vec::as_slice) {
        Some([Value::String(one)]) if !one.is_empty() && one.len() <= LONGEST[1] => Ok(one.clone()),
        _ => Err(invalid("audiences")),
    }
}

fn invalid(name: &str) -> GraphError {
    bad_request(format!(
        "Invalid value specified for property '{name}' of resource 'FederatedIdentityCredential'."
    ))
}

fn conflict(message: impl Into<String>) -> GraphError {
    GraphError::new(StatusCode::CONFLICT, "Request_MultipleObjectsWithSameKeyValue", message)
}
