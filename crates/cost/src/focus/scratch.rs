//! Room for what a line is looked up by, kept from line to line: nothing is allocated for it.

use super::input::{In, Input};
use super::open_data::{region_key, service_key};
use crate::caseless::append;

/// What a line is looked up by, in small letters.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// The id of its resource.
    pub(super) resource: String,
    /// The type of it: `microsoft.sql/servers/databases`.
    pub(super) resource_type: String,
    pub(super) region: String,
    services: [String; 3],
}

impl Scratch {
    pub(super) fn fill(&mut self, input: &Input<'_>) {
        self.resource.clear();
        append(input.text(In::ResourceId), &mut self.resource);
        type_of(&self.resource, &mut self.resource_type);
        region_key(input.known(In::ResourceLocation).unwrap_or_default(), &mut self.region);
        let consumed = input.text(In::ConsumedService);
        let [both, of_type, of_meter] = &mut self.services;
        service_key(consumed, &self.resource_type, "", both);
        service_key("", &self.resource_type, "", of_type);
        service_key("", "", input.text(In::MeterCategory), of_meter);
    }

    /// The keys of its service, the most exact first.
    pub(super) fn services(&self) -> impl Iterator<Item = &str> {
        self.services.iter().map(String::as_str)
    }
}

/// `/subscriptions/…/providers/{namespace}/{type}/{name}/{type}/{name}`: the namespace and all types. The last provider counts, for
/// what extends another resource.
fn type_of(id: &str, kind: &mut String) {
    kind.clear();
    let Some((_, rest)) = id.rsplit_once("/providers/") else { return };
    let mut parts = rest.split('/');
    let Some(namespace) = parts.next().filter(|namespace| !namespace.is_empty()) else { return };
    kind.push_str(namespace);
    for part in parts.step_by(2).filter(|part| !part.is_empty()) {
        kind.push('/');
        kind.push_str(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_read_from_an_id() {
        let mut kind = String::from("of before");
        for (id, expected) in [
            (
                "/subscriptions/s/resourcegroups/g/providers/microsoft.sql/servers/a/databases/b",
                "microsoft.sql/servers/databases",
            ),
            (
                "/providers/microsoft.capacity/reservationorders/o/reservations/r",
                "microsoft.capacity/reservationorders/reservations",
            ),
            (
                "/subscriptions/s/providers/microsoft.web/sites/a/providers/microsoft.insights/tests/b",
                "microsoft.insights/tests",
            ),
            ("/subscriptions/s/resourcegroups/g", ""),
            ("", ""),
            ("/providers/", ""),
        ] {
            type_of(id, &mut kind);
            assert_eq!(kind, expected, "{id}");
        }
    }
}
