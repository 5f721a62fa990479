//! What was spent of a budget's period by now, by the budget's own filter.
//!
//! The days of the open month are asked for one by one, so that those whose costs are complete can be told from the others; the months before
//! them as one sum. A budget of a month takes one query unit, one of a longer period one more for each month of it.

use std::sync::Arc;

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::burn_down::Spending;
use crate::breakdown::Breakdown;
use crate::error::Error;
use crate::invalid::InvalidQuery;
use crate::money::{AmountOverflow, Currency, Money, Sum, Totals};
use crate::period::Period;
use crate::plan::{Plan, query_units};
use crate::query::{Granularity, Metric, Query, QueryResult};
use crate::question::{Condition, Measures, Question};
use crate::scope::Scope;

/// What Azure is to be asked.
#[derive(Clone, Debug)]
pub struct SpendPlan {
    /// The months before the days, where there are any; then the days.
    parts: Vec<Plan>,
    queries: Vec<Query>,
    complete: Date,
}

impl SpendPlan {
    /// Cuts the question for the actual costs of these days that meet the conditions. Budgets do not spread what is paid at once. `complete` is
    /// the last day whose costs are complete; `dimensions` are the names that the scope's agreement has, where they are known.
    pub fn new(
        filter: &[Condition],
        (from, to): (Date, Date),
        (today, complete): (Date, Date),
        dimensions: Option<&[String]>,
    ) -> Result<Self, InvalidQuery> {
        let plan = |from, to, granularity| {
            let question = Question {
                metric: Metric::Actual,
                period: Period::new(from, to, today)?,
                granularity,
                grouping: Vec::new(),
                filter: filter.to_vec(),
                exclude: Vec::new(),
                measures: Measures::default(),
            };
            Plan::new(&question, dimensions)
        };
        let days_from = complete.min(to).first_of_month().max(from);
        let mut parts = Vec::new();
        if from < days_from {
            parts.push(plan(from, days_from.yesterday().unwrap_or(from), Granularity::None)?);
        }
        parts.push(plan(days_from, to, Granularity::Daily)?);
        let queries = parts.iter().flat_map(Plan::queries).cloned().collect();
        Ok(Self { parts, queries, complete })
    }

    /// What to ask, in the order in which [`Self::join`] wants the answers.
    pub fn queries(&self) -> &[Query] {
        &self.queries
    }

    /// The query units that all of it takes.
    pub fn query_units(&self) -> u32 {
        self.queries.iter().map(query_units).sum()
    }

    /// Whether a scope takes these queries: as [`Plan::check_scope`].
    pub fn check_scope(&self, scope: &Scope) -> Result<(), InvalidQuery> {
        self.parts.iter().try_for_each(|part| part.check_scope(scope))
    }

    /// Joins the answers. None of them may be truncated.
    pub fn join(&self, answers: &[Arc<QueryResult>]) -> Result<Spend, Error> {
        if answers.len() != self.queries.len() {
            return Err(Error::unexpected("answers to other questions than were asked"));
        }
        let mut left = answers;
        let mut next = |part: &Plan| {
            let (its, others) = left.split_at(part.queries().len());
            left = others;
            part.join(its)
        };
        let parts: Vec<Breakdown> = self.parts.iter().map(&mut next).collect::<Result<_, _>>()?;
        let (days, before) = parts.split_last().ok_or(Error::unexpected("no answers"))?;
        let without_figure = parts.iter().map(|part| part.without_figure).sum();
        let before = before.iter().flat_map(|part| &part.lines).map(|line| line.cost);
        Ok(Spend {
            before: Totals::of(before)?,
            days: days.totals_by_date()?,
            complete: self.complete,
            without_figure,
        })
    }
}

/// What was spent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spend {
    /// In the months before the days.
    before: Totals,
    /// By date.
    days: Vec<(Date, Money)>,
    complete: Date,
    /// How many rows Azure sent without a figure, which are in no sum.
    pub without_figure: u64,
}

impl Spend {
    /// Everything, by currency.
    pub fn totals(&self) -> Result<Totals, AmountOverflow> {
        Totals::of(self.before.iter().chain(self.days.iter().map(|(_, money)| *money)))
    }

