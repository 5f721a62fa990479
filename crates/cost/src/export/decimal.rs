//! Numbers as Azure writes them, exactly: nothing is rounded, and what does not fit is none.

use std::borrow::Cow;

/// The most places that an exponent may move a number by. Azure's go to about 20.
const MOST_PLACES: i32 = 100;

/// A number without an exponent, as [`Cell::Decimal`](crate::table::Cell) has it: `0.00001` of `1E-05`.
pub(super) fn plain(text: &str) -> Option<Cow<'_, str>> {
    let text = text.trim();
    if is_plain(text) {
        return Some(Cow::Borrowed(text));
    }
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (sign, number) = match number.strip_prefix('-') {
        Some(number) => ("-", number),
        None => ("", number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !is_digits(&digits) || exponent.abs() > MOST_PLACES {
        return None;
    }
    let point = i32::try_from(whole.len()).ok()? + exponent;
    Some(Cow::Owned(format!("{sign}{}", with_point(&digits, point))))
}

/// These digits with the point behind so many of them.
fn with_point(digits: &str, point: i32) -> String {
    let before = usize::try_from(-point).unwrap_or(0);
    let digits = format!("{}{digits}", "0".repeat(before));
    let point = usize::try_from(point).unwrap_or(0);
    let digits = format!("{digits:0<point$}");
    let (whole, fraction) = digits.split_at(point);
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
}

/// A plain number as a count of units of so many places behind the point. `None` where that would round it, or where it has
/// more than 38 digits.
pub(super) fn unscaled(plain: &str, places: usize) -> Option<i128> {
    const MOST_DIGITS: usize = 38;
    let (negative, number) = match plain.strip_prefix('-') {
        Some(number) => (true, number),
        None => (false, plain),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    let missing = places.checked_sub(fraction.len())?;
    if whole.len() + places > MOST_DIGITS {
        return None;
    }
    let digits = whole.bytes().chain(fraction.bytes()).chain(std::iter::repeat_n(b'0', missing));
    let value = digits.fold(0_i128, |value, digit| value * 10 + i128::from(digit - b'0'));
    Some(if negative { -value } else { value })
}

/// `-12.50`, as JSON has it too.
fn is_plain(text: &str) -> bool {
    let number = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    is_digits(whole) && is_digits(fraction) && (whole == "0" || !whole.starts_with('0'))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_read_as_azure_writes_them() {
        for (text, expected) in [
            ("0", "0"),
            ("-12.50", "-12.50"),
            ("1E-05", "0.00001"),
            ("-1.25e-3", "-0.00125"),
            ("5.80645161290323E-05", "0.0000580645161290323"),
            ("1.5E+3", "1500"),
            ("12.345E1", "123.45"),
            ("+7", "7"),
            (".5", "0.5"),
            ("5.", "5"),
            ("007.10", "7.10"),
            ("0E-20", "0.00000000000000000000"),
            (" 3 ", "3"),
        ] {
            assert_eq!(plain(text).as_deref(), Some(expected), "{text}");
        }
        for text in
            ["", "-", ".", "1,5", "1.2.3", "NaN", "1E", "1E999999999", "--1", "1 2", "0x1", "E5", "1E101"]
        {
            assert_eq!(plain(text), None, "{text}");
        }
    }

    #[test]
    fn what_would_be_rounded_is_none() {
        assert_eq!(unscaled("-1.25", 4), Some(-12_500));
        assert_eq!(unscaled("0.00010", 4), Some(1));
        assert_eq!(unscaled("0.00001", 4), None);
        assert_eq!(unscaled("99999999999999.999999999999999999999999", 24), Some(10_i128.pow(38) - 1));
        assert_eq!(unscaled("100000000000000", 24), None);
    }

    proptest! {
        #[test]
        fn any_number_keeps_its_value(mantissa in any::<i64>(), places in 0_u32..20, exponent in -15_i32..5) {
            let number = |value: i128, scale: usize| {
                let digits = format!("{:0>width$}", value.abs(), width = scale + 1);
                let (whole, fraction) = digits.split_at(digits.len() - scale);
                format!("{}{whole}.{fraction}0", if value < 0 { "-" } else { "" })
            };
            let text = format!("{}E{exponent}", number(i128::from(mantissa), places as usize));
            let plain = plain(&text).unwrap();
            prop_assert!(serde_json::from_str::<serde_json::Number>(&plain).is_ok(), "{}", plain);
            let moved = i32::try_from(places).unwrap() - exponent;
            if let (Ok(scale), true) = (usize::try_from(moved), moved <= 19) {
                prop_assert_eq!(unscaled(&plain, scale), Some(i128::from(mantissa)), "{}", plain);
            }
        }

        #[test]
        fn hostile_numbers_never_panic(text in "\\PC{0,20}", number in "[0-9eE+.-]{0,12}") {
            for text in [text, number] {
                let _ = plain(&text).map(|plain| unscaled(&plain, 24));
            }
        }
    }
}
