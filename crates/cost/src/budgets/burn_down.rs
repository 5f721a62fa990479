//! How a budget stands: what may still be spent each day, and when it will be used up at the present rate.
//!
//! The rate is what was spent a day over the days that the figure covers, and the day is found by it exactly. What is written of money is
//! a quotient: 10 decimals, half to even, rounded once.

use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::period::{BudgetPeriod, Phase};
use crate::money::{AmountOverflow, Exact};

/// What was spent of a budget's period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spending {
    /// All that is known.
    pub now: Decimal,
    /// What of it the days up to `covered` cost.
    pub counted: Decimal,
    /// The last day that counts for the rate.
    pub covered: Date,
    /// The day with which it was more than the amount, where that is known.
    pub passed_on: Option<Date>,
}

impl Spending {
    /// What Azure's last evaluation found, as it was handed out on the day `today`. It is of the night before: what it holds of today is
    /// not worth speaking of, and what it lacks of yesterday neither.
    pub fn evaluated(amount: Decimal, today: Date) -> Self {
        let covered = today.yesterday().unwrap_or(today);
        Self { now: amount, counted: amount, covered, passed_on: None }
    }
}

/// How a budget stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BurnDown {
    /// Days of the period whose costs are complete.
    pub elapsed_days: i32,
    /// All its days.
    pub days: i32,
    /// What may be spent each day after the last complete one so that the amount is kept; below zero where it is passed. `None` where
    /// no such day is left, and where nothing is known of what was spent.
    pub needed_per_day: Option<Decimal>,
    /// What was spent a day.
    pub spent_per_day: Option<Decimal>,
    /// The first day with which the amount is passed: the day on which it was, or at this rate will be. `None` where it is kept, and where
    /// it was passed on a day that is not known.
    pub runs_out_on: Option<Date>,
    /// In a word.
    pub outlook: Outlook,
}

/// How a budget stands, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outlook {
    /// More than the amount was spent.
    UsedUp,
    /// It will be more before the period ends, at the present rate.
    RunsOut,
    /// At the present rate the amount is kept.
    OnTrack,
    /// Nothing is known of what was spent.
    Unknown,
    /// Its first period lies ahead.
    NotBegun,
    /// It has ended.
    Expired,
}

impl BurnDown {
    /// How a budget of this amount stands on the day `today`. The costs of days after `complete` may still grow.
    pub fn of(
        amount: Decimal,
        period: &BudgetPeriod,
        spending: Option<&Spending>,
        (today, complete): (Date, Date),
    ) -> Result<Self, AmountOverflow> {
        let (elapsed_days, days) = (period.days_until(complete), period.days());
        let without = |outlook| Self {
            elapsed_days,
            days,
            needed_per_day: None,
            spent_per_day: None,
            runs_out_on: None,
            outlook,
        };
        let spending = match (period.phase, spending) {
            (Phase::NotBegun, _) => return Ok(without(Outlook::NotBegun)),
            (Phase::Expired, _) => return Ok(without(Outlook::Expired)),
            (Phase::Running, None) => return Ok(without(Outlook::Unknown)),
            (Phase::Running, Some(spending)) => spending,
        };
        let left = Exact::from(amount).minus(spending.counted.into());
        let rate = Exact::from(spending.counted).by(period.days_until(spending.covered).into());
        let needed = left.clone().by((days - elapsed_days).into());
        let runs_out_on = if spending.now > amount {
            spending.passed_on
        } else {
            let base = spending.covered.min(period.to).max(period.from.yesterday().unwrap_or(period.from));
            // What is late may have it passed before today: it was not.
            rate.clone().and_then(|rate| passed(left, rate, base)).map(|day| day.max(today))
        };
        let runs_out_on = runs_out_on.filter(|day| *day <= period.to);
        let outlook = match (spending.now > amount, runs_out_on) {
            (true, _) => Outlook::UsedUp,
            (false, Some(_)) => Outlook::RunsOut,
            (false, None) => Outlook::OnTrack,
        };
        Ok(Self {
            needed_per_day: needed.map(Exact::rounded).transpose()?,
            spent_per_day: rate.map(Exact::rounded).transpose()?,
            runs_out_on,
            ..without(outlook)
        })
    }
}

