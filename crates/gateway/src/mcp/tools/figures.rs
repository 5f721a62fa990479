//! Quotients in answers: ten decimals, half to even.

use rust_decimal::{Decimal, RoundingStrategy};

/// How many decimals a quotient has.
const PLACES: u32 = 10;

/// `part / whole`, or nothing where that is no number.
pub(super) fn quotient(part: Decimal, whole: Decimal) -> Option<Decimal> {
    let exact = part.checked_div(whole)?;
    Some(exact.round_dp_with_strategy(PLACES, RoundingStrategy::MidpointNearestEven))
}

/// The part of a whole; nothing where the whole is not positive, for beside credits it says nothing.
pub(super) fn share(part: Decimal, whole: Decimal) -> Option<Decimal> {
    if whole > Decimal::ZERO { quotient(part, whole) } else { None }
}

/// A decimal as it stands in data: exact, without zeros at its end.
pub(super) fn text(figure: Decimal) -> String {
    figure.normalize().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotients_are_rounded_half_to_even() {
        for (part, whole, expected) in [
            ("1", "3", Some("0.3333333333")),
            ("2", "3", Some("0.6666666667")),
            ("0.00000000025", "1", Some("0.0000000002")),
            ("0.00000000035", "1", Some("0.0000000004")),
            ("-0.00000000025", "1", Some("-0.0000000002")),
            ("-0.00000000001", "1", Some("0")),
            ("10", "4", Some("2.5")),
            ("1", "0", None),
        ] {
            let found = quotient(part.parse().unwrap(), whole.parse().unwrap()).map(text);
            assert_eq!(found.as_deref(), expected, "{part}/{whole}");
        }
    }

    #[test]
    fn a_whole_that_is_not_positive_has_no_parts() {
        let share = |part: i64, whole: i64| share(part.into(), whole.into()).map(text);
        assert_eq!(share(1, 4).as_deref(), Some("0.25"));
        assert_eq!((share(1, 0), share(-1, -2)), (None, None));
    }
}
