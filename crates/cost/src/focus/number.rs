//! Numbers as Azure writes them, and what is calculated of them: exact. Knows nothing of costs.

use std::borrow::Cow;
use std::fmt::{self, Display};

use num_bigint::{BigInt, Sign};

/// The decimals of what is calculated: those that a Parquet file of ours has.
const PLACES: u32 = 24;
/// The largest power of ten that a number is shifted by. Azure writes doubles; the smallest of them has 324 decimals.
const MOST_SHIFT: u32 = 400;

/// An exact decimal number: `digits × 10^-scale`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Number {
    digits: Digits,
    scale: u32,
}

/// Nearly all numbers fit into 38 digits, and cost no memory of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Digits {
    Few(i128),
    Many(BigInt),
}

impl Number {
    /// Reads `12.5`, `-0.1`, `.5` and `8.88E-16`. `None` for all else.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits = whole.bytes().chain(fraction.bytes()).peekable();
        digits.peek()?;
        let mut few = Some(0_i128);
        for digit in digits {
            if !digit.is_ascii_digit() {
                return None;
            }
            few = few.and_then(|few| few.checked_mul(10)?.checked_add(i128::from(digit - b'0')));
        }
        let digits = match few {
            Some(few) => Digits::Few(if negative { -few } else { few }),
            None => {
                Digits::Many(format!("{}{whole}{fraction}", if negative { "-" } else { "" }).parse().ok()?)
            }
        };
        let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
        let shift = scale.unsigned_abs();
        if shift > MOST_SHIFT {
            return None;
        }
        Some(if scale < 0 {
            Self { digits: digits.times(&ten_to(shift)), scale: 0 }
        } else {
            Self { digits, scale: shift }
        })
    }

    pub(super) fn is_zero(&self) -> bool {
        match &self.digits {
            Digits::Few(few) => *few == 0,
            Digits::Many(many) => many.sign() == Sign::NoSign,
        }
    }

    pub(super) fn times(&self, other: &Self) -> Self {
        Self { digits: self.digits.times(&other.digits), scale: self.scale + other.scale }
    }

    /// In full, however many digits that takes.
    pub(super) fn text(&self) -> String {
        written(&self.digits.to_string(), self.scale as usize)
    }

    /// By the size of a block, as text: exact to [`PLACES`] decimals, and to them alone rounded, half to even. Without exponent and
    /// without zeros at the end.
    pub(super) fn by(&self, block: u64) -> String {
        let (mut left, mut scale) = (block.max(1), self.scale);
        while left.is_multiple_of(10) {
            left /= 10;
            scale += 1;
        }
        if left == 1 && scale <= PLACES {
            return written(&self.digits.to_string(), scale as usize);
        }
        let raised = self.digits.many() * ten(PLACES.saturating_sub(scale));
        let divisor = BigInt::from(left) * ten(scale.saturating_sub(PLACES));
        written(&half_to_even(&raised, &divisor).to_string(), PLACES as usize)
    }
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Self { digits: Digits::Few(number.into()), scale: 0 }
    }
}

impl Digits {
    fn times(&self, other: &Self) -> Self {
        if let (Self::Few(one), Self::Few(other)) = (self, other)
            && let Some(few) = one.checked_mul(*other)
        {
            return Self::Few(few);
        }
        Self::Many(self.many() * other.many())
    }

    fn many(&self) -> BigInt {
        match self {
            Self::Few(few) => (*few).into(),
            Self::Many(many) => many.clone(),
        }
    }
}

impl Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Few(few) => few.fmt(f),
            Self::Many(many) => many.fmt(f),
        }
    }
}

/// The text itself where it is a plain number already, digit by digit as Azure wrote it; else written in full. `None` where it is
/// no number.
pub(super) fn plain(text: &str) -> Option<Cow<'_, str>> {
    if is_plain(text) {
        Some(Cow::Borrowed(text))
    } else {
        Number::read(text).map(|number| number.text().into())
    }
}

fn is_plain(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match text.strip_prefix('-').unwrap_or(text).split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => digits(text.strip_prefix('-').unwrap_or(text)),
    }
}

