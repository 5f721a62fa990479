//! A question about costs, before it is cut into what Azure answers.

use crate::caseless;
use crate::period::Period;
use crate::query::{Granularity, Grouping, Metric};

/// What is asked of each scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The kind of cost.
    pub metric: Metric,
    /// The days, however many.
    pub period: Period,
    /// What the costs are split by in time.
    pub granularity: Granularity,
    /// What they are split by: at most two.
    pub grouping: Vec<Grouping>,
    /// Which costs count: all of these must hold.
    pub filter: Vec<Condition>,
    /// Which do not: a cost goes where any of these holds.
    pub exclude: Vec<Condition>,
    /// What is wanted beside the cost.
    pub measures: Measures,
}

/// A dimension or tag, and values of it: it holds where the cost has any of them. The empty value is "none": untagged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The dimension or the tag.
    pub by: Grouping,
    /// The values; upper and lower case do not matter.
    pub values: Vec<String>,
}

impl Condition {
    /// Whether a cost with this value meets it.
    pub(crate) fn holds(&self, value: &str) -> bool {
        self.values.iter().any(|held| caseless::same(held, value))
    }
}

/// What is wanted beside the cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measures {
    /// The quantity used, where a line is of one meter.
    pub quantity: bool,
    /// Cost by quantity.
    pub unit_price: bool,
    /// The cost in US dollars, by Microsoft's own conversion.
    pub usd: bool,
}
