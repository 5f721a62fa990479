//! What Azure is asked about the days to judge, and their history.

use std::sync::Arc;

use jiff::ToSpan;
use jiff::civil::Date;

use super::rule::LEAST_HISTORY;
use crate::breakdown::{Breakdown, Line};
use crate::compare::priced;
use crate::error::Error;
use crate::invalid::InvalidQuery;
use crate::money::Money;
use crate::period::Period;
use crate::plan::Plan;
use crate::query::{Granularity, Grouping, Metric, Query, QueryResult};
use crate::question::{Condition, Measures, Question};

/// The days that one daily query may have.
const DAYS_OF_A_QUERY: i32 = 31;
/// The charges of one day that are no use: they are told, and never odd.
const AT_ONCE: [&str; 2] = ["Purchase", "Refund"];

/// Which days are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnomalyQuestion {
    /// The kind of cost.
    pub metric: Metric,
    /// How many days.
    pub days: i32,
    /// The last of them: one whose costs are complete.
    pub until: Date,
    /// The day on which it is asked.
    pub today: Date,
}

impl AnomalyQuestion {
    /// The first day to judge.
    pub fn from(&self) -> Date {
        self.until.saturating_sub((self.days - 1).days())
    }

    /// The days to ask about: those to judge and at least 28 before them, as many as cost no further query.
    fn span(&self) -> Result<Period, InvalidQuery> {
        let least = i32::try_from(LEAST_HISTORY).unwrap_or(i32::MAX);
        let queries = (self.days + least + DAYS_OF_A_QUERY - 1) / DAYS_OF_A_QUERY;
        let first = self.until.saturating_sub((queries * DAYS_OF_A_QUERY - 1).days());
        Period::new(first, self.until, self.today)
    }
}

/// What Azure is to be asked about one scope.
#[derive(Clone, Debug)]
pub struct AnomalyPlan {
    question: AnomalyQuestion,
    span: Period,
    costs: Plan,
    /// `None` where the agreement cannot tell charges at once from use.
    one_offs: Option<Plan>,
    queries: Vec<Query>,
}

impl AnomalyPlan {
    /// Cuts a question into the fewest query units. `dimensions` are the names that the scope's agreement has, where they are known.
    pub fn new(question: AnomalyQuestion, dimensions: Option<&[String]>) -> Result<Self, InvalidQuery> {
        let span = question.span()?;
        let knows = |by: &Grouping| {
            dimensions.is_none_or(|names| names.iter().any(|name| name.eq_ignore_ascii_case(by.name())))
        };
        let asked = |period, grouping: [Grouping; 2], filter: Option<Condition>| Question {
            metric: question.metric,
            period,
            granularity: Granularity::Daily,
            grouping: grouping.to_vec(),
            filter: filter.into_iter().collect(),
            exclude: Vec::new(),
            measures: Measures::default(),
        };
        let tells = knows(&charge_type());
        let use_alone = tells.then(|| priced(charge_type()));
        let costs = Plan::new(&asked(span, [service(), group()], use_alone), dimensions)?;
        let judged = Period::new(question.from(), question.until, question.today)?;
        let at_once = Condition { by: charge_type(), values: AT_ONCE.map(str::to_owned).to_vec() };
        let one_offs = asked(judged, [service(), charge_type()], Some(at_once));
        let one_offs = tells.then(|| Plan::new(&one_offs, dimensions)).transpose()?;
        let queries =
            costs.queries().iter().chain(one_offs.iter().flat_map(Plan::queries)).cloned().collect();
        Ok(Self { question, span, costs, one_offs, queries })
    }

    /// What to ask, in the order in which [`Self::join`] wants the answers.
    pub fn queries(&self) -> &[Query] {
        &self.queries
    }

