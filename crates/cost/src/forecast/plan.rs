//! Azure's forecast of a period in as few questions as its forty rows allow.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::{Ahead, Horizon, NoForecast};
use crate::error::Error;
use crate::invalid::InvalidQuery;
use crate::money::{Currency, Sum};
use crate::period::Period;
use crate::query::{Granularity, MOST_FORECAST_ROWS, Metric, Query, QueryResult, Row};

/// What Azure is to be asked about one scope.
#[derive(Clone, Debug)]
pub struct ForecastPlan {
    by: Granularity,
    queries: Vec<Query>,
}

impl ForecastPlan {
    /// A scope of several currencies has a row of each for each day or month, and all must fit in.
    pub fn new(metric: Metric, horizon: &Horizon, currencies: usize) -> Result<Self, InvalidQuery> {
        let currencies = i32::try_from(currencies).unwrap_or(i32::MAX).max(1);
        let most = (MOST_FORECAST_ROWS / currencies).max(1);
        let pieces = horizon.ahead()?.map(|ahead| pieces(ahead, horizon.by(), most)).unwrap_or_default();
        let query = |piece| Query::forecast(metric, piece, horizon.by());
        Ok(Self { by: horizon.by(), queries: pieces.into_iter().map(query).collect::<Result<_, _>>()? })
    }

    /// What to ask, in the order in which [`Self::join`] wants the answers. Nothing, where no day lies ahead.
    pub fn queries(&self) -> &[Query] {
        &self.queries
    }

    /// Joins the answers. Rows of one day are added up; what lies outside of what was asked for is left out. A currency whose
    /// forecast does not reach the last day of each question has none.
    pub fn join(&self, answers: &[Arc<QueryResult>]) -> Result<Result<Ahead, NoForecast>, Error> {
        let mut sums: BTreeMap<Currency, BTreeMap<Date, Sum>> = BTreeMap::new();
        let mut ends: BTreeMap<Currency, usize> = BTreeMap::new();
        for (query, answer) in self.queries.iter().zip(answers) {
            if let Some(bound) = answer.truncated {
                return Err(bound.into());
            }
            let (first, last) = self.ends(query.period());
            let is_asked = |row: &&Row| row.date.is_some_and(|date| (first..=last).contains(&date));
            for row in answer.rows.iter().filter(is_asked) {
                let Some(date) = row.date else { continue };
                let days = sums.entry(row.cost.currency).or_default();
                if date == last && !days.contains_key(&date) {
                    *ends.entry(row.cost.currency).or_default() += 1;
                }
                days.entry(date).or_default().add(row.cost.amount)?;
            }
        }
        if sums.is_empty() && !self.queries.is_empty() {
            return Ok(Err(NoForecast::TooLittleHistory));
        }
        let is_whole = |currency: &Currency| ends.get(currency) == Some(&self.queries.len());
        let whole = sums.into_iter().filter(|(currency, _)| is_whole(currency));
        let ahead: Ahead =
            whole.map(|(currency, days)| Ok((currency, amounts(days)?))).collect::<Result<_, Error>>()?;
        Ok(if ahead.is_empty() && !self.queries.is_empty() { Err(NoForecast::Incomplete) } else { Ok(ahead) })
    }

    /// The dates of a period's first and last row.
    fn ends(&self, period: Period) -> (Date, Date) {
        let date = |day: Date| if self.by == Granularity::Daily { day } else { day.first_of_month() };
        (date(period.from()), date(period.to()))
    }
}

fn amounts(days: BTreeMap<Date, Sum>) -> Result<BTreeMap<Date, Decimal>, Error> {
    days.into_iter().map(|(date, sum)| Ok((date, sum.amount()?))).collect()
}

