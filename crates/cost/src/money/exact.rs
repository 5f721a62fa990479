//! Fractions of amounts, exact until they are written: a decimal of 28 digits holds no third, and what is made of one would be
//! rounded twice.

use std::cmp::Ordering;

use num_bigint::{BigInt, Sign};
use rust_decimal::Decimal;

use crate::money::AmountOverflow;

/// The decimals of a quotient.
const PLACES: u32 = 10;

/// A fraction; below the line stands a positive number.
#[derive(Clone, Debug)]
pub(crate) struct Exact {
    above: BigInt,
    below: BigInt,
}

impl Exact {
    pub(crate) fn plus(self, other: Self) -> Self {
        let above = self.above * &other.below + other.above * &self.below;
        Self { above, below: self.below * other.below }
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        self.plus(Self { above: -other.above, below: other.below })
    }

    pub(crate) fn times(self, other: Self) -> Self {
        Self { above: self.above * other.above, below: self.below * other.below }
    }

    /// `None` where it would be divided by nothing.
    pub(crate) fn by(self, divisor: Self) -> Option<Self> {
        let (above, below) = match divisor.above.sign() {
            Sign::NoSign => return None,
            Sign::Plus => (divisor.below, divisor.above),
            Sign::Minus => (-divisor.below, -divisor.above),
        };
        Some(Self { above: self.above * above, below: self.below * below })
    }

    /// Which of two is more.
    pub(crate) fn compared(&self, other: &Self) -> Ordering {
        (&self.above * &other.below).cmp(&(&other.above * &self.below))
    }

    /// The whole number that is not above it. `None` beyond 64 bits.
    pub(crate) fn floor(&self) -> Option<i64> {
        let (whole, left) = (&self.above / &self.below, &self.above % &self.below);
        let whole = if left.sign() == Sign::Minus { whole - 1 } else { whole };
        whole.try_into().ok()
    }

    /// To 10 decimals, half to even.
    pub(crate) fn rounded(self) -> Result<Decimal, AmountOverflow> {
        let (sign, above) = (self.above * BigInt::from(10_u8).pow(PLACES)).into_parts();
        let below = self.below.into_parts().1;
        let (mut whole, left) = (&above / &below, &above % &below);
        let twice = left * 2_u8;
        if twice > below || (twice == below && whole.bit(0)) {
            whole += 1_u8;
        }
        let mantissa = i128::try_from(BigInt::from_biguint(sign, whole)).map_err(|_| AmountOverflow)?;
        let rounded = Decimal::try_from_i128_with_scale(mantissa, PLACES).map_err(|_| AmountOverflow)?;
        Ok(rounded.normalize())
    }
}

impl From<Decimal> for Exact {
    fn from(amount: Decimal) -> Self {
        Self { above: amount.mantissa().into(), below: BigInt::from(10_u8).pow(amount.scale()) }
    }
}

impl From<i32> for Exact {
    fn from(number: i32) -> Self {
        Self { above: number.into(), below: 1.into() }
    }
}

/// Cost by quantity, to 10 decimals, half to even. `None` where nothing was used.
pub fn unit_price(cost: Decimal, quantity: Decimal) -> Option<Decimal> {
    Exact::from(cost).by(quantity.into())?.rounded().ok()
}

/// The part that an amount is of a total, to 10 decimals, half to even. `None` where the total is not positive: of nothing, or of
/// more credits than costs, there are no parts. Beside credits a part can be below 0 or above 1.
pub fn share(amount: Decimal, total: Decimal) -> Option<Decimal> {
    if total <= Decimal::ZERO {
        return None;
    }
    Exact::from(amount).by(total.into())?.rounded().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn quotients_have_ten_decimals_half_to_even() {
        for (cost, quantity, expected) in [
            ("1", "3", "0.3333333333"),
            ("2", "3", "0.6666666667"),
            ("-2", "3", "-0.6666666667"),
            ("2", "-3", "-0.6666666667"),
            ("0.00000000005", "1", "0"),
            ("0.00000000015", "1", "0.0000000002"),
            ("-0.00000000015", "1", "-0.0000000002"),
            // A tie but for the 31st digit, which a decimal does not hold.
            ("0.0000000000500000000000000001", "1.0000000000000000000000000000", "0.0000000001"),
            ("0.0000000000499999999999999999", "1", "0"),
            ("0", "5", "0"),
        ] {
            assert_eq!(
                unit_price(decimal(cost), decimal(quantity)),
                Some(decimal(expected)),
                "{cost} {quantity}"
            );
        }
        assert_eq!(unit_price(Decimal::ONE, Decimal::ZERO), None);
        assert_eq!(unit_price(Decimal::MAX, Decimal::ONE), None);
    }

    #[test]
    fn a_fraction_has_a_floor_and_a_place_among_others() {
        let of = |above: i32, below: i32| Exact::from(above).by(below.into()).unwrap();
        for (above, below, floor) in [(7, 2, 3), (-7, 2, -4), (6, 2, 3), (-6, 2, -3), (0, 5, 0), (7, -2, -4)]
        {
            assert_eq!(of(above, below).floor(), Some(floor), "{above}/{below}");
        }
        assert_eq!(Exact::from(Decimal::MAX).floor(), None);
        assert_eq!(of(1, 3).compared(&of(2, 6)), Ordering::Equal);
        assert_eq!(of(-1, 3).compared(&of(1, -4)), Ordering::Less);
    }

    #[test]
    fn of_no_total_there_are_no_parts() {
        assert_eq!(share(decimal("5"), decimal("4")), Some(decimal("1.25")));
        assert_eq!(share(decimal("-1"), decimal("4")), Some(decimal("-0.25")));
        assert_eq!(share(decimal("1"), decimal("0")), None);
        assert_eq!(share(decimal("1"), decimal("-4")), None);
    }

    #[test]
    fn what_is_made_of_a_third_is_rounded_once() {
        let third = || Exact::from(1).by(3.into()).unwrap();
        let sum = third().plus(third()).plus(third()).minus(decimal("0.99999999985").into());
        // A tie: half to even.
        assert_eq!(sum.rounded(), Ok(decimal("0.0000000002")));
        assert_eq!(third().times(3.into()).rounded(), Ok(Decimal::ONE));
    }
}
