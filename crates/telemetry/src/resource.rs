//! Who says all this: the service, its version, and which of its replicas.

use opentelemetry::{Key, KeyValue};
use opentelemetry_sdk::Resource;

use crate::names;

const NAME: &str = "service.name";
const INSTANCE: &str = "service.instance.id";
const VERSION: &str = "service.version";

/// The resource of this process, called `name`, or else as the environment says, or else as the service is. What
/// `OTEL_RESOURCE_ATTRIBUTES` says is in it.
pub(crate) fn of(name: Option<&str>, service: &'static str) -> Resource {
    let own = own(&Resource::builder().build(), name, service);
    Resource::builder().with_attributes(own).with_schema_url([], names::SCHEMA_URL).build()
}

/// What the environment leaves open. Without an id of the instance two replicas would write the same series.
fn own(told: &Resource, name: Option<&str>, service: &'static str) -> Vec<KeyValue> {
    let is_told = |key| {
        let value = told.get(&Key::from_static_str(key));
        value.is_some_and(|value| !value.as_str().starts_with("unknown_service"))
    };
    let mut own = vec![KeyValue::new(VERSION, env!("CARGO_PKG_VERSION"))];
    if let Some(name) = name {
        own.push(KeyValue::new(NAME, name.to_owned()));
    } else if !is_told(NAME) {
        own.push(KeyValue::new(NAME, service));
    }
    if !is_told(INSTANCE) {
        own.push(KeyValue::new(INSTANCE, uuid::Uuid::new_v4().to_string()));
    }
    own
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(told: &[(&'static str, &'static str)], name: Option<&str>) -> Vec<(String, String)> {
        let told = told.iter().map(|(key, value)| KeyValue::new(*key, *value));
        let told = Resource::builder_empty().with_attributes(told).build();
        let own = own(&told, name, "gateway");
        own.into_iter().map(|pair| (pair.key.to_string(), pair.value.to_string())).collect()
    }

    #[test]
    fn what_the_environment_says_is_not_said_anew() {
        let of = |key: &str, pairs: &[(String, String)]| {
            pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
        };
        let unset = keys(&[(NAME, "unknown_service")], None);
        assert_eq!(of(NAME, &unset).as_deref(), Some("gateway"));
        assert_eq!(of(INSTANCE, &unset).map(|id| id.len()), Some(36));
        assert_ne!(of(INSTANCE, &unset), of(INSTANCE, &keys(&[], None)));
        let told = keys(&[(NAME, "costs"), (INSTANCE, "pod-7")], None);
        assert_eq!((of(NAME, &told), of(INSTANCE, &told)), (None, None));
        assert_eq!(of(NAME, &keys(&[(NAME, "costs")], Some("flag"))).as_deref(), Some("flag"));
    }
}
