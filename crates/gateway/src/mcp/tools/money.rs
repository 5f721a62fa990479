//! Money in answers: exact for programs, two decimals for people.

use cost::Money;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Serialize;

/// An amount of one currency.
#[derive(JsonSchema, Serialize)]
pub(super) struct Amount {
    /// The amount as an exact decimal, unrounded up to 28 digits.
    amount: String,
    /// The currency's ISO 4217 code.
    currency: String,
}

impl From<Money> for Amount {
    fn from(money: Money) -> Self {
        Self { amount: exact(money.amount), currency: money.currency.as_str().to_owned() }
    }
}

/// A decimal as it stands in data: exact, without zeros at its end.
pub(super) fn exact(figure: Decimal) -> String {
    figure.normalize().to_string()
}

/// An amount for people: two decimals; one that they make nothing of is not nothing.
pub(super) fn readable(money: Money) -> String {
    let (amount, currency) = (money.amount.round_dp(2), money.currency.as_str());
    if !amount.is_zero() || money.amount.is_zero() {
        return format!("{amount:.2} {currency}");
    }
    if money.amount.is_sign_positive() {
        format!("< 0.01 {currency}")
    } else {
        format!("above -0.01 {currency}")
    }
}

/// A share for people, in percent with one decimal; one that it makes nothing of is not nothing.
pub(super) fn percent(share: Option<Decimal>) -> String {
    // Beside credits a share can be any number; one that overflows says nothing.
    let Some(percent) = share.and_then(|share| share.checked_mul(Decimal::ONE_HUNDRED)) else {
        return String::new();
    };
    let rounded = percent.round_dp(1);
    if !rounded.is_zero() || percent.is_zero() {
        return format!("{rounded:.1} %");
    }
    if percent.is_sign_positive() { "< 0.1 %".to_owned() } else { "above -0.1 %".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_share_is_not_nothing() {
        for (share, expected) in [
            ("0.262", "26.2 %"),
            ("0.000474", "< 0.1 %"),
            ("-0.0001", "above -0.1 %"),
            ("0", "0.0 %"),
            ("0.0005", "< 0.1 %"),
            ("0.0006", "0.1 %"),
            ("1", "100.0 %"),
        ] {
            assert_eq!(percent(Some(share.parse().unwrap())), expected, "{share}");
        }
        assert_eq!((percent(None), percent(Some(Decimal::MAX))), (String::new(), String::new()));
    }

    #[test]
    fn a_small_amount_is_not_nothing() {
        for (amount, expected) in [
            ("0.00009126", "< 0.01 DKK"),
            ("-0.004", "above -0.01 DKK"),
            ("0", "0.00 DKK"),
            ("0.000", "0.00 DKK"),
            ("0.006", "0.01 DKK"),
            ("1234.5", "1234.50 DKK"),
        ] {
            let money = Money::new(amount.parse().unwrap(), "DKK".parse().unwrap());
            assert_eq!(readable(money), expected, "{amount}");
        }
    }
}
