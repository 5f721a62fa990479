//! A question as the fewest query units, and its answers joined again.
//!
//! - A period is cut where Azure's limits want it, at the ends of months where that costs no more (`cut`).
//! - Cost and quantity, or cost and US dollars, come in one call. Both beside the cost are two: Azure takes two sums a query.
//! - A quantity is that of one meter, so it is asked by meter and rolled up.
//! - What is excluded is grouped by and dropped, or asked for and taken off (`selection`).

use std::sync::Arc;

pub(crate) use asked::{Asked, Common};
pub use derive::derive;
pub(crate) use scope::check as check_scope;
pub(crate) use selection::Selection;

use crate::breakdown::Breakdown;
use crate::error::Error;
use crate::invalid::InvalidQuery;
use crate::query::{Beside, Grouping, Query, QueryResult};
use crate::question::Question;
use crate::scope::Scope;

mod asked;
mod cut;
mod derive;
mod join;
mod scope;
mod selection;

/// What Azure is to be asked about one scope.
#[derive(Clone, Debug)]
pub struct Plan {
    question: Question,
    /// The costs, with what is summed beside them.
    costs: Asked,
    /// US dollars, where the costs have the quantity beside them.
    usd: Option<Asked>,
    queries: Vec<Query>,
}

impl Plan {
    /// Cuts a question. `dimensions` are the names that the scope's agreement has, where they are known. A question that no cost
    /// can meet has no queries.
    pub fn new(question: &Question, dimensions: Option<&[String]>) -> Result<Self, InvalidQuery> {
        let Question { grouping, measures, filter, exclude, .. } = question;
        if grouping.len() > 2 {
            return Err(InvalidQuery::TooManyGroupings(grouping.len()));
        }
        let quantity = measures.quantity || measures.unit_price;
        let wished = if quantity { meter_and_unit(dimensions) } else { Vec::new() };
        let selection = Selection::new(grouping, &wished, filter, exclude)?;
        let by_meter = selection.as_ref().is_some_and(|selection| selection.place(&meter()).is_some());
        let beside = match (quantity && by_meter, measures.usd) {
            (true, _) => Some(Beside::Quantity),
            (false, true) => Some(Beside::Usd),
            (false, false) => None,
        };
        let common = Common {
            metric: question.metric,
            period: question.period,
            granularity: question.granularity,
            beside,
        };
        let costs = Asked::new(common, selection)?;
        let usd = match (measures.usd, beside) {
            (true, Some(Beside::Quantity)) => {
                let selection = Selection::new(grouping, &[], filter, exclude)?;
                Some(Asked::new(Common { beside: Some(Beside::Usd), ..common }, selection)?)
            }
            _ => None,
        };
        let queries = costs.queries().chain(usd.iter().flat_map(Asked::queries)).cloned().collect();
        Ok(Self { question: question.clone(), costs, usd, queries })
    }

    /// What to ask, in the order in which [`Self::join`] wants the answers.
    pub fn queries(&self) -> &[Query] {
        &self.queries
    }

    /// Whether a scope takes these queries.
    ///
    /// # Errors
    /// [`InvalidQuery::NamesWithoutIds`] where a management group would be asked for subscriptions by their names alone. Put their
    /// ids into the question beside the names.
    pub fn check_scope(&self, scope: &Scope) -> Result<(), InvalidQuery> {
        check_scope(&self.queries, scope)
    }

    /// Joins the answers. None of them may be truncated.
    pub fn join(&self, answers: &[Arc<QueryResult>]) -> Result<Breakdown, Error> {
        if answers.len() != self.queries.len() {
            return Err(Error::unexpected("answers to other questions than were asked"));
        }
        let (costs, usd) = answers.split_at(self.costs.queries().count());
        join::joined(self, costs, usd)
    }

    const fn wants_quantity(&self) -> bool {
        self.question.measures.quantity || self.question.measures.unit_price
    }
}

pub(crate) fn meter() -> Grouping {
    Grouping::Dimension("Meter".to_owned())
}

fn unit() -> Grouping {
    Grouping::Dimension("UnitOfMeasure".to_owned())
}

/// What a quantity is grouped by: the meter, and its unit where the agreement is known to have it.
fn meter_and_unit(dimensions: Option<&[String]>) -> Vec<Grouping> {
    let unit = unit();
    let known =
        dimensions.is_some_and(|names| names.iter().any(|name| name.eq_ignore_ascii_case(unit.name())));
    std::iter::once(meter()).chain(known.then_some(unit)).collect()
}

/// The query units of a query: its days by 31, rounded up.
pub fn query_units(query: &Query) -> u32 {
    cut::units(query.period())
}

#[cfg(test)]
mod tests;
