//! What the cost tools are asked, read forgivingly: one text where a list is meant, JSON within a text, names in any case, null
//! for left out. A word that is wrong is answered with those that are right, the nearest first. Knows nothing of Azure.

mod ahead;
mod arguments;
pub(super) mod conditions;
pub(super) mod dimension;
pub(super) mod fields;
pub(super) mod question;
pub(super) mod when;
pub(super) mod words;
