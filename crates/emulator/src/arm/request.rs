//! A request to ARM that has been routed, and where it asks for costs.

use std::collections::HashMap;
use std::sync::Arc;

use http::{HeaderMap, Method, Uri};

use super::costs::Subscription;

/// A request that has been routed: what the handlers need of it.
pub(crate) struct ArmRequest<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) parameters: HashMap<String, String>,
    pub(crate) body: &'a [u8],
}

impl ArmRequest<'_> {
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(&name.to_ascii_lowercase()).map(String::as_str)
    }
}

/// Where costs are asked for: a subscription, or one resource group of it.
#[derive(Debug, Clone)]
pub(crate) struct CostScope {
    pub(crate) subscription: Arc<Subscription>,
    pub(crate) resource_group: Option<String>,
}

impl CostScope {
    /// The scope's path, `/subscriptions/…`.
    pub(crate) fn path(&self) -> String {
        let subscription = format!("/subscriptions/{}", self.subscription.id);
        match &self.resource_group {
            Some(group) => format!("{subscription}/resourceGroups/{group}"),
            None => subscription,
        }
    }
}
