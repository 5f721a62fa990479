//! A member of a question that is null is one that is left out: assistants send both.

use serde::{Deserialize, Deserializer};

/// The member, or its default where it is null.
pub(super) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
