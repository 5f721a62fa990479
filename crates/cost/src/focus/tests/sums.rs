//! Nothing is lost and nothing counted twice, to the last digit, whatever stands in the reports.

use std::collections::BTreeMap;

use num_bigint::BigInt;
use proptest::prelude::*;
use proptest::sample::select;

use super::{CUSTOMER, ENTERPRISE, Line, converter, record, usage, written};
use crate::focus::Source;

/// Enough for the digits that are made below.
const PLACES: u32 = 40;

const CHARGES: [&str; 9] = [
    "Usage",
    "UnusedReservation",
    "UnusedSavingsPlan",
    "Purchase",
    "Refund",
    "Tax",
    "Credit",
    "RoundingAdjustment",
    "",
];
const MODELS: [&str; 6] = ["OnDemand", "Spot", "Reservation", "SavingsPlan", "reservation", ""];

/// A line, and what it costs at [`PLACES`] decimals.
#[derive(Clone, Debug)]
struct Made {
    line: Line,
    currency: &'static str,
    cost: BigInt,
}

fn made() -> impl Strategy<Value = Made> {
    let cost = (any::<i64>(), 0_u32..20, any::<bool>());
    (select(&CHARGES[..]), select(&MODELS[..]), select(&["EUR", "USD", "CHF"][..]), cost).prop_map(
        |(charge, model, currency, (digits, scale, exponent))| {
            let text = if exponent { format!("{digits}E-{scale}") } else { plain(digits, scale) };
            let line = usage(&[
                ("chargetype", charge),
                ("pricingmodel", model),
                ("billingcurrency", currency),
                ("billingcurrencycode", currency),
                ("costinbillingcurrency", &text),
            ]);
            Made { line, currency, cost: BigInt::from(digits) * BigInt::from(10).pow(PLACES - scale) }
        },
    )
}

fn plain(digits: i64, scale: u32) -> String {
    let scale = scale as usize;
    let (sign, digits) = (if digits < 0 { "-" } else { "" }, digits.unsigned_abs().to_string());
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

fn is_committed(made: &Made) -> bool {
    ["reservation", "savingsplan"].contains(&made.line["pricingmodel"].to_lowercase().as_str())
}

type Sums = BTreeMap<String, BigInt>;

fn of_lines<'a>(lines: impl Iterator<Item = &'a Made>) -> Sums {
    let mut sums = Sums::new();
    for made in lines {
        *sums.entry(made.currency.to_owned()).or_default() += &made.cost;
    }
    sums.retain(|_, sum| *sum != BigInt::ZERO);
    sums
}

fn of_rows(header: &str, reports: &[(Source, Vec<&Made>)], column: &str) -> Sums {
    let mut sums = Sums::new();
    let mut converter = converter(header);
    for (source, lines) in reports {
        for made in lines {
            let cells = record(header, &made.line);
            let Some(row) = converter.row(|at| &cells[at], *source).unwrap().map(written) else { continue };
            *sums.entry(row["BillingCurrency"].clone()).or_default() += read(&row[column]);
        }
    }
    sums.retain(|_, sum| *sum != BigInt::ZERO);
    sums
}

fn read(text: &str) -> BigInt {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{fraction:0<places$}", places = PLACES as usize).parse().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// What no commitment covers stands in both reports; of a commitment each has lines of its own.
    #[test]
    fn billed_is_what_was_billed_and_effective_what_was_spread(
        lines in proptest::collection::vec((made(), any::<bool>()), 0..12),
        header in select(&[ENTERPRISE, CUSTOMER][..]),
    ) {
        let of = |wanted: bool| -> Vec<&Made> {
            lines.iter().filter(|(made, actual)| !is_committed(made) || *actual == wanted).map(|(made, _)| made).collect()
        };
        let (actual, amortized) = (of(true), of(false));
        let billed = of_lines(actual.iter().copied());
        let effective = of_lines(amortized.iter().copied());
        let reports = [(Source::Amortized, amortized), (Source::Actual, actual)];
        prop_assert_eq!(of_rows(header, &reports, "BilledCost"), billed);
        prop_assert_eq!(of_rows(header, &reports, "EffectiveCost"), effective);
    }
}
