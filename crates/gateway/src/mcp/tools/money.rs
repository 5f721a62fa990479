//! Money in answers: exact for programs, two decimals for people.

use cost::Money;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Serialize;

/// An amount of one currency.
#[derive(JsonSchema, Serialize)]
pub(super) struct Amount {
    /// The amount as an exact decimal, unrounded.
    amount: String,
    /// The currency's ISO 4217 code.
    currency: String,
}

impl From<Money> for Amount {
    fn from(money: Money) -> Self {
        Self { amount: money.amount.normalize().to_string(), currency: money.currency.as_str().to_owned() }
    }
}

/// An amount for people: two decimals.
pub(super) fn readable(money: Money) -> String {
    format!("{:.2} {}", money.amount.round_dp(2), money.currency.as_str())
}

/// A share for people, in percent with one decimal.
pub(super) fn percent(share: Option<Decimal>) -> String {
    // Beside credits a share can be any number; one that overflows says nothing.
    let percent = share.and_then(|share| share.checked_mul(Decimal::ONE_HUNDRED));
    percent.map_or_else(String::new, |percent| format!("{:.1} %", percent.round_dp(1)))
}
