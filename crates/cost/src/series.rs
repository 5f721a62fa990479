//! Costs day by day as statistics see them: no day is missing, and which days have all their costs is known.
//!
//! Amounts come in exact and stay exact. What is calculated of them here, such as a median or the ratio of a weekday, is no money.

use std::collections::BTreeMap;
use std::iter;
use std::sync::Arc;

use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

pub(crate) use edges::{Edges, place as edge};
pub use spread::{mad, median, quantile};
pub use weekly::Weekly;

use crate::breakdown::{Breakdown, Groups, Line, values};
use crate::error::Error;
use crate::money::{Currency, Sum};
use crate::period::Period;

mod edges;
mod spread;
mod weekly;

/// What each day of a period cost, in one currency. A day of which nothing is told cost nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// The group whose costs these are; of all costs together, no values.
    pub keys: Arc<[Option<String>]>,
    /// The currency of all of them.
    pub currency: Currency,
    from: Date,
    amounts: Vec<Decimal>,
    /// How many days from the first on have all their costs.
    complete: usize,
}

/// A day of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Day {
    /// The day.
    pub date: Date,
    /// What it cost, exact.
    pub amount: Decimal,
    /// The same for statistics.
    pub value: f64,
}

impl Series {
    /// Of all costs of a breakdown by day, one for each currency. Days after `complete_until` are known to be arriving still.
    pub fn totals(costs: &Breakdown, period: Period, complete_until: Date) -> Result<Vec<Self>, Error> {
        Self::of(costs, period, complete_until, |_| &[])
    }

    /// Of each group of a breakdown by day, by currency, then in the order of the breakdown.
    pub fn groups(costs: &Breakdown, period: Period, complete_until: Date) -> Result<Vec<Self>, Error> {
        Self::of(costs, period, complete_until, |line| &line.keys)
    }

    fn of<'a>(
        costs: &'a Breakdown,
        period: Period,
        complete_until: Date,
        keys: impl Fn(&'a Line) -> &'a [Option<String>],
    ) -> Result<Vec<Self>, Error> {
        let days = number_of_days(period.from(), period.to());
        let complete = number_of_days(period.from(), complete_until).min(days);
        let mut groups = Groups::default();
        let mut sums: BTreeMap<(Currency, u32), Vec<Sum>> = BTreeMap::new();
        for line in &costs.lines {
            let Some(place) = line.date.and_then(|date| place(date, period.from())) else { continue };
            let key = (line.cost.currency, groups.number(values(keys(line))));
            let sums = sums.entry(key).or_insert_with(|| vec![Sum::default(); days]);
            if let Some(sum) = sums.get_mut(place) {
                sum.add(line.cost.amount)?;
            }
        }
        let series = |((currency, group), sums): ((Currency, u32), Vec<Sum>)| {
            let amounts = sums.iter().map(Sum::amount).collect::<Result<_, _>>()?;
            Ok(Self { keys: groups.keys(group), currency, from: period.from(), amounts, complete })
        };
        sums.into_iter().map(series).collect()
    }

    /// The days that have all their costs.
    pub fn complete(&self) -> Vec<Day> {
        self.days().take(self.complete).collect()
    }

    /// The days after them, whose costs are still arriving.
    pub fn arriving(&self) -> Vec<Day> {
        self.days().skip(self.complete).collect()
    }

    /// The complete days from the first one on that cost anything: before it, nothing is known to have been there.
    pub fn history(&self) -> Vec<Day> {
        self.days().take(self.complete).skip_while(|day| day.amount.is_zero()).collect()
    }

    fn days(&self) -> impl Iterator<Item = Day> + '_ {
        dates(self.from).zip(&self.amounts).map(|(date, amount)| Day::new(date, *amount))
    }
}

impl Day {
    /// What a day cost.
    pub fn new(date: Date, amount: Decimal) -> Self {
        // Any decimal is near a double.
        Self { date, amount, value: amount.to_f64().unwrap_or_default() }
    }
}

/// A day and all after it.
fn dates(from: Date) -> impl Iterator<Item = Date> {
    iter::successors(Some(from), |date| date.checked_add(1.day()).ok())
}

/// How many days there are, both ends counted; none where the second is before the first.
fn number_of_days(from: Date, to: Date) -> usize {
    place(to, from).map_or(0, |place| place + 1)
}

/// How many days a day is after another one; `None` where it is before it.
fn place(date: Date, from: Date) -> Option<usize> {
    usize::try_from((date - from).get_days()).ok()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::breakdown::Quantity;
    use crate::money::Money;

    fn line(key: &str, day: i8, amount: &str, currency: &str) -> Line {
        Line {
            keys: Arc::from([Some(key.to_owned())]),
            date: Some(date(2026, 10, day)),
            cost: Money::new(amount.parse().unwrap(), currency.parse().unwrap()),
            quantity: Quantity::NotAsked,
            usd: None,
        }
    }

    fn costs() -> Breakdown {
        let lines = vec![
            line("vm", 3, "0.1", "EUR"),
            line("vm", 5, "7", "EUR"),
            line("disk", 3, "0.2", "EUR"),
            line("disk", 3, "4", "USD"),
            line("DISK", 4, "-1", "EUR"),
            // Neither is a day of the period.
            line("vm", 1, "100", "EUR"),
            line("vm", 7, "100", "EUR"),
            Line { date: None, ..line("vm", 3, "100", "EUR") },
        ];
        Breakdown { lines: lines.into(), without_figure: 0 }
    }

    fn period() -> Period {
        Period::new(date(2026, 10, 2), date(2026, 10, 6), date(2026, 10, 6)).unwrap()
    }

    fn words(days: &[Day]) -> String {
        let word = |day: &Day| format!("{}={}", day.date.day(), day.amount);
        days.iter().map(word).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn no_day_is_missing_and_currencies_stay_apart() {
        let series = Series::totals(&costs(), period(), date(2026, 10, 4)).unwrap();
        let [eur, usd] = &series[..] else { panic!("{series:?}") };
        assert_eq!((eur.currency.as_str(), usd.currency.as_str()), ("EUR", "USD"));
        assert_eq!(words(&eur.complete()), "2=0 3=0.3 4=-1");
        assert_eq!(words(&eur.arriving()), "5=7 6=0");
        assert_eq!(words(&eur.history()), "3=0.3 4=-1");
        assert_eq!((words(&usd.complete()), usd.keys.len()), ("2=0 3=4 4=0".to_owned(), 0));
        let seven = eur.arriving().first().map(|day| day.value);
        assert_eq!(seven, Some(7.0));
    }

    #[test]
    fn a_group_is_one_whatever_case_it_is_written_in() {
        let series = Series::groups(&costs(), period(), date(2026, 10, 30)).unwrap();
        let words: Vec<_> = series
            .iter()
            .map(|one| format!("{} {:?}: {}", one.currency, one.keys[0], words(&one.complete())))
            .collect();
        assert_eq!(
            words,
            [
                r#"EUR Some("vm"): 2=0 3=0.1 4=0 5=7 6=0"#,
                r#"EUR Some("disk"): 2=0 3=0.2 4=-1 5=0 6=0"#,
                r#"USD Some("disk"): 2=0 3=4 4=0 5=0 6=0"#,
            ]
        );
    }

    #[test]
    fn before_all_costs_no_day_is_complete() {
        let [eur, _] = &Series::totals(&costs(), period(), date(2026, 9, 30)).unwrap()[..] else { panic!() };
        assert_eq!((eur.complete().len(), eur.arriving().len(), eur.history().len()), (0, 5, 0));
    }
}
