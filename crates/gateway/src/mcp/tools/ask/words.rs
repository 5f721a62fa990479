//! Words of closed sets: kinds of cost, grains of time, what is summed.

use cost::{Granularity, Measures, Metric, Sensitivity, folded, nearest, quoted};

/// A word and what it means; the first of each meaning is the word that answers name.
type Words<T> = [(&'static str, T)];

const GRANULARITIES: &Words<Granularity> = &[
    ("none", Granularity::None),
    ("daily", Granularity::Daily),
    ("monthly", Granularity::Monthly),
    ("total", Granularity::None),
    ("no", Granularity::None),
    ("day", Granularity::Daily),
    ("days", Granularity::Daily),
    ("by day", Granularity::Daily),
    ("per day", Granularity::Daily),
    ("month", Granularity::Monthly),
    ("months", Granularity::Monthly),
    ("by month", Granularity::Monthly),
    ("per month", Granularity::Monthly),
];

const METRICS: &Words<Metric> = &[
    ("actual", Metric::Actual),
    ("amortized", Metric::Amortized),
    ("actual cost", Metric::Actual),
    ("invoiced", Metric::Actual),
    ("billed", Metric::Actual),
    ("usage", Metric::Actual),
    ("amortised", Metric::Amortized),
    ("amortized cost", Metric::Amortized),
    ("amortised cost", Metric::Amortized),
];

const SENSITIVITIES: &Words<Sensitivity> = &[
    ("low", Sensitivity::Low),
    ("normal", Sensitivity::Normal),
    ("high", Sensitivity::High),
    ("medium", Sensitivity::Normal),
    ("default", Sensitivity::Normal),
];

/// What is summed.
#[derive(Clone, Copy)]
enum Measure {
    Cost,
    Quantity,
    UnitPrice,
    Usd,
}

const MEASURES: &Words<Measure> = &[
    ("cost", Measure::Cost),
    ("quantity", Measure::Quantity),
    ("unit_price", Measure::UnitPrice),
    ("usd", Measure::Usd),
    ("costs", Measure::Cost),
    ("amount", Measure::Cost),
    ("PreTaxCost", Measure::Cost),
    ("usage", Measure::Quantity),
    ("usage quantity", Measure::Quantity),
    ("quantities", Measure::Quantity),
    ("price", Measure::UnitPrice),
    ("effective price", Measure::UnitPrice),
    ("rate", Measure::UnitPrice),
    ("cost usd", Measure::Usd),
    ("PreTaxCostUSD", Measure::Usd),
    ("dollars", Measure::Usd),
    ("us dollars", Measure::Usd),
];

/// The word that answers name a metric by.
pub(in crate::mcp::tools) const fn metric_word(metric: Metric) -> &'static str {
    match metric {
        Metric::Actual => "actual",
        Metric::Amortized => "amortized",
    }
}

/// The word that answers name a sensitivity by.
pub(in crate::mcp::tools) const fn sensitivity_word(sensitivity: Sensitivity) -> &'static str {
    match sensitivity {
        Sensitivity::Low => "low",
        Sensitivity::Normal => "normal",
        Sensitivity::High => "high",
    }
}

pub(super) fn sensitivity(word: Option<&str>) -> Result<Sensitivity, String> {
    word.map_or(Ok(Sensitivity::Normal), |word| read("sensitivity", word, SENSITIVITIES, 3))
}

pub(super) fn granularity(word: Option<&str>) -> Result<Granularity, String> {
    word.map_or(Ok(Granularity::None), |word| read("granularity", word, GRANULARITIES, 3))
}

pub(super) fn metric(word: Option<&str>) -> Result<Metric, String> {
    word.map_or(Ok(Metric::Actual), |word| read("metric", word, METRICS, 2))
}

pub(super) fn measures(words: &[String]) -> Result<Measures, String> {
    let mut measures = Measures::default();
    for word in words {
        match read("measures", word, MEASURES, 4)? {
            Measure::Cost => {}
            Measure::Quantity => measures.quantity = true,
            Measure::UnitPrice => (measures.quantity, measures.unit_price) = (true, true),
            Measure::Usd => measures.usd = true,
        }
    }
    Ok(measures)
}

/// What a word means; `named` of the words are named where it means nothing.
fn read<T: Copy>(member: &str, word: &str, words: &Words<T>, named: usize) -> Result<T, String> {
    let plain = folded(word);
    let found = words.iter().find(|(known, _)| folded(known) == plain);
    found.map(|(_, meaning)| *meaning).ok_or_else(|| {
        let right = words.iter().map(|(known, _)| *known).take(named);
        format!("'{member}' is not '{word:.40}'; it is one of {}", quoted(nearest(word, right, named)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_understood_in_any_case() {
        for word in ["daily", "DAILY", "Day", "per day"] {
            assert_eq!(granularity(Some(word)), Ok(Granularity::Daily), "{word}");
        }
        assert_eq!(granularity(None), Ok(Granularity::None));
        for word in ["Amortized", "AmortizedCost", "amortised", "amortized_cost"] {
            assert_eq!(metric(Some(word)), Ok(Metric::Amortized), "{word}");
        }
        assert_eq!(sensitivity(Some("HIGH")), Ok(Sensitivity::High));
        let asked = ["Cost", "unit price", "CostUSD"].map(str::to_owned);
        assert_eq!(measures(&asked), Ok(Measures { quantity: true, unit_price: true, usd: true }));
    }

    #[test]
    fn a_wrong_word_is_answered_with_the_right_ones_nearest_first() {
        for (said, expected) in [
            (granularity(Some("dayly")).unwrap_err(), "one of 'daily', 'none', 'monthly'"),
            (granularity(Some("weekly")).unwrap_err(), "'weekly'; it is one of '"),
            (sensitivity(Some("hgh")).unwrap_err(), "one of 'high', "),
            (metric(Some("net")).unwrap_err(), "one of 'actual', 'amortized'"),
            (metric(Some("amortzed")).unwrap_err(), "one of 'amortized', 'actual'"),
            (measures(&["quantty".to_owned()]).unwrap_err(), "one of 'quantity', "),
        ] {
            assert!(said.contains(expected), "{said}");
        }
    }
}
