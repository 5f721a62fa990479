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

/// A path without percent-encoding (RFC 3986 §2.1).
pub(crate) fn decoded(path: &str) -> String {
    let mut parts = path.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => bytes.extend(std::iter::once(byte).chain(part.bytes().skip(2))),
            None => bytes.extend(std::iter::once(b'%').chain(part.bytes())),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Where costs are asked for: a subscription, or one resource group of it.
#[derive(Debug, Clone)]
pub(crate) struct CostScope {
    pub(crate) subscription: Arc<Subscription>,
    pub(crate) resource_group: Option<String>,
}

impl CostScope {
    /// The scope of a path, without regard to case but in its spelling; unknown subscriptions are 404 to everyone.
    pub(crate) fn parse(path: &str, all: &Subscriptions) -> Result<Self, ArmError> {
        let segments: Vec<_> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let (kinds, names): (Vec<_>, Vec<_>) =
            segments.chunks(2).map(|pair| (pair[0].to_ascii_lowercase(), pair.get(1).copied())).unzip();
        let kinds: Vec<_> = kinds.iter().map(String::as_str).collect();
        let (id, group) = match (kinds.as_slice(), names.as_slice()) {
            (["subscriptions"], [Some(id)]) => (id, None),
            (["subscriptions", "resourcegroups"], [Some(id), Some(group)]) => (id, Some(*group)),
            _ => return Err(ArmError::not_found(path)),
        };
        let subscription = all.find(id).ok_or_else(|| ArmError::subscription_not_found(id))?;
        Ok(Self { subscription, resource_group: group.map(str::to_owned) })
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

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn what_is_encoded_is_what_it_stands_for() {
        assert_eq!(decoded("/a/11%3a22%3A3/caf%C3%A9%"), "/a/11:22:3/caf\u{e9}%");
        assert_eq!(decoded("/%zz%2"), "/%zz%2");
    }
}
