//! Quantities with their units, and prices of one, for people. Azure writes units as "1 Hour", "1 GB/Month", "10K".

use cost::{Line, Quantity, millions_of_tokens, unit_price};
use rust_decimal::Decimal;

/// Units of which there is more than one in words.
const PLURALS: [(&str, &str); 5] =
    [("Second", "Seconds"), ("Minute", "Minutes"), ("Hour", "Hours"), ("Day", "Days"), ("Month", "Months")];
const TOKENS: &str = "million tokens";
/// Azure rounds what it counts, so a price of one has a tail that means nothing.
const DIGITS: u32 = 6;

/// How much was used: `10134.1186 Hours`, `3.5 × 10K`, `2.5 million tokens`.
pub(super) fn quantity(used: &Quantity) -> String {
    let round = |amount: Decimal| amount.round_dp(4).normalize();
    if let Some(tokens) = millions_of_tokens(used) {
        return format!("{} {TOKENS}", round(tokens));
    }
    let (amount, unit) = match used {
        Quantity::Of(of) => (round(of.amount), of.unit.as_deref().unwrap_or_default().trim()),
        Quantity::SeveralMeters => return "several meters or units".to_owned(),
        Quantity::NotAsked | Quantity::NotAskable | Quantity::NoFigure => return String::new(),
    };
    match single(unit) {
        Some("") => amount.to_string(),
        Some(thing) => {
            let plural = PLURALS.iter().find(|(one, _)| *one == thing && amount != Decimal::ONE);
            format!("{amount} {}", plural.map_or(thing, |(_, several)| *several))
        }
        None => format!("{amount} × {unit}"),
    }
}

/// The price of one, to six digits: `0.253 EUR per Hour`, `10 EUR per million tokens`. Nothing where a line is of several meters.
pub(super) fn price(line: &Line) -> Option<String> {
    let Quantity::Of(used) = &line.quantity else { return None };
    let tokens = millions_of_tokens(&line.quantity);
    let of = used.unit.as_deref().unwrap_or_default().trim();
    let of = if tokens.is_some() { TOKENS } else { single(of).unwrap_or(of) };
    let price = unit_price(line.cost.amount, tokens.unwrap_or(used.amount))?.round_sf(DIGITS)?.normalize();
    let per = if of.is_empty() { String::new() } else { format!(" per {of}") };
    Some(format!("{price} {}{per}", line.cost.currency))
}

/// What a unit is one of: `Hour` of "1 Hour", nothing of "1" and of none.
fn single(unit: &str) -> Option<&str> {
    if unit.is_empty() || unit == "1" {
        return Some("");
    }
    unit.strip_prefix("1 ").map(str::trim_start).filter(|thing| thing.starts_with(char::is_alphabetic))
}

#[cfg(test)]
mod tests {
    use cost::{Money, OfOneMeter};

    use super::*;

    fn line(unit: Option<&str>, amount: &str) -> Line {
        let (meter, unit) = (Some("gpt outp Tokens".to_owned()), unit.map(str::to_owned));
        Line {
            keys: Vec::new().into(),
            date: None,
            cost: Money::new(21.into(), "EUR".parse().unwrap()),
            quantity: Quantity::Of(Box::new(OfOneMeter { meter, unit, amount: amount.parse().unwrap() })),
            usd: None,
        }
    }

    #[test]
    fn quantities_and_prices_read_as_people_say_them() {
        for (unit, amount, used, price_of_one) in [
            (Some("1 Hour"), "10134.11862", "10134.1186 Hours", "0.00207221 EUR per Hour"),
            (Some("1 Hour"), "1.0", "1 Hour", "21 EUR per Hour"),
            (Some("1 GB/Month"), "42", "42 GB/Month", "0.5 EUR per GB/Month"),
            (Some("1/Month"), "3", "3 × 1/Month", "7 EUR per 1/Month"),
            (Some("100 Hours"), "3", "3 × 100 Hours", "7 EUR per 100 Hours"),
            (Some("10K"), "0.5", "0.005 million tokens", "4200 EUR per million tokens"),
            (None, "2", "2", "10.5 EUR"),
            (Some("1K"), "2500", "2.5 million tokens", "8.4 EUR per million tokens"),
            (Some("1M"), "2.5", "2.5 million tokens", "8.4 EUR per million tokens"),
        ] {
            let line = line(unit, amount);
            let said = (quantity(&line.quantity), price(&line).unwrap());
            assert_eq!(said, (used.to_owned(), price_of_one.to_owned()), "{unit:?}");
        }
        let unit = Some("10K".to_owned());
        let operations = Quantity::Of(Box::new(OfOneMeter { meter: None, unit, amount: 3.into() }));
        assert_eq!(quantity(&operations), "3 × 10K");
        let several = Line { quantity: Quantity::SeveralMeters, ..line(None, "1") };
        assert_eq!(
            (quantity(&several.quantity).as_str(), price(&several)),
            ("several meters or units", None)
        );
    }
}
