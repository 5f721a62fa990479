//! The days that a budget's amount is for.

use jiff::civil::Date;
use jiff::{Span, ToSpan};

use super::Budget;

/// How often a budget begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grain {
    /// Each month from its start.
    Monthly,
    /// Every three months.
    Quarterly,
    /// Each year.
    Annually,
    /// With each invoice of a month; of pay-as-you-go.
    BillingMonth,
    /// Every three of them.
    BillingQuarter,
    /// Every twelve of them.
    BillingAnnual,
    /// The last seven days, whichever they are; of reservations.
    Last7Days,
    /// The last thirty days.
    Last30Days,
}

/// A length of a period.
enum Step {
    Months(i32),
    LastDays(i32),
}

impl Grain {
    const ALL: [Self; 8] = [
        Self::Monthly,
        Self::Quarterly,
        Self::Annually,
        Self::BillingMonth,
        Self::BillingQuarter,
        Self::BillingAnnual,
        Self::Last7Days,
        Self::Last30Days,
    ];

    /// Azure's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Monthly => "Monthly",
            Self::Quarterly => "Quarterly",
            Self::Annually => "Annually",
            Self::BillingMonth => "BillingMonth",
            Self::BillingQuarter => "BillingQuarter",
            Self::BillingAnnual => "BillingAnnual",
            Self::Last7Days => "Last7Days",
            Self::Last30Days => "Last30Days",
        }
    }

    pub(super) fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grain| grain.as_str().eq_ignore_ascii_case(word.trim()))
    }

    const fn step(self) -> Step {
        match self {
            Self::Monthly | Self::BillingMonth => Step::Months(1),
            Self::Quarterly | Self::BillingQuarter => Step::Months(3),
            Self::Annually | Self::BillingAnnual => Step::Months(12),
            Self::Last7Days => Step::LastDays(7),
            Self::Last30Days => Step::LastDays(30),
        }
    }
}

/// A budget's period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetPeriod {
    /// Its first day.
    pub from: Date,
    /// Its last day.
    pub to: Date,
    /// Whether it is the present one.
    pub phase: Phase,
}

/// How a period is to today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It is the first one, which lies ahead.
    NotBegun,
    /// Today is in it.
    Running,
    /// It was the last one: the budget has ended.
    Expired,
}

impl BudgetPeriod {
    /// How many days it has.
    pub fn days(&self) -> i32 {
        days(self.from, self.to)
    }

    /// How many of them are over by the end of this day.
    pub fn days_until(&self, day: Date) -> i32 {
        days(self.from, self.to.min(day))
    }
}

impl Budget {
    /// The period that today (UTC) is in; before the first one begins the first, after the end the last.
    pub fn period(&self, today: Date) -> BudgetPeriod {
        let phase = if today < self.starts {
            Phase::NotBegun
        } else if self.ends.is_some_and(|ends| ends < today) {
            Phase::Expired
        } else {
            Phase::Running
        };
        let day = today.min(self.ends.unwrap_or(today)).max(self.starts);
        let (from, to) = match self.grain.step() {
            Step::Months(months) => around(self.starts, months, day),
            Step::LastDays(days) => (day.saturating_sub((days - 1).days()), day),
        };
        BudgetPeriod { from, to: self.ends.map_or(to, |ends| ends.min(to)), phase }
    }
}

/// First and last day of the steps of so many months from `start` that a day is in. Each is counted from the start, so that what
/// begins on a 31st begins on the last day of shorter months, and on a 31st again.
fn around(start: Date, months: i32, day: Date) -> (Date, Date) {
    let begins = |step: i32| {
        Span::new().try_months(step * months).map_or(Date::MAX, |span| start.saturating_add(span))
    };
    let apart = (i32::from(day.year()) - i32::from(start.year())) * 12 + i32::from(day.month())
        - i32::from(start.month());
    let step = (apart / months).max(0);
    // In the month of its beginning a day may still be before it.
    let step = if begins(step) > day { step - 1 } else { step };
    let next = begins(step + 1);
    (begins(step), next.yesterday().unwrap_or(next))
}

