//! Applications, written as a whole or in part.

use http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::rules::{self, Draft};
use super::{GraphError, Written, bad_request, shape};
use crate::graph::{lookup, objects};
use crate::jwt;
use crate::tenant::certificate::Certificate;
use crate::world::World;

/// `POST /applications`. There is no service principal yet.
pub(super) fn create(world: &World, _: &[&str], body: &Value) -> Result<Written, GraphError> {
    shape::application(body)?;
    let mut document = json!({"signInAudience": "AzureADandPersonalMicrosoftAccount"});
    merge(&mut document, with_keys(body.clone(), &Value::Null)?);
    let mut directory = world.tenant.directory_mut();
    let before = Value::Null;
    let draft =
        Draft { directory: &directory, clock: &world.clock, app_id: None, before: &before, after: &document };
    rules::check(&draft)?;
    let registered = directory.register(document).ok_or_else(|| {
        let message = "The directory object quota limit for the Principal has been exceeded. Please ask your \
                       administrator to increase the quota limit or delete objects to reduce the used quota.";
        GraphError::new(StatusCode::FORBIDDEN, "Directory_QuotaExceeded", message)
    })?;
    Ok(Written::Created(objects::application(&directory, &registered, false)))
}

/// `PATCH /applications/{id}`: what is named changes, lists as a whole.
pub(super) fn patch(world: &World, segments: &[&str], body: &Value) -> Result<Written, GraphError> {
    shape::application(body)?;
    let mut directory = world.tenant.directory_mut();
    let app = lookup::application_of(&directory, segments)?;
    let Some(before) = app.document.clone() else {
        return Err(bad_request(
            "Applications that the emulator starts with are changed by its control API alone.",
        ));
    };
    let mut after = before.clone();
    merge(&mut after, with_keys(body.clone(), &before)?);
    let draft = Draft {
        directory: &directory,
        clock: &world.clock,
        app_id: Some(app.app_id),
        before: &before,
        after: &after,
    };
    rules::check(&draft)?;
    directory.set_document(app.app_id, after);
    Ok(Written::Changed)
}

/// Members of a complex property stay unless they are named.
fn merge(document: &mut Value, patch: Value) {
    match (document, patch) {
        (Value::Object(kept), Value::Object(patch)) => {
            for (name, value) in patch {
                merge(kept.entry(name).or_insert(Value::Null), value);
            }
        }
        (kept, patch) => *kept = patch,
    }
}

/// Key credentials as they are kept: with what Graph takes from the certificate. One without its key is the one of that id
/// that is kept already, for Graph shows nobody the keys unless asked.
fn with_keys(mut body: Value, before: &Value) -> Result<Value, GraphError> {
    let Some(keys) = body.get_mut("keyCredentials").and_then(Value::as_array_mut) else { return Ok(body) };
    for key in keys {
        if key["key"].is_null() {
            let kept = before["keyCredentials"].as_array().into_iter().flatten();
            let kept = kept.into_iter().find(|kept| kept["keyId"] == key["keyId"]);
            *key = kept
                .cloned()
                .ok_or_else(|| bad_request("Key value is required for a new key credential."))?;
            continue;
        }
        let der = key["key"].as_str().and_then(jwt::decode_standard);
        if let Some(certificate) = der.and_then(|der| Certificate::from_der(&der)) {
            let mut full = certificate.key_credential(true);
            for name in ["keyId", "displayName"] {
                if !key[name].is_null() {
                    full[name] = key[name].take();
                }
            }
            (full["type"], full["usage"]) = (key["type"].take(), key["usage"].take());
            *key = full;
        }
        if key["keyId"].is_null() {
            key["keyId"] = Uuid::new_v4().to_string().into();
        }
    }
    Ok(body)
}
