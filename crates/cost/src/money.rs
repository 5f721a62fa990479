//! Amounts of money: exact, and never added across currencies. Knows nothing of Azure.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;

pub(crate) use exact::Exact;
pub use exact::{share, unit_price};
pub(crate) use sum::Sum;

mod exact;
mod sum;

/// An amount in one currency. There is no `+`: adding is what [`Totals`] does, currency by currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Money {
    /// The amount in whole units of the currency, not rounded.
    pub amount: Decimal,
    /// The currency the amount is in.
    pub currency: Currency,
}

impl Money {
    /// An amount in a currency.
    pub const fn new(amount: Decimal, currency: Currency) -> Self {
        Self { amount, currency }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}

/// Sums per currency. Amounts of different currencies have no sum, so this type has no way to ask for one.
///
/// Sums are exact while they are added up, so that they do not depend on an order, and rounded once where they are read, to the
/// 28 digits that a decimal holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals(BTreeMap<Currency, Sum>);

impl Totals {
    /// Adds an amount to the sum of its currency.
    pub fn add(&mut self, money: Money) -> Result<(), AmountOverflow> {
        self.0.entry(money.currency).or_default().add(money.amount)
    }

    /// Adds up many amounts.
    pub fn of(amounts: impl IntoIterator<Item = Money>) -> Result<Self, AmountOverflow> {
        let mut totals = Self::default();
        amounts.into_iter().try_for_each(|money| totals.add(money))?;
        Ok(totals)
    }

    /// The sum in one currency, if there was any amount in it.
    pub fn get(&self, currency: Currency) -> Option<Money> {
        self.0.get(&currency).map(|sum| Money::new(sum.rounded(), currency))
    }

    /// The sums, ordered by currency code.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Money> + '_ {
        self.0.iter().map(|(currency, sum)| Money::new(sum.rounded(), *currency))
    }

    /// How many currencies there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A sum larger than a decimal holds (about 7.9 × 10²⁸).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sum of the amounts is larger than a decimal number can hold")]
pub struct AmountOverflow;

/// An ISO 4217 code in capitals, such as `EUR`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The code.
    pub fn as_str(&self) -> &str {
        // The bytes are ASCII letters by construction; ISO's code for "no currency" is never reached.
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }
}

impl FromStr for Currency {
    type Err = NotACurrency;

    fn from_str(text: &str) -> Result<Self, NotACurrency> {
        let code: [u8; 3] = text.as_bytes().try_into().map_err(|_| NotACurrency)?;
        if !code.iter().all(u8::is_ascii_alphabetic) {
            return Err(NotACurrency);
        }
        Ok(Self(code.map(|letter| letter.to_ascii_uppercase())))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is not a three-letter currency code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a currency is a code of three letters")]
pub struct NotACurrency;

/// Reads the text of a JSON number exactly, without a detour through binary floating point.
///
/// Azure writes costs as shortest-form doubles, very small ones as `8.88E-16`. What a [`Decimal`] cannot hold
/// is rounded beyond its 28th decimal place; what is too large for it is an error.
pub(crate) fn parse_amount(text: &str) -> Result<Decimal, BadAmount> {
    let (sign, unsigned) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| BadAmount)?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((_, "")) => return Err(BadAmount),
        Some(parts) => parts,
        None => (mantissa, ""),
    };
    if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return Err(BadAmount);
    }
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() {
        return Ok(Decimal::ZERO);
    }
    // Where the decimal point stands, counted from the first significant digit.
    let leading = i64::try_from(digits.len() - significant.len()).map_err(|_| BadAmount)?;
    let point = i64::try_from(whole.len()).map_err(|_| BadAmount)? - leading + i64::from(exponent);
    plain(sign, significant.trim_end_matches('0'), point)
}

/// A text that is not a number, or a number beyond what a decimal holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an amount")]
pub(crate) struct BadAmount;

