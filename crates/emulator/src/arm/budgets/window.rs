//! The days that a budget's amount is for, now.

use jiff::ToSpan as _;
use jiff::civil::Date;

/// How often it begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grain {
    Monthly,
    Quarterly,
    Annually,
    BillingMonth,
    BillingQuarter,
    BillingAnnual,
    Last7Days,
    Last30Days,
}

impl Grain {
    const ALL: [(Self, &'static str); 8] = [
        (Self::Monthly, "Monthly"),
        (Self::Quarterly, "Quarterly"),
        (Self::Annually, "Annually"),
        (Self::BillingMonth, "BillingMonth"),
        (Self::BillingQuarter, "BillingQuarter"),
        (Self::BillingAnnual, "BillingAnnual"),
        (Self::Last7Days, "Last7Days"),
        (Self::Last30Days, "Last30Days"),
    ];

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(grain, _)| *grain)
    }

    pub(super) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(grain, _)| *grain == self).map_or("", |(_, name)| name)
    }

    /// By the days of invoices.
    pub(super) fn is_billing(self) -> bool {
        matches!(self, Self::BillingMonth | Self::BillingQuarter | Self::BillingAnnual)
    }

    /// The last days, whichever they are.
    pub(super) fn is_rolling(self) -> bool {
        matches!(self, Self::Last7Days | Self::Last30Days)
    }

    /// Months from one beginning to the next.
    fn months(self) -> i32 {
        match self {
            Self::Monthly | Self::BillingMonth => 1,
            Self::Quarterly | Self::BillingQuarter => 3,
            Self::Annually | Self::BillingAnnual => 12,
            Self::Last7Days | Self::Last30Days => 0,
        }
    }
}

/// First and last day of the period that `today` is in. Before the start it is the first period, after the end the last one.
pub(super) fn window(grain: Grain, (start, end): (Date, Date), today: Date) -> (Date, Date) {
    let day = today.clamp(start, end);
    // Each beginning is counted from the start: after a 31st there is a 30th, and a 31st again.
    let begins = |number: i32| start.saturating_add((number * grain.months()).months());
    let mut number = 0;
    while begins(number + 1) <= day && grain.months() > 0 {
        number += 1;
    }
    (begins(number), begins(number + 1).yesterday().map_or(end, |last| last.min(end)))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::{Grain, window};

    #[test]
    fn a_period_begins_where_the_start_says() {
        let of = |grain, start, today| window(grain, (start, date(2030, 12, 31)), today);
        let quarter = of(Grain::Quarterly, date(2026, 2, 1), date(2026, 11, 27));
        assert_eq!(quarter, (date(2026, 11, 1), date(2027, 1, 31)));
        let invoice = of(Grain::BillingMonth, date(2026, 1, 31), date(2026, 3, 30));
        assert_eq!(invoice, (date(2026, 2, 28), date(2026, 3, 30)));
        let next = of(Grain::BillingMonth, date(2026, 1, 31), date(2026, 3, 31));
        assert_eq!(next, (date(2026, 3, 31), date(2026, 4, 29)));
        let ended = window(Grain::Monthly, (date(2025, 10, 1), date(2026, 3, 15)), date(2026, 11, 27));
        assert_eq!(ended, (date(2026, 3, 1), date(2026, 3, 15)));
    }
}
