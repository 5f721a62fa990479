//! When people are told of a budget, and whether that point is passed.

use std::cmp::Ordering;

use rust_decimal::Decimal;

use crate::money::Exact;

/// A point at which people are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// The part of the amount, in per cent.
    pub percent: Decimal,
    /// Of what.
    pub kind: ThresholdKind,
    /// Whether anybody is told at all.
    pub enabled: bool,
    /// How the costs are compared with it. `None` where Azure writes one that is not known.
    pub(super) operator: Option<Operator>,
}

/// What is compared with a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThresholdKind {
    /// What was spent.
    Actual,
    /// What Azure expects of the whole period.
    Forecasted,
}

/// How it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    GreaterThan,
    GreaterThanOrEqualTo,
    EqualTo,
    LessThan,
}

impl Operator {
    const ALL: [(Self, &'static str); 4] = [
        (Self::GreaterThan, "GreaterThan"),
        (Self::GreaterThanOrEqualTo, "GreaterThanOrEqualTo"),
        (Self::EqualTo, "EqualTo"),
        (Self::LessThan, "LessThan"),
    ];

    pub(super) fn named(word: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, known)| known.eq_ignore_ascii_case(word.trim()));
        found.map(|(operator, _)| *operator)
    }

    const fn holds(self, order: Ordering) -> bool {
        match self {
            Self::GreaterThan => order.is_gt(),
            Self::GreaterThanOrEqualTo => order.is_ge(),
            Self::EqualTo => order.is_eq(),
            Self::LessThan => order.is_lt(),
        }
    }
}

impl Threshold {
    /// Whether it is passed, exactly: `spent` and `forecast` against that part of the amount. `None` where the figure that it is about
    /// is not known.
    pub fn is_crossed(
        &self,
        amount: Decimal,
        spent: Option<Decimal>,
        forecast: Option<Decimal>,
    ) -> Option<bool> {
        let figure = match self.kind {
            ThresholdKind::Actual => spent?,
            ThresholdKind::Forecasted => forecast?,
        };
        let part = Exact::from(amount).times(self.percent.into());
        let order = Exact::from(figure).times(100.into()).compared(&part);
        Some(self.operator?.holds(order))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_differ_at_the_point_itself() {
        let crossed = |operator: Option<Operator>, spent: &str| {
            let threshold = Threshold {
                percent: Decimal::new(805, 1),
                kind: ThresholdKind::Actual,
                enabled: true,
                operator,
            };
            threshold.is_crossed(Decimal::from(1_000), Some(spent.parse().unwrap()), None)
        };
        for (operator, expected) in [
            (Operator::GreaterThan, [false, false, true]),
            (Operator::GreaterThanOrEqualTo, [false, true, true]),
            (Operator::EqualTo, [false, true, false]),
            (Operator::LessThan, [true, false, false]),
        ] {
            // Of 28 digits, which no product of decimals holds.
            let figures = ["804.9999999999999999999999999", "805", "805.0000000000000000000000001"];
            assert_eq!(
                figures.map(|spent| crossed(Some(operator), spent)),
                expected.map(Some),
                "{operator:?}"
            );
        }
        assert_eq!(crossed(None, "1"), None);
    }

    #[test]
    fn a_forecast_that_is_not_there_crosses_nothing() {
        let operator = Some(Operator::GreaterThan);
        let threshold = Threshold {
            percent: Decimal::ONE_HUNDRED,
            kind: ThresholdKind::Forecasted,
            enabled: true,
            operator,
        };
        let ten = Decimal::TEN;
        assert_eq!(threshold.is_crossed(ten, Some(Decimal::ONE_HUNDRED), None), None);
        assert_eq!(threshold.is_crossed(ten, None, Some(Decimal::ONE_HUNDRED)), Some(true));
    }
}