    /// What of it is in a budget's currency, against the budget's amount.
    pub fn against(&self, amount: Decimal, currency: Currency) -> Result<Spending, AmountOverflow> {
        let before = self.before.get(currency).map_or(Decimal::ZERO, |money| money.amount);
        let (mut now, mut counted) = (Sum::default(), Sum::default());
        now.add(before)?;
        counted.add(before)?;
        let mut passed_on = None;
        for (date, money) in self.days.iter().filter(|(_, money)| money.currency == currency) {
            now.add(money.amount)?;
            if *date <= self.complete {
                counted.add(money.amount)?;
            }
            // Of the months before, nobody knows the day. What is given back may undo it.
            let is_more = now.amount()? > amount;
            passed_on = passed_on.or(Some(*date)).filter(|_| is_more && before <= amount);
        }
        Ok(Spending { now: now.amount()?, counted: counted.amount()?, covered: self.complete, passed_on })
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::query::{Grouping, Row};

    /// Noon of the twelfth.
    const NOW: (Date, Date) = (date(2026, 11, 12), date(2026, 11, 10));

    fn plan(from: Date) -> SpendPlan {
        SpendPlan::new(&[], (from, NOW.0), NOW, None).unwrap()
    }

    fn periods(plan: &SpendPlan) -> Vec<String> {
        plan.queries().iter().map(|query| format!("{} {:?}", query.period(), query.granularity())).collect()
    }

    #[test]
    fn a_month_takes_one_unit_and_a_longer_period_one_for_each() {
        let month = plan(date(2026, 11, 1));
        assert_eq!(
            (periods(&month), month.query_units()),
            (vec!["2026-11-01 to 2026-11-12 Daily".to_owned()], 1)
        );
        let quarter = plan(date(2026, 10, 1));
        let expected = ["2026-10-01 to 2026-10-31 None", "2026-11-01 to 2026-11-12 Daily"];
        assert_eq!((periods(&quarter), quarter.query_units()), (expected.map(str::to_owned).to_vec(), 2));
        let year = plan(date(2026, 1, 1));
        assert_eq!((year.queries().len(), year.query_units()), (2, 11));
        // On the first days of a month those of the month before are not complete.
        let (today, complete) = (date(2026, 12, 1), date(2026, 11, 28));
        let turn = SpendPlan::new(&[], (date(2026, 10, 1), today), (today, complete), None).unwrap();
        assert_eq!(periods(&turn), ["2026-10-01 to 2026-10-31 None", "2026-11-01 to 2026-12-01 Daily"]);
        let begun = SpendPlan::new(&[], (today, today), (today, complete), None).unwrap();
        assert_eq!(periods(&begun), ["2026-12-01 to 2026-12-01 Daily"]);
    }

    #[test]
    fn a_budgets_own_filter_goes_along() {
        let condition = Condition { by: Grouping::Tag("env".to_owned()), values: vec!["prod".to_owned()] };
        let plan = SpendPlan::new(&[condition], (NOW.0, NOW.0), NOW, None).unwrap();
        assert!(plan.queries()[0].filter().is_some());
    }

    fn answer(rows: &[(Option<Date>, &str, &str)]) -> Arc<QueryResult> {
        let row = |(date, amount, currency): &(Option<Date>, &str, &str)| Row {
            cost: Money::new(amount.parse().unwrap(), currency.parse().unwrap()),
            beside: None,
            date: *date,
            groups: Arc::from([]),
        };
        Arc::new(QueryResult { rows: rows.iter().map(row).collect(), ..QueryResult::default() })
    }

    #[test]
    fn what_is_complete_is_told_from_the_rest_and_currencies_stay_apart() {
        let day = |day| Some(date(2026, 11, day));
        let answers = [
            answer(&[(None, "100", "EUR"), (None, "7", "USD")]),
            answer(&[
                (day(11), "4", "EUR"),
                (day(9), "2", "EUR"),
                (day(10), "3", "EUR"),
                (day(9), "50", "USD"),
            ]),
        ];
        let spend = plan(date(2026, 10, 1)).join(&answers).unwrap();
        let against = |amount: i64, currency: &str| {
            let found = spend.against(amount.into(), currency.parse().unwrap()).unwrap();
            (found.now.to_string(), found.counted.to_string(), found.passed_on.map(Date::day))
        };
        let of = |now: &str, counted: &str, passed| (now.to_owned(), counted.to_owned(), passed);
        assert_eq!(against(104, "EUR"), of("109", "105", Some(10)));
        assert_eq!(against(108, "EUR"), of("109", "105", Some(11)), "what is not complete counts");
        assert_eq!(against(109, "EUR"), of("109", "105", None));
        assert_eq!(
            against(99, "EUR"),
            of("109", "105", None),
            "passed in a month whose days nobody asked for"
        );
        assert_eq!(against(1, "GBP"), of("0", "0", None));
        assert_eq!(spend.totals().unwrap().len(), 2);
        assert!(plan(date(2026, 10, 1)).join(&answers[..1]).is_err());
    }

    #[test]
    fn what_is_given_back_undoes_it() {
        let day = |day| Some(date(2026, 11, day));
        let back = answer(&[(day(1), "12", "EUR"), (day(2), "-5", "EUR"), (day(3), "4", "EUR")]);
        let spend = plan(date(2026, 11, 1)).join(&[back]).unwrap();
        let passed = |amount: i64| spend.against(amount.into(), "EUR".parse().unwrap()).unwrap().passed_on;
        assert_eq!((passed(10), passed(11)), (day(3), None));
    }
}
