//! Lists in settings: entries with commas between them, as an environment variable has them.

/// The entries of a list. `none` alone is an empty list: an empty variable is one that is not set.
pub(crate) fn listed(values: &[String]) -> impl Iterator<Item = &str> {
    values.iter().map(|value| value.trim()).filter(|value| !value.is_empty() && *value != "none")
}