/// Pieces of at most so many days or months.
fn pieces(ahead: Period, by: Granularity, most: i32) -> Vec<Period> {
    let mut pieces = Vec::new();
    let mut from = ahead.from();
    while from <= ahead.to() {
        let end = match by {
            Granularity::Daily => from.saturating_add((most - 1).days()),
            Granularity::None | Granularity::Monthly => {
                from.first_of_month().saturating_add((most - 1).months()).last_of_month()
            }
        };
        let end = end.min(ahead.to());
        pieces.push(ahead.part(from, end));
        let Ok(next) = end.tomorrow() else { break };
        from = next;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Money;

    fn plan(to: &str, by: Granularity, currencies: usize) -> ForecastPlan {
        let now = "2026-11-27T12:00:00Z".parse().unwrap();
        let horizon = Horizon::new("2026-11-01".parse().unwrap(), to.parse().unwrap(), by, now).unwrap();
        ForecastPlan::new(Metric::Actual, &horizon, currencies).unwrap()
    }

    fn row(date: &str, amount: &str, currency: &str) -> Row {
        Row {
            cost: Money::new(amount.parse().unwrap(), currency.parse().unwrap()),
            beside: None,
            date: Some(date.parse().unwrap()),
            groups: Arc::from([]),
        }
    }

    fn joined(plan: &ForecastPlan, answers: Vec<Vec<Row>>) -> Result<String, NoForecast> {
        let result =
            |rows: Vec<Row>| Arc::new(QueryResult { rows: rows.into(), pages: 1, ..QueryResult::default() });
        let answers: Vec<_> = answers.into_iter().map(result).collect();
        let ahead = plan.join(&answers).unwrap()?;
        let day = |(date, amount): (&Date, &Decimal)| format!("{date}={amount}");
        let one = |(currency, days): (&Currency, &BTreeMap<Date, Decimal>)| {
            format!("{currency} {}", days.iter().map(day).collect::<Vec<_>>().join(" "))
        };
        Ok(ahead.iter().map(one).collect::<Vec<_>>().join(", "))
    }

    #[test]
    fn no_question_has_more_than_forty_rows() {
        for (to, by, currencies, expected) in [
            ("2026-11-30", Granularity::Daily, 1, vec!["2026-11-28 to 2026-11-30"]),
            ("2027-01-06", Granularity::Daily, 1, vec!["2026-11-28 to 2027-01-06"]),
            (
                "2027-01-07",
                Granularity::Daily,
                1,
                vec!["2026-11-28 to 2027-01-06", "2027-01-07 to 2027-01-07"],
            ),
            (
                "2026-12-31",
                Granularity::Daily,
                3,
                vec!["2026-11-28 to 2026-12-10", "2026-12-11 to 2026-12-23", "2026-12-24 to 2026-12-31"],
            ),
            ("2027-11-30", Granularity::Monthly, 3, vec!["2026-11-28 to 2027-11-30"]),
            (
                "2027-11-30",
                Granularity::Monthly,
                4,
                vec!["2026-11-28 to 2027-08-31", "2027-09-01 to 2027-11-30"],
            ),
            ("2026-11-27", Granularity::Daily, 1, vec![]),
            (
                "2026-11-29",
                Granularity::Daily,
                41,
                vec!["2026-11-28 to 2026-11-28", "2026-11-29 to 2026-11-29"],
            ),
        ] {
            let plan = plan(to, by, currencies);
            let periods: Vec<_> = plan.queries().iter().map(|query| query.period().to_string()).collect();
            assert_eq!(periods, expected, "{to} {by:?} {currencies}");
        }
    }

    #[test]
    fn rows_of_one_day_are_added_up_and_others_left_out() {
        let plan = plan("2026-11-29", Granularity::Daily, 1);
        let rows = vec![
            row("2026-11-28", "2.10333307059661", "USD"),
            row("2026-11-28", "218.68795741935486", "USD"),
            row("2026-11-29", "1", "USD"),
            row("2026-11-27", "1000", "USD"),
            row("2026-11-30", "1000", "USD"),
            row("2026-11-29", "3", "EUR"),
        ];
        assert_eq!(
            joined(&plan, vec![rows]),
            Ok("EUR 2026-11-29=3, USD 2026-11-28=220.79129048995147 2026-11-29=1".to_owned())
        );
    }

    #[test]
    fn what_does_not_reach_the_end_is_no_forecast() {
        let two = plan("2027-01-07", Granularity::Daily, 1);
        let (first, last) = (row("2027-01-06", "1", "EUR"), row("2027-01-07", "2", "EUR"));
        assert_eq!(joined(&two, vec![vec![], vec![]]), Err(NoForecast::TooLittleHistory));
        assert_eq!(joined(&two, vec![vec![first.clone()], vec![]]), Err(NoForecast::Incomplete));
        assert_eq!(joined(&two, vec![vec![], vec![last.clone()]]), Err(NoForecast::Incomplete));
        let other = row("2027-01-06", "5", "USD");
        assert_eq!(
            joined(&two, vec![vec![first, other], vec![last]]),
            Ok("EUR 2027-01-06=1 2027-01-07=2".to_owned())
        );
        let none = plan("2026-11-27", Granularity::Daily, 1);
        assert_eq!(joined(&none, vec![]), Ok(String::new()));
    }

    #[test]
    fn months_are_by_their_first_day() {
        let plan = plan("2026-12-31", Granularity::Monthly, 1);
        let rows = vec![row("2026-11-01", "10", "EUR"), row("2026-12-01", "20", "EUR")];
        assert_eq!(joined(&plan, vec![rows]), Ok("EUR 2026-11-01=10 2026-12-01=20".to_owned()));
    }
}