    /// Joins the answers of one scope. None of them may be truncated.
    pub fn join(&self, answers: &[Arc<QueryResult>]) -> Result<Daily, Error> {
        if answers.len() != self.queries.len() {
            return Err(Error::unexpected("answers to other questions than were asked"));
        }
        let (costs, at_once) = answers.split_at(self.costs.queries().len());
        let costs = self.costs.join(costs)?;
        let one_offs = self.one_offs.as_ref().map(|plan| plan.join(at_once)).transpose()?;
        let tells_one_offs = one_offs.is_some();
        let mut one_offs: Vec<OneOff> =
            one_offs.unwrap_or_default().lines.iter().filter_map(OneOff::of).collect();
        one_offs.sort_by(|a, b| b.cost.amount.abs().cmp(&a.cost.amount.abs()).then(a.date.cmp(&b.date)));
        Ok(Daily { question: self.question, span: self.span, costs, one_offs, tells_one_offs })
    }
}

/// The costs of a scope day by day.
#[derive(Clone, Debug)]
pub struct Daily {
    pub(super) question: AnomalyQuestion,
    pub(super) span: Period,
    /// By service and resource group.
    pub(super) costs: Breakdown,
    /// What was charged at once on the judged days, the largest first.
    pub one_offs: Vec<OneOff>,
    /// Whether the agreement tells them.
    pub tells_one_offs: bool,
}

/// A purchase or refund: its money is of no day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneOff {
    /// The day that it is charged on.
    pub date: Date,
    /// Of what.
    pub service: Option<String>,
    /// `Purchase` or `Refund`, as Azure calls it.
    pub kind: String,
    /// How much.
    pub cost: Money,
}

impl OneOff {
    fn of(line: &Line) -> Option<Self> {
        let [service, kind] = &line.keys[..] else { return None };
        let kind = kind.clone().unwrap_or_default();
        (!line.cost.amount.is_zero()).then_some(Self {
            date: line.date?,
            service: service.clone(),
            kind,
            cost: line.cost,
        })
    }
}

pub(super) fn dimension(name: &str) -> Grouping {
    Grouping::Dimension(name.to_owned())
}

pub(super) fn service() -> Grouping {
    dimension("ServiceName")
}

pub(super) fn group() -> Grouping {
    dimension("ResourceGroupName")
}

pub(super) fn charge_type() -> Grouping {
    dimension("ChargeType")
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::plan::query_units;

    fn question(days: i32) -> AnomalyQuestion {
        AnomalyQuestion {
            metric: Metric::Amortized,
            days,
            until: date(2026, 11, 25),
            today: date(2026, 11, 27),
        }
    }

    #[test]
    fn a_question_takes_the_fewest_units_and_has_its_history() {
        // Days, units of the costs, units in all.
        for (days, costs, all) in
            [(1, 1, 2), (3, 1, 2), (4, 2, 3), (30, 2, 3), (34, 2, 4), (35, 3, 5), (60, 3, 5)]
        {
            let plan = AnomalyPlan::new(question(days), None).unwrap();
            let units = |queries: &[Query]| queries.iter().map(query_units).sum::<u32>();
            assert_eq!((units(plan.costs.queries()), units(plan.queries())), (costs, all), "{days}");
            assert!((question(days).from() - plan.span.from()).get_days() >= 28, "{days}");
            // A scope answers four requests a minute.
            assert!(days > 31 || plan.queries().len() <= 3, "{days}");
        }
    }

    #[test]
    fn where_charges_at_once_cannot_be_told_nobody_asks() {
        let names = ["ServiceName", "ResourceGroupName"].map(str::to_owned);
        let plan = AnomalyPlan::new(question(30), Some(&names)).unwrap();
        assert_eq!(plan.queries().len(), 2);
        assert!(plan.queries().iter().all(|query| query.filter().is_none()));
        let nothing: Vec<Arc<QueryResult>> = vec![Arc::default(), Arc::default()];
        assert!(!plan.join(&nothing).unwrap().tells_one_offs);
        assert!(plan.join(&nothing[..1]).is_err());
    }
}
