//! What a period costs more or less because it has other weekdays.

use std::collections::BTreeMap;

use jiff::civil::{Date, Weekday};
use rust_decimal::Decimal;

use crate::breakdown::Cells;
use crate::money::{AmountOverflow, Currency, Exact, Sum};
use crate::period::Period;

pub(super) const NOT_BY_DAY: &str = "single days of so long a period before take more than the four requests that Azure answers of a \
    scope in a minute";
const WEEKDAY_MISSING: &str = "the period before has not every weekday of the period after";

/// How many days a period has.
pub(super) fn days(period: Period) -> i32 {
    (period.to() - period.from()).get_days() + 1
}

/// Over weekdays: (days after − days before) × the mean of that weekday before. One for each currency.
pub(super) struct Weekdays {
    before: Period,
    after: Period,
    sums: BTreeMap<(Currency, i8), Sum>,
}

impl Weekdays {
    /// Of the costs of the period before, by day.
    pub(super) fn of(before: Period, after: Period, costs: &Cells) -> Result<Self, AmountOverflow> {
        let mut sums: BTreeMap<(Currency, i8), Sum> = BTreeMap::new();
        for cell in costs.iter() {
            if let Some(date) = cell.date {
                sums.entry((cell.currency, number(date.weekday()))).or_default().join(cell.cost)?;
            }
        }
        Ok(Self { before, after, sums })
    }

    pub(super) fn effect(&self, currency: Currency) -> Result<Result<Decimal, &'static str>, AmountOverflow> {
        let (before, after) = (count(self.before), count(self.after));
        let mut effect = Exact::from(0);
        for (weekday, (before, after)) in (0_i8..).zip(before.into_iter().zip(after)) {
            if before == after {
                continue;
            }
            let sum = self.sums.get(&(currency, weekday)).copied().unwrap_or_default();
            let Some(mean) = Exact::from(sum.amount()?).by(before.into()) else {
                return Ok(Err(WEEKDAY_MISSING));
            };
            effect = effect.plus(mean.times((after - before).into()));
        }
        effect.rounded().map(Ok)
    }
}

/// How many of each weekday a period has.
fn count(period: Period) -> [i32; 7] {
    let mut counts = [0; 7];
    let days = std::iter::successors(Some(period.from()), |day| day.tomorrow().ok());
    for day in days.take_while(|day: &Date| *day <= period.to()) {
        if let Some(count) =
            usize::try_from(number(day.weekday())).ok().and_then(|place| counts.get_mut(place))
        {
            *count += 1;
        }
    }
    counts
}

fn number(weekday: Weekday) -> i8 {
    weekday.to_monday_zero_offset()
}
