//! What a scope's costs can be grouped and filtered by.

/// A dimension, and values that its costs have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dimension {
    /// Azure's name of it.
    pub name: String,
    /// Values, in Azure's order.
    pub values: Vec<String>,
    /// How many values there are in all.
    pub total: u64,
    /// Whether costs can be grouped by it.
    pub groups: bool,
    /// Whether they can be filtered by it.
    pub filters: bool,
}