/// The first day after `base` with which more than is left is spent at this rate.
fn passed(left: Exact, rate: Exact, base: Date) -> Option<Date> {
    if rate.compared(&Exact::from(0)).is_le() {
        return None;
    }
    // Less than a day is the first one; on a whole number of days nothing is left, and nothing is passed.
    let days = left.by(rate)?.floor()?.checked_add(1)?;
    // Beyond all periods there is no day of interest.
    let days = i32::try_from(days).ok().filter(|days| (1..100_000).contains(days))?;
    base.checked_add(days.days()).ok()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    const NOVEMBER: BudgetPeriod =
        BudgetPeriod { from: date(2026, 11, 1), to: date(2026, 11, 30), phase: Phase::Running };
    /// The twelfth, and the last complete day.
    const DAYS: (Date, Date) = (date(2026, 11, 12), date(2026, 11, 10));

    fn live(counted: &str, now: &str) -> Spending {
        let (counted, now) = (decimal(counted), decimal(now));
        Spending { now, counted, covered: DAYS.1, passed_on: None }
    }

    fn of(amount: &str, spending: &Spending) -> BurnDown {
        BurnDown::of(decimal(amount), &NOVEMBER, Some(spending), DAYS).unwrap()
    }

    #[test]
    fn days_after_the_last_complete_one_share_what_is_left() {
        let found = of("3000", &live("1000", "1150"));
        assert_eq!((found.elapsed_days, found.days), (10, 30));
        assert_eq!((found.needed_per_day, found.spent_per_day), (Some(decimal("100")), Some(decimal("100"))));
        // On the last day the amount is met and not passed.
        assert_eq!((found.runs_out_on, found.outlook), (None, Outlook::OnTrack));
        let found = of("2999.99", &live("1000", "1150"));
        assert_eq!((found.runs_out_on, found.outlook), (Some(date(2026, 11, 30)), Outlook::RunsOut));
        assert_eq!(found.needed_per_day, Some(decimal("99.9995")));
        let thirds = of("1100", &live("1000", "1000"));
        assert_eq!(thirds.needed_per_day, Some(decimal("5")));
        assert_eq!(of("1000.01", &live("1000", "1000")).runs_out_on, Some(DAYS.0), "not before today");
        assert_eq!(of("7", &live("3", "3")).needed_per_day, Some(decimal("0.2")));
        assert_eq!(
            of("1", &live("0.3333333333333333333333333333", "0.4")).spent_per_day,
            Some(decimal("0.0333333333"))
        );
    }

    #[test]
    fn what_is_used_up_is_so_whatever_the_rate_says() {
        let passed_on = Some(date(2026, 11, 9));
        let found = of("900", &Spending { passed_on, ..live("1000", "1150") });
        assert_eq!((found.outlook, found.runs_out_on), (Outlook::UsedUp, passed_on));
        assert_eq!(found.needed_per_day, Some(decimal("-5")));
        // What is still incomplete counts as well.
        assert_eq!(of("1100", &live("1000", "1150")).outlook, Outlook::UsedUp);
        assert_eq!(of("1150", &live("1000", "1150")).outlook, Outlook::RunsOut, "met is not passed");
    }

    #[test]
    fn nothing_spent_and_credits_run_out_on_no_day() {
        for counted in ["0", "-20"] {
            let found = of("100", &live(counted, counted));
            assert_eq!((found.runs_out_on, found.outlook), (None, Outlook::OnTrack));
        }
        let none = BurnDown::of(decimal("100"), &NOVEMBER, None, DAYS).unwrap();
        assert_eq!((none.outlook, none.needed_per_day), (Outlook::Unknown, None));
        assert_eq!(of("0", &live("0", "0")).outlook, Outlook::OnTrack);
    }

    #[test]
    fn the_last_evaluation_covers_yesterday() {
        let spending = Spending::evaluated(decimal("1100"), DAYS.0);
        let found = BurnDown::of(decimal("2500"), &NOVEMBER, Some(&spending), DAYS).unwrap();
        assert_eq!(found.spent_per_day, Some(decimal("100")));
        // 1400 are left after the 11th: the 26th passes them.
        assert_eq!(found.runs_out_on, Some(date(2026, 11, 26)));
        assert_eq!(found.needed_per_day, Some(decimal("70")), "of the twenty days after the tenth");
    }

    #[test]
    fn a_period_that_just_began_has_no_rate() {
        let today = date(2026, 11, 1);
        let spending = Spending::evaluated(Decimal::ZERO, today);
        let found =
            BurnDown::of(decimal("300"), &NOVEMBER, Some(&spending), (today, date(2026, 10, 30))).unwrap();
        assert_eq!(
            (found.elapsed_days, found.needed_per_day, found.spent_per_day),
            (0, Some(decimal("10")), None)
        );
        assert_eq!(found.outlook, Outlook::OnTrack);
    }

    #[test]
    fn what_has_ended_or_lies_ahead_has_no_days_to_share() {
        for (phase, outlook) in [(Phase::NotBegun, Outlook::NotBegun), (Phase::Expired, Outlook::Expired)] {
            let period = BudgetPeriod { phase, ..NOVEMBER };
            let found = BurnDown::of(decimal("1"), &period, Some(&live("5", "5")), DAYS).unwrap();
            assert_eq!((found.outlook, found.needed_per_day, found.runs_out_on), (outlook, None, None));
        }
        // On the day after the last one of a period all of it may be complete.
        let last = BudgetPeriod { to: DAYS.1, ..NOVEMBER };
        let found = BurnDown::of(decimal("2000"), &last, Some(&live("1000", "1000")), DAYS).unwrap();
        assert_eq!((found.needed_per_day, found.runs_out_on), (None, None));
    }

    #[test]
    fn figures_beyond_a_decimal_are_an_error_and_no_panic() {
        let spending = Spending { counted: -Decimal::MAX, now: -Decimal::MAX, ..live("0", "0") };
        assert_eq!(BurnDown::of(Decimal::MAX, &NOVEMBER, Some(&spending), DAYS), Err(AmountOverflow));
    }
}