fn half_to_even(number: &BigInt, divisor: &BigInt) -> BigInt {
    let (sign, above, below) = (number.sign(), number.magnitude(), divisor.magnitude());
    let (mut whole, rest) = (above / below, above % below);
    let twice = rest * 2_u8;
    if twice > *below || (twice == *below && whole.bit(0)) {
        whole += 1_u8;
    }
    BigInt::from_biguint(sign, whole)
}

/// Digits with the point before the last so many of them.
fn written(digits: &str, scale: usize) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    match fraction.trim_end_matches('0') {
        "" => format!("{sign}{whole}"),
        fraction => format!("{sign}{whole}.{fraction}"),
    }
}

fn ten(power: u32) -> BigInt {
    BigInt::from(10_u8).pow(power)
}

fn ten_to(power: u32) -> Digits {
    10_i128.checked_pow(power).map_or_else(|| Digits::Many(ten(power)), Digits::Few)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Number {
        Number::read(text).unwrap()
    }

    #[test]
    fn numbers_are_read_as_azure_writes_them() {
        for (text, expected) in [
            ("0", "0"),
            ("-0", "0"),
            ("12.50", "12.5"),
            (".5", "0.5"),
            ("007", "7"),
            ("8.8817841970012523E-16", "0.00000000000000088817841970012523"),
            ("-1.5e+2", "-150"),
            ("1E3", "1000"),
            ("123456789012345678901234567890123456789012.5", "123456789012345678901234567890123456789012.5"),
        ] {
            assert_eq!(number(text).text(), expected, "{text}");
        }
        for text in
            ["", "-", ".", "+1", "1,5", "1e", "1e9999999999", "1E-401", "1E401", "NaN", "0x1", "1_0", " 1"]
        {
            assert_eq!(Number::read(text), None, "{text}");
            assert_eq!(plain(text), None, "{text}");
        }
    }

    #[test]
    fn a_plain_number_stays_as_it_is() {
        for text in ["0", "-0.10", "12.5000", "00.1"] {
            assert!(matches!(plain(text), Some(Cow::Borrowed(same)) if same == text), "{text}");
        }
        assert_eq!(plain("1E-7").unwrap(), "0.0000001");
        assert_eq!(plain("5.").unwrap(), "5");
    }

    #[test]
    fn a_quotient_is_exact_to_24_decimals() {
        for (of, block, expected) in [
            ("250", 100, "2.5"),
            ("1", 1024, "0.0009765625"),
            ("7", 150, "0.046666666666666666666667"),
            ("-7", 150, "-0.046666666666666666666667"),
            ("62", 31, "2"),
            ("1.5", 1_000_000_000, "0.0000000015"),
            ("5", 0, "5"),
            ("0.0000000000000000000000005", 1, "0"),
            ("0.0000000000000000000000015", 1, "0.000000000000000000000002"),
            ("-0.0000000000000000000000025", 1, "-0.000000000000000000000002"),
            ("0.00000000000000000000001", 1000, "0"),
        ] {
            assert_eq!(number(of).by(block), expected, "{of} / {block}");
        }
    }

    #[test]
    fn a_product_of_many_digits_is_exact() {
        let product =
            number("98765432109876543.21").times(&number("0.92592593")).times(&number("12345678901.234567"));
        assert_eq!(product.text(), "1129005848828938550338136876.2968043079750151");
    }

    proptest! {
        #[test]
        fn a_product_by_its_factor_is_what_it_was(mantissa in any::<i64>(), scale in 0_u32..20, block in 1_u64..100_000) {
            let of = Number { digits: Digits::Few(mantissa.into()), scale };
            let product = of.times(&Number::from(block));
            prop_assert_eq!(product.by(block), of.text());
        }

        #[test]
        fn hostile_text_never_panics(text in "[-+0-9eE.]{0,30}|\\PC{0,30}") {
            if let Some(plain) = plain(&text) {
                prop_assert!(is_plain(&plain));
            }
        }
    }
}