/// Writes `0.digits × 10^point` without exponent, which is the only form that [`Decimal`] reads with rounding.
/// The exponent is bounded first: `1e999999999` must not become a gigabyte of zeros.
fn plain(sign: &str, digits: &str, point: i64) -> Result<Decimal, BadAmount> {
    /// 7.9 × 10²⁸ has 29 digits.
    const MOST_WHOLE_DIGITS: i64 = 29;
    /// `0.digits × 10^-29` is less than half of the smallest step, 10⁻²⁸.
    const ROUNDS_TO_ZERO: i64 = -29;

    if point > MOST_WHOLE_DIGITS {
        return Err(BadAmount);
    }
    if point <= ROUNDS_TO_ZERO {
        return Ok(Decimal::ZERO);
    }
    let text = match usize::try_from(point) {
        Ok(whole) if whole >= digits.len() => format!("{sign}{digits}{}", "0".repeat(whole - digits.len())),
        Ok(0) => format!("{sign}0.{digits}"),
        Ok(whole) => format!("{sign}{}.{}", &digits[..whole], &digits[whole..]),
        Err(_) => {
            let zeros = usize::try_from(-point).map_err(|_| BadAmount)?;
            format!("{sign}0.{}{digits}", "0".repeat(zeros))
        }
    };
    Decimal::from_str(&text).map_err(|_| BadAmount)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn money(amount: &str, currency: &str) -> Money {
        Money::new(amount.parse().unwrap(), currency.parse().unwrap())
    }

    #[test]
    fn amounts_are_read_to_the_last_digit() {
        for (text, expected) in [
            ("0", "0"),
            ("-0.0", "0"),
            ("12.34567891", "12.34567891"),
            ("218.68795741935486", "218.68795741935486"),
            ("8.8817841970012523E-16", "0.00000000000000088817841970012523"),
            ("1e3", "1000"),
            ("-1.5E+2", "-150"),
            ("0.00012e4", "1.2"),
            ("79228162514264337593543950335", "79228162514264337593543950335"),
        ] {
            let expected = Decimal::from_str(expected).unwrap();
            assert_eq!(parse_amount(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn digits_past_the_28th_place_round() {
        let smallest = Decimal::from_i128_with_scale(1, 28);
        assert_eq!(parse_amount("1e-28"), Ok(smallest));
        assert_eq!(parse_amount("9e-29"), Ok(smallest));
        assert_eq!(parse_amount("1e-30"), Ok(Decimal::ZERO));
        assert_eq!(parse_amount("1e-2147483648"), Ok(Decimal::ZERO));
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in
            ["", "-", ".", "1.", ".5", "+1", "NaN", "1e", "1e9999999999", "1e400", "\"1\"", "1_000", "0x1"]
        {
            assert_eq!(parse_amount(text), Err(BadAmount), "{text}");
        }
    }

    #[test]
    fn currencies_stay_apart() {
        let totals = Totals::of([money("1.5", "EUR"), money("2", "USD"), money("0.25", "eur")]).unwrap();
        assert_eq!(totals.iter().collect::<Vec<_>>(), [money("1.75", "EUR"), money("2", "USD")]);
        assert_eq!(totals.get("GBP".parse().unwrap()), None);
        assert_eq!(Totals::of([Money::new(Decimal::MAX, "EUR".parse().unwrap()); 2]), Err(AmountOverflow));
    }

    #[test]
    fn a_currency_is_three_letters() {
        for text in ["", "EU", "EURO", "E1R", "€"] {
            assert_eq!(text.parse::<Currency>(), Err(NotACurrency), "{text}");
        }
        assert_eq!("usd".parse::<Currency>().unwrap().as_str(), "USD");
    }

    proptest! {
        #[test]
        fn every_decimal_survives_in_both_notations(units in -(1_i128 << 95)..(1_i128 << 95), scale in 0_u32..=28) {
            let amount = Decimal::from_i128_with_scale(units, scale);
            prop_assert_eq!(parse_amount(&amount.to_string()), Ok(amount));
            prop_assert_eq!(parse_amount(&format!("{units}e-{scale}")), Ok(amount));
        }

        #[test]
        fn every_double_is_read_as_it_is_written(value in -1e20_f64..1e20) {
            let plain = parse_amount(&value.to_string()).unwrap();
            prop_assert_eq!(parse_amount(&format!("{value:e}")), Ok(plain));
        }

        #[test]
        fn hostile_text_never_panics(text in "[-+0-9eE.]{0,40}|\\PC{0,40}") {
            let _ = parse_amount(&text);
        }
    }
}
