//! Values of dimensions and tags as a reader knows them.

use cost::Grouping;

use super::ask::conditions::{NONE, UNTAGGED};

/// A value: a resource by its name, and not by its whole address; that of what has none, in words.
pub(super) fn shown(by: &Grouping, value: Option<&str>) -> String {
    match (by, value.filter(|value| !value.is_empty())) {
        (Grouping::Tag(_), None) => UNTAGGED.to_owned(),
        (Grouping::Dimension(_), None) => NONE.to_owned(),
        (Grouping::Dimension(name), Some(id)) if name.eq_ignore_ascii_case("ResourceId") => {
            resource(id).unwrap_or_else(|| id.to_owned())
        }
        (_, Some(value)) => value.to_owned(),
    }
}

/// `vm-1 (virtualmachines, rg-web)`.
fn resource(id: &str) -> Option<String> {
    let parts: Vec<&str> = id.trim_matches('/').split('/').collect();
    let at = parts.iter().position(|part| part.eq_ignore_ascii_case("resourcegroups"))?;
    let [.., kind, name] = parts[..] else { return None };
    (parts.len() > at + 4).then(|| format!("{name} ({kind}, {})", parts[at + 1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_its_name() {
        let by = Grouping::Dimension("ResourceId".to_owned());
        let id = "/subscriptions/s/resourceGroups/rg-web/providers/microsoft.compute/virtualmachines/vm-1";
        assert_eq!(shown(&by, Some(id)), "vm-1 (virtualmachines, rg-web)");
        for id in ["x", "/subscriptions/s/resourceGroups/rg", ""] {
            assert_eq!(shown(&by, Some(id)), if id.is_empty() { NONE } else { id });
        }
        assert_eq!(shown(&Grouping::Tag("env".to_owned()), None), UNTAGGED);
    }
}