fn days(from: Date, to: Date) -> i32 {
    ((to - from).get_days() + 1).max(0)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;
    use crate::budgets::{BudgetFilter, Watches};

    fn budget(grain: Grain, starts: Date, ends: Option<Date>) -> Budget {
        let filter = BudgetFilter::Costs(Vec::new());
        let (id, name) = (String::new(), String::new());
        Budget {
            id,
            name,
            scope: None,
            watches: Watches::Reservations,
            grain,
            starts,
            ends,
            filter,
            thresholds: Vec::new(),
        }
    }

    fn period(grain: Grain, starts: Date, today: Date) -> (Date, Date) {
        let period = budget(grain, starts, None).period(today);
        assert_eq!(period.phase, Phase::Running);
        (period.from, period.to)
    }

    #[test]
    fn a_period_begins_where_the_start_says() {
        for (grain, starts, today, from, to) in [
            (Grain::Monthly, date(2023, 4, 1), date(2024, 2, 29), date(2024, 2, 1), date(2024, 2, 29)),
            (Grain::Monthly, date(2023, 4, 1), date(2023, 4, 1), date(2023, 4, 1), date(2023, 4, 30)),
            // Quarters that begin in February.
            (Grain::Quarterly, date(2025, 2, 1), date(2026, 1, 31), date(2025, 11, 1), date(2026, 1, 31)),
            (Grain::Quarterly, date(2025, 2, 1), date(2026, 2, 1), date(2026, 2, 1), date(2026, 4, 30)),
            (Grain::Annually, date(2024, 7, 1), date(2026, 6, 30), date(2025, 7, 1), date(2026, 6, 30)),
            (Grain::BillingMonth, date(2026, 1, 31), date(2026, 2, 27), date(2026, 1, 31), date(2026, 2, 27)),
            (Grain::BillingMonth, date(2026, 1, 31), date(2026, 2, 28), date(2026, 2, 28), date(2026, 3, 30)),
            (Grain::BillingMonth, date(2026, 1, 31), date(2026, 3, 31), date(2026, 3, 31), date(2026, 4, 29)),
            (
                Grain::BillingQuarter,
                date(2025, 11, 30),
                date(2026, 2, 28),
                date(2026, 2, 28),
                date(2026, 5, 29),
            ),
            (
                Grain::BillingAnnual,
                date(2024, 2, 29),
                date(2025, 2, 28),
                date(2025, 2, 28),
                date(2026, 2, 27),
            ),
            (Grain::Last7Days, date(2023, 4, 1), date(2026, 3, 3), date(2026, 2, 25), date(2026, 3, 3)),
            (Grain::Last30Days, date(2023, 4, 1), date(2026, 3, 3), date(2026, 2, 2), date(2026, 3, 3)),
        ] {
            assert_eq!(period(grain, starts, today), (from, to), "{grain:?} {starts} {today}");
        }
    }

    #[test]
    fn before_the_start_and_after_the_end_it_is_the_nearest_one() {
        let one = budget(Grain::Monthly, date(2026, 3, 1), Some(date(2026, 5, 15)));
        let of = |today| {
            let BudgetPeriod { from, to, phase } = one.period(today);
            (from, to, phase)
        };
        assert_eq!(of(date(2026, 2, 28)), (date(2026, 3, 1), date(2026, 3, 31), Phase::NotBegun));
        assert_eq!(of(date(2026, 5, 15)), (date(2026, 5, 1), date(2026, 5, 15), Phase::Running));
        assert_eq!(of(date(2026, 5, 16)), (date(2026, 5, 1), date(2026, 5, 15), Phase::Expired));
        let period = one.period(date(2026, 5, 3));
        assert_eq!(
            (period.days(), period.days_until(date(2026, 4, 30)), period.days_until(date(2026, 5, 3))),
            (15, 0, 3)
        );
    }

    proptest! {
        #[test]
        fn every_day_is_in_its_period_and_each_follows_another(
            grain in 0_usize..6, start in 0_i32..4_000, after in 0_i32..4_000,
        ) {
            let starts = date(2017, 6, 1).saturating_add(start.days());
            let today = starts.saturating_add(after.days());
            let one = budget(Grain::ALL[grain], starts, None);
            let period = one.period(today);
            prop_assert!(period.from <= today && today <= period.to);
            let next = one.period(period.to.tomorrow().unwrap());
            prop_assert_eq!(next.from, period.to.tomorrow().unwrap());
        }

        #[test]
        fn hostile_dates_never_panic(start in -9_999_i16..=9_999, end in -9_999_i16..=9_999, grain in 0_usize..8) {
            let one = budget(Grain::ALL[grain], date(start, 1, 31), Some(date(end, 12, 31)));
            one.period(date(2026, 11, 27)).days();
        }
    }
}
