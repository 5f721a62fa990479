//! A request to ARM that has been routed, and where it asks for costs.

use std::collections::HashMap;
use std::sync::Arc;

use http::{HeaderMap, Method, Uri};

use super::costs::{Subscription, Subscriptions};
use super::errors::ArmError;

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
    /// The subscription named in the path; unknown ones are 404 to everyone.
    pub(crate) fn find(
        all: &Subscriptions,
        id: &str,
        group: Option<&str>,
        path: &str,
    ) -> Result<Self, ArmError> {
        let subscription = all.find(id).ok_or_else(|| ArmError::subscription_not_found(id))?;
        // Azure keeps the spelling of the request; the path was lowered for matching only.
        let spelled = group.map(|group| {
            let mut segments = path.split('/');
            segments.find(|segment| segment.eq_ignore_ascii_case(group)).unwrap_or(group).to_owned()
        });
        Ok(Self { subscription, resource_group: spelled })
    }

    /// The scope's path, `/subscriptions/…`.
    pub(crate) fn path(&self) -> String {
        let subscription = format!("/subscriptions/{}", self.subscription.id);
        match &self.resource_group {
            Some(group) => format!("{subscription}/resourceGroups/{group}"),
            None => subscription,
        }
    }
}
