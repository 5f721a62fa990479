//! Object ids that are the same after a restart: made of what they are the id of.

use uuid::Uuid;

use super::contoso::TENANT_ID;

/// An object id that is the same after a restart.
pub(crate) fn object_id(kind: &str, of: &str) -> String {
    stable_id(kind, of).to_string()
}

/// The same, as it is.
pub(super) fn stable_id(kind: &str, of: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{TENANT_ID}/{kind}/{of}").as_bytes())
}

/// A text for as long as the program runs, as the names of applications are. Never given back: who calls bounds how often.
pub(super) fn lasting(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}
