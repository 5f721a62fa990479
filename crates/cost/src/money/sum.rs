//! A sum that is exact, whatever the order of its amounts.

use rust_decimal::Decimal;

use crate::money::AmountOverflow;

/// The places of a decimal behind the point.
const PLACES: u32 = 28;
/// What one is in the unit of the last of them.
const ONE: i128 = 10_i128.pow(PLACES);

/// A sum under way. A decimal has 28 digits and no more: added up in one, a large and a small amount lose digits, and which
/// depends on their order. Here whole and fraction are added apart: 57 digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    whole: i128,
    /// In units of the 28th place; smaller than one, and of the whole's sign.
    fraction: i128,
}

impl Sum {
    /// Adds an amount, exactly.
    pub(crate) fn add(&mut self, amount: Decimal) -> Result<(), AmountOverflow> {
        let (whole, fraction) = (amount.trunc(), amount.fract());
        let whole = self.whole.checked_add(whole.mantissa()).ok_or(AmountOverflow)?;
        // A fraction has as many digits as places: below one, also in units of the 28th.
        let unit = 10_i128.pow(PLACES.saturating_sub(fraction.scale()));
        let sum = Self::of(whole, self.fraction + fraction.mantissa() * unit);
        sum.amount()?;
        *self = sum;
        Ok(())
    }

    /// Adds another sum, exactly.
    pub(crate) fn join(&mut self, more: Self) -> Result<(), AmountOverflow> {
        let whole = self.whole.checked_add(more.whole).ok_or(AmountOverflow)?;
        let sum = Self::of(whole, self.fraction + more.fraction);
        sum.amount()?;
        *self = sum;
        Ok(())
    }

    /// The sum, rounded to what a decimal holds.
    pub(crate) fn amount(&self) -> Result<Decimal, AmountOverflow> {
        let whole = Decimal::try_from_i128_with_scale(self.whole, 0).map_err(|_| AmountOverflow)?;
        let fraction =
            Decimal::try_from_i128_with_scale(self.fraction, PLACES).map_err(|_| AmountOverflow)?;
        whole.checked_add(fraction).map(|sum| sum.normalize()).ok_or(AmountOverflow)
    }

    /// The same where the sum is known to fit, as it is after [`Self::add`].
    pub(super) fn rounded(&self) -> Decimal {
        self.amount().unwrap_or(Decimal::MAX)
    }

    fn of(whole: i128, fraction: i128) -> Self {
        let (whole, fraction) = (whole + fraction / ONE, fraction % ONE);
        match (whole.signum(), fraction.signum()) {
            (1, -1) => Self { whole: whole - 1, fraction: fraction + ONE },
            (-1, 1) => Self { whole: whole + 1, fraction: fraction - ONE },
            _ => Self { whole, fraction },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sum(amounts: &[Decimal]) -> Result<Sum, AmountOverflow> {
        let mut sum = Sum::default();
        amounts.iter().try_for_each(|amount| sum.add(*amount))?;
        Ok(sum)
    }

    #[test]
    fn large_and_small_amounts_keep_their_digits() {
        let amounts = ["123456789012345.67", "0.000002327970961", "-123456789012345.67"];
        let amounts: Vec<Decimal> = amounts.iter().map(|amount| amount.parse().unwrap()).collect();
        assert_eq!(sum(&amounts).unwrap().amount().unwrap().to_string(), "0.000002327970961");
        // 30 digits: rounded once.
        let both = sum(&amounts[..2]).unwrap().amount().unwrap().to_string();
        assert!(both.starts_with("123456789012345.670002327970"), "{both}");
        assert_eq!(sum(&[Decimal::MAX, Decimal::ONE]), Err(AmountOverflow));
    }

    proptest! {
        #[test]
        fn no_order_makes_a_difference(
            amounts in proptest::collection::vec((-(1_i128 << 90)..(1_i128 << 90), 0_u32..=28), 0..8),
        ) {
            let mut amounts: Vec<_> =
                amounts.into_iter().map(|(units, scale)| Decimal::from_i128_with_scale(units, scale)).collect();
            let one = sum(&amounts).unwrap();
            amounts.sort();
            prop_assert_eq!(sum(&amounts).unwrap(), one);
            amounts.extend(amounts.clone().iter().map(|amount| -amount));
            prop_assert_eq!(sum(&amounts).unwrap(), Sum::default());
        }
    }
}
