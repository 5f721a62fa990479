//! The filter of a query: a tree of conditions, checked before Azure sees it.

use serde_json::{Value, json};

use crate::invalid::InvalidQuery;

const MOST_NODES: usize = 64;
const MOST_LEVELS: usize = 8;
const MOST_VALUES: usize = 500;
const LONGEST_NAME: usize = 512;

/// Which costs to count. There is no "not": the specification has none, and the service answers it with a 500
/// (<https://github.com/Azure/azure-sdk-for-python/issues/21430>).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Filter {
    /// Costs whose dimension has one of these values.
    Dimension {
        /// Such as `ServiceName` or `ResourceLocation`.
        name: String,
        /// At least one.
        values: Vec<String>,
    },
    /// Costs whose tag has one of these values.
    Tag {
        /// The tag's key.
        name: String,
        /// At least one.
        values: Vec<String>,
    },
    /// Costs that pass all of these, two or more.
    And(Vec<Self>),
    /// Costs that pass any of these, two or more.
    Or(Vec<Self>),
}

impl Filter {
    /// Costs whose dimension has one of these values.
    pub fn dimension(name: impl Into<String>, values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::Dimension { name: name.into(), values: values.into_iter().map(Into::into).collect() }
    }

    /// Costs whose tag has one of these values.
    pub fn tag(name: impl Into<String>, values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::Tag { name: name.into(), values: values.into_iter().map(Into::into).collect() }
    }

    pub(super) fn check(&self) -> Result<(), InvalidQuery> {
        let mut size = Size::default();
        self.check_level(1, &mut size)
    }

    fn check_level(&self, level: usize, size: &mut Size) -> Result<(), InvalidQuery> {
        size.nodes += 1;
        if let Self::Dimension { values, .. } | Self::Tag { values, .. } = self {
            size.values += values.len();
        }
        if level > MOST_LEVELS || size.nodes > MOST_NODES || size.values > MOST_VALUES {
            let (nodes, depth, values) = (MOST_NODES, MOST_LEVELS, MOST_VALUES);
            return Err(InvalidQuery::FilterTooLarge { nodes, depth, values });
        }
        match self {
            Self::Dimension { name, values } | Self::Tag { name, values } => {
                check_name(name)?;
                if values.is_empty() { Err(InvalidQuery::NoValues) } else { Ok(()) }
            }
            Self::And(children) | Self::Or(children) if children.len() < 2 => {
                Err(InvalidQuery::TooFewConditions)
            }
            Self::And(children) | Self::Or(children) => {
                children.iter().try_for_each(|child| child.check_level(level + 1, size))
            }
        }
    }

    /// `In` is the one operator of the specification; tools that send others lean on what is not documented.
    pub(super) fn json(&self) -> Value {
        let list = |children: &[Self]| children.iter().map(Self::json).collect::<Value>();
        match self {
            Self::Dimension { name, values } => {
                json!({"dimensions": {"name": name, "operator": "In", "values": values}})
            }
            Self::Tag { name, values } => json!({"tags": {"name": name, "operator": "In", "values": values}}),
            Self::And(children) => json!({ "and": list(children) }),
            Self::Or(children) => json!({ "or": list(children) }),
        }
    }
}

#[derive(Default)]
struct Size {
    nodes: usize,
    values: usize,
}

/// The name of a dimension or a tag. Names travel inside JSON, so nothing but sanity is asked of them.
pub(crate) fn check_name(name: &str) -> Result<(), InvalidQuery> {
    if name.trim().is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(InvalidQuery::BadName);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_are_written_as_in_the_specification() {
        let spec: Value =
            serde_json::from_str(include_str!("../../tests/data/2025-03-01.SubscriptionQuery.json")).unwrap();
        let filter = Filter::And(vec![
            Filter::Or(vec![
                Filter::dimension("ResourceLocation", ["East US", "West Europe"]),
                Filter::tag("Environment", ["UAT", "Prod"]),
            ]),
            Filter::dimension("ResourceGroup", ["API"]),
        ]);
        assert_eq!(filter.check(), Ok(()));
        assert_eq!(filter.json(), spec["parameters"]["parameters"]["dataset"]["filter"]);
    }

    #[test]
    fn trees_that_azure_refuses_are_refused_here() {
        let leaf = || Filter::tag("a", ["b"]);
        assert_eq!(Filter::And(vec![leaf()]).check(), Err(InvalidQuery::TooFewConditions));
        assert_eq!(Filter::Or(vec![]).check(), Err(InvalidQuery::TooFewConditions));
        assert_eq!(Filter::tag("a", [""; 0]).check(), Err(InvalidQuery::NoValues));
        assert_eq!(Filter::tag(" ", ["b"]).check(), Err(InvalidQuery::BadName));
        assert_eq!(Filter::tag("a\n", ["b"]).check(), Err(InvalidQuery::BadName));
        let wide = Filter::Or(vec![leaf(); MOST_NODES]);
        assert!(matches!(wide.check(), Err(InvalidQuery::FilterTooLarge { .. })));
        let deep = (0..MOST_LEVELS).fold(leaf(), |child, _| Filter::And(vec![leaf(), child]));
        assert!(matches!(deep.check(), Err(InvalidQuery::FilterTooLarge { .. })));
        let long = Filter::tag("a", vec!["b"; MOST_VALUES + 1]);
        assert!(matches!(long.check(), Err(InvalidQuery::FilterTooLarge { .. })));
    }
}
