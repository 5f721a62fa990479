//! What meters count: how many single things a unit of theirs is of.

use rust_decimal::Decimal;

use crate::breakdown::Quantity;

/// How units are written that are of many things, as powers of ten.
const POWERS: [(&str, u32); 5] = [("k", 3), ("thousand", 3), ("m", 6), ("million", 6), ("b", 9)];
const MILLION: u32 = 6;

/// Whether a meter counts the tokens that a model reads and writes.
pub fn counts_tokens(meter: &str) -> bool {
    meter.split(|letter: char| !letter.is_alphanumeric()).any(is_tokens)
}

fn is_tokens(word: &str) -> bool {
    ["token", "tokens"].iter().any(|token| word.eq_ignore_ascii_case(token))
}

/// Tokens in millions, whether the meter counts them by one, by `1K` or by `1M`: exact. `None` where it counts something else, or
/// where the agreement does not say what a unit is.
pub fn millions_of_tokens(quantity: &Quantity) -> Option<Decimal> {
    let Quantity::Of(used) = quantity else { return None };
    let unit = Unit::read(used.unit.as_deref()?)?;
    let of_tokens = is_tokens(unit.things)
        || (unit.things.is_empty() && used.meter.as_deref().is_some_and(counts_tokens));
    if !of_tokens {
        return None;
    }
    let mut tokens = used.amount.checked_mul(unit.count.into())?.normalize();
    // By the place of the point: nothing is divided, so nothing is rounded.
    match MILLION.checked_sub(unit.power) {
        Some(places) => tokens.set_scale(tokens.scale() + places).ok()?,
        None => tokens = tokens.checked_mul(Decimal::from(10_u64.pow(unit.power - MILLION)))?,
    }
    Some(tokens.normalize())
}

/// `1K`, `1M Tokens`, `1 Million`, `100`: so many, by a power of ten, of something.
struct Unit<'a> {
    count: u32,
    power: u32,
    things: &'a str,
}

impl<'a> Unit<'a> {
    fn read(unit: &'a str) -> Option<Self> {
        let unit = unit.trim();
        let digits = unit.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(unit.len());
        let count = unit[..digits].parse().ok()?;
        let rest = unit[digits..].trim_start();
        let word = rest.find(|letter: char| !letter.is_alphabetic()).unwrap_or(rest.len());
        let power = POWERS.iter().find(|(name, _)| rest[..word].eq_ignore_ascii_case(name));
        Some(match power {
            Some((_, power)) => Self { count, power: *power, things: rest[word..].trim() },
            None => Self { count, power: 0, things: rest },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::breakdown::OfOneMeter;

    fn millions(meter: &str, unit: Option<&str>, amount: &str) -> Option<String> {
        let (meter, unit) = (Some(meter.to_owned()), unit.map(str::to_owned));
        let quantity = Quantity::Of(Box::new(OfOneMeter { meter, unit, amount: amount.parse().unwrap() }));
        millions_of_tokens(&quantity).map(|tokens| tokens.to_string())
    }

    #[test]
    fn tokens_are_counted_in_millions_whatever_the_unit() {
        const METER: &str = "gpt-4o 0806 Outp glbl Tokens";
        for (unit, amount, expected) in [
            ("1K", "2500", "2.5"),
            ("1K", "0.00000001", "0.00000000001"),
            ("1k tokens", "12345.6789", "12.3456789"),
            ("1M", "2.50", "2.5"),
            ("1M Tokens", "3", "3"),
            ("1 Million Tokens", "3", "3"),
            ("10K", "7", "0.07"),
            ("100", "5", "0.0005"),
            ("1", "1500000", "1.5"),
            ("1B", "0.25", "250"),
        ] {
            assert_eq!(millions(METER, Some(unit), amount).as_deref(), Some(expected), "{amount} {unit}");
        }
        // Where the unit names them, the meter need not.
        assert_eq!(millions("gpt inp", Some("1K Tokens"), "1").as_deref(), Some("0.001"));
    }

    #[test]
    fn what_is_no_number_of_tokens_is_not_counted() {
        const TOKENS: &str = "gpt outp Tokens";
        for (meter, unit) in [
            ("Operations", Some("10K")),
            ("Tokenizer Hours", Some("1")),
            (TOKENS, None),
            (TOKENS, Some("")),
            (TOKENS, Some("K")),
            (TOKENS, Some("1 Hour")),
            (TOKENS, Some("1 Minute")),
            (TOKENS, Some("1M/Month")),
            (TOKENS, Some("1K Tokens/Minute")),
            (TOKENS, Some("99999999999999999999")),
        ] {
            assert_eq!(millions(meter, unit, "1"), None, "{meter} {unit:?}");
        }
        assert_eq!(
            millions(TOKENS, Some("1B"), "79228162514264337593543950335"),
            None,
            "more than there is room for"
        );
        assert_eq!(millions_of_tokens(&Quantity::SeveralMeters), None);
    }
}
